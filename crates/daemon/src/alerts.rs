//! Alerts at work: each daemon judges its own host, one of them judges the fleet and sends for all.
//!
//! What is judged and sent is decided by the crate `linux-api-alerts`; here are its clock, its readings, the
//! database and the network.
//!
//! - [`evaluator::Evaluator`] judges this host every ten seconds, also without the database.
//! - [`leader::Leader`] holds the lease: hosts that are down, grouping, sending, old rows.
//! - [`readings::Readings`]: what is judged, and what helps to understand it.
//! - `remedies`: units that are restarted because a rule fires; `spool`: what waits for the database, in a file.
//! - `keeper`: states between memory and the database; `outage`: the one notice that the database is away.
//! - [`sender::Sender`]: requests with the addresses of receivers checked; `mail`: SMTP.
//! - [`settings::Settings`], `rules`: the configuration, and the rules in force.

mod deliveries;
pub mod evaluator;
pub mod heartbeat;
mod keeper;
pub mod leader;
mod mail;
mod outage;
pub mod readings;
mod remedies;
mod resolver;
mod rules;
pub mod sender;
pub mod settings;
mod spool;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use linux_api_alerts::brake::{ActResult, Brake};
use linux_api_alerts::evaluate::States;
use linux_api_alerts::message::Message;
use linux_api_alerts::name::Name;
use linux_api_alerts::notice::Notice;
use linux_api_store::Store;
use linux_api_wire::time::Timestamp;
use tokio::sync::broadcast;
use tokio::time::Instant;

use linux_api_alerts::delivery::Reception;
pub use rules::{RulesInForce, check_rule_files, restarting_rules};
use sender::{ChannelSet, SendResult, Sender};
use settings::Settings;

/// How often secrets are read again.
const SECRETS_AGE_MAX: Duration = Duration::from_mins(1);
/// How many notices a reader of [`Alerts::subscribe`] may be behind.
const EVENTS: usize = 1_000;

/// What others see of alerts, and change. Clones share it.
#[derive(Debug, Clone)]
pub struct Alerts(Arc<Core>);

#[derive(Debug)]
struct Core {
    store: Store,
    settings: ArcSwap<Settings>,
    rules: ArcSwap<RulesInForce>,
    rules_revision: AtomicU64,
    /// Whether they were read at all: before, only the stock rules are known.
    has_rules: AtomicBool,
    channels: ArcSwap<ChannelSet>,
    /// When the secrets of channels were read, and of which settings.
    channels_read: Mutex<Option<(Instant, Arc<Settings>)>>,
    sender: ArcSwapOption<Sender>,
    own_states: ArcSwap<States>,
    own_brake: ArcSwap<Brake>,
    /// How many automatic acts have ended, by result.
    acts: Mutex<BTreeMap<ActResult, u64>>,
    evaluated: Mutex<Option<Evaluated>>,
    leads: AtomicBool,
    /// Channels that have taken nothing since a time.
    failing: Mutex<BTreeMap<String, Timestamp>>,
    events: broadcast::Sender<Arc<Notice>>,
}

/// The last evaluation of this host.
#[derive(Debug, Clone, Copy)]
struct Evaluated {
    time: Timestamp,
    waiting: usize,
}

/// How alerts are doing on this daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts beside each other, no states"
)]
pub struct AlertsHealth {
    /// Whether rules are judged at all.
    pub enabled: bool,
    /// How many rules are in force.
    pub rules: usize,
    /// What is wrong with others.
    pub rule_problems: Vec<String>,
    /// How many channels are configured.
    pub channels: usize,
    /// Whether this daemon may send for all: it has channels and can read all of their secrets.
    pub can_send: bool,
    /// Why it can't, where it has channels.
    pub channel_problem: Option<String>,
    /// Whether it judges the fleet now.
    pub leads: bool,
    /// When it last judged its own host.
    pub evaluated_at: Option<Timestamp>,
    /// How many notices wait for the database.
    pub waiting: usize,
    /// Whether a heartbeat is configured.
    pub heartbeat: bool,
    /// How many daemons with databases of their own it watches.
    pub peers: usize,
    /// Whether automatic restarts are given up on this host.
    pub gave_up: bool,
    /// How many automatic restarts have ended since the start, by result.
    pub automatic_acts: BTreeMap<ActResult, u64>,
}

