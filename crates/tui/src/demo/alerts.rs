//! The alerts of the demonstration: the same for every host, as their database is one.

mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use super::DemoScript;
use super::fleet::{id, number_of};
use linux_api_wire::api::alerts::{
    Alert, AlertAcknowledgement, AlertChange, AlertCounts, AlertEpisode, AlertList, AlertNotice,
    AlertPreview, AlertSeverity, AlertSilence, AlertSilenceList, AlertStatus, WeeklyTimes,
};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::floor;

use AlertSeverity::{Critical, Warning};
use rules::rule_of;

/// An alert of the script.
struct Scripted {
    rule: &'static str,
    host: &'static str,
    label: Option<(&'static str, &'static str)>,
    severity: Option<AlertSeverity>,
    status: AlertStatus,
    /// Minutes before the hour began.
    minutes: u64,
    text: &'static str,
}

const fn scripted(
    rule: &'static str,
    host: &'static str,
    label: Option<(&'static str, &'static str)>,
    severity: Option<AlertSeverity>,
    minutes: u64,
    text: &'static str,
) -> Scripted {
    Scripted {
        rule,
        host,
        label,
        severity,
        status: if severity.is_some() {
            AlertStatus::Firing
        } else {
            AlertStatus::Pending
        },
        minutes,
        text,
    }
}

/// What fires, the worst first, and what waits.
fn all() -> Vec<Scripted> {
    let unit = |name| Some(("unit", name));
    let mount = |path| Some(("mount_point", path));
    let (bad, warn) = (Some(Critical), Some(Warning));
    let mut all = vec![
        scripted(
            "host_down",
            "edge-02",
            None,
            bad,
            188,
            "last seen 3 h 8 min ago",
        ),
        scripted(
            "disk_full_soon",
            "backup-01",
            mount("/backup"),
            bad,
            52,
            "full in 3 h 20 min, 148 GiB free",
        ),
        scripted(
            "host_down",
            "old-nas",
            None,
            bad,
            39,
            "last seen 40 min ago",
        ),
        scripted(
            "certificate_expires",
            "edge-02",
            Some(("path", "/etc/ssl/edge.pem")),
            warn,
            4_320,
            "ends in 12 d 4 h",
        ),
        scripted(
            "unit_failed",
            "mail-01",
            unit("dovecot.service"),
            warn,
            1_130,
            "failed (exit-code)",
        ),
        scripted(
            "disk_space",
            "db-01",
            mount("/srv"),
            warn,
            610,
            "93.0% used, 11 GiB free of 160 GiB",
        ),
        scripted(
            "unit_failed",
            "db-01",
            unit("backup.service"),
            warn,
            95,
            "failed (exit-code)",
        ),
        scripted(
            "pressure_cpu",
            "build-01",
            None,
            warn,
            64,
            "some task waited for a processor for 71.2% of the time",
        ),
        scripted(
            "unit_failed",
            "mail-01",
            unit("postfix@-.service"),
            warn,
            22,
            "was restarted 6 times in 10 min",
        ),
        scripted(
            "disk_inodes",
            "cache-01",
            mount("/var"),
            None,
            4,
            "86.1% of 2.6M inodes used",
        ),
    ];
    // It has just been repaired.
    if let Some(last) = all.iter_mut().rfind(|it| it.rule == "unit_failed") {
        last.status = AlertStatus::Clearing;
    }
    all
}

/// An id that is the same whenever the alert fires.
fn alert_id(place: usize) -> String {
    format!("2b1f0c9a-7d3e-8a41-9c55-{:012x}", 0x0e6f_4b7a_0000 + place)
}

const SILENCE: &str = "7f3f7a51-7e0c-4c3e-9b0a-3c7e8a8f2f10";
const WEEKLY: &str = "7f3f7a51-7e0c-4c3e-9b0a-3c7e8a8f2f11";

