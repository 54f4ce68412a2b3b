//! A daemon that listens on real sockets, and clients that write and read bytes.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use linux_api_daemon::server::{Limits, Listener, ListeningSocket, serve};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::api::app::App;
use crate::api::reply::Reply;

/// How long a test waits for what should come soon; far longer than a busy machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Limits that no test reaches unless it sets its own.
pub(crate) const LIMITS: Limits = Limits {
    header_timeout: Duration::from_mins(1),
    write_timeout: Duration::from_mins(1),
    shutdown_timeout: Duration::from_mins(1),
    connections: 100,
    connections_per_address: 100,
};

/// A daemon's sockets; it stops when dropped.
pub(crate) struct Daemon {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: JoinHandle<()>,
}

impl Daemon {
    /// Serves on a free port of every loopback address.
    pub(crate) async fn start(app: &App, limits: Limits) -> Self {
        Self::listen(app, limits, None).await
    }

    /// Serves on a Unix socket as well.
    pub(crate) async fn start_with_unix(app: &App, limits: Limits, path: &Path) -> Self {
        Self::listen(app, limits, Some(path)).await
    }

    async fn listen(app: &App, limits: Limits, unix: Option<&Path>) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut sockets = vec![ListeningSocket::Tcp(listener)];
        if let Some(path) = unix {
            sockets.push(ListeningSocket::Unix(UnixListener::bind(path).unwrap()));
        }
        let listeners = sockets.into_iter().map(|socket| Listener {
            socket,
            outlives_us: false,
        });
        let listeners = listeners.collect();
        let stop = CancellationToken::new();
        let (router, policy) = (app.router.clone(), app.policy.clone());
        let ended = tokio::spawn(serve(listeners, router, policy, limits, stop.clone()));
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            stop,
            ended,
        }
    }

    pub(crate) async fn connect(&self) -> Wire<TcpStream> {
        Wire::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Connects from another address of this machine.
    pub(crate) async fn connect_from(&self, last_octet: u8) -> Wire<TcpStream> {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(SocketAddr::from(([127, 0, 0, last_octet], 0)))
            .unwrap();
        Wire::new(socket.connect(self.address).await.unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The client's end of a connection.
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends a GET and reads the response.
    pub(crate) async fn get(&mut self, path: &str, key: &str) -> Reply {
        self.write(format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n"
        ))
        .await;
        self.read().await
    }

    /// Sends a head and reads the response.
    pub(crate) async fn ask(&mut self, head: &str) -> Reply {
        self.write(head).await;
        self.read().await
    }

    /// Reads the next response with a body of the announced length.
    pub(crate) async fn read(&mut self) -> Reply {
        let (status, headers) = self.read_head().await;
        let length = headers.get("content-length");
        let length: usize = length.map_or(0, |value| value.to_str().unwrap().parse().unwrap());
        while self.unread.len() < length {
            assert!(self.read_some().await, "the body is cut off");
        }
        let body = self.unread.drain(..length).collect();
        Reply {
            status,
            headers,
            body,
        }
    }

    /// Reads the next response's head, without any body.
    pub(crate) async fn read_head(&mut self) -> (u16, HeaderMap) {
        let end = loop {
            let found = self.unread.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = found {
                break end;
            }
            let more = self.read_some().await;
            let so_far = String::from_utf8_lossy(&self.unread);
            assert!(more, "closed before the answer's end: {so_far:?}");
        };
        let head: Vec<u8> = self.unread.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        (status.parse().unwrap(), headers.collect())
    }

    /// Reads whatever comes next; `false` at the end of the connection.
    async fn read_some(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.unread);
        let outcome = timeout(PATIENCE, read).await;
        // A reset is an end too.
        outcome
            .expect("the daemon answers or closes")
            .is_ok_and(|bytes| bytes > 0)
    }

    /// Waits until the daemon closes; what it sent before that.
    pub(crate) async fn read_to_end(&mut self) -> String {
        while self.read_some().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }

    /// Fails unless the daemon closes and sends nothing more.
    pub(crate) async fn expect_close(&mut self) {
        assert_eq!(self.read_to_end().await, "");
    }
}
