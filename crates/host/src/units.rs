//! systemd's units, read over D-Bus.
//!
//! [`Units`] has one connection, which is made when something is read and made again after a failure. A
//! list is one call ([`Units::list`]), shared by all who request one within a second, and another one after a
//! unit file has changed. What has failed ([`Units::failed`]) is one call, which the snapshots make every ten
//! seconds.

mod clock;
mod detail;
mod failed;
mod files;
mod name;
mod restarts;
mod systemd;
mod watch;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use zbus::proxy::CacheProperties;
use zbus::{Connection, connection};

use crate::Collector;
use linux_api_wire::api::units::{UnitDetail, UnitSummary};
use linux_api_wire::time::{Clock, Timestamp};

pub use name::{AnyUnit, NoUnitName, UNIT_TYPES, unit_type};
pub(crate) use watch::FailedWatch;

use files::UnitFiles;
use name::is_template;
use systemd::{File, Loaded, ManagerProxy};

/// The socket of the system's bus, below the root of the host's files.
const SOCKET: &str = "run/dbus/system_bus_socket";
/// How long all that one reading takes may last.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long a systemd that responds may take for the list of its files, of which it may have many.
const FILES_DEADLINE: Duration = Duration::from_secs(10);
/// For how long a list, or the failure to read one, is shared.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// Files of these types are listed though their units are not loaded.
const LISTED_FILES: [&str; 4] = ["service", "timer", "socket", "path"];
/// The most characters of a text that a unit chooses, such as its description.
const TEXT: usize = 1_000;

/// Why systemd could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitsUnavailable(Arc<str>);

impl UnitsUnavailable {
    fn new(reason: impl Into<Arc<str>>) -> Self {
        Self(reason.into())
    }
}

/// The units of a host at one moment.
#[derive(Debug)]
pub struct UnitsListed {
    /// When systemd was polled.
    pub time: Timestamp,
    /// All that are loaded, and those of services, timers, sockets and paths that only have a file; by name.
    pub units: Vec<UnitSummary>,
    /// How many have failed.
    pub failed: usize,
    /// Names of files that are other names of units.
    aliases: HashSet<String>,
}

type Outcome = Result<Arc<UnitsListed>, UnitsUnavailable>;

/// Reads the units of one host. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Units(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The address of the bus.
    bus: String,
    clock: Clock,
    connection: Mutex<Option<Connection>>,
    files: UnitFiles,
    /// All that had failed when that was last read.
    failed: std::sync::Mutex<Arc<[String]>>,
    /// What was listed last.
    list: Arc<Mutex<Option<KeptList>>>,
    /// Counts what this program changed itself.
    changes: AtomicU64,
}

#[derive(Debug)]
struct KeptList {
    finished: Instant,
    /// How many changes there had been when the reading began.
    changes: u64,
    outcome: Outcome,
}

