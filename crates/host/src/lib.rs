//! Reads a Linux host: `/proc`, `/sys`, accounts, sessions and units.
//!
//! - [`HostReader`] reads snapshots: every family of `families`, each with a deadline.
//! - [`counters::HostCounters`] are the kernel's counters as they are, for `/metrics`; [`metrics`] has the rest of
//!   it, as families by node_exporter's names.
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
pub mod metrics;
pub mod network;
mod processes;
mod reader;
mod sources;
mod system;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod units;

use accounts::NameService;
use counters::{CounterReader, HostCounters};
use metrics::{CollectorLane, MetricsOptions, MetricsReading};
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
    metrics: Mutex<CollectorLane>,
    /// What is to be read from the next scrape on.
    wanted_metrics: std::sync::Mutex<Option<MetricsOptions>>,
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
            metrics: Mutex::new(CollectorLane::new(&roots, &MetricsOptions::default())),
            wanted_metrics: std::sync::Mutex::default(),
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

    /// Reads other parts of the host for `/metrics` from the next scrape on.
    pub fn set_metrics(&self, options: MetricsOptions) {
        self.lock_counters().set_collectors(&options.collectors);
        let mut wanted = self
            .0
            .wanted_metrics
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *wanted = Some(options);
    }

    /// What the collectors of `/metrics` find now, and how each did, beside those of [`Self::counters`]. Takes at
    /// most 4 s for each that gets stuck; it is then left alone until it returns.
    pub async fn metrics(&self) -> MetricsReading {
        let mut lane = self.0.metrics.lock().await;
        let wanted = &self.0.wanted_metrics;
        let wanted = wanted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(options) = wanted {
            *lane = CollectorLane::new(&self.0.roots, &options);
        }
        lane.read().await
    }

    fn lock_counters(&self) -> std::sync::MutexGuard<'_, CounterReader> {
        let counters = &self.0.counters;
        counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kernel's counters and the figures of this process, read now: some files that never block,
    /// so that changing to another thread for them would cost more than they do.
    #[must_use]
    pub fn counters(&self) -> (HostCounters, Option<OwnProcess>) {
        let mut reader = self.lock_counters();
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
