//! What one daemon does for all that share a database: it judges which hosts are down, groups notices, and
//! sends them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use linux_api_alerts::evaluate::{States, end_host};
use linux_api_alerts::fleet::{FleetHost, Leadership, down_hosts, evaluate_hosts};
use linux_api_alerts::notice::{Host, InstanceKey};
use linux_api_alerts::plan::{GROUP_INTERVAL, Holding, plan};
use linux_api_alerts::rules::RuleSet;
use linux_api_store::alerts::outbox::{Outgoing, Planned};
use linux_api_store::alerts::states::StateFilter;

use linux_api_store::{Store, StoreError};
use linux_api_wire::fleet::HostRow;
use linux_api_wire::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Alerts;
use super::deliveries;
use super::evaluator::{INTERVAL, is_of_fleet};
use super::keeper::Keeper;
use super::outage::OutageNotice;
use super::settings::Settings;
use crate::tasks::supervisor::every;

/// How often the sender looks whether something is to be sent.
const TURN: Duration = Duration::from_secs(5);
/// How often the lease is renewed.
const LEASE_INTERVAL: Duration = Duration::from_secs(15);
/// How often the others try to take it, which costs nothing while their flushes see who has it: with a minute that it
/// lasts, another daemon leads within 90 seconds.
const TRY_INTERVAL: Duration = Duration::from_secs(10);
/// When the first turn is. The evaluator has another place in its interval, so that both seldom need a connection
/// at the same time: an idle daemon keeps one.
const FIRST_TURN: Duration = Duration::from_millis(3_700);
/// How often old rows are deleted.
const TIDY_INTERVAL: Duration = Duration::from_hours(1);
/// How often what is remembered of hosts that were forgotten is ended.
const FORGOTTEN_INTERVAL: Duration = Duration::from_mins(5);
/// How long a host that is not listed has not been judged before it counts as forgotten; longer than any
/// interval at which daemons write.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(15);
/// How many rows one deletion takes.
const TIDY_ROWS: u32 = 1_000;
/// How often peers are probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(30);
/// Begins the id of a peer.
const PEER: &str = "peer:";
/// As long as a peer is silent at least when it begins to look down.
const PEER_SILENCE: Duration = Duration::from_secs(90);
/// How long a notice waits where no daemon can send it.
const UNSENT_MAX: Duration = Duration::from_hours(24);
/// The most notices that are planned at once; the rest follows in the next turn.
const NOTICES_MAX: u32 = 2_000;
const HOSTS_PAGE: u32 = 1_000;

/// Judges the fleet and sends, while it holds the lease.
#[derive(Debug)]
pub struct Leader {
    alerts: Alerts,
    own: Host,
    instance_id: Arc<str>,
    lease: Option<Lease>,
    lease_checked: Option<Timestamp>,
    judged_at: Option<Timestamp>,
    tidied_at: Option<Timestamp>,
    probed_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    /// Since when the database can be used.
    database_since: Option<Timestamp>,
    keeper: Keeper,
    /// When each peer responded last.
    peers: BTreeMap<String, Timestamp>,
    outage: OutageNotice,
}

/// That this daemon is the one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lease {
    holder: String,
    sends: bool,
    since: Timestamp,
}

impl Leader {
    /// One that does not lead yet. `instance_id` is that of this start of the daemon.
    #[must_use]
    pub fn new(
        alerts: Alerts,
        own: Host,
        instance_id: Arc<str>,
        state_folder: Option<std::path::PathBuf>,
    ) -> Self {
        Self {
            outage: OutageNotice::new(own.clone(), state_folder),
            alerts,
            own,
            instance_id,
            lease: None,
            lease_checked: None,
            judged_at: None,
            tidied_at: None,
            probed_at: None,
            ended_at: None,
            database_since: None,
            keeper: Keeper::default(),
            peers: BTreeMap::new(),
        }
    }

