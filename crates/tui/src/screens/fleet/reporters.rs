//! Which remotes are polled for the hosts of their database: one of each database, so that a fleet that shares
//! one is listed once.

use std::collections::HashSet;
use std::time::Duration;

use super::query::{FleetQuery, FleetTrailQuery, STEP};
use crate::app::App;
use crate::host::Link;
use crate::query::{AlertChannelsQuery, AlertsQuery, AnyQuery};
use crate::screens::alerts::acts::READ;
use linux_api_wire::units::floor;

/// How many remotes are polled for their list before it is known whose database they share.
const UNKNOWN_AT_ONCE: usize = 4;
/// How long the list of a database with one host is good for.
const ALONE: Duration = Duration::from_mins(5);

/// Whether each remote is polled.
pub(super) fn reporters(app: &App) -> Vec<bool> {
    let mut covered: HashSet<&str> = HashSet::new();
    let mut unknown = 0;
    let mut chosen = Vec::with_capacity(app.hosts.len());
    for host in &app.hosts {
        let is_up = matches!(host.link, Link::Up { .. });
        let snapshot = host.responses.snapshot.value().filter(|_| is_up);
        let id = snapshot.and_then(|snapshot| snapshot.host_id.as_deref());
        let is_covered = id.is_some_and(|id| covered.contains(id));
        let fleet = &host.responses.fleet;
        chosen.push(match (fleet.value(), fleet.error()) {
            _ if snapshot.is_none() || is_covered => false,
            (Some(list), _) => {
                covered.extend(list.iter().map(|one| one.id.as_str()));
                true
            }
            // One that refuses holds up no other.
            (None, Some(_)) => true,
            (None, None) => {
                unknown += 1;
                unknown <= UNKNOWN_AT_ONCE
            }
        });
    }
    chosen
}

/// What a remote that is one is polled for.
pub(super) fn queries(app: &App, index: usize) -> Vec<AnyQuery> {
    let host = &app.hosts[index];
    let list = &host.responses.fleet;
    let is_alone = list.value().is_some_and(|all| all.len() <= 1);
    let is_good = list.age(app.now).is_some_and(|age| age < ALONE);
    let mut queries = Vec::new();
    if !(is_alone && is_good) {
        queries.push(FleetQuery.into());
    }
    // Many remotes are not polled in the same second of each minute.
    let stagger = Duration::from_secs(index as u64 % STEP);
    let minute = floor(app.time_of(host).saturating_add(stagger), STEP);
    let until = minute.saturating_add(Duration::from_secs(STEP));
    queries.push(FleetTrailQuery { until }.into());
    if host.forbids(READ).is_none() {
        queries.push(AlertsQuery { waiting: false }.into());
        queries.push(AlertChannelsQuery.into());
    }
    queries
}
