//! Daemons behind `ssh`: the user's own program with the user's configuration, agent and jump hosts is run as a
//! child, `linux-api proxy` on the other host, and HTTP goes through the two of them.
//!
//! - [`SshHost`]: what an address names.
//! - [`Ssh`]: connects, once for all requests of a host.
//! - [`push`]: copies this program to a host that has none, when that is allowed.

mod command;
pub mod config_hosts;
mod host;
pub mod program;
pub mod push;
mod session;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

pub use host::SshHost;
use session::{Lack, Session};

use super::channel::{Channel, Connect};
use super::error::ClientError;

/// A failure counts for all requests of this time: each would otherwise start a child of its own.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);

type Opening = Shared<BoxFuture<'static, Result<Session, Failure>>>;

#[derive(Debug, Clone)]
struct Failure {
    error: ClientError,
    at: Instant,
}

/// Connects to the daemon of a host through one child, which lives as long as this does.
pub struct Ssh {
    host: SshHost,
    may_push: AtomicBool,
    opening: Mutex<Option<Opening>>,
}

impl fmt::Debug for Ssh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ssh")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Ssh {
    /// Nothing is started yet. `may_push` allows this program to be copied to the host when it has none.
    #[must_use]
    pub fn new(host: SshHost, may_push: bool) -> Self {
        Self {
            host,
            may_push: AtomicBool::new(may_push),
            opening: Mutex::new(None),
        }
    }

    /// The session that is there, or a new one.
    async fn session(&self) -> Result<Session, ClientError> {
        let opening = {
            let mut place = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
            let usable = place.clone().filter(|opening| match opening.peek() {
                None => true,
                Some(Ok(session)) => !session.is_closed(),
                Some(Err(failure)) => failure.at.elapsed() < FAILURE_HOLDS,
            });
            usable.unwrap_or_else(|| {
                let opening = open(self.host.clone(), self.may_push.load(Ordering::Relaxed));
                *place = Some(opening.clone());
                opening
            })
        };
        opening.await.map_err(|failure| failure.error)
    }

    fn forget_failure(&self) {
        let mut place = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(place.as_ref().and_then(Shared::peek), Some(Err(_))) {
            *place = None;
        }
    }
}

impl Connect for Ssh {
    fn prepare(&self) -> BoxFuture<'_, Result<(), ClientError>> {
        Box::pin(async { self.session().await.map(drop) })
    }

    fn connect(&self) -> BoxFuture<'_, Result<Channel, ClientError>> {
        Box::pin(async {
            let session = self.session().await?;
            session
                .connect()
                .await
                .map_err(|error| ClientError::Offline {
                    address: self.host.to_string(),
                    reason: error.to_string(),
                })
        })
    }

    fn session(&self) -> Option<String> {
        let place = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Ok(session)) = place.as_ref().and_then(Shared::peek) else {
            return None;
        };
        session.kind()
    }

    fn allow_push(&self) {
        self.may_push.store(true, Ordering::Relaxed);
        self.forget_failure();
    }
}

/// Opens a session in a task of its own: a request that is given up does not end a login.
fn open(host: SshHost, may_push: bool) -> Opening {
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let opened = match session::open(&host).await {
            // The account was chosen by the user, but maybe not that it is root.
            Err(Lack::Program(system)) if may_push && system.uid == 0 && host.user() != Some("root") => {
                Err(Lack::Other(ClientError::Offline {
                    address: host.to_string(),
                    reason: "the login is root, which no program is copied to unless the address says so \
                             (ssh://root@HOST)"
                        .to_owned(),
                }))
            }
            Err(Lack::Program(system)) if may_push => match push::push(&host, &system).await {
                Ok(()) => session::open(&host).await,
                Err(error) => Err(Lack::Other(ClientError::Offline {
                    address: host.to_string(),
                    reason: error.to_string(),
                })),
            },
            opened => opened,
        };
        opened.map_err(|lack| match lack {
            Lack::Other(error) => error,
            Lack::Program(system) => ClientError::NoProgram {
                address: host.to_string(),
                machine: system.machine,
            },
        })
    }));
    let opened = async move {
        let result = match task.await {
            Ok(result) => result,
            Err(error) => Err(ClientError::Offline {
                address: String::new(),
                reason: error.to_string(),
            }),
        };
        result.map_err(|error| Failure {
            error,
            at: Instant::now(),
        })
    };
    opened.boxed().shared()
}