impl Units {
    /// Those of the host whose files are below `rootfs`. Connects to nothing yet.
    #[must_use]
    pub fn new(rootfs: &Path, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            bus: format!("unix:path={}", rootfs.join(SOCKET).display()),
            clock,
            connection: Mutex::new(None),
            files: UnitFiles::new(rootfs),
            failed: std::sync::Mutex::new(Arc::new([])),
            list: Arc::default(),
            changes: AtomicU64::new(0),
        }))
    }

    /// Has what is listed from now on be read from now on: a unit was acted on, and who acted looks next.
    pub fn note_change(&self) {
        self.0.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Lists the units. All who list within a second share a call, or two after a unit file has changed, unless
    /// [`Self::note_change`] was called since.
    ///
    /// # Errors
    /// When the bus or systemd is not there, does not respond within 2 s, or does not list its files within 10 s.
    pub async fn list(&self) -> Result<Arc<UnitsListed>, UnitsUnavailable> {
        let mut kept = Arc::clone(&self.0.list).lock_owned().await;
        let changes = self.0.changes.load(Ordering::Acquire);
        if let Some(list) = &*kept
            && list.finished.elapsed() < KEPT_FOR
            && list.changes == changes
        {
            return list.outcome.clone();
        }
        let units = self.clone();
        // A task of its own: a reader that leaves would otherwise let the next one start over.
        let task = tokio::spawn(async move {
            let outcome = units.read_list().await.map(Arc::new);
            *kept = Some(KeptList {
                finished: Instant::now(),
                changes,
                outcome: outcome.clone(),
            });
            outcome
        });
        let stopped = |_| Err(UnitsUnavailable::new("the reading was given up"));
        task.await.unwrap_or_else(stopped)
    }

    /// What systemd knows of a unit, without its log; `None` when there is none of that name.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn show(&self, name: &AnyUnit) -> Result<Option<UnitDetail>, UnitsUnavailable> {
        if name.is_template() {
            return Ok(None);
        }
        let found = self.in_time(async {
            let connection = self.connect().await?;
            let manager = manager(&connection).await?;
            match manager.get_unit(name.as_str()).await {
                Ok(path) => Ok((connection, Some(path))),
                Err(error) if is_refusal(&error) => Ok((connection, None)),
                Err(error) => Err(error),
            }
        });
        let (connection, path) = found.await?;
        // Loading a unit of which there is no file would make one, out of any text.
        if path.is_none() && !self.list().await?.has_file(name.as_str()) {
            return Ok(None);
        }
        let now = self.0.clock.now();
        let Some(path) = path else {
            let name = name.clone();
            // A task of its own, so that a reader who leaves does not leave the unit loaded.
            let reading = tokio::spawn(async move { read_unloaded(&connection, &name, now).await });
            let stopped = |_| Err(zbus::Error::Failure("the reading was given up".to_owned()));
            return self
                .in_time(async { reading.await.unwrap_or_else(stopped) })
                .await;
        };
        self.in_time(detail::read(&connection, &path, name, now))
            .await
    }

    async fn read_list(&self) -> Result<UnitsListed, UnitsUnavailable> {
        let time = self.0.clock.now();
        let loaded = self.in_time(async {
            let connection = self.connect().await?;
            let manager = manager(&connection).await?;
            let loaded = manager.list_units().await?;
            Ok((manager, loaded))
        });
        let (manager, loaded) = loaded.await?;
        // It responds. Many files may take it longer than that.
        let read = async move { manager.list_unit_files().await };
        let files = self.within(FILES_DEADLINE, self.0.files.current(read));
        Ok(merged(time, loaded, &files.await?))
    }

    async fn connect(&self) -> zbus::Result<Connection> {
        let mut kept = self.0.connection.lock().await;
        if let Some(connection) = kept.as_ref() {
            return Ok(connection.clone());
        }
        // The deadline is that of the whole reading, see `in_time`.
        let builder = connection::Builder::address(self.0.bus.as_str())?;
        let connection = builder.build().await?;
        *kept = Some(connection.clone());
        Ok(connection)
    }

    async fn in_time<T>(
        &self,
        reading: impl Future<Output = zbus::Result<T>>,
    ) -> Result<T, UnitsUnavailable> {
        self.within(DEADLINE, reading).await
    }

    /// Waits for a reading, and drops the connection after a failure, which may be its own.
    async fn within<T>(
        &self,
        deadline: Duration,
        reading: impl Future<Output = zbus::Result<T>>,
    ) -> Result<T, UnitsUnavailable> {
        let reason = match tokio::time::timeout(deadline, reading).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => self.reason(&error),
            Err(_) => format!("systemd did not respond within {} s", deadline.as_secs()),
        };
        *self.0.connection.lock().await = None;
        Err(UnitsUnavailable::new(reason))
    }

    fn reason(&self, error: &zbus::Error) -> String {
        let path = self.0.bus.trim_start_matches("unix:path=");
        match error {
            zbus::Error::Connection(error, _) | zbus::Error::InputOutput(error)
                if error.kind() == std::io::ErrorKind::NotFound =>
            {
                format!("there is no system bus: {path} is not there")
            }
            error => shortened(&format!("systemd can't be reached over {path}: {error}")),
        }
    }
}

impl Collector {
    /// The units of the host, over one connection for all who read them here.
    #[must_use]
    pub fn units(&self) -> &Units {
        &self.0.units
    }
}

impl UnitsListed {
    /// These units, in the order of their names.
    #[must_use]
    pub fn of(time: Timestamp, units: Vec<UnitSummary>) -> Self {
        let has_failed = |unit: &&UnitSummary| unit.active.as_deref() == Some("failed");
        Self {
            time,
            failed: units.iter().filter(has_failed).count(),
            units,
            aliases: HashSet::new(),
        }
    }

    /// Whether there is a file of this name.
    fn has_file(&self, name: &str) -> bool {
        let found = self.units.binary_search_by(|unit| (*unit.name).cmp(name));
        found.is_ok_and(|at| self.units[at].enabled.is_some()) || self.aliases.contains(name)
    }
}

