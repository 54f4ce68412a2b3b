//! Many connections through one stream of bytes, and the two ends of it: the client's, which opens them, and
//! the proxy's, which connects each of them to a daemon.
//!
//! The proxy writes one line, its [`Hello`]; from there on both speak
//! [yamux](https://github.com/hashicorp/yamux/blob/master/spec.md). The first byte of each of its streams says
//! what it is for. One is for heartbeats: bytes that come back. Either end gives up when none came for a while,
//! because a line that is lost says nothing.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use yamux::{Config, Mode};

use super::channel::Channel;

/// What the proxy's line begins with, the version of the protocol included.
const GREETING: &str = "linux-api-proxy/1 ";
/// Shells may print something before; no more than this is looked through.
const BEFORE_HELLO_MAX: usize = 64 << 10;
/// A heartbeat is sent after this time.
const BEAT: Duration = Duration::from_secs(15);
/// How long it may take to come back.
const ECHO: Duration = Duration::from_secs(30);
/// Without one for this long, the other end is gone.
const SILENCE: Duration = Duration::from_secs(45);
/// The most connections at once.
const CONNECTIONS_MAX: usize = 64;
/// What may be under way for all of them together.
const WINDOW: usize = CONNECTIONS_MAX * yamux::DEFAULT_CREDIT as usize;
/// Kind of stream: a connection to the daemon.
const DATA: u8 = b'd';
/// Kind of stream: heartbeats.
const HEARTBEAT: u8 = b'h';

/// What the proxy says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of its program.
    #[serde(default)]
    pub version: String,
    /// Whether it has started a daemon of its own, which ends with the connection.
    #[serde(default)]
    pub ephemeral: bool,
    /// Why it has.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A first line that is none of a proxy, or none at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// The stream ended before; with what was printed.
    #[error("the connection ended before linux-api responded")]
    Ended(String),
    /// Too much was printed.
    #[error("more than 64 KiB were printed, and no hello of linux-api")]
    TooMuch,
    /// The proxy speaks another version of the protocol.
    #[error(
        "the linux-api there speaks another protocol ({0}); use the same version on both hosts"
    )]
    OtherProtocol(String),
}

impl Hello {
    /// The line, with its end.
    #[must_use]
    pub fn line(&self) -> String {
        // Plain texts always can be JSON.
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{GREETING}{json}\n")
    }

    /// Reads lines until the hello; `other` may recognise another line and ends the search with it.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn read<T>(
        stream: &mut (impl AsyncBufRead + Unpin),
        other: impl Fn(&str) -> Option<T>,
    ) -> Result<Result<Self, T>, HelloError> {
        let mut seen = 0;
        let mut last = String::new();
        loop {
            let mut line = Vec::new();
            let room = u64::try_from(BEFORE_HELLO_MAX - seen).unwrap_or(0);
            let read = (&mut *stream).take(room).read_until(b'\n', &mut line).await;
            seen += line.len();
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            // What a shell prints last may lack the end of its line.
            if let Some((_, json)) = text.split_once(GREETING) {
                return serde_json::from_str(json)
                    .map(Ok)
                    .map_err(|_| HelloError::OtherProtocol("unreadable".to_owned()));
            }
            if let Some((_, version)) = text.split_once("linux-api-proxy/") {
                let version = version.chars().take_while(char::is_ascii_digit);
                return Err(HelloError::OtherProtocol(version.collect()));
            }
            if let Some(found) = other(text) {
                return Ok(Err(found));
            }
            if !text.is_empty() {
                text.clone_into(&mut last);
            }
            match read {
                Ok(0) | Err(_) if seen < BEFORE_HELLO_MAX => return Err(HelloError::Ended(last)),
                _ if seen >= BEFORE_HELLO_MAX => return Err(HelloError::TooMuch),
                _ => {}
            }
        }
    }
}

fn config() -> Config {
    let mut config = Config::default();
    // The number first: the other setter compares the two.
    config.set_max_num_streams(CONNECTIONS_MAX);
    config.set_max_connection_receive_window(Some(WINDOW));
    config
}

type Mux<S> = yamux::Connection<Compat<S>>;
/// A request for a connection, and where it is wanted.
type Order = oneshot::Sender<yamux::Stream>;

/// The client's end: opens connections. The other task ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub(super) struct Opener {
    orders: mpsc::Sender<Order>,
}

impl Opener {
    /// Whether no more connections can be opened.
    pub(super) fn is_closed(&self) -> bool {
        self.orders.is_closed()
    }

