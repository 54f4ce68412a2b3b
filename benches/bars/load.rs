//! A load generator: one thread, some connections that are kept open, one request at a time on each.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a load came to.
pub(crate) struct Load {
    pub(crate) requests_per_second: f64,
    sorted_micros: Vec<u32>,
}

impl Load {
    /// How many requests were completed.
    pub(crate) fn requests(&self) -> f64 {
        f64::from(u32::try_from(self.sorted_micros.len()).unwrap())
    }

    /// The duration in milliseconds that this part of the requests stayed within.
    pub(crate) fn percentile_ms(&self, part: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a list that fits into memory"
        )]
        let index = ((self.sorted_micros.len() - 1) as f64 * part) as usize;
        f64::from(self.sorted_micros[index]) / 1000.0
    }
}

/// The response to one request, as it came: head and body.
pub(crate) fn fetch(address: SocketAddr, path: &str, headers: &str) -> (String, Vec<u8>) {
    runtime().block_on(async {
        let mut connection = Connection::open(address, path, headers).await;
        connection.exchange().await;
        let head = String::from_utf8(connection.head().to_vec()).unwrap();
        (head, connection.body().to_vec())
    })
}

/// A connection for one request at a time from a thread.
pub(crate) struct Persistent {
    runtime: tokio::runtime::Runtime,
    connection: Connection,
}

impl Persistent {
    /// Connects, for requests of this path.
    pub(crate) fn open(address: SocketAddr, path: &str, headers: &str) -> Self {
        let runtime = runtime();
        let connection = runtime.block_on(Connection::open(address, path, headers));
        Self {
            runtime,
            connection,
        }
    }

    /// Sends the request and reads the response; anything but 200 is a panic.
    pub(crate) fn exchange(&mut self) {
        self.runtime.block_on(self.connection.exchange());
    }
}

/// Sends the same request over and over for some time; anything but 200 is a panic.
pub(crate) fn run(
    address: SocketAddr,
    path: &str,
    headers: &str,
    connections: usize,
    duration: Duration,
) -> Load {
    runtime().block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        let started = Instant::now();
        for _ in 0..connections {
            let (path, headers) = (path.to_owned(), headers.to_owned());
            tasks.spawn(async move {
                let mut connection = Connection::open(address, &path, &headers).await;
                let mut micros = Vec::new();
                while started.elapsed() < duration {
                    let sent = Instant::now();
                    connection.exchange().await;
                    micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap());
                }
                micros
            });
        }
        let mut sorted_micros = tasks.join_all().await.concat();
        sorted_micros.sort_unstable();
        let seconds = started.elapsed().as_secs_f64();
        let requests = u32::try_from(sorted_micros.len()).unwrap();
        Load {
            requests_per_second: f64::from(requests) / seconds,
            sorted_micros,
        }
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// A connection that repeats one request.
struct Connection {
    stream: TcpStream,
    request: String,
    /// One whole response.
    response: Vec<u8>,
    head_length: usize,
}

impl Connection {
    async fn open(address: SocketAddr, path: &str, headers: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            request: format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n"),
            response: Vec::with_capacity(64 << 10),
            head_length: 0,
        }
    }

    fn head(&self) -> &[u8] {
        &self.response[..self.head_length]
    }

    fn body(&self) -> &[u8] {
        &self.response[self.head_length..]
    }

    async fn exchange(&mut self) {
        self.stream
            .write_all(self.request.as_bytes())
            .await
            .unwrap();
        self.response.clear();
        self.head_length = 0;
        let mut missing = None;
        while missing != Some(0) {
            let read = self.stream.read_buf(&mut self.response).await.unwrap();
            assert!(read > 0, "the connection was closed");
            if self.head_length == 0
                && let Some(end) = find(&self.response, b"\r\n\r\n")
            {
                self.head_length = end + 4;
                assert!(
                    self.head().starts_with(b"HTTP/1.1 200 "),
                    "{}not answered by 200: {}",
                    self.request,
                    String::from_utf8_lossy(&self.response)
                );
            }
            if self.head_length > 0 {
                let whole = self.head_length + content_length(self.head());
                missing = Some(whole - self.response.len());
            }
        }
    }
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|part| part == pattern)
}

fn content_length(head: &[u8]) -> usize {
    let name = b"content-length: ";
    let start = head
        .windows(name.len())
        .position(|part| part.eq_ignore_ascii_case(name));
    let digits = &head[start.expect("a response with a length") + name.len()..];
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}
