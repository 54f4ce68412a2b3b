//! One evaluation of an instance.

use linux_api_wire::time::Timestamp;

use super::{
    BOOT_GRACE, FLAP_CALM, FLAP_CHANGES, FLAP_WINDOW, GAP_MAX, InstanceState, LevelState, Status,
    UNKNOWN_MAX,
};
use crate::judge::{Judgement, Signal, judge};
use crate::notice::{Host, InstanceKey, Notice, NoticeKind};
use crate::reading::Measure;
use crate::rules::Rule;
use crate::severity::Severity;
use crate::subject::{Check, Subject};

/// When an evaluation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// When the host started, if known.
    pub booted_at: Option<Timestamp>,
}

/// What an evaluation is of.
#[derive(Debug, Clone, Copy)]
pub struct Subjected<'a> {
    /// The rule that counts.
    pub rule: &'a Rule,
    /// Which instance.
    pub key: &'a InstanceKey,
    /// Its host.
    pub host: &'a Host,
}

/// What an evaluation gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is to be remembered; nothing when all is well.
    pub state: Option<InstanceState>,
    /// What is to be sent. To be stored together with the state.
    pub notice: Option<Notice>,
}

/// Evaluates an instance: the next state and the notice follow from the state before, what was read, and
/// the time, and from nothing else.
#[must_use]
pub fn step(
    of: Subjected<'_>,
    stored: Option<&InstanceState>,
    measure: &Measure,
    moment: Moment,
) -> Step {
    let now = moment.now;
    let mut state = stored.cloned().unwrap_or_default();
    if stored.is_some() {
        catch_up(&mut state, now);
    }
    let (severity, since) = (state.severity(), state.since());
    state.evaluated_at = now;
    let judgement = match measure {
        Measure::NoData(why) => {
            state.text = why.clone();
            state.value = None;
            return without_data(of, state, now);
        }
        Measure::Value(value) => {
            state.value = Some(value.main).filter(|value| value.is_finite());
            state.text = value.text.clone();
            judge(of.rule, value)
        }
        Measure::Gone => {
            state.value = None;
            state.text = "not there any more".into();
            Judgement::default()
        }
    };
    if let Some(unknown_since) = state.unknown_since.take()
        && now.since(unknown_since) > GAP_MAX
    {
        state.warning.begin_again(now);
        state.critical.begin_again(now);
    }
    advance(of.rule, &mut state, judgement, moment);
    let before = state.announced;
    let kind = announce(of.rule, &mut state, severity, now);
    let since = state.since().or(since).unwrap_or(now);
    let notice = kind.map(|kind| {
        let change = Change {
            kind,
            before,
            since,
            now,
        };
        notice(Some(of.rule), of.key, of.host, &state, change)
    });
    Step {
        state: (!state.is_idle()).then_some(state),
        notice,
    }
}

/// What is sent when nothing is judged of an instance any more; the state is to be removed. The rule is absent
/// when it was deleted; the notice then goes to all channels.
#[must_use]
pub fn end(
    rule: Option<&Rule>,
    key: &InstanceKey,
    host: &Host,
    state: &InstanceState,
    why: &str,
    now: Timestamp,
) -> Option<Notice> {
    let before = state.announced;
    if before.is_none() && !state.flapping {
        return None;
    }
    let since = state.since().unwrap_or(now);
    let mut ended = state.clone();
    ended.announced = None;
    ended.text = why.into();
    let kind = NoticeKind::Ended;
    Some(notice(
        rule,
        key,
        host,
        &ended,
        Change {
            kind,
            before,
            since,
            now,
        },
    ))
}

/// A stored state may be old, or of a clock that was ahead.
fn catch_up(state: &mut InstanceState, now: Timestamp) {
    if now.since(state.evaluated_at) > GAP_MAX || state.evaluated_at > now {
        state.warning.begin_again(now);
        state.critical.begin_again(now);
    }
    state.warning.bound(now);
    state.critical.bound(now);
    let bound = |time: &mut Option<Timestamp>| *time = time.map(|time| time.min(now));
    bound(&mut state.announced_at);
    bound(&mut state.unknown_since);
    for time in &mut state.changes {
        *time = now.min(*time);
    }
}

