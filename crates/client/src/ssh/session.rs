//! One `ssh` child with a proxy at its other end.

use std::collections::VecDeque;
use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Child;

use super::SshHost;
use super::command::{self, NO_PROGRAM};
use super::push::System;
use crate::channel::{Channel, PREPARE};
use crate::error::ClientError;
use crate::tunnel::{self, Hello, HelloError, Opener};

/// How much of what ssh prints is kept: the end of it.
const STDERR_MAX: usize = 4 << 10;
/// Most characters of a reason.
const REASON_MAX: usize = 200;
/// How long a child that has said its last may take to end.
const FAREWELL: Duration = Duration::from_millis(500);

/// What is missing for a session.
#[derive(Debug)]
pub(super) enum Lack {
    /// The host has no linux-api.
    Program(System),
    /// All else.
    Other(ClientError),
}

/// Connections through one child. It ends with the last clone.
#[derive(Debug, Clone)]
pub(super) struct Session {
    opener: Opener,
    hello: Hello,
}

impl Session {
    pub(super) fn is_closed(&self) -> bool {
        self.opener.is_closed()
    }

    /// What kind of session it is, where that is not the usual one.
    pub(super) fn kind(&self) -> Option<String> {
        let reason = self.hello.reason.as_deref().map(clean);
        let reason = reason.unwrap_or_else(|| "no daemon runs there".to_owned());
        self.hello
            .ephemeral
            .then(|| format!("this session only: {reason}"))
    }

    pub(super) async fn connect(&self) -> io::Result<Channel> {
        self.opener.open().await
    }
}

/// Starts the child and waits for the proxy's hello.
pub(super) async fn open(host: &SshHost) -> Result<Session, Lack> {
    let offline = |reason: String| {
        Lack::Other(ClientError::Offline {
            address: host.to_string(),
            reason,
        })
    };
    let mut child = command::ssh(host, &command::proxy())
        .spawn()
        .map_err(|error| offline(of_start(&error)))?;
    let printed = Printed::default();
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(offline("no pipe to ssh".to_owned()));
    };
    let listening = tokio::spawn(printed.clone().collect(stderr));
    let mut stdout = BufReader::new(stdout);
    let hello = Hello::read(&mut stdout, |line| {
        let (_, system) = line.split_once(NO_PROGRAM)?;
        System::parse(system)
    });
    let Ok(found) = tokio::time::timeout(PREPARE, hello).await else {
        let heard = printed.last_line();
        return Err(offline(heard.unwrap_or_else(|| "timed out".to_owned())));
    };
    match found {
        Ok(Ok(hello)) => {
            tracing::debug!(%host, ?hello, "connected through ssh");
            let (opener, work) = tunnel::client(tokio::io::join(stdout, stdin));
            tokio::spawn(async move {
                work.await;
                // Its standard input is closed now, which ends it; what does not end is killed.
                let _ = tokio::time::timeout(FAREWELL, child.wait()).await;
            });
            Ok(Session { opener, hello })
        }
        Ok(Err(system)) => Err(Lack::Program(system)),
        Err(error) => {
            drop(stdin);
            let status = ended(&mut child).await;
            // A connection that is kept for others (ControlPersist) holds the pipe open for hours.
            let _ = tokio::time::timeout(FAREWELL, listening).await;
            Err(offline(why(&error, status, printed.last_line())))
        }
    }
}

async fn ended(child: &mut Child) -> Option<ExitStatus> {
    let ended = tokio::time::timeout(FAREWELL, child.wait()).await;
    ended.ok().and_then(Result::ok)
}

pub(super) fn of_start(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "there is no program ssh on this machine; install openssh-client".to_owned()
    } else {
        format!("can't start ssh: {error}")
    }
}

