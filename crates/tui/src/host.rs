//! What is known of one host, and since when.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::message::{
    Data, Health, HistoryQuery, News, Now, ProcessQuery, ProcessRows, Requests, Wanted,
};
use super::table::Held;
use linux_api_client::error::ClientError;
use linux_api_wire::api::health::Readiness;
use linux_api_wire::api::history::History;
use linux_api_wire::api::keys::ListedKey;
use linux_api_wire::api::processes::ProcessDetail;
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::api::system::SystemInfo;
use linux_api_wire::api::users::{CurrentUser, ListedUser};
use linux_api_wire::api_key::Scope;
use linux_api_wire::snapshot::Network;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;

/// How many readings the graphs remember.
const TRAIL: usize = 600;

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
    pub me: Held<CurrentUser>,
    /// What it is.
    pub info: Held<SystemInfo>,
    /// The newest reading.
    pub snapshot: Held<Snapshot>,
    /// The readings before, oldest first.
    pub trail: VecDeque<Point>,
    /// Its processes.
    pub processes: Held<ProcessRows, ProcessQuery>,
    /// The process that is looked at.
    pub process: Held<ProcessDetail, u32>,
    /// Whether its daemon can work.
    pub readiness: Held<Readiness>,
    /// How its daemon does.
    pub health: Held<Box<Health>>,
    /// Requests to its daemon.
    pub requests: Held<Requests, Timestamp>,
    /// A stored series.
    pub history: Held<History, HistoryQuery>,
    /// Its users.
    pub users: Held<Vec<ListedUser>>,
    /// The keys of one user, by id, or of the caller.
    pub keys: Held<Vec<ListedKey>, Option<String>>,
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
            me: Held::default(),
            info: Held::default(),
            snapshot: Held::default(),
            trail: VecDeque::new(),
            processes: Held::default(),
            process: Held::default(),
            readiness: Held::default(),
            health: Held::default(),
            requests: Held::default(),
            history: Held::default(),
            users: Held::default(),
            keys: Held::default(),
        }
    }

    /// Takes in what the host's feed tells.
    pub fn take(&mut self, news: News, now: Now) {
        match news {
            News::Up(latency) => self.link = Link::Up { latency },
            News::Down { error, retry_in } => {
                let retry_at = now.since_start + retry_in;
                self.link = Link::Down { error, retry_at };
            }
            News::Answer(wanted, Ok(data)) => self.take_data(wanted, data, now),
            News::Answer(wanted, Err(error)) => self.take_error(wanted, error),
            News::Done(..) => {}
        }
    }

    /// Takes in only whether the host responds: the data that is held stays as it is.
    pub fn take_state(&mut self, news: News, now: Now) {
        match news {
            News::Answer(wanted, Ok(_)) => self.recover(&wanted),
            // A gap in a graph that is held still would move it.
            News::Answer(Wanted::Snapshot, Err(error)) => self.snapshot.fail((), error),
            other => self.take(other, now),
        }
    }

    fn take_data(&mut self, wanted: Wanted, data: Data, now: Now) {
        match (wanted, data) {
            (_, Data::Me(me)) => self.me.put((), me, now),
            (_, Data::Info(info)) => self.info.put((), info, now),
            (_, Data::Snapshot(snapshot)) => {
                self.remember(Some(&snapshot));
                self.snapshot.put((), *snapshot, now);
            }
            (Wanted::Processes(query), Data::Processes(rows)) => {
                self.processes.put(query, rows, now);
            }
            (Wanted::Process(pid), Data::Process(process)) => self.process.put(pid, *process, now),
            (_, Data::Readiness(readiness)) => self.readiness.put((), readiness, now),
            (_, Data::Health(health)) => self.health.put((), health, now),
            (Wanted::Requests(time), Data::Requests(requests)) => {
                self.requests.put(time, requests, now);
            }
            (Wanted::History(query), Data::History(history)) => {
                self.history.put(query, history, now);
            }
            (_, Data::Users(users)) => self.users.put((), users, now),
            (Wanted::Keys(owner), Data::Keys(keys)) => self.keys.put(owner, keys, now),
            // A source that responds to something else than it was asked is none.
            _ => {}
        }
    }

    fn take_error(&mut self, wanted: Wanted, error: ClientError) {
        match wanted {
            Wanted::Me => self.me.fail((), error),
            Wanted::Info => self.info.fail((), error),
            Wanted::Snapshot => {
                self.remember(None);
                self.snapshot.fail((), error);
            }
            Wanted::Processes(query) => self.processes.fail(query, error),
            Wanted::Process(pid) => self.process.fail(pid, error),
            Wanted::Readiness => self.readiness.fail((), error),
            Wanted::Health => self.health.fail((), error),
            Wanted::Requests(time) => self.requests.fail(time, error),
            Wanted::History(query) => self.history.fail(query, error),
            Wanted::Users => self.users.fail((), error),
            Wanted::Keys(owner) => self.keys.fail(owner, error),
        }
    }

    fn recover(&mut self, wanted: &Wanted) {
        match wanted {
            Wanted::Me => self.me.recover(),
            Wanted::Info => self.info.recover(),
            Wanted::Snapshot => self.snapshot.recover(),
            Wanted::Processes(_) => self.processes.recover(),
            Wanted::Process(_) => self.process.recover(),
            Wanted::Readiness => self.readiness.recover(),
            Wanted::Health => self.health.recover(),
            Wanted::Requests(_) => self.requests.recover(),
            Wanted::History(_) => self.history.recover(),
            Wanted::Users => self.users.recover(),
            Wanted::Keys(_) => self.keys.recover(),
        }
    }

    /// Why the host as a whole refuses: its readings are what every key is made for, so their
    /// refusal is about all views, but for a key that was narrowed to other things.
    #[must_use]
    pub fn refusal(&self) -> Option<&ClientError> {
        let is_narrow = |error: &&ClientError| {
            matches!(error, ClientError::Refused { status: 403, code, .. }
                if code == "scope_missing" || code == "role_required")
        };
        self.snapshot.error().filter(|error| !is_narrow(error))
    }

    /// Adds to the graphs; a reading that failed is a gap.
    fn remember(&mut self, snapshot: Option<&Snapshot>) {
        if self.trail.len() == TRAIL {
            self.trail.pop_front();
        }
        self.trail
            .push_back(snapshot.map(Point::of).unwrap_or_default());
    }

    /// Why there is no newer list of the processes of this filter and order.
    #[must_use]
    pub fn processes_error(&self, query: &ProcessQuery) -> Option<&ClientError> {
        self.processes.error_where(|met| {
            met.filter == query.filter
                && met.sort == query.sort
                && met.descending == query.descending
        })
    }

    /// Why there is nothing newer of this series.
    #[must_use]
    pub fn history_error(&self, query: &HistoryQuery) -> Option<&ClientError> {
        self.history.error_where(|met| met.series == query.series)
    }

    /// Why there are no newer statistics.
    #[must_use]
    pub fn requests_error(&self) -> Option<&ClientError> {
        self.requests.error_where(|_| true)
    }

    /// Whether the host knows no process of that number any more.
    #[must_use]
    pub fn has_ended(&self, pid: u32) -> bool {
        let error = self.process.error_of(&pid);
        error.is_some_and(|error| matches!(error, ClientError::Refused { status: 404, .. }))
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
