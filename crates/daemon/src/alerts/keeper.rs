//! States between memory and the database.
//!
//! A state is stored with the notice of its change, and only over the version that it follows from. When the
//! database is away, states and notices wait here, and are stored with their times when it is back.

use std::collections::{BTreeMap, BTreeSet};

use linux_api_alerts::brake::{AutomaticAct, Brake};
use linux_api_alerts::evaluate::States;
use linux_api_alerts::notice::{InstanceKey, Notice, NoticeKind};
use linux_api_alerts::state::InstanceState;
use linux_api_store::alerts::states::{Saved, StateChange, StateFilter, StoredState};
use linux_api_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

/// How many instances one transaction stores.
const CHUNK: usize = 200;
/// How often one write meets the change of another before it waits for the next turn.
const ATTEMPTS: usize = 3;
/// The most notices that wait for the database. The oldest go first: what they are about shows in later ones.
const WAITING_MAX: usize = 10_000;

/// States with what is stored of them.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    /// As they were evaluated last.
    pub(super) states: States,
    /// As they are stored, with their versions.
    stored: BTreeMap<InstanceKey, (InstanceState, i64)>,
    /// Notices that are not stored yet.
    waiting: Vec<Notice>,
    /// Whether what is stored was ever read.
    is_loaded: bool,
    /// Whether the states began with those of an earlier start, so that they know what it knew.
    is_continued: bool,
}

/// What is kept in a file while the database is away.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SpoolContent {
    /// The states, as pairs: JSON has no keys but texts.
    states: Vec<(InstanceKey, InstanceState)>,
    /// Notices that are not stored.
    notices: Vec<Notice>,
    /// The automatic acts.
    #[serde(default)]
    pub(super) brake: Brake,
}

impl Keeper {
    /// Begins with what an earlier start could not store; states of a host that had another id then are left out.
    pub(super) fn from_spool(content: SpoolContent, host: &str) -> Self {
        let states = content.states.into_iter();
        Self {
            states: states.filter(|(key, _)| key.host == host).collect(),
            waiting: content.notices,
            is_continued: true,
            ..Self::default()
        }
    }

    /// What would be lost if the daemon ended now and the database stayed away.
    pub(super) fn to_spool(&self, brake: &Brake) -> SpoolContent {
        let states = self.states.iter();
        SpoolContent {
            states: states
                .map(|(key, state)| (key.clone(), state.clone()))
                .collect(),
            notices: self.waiting.clone(),
            brake: brake.clone(),
        }
    }

    /// How many notices wait for the database.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether what is stored was read.
    pub(super) fn is_loaded(&self) -> bool {
        self.is_loaded
    }

    /// Notes in the notices of an instance that are not stored what was done about it.
    pub(super) fn note_act(&mut self, instance: &InstanceKey, act: &AutomaticAct) {
        let of_it = self.waiting.iter_mut();
        for notice in of_it.filter(|notice| notice.instance == *instance) {
            notice.act = Some(act.clone());
        }
    }

    /// Takes what an evaluation gave, to be stored by [`Self::save`].
    pub(super) fn note(&mut self, states: States, notices: Vec<Notice>) {
        self.states = states;
        self.waiting.extend(notices);
        let surplus = self.waiting.len().saturating_sub(WAITING_MAX);
        if surplus > 0 {
            tracing::warn!(surplus, "more notices wait for the database than are kept");
            self.waiting.drain(..surplus);
        }
    }

    /// Reads what is stored, and brings it together with what is known here. `is_own` picks the states that are
    /// kept here.
    pub(super) async fn load(
        &mut self,
        store: &Store,
        filter: &StateFilter,
        is_own: impl Fn(&InstanceKey) -> bool,
    ) -> Result<(), StoreError> {
        let found = store.alert_states(filter).await?;
        self.merge(found.into_iter().filter(|one| is_own(&one.instance)));
        self.is_loaded = true;
        Ok(())
    }