impl Alerts {
    /// Alerts that nothing judges yet.
    #[must_use]
    pub fn new(store: Store, settings: Settings) -> Self {
        let alerts = Self(Arc::new(Core {
            store,
            settings: ArcSwap::from_pointee(Settings::disabled()),
            rules: ArcSwap::new(rules::stock()),
            rules_revision: AtomicU64::new(0),
            has_rules: AtomicBool::new(false),
            channels: ArcSwap::default(),
            channels_read: Mutex::default(),
            sender: ArcSwapOption::empty(),
            own_states: ArcSwap::default(),
            own_brake: ArcSwap::default(),
            acts: Mutex::default(),
            evaluated: Mutex::default(),
            leads: AtomicBool::new(false),
            failing: Mutex::default(),
            events: broadcast::Sender::new(EVENTS),
        }));
        alerts.configure(settings);
        alerts
    }

    /// Puts other settings in force, from the next turn of each task on.
    pub fn configure(&self, settings: Settings) {
        // Reading the certificates of the system takes time and memory, for nothing where nothing is sent.
        let is_needed = !settings.channels.is_empty()
            || !settings.peers.is_empty()
            || settings.heartbeat_file.is_some();
        let sender = if settings.enabled && is_needed {
            let made = Sender::new(&settings.networks);
            made.inspect_err(|error| tracing::error!(error, "alerts can't be sent"))
                .ok()
        } else {
            None
        };
        self.0.sender.store(sender.map(Arc::new));
        self.0.settings.store(Arc::new(settings));
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.0.settings.load_full()
    }

    /// The rules in force on this daemon.
    #[must_use]
    pub fn rules(&self) -> Arc<RulesInForce> {
        self.0.rules.load_full()
    }

    /// Has stored rules be read again at the next evaluation, because one of them was changed here.
    pub fn note_rules_changed(&self) {
        self.0.rules_revision.fetch_add(1, Ordering::Relaxed);
    }

    /// The channels of this daemon, as far as their secrets could be read.
    #[must_use]
    pub fn channels(&self) -> Arc<ChannelSet> {
        self.0.channels.load_full()
    }

