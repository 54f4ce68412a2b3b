//! What is known of one host, and since when.

use std::collections::BTreeMap;
use std::time::Duration;

use super::message::{ClockReading, FeedEvent};
use super::query::{AnyQuery, AnyResponse, ProcessDetailQuery, Responses};
use super::trail::Trail;
use linux_api_client::error::ClientError;
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::api_key::Scope;
use linux_api_wire::snapshot::Network;
use linux_api_wire::user::Role;

/// The connection to a host.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    /// Nothing came back yet.
    Connecting {
        /// Since when.
        since: Duration,
    },
    /// It responds.
    Up {
        /// How fast.
        latency: Duration,
    },
    /// It does not.
    Down {
        /// Why.
        error: ClientError,
        /// When it is polled again.
        retry_at: Duration,
    },
}

/// All that is known of a host.
#[derive(Debug, Clone)]
pub struct HostState {
    /// What the user calls it.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// What it is called besides.
    pub labels: BTreeMap<String, String>,
    /// The connection to it.
    pub link: Link,
    /// What kind of session it is, where that is not the usual one.
    pub session: Option<String>,
    /// Whether it was offered to copy this program there.
    pub was_offered: bool,
    /// The readings before.
    pub trail: Trail,
    /// The newest responses.
    pub responses: Responses,
}

impl HostState {
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
            session: None,
            was_offered: false,
            trail: Trail::default(),
            responses: Responses::default(),
        }
    }

    /// Takes what came from the host's feed.
    pub fn take(&mut self, event: FeedEvent, now: ClockReading) {
        match event {
            FeedEvent::Up(latency) => self.link = Link::Up { latency },
            FeedEvent::Down { error, retry_in } => {
                let retry_at = now.since_start + retry_in;
                self.link = Link::Down { error, retry_at };
            }
            FeedEvent::Response(query, Ok(response)) => {
                if let AnyResponse::Snapshot(snapshot) = &response {
                    self.trail.push(snapshot);
                }
                self.responses.put(query, response, now);
            }
            FeedEvent::Response(query, Err(error)) => {
                if let AnyQuery::Snapshot(_) = query {
                    self.trail.miss();
                }
                self.responses.fail(query, error);
            }
            FeedEvent::Session(session) => self.session = session,
            FeedEvent::Changed(..) => {}
        }
    }

    /// Takes only whether the host responds: the responses and the graphs stay as they are.
    pub fn take_state(&mut self, event: FeedEvent, now: ClockReading) {
        match event {
            FeedEvent::Response(query, Ok(_)) => self.responses.recover(&query),
            FeedEvent::Response(query, Err(error)) => self.responses.fail(query, error),
            other => self.take(other, now),
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
        self.responses
            .snapshot
            .error()
            .filter(|error| !is_narrow(error))
    }

    /// How far the clock of its time zone is ahead of UTC, in seconds, where its daemon reports it.
    #[must_use]
    pub fn utc_offset(&self) -> Option<i32> {
        self.responses.info.value()?.utc_offset_seconds
    }

    /// Whether it can be logged in to and has no linux-api.
    pub(crate) fn lacks_program(&self) -> bool {
        let Link::Down { error, .. } = &self.link else {
            return false;
        };
        matches!(error, ClientError::NoProgram { .. })
    }

    /// Whether the host knows no process of that number any more.
    #[must_use]
    pub fn has_ended(&self, pid: u32) -> bool {
        let error = self.responses.process.error_of(&ProcessDetailQuery(pid));
        error.is_some_and(|error| matches!(error, ClientError::Refused { status: 404, .. }))
    }

    /// Whether it needs attention: it is down, a reading failed, or something is nearly full.
    #[must_use]
    pub fn has_trouble(&self) -> bool {
        !matches!(self.link, Link::Up { .. })
            || self.responses.snapshot.error().is_some()
            || self.responses.snapshot.value().is_some_and(is_strained)
    }

    /// Why the key may not do this; `None` when it may.
    #[must_use]
    pub fn forbids(&self, scope: Scope) -> Option<String> {
        let Some(me) = self.responses.me.value() else {
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
            let is_open = self.responses.me.error().is_some_and(is_hidden);
            return (!is_open).then(|| "who the key belongs to is not known yet".to_owned());
        };
        // Of a role of a later version the daemon decides.
        let role = me.user_perm.role.parse::<Role>();
        if role.is_ok_and(|role| role < scope.role()) {
            return Some(format!("needs {}", scope.role()));
        }
        let scopes = &me.user_perm.scopes;
        let has = scopes.is_empty() || scopes.iter().any(|it| it == scope.as_str());
        (!has).then(|| format!("needs scope {scope}"))
    }

    /// Whether its daemon says that it judges no alerts: then none that fires says nothing.
    #[must_use]
    pub fn judges_nothing(&self) -> bool {
        let channels = self.responses.alert_channels.value();
        channels.is_some_and(|channels| !channels.enabled)
    }

    /// Why nothing of the kind of this scope can be done on the host, and the command that would change it;
    /// nothing where something can be.
    #[must_use]
    pub fn cannot_act(&self, scope: Scope) -> Option<String> {
        if let Some(reason) = self.forbids(scope) {
            return Some(reason);
        }
        let state = match (self.responses.acts.error(), self.responses.acts.value()) {
            (Some(ClientError::Refused { status: 404, .. }), _) => {
                return Some("this daemon is older: it does not act".to_owned());
            }
            (Some(error), _) => return Some(error.in_short()),
            (None, None) => return Some("whether this host allows it is not known yet".to_owned()),
            (None, Some(state)) => state,
        };
        let is_allowed = match scope {
            Scope::UnitsAct => state.units,
            _ => state.processes,
        };
        if state.available && is_allowed {
            return None;
        }
        let reason = state.reason.as_deref();
        let reason = reason.unwrap_or("the policy of this host does not allow it");
        Some(match &state.remedy {
            Some(remedy) => format!("{reason}; {remedy}"),
            None => reason.to_owned(),
        })
    }
}

/// Whether memory, a filesystem or the processors are nearly used up.
fn is_strained(snapshot: &Snapshot) -> bool {
    use linux_api_wire::units::compact::share;

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
/// Where no interface has a device (within a container, or on an older daemon) all count that
/// lead elsewhere.
#[must_use]
pub fn traffic(networks: &[Network]) -> (&'static str, fn(&Network) -> bool) {
    if networks.iter().any(|network| network.has_device) {
        ("all network devices", |network| network.has_device)
    } else {
        ("all interfaces but lo", |network| network.interface != "lo")
    }
}