    /// Of two states of an instance the one that was evaluated later counts; that a person acknowledged the other
    /// one is not forgotten. One that began here in ignorance of what is stored never counts: it would
    /// fire a second time.
    fn merge(&mut self, found: impl Iterator<Item = StoredState>) {
        let mut before = std::mem::take(&mut self.stored);
        let is_ignorant = !self.is_loaded && !self.is_continued;
        for one in found {
            let StoredState {
                instance,
                state,
                version,
            } = one;
            let was_known = before.remove(&instance).is_some();
            match self.states.get_mut(&instance) {
                Some(own) if is_ignorant => {
                    *own = state.clone();
                    self.waiting.retain(|notice| notice.instance != instance);
                }
                Some(own) if own.evaluated_at >= state.evaluated_at => {
                    if carry_acknowledgement(&state, own) {
                        let is_stale = |notice: &Notice| {
                            notice.kind == NoticeKind::Repeated && notice.instance == instance
                        };
                        self.waiting.retain(|notice| !is_stale(notice));
                    }
                }
                // It ended here meanwhile.
                None if was_known && self.is_loaded => {}
                _ => {
                    self.states.insert(instance.clone(), state.clone());
                }
            }
            self.stored.insert(instance, (state, version));
        }
    }

    /// Stores what has changed, and the notices; what could not be stored stays for the next time. When another
    /// writer was faster, the states that `filter` and `is_own` pick are read again.
    pub(super) async fn save(
        &mut self,
        store: &Store,
        filter: &StateFilter,
        is_own: impl Fn(&InstanceKey) -> bool,
    ) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            if self.save_once(store).await? {
                return Ok(());
            }
            self.load(store, filter, &is_own).await?;
        }
        tracing::debug!("states of alerts are changed by others again and again");
        Ok(())
    }

    async fn save_once(&mut self, store: &Store) -> Result<bool, StoreError> {
        let changes = self.changes();
        let moved: BTreeSet<&InstanceKey> = changes.iter().map(|one| &one.instance).collect();
        // Notices of states that are stored already, by a transaction whose end was not seen or a start
        // before this one.
        let alone = self
            .waiting
            .iter()
            .filter(|one| !moved.contains(&one.instance));
        let alone: Vec<Notice> = alone.cloned().collect();
        for part in alone.chunks(CHUNK) {
            store.save_evaluation(&[], part).await?;
        }
        self.waiting.retain(|one| moved.contains(&one.instance));
        for part in changes.chunks(CHUNK) {
            let meant: BTreeSet<&InstanceKey> = part.iter().map(|one| &one.instance).collect();
            let notices = self
                .waiting
                .iter()
                .filter(|one| meant.contains(&one.instance));
            let notices: Vec<Notice> = notices.cloned().collect();
            match store.save_evaluation(part, &notices).await? {
                Saved::Outdated(_) => return Ok(false),
                Saved::Stored(versions) => {
                    self.waiting.retain(|one| !meant.contains(&one.instance));
                    self.note_stored(part, &versions);
                }
            }
        }
        Ok(true)
    }

    fn note_stored(&mut self, part: &[StateChange], versions: &BTreeMap<InstanceKey, i64>) {
        for change in part {
            let version = versions.get(&change.instance);
            match (&change.state, version) {
                (Some(state), Some(version)) => {
                    let stored = (state.clone(), *version);
                    self.stored.insert(change.instance.clone(), stored);
                }
                _ => {
                    self.stored.remove(&change.instance);
                }
            }
        }
    }

    /// What differs from what is stored, as far as it has to be stored.
    fn changes(&self) -> Vec<StateChange> {
        let mut changes = Vec::new();
        for (instance, state) in &self.states {
            let stored = self.stored.get(instance);
            if stored.is_none_or(|(stored, _)| state.has_to_replace(stored)) {
                changes.push(StateChange {
                    instance: instance.clone(),
                    state: Some(state.clone()),
                    follows: stored.map(|(_, version)| *version),
                });
            }
        }
        for (instance, (_, version)) in &self.stored {
            if !self.states.contains_key(instance) {
                changes.push(StateChange {
                    instance: instance.clone(),
                    state: None,
                    follows: Some(*version),
                });
            }
        }
        changes
    }
}

/// Carries over that a person has seen the same episode; returns whether it did.
fn carry_acknowledgement(stored: &InstanceState, own: &mut InstanceState) -> bool {
    let is_same = own.severity().is_some()
        && own.severity() <= stored.severity()
        && own.fired_at() == stored.fired_at();
    if !is_same || stored.acknowledged.is_none() || own.acknowledged.is_some() {
        return false;
    }
    own.acknowledged.clone_from(&stored.acknowledged);
    true
}
