//! Reads a Linux host: `/proc`, `/sys`, accounts, sessions and units.
//!
//! - [`HostReader`] reads snapshots: every family of `families`, each with a deadline.
//! - [`counters::HostCounters`] are the kernel's counters as they are, for `/metrics`.
//! - [`Collector`] reads processes, accounts, units, sockets, uptime and what the machine is, on demand.
//!
//! Start with `sources`, which has the parser of each file, and `families`, which makes the figures of
//! a snapshot of what they read; `/metrics` gets the same counters. Everything below [`HostRoots`] can be
//! a recorded tree: the tests read those in `tests/fixtures/host`.
//!
//! Nothing here knows HTTP or the database. Plain functions block for the time of a few small reads;
//! async code calls them through [`Collector::blocking`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use linux_api_wire::host::{SystemInfo, Uptime};
use linux_api_wire::process::{ProcessDetails, ProcessScan};
use linux_api_wire::snapshot::{Processes, Session};
use linux_api_wire::time::Clock;

mod accounts;
mod carryover;
pub mod counters;
mod families;
pub mod faults;
mod lane;
pub mod network;
mod processes;
mod reader;
mod sources;
mod system;
#[cfg(test)]
mod testing;
pub mod units;

use accounts::NameService;
use counters::{CounterReader, HostCounters};
pub use processes::{OwnProcess, ProcessIdentity, count_running, read_identity};
pub use reader::HostReader;
pub use sources::{ArrayTrouble, FaultyArray, MountFaults, MountWatch};

/// From the first scan to the second, for a reader that wants rates: long enough for some ticks of the
/// kernel's clock, short enough to wait for.
const RATED_AFTER: Duration = Duration::from_millis(250);

/// Readers that come within this time of a finished scan get its result.
const SCAN_KEPT_FOR: Duration = Duration::from_secs(1);

/// Where the trees of the host are mounted: elsewhere than usual inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRoots {
    /// The process file system, usually `/proc`.
    pub procfs: PathBuf,
    /// The device file system, usually `/sys`.
    pub sysfs: PathBuf,
    /// The root of the files, usually `/`.
    pub rootfs: PathBuf,
}

impl Default for HostRoots {
    fn default() -> Self {
        Self {
            procfs: "/proc".into(),
            sysfs: "/sys".into(),
            rootfs: "/".into(),
        }
    }
}

/// Why the host could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A file or directory can't be read.
    #[error("can't read {path}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} has no valid {expected}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        expected: &'static str,
    },
    /// A program can't be run.
    #[error("can't run {program}")]
    Run {
        /// Which one.
        program: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A program was too slow and was ended.
    #[error("{program} did not answer within {deadline:?}")]
    Deadline {
        /// Which one.
        program: PathBuf,
        /// How long it had.
        deadline: Duration,
    },
    /// A program failed.
    #[error("{program} ended with {status}")]
    Failed {
        /// Which one.
        program: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A program wrote more than any entry has.
    #[error("{program} wrote more than {limit} bytes")]
    Excessive {
        /// Which one.
        program: PathBuf,
        /// How many bytes are read.
        limit: u64,
    },
    /// A lookup failed that others wait for as well, or that was made a moment ago.
    #[error(transparent)]
    Shared(Arc<CollectError>),
    /// The reading was given up half-way: the program stops, or a reading panicked.
    #[error("the reading was given up")]
    Stopped,
}

/// Reads one host. Clones share everything.
#[derive(Debug, Clone)]
pub struct Collector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    roots: HostRoots,
    /// Looks up accounts in directories such as LDAP; absent when the accounts are of another root,
    /// of which the programs here know nothing.
    name_service: Option<NameService>,
    uptime_offset: system::UptimeOffset,
    clock: Clock,
    scans: Arc<Mutex<Scans>>,
    account_names: processes::AccountNames,
    counters: std::sync::Mutex<CounterReader>,
    presence: Arc<Mutex<Option<(Instant, Presence)>>>,
    network: Arc<Mutex<network::NetworkReader>>,
    units: units::Units,
}

