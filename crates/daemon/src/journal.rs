//! The journal of the host, read by `journalctl`.
//!
//! Its files are read by the program that comes with the systemd that wrote them: their format has grown
//! over the years, and what reads it here would have to grow along. The program is a child with an absolute
//! path and no environment. What callers choose reaches it only as the value of one `--option=value`, after
//! it was checked (`query`). Pages (`page`) have a deadline, a size and at most four children at once;
//! streams (`follow`) have children of their own, also four, so that they never keep pages waiting.

mod entry;
mod follow;
mod lines;
mod page;
mod query;
mod search;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use linux_api_host::HostRoots;

pub(crate) use follow::Follower;
pub(crate) use page::PageRequest;
pub(crate) use query::{Boot, Direction, EntryFilter, Grep, LogCursor, Priority};

/// Absolute, so that no other program comes before it.
const PROGRAM: &str = "/usr/bin/journalctl";
/// Where journals are, below the root of the host's files: the lasting one and that of this boot.
const DIRECTORIES: [&str; 2] = ["var/log/journal", "run/log/journal"];
/// Children at once for pages, and as many for streams.
const CHILDREN: usize = 4;
/// How long a page waits for its turn.
const TURN: Duration = Duration::from_secs(1);
/// The command that lets the daemon read the journal where setup or a package installed it.
const REMEDY: &str = "sudo linux-api setup --logs";

/// Reads the journal of one host. Clones share the bounds.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: PathBuf,
    rootfs: PathBuf,
    pages: Arc<Semaphore>,
    followers: Arc<Semaphore>,
}

/// Why the journal was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// It can't be read: the reason, with what would change it where something would.
    #[error("{0}")]
    Unavailable(String),
    /// As many children run as may.
    #[error("as many clients read the journal as may at once")]
    Busy,
    /// `journalctl` refuses a value: the parameter, and why.
    #[error("{0}: {1}")]
    Invalid(&'static str, String),
}

impl Journal {
    /// That of the host with these files. Starts nothing yet.
    #[must_use]
    pub fn new(roots: &HostRoots) -> Self {
        Self::with_program(PROGRAM.into(), roots)
    }

    /// As [`Self::new`], with another program in place of `/usr/bin/journalctl`.
    #[must_use]
    pub fn with_program(program: PathBuf, roots: &HostRoots) -> Self {
        Self(Arc::new(Inner {
            program,
            rootfs: roots.rootfs.clone(),
            pages: Arc::new(Semaphore::new(CHILDREN)),
            followers: Arc::new(Semaphore::new(CHILDREN)),
        }))
    }

    /// Waits a moment for the turn to start a child for a page.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, JournalError> {
        let waiting = Arc::clone(&self.0.pages).acquire_owned();
        match tokio::time::timeout(TURN, waiting).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(JournalError::Busy),
        }
    }

    /// Starts the program; it is killed when the child is dropped.
    fn start(&self, arguments: Vec<OsString>) -> Result<Child, JournalError> {
        let mut command = Command::new(&self.0.program);
        command
            .args(["--quiet", "--no-pager", "--output=json"])
            .arg(format!("--output-fields={}", entry::FIELDS.join(",")));
        if let Some(directory) = self.directory() {
            let mut option = OsString::from("--directory=");
            option.push(directory);
            command.arg(option);
        }
        let started = command
            .args(arguments)
            .env_clear()
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        started.map_err(|error| {
            let program = self.0.program.display();
            JournalError::Unavailable(match error.kind() {
                io::ErrorKind::NotFound => format!(
                    "{program} is not there: it comes with systemd; install it, or read the journal on \
                     another host"
                ),
                _ => format!("{program} can't be started: {error}"),
            })
        })
    }

    /// Where the journal is, when it is not that of this machine's own root.
    fn directory(&self) -> Option<PathBuf> {
        if self.0.rootfs == Path::new("/") {
            return None;
        }
        let mut all = DIRECTORIES.map(|one| self.0.rootfs.join(one)).into_iter();
        let first = all.next();
        let exists = first.as_ref().is_some_and(|path| path.is_dir());
        if exists {
            first
        } else {
            all.find(|path| path.is_dir()).or(first)
        }
    }

    /// Why this account can't read the journal; nothing when it can, or when there is none.
    fn refusal(&self) -> Option<JournalError> {
        let mut is_denied = false;
        for directory in DIRECTORIES.map(|one| self.0.rootfs.join(one)) {
            let machines = match std::fs::read_dir(&directory) {
                Ok(machines) => machines,
                Err(error) => {
                    is_denied |= error.kind() == io::ErrorKind::PermissionDenied;
                    continue;
                }
            };
            for machine in machines.flatten() {
                match File::open(machine.path().join("system.journal")) {
                    Ok(_) => return None,
                    Err(error) => is_denied |= error.kind() == io::ErrorKind::PermissionDenied,
                }
            }
        }
        is_denied.then(denied)
    }
}

