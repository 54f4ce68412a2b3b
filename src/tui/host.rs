//! What is known of one host, and since when.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::message::{Data, Health, News, Now, ProcessRows, Requests, Wanted};
use crate::api::health::Readiness;
use crate::api::history::History;
use crate::api::keys::ListedKey;
use crate::api::processes::ProcessDetail;
use crate::api::snapshot::Snapshot;
use crate::api::system::SystemInfo;
use crate::api::users::{CurrentUser, ListedUser};
use crate::client::error::ClientError;
use crate::model::api_key::Scope;
use crate::model::snapshot::Network;
use crate::model::user::Role;

/// How many readings the graphs remember.
const TRAIL: usize = 600;
/// Data is old after this many missed readings.
const MISSED: u32 = 4;

/// The connection to a host.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    /// Nothing came back yet.
    Connecting {
        /// Since when.
        since: Duration,
    },
    /// It answers.
    Up {
        /// How fast.
        latency: Duration,
    },
    /// It does not.
    Down {
        /// Why.
        error: ClientError,
        /// When it will be asked again.
        retry_at: Duration,
    },
}

/// A value with the time of its arrival. An error leaves the old value in place.
#[derive(Debug, Clone, PartialEq)]
pub struct Fresh<T> {
    value: Option<T>,
    at: Duration,
    error: Option<ClientError>,
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self {
            value: None,
            at: Duration::ZERO,
            error: None,
        }
    }
}

impl<T> Fresh<T> {
    /// The newest value that there is.
    pub const fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Why there is no newer one.
    pub const fn error(&self) -> Option<&ClientError> {
        self.error.as_ref()
    }

    /// How old the value is.
    pub fn age(&self, now: Now) -> Duration {
        now.since_start.saturating_sub(self.at)
    }

    fn put(&mut self, value: T, now: Now) {
        self.value = Some(value);
        self.at = now.since_start;
        self.error = None;
    }
}

/// One reading for the graphs; absent where nothing was read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    /// Percent of all processors.
    pub cpu: Option<f64>,
    /// Percent of main memory.
    pub memory: Option<f64>,
    /// Bytes per second over all interfaces but loopback.
    pub received: Option<f64>,
    /// Bytes per second over all interfaces but loopback.
    pub sent: Option<f64>,
}

/// All that is known of a host.
#[derive(Debug, Clone)]
pub struct Host {
    /// What the user calls it.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// What it is called besides.
    pub labels: BTreeMap<String, String>,
    /// The connection to it.
    pub link: Link,
    /// Who we are there.
    pub me: Fresh<CurrentUser>,
    /// What it is.
    pub info: Fresh<SystemInfo>,
    /// The newest reading.
    pub snapshot: Fresh<Snapshot>,
    /// The readings before, oldest first.
    pub trail: VecDeque<Point>,
    /// Its processes.
    pub processes: Fresh<ProcessRows>,
    /// The process that is looked at.
    pub process: Fresh<ProcessDetail>,
    /// Whether its daemon can work.
    pub readiness: Fresh<Readiness>,
    /// How its daemon does.
    pub health: Fresh<Box<Health>>,
    /// Requests to its daemon.
    pub requests: Fresh<Requests>,
    /// A stored series.
    pub history: Fresh<History>,
    /// Its users.
    pub users: Fresh<Vec<ListedUser>>,
    /// The keys of one user.
    pub keys: Fresh<Vec<ListedKey>>,
    /// Whose keys they are: the user that was asked about, by id, or the caller.
    pub keys_of: Option<Option<String>>,
}

impl Host {
    /// A host of which nothing is known.
    #[must_use]
    pub fn new(name: String, address: String, labels: BTreeMap<String, String>) -> Self {
        Self {
            name,
            address,
            labels,
            link: Link::Connecting {
                since: Duration::ZERO,
            },
            me: Fresh::default(),
            info: Fresh::default(),
            snapshot: Fresh::default(),
            trail: VecDeque::new(),
            processes: Fresh::default(),
            process: Fresh::default(),
            readiness: Fresh::default(),
            health: Fresh::default(),
            requests: Fresh::default(),
            history: Fresh::default(),
            users: Fresh::default(),
            keys: Fresh::default(),
            keys_of: None,
        }
    }

    /// Takes in what the host's feed tells.
    pub fn take(&mut self, news: News, now: Now) {
        if let News::Answer(Wanted::Keys(owner), _) = &news
            && self.keys_of.as_ref() != Some(owner)
        {
            // Nobody is to take the keys of one user for those of another.
            self.keys = Fresh::default();
            self.keys_of = Some(owner.clone());
        }
        match news {
            News::Up(latency) => self.link = Link::Up { latency },
            News::Down { error, retry_in } => {
                let retry_at = now.since_start + retry_in;
                self.link = Link::Down { error, retry_at };
            }
            News::Answer(_, Ok(data)) => self.take_data(data, now),
            News::Answer(wanted, Err(error)) => self.take_error(&wanted, error),
            News::Done(..) => {}
        }
    }