/// Who and what is on the host: counted for each reader, at most once a second.
#[derive(Debug, Clone)]
pub struct Presence {
    /// How many processes there are; absent when they can't be counted.
    pub processes: Option<Processes>,
    /// Who is logged in; absent when there is no record of it.
    pub sessions: Option<Vec<Session>>,
}

/// Who scans the processes, and what the last scan found.
#[derive(Debug, Default)]
struct Scans {
    scanner: processes::Scanner,
    /// With the moment at which it was finished.
    last: Option<(Instant, Arc<ProcessScan>)>,
}

/// A scan, and the lock under which it was made.
type LockedScan = (Arc<ProcessScan>, OwnedMutexGuard<Scans>);

impl Scans {
    /// The last scan, unless it is too old to be shared.
    fn newest(&self) -> Option<Arc<ProcessScan>> {
        let (finished, scan) = self.last.as_ref()?;
        (finished.elapsed() < SCAN_KEPT_FOR).then(|| Arc::clone(scan))
    }
}

impl Default for Collector {
    fn default() -> Self {
        Self::new(HostRoots::default())
    }
}

impl Collector {
    /// Makes a collector that reads below these roots; reads nothing yet.
    #[must_use]
    pub fn new(roots: HostRoots) -> Self {
        Self::with_clock(roots, Clock::system())
    }

    /// As [`Self::new`], with the clock by which scans are dated.
    #[must_use]
    pub fn with_clock(roots: HostRoots, clock: Clock) -> Self {
        let own_root = roots.rootfs == Path::new("/");
        Self::with_name_service(roots, clock, own_root.then(NameService::default))
    }

    fn with_name_service(
        roots: HostRoots,
        clock: Clock,
        name_service: Option<NameService>,
    ) -> Self {
        Self(Arc::new(Inner {
            counters: std::sync::Mutex::new(CounterReader::new(&roots)),
            units: units::Units::new(&roots.rootfs, clock.clone()),
            roots,
            name_service,
            uptime_offset: system::UptimeOffset::default(),
            clock,
            scans: Arc::default(),
            account_names: processes::AccountNames::default(),
            presence: Arc::default(),
            network: Arc::default(),
        }))
    }

    /// Where this collector reads.
    #[must_use]
    pub fn roots(&self) -> &HostRoots {
        &self.0.roots
    }

    /// How long the host has been up.
    ///
    /// # Errors
    /// When `uptime` of the process file system can't be read, which is done once.
    pub fn uptime(&self) -> Result<Uptime, CollectError> {
        self.0.uptime_offset.uptime(&self.0.roots)
    }

    /// What the host is.
    ///
    /// # Errors
    /// When `stat`, `meminfo` or the file system at the root can't be read.
    pub fn system_info(&self) -> Result<SystemInfo, CollectError> {
        system::read_system_info(&self.0.roots)
    }

    /// All processes, read off the async threads and at most once a second: readers share the
    /// scan that runs or the one that has just ended. Nothing is scanned while there is no reader.
    ///
    /// # Errors
    /// When the process file system can't be listed, or a file of it is not understood. A process
    /// that ends meanwhile is left out.
    pub async fn shared_processes(&self) -> Result<Arc<ProcessScan>, CollectError> {
        let scans = Arc::clone(&self.0.scans).lock_owned().await;
        if let Some(scan) = scans.newest() {
            return Ok(scan);
        }
        let (scan, _) = self.scan(scans).await?;
        Ok(scan)
    }

