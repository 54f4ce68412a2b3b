//! Words and values of the crate of alerts as the wire has them.

use std::collections::BTreeMap;

use linux_api_alerts::brake::{ActResult, AutomaticAct};
use linux_api_alerts::labels::Labels;
use linux_api_alerts::notice::{Notice, NoticeKind};
use linux_api_alerts::severity::Severity;
use linux_api_alerts::state::Status;
use linux_api_wire::api::alerts::{
    AlertAct, AlertActResult, AlertChange, AlertNotice, AlertSeverity, AlertStatus,
};

pub(super) const fn severity(severity: Severity) -> AlertSeverity {
    match severity {
        Severity::Warning => AlertSeverity::Warning,
        Severity::Critical => AlertSeverity::Critical,
    }
}

pub(super) const fn severity_of_wire(severity: AlertSeverity) -> Severity {
    match severity {
        AlertSeverity::Warning => Severity::Warning,
        AlertSeverity::Critical => Severity::Critical,
    }
}

pub(super) const fn status(status: Status) -> AlertStatus {
    match status {
        Status::Ok => AlertStatus::Ok,
        Status::Pending => AlertStatus::Pending,
        Status::Firing => AlertStatus::Firing,
        Status::Clearing => AlertStatus::Clearing,
        Status::Unknown => AlertStatus::Unknown,
    }
}

const fn change(kind: NoticeKind) -> AlertChange {
    match kind {
        NoticeKind::Firing => AlertChange::Firing,
        NoticeKind::Escalated => AlertChange::Escalated,
        NoticeKind::Lowered => AlertChange::Lowered,
        NoticeKind::Resolved => AlertChange::Resolved,
        NoticeKind::Repeated => AlertChange::Repeated,
        NoticeKind::Flapping => AlertChange::Flapping,
        NoticeKind::Settled => AlertChange::Settled,
        NoticeKind::Ended => AlertChange::Ended,
        NoticeKind::GaveUp => AlertChange::GaveUp,
    }
}

pub(super) const fn kind_of_wire(change: AlertChange) -> NoticeKind {
    match change {
        AlertChange::Firing => NoticeKind::Firing,
        AlertChange::Escalated => NoticeKind::Escalated,
        AlertChange::Lowered => NoticeKind::Lowered,
        AlertChange::Resolved => NoticeKind::Resolved,
        AlertChange::Repeated => NoticeKind::Repeated,
        AlertChange::Flapping => NoticeKind::Flapping,
        AlertChange::Settled => NoticeKind::Settled,
        AlertChange::Ended => NoticeKind::Ended,
        AlertChange::GaveUp => NoticeKind::GaveUp,
    }
}

pub(super) fn labels(labels: &Labels) -> BTreeMap<String, String> {
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    labels.iter().map(owned).collect()
}

pub(super) fn notice(notice: &Notice) -> AlertNotice {
    let instance = &notice.instance;
    AlertNotice {
        id: notice.id.to_string(),
        time: notice.time.to_string(),
        change: change(notice.kind),
        alert_id: instance.id().to_string(),
        rule: instance.rule.to_string(),
        host_id: instance.host.clone(),
        host: notice.host.to_string(),
        labels: labels(&instance.labels),
        before: notice.before.map(severity),
        after: notice.after.map(severity),
        since: notice.since.to_string(),
        value: notice.value,
        text: notice.text.to_string(),
        threshold: notice.threshold.clone(),
        context: notice.context.iter().map(ToString::to_string).collect(),
        act: notice.act.as_ref().map(act),
    }
}

pub(super) fn act(act: &AutomaticAct) -> AlertAct {
    AlertAct {
        id: act.id.to_string(),
        time: act.at.to_string(),
        rule: act.rule.to_string(),
        alert_id: act.alert.to_string(),
        unit: act.unit.to_string(),
        result: act.outcome.as_ref().map(|outcome| result(outcome.result)),
        text: act.text().to_string(),
    }
}

const fn result(result: ActResult) -> AlertActResult {
    match result {
        ActResult::Done => AlertActResult::Done,
        ActResult::Failed => AlertActResult::Failed,
        ActResult::Refused => AlertActResult::Refused,
        ActResult::Unknown => AlertActResult::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_on_the_wire() {
        for one in AlertChange::ALL {
            assert_eq!(kind_of_wire(one).as_str(), one.as_str());
            assert_eq!(change(kind_of_wire(one)), one);
        }
        for one in Severity::ALL {
            assert_eq!(severity(one).as_str(), one.as_str());
            assert_eq!(severity_of_wire(severity(one)), one);
        }
        for one in ActResult::ALL {
            assert_eq!(result(one).as_str(), one.as_str());
        }
        for one in [
            Status::Ok,
            Status::Pending,
            Status::Firing,
            Status::Clearing,
            Status::Unknown,
        ] {
            assert_eq!(status(one).as_str(), one.as_str());
        }
    }
}