fn labels(label: Option<(&str, &str)>) -> BTreeMap<String, String> {
    let label = label.into_iter();
    label
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

impl DemoScript {
    /// When this hour began: times of alerts count from there, so that they do not move with every second.
    fn hour(&self) -> Timestamp {
        floor(self.now(), 3600)
    }

    fn alert(&self, place: usize, scripted: &Scripted) -> Alert {
        let since = self.hour().saturating_sub(minutes(scripted.minutes));
        let fired = since.saturating_add(minutes(5));
        let row = rule_of(scripted.rule);
        let threshold = row.and_then(|row| match scripted.severity {
            Some(Critical) => row.3,
            _ => row.2.or(row.3),
        });
        let is_seen = scripted.host == "db-01" && scripted.rule == "unit_failed";
        Alert {
            id: alert_id(place),
            rule: scripted.rule.to_owned(),
            host_id: id(number_of(scripted.host)),
            host: scripted.host.to_owned(),
            labels: labels(scripted.label),
            status: scripted.status,
            severity: scripted.severity,
            since: Some(since.to_string()),
            fired_at: scripted.severity.map(|_| fired.to_string()),
            evaluated_at: Some(floor(self.now(), 10).to_string()),
            value: None,
            unit: None,
            text: scripted.text.to_owned(),
            threshold: threshold.map(str::to_owned),
            description: row.map(|row| row.4.to_owned()),
            acknowledged: is_seen.then(|| AlertAcknowledgement {
                by: "alice".to_owned(),
                at: fired.saturating_add(minutes(20)).to_string(),
                comment: "the tape is changed at noon".to_owned(),
            }),
            silenced_by: (scripted.host == "build-01").then(|| SILENCE.to_owned()),
            inhibited: scripted.host == "edge-02" && scripted.rule != "host_down",
            flapping: false,
            act: None,
        }
    }

    fn all_alerts(&self) -> Vec<Alert> {
        let all = all();
        let all = all.iter().enumerate();
        all.map(|(place, it)| self.alert(place, it)).collect()
    }

    /// What fires, and what waits where that is wanted.
    pub(crate) fn alerts(&self, waiting: bool) -> AlertList {
        let all = self.all_alerts();
        let count = |severity| {
            all.iter()
                .filter(|it| it.severity == Some(severity))
                .count()
        };
        let count_of = |number: usize| u64::try_from(number).unwrap_or(0);
        let counts = AlertCounts {
            critical: count_of(count(Critical)),
            warning: count_of(count(Warning)),
            unseen: count_of(all.iter().filter(|it| it.needs_attention()).count()),
            pending: count_of(all.iter().filter(|it| it.severity.is_none()).count()),
            unknown: 0,
        };
        let mut items = all;
        items.retain(|alert| waiting || alert.severity.is_some());
        AlertList {
            time: self.now().to_string(),
            counts,
            total: items.len(),
            items,
            next_cursor: None,
            brakes: Vec::new(),
        }
    }

    /// What fires on the host of this id, or is about to.
    pub(crate) fn alerts_of(&self, host: &str) -> AlertList {
        let mut list = self.alerts(true);
        list.items.retain(|alert| alert.host_id == host);
        list.total = list.items.len();
        list
    }

    /// What changed, the newest first: what fires began, and one alert is over.
    pub(crate) fn alert_notices(&self) -> Vec<AlertNotice> {
        let mut notices = Vec::new();
        for (place, scripted) in all().iter().enumerate() {
            let alert = self.alert(place, scripted);
            let Some(after) = alert.severity else {
                continue;
            };
            let since = alert.since.clone().unwrap_or_default();
            let time = alert.fired_at.clone().unwrap_or_default();
            notices.push(AlertNotice {
                id: format!("8d3c1a5e-44b0-8f6e-a1c7-{place:012x}"),
                time,
                change: AlertChange::Firing,
                alert_id: alert.id,
                rule: alert.rule,
                host_id: alert.host_id,
                host: alert.host,
                labels: alert.labels,
                before: None,
                after: Some(after),
                since,
                value: None,
                text: alert.text,
                threshold: alert.threshold.unwrap_or_default(),
                context: context(scripted),
                act: None,
            });
        }
        if let Some(first) = notices.iter().find(|it| it.rule == "disk_space").cloned() {
            let ended = self.hour().saturating_sub(minutes(700));
            notices.push(AlertNotice {
                id: "8d3c1a5e-44b0-8f6e-a1c7-0000000000ff".to_owned(),
                time: ended.to_string(),
                change: AlertChange::Resolved,
                before: Some(Warning),
                after: None,
                since: ended.saturating_sub(minutes(260)).to_string(),
                text: "81.4% used, 30 GiB free of 160 GiB".to_owned(),
                context: Vec::new(),
                ..first
            });
        }
        notices.sort_by(|one, other| other.time.cmp(&one.time));
        notices
    }

    /// One that holds an alert back, and one for a night of each week.
    pub(crate) fn alert_silences(&self) -> AlertSilenceList {
        let hour = self.hour();
        let silence = |id: &str, comment: &str| AlertSilence {
            id: id.to_owned(),
            comment: comment.to_owned(),
            created_by: "alice".to_owned(),
            ..AlertSilence::default()
        };
        AlertSilenceList {
            time: self.now().to_string(),
            items: vec![
                AlertSilence {
                    rule: Some("pressure_*".to_owned()),
                    host: Some("build-01".to_owned()),
                    from: hour.saturating_sub(minutes(30)).to_string(),
                    until: Some(hour.saturating_add(minutes(210)).to_string()),
                    active: true,
                    holds: 1,
                    ..silence(SILENCE, "all packages are built again")
                },
                AlertSilence {
                    hosts: Some("env=dev".to_owned()),
                    severity: Some(Warning),
                    from: "2026-11-02T14:30:00Z".to_owned(),
                    weekly: Some(WeeklyTimes {
                        windows: vec!["Sun 03:00-05:00".to_owned()],
                        zone: "Europe/Berlin".to_owned(),
                    }),
                    ..silence(WEEKLY, "updates at night")
                },
            ],
        }
    }

    /// A rule would have fired as it did, on this host or on all.
    pub(crate) fn alert_preview(&self, rule: &str, host: Option<&str>) -> AlertPreview {
        let (now, week) = (self.now(), Duration::from_hours(7 * 24));
        let notices = self.alert_notices().into_iter();
        let is_it = |it: &AlertNotice| {
            it.rule == rule && it.after.is_some() && host.is_none_or(|host| it.host_id == host)
        };
        let episodes: Vec<AlertEpisode> = notices
            .filter(is_it)
            .map(|notice| {
                let fired: Timestamp = notice.time.parse().unwrap_or(now);
                AlertEpisode {
                    severity: notice.severity(),
                    host_id: notice.host_id,
                    host: notice.host,
                    labels: notice.labels,
                    since: notice.since,
                    fired_at: notice.time,
                    resolved_at: None,
                    seconds: now.since(fired).as_secs(),
                    text: notice.text,
                }
            })
            .collect();
        let critical = episodes.iter().filter(|it| it.severity == Critical).count();
        let total = episodes.len();
        let summary = match total {
            0 => "would not have fired in 7 days".to_owned(),
            1 => "would have fired once in 7 days".to_owned(),
            count => format!("would have fired {count} times in 7 days"),
        };
        AlertPreview {
            summary,
            from: now.saturating_sub(week).to_string(),
            to: now.to_string(),
            step: 60,
            hosts: if host.is_some() { 1 } else { 14 },
            total,
            warning: total - critical,
            critical,
            notices: total,
            episodes,
            ..AlertPreview::default()
        }
    }
}

/// What helps to understand an alert.
fn context(alert: &Scripted) -> Vec<String> {
    let lines: &[&str] = match (alert.rule, alert.host) {
        ("disk_space", _) => &["/srv/postgresql grew by 14 GiB in 6 h"],
        ("disk_full_soon", _) => &["/backup/db-01 grew by 96 GiB in 6 h"],
        ("unit_failed", "db-01") => &[
            "backup: no medium in drive 0",
            "backup: exit status 2",
            "systemd: backup.service: Failed with result 'exit-code'.",
        ],
        ("unit_failed", _) => &["systemd: Failed with result 'exit-code'."],
        ("pressure_cpu", _) => &["cc1plus 388% cpu, ld 92% cpu, cargo 61% cpu"],
        _ => &[],
    };
    lines.iter().map(|line| (*line).to_owned()).collect()
}