    /// As [`Self::shared_processes`], always with rates (CPU use and traffic): when there is no
    /// earlier scan to measure from, two are made a quarter of a second apart.
    ///
    /// # Errors
    /// As [`Self::shared_processes`].
    pub async fn rated_processes(&self) -> Result<Arc<ProcessScan>, CollectError> {
        let scans = Arc::clone(&self.0.scans).lock_owned().await;
        let newest = scans.newest();
        if let Some(scan) = newest.as_ref().filter(|scan| scan.interval.is_some()) {
            return Ok(Arc::clone(scan));
        }
        let collector = self.clone();
        // A task of its own: it goes on when a reader leaves, and the lock goes along, so that others
        // wait for the second scan too.
        let both = tokio::spawn(async move {
            let mut scans = scans;
            if newest.is_none() {
                let (first, held) = collector.scan(scans).await?;
                if first.interval.is_some() {
                    return Ok(first);
                }
                scans = held;
            }
            if let Some((finished, _)) = scans.last {
                tokio::time::sleep_until(finished + RATED_AFTER).await;
            }
            let (second, _) = collector.scan(scans).await?;
            Ok(second)
        });
        both.await.unwrap_or(Err(CollectError::Stopped))
    }

    /// Scans the processes for the holder of the lock, who gets it back.
    async fn scan(&self, mut scans: OwnedMutexGuard<Scans>) -> Result<LockedScan, CollectError> {
        // The lock goes along with the scan: a reader that leaves early would otherwise let the
        // next one start a second scan beside the first.
        let scan = self
            .blocking(move |collector| {
                let inner = &*collector.0;
                let names = &inner.account_names;
                let now = inner.clock.now();
                let scan = scans.scanner.scan(&inner.roots, names, now)?;
                let scan = Arc::new(scan);
                scans.last = Some((Instant::now(), Arc::clone(&scan)));
                Ok((scan, scans))
            })
            .await?;
        self.0.account_names.look_up_missing(self, &scan.0);
        Ok(scan)
    }

    /// All that can be read of one process; `None` when there is no such process or it is hidden
    /// from us.
    ///
    /// # Errors
    /// As [`Self::shared_processes`].
    pub async fn process_details(&self, pid: u32) -> Result<Option<ProcessDetails>, CollectError> {
        let scan = self.rated_processes().await?;
        self.blocking(move |collector| {
            let Inner {
                roots,
                account_names,
                ..
            } = &*collector.0;
            processes::read_details(roots, account_names, &scan, pid)
        })
        .await
    }

    /// Counts the processes and lists the logins, off the async threads and at most once a second.
    ///
    /// # Errors
    /// [`CollectError::Stopped`] when the runtime ends.
    pub async fn presence(&self) -> Result<Presence, CollectError> {
        let mut last = Arc::clone(&self.0.presence).lock_owned().await;
        if let Some((read_at, presence)) = &*last
            && read_at.elapsed() < SCAN_KEPT_FOR
        {
            return Ok(presence.clone());
        }
        self.blocking(move |collector| {
            let roots = &collector.0.roots;
            let presence = Presence {
                processes: families::count_processes(&roots.procfs).ok(),
                sessions: families::list_sessions(&roots.rootfs, &roots.procfs).ok(),
            };
            *last = Some((Instant::now(), presence.clone()));
            Ok(presence)
        })
        .await
    }

    /// The kernel's counters and the figures of this process, read now: some files that never block,
    /// so that changing to another thread for them would cost more than they do.
    #[must_use]
    pub fn counters(&self) -> (HostCounters, Option<OwnProcess>) {
        let mut reader = self
            .0
            .counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let host = reader.read();
        drop(reader);
        (host, processes::read_own(self.0.clock.now()))
    }

    /// Runs a reading off the async threads.
    ///
    /// # Errors
    /// Those of the reading, and [`CollectError::Stopped`] when it panics or the runtime ends.
    pub async fn blocking<T, F>(&self, read: F) -> Result<T, CollectError>
    where
        F: FnOnce(&Self) -> Result<T, CollectError> + Send + 'static,
        T: Send + 'static,
    {
        let collector = self.clone();
        tokio::task::spawn_blocking(move || read(&collector))
            .await
            .unwrap_or(Err(CollectError::Stopped))
    }
}

