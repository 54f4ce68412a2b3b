//! The name services of the host, read through programs of the system.
//!
//! What they print is kept for a moment, also that there is no such entry and that a program failed:
//! connections of strangers must not start a process each.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

use crate::CollectError;

/// Where the programs are: absolute, so that no other program comes before them.
const DIRECTORIES: [&str; 2] = ["/usr/bin", "/bin"];
/// A directory that takes longer counts as unreachable: a caller is waiting.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long an outcome is kept.
const KEPT: Duration = Duration::from_secs(10);
/// The most outcomes that are kept.
const KEPT_MAX: usize = 1_024;
/// The most bytes that are kept of one outcome; what is larger is looked up each time.
const KEPT_BYTES: usize = 16 << 10;
/// The most that is read of a program's output: a group with tens of thousands of members.
const OUTPUT_MAX: u64 = 1 << 20;
/// Programs that run at the same time; more would only queue up at the directory.
const AT_ONCE: usize = 4;

/// How `getent` says that there is no such entry, see getent(1).
const NO_ENTRY: i32 = 2;
/// How `id` says that there is no such account; it has no other word for a failure.
const NO_ACCOUNT: i32 = 1;

/// What a program is run for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Lookup {
    /// `getent` or `id`.
    program: &'static str,
    /// Its arguments before the key.
    options: &'static [&'static str],
    key: String,
    /// The exit status that says that there is nothing.
    nothing: i32,
}

type Outcome = Result<Arc<[u8]>, Arc<CollectError>>;

/// The outcome of a lookup that has begun; all who need it wait for the one program.
#[derive(Debug)]
struct Entry {
    begun: Instant,
    outcome: Arc<OnceCell<Outcome>>,
}

/// Runs `getent` and `id`.
#[derive(Debug)]
pub(crate) struct NameService {
    directories: Vec<PathBuf>,
    slots: Semaphore,
    known: Mutex<HashMap<Lookup, Entry>>,
}

impl Default for NameService {
    fn default() -> Self {
        Self::new(DIRECTORIES.into_iter().map(PathBuf::from).collect())
    }
}

impl NameService {
    /// With the programs of these directories, the first that has one.
    pub(super) fn new(directories: Vec<PathBuf>) -> Self {
        Self {
            directories,
            slots: Semaphore::new(AT_ONCE),
            known: Mutex::default(),
        }
    }

    /// The lines of `passwd` or `group` for a name or number; no bytes when there are none.
    pub(super) async fn entry(
        &self,
        database: &'static str,
        key: &str,
    ) -> Result<Arc<[u8]>, CollectError> {
        let options: &[&str] = match database {
            "passwd" => &["passwd", "--"],
            _ => &["group", "--"],
        };
        self.look_up(Lookup {
            program: "getent",
            options,
            key: key.to_owned(),
            nothing: NO_ENTRY,
        })
        .await
    }

    /// The numbers of all groups of an account, in one line; no bytes when there is no such account.
    pub(super) async fn groups(&self, account: &str) -> Result<Arc<[u8]>, CollectError> {
        self.look_up(Lookup {
            program: "id",
            options: &["-G", "--"],
            key: account.to_owned(),
            nothing: NO_ACCOUNT,
        })
        .await
    }

    async fn look_up(&self, lookup: Lookup) -> Result<Arc<[u8]>, CollectError> {
        let outcome = self.begin(&lookup);
        let found = outcome
            .get_or_init(|| async { self.run(&lookup).await.map_err(Arc::new) })
            .await
            .clone();
        if found.as_ref().is_ok_and(|bytes| bytes.len() > KEPT_BYTES) {
            self.known().remove(&lookup);
        }
        found.map_err(CollectError::Shared)
    }

    /// The outcome of this lookup or of the same one a moment ago.
    fn begin(&self, lookup: &Lookup) -> Arc<OnceCell<Outcome>> {
        let mut known = self.known();
        if let Some(entry) = known.get(lookup)
            && entry.begun.elapsed() < KEPT
        {
            return Arc::clone(&entry.outcome);
        }
        if known.len() >= KEPT_MAX {
            known.retain(|_, entry| entry.begun.elapsed() < KEPT);
        }
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        let outcome = Arc::<OnceCell<Outcome>>::default();
        let entry = Entry {
            begun: Instant::now(),
            outcome: Arc::clone(&outcome),
        };
        known.insert(lookup.clone(), entry);
        outcome
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Lookup, Entry>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, lookup: &Lookup) -> Result<Arc<[u8]>, CollectError> {
        for directory in &self.directories {
            let program = directory.join(lookup.program);
            let work = async {
                let slot = self.slots.acquire().await;
                let _slot = slot.map_err(|_| CollectError::Stopped)?;
                run(&program, lookup).await
            };
            let Ok(done) = timeout(DEADLINE, work).await else {
                let deadline = DEADLINE;
                return Err(CollectError::Deadline { program, deadline });
            };
            match done? {
                None => {}
                Some((status, output)) if status.success() => return Ok(output.into()),
                Some((status, _)) if status.code() == Some(lookup.nothing) => break,
                Some((status, _)) => return Err(CollectError::Failed { program, status }),
            }
        }
        Ok(Arc::default())
    }
}

/// Runs a program, which is killed when the caller stops waiting; `None` when there is none.
async fn run(
    program: &Path,
    lookup: &Lookup,
) -> Result<Option<(ExitStatus, Vec<u8>)>, CollectError> {
    let cannot = |source| CollectError::Run {
        program: program.to_owned(),
        source,
    };
    let started = Command::new(program)
        .args(lookup.options)
        .arg(&lookup.key)
        .env_clear()
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut bounded = stdout.take(OUTPUT_MAX + 1);
        bounded.read_to_end(&mut output).await.map_err(cannot)?;
    }
    if output.len() as u64 > OUTPUT_MAX {
        return Err(CollectError::Excessive {
            program: program.to_owned(),
            limit: OUTPUT_MAX,
        });
    }
    Ok(Some((child.wait().await.map_err(cannot)?, output)))
}