    /// One more connection to the daemon.
    pub(super) async fn open(&self) -> io::Result<Channel> {
        let mut stream = order(&self.orders).await?.compat();
        stream.write_all(&[DATA]).await?;
        Ok(Box::new(stream))
    }
}

async fn order(orders: &mpsc::Sender<Order>) -> io::Result<yamux::Stream> {
    let gone = || io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was lost");
    let (order, opened) = oneshot::channel();
    orders.send(order).await.map_err(|_| gone())?;
    opened.await.map_err(|_| gone())
}

/// The client's end of `stream`, which is past the hello. The future is the work behind the opener; it ends
/// with the stream, with the last opener, or when the other end went silent.
pub(super) fn client<S>(stream: S) -> (Opener, impl Future<Output = ()> + Send)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (orders, ordered) = mpsc::channel(CONNECTIONS_MAX);
    let heart = {
        // Strong only until its stream is there: heartbeats alone keep nothing alive.
        let orders = orders.clone();
        async move {
            let stream = order(&orders).await?;
            drop(orders);
            beat(stream.compat()).await
        }
    };
    let work = async move {
        tokio::select! {
            () = open_as_ordered(stream, ordered) => {}
            ended = heart => {
                tracing::debug!(?ended, "no heartbeat came back");
            }
        }
    };
    (Opener { orders }, work)
}

async fn beat(mut stream: Compat<yamux::Stream>) -> io::Result<()> {
    stream.write_all(&[HEARTBEAT]).await?;
    loop {
        tokio::time::sleep(BEAT).await;
        stream.write_all(&[0]).await?;
        stream.flush().await?;
        let mut back = [0];
        tokio::time::timeout(ECHO, stream.read_exact(&mut back)).await??;
    }
}