    fn take_data(&mut self, data: Data, now: Now) {
        match data {
            Data::Me(me) => self.me.put(me, now),
            Data::Info(info) => self.info.put(info, now),
            Data::Snapshot(snapshot) => {
                self.remember(Some(&snapshot));
                self.snapshot.put(*snapshot, now);
            }
            Data::Processes(rows) => self.processes.put(rows, now),
            Data::Process(process) => self.process.put(*process, now),
            Data::Readiness(readiness) => self.readiness.put(readiness, now),
            Data::Health(health) => self.health.put(health, now),
            Data::Requests(requests) => self.requests.put(requests, now),
            Data::History(history) => self.history.put(history, now),
            Data::Users(users) => self.users.put(users, now),
            Data::Keys(keys) => self.keys.put(keys, now),
        }
    }

    fn take_error(&mut self, wanted: &Wanted, error: ClientError) {
        let error = Some(error);
        match wanted {
            Wanted::Me => self.me.error = error,
            Wanted::Info => self.info.error = error,
            Wanted::Snapshot => {
                self.remember(None);
                self.snapshot.error = error;
            }
            Wanted::Processes(_) => self.processes.error = error,
            Wanted::Process(_) => self.process.error = error,
            Wanted::Readiness => self.readiness.error = error,
            Wanted::Health => self.health.error = error,
            Wanted::Requests(_) => self.requests.error = error,
            Wanted::History(_) => self.history.error = error,
            Wanted::Users => self.users.error = error,
            Wanted::Keys(_) => self.keys.error = error,
        }
    }

    /// Adds to the graphs; a reading that failed is a gap.
    fn remember(&mut self, snapshot: Option<&Snapshot>) {
        if self.trail.len() == TRAIL {
            self.trail.pop_front();
        }
        self.trail
            .push_back(snapshot.map(Point::of).unwrap_or_default());
    }

    /// Whether what is shown of it is old: it does not answer, or not often enough.
    #[must_use]
    pub fn is_stale(&self, now: Now, every: Duration) -> bool {
        let late = self.snapshot.age(now) > every.saturating_mul(MISSED);
        self.snapshot.value().is_some() && (late || matches!(self.link, Link::Down { .. }))
    }

    /// Whether it needs somebody: it is down, a reading failed, or something is nearly full.
    #[must_use]
    pub fn has_trouble(&self) -> bool {
        !matches!(self.link, Link::Up { .. })
            || self.snapshot.error().is_some()
            || self.snapshot.value().is_some_and(is_strained)
    }

    /// Why the key may not do this; `None` when it may.
    #[must_use]
    pub fn forbids(&self, scope: Scope) -> Option<String> {
        let Some(me) = self.me.value() else {
            // A key may lack the scope to be looked up itself and have this one: the daemon decides.
            let is_hidden = |error: &ClientError| {
                matches!(
                    error,
                    ClientError::Refused {
                        status: 403 | 404,
                        ..
                    }
                )
            };
            let is_open = self.me.error().is_some_and(is_hidden);
            return (!is_open).then(|| "who the key belongs to is not known yet".to_owned());
        };
        if scope.role() == Role::Admin && me.user_perm.role == Role::Viewer.as_str() {
            return Some("needs admin".to_owned());
        }
        let scopes = &me.user_perm.scopes;
        let has = scopes.is_empty() || scopes.iter().any(|it| it == scope.as_str());
        (!has).then(|| format!("needs scope {scope}"))
    }
}

/// Whether memory, a filesystem or the processors are nearly used up.
fn is_strained(snapshot: &Snapshot) -> bool {
    use super::units::share;

    let full = |used: u64, total: u64| share(used, total) >= 90.0;
    let memory = snapshot.memory.as_ref();
    let filesystems = snapshot.filesystems.as_deref().unwrap_or_default();
    snapshot
        .cpu
        .as_ref()
        .is_some_and(|cpu| cpu.usage_percent >= 90.0)
        || memory.is_some_and(|memory| full(memory.used_bytes, memory.total_bytes))
        || filesystems.iter().any(|filesystem| {
            filesystem.stale || filesystem.strain().is_some_and(|percent| percent >= 90.0)
        })
}

/// Which interfaces are added up as the host's traffic, and what they are called together.
///
/// A byte may pass a bridge, a VLAN and a bond before it leaves by a device: only the last is counted.
/// Where no interface has a device (within a container, or as an older daemon tells) all count that
/// lead elsewhere.
#[must_use]
pub fn traffic(networks: &[Network]) -> (&'static str, fn(&Network) -> bool) {
    if networks.iter().any(|network| network.has_device) {
        ("all network devices", |network| network.has_device)
    } else {
        ("all interfaces but lo", |network| network.interface != "lo")
    }
}

impl Point {
    fn of(snapshot: &Snapshot) -> Self {
        use super::units::share;

        let networks = || {
            let all = snapshot.networks.as_deref()?;
            let (_, counts) = traffic(all);
            Some(all.iter().filter(move |network| counts(network)))
        };
        Self {
            cpu: snapshot.cpu.as_ref().map(|cpu| cpu.usage_percent),
            memory: snapshot
                .memory
                .as_ref()
                .map(|memory| share(memory.used_bytes, memory.total_bytes)),
            received: networks().map(|all| all.map(|it| it.received_bytes_per_second).sum()),
            sent: networks().map(|all| all.map(|it| it.sent_bytes_per_second).sum()),
        }
    }
}
