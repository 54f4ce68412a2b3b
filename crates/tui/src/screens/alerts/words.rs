//! Alerts in words: what they are about, how they are, how many there are.

use std::collections::BTreeMap;
use std::time::Duration;

use ratatui::style::Style;

use crate::theme::Theme;
use linux_api_wire::api::alerts::{Alert, AlertSeverity, AlertSilence, AlertStatus};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::compact::span;

/// The values of labels, as people name an instance: `/srv`, `nginx.service`.
pub(crate) fn short(labels: &BTreeMap<String, String>) -> String {
    let values: Vec<&str> = labels.values().map(String::as_str).collect();
    values.join(" ")
}

/// A text after the values of labels.
pub(crate) fn labelled(labels: &BTreeMap<String, String>, text: &str) -> String {
    let short = short(labels);
    match (short.is_empty(), text.is_empty()) {
        (true, _) => text.to_owned(),
        (_, true) => short,
        _ => format!("{short} {text}"),
    }
}

/// What a question calls an alert.
pub(crate) fn named(rule: &str, host: &str, labels: &BTreeMap<String, String>) -> String {
    let short = short(labels);
    if short.is_empty() {
        format!("{rule} of {host}")
    } else {
        format!("{rule} of {host} ({short})")
    }
}

/// How bad an alert is, and how that looks: what someone sees to already is dim.
pub(crate) fn level(alert: &Alert, theme: &Theme) -> (&'static str, Style) {
    let Some(severity) = alert.severity else {
        return (alert.status.as_str(), theme.dim);
    };
    let style = severity_style(severity, theme);
    let style = if alert.needs_attention() {
        style
    } else {
        theme.dim
    };
    (severity.as_str(), style)
}

/// How a severity looks.
pub(crate) const fn severity_style(severity: AlertSeverity, theme: &Theme) -> Style {
    match severity {
        AlertSeverity::Critical => theme.bad,
        AlertSeverity::Warning => theme.warn,
    }
}

/// Why nothing is sent of an alert, and its state; the most important first.
pub(crate) fn states(alert: &Alert) -> Vec<String> {
    let mut words = Vec::new();
    if alert.inhibited {
        words.push("host down".to_owned());
    }
    if alert.silenced_by.is_some() {
        words.push("silenced".to_owned());
    }
    if alert.acknowledged.is_some() {
        words.push("acked".to_owned());
    }
    if alert.flapping {
        words.push("flapping".to_owned());
    }
    if alert.status != AlertStatus::Firing || words.is_empty() {
        words.push(alert.status.to_string());
    }
    words
}

/// The order of alerts: critical ones, warnings, what waits, what has no data.
pub(crate) const fn rank(alert: &Alert) -> u64 {
    match (alert.severity, alert.status) {
        (Some(AlertSeverity::Critical), _) => 0,
        (Some(AlertSeverity::Warning), _) => 1,
        (None, AlertStatus::Pending) => 2,
        (None, AlertStatus::Unknown) => 3,
        _ => 4,
    }
}

/// How long ago a time was; nothing of one that can't be read.
pub(crate) fn ago(time: Option<&str>, now: Timestamp) -> Option<String> {
    let time: Timestamp = time?.parse().ok()?;
    Some(brief(now.since(time)))
}

/// A span in one or two units that needs no seconds.
pub(crate) fn brief(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        0 => format!("{} s", time.as_secs()),
        1..60 => format!("{minutes}m"),
        // More is of a wrong clock.
        1_440_000.. => ">999d".to_owned(),
        _ => span(Duration::from_secs(minutes * 60)),
    }
}

/// How long until a time, or since when it is over.
pub(crate) fn until(time: Option<&str>, now: Timestamp) -> String {
    let Some(text) = time else {
        return "never".to_owned();
    };
    match text.parse::<Timestamp>() {
        Ok(end) if end > now => format!("in {}", brief(end.since(now))),
        Ok(_) => "over".to_owned(),
        Err(_) => text.to_owned(),
    }
}

/// What a silence is about.
pub(crate) fn matcher(silence: &AlertSilence) -> String {
    let mut parts = Vec::new();
    let mut part = |name: &str, value: Option<&str>| {
        parts.extend(value.map(|value| format!("{name}={value}")));
    };
    part("rule", silence.rule.as_deref());
    part("host", silence.host.as_deref());
    part("hosts", silence.hosts.as_deref());
    for (name, value) in &silence.labels {
        part(name, Some(value));
    }
    part("severity", silence.severity.map(AlertSeverity::as_str));
    parts.join(" ")
}

pub(crate) use linux_api_wire::api::alerts::counts_text as counts;

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::api::alerts::AlertAcknowledgement;

    #[test]
    fn an_alert_says_first_why_nothing_is_sent_of_it() {
        let mut alert = Alert {
            status: AlertStatus::Firing,
            severity: Some(AlertSeverity::Critical),
            ..Alert::default()
        };
        assert_eq!(states(&alert), ["firing"]);
        alert.acknowledged = Some(AlertAcknowledgement {
            by: "alice".to_owned(),
            at: String::new(),
            comment: String::new(),
        });
        assert_eq!(states(&alert), ["acked"]);
        alert.status = AlertStatus::Clearing;
        alert.inhibited = true;
        assert_eq!(states(&alert), ["host down", "acked", "clearing"]);
    }

    #[test]
    fn times_are_short_and_a_wrong_clock_is_no_long_number() {
        let now: Timestamp = "2026-11-23T07:02:00Z".parse().unwrap();
        let ago = |time: &str| ago(Some(time), now);
        assert_eq!(ago("2026-11-23T07:01:48Z").as_deref(), Some("12 s"));
        assert_eq!(ago("2026-11-23T06:52:00Z").as_deref(), Some("10m"));
        assert_eq!(ago("2026-11-22T06:52:00Z").as_deref(), Some("1d 0h"));
        assert_eq!(ago("1970-01-01T00:00:00Z").as_deref(), Some(">999d"));
        assert_eq!(ago("nonsense"), None);
        assert_eq!(until(Some("2026-11-23T09:02:00Z"), now), "in 2h 0m");
        assert_eq!(until(None, now), "never");
    }
}
