//! Notifications to systemd, and the sockets that it passes.

use std::net::TcpListener as StdTcpListener;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use listenfd::ListenFd;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::notify;
use crate::peer::Peer;
use crate::server::{OwnProbe, Service};
use crate::tasks::supervisor::Supervisor;

/// Sockets that systemd listens on for this daemon.
#[derive(Debug, Default)]
pub struct PassedSockets {
    pub(super) tcp: Vec<StdTcpListener>,
    pub(super) unix: Vec<StdUnixListener>,
}

impl PassedSockets {
    /// Takes what the environment says was handed over.
    ///
    /// # Errors
    /// When a socket is of a kind that the daemon can't listen on.
    pub fn take() -> anyhow::Result<Self> {
        let mut given = ListenFd::from_env();
        let mut handed = Self::default();
        for index in 0..given.len() {
            // Each refuses a socket of another kind and leaves it to the next.
            if let Ok(Some(socket)) = given.take_tcp_listener(index) {
                handed.tcp.push(socket);
            } else if let Ok(Some(socket)) = given.take_unix_listener(index) {
                handed.unix.push(socket);
            } else {
                bail!(
                    "socket {} handed over by systemd is neither a TCP nor a Unix stream socket",
                    index + 1
                );
            }
        }
        Ok(handed)
    }
}

fn send(message: &str) {
    if let Err(error) = notify::send(message) {
        tracing::warn!(%error, "could not notify systemd");
    }
}

pub(super) fn notify_status(status: &str) {
    send(&notify::status(status));
}

pub(super) fn notify_ready(status: &str) {
    send(&format!("READY=1\n{}", notify::status(status)));
}

/// Extends the timeout repeatedly until the work is done. Without it systemd would end a
/// start that takes longer than usual, in the middle of a backup or a migration.
pub(super) async fn while_extending_timeout<T>(work: impl Future<Output = T>) -> T {
    const MORE: Duration = Duration::from_mins(1);
    let more = format!("EXTEND_TIMEOUT_USEC={}", MORE.as_micros());
    let extend = async {
        loop {
            send(&more);
            tokio::time::sleep(MORE / 4).await;
        }
    };
    tokio::select! {
        done = work => done,
        never = extend => never,
    }
}

/// Followed by [`notify_ready`] when it is done.
pub(super) fn notify_reloading() {
    send(&notify::reloading());
}

pub(super) fn notify_stopping() {
    send("STOPPING=1\nSTATUS=stopping");
}

/// Within what time systemd wants a sign of life, when it does.
pub(super) fn watchdog() -> Option<Duration> {
    notify::watchdog()
}

/// What shows that the daemon works and not merely runs.
#[derive(Debug)]
pub(super) struct Liveness {
    service: Service,
    supervisor: Supervisor,
}

impl Liveness {
    pub(super) fn new(service: Service, supervisor: Supervisor) -> Self {
        Self {
            service,
            supervisor,
        }
    }

    /// Probes the service itself, bypassing the sockets: a flood of connections is no reason to restart.
    async fn check(&self, patience: Duration) -> Result<(), &'static str> {
        if self.supervisor.failure().is_some() {
            return Err("a background task has failed");
        }
        let mut request = Request::get("/livez")
            .body(Body::empty())
            .unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(header::HOST, header::HeaderValue::from_static("localhost"));
        let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
        request.extensions_mut().insert(OwnProbe);
        request.extensions_mut().insert(Peer::Unix {
            uid: uid.as_raw(),
            gid: gid.as_raw(),
        });
        let answer = tokio::time::timeout(patience, self.service.clone().oneshot(request)).await;
        match answer {
            Err(_) => Err("/livez takes too long"),
            Ok(Ok(answer)) if answer.status() == StatusCode::OK => Ok(()),
            Ok(_) => Err("/livez does not return 200"),
        }
    }

    /// Feeds systemd's watchdog for as long as the daemon works.
    pub(super) async fn feed_watchdog(self, timeout: Duration, stop: CancellationToken) {
        let pause = timeout / 3;
        loop {
            match self.check(pause).await {
                Ok(()) => send("WATCHDOG=1"),
                Err(reason) => tracing::error!(reason, "not alive, the watchdog is not fed"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// Makes a handed-over socket usable.
pub(super) fn adopt_tcp(socket: StdTcpListener) -> anyhow::Result<tokio::net::TcpListener> {
    socket
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(socket))
        .context("use the TCP socket of systemd")
}

/// Makes a handed-over socket usable.
pub(super) fn adopt_unix(socket: StdUnixListener) -> anyhow::Result<tokio::net::UnixListener> {
    socket
        .set_nonblocking(true)
        .and_then(|()| tokio::net::UnixListener::from_std(socket))
        .context("use the Unix socket of systemd")
}