/// The reason for people: what ssh printed, with what to do about the usual ones.
fn why(error: &HelloError, status: Option<ExitStatus>, printed: Option<String>) -> String {
    let code = status.and_then(|status| status.code());
    if let HelloError::OtherProtocol(_) | HelloError::TooMuch = error {
        return error.to_string();
    }
    let HelloError::Ended(said) = error else {
        return error.to_string();
    };
    let said = (!said.is_empty()).then(|| clean(said));
    let Some(line) = printed.or(said) else {
        return match code {
            Some(code) => format!("ssh ended with {code} before linux-api responded"),
            None => error.to_string(),
        };
    };
    explain(&line, code)
}

fn explain(line: &str, code: Option<i32>) -> String {
    // The words are those of OpenSSH, which are not translated.
    let advice = if line.contains("Host key verification failed")
        || line.contains("host key is known")
        || line.contains("REMOTE HOST IDENTIFICATION HAS CHANGED")
    {
        "connect once with ssh, and check the host's key there"
    } else if line.contains("Permission denied (") {
        "no key of the agent is accepted there, and passwords are not prompted for: use a key, or open a \
         shared connection first (ControlMaster)"
    } else if line.contains("unrecognized subcommand") {
        "the linux-api there is too old for ssh://"
    } else if code == Some(126) || line.ends_with("Permission denied") {
        "its linux-api can't be executed by this account, or its directory is mounted noexec"
    } else if code == Some(255) || code.is_none() {
        return line.to_owned();
    } else {
        "that is what the host printed in place of linux-api: a restricted shell or a ForceCommand?"
    };
    format!("{line} - {advice}")
}

/// What is shown of a line that came from elsewhere.
fn clean(line: &str) -> String {
    let shown = line.chars().filter(|letter| !letter.is_control());
    shown.take(REASON_MAX).collect()
}

/// The end of what a child printed.
#[derive(Debug, Clone, Default)]
pub(super) struct Printed(Arc<Mutex<VecDeque<u8>>>);

impl Printed {
    pub(super) async fn collect(self, mut stream: impl AsyncRead + Unpin) {
        let mut bytes = [0; 1 << 10];
        while let Ok(count @ 1..) = stream.read(&mut bytes).await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(&bytes[..count]);
            let excess = kept.len().saturating_sub(STDERR_MAX);
            kept.drain(..excess);
        }
    }

    /// The last line that says something.
    pub(super) fn last_line(&self) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        // The line that names the cause comes before the one that says that it ended.
        let lines: Vec<&str> = lines.by_ref().collect();
        let identity = lines
            .iter()
            .find(|line| line.contains("IDENTIFICATION HAS CHANGED"));
        let usage = lines
            .iter()
            .find(|line| line.contains("unrecognized subcommand"));
        let line = identity.or(usage).or(lines.last())?;
        Some(clean(line.trim_matches(|c| c == '@' || c == ' ')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_refusals_come_with_what_to_do() {
        for (line, code, part) in [
            (
                "Host key verification failed.",
                255,
                "connect once with ssh",
            ),
            (
                "a@b: Permission denied (publickey,password).",
                255,
                "passwords are not prompted for",
            ),
            ("sh: 1: /x/linux-api: Permission denied", 126, "noexec"),
            ("error: unrecognized subcommand 'proxy'", 2, "too old"),
            ("This account is not available.", 1, "ForceCommand"),
        ] {
            let text = explain(line, Some(code));
            assert!(text.starts_with(line) && text.contains(part), "{text}");
        }
        let refused = "ssh: connect to host a port 22: Connection refused";
        assert_eq!(explain(refused, Some(255)), refused);
    }

    #[tokio::test]
    async fn only_the_end_of_what_is_printed_is_kept_and_shown_without_control_characters() {
        let printed = Printed::default();
        let text = [b"a\n".repeat(1 << 20), b"x\x1b[2J\x07y\r\n\n".to_vec()].concat();
        printed.clone().collect(&text[..]).await;
        assert_eq!(printed.last_line().as_deref(), Some("x[2Jy"));
        assert!(printed.0.lock().unwrap().len() <= STDERR_MAX);
        assert_eq!(Printed::default().last_line(), None);
    }
}
