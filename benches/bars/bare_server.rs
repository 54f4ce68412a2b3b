//! The reference for our responses: an axum handler that sends the same bytes and headers, in a
//! process of its own as the daemon is.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::daemon::free_address;

/// The argument that makes this program the server.
pub(crate) const MODE: &str = "bare-server";

/// A running server, ended with this value.
pub(crate) struct BareServer {
    child: Child,
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl BareServer {
    /// Starts a server whose every response has this head's headers and this body.
    pub(crate) fn start(head: &str, body: &[u8]) -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        fs::write(folder.path().join("head"), head).unwrap();
        fs::write(folder.path().join("body"), body).unwrap();
        fs::write(folder.path().join("address"), address.to_string()).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .arg(MODE)
            .arg(folder.path())
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server itself.
pub(crate) fn run(folder: &Path) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let headers = headers(&read("head"));
    let body = Bytes::from(fs::read(folder.join("body")).unwrap());
    let address: SocketAddr = read("address").parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let handler = async move || (headers.clone(), body.clone());
        let router = Router::new().fallback(handler);
        axum::serve(listener, router).await.unwrap();
    });
}

/// The headers of a response but those that the server sets by itself.
fn headers(head: &str) -> HeaderMap {
    let lines = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "));
    lines
        .filter(|(name, _)| !["content-length", "date"].contains(name))
        .map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect()
}