/// Reads a unit that nothing keeps loaded. systemd would read its file again for each property, and log what is
/// wrong with it each time, so it is kept until all are read.
async fn read_unloaded(
    connection: &Connection,
    name: &AnyUnit,
    now: Timestamp,
) -> zbus::Result<Option<UnitDetail>> {
    let manager = manager(connection).await?;
    let is_kept = match manager.ref_unit(name.as_str()).await {
        Ok(()) => true,
        // There is no such unit, or it can't be loaded.
        Err(error) if is_refusal(&error) => false,
        Err(error) => return Err(error),
    };
    let read = async {
        let path = match manager.load_unit(name.as_str()).await {
            Ok(path) => path,
            Err(error) if is_refusal(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if is_kept {
            detail::read(connection, &path, name, now).await
        } else {
            detail::read_at_once(connection, &path, name, now).await
        }
    };
    let detail = read.await;
    if is_kept {
        // Without a reply the end of the connection does the same.
        let _ = manager.unref_unit(name.as_str()).await;
    }
    detail
}

async fn manager(connection: &Connection) -> zbus::Result<ManagerProxy<'static>> {
    let built = ManagerProxy::builder(connection).cache_properties(CacheProperties::No);
    built.build().await
}

/// Whether the other end responded with an error, so that the connection is well.
fn is_refusal(error: &zbus::Error) -> bool {
    let zbus::Error::MethodError(name, ..) = error else {
        return false;
    };
    // The bus itself says that systemd is not there, or does not respond.
    let of_the_bus = [
        "ServiceUnknown",
        "NameHasNoOwner",
        "NoReply",
        "Disconnected",
        "TimedOut",
    ];
    let last = name.as_str().rsplit('.').next().unwrap_or_default();
    !of_the_bus.contains(&last)
}

/// The text as it is shown: no longer than [`TEXT`].
fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn summary(unit: Loaded) -> UnitSummary {
    let (name, description, load, active, sub, _, _, job, job_type, _) = unit;
    UnitSummary {
        name,
        description: shortened(&description),
        load: Some(load),
        active: Some(active),
        sub: Some(sub),
        enabled: None,
        job: (job != 0).then_some(job_type),
    }
}

/// The loaded units, and those that only have a file.
fn merged(time: Timestamp, loaded: Vec<Loaded>, files: &[File]) -> UnitsListed {
    let mut units: BTreeMap<String, UnitSummary> = BTreeMap::new();
    for unit in loaded {
        let unit = summary(unit);
        units.insert(unit.name.clone(), unit);
    }
    let mut aliases = HashSet::new();
    for (path, state) in files {
        let name = path.rsplit('/').next().unwrap_or_default();
        if is_template(name) {
            continue;
        }
        if state == "alias" {
            aliases.insert(name.to_owned());
            continue;
        }
        if let Some(unit) = units.get_mut(name) {
            unit.enabled = Some(state.clone());
        } else if LISTED_FILES.contains(&unit_type(name)) {
            let unit = UnitSummary {
                name: name.to_owned(),
                description: String::new(),
                load: None,
                active: None,
                sub: None,
                enabled: Some(state.clone()),
                job: None,
            };
            units.insert(unit.name.clone(), unit);
        }
    }
    UnitsListed {
        aliases,
        ..UnitsListed::of(time, units.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn loaded(name: &str, active: &str, sub: &str) -> Loaded {
        let path = zbus::zvariant::OwnedObjectPath::default();
        let text = str::to_owned;
        (
            text(name),
            format!("The unit {name}"),
            text("loaded"),
            text(active),
            text(sub),
            String::new(),
            path.clone(),
            u32::from(sub == "start"),
            text("start"),
            path,
        )
    }

    #[test]
    fn files_give_loaded_units_their_state_and_others_a_place() {
        let units = vec![
            loaded("b.service", "failed", "failed"),
            loaded("-.mount", "active", "mounted"),
            loaded("a@1.service", "activating", "start"),
        ];
        let file =
            |path: &str, state: &str| (format!("/usr/lib/systemd/system/{path}"), state.to_owned());
        let files = [
            file("b.service", "enabled"),
            file("c.timer", "disabled"),
            file("a@.service", "static"),
            file("other.target", "static"),
            file("alias.service", "alias"),
        ];
        let listed = merged(Timestamp::from_millis(7), units, &files);
        let names: Vec<&str> = listed.units.iter().map(|unit| &*unit.name).collect();
        assert_eq!(names, ["-.mount", "a@1.service", "b.service", "c.timer"]);
        assert_eq!(listed.failed, 1);
        let [mount, instance, failed, timer] = &listed.units[..] else {
            panic!("{listed:?}")
        };
        assert_eq!((&mount.enabled, &mount.job), (&None, &None));
        assert_eq!(instance.job.as_deref(), Some("start"));
        assert_eq!(failed.enabled.as_deref(), Some("enabled"));
        assert_eq!((&timer.active, &*timer.description), (&None, ""));
        assert!(listed.has_file("b.service") && listed.has_file("alias.service"));
        assert!(!listed.has_file("a@1.service") && !listed.has_file("x.service"));
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "\u{1b}[31mä".repeat(6 << 10);
        assert_eq!(shortened(&long).chars().count(), TEXT + 1);
        assert_eq!(shortened("short"), "short");
    }

    #[tokio::test]
    async fn without_a_bus_the_reason_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let units = Units::new(folder.path(), Clock::system());
        let reason = units.list().await.unwrap_err().to_string();
        assert!(reason.starts_with("there is no system bus: "), "{reason}");
        assert!(reason.contains(SOCKET), "{reason}");
        assert_eq!(units.failed().await.unwrap_err().to_string(), reason);
        let name = "a.service".parse().unwrap();
        assert_eq!(units.show(&name).await.unwrap_err().to_string(), reason);
    }
}
