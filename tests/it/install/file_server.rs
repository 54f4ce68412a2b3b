//! A web server for plain files on loopback, as any static one serves them.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Serves the files below a directory until it is dropped.
pub(crate) struct FileServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FileServer {
    pub(crate) fn start(directory: &Path) -> Self {
        Self::start_with(directory, None)
    }

    /// Of a path that ends in `interrupted` only the first half is sent before the connection closes.
    pub(crate) fn start_with(directory: &Path, interrupted: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let directory = directory.to_owned();
        let (seen, stop) = (Arc::clone(&requests), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                // A client that goes away in between is of no interest.
                let _ = respond(&stream.unwrap(), &directory, interrupted, &seen);
            }
        });
        Self {
            address,
            requests,
            stopped,
            thread: Some(thread),
        }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The paths that were requested since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Responds to one request and closes the connection.
fn respond(
    mut stream: &TcpStream,
    directory: &Path,
    interrupted: Option<&str>,
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines.by_ref() {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
    requests.lock().unwrap().push(path.clone());
    let Ok(content) = fs::read(below(directory, &path)) else {
        let head = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(head.as_bytes());
    };
    let length = content.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let is_cut = interrupted.is_some_and(|end| path.ends_with(end));
    stream.write_all(&content[..if is_cut { length / 2 } else { length }])
}

/// A path of a request below the directory, never above it.
fn below(directory: &Path, path: &str) -> PathBuf {
    let parts = path.split('/').filter(|part| *part != "..");
    directory.join(parts.filter(|part| !part.is_empty()).collect::<PathBuf>())
}