/// Reads a whole small file as text; bytes that are no UTF-8 are replaced.
fn read_text(path: &Path) -> Result<String, CollectError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(source) => Err(CollectError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::testing::Tree;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_scan_is_shared_for_one_second() {
        let tree = Tree::new();
        tree.write_process(1, b"init", 'S');
        let collector = tree.collector();
        let (first, second) =
            tokio::join!(collector.shared_processes(), collector.shared_processes());
        let first = first.unwrap();
        assert!(Arc::ptr_eq(&first, &second.unwrap()));

        tree.write_process(2, b"kthreadd", 'S');
        tokio::time::advance(Duration::from_millis(999)).await;
        let clone = collector.clone();
        assert!(Arc::ptr_eq(
            &first,
            &clone.shared_processes().await.unwrap()
        ));
        tokio::time::advance(Duration::from_millis(2)).await;
        let next = collector.shared_processes().await.unwrap();
        assert_eq!(next.processes.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_scan_whose_reader_left_serves_the_next_one() {
        let tree = Tree::new();
        tree.write_process(1, b"init", 'S');
        let collector = tree.collector();
        let mut left = Box::pin(collector.shared_processes());
        // Begins the scan, which on a busy machine may be over before this thread goes on.
        let mut context = Context::from_waker(Waker::noop());
        assert!(left.as_mut().poll(&mut context).is_pending());
        drop(left);
        // Waits for the lock that the scan holds.
        let kept = Arc::clone(&collector.0.scans).lock_owned().await;
        let scan = Arc::clone(&kept.last.as_ref().unwrap().1);
        drop(kept);
        assert!(Arc::ptr_eq(
            &scan,
            &collector.shared_processes().await.unwrap()
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_reader_of_rates_gets_some_after_a_quarter_of_a_second() {
        let tree = Tree::new();
        tree.write_process(1, b"init", 'S');
        let collector = tree.collector();
        let start = Instant::now();
        let (one, two) = tokio::join!(collector.rated_processes(), collector.rated_processes());
        let scan = one.unwrap();
        assert!(Arc::ptr_eq(&scan, &two.unwrap()));
        assert!(start.elapsed() < Duration::from_millis(300));
        assert_eq!(scan.processes[0].cpu_percent, Some(0.0));

        // A look once a minute is often enough to be measured, and rarely enough to be forgotten.
        tokio::time::advance(Duration::from_mins(2)).await;
        let start = Instant::now();
        let scan = collector.rated_processes().await.unwrap();
        assert_eq!(scan.processes[0].cpu_percent, Some(0.0));
        assert!(start.elapsed() < Duration::from_millis(300));

        // Who wants no rates does not wait, and leaves something to measure from.
        tokio::time::advance(Duration::from_mins(2)).await;
        let plain = collector.shared_processes().await.unwrap();
        assert_eq!(plain.processes[0].cpu_percent, None);
        let scan = collector.rated_processes().await.unwrap();
        assert_eq!(scan.processes[0].cpu_percent, Some(0.0));
    }

    #[tokio::test(start_paused = true)]
    async fn processes_are_counted_for_each_reader_and_once_a_second() {
        let tree = Tree::new();
        tree.write_process(1, b"init", 'S');
        let collector = tree.collector();
        let count = async || collector.presence().await.unwrap().processes.unwrap().total;
        assert_eq!(count().await, 1);
        tree.write_process(2, b"job", 'S');
        assert_eq!(count().await, 1);
        tokio::time::advance(SCAN_KEPT_FOR).await;
        assert_eq!(count().await, 2);
        assert_eq!(collector.presence().await.unwrap().sessions, None);
    }

    #[tokio::test]
    async fn a_failed_scan_is_tried_again() {
        let tree = Tree::new();
        let collector = tree.collector();
        let error = collector.shared_processes().await.unwrap_err();
        assert!(error.to_string().contains("/proc"), "{error}");
        tree.write_process(1, b"init", 'S');
        let scan = collector.shared_processes().await.unwrap();
        assert_eq!(scan.processes.len(), 1);
    }

    #[tokio::test]
    async fn a_panic_in_a_reading_is_an_error() {
        let read = |_: &Collector| -> Result<(), CollectError> { panic!("on purpose") };
        let result = Collector::default().blocking(read).await;
        assert!(matches!(result, Err(CollectError::Stopped)));
    }
}