/// Without data nothing moves; after a day it is forgotten.
fn without_data(of: Subjected<'_>, mut state: InstanceState, now: Timestamp) -> Step {
    let since = *state.unknown_since.get_or_insert(now);
    if now.since(since) < UNKNOWN_MAX {
        return Step {
            state: Some(state),
            notice: None,
        };
    }
    let why = format!("no data for a day: {}", state.text);
    Step {
        state: None,
        notice: end(Some(of.rule), of.key, of.host, &state, &why, now),
    }
}

fn advance(rule: &Rule, state: &mut InstanceState, judgement: Judgement, moment: Moment) {
    let now = moment.now;
    let is_starting = rule.subject.has_boot_grace()
        && moment
            .booted_at
            .is_some_and(|booted| now.since(booted) < BOOT_GRACE);
    let move_level = |level: &mut LevelState, signal: Signal, severity| {
        let begins = !level.is_active() && is_starting;
        let signal = if begins { Signal::default() } else { signal };
        let pending = rule.level(severity).map_or(GAP_MAX, |level| level.pending);
        level.advance(signal, pending, rule.keep_firing, now);
    };
    move_level(&mut state.warning, judgement.warning, Severity::Warning);
    move_level(&mut state.critical, judgement.critical, Severity::Critical);
    // What is critical is at least a warning, so that it falls to one and not to nothing.
    if let LevelState::On { since, fired_at } = state.critical
        && judgement.warning.held
        && !state.warning.is_active()
    {
        state.warning = LevelState::On { since, fired_at };
    }
}

/// What is to be sent after a move.
fn announce(
    rule: &Rule,
    state: &mut InstanceState,
    severity_before: Option<Severity>,
    now: Timestamp,
) -> Option<NoticeKind> {
    let severity = state.severity();
    let has_changed = severity != severity_before;
    if has_changed {
        state.changes.push(now);
        if severity.is_none() || severity > severity_before {
            state.acknowledged = None;
        }
    }
    state.changes.retain(|time| now.since(*time) < FLAP_WINDOW);
    let kind = if state.flapping {
        let last = state.changes.last();
        let is_calm = last.is_none_or(|last| now.since(*last) >= FLAP_CALM);
        if !is_calm {
            return None;
        }
        state.flapping = false;
        state.changes.clear();
        NoticeKind::Settled
    } else if has_changed && state.changes.len() > FLAP_CHANGES {
        state.flapping = true;
        NoticeKind::Flapping
    } else if let Some(kind) = NoticeKind::of_change(state.announced, severity) {
        let is_giving_up = rule.subject == Subject::Check(Check::GaveUp);
        match kind {
            NoticeKind::Firing if is_giving_up => NoticeKind::GaveUp,
            kind => kind,
        }
    } else if is_repeat_due(rule, state, now) {
        NoticeKind::Repeated
    } else {
        return None;
    };
    state.announced = severity;
    state.announced_at = Some(now);
    Some(kind)
}

fn is_repeat_due(rule: &Rule, state: &InstanceState, now: Timestamp) -> bool {
    let is_due = match (rule.repeat, state.announced_at) {
        (Some(repeat), Some(last)) => now.since(last) >= repeat,
        _ => false,
    };
    is_due && state.status() == Status::Firing && state.acknowledged.is_none()
}

#[derive(Clone, Copy)]
struct Change {
    kind: NoticeKind,
    before: Option<Severity>,
    since: Timestamp,
    now: Timestamp,
}

fn notice(
    rule: Option<&Rule>,
    key: &InstanceKey,
    host: &Host,
    state: &InstanceState,
    change: Change,
) -> Notice {
    let after = state.announced;
    let severity = after.or(change.before);
    let threshold = rule
        .zip(severity)
        .and_then(|(rule, it)| rule.threshold_text(it));
    Notice {
        id: Notice::id_of(key, change.kind, change.now),
        time: change.now,
        kind: change.kind,
        instance: key.clone(),
        host: host.name.as_str().into(),
        host_labels: host.labels.clone(),
        before: change.before,
        after,
        since: change.since,
        value: state.value,
        text: state.text.clone(),
        threshold: threshold.unwrap_or_default(),
        channels: rule.map(|rule| rule.channels.clone()).unwrap_or_default(),
        quiet_hours: rule.and_then(|rule| rule.quiet_hours),
        context: Vec::new(),
        act: None,
    }
}
