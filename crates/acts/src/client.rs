//! The daemon's side: one connection and one message at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::frame::{self, FrameError};
use crate::protocol::{
    ActRecords, Head, Hello, Message, Outcome, RecordsAfter, Reply, Request, Response, Status,
    VERSION,
};

/// How long the executor may take to start, when systemd does it, and to say hello.
const HELLO: Duration = Duration::from_secs(5);
/// How long an act may take: a job of systemd's is waited for, and then reading all units again.
const ACT: Duration = Duration::from_secs(90);

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no executor: acting on the host was not set up, which is the default.
    #[error("nothing acts on this host: {} {reason}", .socket.display())]
    Absent {
        /// Where it was looked for.
        socket: PathBuf,
        /// What is so.
        reason: &'static str,
        /// The command that changes it.
        remedy: &'static str,
    },
    /// The executor does not serve this process.
    #[error("the executor refuses: {0}")]
    Refused(String),
    /// The executor could not read the message.
    #[error("the executor could not read the request: {0}")]
    Malformed(String),
    /// The connection failed before the message was sent: nothing was done.
    #[error("the executor could not be reached: {0}")]
    Unreached(String),
    /// The connection failed after the message was sent. The same request again, with the same id, gets
    /// the result and is not done twice.
    #[error("the executor's result was lost: {0}")]
    Lost(String),
}

/// The executor of this host.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// The executor that listens at `socket`, usually [`crate::SOCKET`].
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// Has it act.
    ///
    /// # Errors
    /// See [`CallError`]; refusals and failures of the act are outcomes.
    pub async fn act(&self, request: Request) -> Result<Response, CallError> {
        match self.call(&Message::Act(request)).await? {
            Reply::Act(response) => Ok(response),
            other => Err(unexpected(&other)),
        }
    }

    /// Has it decide as for an act, and do nothing.
    ///
    /// # Errors
    /// As [`Self::act`].
    pub async fn test(&self, request: Request) -> Result<Outcome, CallError> {
        match self.call(&Message::Test(request)).await? {
            Reply::Test(outcome) => Ok(outcome),
            other => Err(unexpected(&other)),
        }
    }

    /// Whether acts are possible.
    ///
    /// # Errors
    /// As [`Self::act`].
    pub async fn status(&self) -> Result<Status, CallError> {
        match self.call(&Message::Status).await? {
            Reply::Status(status) => Ok(status),
            other => Err(unexpected(&other)),
        }
    }

    /// What the log says of acts after a line that is known.
    ///
    /// # Errors
    /// As [`Self::act`].
    pub async fn records(&self, after: Option<Head>) -> Result<ActRecords, CallError> {
        match self.call(&Message::Records(RecordsAfter { after })).await? {
            Reply::Records(records) => Ok(records),
            other => Err(unexpected(&other)),
        }
    }

    async fn call(&self, message: &Message) -> Result<Reply, CallError> {
        let mut stream = match timeout(HELLO, self.connect()).await {
            Ok(connected) => connected?,
            Err(_) => {
                return Err(CallError::Unreached(
                    "it did not respond in time".to_owned(),
                ));
            }
        };
        let replied = async {
            frame::write(&mut stream, message).await?;
            frame::read::<Reply>(&mut stream).await
        };
        match timeout(ACT, replied).await {
            Ok(Ok(Some(Reply::Malformed(why)))) => Err(CallError::Malformed(why)),
            Ok(Ok(Some(reply))) => Ok(reply),
            Ok(Ok(None)) => Err(CallError::Lost("the connection was closed".to_owned())),
            Ok(Err(error @ FrameError::Length(_))) => Err(CallError::Malformed(error.to_string())),
            Ok(Err(error)) => Err(CallError::Lost(error.to_string())),
            Err(_) => Err(CallError::Lost("it did not respond in time".to_owned())),
        }
    }

    async fn connect(&self) -> Result<UnixStream, CallError> {
        let mut stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| self.absent(&error))?;
        let unreached = |error: FrameError| CallError::Unreached(error.to_string());
        // The executor may part before it has read anything.
        let written = frame::write(&mut stream, &Hello::new()).await;
        let hello = match (frame::read::<Hello>(&mut stream).await, written) {
            (Ok(Some(hello)), _) => hello,
            (_, Err(error)) | (Err(error), Ok(())) => return Err(unreached(error)),
            (Ok(None), Ok(())) => {
                return Err(CallError::Unreached("the connection was closed".to_owned()));
            }
        };
        match hello.refused {
            Some(reason) => Err(CallError::Refused(reason)),
            None if hello.protocol != VERSION => Err(CallError::Refused(format!(
                "the executor of {} has protocol {}, and not {VERSION}",
                hello.program, hello.protocol
            ))),
            None => Ok(stream),
        }
    }

    fn absent(&self, error: &io::Error) -> CallError {
        let (reason, remedy) = match error.kind() {
            io::ErrorKind::NotFound => (
                "is not there",
                "sudo systemctl enable --now linux-api-executor.socket",
            ),
            io::ErrorKind::ConnectionRefused => (
                "has no listener",
                "sudo systemctl enable --now linux-api-executor.socket",
            ),
            io::ErrorKind::PermissionDenied => (
                "is not for this account",
                "run the daemon as linux-api, or name its uid in peer_uids of /etc/linux-api/policy.toml",
            ),
            _ => return CallError::Unreached(error.to_string()),
        };
        CallError::Absent {
            socket: self.socket.clone(),
            reason,
            remedy,
        }
    }
}

fn unexpected(reply: &Reply) -> CallError {
    let kind = match reply {
        Reply::Act(_) => "an act",
        Reply::Test(_) => "a test",
        Reply::Status(_) => "a status",
        Reply::Records(_) => "the records",
        Reply::Malformed(_) => "a malformed message",
    };
    CallError::Malformed(format!("the reply was that to {kind}"))
}