fn denied() -> JournalError {
    JournalError::Unavailable(format!(
        "this account is not in the group systemd-journal; to change that: {REMEDY}"
    ))
}

/// Whether a child that ended read what there was. One with a pattern fails without a word when nothing
/// matches.
fn is_well(status: io::Result<ExitStatus>, said: &str, filter: &EntryFilter) -> bool {
    let is_success = status.is_ok_and(|status| status.success());
    is_success || (filter.grep.is_some() && said.trim().is_empty())
}

/// What a child that failed said, as an error of this module.
fn failure(said: &str) -> JournalError {
    let said = said.trim();
    let first = said.lines().next().unwrap_or_default();
    let has = |word: &str| said.contains(word);
    let text = || first.chars().take(200).collect::<String>();
    if has("insufficient permissions") || has("Permission denied") {
        denied()
    } else if has("attern") {
        // `Bad pattern`, `Compiled without pattern matching support`.
        JournalError::Invalid("grep", text())
    } else if has("boot") {
        JournalError::Invalid("boot", "The journal has no such boot".to_owned())
    } else if has("cursor") {
        JournalError::Invalid("cursor", "The journal has no such place".to_owned())
    } else if first.is_empty() {
        JournalError::Unavailable("journalctl failed and did not say why".to_owned())
    } else {
        JournalError::Unavailable(format!("journalctl failed: {}", text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_journalctl_says_becomes_an_error_of_the_right_kind() {
        let field = |said: &str| match failure(said) {
            JournalError::Invalid(field, _) => field,
            _ => "",
        };
        assert_eq!(
            field("Bad pattern \"(\": missing closing parenthesis\n"),
            "grep"
        );
        assert_eq!(
            field("No journal boot entry found from the specified boot offset (-9)."),
            "boot"
        );
        assert_eq!(
            field("Failed to seek to cursor: Invalid argument"),
            "cursor"
        );
        let text =
            failure("No journal files were opened due to insufficient permissions.").to_string();
        assert!(text.contains("systemd-journal"), "{text}");
        assert_eq!(
            failure("").to_string(),
            "journalctl failed and did not say why"
        );
        assert_eq!(failure("Odd\nmore").to_string(), "journalctl failed: Odd");
    }

    #[test]
    fn a_journal_of_another_root_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let roots = HostRoots {
            rootfs: folder.path().to_owned(),
            ..HostRoots::default()
        };
        let journal = Journal::new(&roots);
        let lasting = folder.path().join("var/log/journal");
        assert_eq!(journal.directory(), Some(lasting.clone()));
        let of_boot = folder.path().join("run/log/journal");
        std::fs::create_dir_all(&of_boot).unwrap();
        assert_eq!(journal.directory(), Some(of_boot));
        std::fs::create_dir_all(&lasting).unwrap();
        assert_eq!(journal.directory(), Some(lasting));
        assert_eq!(Journal::new(&HostRoots::default()).directory(), None);
    }
}