    /// Whether this daemon may send for all.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.0.sender.load().is_some() && self.channels().can_send()
    }

    /// The states of this host as they were judged last, stored or not.
    #[must_use]
    pub fn own_states(&self) -> Arc<States> {
        self.0.own_states.load_full()
    }

    /// Announces what this daemon judged: of its own host, and of others that are down while it leads.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Notice>> {
        self.0.events.subscribe()
    }

    /// How alerts are doing.
    #[must_use]
    pub fn health(&self) -> AlertsHealth {
        let (settings, rules, channels) = (self.settings(), self.rules(), self.channels());
        let evaluated = *lock(&self.0.evaluated);
        AlertsHealth {
            enabled: settings.enabled,
            rules: rules.set.rules().len(),
            rule_problems: rules.problems.clone(),
            channels: settings.channels.len(),
            can_send: self.can_send(),
            channel_problem: channels.problem(),
            leads: self.0.leads.load(Ordering::Relaxed),
            evaluated_at: evaluated.map(|one| one.time),
            waiting: evaluated.map_or(0, |one| one.waiting),
            heartbeat: settings.heartbeat_file.is_some(),
            peers: settings.peers.len(),
            gave_up: self.0.own_brake.load().gave_up().is_some(),
            automatic_acts: lock(&self.0.acts).clone(),
        }
    }

    /// Channels that have taken nothing since a time, while this daemon sends.
    #[must_use]
    pub fn failing_channels(&self) -> Vec<(String, Timestamp)> {
        let failing = lock(&self.0.failing);
        failing
            .iter()
            .map(|(name, since)| (name.clone(), *since))
            .collect()
    }

    /// Sends a message to one channel at once, as a test or as part of a delivery.
    pub async fn send(&self, channel: &Name, message: &Message) -> SendResult {
        let refused = |error: String| SendResult {
            reception: Reception::Retry(None),
            status: None,
            error: Some(error),
            body: String::new(),
        };
        let Some(sender) = self.sender() else {
            return refused("this daemon can't send".to_owned());
        };
        let channels = self.channels();
        match channels.all.get(channel) {
            None => refused(format!("this daemon has no channel {channel}")),
            Some(Err(problem)) => refused(problem.clone()),
            Some(Ok(ready)) => {
                sender
                    .send(ready, message, self.0.store.clock().now())
                    .await
            }
        }
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn sender(&self) -> Option<Sender> {
        self.0.sender.load().as_deref().cloned()
    }

    fn rules_revision(&self) -> u64 {
        self.0.rules_revision.load(Ordering::Relaxed)
    }

    fn set_rules(&self, rules: RulesInForce) {
        for problem in &rules.problems {
            tracing::warn!(problem, "a rule of alerts is left out");
        }
        self.0.rules.store(Arc::new(rules));
        self.0.has_rules.store(true, Ordering::Release);
    }

    /// Whether rules were read at all.
    fn has_rules(&self) -> bool {
        self.0.has_rules.load(Ordering::Acquire)
    }

    /// Reads the secrets of channels again when that was a while ago, or the settings are others.
    pub async fn refresh_channels(&self) {
        let settings = self.settings();
        {
            let read = lock(&self.0.channels_read);
            let is_new = |(at, of): &(Instant, Arc<Settings>)| {
                at.elapsed() < SECRETS_AGE_MAX && Arc::ptr_eq(of, &settings)
            };
            if read.as_ref().is_some_and(is_new) {
                return;
            }
        }
        let of = Arc::clone(&settings);
        let read = tokio::task::spawn_blocking(move || ChannelSet::read(&of.channels)).await;
        let Ok(channels) = read else { return };
        let (before, problem) = (self.channels().problem(), channels.problem());
        if let Some(problem) = problem.as_ref().filter(|_| before != problem) {
            tracing::warn!(
                problem,
                "a channel can't be used, so this daemon sends no alerts"
            );
        }
        self.0.channels.store(Arc::new(channels));
        *lock(&self.0.channels_read) = Some((Instant::now(), settings));
    }

    fn announce(&self, notices: &[Notice]) {
        for notice in notices {
            // Without readers no one needs it.
            let _ = self.0.events.send(Arc::new(notice.clone()));
        }
    }

    fn note_evaluation(&self, time: Timestamp, states: States, waiting: usize) {
        self.0.own_states.store(Arc::new(states));
        *lock(&self.0.evaluated) = Some(Evaluated { time, waiting });
    }

    fn note_brake(&self, brake: &Brake) {
        if **self.0.own_brake.load() != *brake {
            self.0.own_brake.store(Arc::new(brake.clone()));
        }
    }

    fn note_act(&self, result: ActResult) {
        let mut acts = lock(&self.0.acts);
        let count = acts.entry(result).or_default();
        *count = count.saturating_add(1);
    }

    fn note_leader(&self, leads: bool) {
        self.0.leads.store(leads, Ordering::Relaxed);
        if !leads {
            lock(&self.0.failing).clear();
        }
    }

    fn note_delivery(&self, channel: &str, is_taken: bool, now: Timestamp) {
        let mut failing = lock(&self.0.failing);
        if is_taken {
            failing.remove(channel);
        } else {
            failing.entry(channel.to_owned()).or_insert(now);
        }
    }
}

/// A panic of another thread left nothing half done in these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