    /// Works until stopped, and then lets another daemon take over at once.
    pub async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(tokio::time::sleep(FIRST_TURN))
            .await;
        every(TURN, &stop, &mut self, |one| one.turn().boxed()).await;
        if let Some(lease) = self.lease {
            // When this fails, the lease ends a minute later.
            let released = self.alerts.store().release_alert_lease(&lease.holder);
            let _ = tokio::time::timeout(Duration::from_secs(2), released).await;
        }
    }

    /// Does what is due.
    pub async fn turn(&mut self) {
        let settings = self.alerts.settings();
        if !settings.enabled {
            self.lose();
            return;
        }
        self.alerts.refresh_channels().await;
        // States of a rule that is not known yet would begin a second time.
        if !self.alerts.has_rules() {
            return;
        }
        let store = self.alerts.store().clone();
        let now = store.clock().now();
        if !store.is_ready() {
            self.database_since = None;
            self.lose();
            self.outage.turn(&self.alerts, now).await;
            return;
        }
        self.database_since.get_or_insert(now);
        self.outage.is_over(&self.alerts, now).await;
        if let Err(error) = self.lead(&store, &settings, now).await {
            tracing::debug!(%error, "can't lead the alerts");
        }
    }

    /// What a daemon that lost the lease knew is read again when it takes it.
    fn lose(&mut self) {
        if self.lease.take().is_some() {
            self.keeper = Keeper::default();
            self.alerts.note_leader(false);
        }
        self.lease_checked = None;
        self.judged_at = None;
    }

    async fn lead(
        &mut self,
        store: &Store,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if !self.hold_lease(store, now).await? {
            return Ok(());
        }
        let Some(lease) = self.lease.clone() else {
            return Ok(());
        };
        if !settings.peers.is_empty() && is_due(self.probed_at, PROBE_INTERVAL, now) {
            self.probed_at = Some(now);
            self.probe(settings).await;
        }
        // What fails keeps nothing else from being done.
        let mut outcome = Ok(());
        if is_due(self.judged_at, INTERVAL, now) {
            self.judged_at = Some(now);
            outcome = self.judge(store, settings, &lease, now).await;
        }
        if lease.sends {
            outcome = outcome.and(self.send(store, settings, &lease).await);
        }
        if is_due(self.tidied_at, TIDY_INTERVAL, now) {
            self.tidied_at = Some(now);
            outcome = outcome.and(tidy(store, settings, lease.sends).await);
        }
        outcome
    }

    /// Takes or keeps the lease; `false` while another daemon has it.
    async fn hold_lease(&mut self, store: &Store, now: Timestamp) -> Result<bool, StoreError> {
        let sends = self.alerts.can_send();
        let is_other = self
            .lease
            .as_ref()
            .is_some_and(|lease| lease.sends != sends);
        let interval = match self.lease {
            Some(_) => LEASE_INTERVAL,
            None => TRY_INTERVAL,
        };
        if !is_due(self.lease_checked, interval, now) && !is_other {
            return Ok(self.lease.is_some());
        }
        let word = if sends { "send" } else { "show" };
        let holder = format!("{word}:{}", self.instance_id);
        let held = store.hold_alert_lease(&holder, sends).await?;
        if !held {
            self.lose();
            self.lease_checked = Some(now);
            self.outage.note_leader(false);
            return Ok(false);
        }
        self.lease_checked = Some(now);
        if self
            .lease
            .as_ref()
            .is_none_or(|lease| lease.holder != holder)
        {
            tracing::info!(sends, "this daemon judges the fleet's alerts now");
            self.keeper = Keeper::default();
            self.peers.clear();
            self.lease = Some(Lease {
                holder,
                sends,
                since: now,
            });
        }
        self.outage.note_leader(sends);
        self.alerts.note_leader(true);
        Ok(true)
    }

    /// Judges which hosts and peers are down.
    async fn judge(
        &mut self,
        store: &Store,
        settings: &Settings,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rules = self.alerts.rules();
        let filter = StateFilter::default();
        let is_own = |key: &InstanceKey| is_of_fleet(&rules.set, key);
        if !self.keeper.is_loaded() {
            self.keeper.load(store, &filter, is_own).await?;
        }
        let mut hosts = self.hosts(store, now).await?;
        let ids: Vec<String> = hosts.iter().map(|one| one.host.id.clone()).collect();
        hosts.extend(self.peer_hosts(settings, now));
        let mut states = self.keeper.states.clone();
        let leadership = Leadership {
            lease_since: lease.since,
            database_since: self.database_since.unwrap_or(now),
        };
        let judged = evaluate_hosts(&rules.set, &hosts, leadership, &mut states, now);
        self.alerts.announce(&judged.notices);
        self.keeper.note(states, judged.notices);
        self.keeper.save(store, &filter, is_own).await?;
        if is_due(self.ended_at, FORGOTTEN_INTERVAL, now) {
            self.ended_at = Some(now);
            self.end_forgotten(store, &rules.set, &ids, now).await?;
        }
        Ok(())
    }

    /// Ends what is remembered of hosts that were forgotten: no daemon judges it any more.
    async fn end_forgotten(
        &self,
        store: &Store,
        rules: &RuleSet,
        hosts: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let all = StateFilter::default();
        let is_left = |key: &InstanceKey| {
            !is_of_fleet(rules, key) && key.host != self.own.id && !hosts.contains(&key.host)
        };
        let mut keeper = Keeper::default();
        keeper.load(store, &all, is_left).await?;
        let mut states: States = keeper.states.clone();
        // A daemon that has begun may judge its host before it writes that the host is there.
        let old = states
            .iter()
            .filter(|(_, state)| now.since(state.evaluated_at) >= FORGOTTEN_AFTER);
        let gone: BTreeSet<String> = old.map(|(key, _)| key.host.clone()).collect();
        let mut notices = Vec::new();
        for id in gone {
            let host = Host {
                name: id.clone(),
                id,
                ..Host::default()
            };
            notices.extend(end_host(rules, &host, &mut states, now));
        }
        if states.len() == keeper.states.len() {
            return Ok(());
        }
        keeper.note(states, notices);
        keeper.save(store, &all, is_left).await
    }

    /// All hosts, with the time when each was last seen by the clock of this one.
    async fn hosts(&self, store: &Store, now: Timestamp) -> Result<Vec<FleetHost>, StoreError> {
        let mut rows: Vec<HostRow> = Vec::new();
        loop {
            let after = rows.last().map(|row| (row.name.clone(), row.id.clone()));
            let after = after
                .as_ref()
                .map(|(name, id)| (name.as_str(), id.as_str()));
            let page = store.list_hosts(after, HOSTS_PAGE).await?;
            let is_last = page.len() < HOSTS_PAGE as usize;
            rows.extend(page);
            if is_last {
                break;
            }
        }
        let own_ahead = rows.iter().find(|row| row.id == self.own.id);
        let own_ahead = own_ahead.and_then(|row| row.clock_ahead);
        let host = |row: HostRow| {
            // By how much the clocks of both are ahead of the database's, as far as that is known.
            let both = own_ahead.zip(row.clock_ahead);
            let off = both.map_or(0, |(own, other)| own.saturating_sub(other));
            let seen = row.last_seen.as_millis().saturating_add(off);
            // The daemon that judges is there.
            let is_own = row.id == self.own.id;
            FleetHost {
                last_seen: if is_own {
                    now
                } else {
                    Timestamp::from_millis(seen)
                },
                host: Host {
                    id: row.id,
                    name: row.name,
                    labels: row.labels,
                },
            }
        };
        Ok(rows.into_iter().map(host).collect())
    }

    /// Peers as hosts. One that has not responded since this daemon leads counts as seen when it began to
    /// lead; one that was down before stays so until it responds.
    fn peer_hosts(&mut self, settings: &Settings, now: Timestamp) -> Vec<FleetHost> {
        for (key, state) in &self.keeper.states {
            if let Some(address) = key.host.strip_prefix(PEER)
                && let Some(since) = state.since()
            {
                let seen = since.saturating_sub(PEER_SILENCE);
                self.peers.entry(address.to_owned()).or_insert(seen);
            }
        }
        let peers = settings.peers.iter().map(|peer| FleetHost {
            last_seen: *self.peers.entry(peer.address.clone()).or_insert(now),
            host: Host {
                id: format!("{PEER}{}", peer.address),
                name: peer.name.clone(),
                ..Host::default()
            },
        });
        peers.collect()
    }

    async fn probe(&mut self, settings: &Settings) {
        let Some(sender) = self.alerts.sender() else {
            return;
        };
        let probes = settings.peers.iter().map(|peer| {
            let sender = sender.clone();
            async move { (peer.address.clone(), sender.get(&peer.probe).await) }
        });
        let probes: Vec<_> = probes.collect();
        let mut probes = futures_util::stream::iter(probes).buffer_unordered(deliveries::AT_ONCE);
        while let Some((address, outcome)) = probes.next().await {
            match outcome {
                Ok(()) => {
                    self.peers
                        .insert(address, self.alerts.store().clock().now());
                }
                Err(error) => tracing::debug!(peer = address, error, "a peer does not respond"),
            }
        }
    }

    /// Makes messages of the notices that are due, and sends those that are on their way.
    async fn send(
        &self,
        store: &Store,
        settings: &Settings,
        lease: &Lease,
    ) -> Result<(), StoreError> {
        let now = store.clock().now();
        let waiting = store.waiting_notices(NOTICES_MAX).await?;
        if !waiting.is_empty() {
            let groups = store
                .alert_groups(now.saturating_sub(GROUP_INTERVAL))
                .await?;
            let silences = store.alert_silences(now).await?;
            let down = down_hosts(&self.alerts.rules().set, &self.keeper.states);
            let holding = Holding {
                silences: &silences,
                quiet: &settings.quiet,
                down: &down,
            };
            let plan = plan(&waiting, &groups, &holding, now);
            let channels = self.alerts.channels();
            let outgoing = plan.bundles.iter().map(|bundle| Outgoing {
                channels: channels.meant(&bundle.key.channels),
                bundle: bundle.clone(),
            });
            let outgoing: Vec<Outgoing> = outgoing.collect();
            if !outgoing.is_empty() || !plan.dropped.is_empty() {
                match store.store_plan(&lease.holder, &plan, &outgoing).await? {
                    Planned::Stored(_) => {}
                    Planned::NotLeader => return Ok(()),
                }
            }
        }
        deliveries::send_due(&self.alerts, store).await
    }
}

/// Deletes what is older than it is kept. Where no daemon can send, notices do not wait forever.
async fn tidy(store: &Store, settings: &Settings, sends: bool) -> Result<(), StoreError> {
    let now = store.clock().now();
    let before = now.saturating_sub(settings.keep);
    while store.delete_old_alerts(before, TIDY_ROWS).await? >= u64::from(TIDY_ROWS) {
        tokio::task::yield_now().await;
    }
    store.delete_silences_over(before).await?;
    if !sends {
        store
            .drop_unsent_notices(now.saturating_sub(UNSENT_MAX))
            .await?;
    }
    Ok(())
}

/// A clock that was set back has it be due.
fn is_due(last: Option<Timestamp>, interval: Duration, now: Timestamp) -> bool {
    last.is_none_or(|last| now < last || now.since(last) >= interval)
}
