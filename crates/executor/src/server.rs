//! The socket: who may connect, one message at a time, and the end of a process that has nothing to do.

use std::fs::Metadata;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use listenfd::ListenFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Uid};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::executor::{Executor, Peer};
use linux_api_acts::ACCOUNT;
use linux_api_acts::frame::{self, FrameError};
use linux_api_acts::protocol::{Hello, Message, RefusalCode, Reply, VERSION};

/// Without a connection for so long, a process that systemd starts again ends.
const IDLE: Duration = Duration::from_mins(1);
/// How long the other side may take for a message, and to take a reply.
const MESSAGE: Duration = Duration::from_secs(5);
/// How long a connection may be silent between messages.
const SILENCE: Duration = Duration::from_mins(1);
/// So many connections at once; others wait.
const CONNECTIONS: usize = 32;
/// How often refused requests are written to the log.
const COUNTS: Duration = Duration::from_mins(1);
/// How long acts may take to end when the process is to.
const ENDING: Duration = Duration::from_secs(40);

/// A socket to serve on.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    /// Whether another process is started when a connection comes after the end of this one.
    is_restarted: bool,
    /// What to remove at the end, and the inode that it had.
    own: Option<(PathBuf, u64)>,
}

impl Listener {
    /// Takes the socket that systemd handed over.
    ///
    /// # Errors
    /// When there is none.
    pub fn passed() -> io::Result<Self> {
        let mut passed = ListenFd::from_env();
        let socket =
            (0..passed.len()).find_map(|index| passed.take_unix_listener(index).ok().flatten());
        let none = "systemd has handed over no socket: name one with --listen";
        let socket = socket.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, none))?;
        Ok(Self {
            socket: adopt(socket)?,
            is_restarted: true,
            own: None,
        })
    }

    /// Makes a socket of its own, for `owner` when this is root's process. Never replaces one that a
    /// process listens at.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] when a process listens there, [`io::ErrorKind::AlreadyExists`] when there
    /// is something else, and those of the system.
    pub fn bind(path: &Path, owner: Option<u32>) -> io::Result<Self> {
        let is_socket = |found: Metadata| found.file_type().is_socket();
        match std::fs::symlink_metadata(path).map(is_socket) {
            Ok(true) => match std::os::unix::net::UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path)?;
                }
                _ => {
                    let problem = "another process listens there";
                    return Err(io::Error::new(io::ErrorKind::AddrInUse, problem));
                }
            },
            Ok(false) => {
                let problem = "there is something that is no socket";
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, problem));
            }
            Err(_) => {}
        }
        // Never open to others, not even for the moment until its rights are set.
        let mask = rustix::process::umask(Mode::from_raw_mode(0o177));
        let bound = StdUnixListener::bind(path);
        rustix::process::umask(mask);
        let socket = adopt(bound?)?;
        let owner = owner.filter(|_| rustix::process::geteuid().is_root());
        Ok(Self {
            socket,
            is_restarted: false,
            own: Some((path.to_owned(), give(path, owner)?)),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some((path, inode)) = &self.own
            && std::fs::symlink_metadata(path).is_ok_and(|found| found.ino() == *inode)
        {
            // What can't be removed is harmless: the next start replaces it.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Gives the socket at a path to an account, and returns its inode. Who may write to the directory could put a
/// link to another file in its place: that one is never changed.
fn give(path: &Path, owner: Option<u32>) -> io::Result<u64> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let found = rustix::fs::fstat(&file)?;
    if !FileType::from_raw_mode(found.st_mode).is_socket() {
        return Err(io::Error::other("it was replaced while it was made"));
    }
    let owner = owner.map(Uid::from_raw);
    rustix::fs::chownat(&file, "", owner, None, AtFlags::EMPTY_PATH)?;
    Ok(found.st_ino)
}

fn adopt(socket: StdUnixListener) -> io::Result<UnixListener> {
    socket.set_nonblocking(true)?;
    rustix::io::fcntl_setfd(socket.as_fd(), rustix::io::FdFlags::CLOEXEC)?;
    UnixListener::from_std(socket)
}

/// The uid of the daemon's account, from `/etc/passwd` alone: no other program is started to find it.
#[must_use]
pub fn account_uid() -> Option<u32> {
    let text = linux_api_files::read_text(Path::new("/etc/passwd")).ok()?;
    let lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut found = lines.filter(|fields| fields.first() == Some(&ACCOUNT));
    found.find_map(|fields| fields.get(2)?.parse().ok())
}

/// Serves until there was nothing to do for a minute (a socket of systemd's) or `stop` is ready. Acts that
/// have begun are ended first.
pub async fn serve(listener: &Listener, executor: Arc<Executor>, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut counts = interval(COUNTS);
    counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(stop);
    let verifying = Arc::clone(&executor);
    connections.spawn(async move { verifying.verify_daily().await });
    // Not the time of the last turn: counting once a minute is no work.
    let mut last_work = Instant::now();
    loop {
        while connections.try_join_next().is_some() {
            last_work = Instant::now();
        }
        let is_idle = connections.is_empty();
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async {
            let place = place.await;
            (listener.socket.accept().await, place)
        };
        tokio::select! {
            (accepted, place) = accepted => match accepted {
                Ok((stream, _)) => {
                    let executor = Arc::clone(&executor);
                    connections.spawn(async move {
                        let _place = place;
                        connection(stream, executor).await;
                    });
                }
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    // Out of descriptors, most likely: not as fast as can be.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next(), if !is_idle => last_work = Instant::now(),
            _ = counts.tick() => executor.write_counts().await,
            () = sleep_until(last_work + IDLE), if is_idle && listener.is_restarted => break,
            () = &mut stop => break,
        }
    }
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(ENDING, rest).await;
    executor.write_counts().await;
}

/// Serves one connection to its end.
async fn connection(mut stream: UnixStream, executor: Arc<Executor>) {
    let Ok(credentials) = stream.peer_cred() else {
        return;
    };
    let peer = Peer {
        uid: credentials.uid(),
        pid: credentials.pid(),
    };
    let stranger = format!("uid {} may not use the executor", peer.uid);
    if !executor.admits(peer.uid) {
        executor.count_refused(RefusalCode::Peer);
        return part(&mut stream, stranger).await;
    }
    match timeout(MESSAGE, frame::read::<Hello>(&mut stream)).await {
        Ok(Ok(Some(hello))) if hello.protocol == VERSION => {}
        Ok(Ok(Some(hello))) => {
            let reason = format!(
                "the executor of {} has protocol {VERSION}, and not {} of {}",
                env!("CARGO_PKG_VERSION"),
                hello.protocol,
                hello.program
            );
            return part(&mut stream, reason).await;
        }
        Ok(Ok(None)) => return,
        Ok(Err(_)) | Err(_) => {
            executor.count_refused(RefusalCode::Malformed);
            return part(&mut stream, "it sent no hello".to_owned()).await;
        }
    }
    if !send(&mut stream, &Hello::new()).await {
        return;
    }
    while let Some(message) = receive(&mut stream, &executor).await {
        // A connection lasts, and the policy may name the account no longer.
        if !executor.admits(peer.uid) {
            executor.count_refused(RefusalCode::Peer);
            let _ = send(&mut stream, &Reply::Malformed(stranger)).await;
            return;
        }
        let reply = match message {
            Ok(message) => {
                // To its end, whatever becomes of the connection.
                let executor = Arc::clone(&executor);
                let work = tokio::spawn(async move { executor.handle(peer, message).await });
                match work.await {
                    Ok(reply) => reply,
                    Err(_) => return,
                }
            }
            Err(error) => {
                executor.count_refused(RefusalCode::Malformed);
                let text = error.to_string().chars().take(400).collect();
                let _ = send(&mut stream, &Reply::Malformed(text)).await;
                return;
            }
        };
        if !send(&mut stream, &reply).await {
            return;
        }
    }
}

/// The next message; none when the other side has closed the connection, or is silent for too long.
async fn receive(
    stream: &mut UnixStream,
    executor: &Executor,
) -> Option<Result<Message, FrameError>> {
    timeout(SILENCE, stream.readable()).await.ok()?.ok()?;
    match timeout(MESSAGE, frame::read::<Message>(stream)).await {
        Ok(Ok(message)) => message.map(Ok),
        Ok(Err(FrameError::Io(_))) => None,
        Ok(Err(error)) => Some(Err(error)),
        Err(_) => {
            executor.count_refused(RefusalCode::Malformed);
            None
        }
    }
}

async fn part(stream: &mut UnixStream, reason: String) {
    let mut hello = Hello::new();
    hello.refused = Some(reason);
    send(stream, &hello).await;
}

async fn send(stream: &mut UnixStream, message: &impl serde::Serialize) -> bool {
    matches!(
        timeout(MESSAGE, frame::write(stream, message)).await,
        Ok(Ok(()))
    )
}

#[cfg(test)]
mod tests {
    use linux_api_acts::SYSTEM_BUS;
    use linux_api_acts::client::Client;
    use linux_api_wire::time::Clock;

    use super::*;
    use crate::executor::Settings;

    #[test]
    fn a_link_in_the_place_of_the_socket_gives_nothing_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("executor.sock");
        let other = folder.path().join("shadow");
        std::fs::write(&other, "").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        // Its owner would be the same one: only whether it was refused shows.
        assert!(give(&path, Some(rustix::process::geteuid().as_raw())).is_err());
        std::fs::remove_file(&path).unwrap();
        let _socket = StdUnixListener::bind(&path).unwrap();
        let inode = std::fs::symlink_metadata(&path).unwrap().ino();
        assert_eq!(give(&path, None).unwrap(), inode);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_is_started_again_ends_after_a_minute_without_a_connection() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("executor.sock");
        let listener = Listener {
            socket: adopt(StdUnixListener::bind(&path).unwrap()).unwrap(),
            is_restarted: true,
            own: None,
        };
        let executor = Arc::new(Executor::new(Settings {
            policy: folder.path().join("policy.toml"),
            log: folder.path().join("acts.jsonl"),
            bus: SYSTEM_BUS.to_owned(),
            procfs: "/proc".into(),
            daemon_uid: None,
            clock: Clock::system(),
        }));
        let begin = tokio::time::Instant::now();
        let serving = tokio::spawn(async move {
            serve(&listener, executor, std::future::pending()).await;
        });
        tokio::time::sleep(IDLE / 2).await;
        Client::new(&path).status().await.unwrap();
        serving.await.unwrap();
        // A minute after the request, and not after the start.
        assert!(begin.elapsed() >= IDLE + IDLE / 2, "{:?}", begin.elapsed());
        assert!(begin.elapsed() < IDLE * 3, "{:?}", begin.elapsed());
        // systemd's socket stays.
        assert!(path.exists());
    }
}
