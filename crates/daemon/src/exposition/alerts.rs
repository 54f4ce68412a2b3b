//! Series of alerts: what is not well on this host, and whether it can be sent.

use std::collections::BTreeMap;

use super::Exposition;
use super::own::seconds;
use super::writer::Writer;
use linux_api_alerts::brake::ActResult;
use linux_api_alerts::severity::Severity;

pub(super) fn write(writer: &mut Writer, all: &Exposition) {
    let mut counts: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for (key, state) in all.alerts.iter() {
        let severity = state.severity().map_or("none", Severity::as_str);
        let labels = (key.rule.as_str(), severity, state.status().as_str());
        *counts.entry(labels).or_default() += 1;
    }
    let counts = counts.into_iter().map(|((rule, severity, state), count)| {
        let labels = [("rule", rule), ("severity", severity), ("state", state)];
        (labels, count)
    });
    let help = "Instances of rules on this host that are not well, by rule, severity and state";
    writer.gauges(("linux_api_alerts", help), counts);
    let health = &all.alerts_health;
    let acts = ActResult::ALL.map(|result| {
        let count = all.alerts_health.automatic_acts.get(&result);
        ([("result", result.as_str())], count.copied().unwrap_or(0))
    });
    let help = "Restarts of units that rules of alerts had done or were refused since the start, by result";
    writer.counters(("linux_api_alerts_automatic_acts", help), acts);
    let help = "Whether automatic restarts are given up on this host, because three in an hour did not help";
    let gave_up = all.alerts_health.gave_up;
    writer.gauge(("linux_api_alerts_gave_up", help), Some(gave_up));
    let help = "When the rules were last judged on this host";
    writer.gauge(
        ("linux_api_alerts_last_evaluation_timestamp_seconds", help),
        health.evaluated_at.map(seconds),
    );
    let help = "Notices of this host that wait for the database";
    let waiting = u64::try_from(health.waiting).unwrap_or(u64::MAX);
    writer.gauge(("linux_api_alerts_waiting_notices", help), Some(waiting));
    let help = "Whether this daemon has channels and can read the secrets of all of them";
    writer.gauge(("linux_api_alerts_can_send", help), Some(health.can_send));
    let help = "Whether this daemon judges the fleet and sends for all";
    writer.gauge(("linux_api_alerts_leader", help), Some(health.leads));
}