async fn open_as_ordered<S>(stream: S, mut orders: mpsc::Receiver<Order>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let mut mux = Mux::new(stream.compat(), config(), Mode::Client);
    let mut waiting: Option<Order> = None;
    let mut is_over = false;
    poll_fn(|context| {
        loop {
            if waiting.is_none() && !is_over {
                match orders.poll_recv(context) {
                    Poll::Ready(Some(order)) => waiting = Some(order),
                    Poll::Ready(None) => is_over = true,
                    Poll::Pending => {}
                }
            }
            let Some(order) = waiting.take() else {
                break;
            };
            match mux.poll_new_outbound(context) {
                // One that is not wanted any more is closed by its end.
                Poll::Ready(Ok(stream)) => drop(order.send(stream)),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {
                    waiting = Some(order);
                    break;
                }
            }
        }
        if is_over {
            return mux.poll_close(context).map(drop);
        }
        loop {
            match mux.poll_next_inbound(context) {
                // The proxy opens none.
                Poll::Ready(Some(Ok(stream))) => drop(stream),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
}

/// Makes the proxy's connections to a daemon; the error is a response of its own to the client.
pub type MakeConnection =
    Arc<dyn Fn() -> BoxFuture<'static, Result<Channel, String>> + Send + Sync>;

/// The proxy's end of `stream`, after its hello: ends with the stream, or when the client went silent.
pub async fn serve<S>(stream: S, connect: MakeConnection)
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let mut mux = Mux::new(stream.compat(), config(), Mode::Server);
    let heard = Arc::new(Notify::new());
    let accept = async {
        while let Some(Ok(stream)) = poll_fn(|context| mux.poll_next_inbound(context)).await {
            let (connect, heard) = (Arc::clone(&connect), Arc::clone(&heard));
            tokio::spawn(async move {
                // The end of a connection is seen by both of its ends.
                let _ = carry(stream.compat(), connect, &heard).await;
            });
        }
    };
    let silence = async {
        while tokio::time::timeout(SILENCE, heard.notified())
            .await
            .is_ok()
        {}
    };
    tokio::select! {
        () = accept => {}
        () = silence => {}
    }
}

async fn carry(
    mut stream: Compat<yamux::Stream>,
    connect: MakeConnection,
    heard: &Notify,
) -> io::Result<()> {
    match stream.read_u8().await? {
        DATA => match connect().await {
            Ok(mut daemon) => {
                tokio::io::copy_bidirectional(&mut stream, &mut daemon).await?;
            }
            Err(reason) => {
                stream.write_all(refusal(&reason).as_bytes()).await?;
                stream.shutdown().await?;
            }
        },
        HEARTBEAT => loop {
            heard.notify_one();
            let beat = stream.read_u8().await?;
            stream.write_all(&[beat]).await?;
            stream.flush().await?;
        },
        _ => {}
    }
    Ok(())
}

/// What a client gets in place of a daemon's response.
fn refusal(reason: &str) -> String {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "code": "daemon_away",
        "detail": reason,
    })
    .to_string();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;

    fn echo() -> MakeConnection {
        Arc::new(|| {
            Box::pin(async {
                let (near, mut far) = tokio::io::duplex(1 << 10);
                tokio::spawn(async move {
                    let (mut read, mut write) = tokio::io::split(&mut far);
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                    let _ = write.shutdown().await;
                });
                Ok(Box::new(near) as Channel)
            })
        })
    }

    #[tokio::test]
    async fn connections_run_side_by_side_and_end_with_the_last_opener() {
        let (near, far) = tokio::io::duplex(4 << 10);
        let proxy = tokio::spawn(serve(far, echo()));
        let (opener, work) = client(near);
        let work = tokio::spawn(work);
        let mut channels = Vec::new();
        for _ in 0..8 {
            channels.push(opener.open().await.unwrap());
        }
        let text = vec![b'x'; 100 << 10];
        let exchanges = channels.into_iter().map(|mut channel| {
            let text = text.clone();
            async move {
                let (mut read, mut write) = tokio::io::split(&mut channel);
                let mut back = vec![0; text.len()];
                let (sent, got) = tokio::join!(write.write_all(&text), read.read_exact(&mut back));
                sent.unwrap();
                got.unwrap();
                assert!(back == text);
            }
        });
        futures_util::future::join_all(exchanges).await;
        drop(opener);
        work.await.unwrap();
        proxy.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn either_end_gives_up_when_the_line_is_silent() {
        let start = tokio::time::Instant::now();
        // A client that is stopped sends nothing, and its end stays open.
        let (_near, far) = tokio::io::duplex(4 << 10);
        serve(far, echo()).await;
        assert_eq!(start.elapsed(), SILENCE);
        // So does a proxy.
        let start = tokio::time::Instant::now();
        let (near, _far) = tokio::io::duplex(4 << 10);
        let (_opener, work) = client(near);
        work.await;
        assert_eq!(start.elapsed(), SILENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn heartbeats_keep_a_silent_connection_alive() {
        let (near, far) = tokio::io::duplex(4 << 10);
        let proxy = tokio::spawn(serve(far, echo()));
        let (opener, work) = client(near);
        let work = tokio::spawn(work);
        tokio::time::sleep(SILENCE * 10).await;
        assert!(!proxy.is_finished() && !work.is_finished());
        opener.open().await.unwrap();
    }

    #[tokio::test]
    async fn a_daemon_that_is_away_is_a_response() {
        let (near, far) = tokio::io::duplex(4 << 10);
        let away: MakeConnection = Arc::new(|| Box::pin(async { Err("\"no\" socket".to_owned()) }));
        tokio::spawn(serve(far, away));
        let (opener, work) = client(near);
        tokio::spawn(work);
        let mut channel = opener.open().await.unwrap();
        let mut text = String::new();
        channel.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["detail"], "\"no\" socket");
    }

    async fn read(text: &[u8]) -> Result<Result<Hello, String>, HelloError> {
        let mut stream = BufReader::new(text);
        Hello::read(&mut stream, |line| {
            line.strip_prefix("other ").map(str::to_owned)
        })
        .await
    }

    #[tokio::test]
    async fn what_a_shell_prints_before_the_hello_is_skipped_within_bounds() {
        let hello = Hello {
            version: "1.2.3".to_owned(),
            ephemeral: true,
            reason: Some("no daemon".to_owned()),
        };
        let text = format!("Welcome!\r\n\n$ {}rest", hello.line());
        assert_eq!(read(text.as_bytes()).await, Ok(Ok(hello.clone())));
        // A later version may say more, or less.
        let text = format!("{GREETING}{{\"colour\":1}}\n");
        assert_eq!(read(text.as_bytes()).await.unwrap().unwrap().version, "");
        assert_eq!(
            read(b"linux-api-proxy/2 x\n").await,
            Err(HelloError::OtherProtocol("2".to_owned()))
        );
        assert_eq!(read(b"other x\n").await, Ok(Err("x".to_owned())));
        assert_eq!(
            read(b"This account is not available.\n").await,
            Err(HelloError::Ended(
                "This account is not available.".to_owned()
            ))
        );
        let endless = vec![b'a'; BEFORE_HELLO_MAX + 10];
        assert_eq!(read(&endless).await, Err(HelloError::TooMuch));
        let lines = b"a\n".repeat(BEFORE_HELLO_MAX);
        assert_eq!(read(&lines).await, Err(HelloError::TooMuch));
    }
}
