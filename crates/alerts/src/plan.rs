//! Which of the waiting notices are sent now, and together with which others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::name::Name;
use crate::notice::{InstanceKey, Notice, NoticeKind, uuid_of};
use crate::quiet::QuietHours;
use crate::severity::Severity;
use crate::silence::Silence;
use crate::subject::Check;

/// How long the first notice of a group waits for others.
pub const GROUP_WAIT: Duration = Duration::from_secs(30);
/// The time between two messages of a group.
pub const GROUP_INTERVAL: Duration = Duration::from_mins(5);

/// What is sent together: a rule and a severity, over all hosts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey {
    /// The rule.
    pub rule: Name,
    /// The severity.
    pub severity: Severity,
    /// The channels of the rule; all of them when there are none.
    pub channels: Vec<Name>,
}

/// Notices that are sent together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// The id of the message for receivers: the same for the same notices.
    pub id: Uuid,
    /// What they have in common.
    pub key: GroupKey,
    /// One notice for each instance, in the order of time.
    pub notices: Vec<Notice>,
    /// The ids of all notices that it stands for: they wait no more once it is stored.
    pub covers: Vec<Uuid>,
}

/// What holds notices back.
#[derive(Debug, Clone, Copy)]
pub struct Holding<'a> {
    /// Silences.
    pub silences: &'a [Silence],
    /// Quiet hours.
    pub quiet: &'a [QuietHours],
    /// The ids of hosts that are down, see [`crate::fleet::down_hosts`].
    pub down: &'a BTreeSet<String>,
}

/// Why a notice waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// A silence with this id.
    Silence(Uuid),
    /// Quiet hours.
    QuietHours,
    /// Its host is down.
    HostDown,
}

impl Holding<'_> {
    /// Why a notice waits at a moment; `None` when it does not.
    #[must_use]
    pub fn holds(&self, notice: &Notice, now: Timestamp) -> Option<HeldBy> {
        let is_host_down = notice.instance.rule.as_str() == Check::HostDown.name();
        if !is_host_down && self.down.contains(&notice.instance.host) {
            return Some(HeldBy::HostDown);
        }
        let silence = self.silences.iter().find(|one| one.holds(notice, now));
        if let Some(silence) = silence {
            return Some(HeldBy::Silence(silence.id));
        }
        let is_quiet = self.quiet.iter().any(|hours| hours.holds(notice, now));
        is_quiet.then_some(HeldBy::QuietHours)
    }
}

/// What to do with the waiting notices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// To be sent now.
    pub bundles: Vec<Bundle>,
    /// The ids of notices that need not be sent any more, because what they say is over or said by others.
    pub dropped: Vec<Uuid>,
    /// Notices that are held back, and by what.
    pub held: Vec<(Uuid, HeldBy)>,
}

/// Decides what is sent of the waiting notices. What is not in the plan waits.
///
/// Silences are looked at here, at the moment of sending, and not when a notice was made: one that is made
/// within the thirty seconds of waiting counts too, and when it ends, what still fires is sent.
///
/// `last_sent` is when a message of each group was stored last.
#[must_use]
pub fn plan(
    waiting: &[Notice],
    last_sent: &BTreeMap<GroupKey, Timestamp>,
    holding: &Holding<'_>,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::default();
    let mut groups: BTreeMap<GroupKey, Vec<Merged>> = BTreeMap::new();
    for line in lines(waiting) {
        let Some(merged) = merge(&line, holding, now, &mut plan) else {
            continue;
        };
        let key = GroupKey {
            rule: merged.notice.instance.rule.clone(),
            severity: merged.notice.severity(),
            channels: merged.notice.channels.clone(),
        };
        groups.entry(key).or_default().push(merged);
    }
    for (key, mut group) in groups {
        // What is later than now was made before the clock was set back, and does not wait for it.
        let has_passed = |since: Timestamp, time| since > now || now.since(since) >= time;
        let oldest = group.iter().map(|merged| merged.oldest).min();
        let has_waited = oldest.is_none_or(|oldest| has_passed(oldest, GROUP_WAIT));
        let last = last_sent.get(&key);
        if !has_waited || last.is_some_and(|last| !has_passed(*last, GROUP_INTERVAL)) {
            continue;
        }
        group.sort_by_key(|merged| (merged.notice.time, merged.notice.id));
        let mut covers: Vec<Uuid> = group.iter().flat_map(|it| it.covers.clone()).collect();
        covers.sort_unstable();
        plan.bundles.push(Bundle {
            id: bundle_id(&covers),
            key,
            notices: group.into_iter().map(|merged| merged.notice).collect(),
            covers,
        });
    }
    plan
}

/// The notices of each instance in the order of time. Those that stand alone are in lines of their own.
fn lines(waiting: &[Notice]) -> impl Iterator<Item = Vec<&Notice>> {
    let mut lines: BTreeMap<(&InstanceKey, bool), Vec<&Notice>> = BTreeMap::new();
    for notice in waiting {
        let stands_alone = notice.kind == NoticeKind::GaveUp;
        let line = lines.entry((&notice.instance, stands_alone)).or_default();
        line.push(notice);
    }
    lines.into_values().map(|mut line| {
        line.sort_by_key(|notice| notice.time);
        line
    })
}

/// A notice that stands for one or more.
struct Merged {
    notice: Notice,
    oldest: Timestamp,
    covers: Vec<Uuid>,
}

/// Makes one notice of those of an instance; `None` when nothing is to be sent now.
fn merge(
    line: &[&Notice],
    holding: &Holding<'_>,
    now: Timestamp,
    plan: &mut Plan,
) -> Option<Merged> {
    let (first, last) = (*line.first()?, *line.last()?);
    // What was done about it belongs into the same message.
    let mut acts = line.iter().filter_map(|notice| notice.act.as_ref());
    if acts.any(|act| act.is_awaited(now)) {
        return None;
    }
    let covers: Vec<Uuid> = line.iter().map(|notice| notice.id).collect();
    let is_special = matches!(last.kind, NoticeKind::Flapping | NoticeKind::Settled);
    let returns = first.before == last.after && !is_special;
    let held = holding.holds(last, now);
    let was_held = held.or_else(|| holding.holds(first, first.time)).is_some();
    let is_reminder = line
        .iter()
        .all(|notice| notice.kind == NoticeKind::Repeated);
    let is_alone = last.kind == NoticeKind::GaveUp;
    if was_held && !is_alone && (returns || is_reminder) {
        // What came and went while it was held back, receivers need not know.
        plan.dropped.extend(covers);
        return None;
    }
    if let Some(held) = held {
        // The first one says what receivers know, the last one what holds.
        let inner = line.iter().skip(1).rev().skip(1);
        plan.dropped.extend(inner.map(|notice| notice.id));
        plan.held.push((last.id, held));
        return None;
    }
    let mut notice = last.clone();
    if notice.act.is_none() {
        let mut acts = line.iter().rev().filter_map(|notice| notice.act.as_ref());
        notice.act = acts.next().cloned();
    }
    if !returns && !is_alone {
        notice.before = first.before;
        if !is_special && notice.kind != NoticeKind::Ended {
            notice.kind = NoticeKind::of_change(first.before, last.after).unwrap_or(last.kind);
        }
    }
    Some(Merged {
        notice,
        oldest: first.time,
        covers,
    })
}

fn bundle_id(covers: &[Uuid]) -> Uuid {
    let mut hash = Sha256::new_with_prefix("message");
    for id in covers {
        hash.update(id.as_bytes());
    }
    uuid_of(hash)
}

#[cfg(test)]
mod tests;
