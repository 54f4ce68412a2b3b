//! What happens to new connections when the process has no descriptor left.
//!
//! They would wait in the kernel's queue without a word, probes among them. One descriptor is kept in
//! reserve to accept them with, say that there is no room, and close them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use rustix::io::Errno;
use tokio::net::{TcpStream, UnixStream};

use super::connections::ListeningSocket;

/// How long a client that is turned away may take to send its request, which is read before the
/// connection is closed: otherwise the kernel would throw away the response.
const PATIENCE: Duration = Duration::from_millis(20);
/// The episode is over when no connection was refused for so long.
const QUIET: Duration = Duration::from_secs(10);
/// The whole response; there is no room to say more.
const RESPONSE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\
    content-length: 125\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\
    \"detail\":\"The daemon has no descriptor left.\",\"code\":\"busy\"}";

/// The process or the system has no descriptor, or no memory for one.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(
        errno,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

/// One descriptor in reserve, and what was said about their lack.
#[derive(Debug)]
pub(super) struct Reserve {
    spare: Mutex<Option<File>>,
    episode: Mutex<Option<Episode>>,
}

/// A time in which there were none.
#[derive(Debug)]
struct Episode {
    last: Instant,
    turned_away: u64,
}

impl Reserve {
    pub(super) fn new() -> Self {
        Self {
            spare: Mutex::new(spare()),
            episode: Mutex::default(),
        }
    }

    /// Says it once, at the beginning.
    pub(super) fn note_exhausted(&self, error: &io::Error) {
        let mut episode = self.episode.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(episode) = &mut *episode {
            episode.last = now;
            return;
        }
        tracing::error!(
            %error,
            "no descriptor is left: new connections are turned away with 503; the limit is \
             LimitNOFILE= in the unit, or ulimit -n"
        );
        *episode = Some(Episode {
            last: now,
            turned_away: 0,
        });
    }

    /// A connection was accepted as usual.
    pub(super) fn note_room(&self) {
        let mut episode = self.episode.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(over) = episode.take_if(|episode| episode.last.elapsed() >= QUIET) {
            let turned_away = over.turned_away;
            tracing::info!(turned_away, "there are descriptors again");
        }
    }

    /// Accepts one connection with the descriptor in reserve and turns it away; false when that could
    /// not be done.
    pub(super) async fn turn_away(&self, listener: &ListeningSocket) -> bool {
        // Only one at a time can have it.
        let Some(file) = self.spare().take() else {
            *self.spare() = spare();
            return false;
        };
        drop(file);
        let accepted = match listener {
            ListeningSocket::Tcp(listener) => accepted(listener.accept()).map(Guest::Tcp),
            // There is no saying anything before a handshake, which takes too long.
            ListeningSocket::Tls(listener, _) => {
                accepted(listener.accept()).map(|_closed| Guest::Closed)
            }
            ListeningSocket::Unix(listener) => accepted(listener.accept()).map(Guest::Unix),
            // They have their descriptors already.
            ListeningSocket::Channel(_) => None,
        };
        let is_done = accepted.is_some();
        match accepted {
            Some(Guest::Tcp(stream)) => refuse_tcp(stream).await,
            Some(Guest::Unix(stream)) => refuse_unix(stream).await,
            Some(Guest::Closed) | None => {}
        }
        *self.spare() = spare();
        if is_done {
            let mut episode = self.episode.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(episode) = &mut *episode {
                episode.turned_away += 1;
            }
        }
        is_done
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Option<File>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Guest {
    Tcp(TcpStream),
    Unix(UnixStream),
    Closed,
}

/// Something that takes one descriptor.
fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// The connection that waits, if it still does and no one else took the descriptor.
fn accepted<S, A>(accept: impl Future<Output = io::Result<(S, A)>>) -> Option<S> {
    let (stream, _) = accept.now_or_never()?.ok()?;
    Some(stream)
}

async fn refuse_tcp(stream: TcpStream) {
    let _ = tokio::time::timeout(PATIENCE, stream.readable()).await;
    if let Ok(mut stream) = stream.into_std() {
        refuse(&mut stream);
        let _ = stream.shutdown(Shutdown::Write);
    }
}

async fn refuse_unix(stream: UnixStream) {
    let _ = tokio::time::timeout(PATIENCE, stream.readable()).await;
    if let Ok(mut stream) = stream.into_std() {
        refuse(&mut stream);
        let _ = stream.shutdown(Shutdown::Write);
    }
}

/// Reads what has come and writes the response, without waiting for either. On the socket itself: the
/// runtime may not know yet that a new one can be written to.
fn refuse(stream: &mut (impl Read + Write)) {
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write(RESPONSE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_is_whole() {
        let text = std::str::from_utf8(RESPONSE).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length = format!("content-length: {}", body.len());
        assert!(head.contains(&length), "{length}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["status"], 503);
    }
}
