//! What of a host needs attention, in words: the same judgement as its colours.

use ratatui::style::Style;

use super::host::{HostState, Link};
use super::sanitize::clean;
use super::screens::alerts::words::labelled;
use super::theme::Theme;
use linux_api_wire::api::alerts::{Alert, AlertSeverity, AlertStatus};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::{Filesystem, ResourcePressure};
use linux_api_wire::units::compact::percent;

/// From how many percent on something is critical.
const CRITICAL: f64 = 90.0;
/// From which part of the time lost to waiting on a host is worth a warning, and from which it is critical.
const PRESSURE: [f64; 2] = [35.0, 45.0];

/// How much something needs attention, the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// It can't wait.
    Critical,
    /// It should be looked at.
    Warning,
    /// It has not been bad for long enough to be an alert.
    Pending,
}

impl Urgency {
    /// Its word, and how that looks.
    pub(crate) const fn word(self, theme: &Theme) -> (&'static str, Style) {
        match self {
            Self::Critical => ("critical", theme.bad),
            Self::Warning => ("warning", theme.warn),
            Self::Pending => ("pending", theme.dim),
        }
    }
}

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Concern {
    /// How much.
    pub(crate) urgency: Urgency,
    /// What, with its figures.
    pub(crate) text: String,
}

impl Concern {
    fn new(is_critical: bool, text: impl Into<String>) -> Self {
        let urgency = if is_critical {
            Urgency::Critical
        } else {
            Urgency::Warning
        };
        Self::of(urgency, &text.into())
    }

    fn of(urgency: Urgency, text: &str) -> Self {
        let text = clean(text);
        Self { urgency, text }
    }
}

/// All that needs attention, what is critical first. `fills` says of a filesystem when it will be full.
pub(crate) fn concerns(
    host: &HostState,
    fills: impl Fn(&Filesystem) -> Option<String>,
) -> Vec<Concern> {
    let mut all = down(host);
    if let Some(snapshot) = host.responses.snapshot.value() {
        filesystems(snapshot, fills, &mut all);
        usage(snapshot, &mut all);
        sensors(snapshot, &mut all);
        units(snapshot, &mut all);
    }
    all.sort_by_key(|concern| concern.urgency);
    all
}

/// The alerts of a host that no one has seen, silenced or explained, and what is about to be one; and that it is
/// down.
pub(crate) fn of_alerts(host: &HostState, alerts: &[Alert]) -> Vec<Concern> {
    let mut all = down(host);
    all.extend(alerts.iter().filter_map(|alert| {
        let urgency = match alert.severity {
            Some(_) if !alert.needs_attention() => return None,
            Some(AlertSeverity::Critical) => Urgency::Critical,
            Some(AlertSeverity::Warning) => Urgency::Warning,
            None if alert.status == AlertStatus::Pending => Urgency::Pending,
            None => return None,
        };
        let text = labelled(&alert.labels, &alert.text);
        Some(Concern::of(urgency, &format!("{}: {text}", alert.rule)))
    }));
    all.sort_by_key(|concern| concern.urgency);
    all
}

fn down(host: &HostState) -> Vec<Concern> {
    let Link::Down { error, .. } = &host.link else {
        return Vec::new();
    };
    let text = format!("host down: {}", error.in_short());
    vec![Concern::new(true, text)]
}

fn filesystems(
    snapshot: &Snapshot,
    fills: impl Fn(&Filesystem) -> Option<String>,
    all: &mut Vec<Concern>,
) {
    for one in snapshot.filesystems.as_deref().unwrap_or_default() {
        let mount = &one.mount_point;
        if one.stale {
            all.push(Concern::new(true, format!("{mount} does not respond")));
            continue;
        }
        let is_full = one.strain().is_some_and(|percent| percent >= CRITICAL);
        let full_in = fills(one).map(|time| format!(", full in {time}"));
        if let Some(used) = one.df_percent().filter(|_| is_full) {
            let full_in = full_in.unwrap_or_default();
            all.push(Concern::new(true, format!("{mount} {used}% full{full_in}")));
        }
        let inodes = one.inodes_used.zip(one.inodes_total);
        let inodes = inodes.filter(|(_, total)| *total > 0 && !one.read_only);
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let inodes = inodes.map(|(used, total)| used as f64 * 100.0 / total as f64);
        if let Some(share) = inodes.filter(|share| *share >= CRITICAL) {
            let share = percent(share);
            all.push(Concern::new(
                true,
                format!("{mount} has used {share}% of its inodes"),
            ));
        }
    }
}

fn usage(snapshot: &Snapshot, all: &mut Vec<Concern>) {
    use linux_api_wire::units::compact::share;

    if let Some(cpu) = snapshot
        .cpu
        .as_ref()
        .filter(|cpu| cpu.usage_percent >= CRITICAL)
    {
        let used = percent(cpu.usage_percent);
        all.push(Concern::new(false, format!("cpu {used}%")));
    }
    let memory = snapshot.memory.as_ref();
    let memory = memory.map(|memory| share(memory.used_bytes, memory.total_bytes));
    if let Some(used) = memory.filter(|used| *used >= CRITICAL) {
        all.push(Concern::new(true, format!("memory {}%", percent(used))));
    }
    let Some(pressure) = &snapshot.pressure else {
        return;
    };
    let parts: [(&str, &Option<ResourcePressure>); 3] = [
        ("cpu", &pressure.cpu),
        ("memory", &pressure.memory),
        ("io", &pressure.io),
    ];
    for (name, part) in parts {
        let lost = part.map(|part| part.some.avg10);
        if let Some(lost) = lost.filter(|lost| *lost >= PRESSURE[0]) {
            let text = format!("{name} pressure {}%", percent(lost));
            all.push(Concern::new(lost >= PRESSURE[1], text));
        }
    }
}

fn sensors(snapshot: &Snapshot, all: &mut Vec<Concern>) {
    for sensor in snapshot.sensors.as_deref().unwrap_or_default() {
        let Some(celsius) = sensor.celsius.filter(|it| it.is_finite()) else {
            continue;
        };
        let is_over = |limit: Option<f64>| limit.is_some_and(|limit| celsius >= limit);
        if is_over(sensor.critical_celsius) || is_over(sensor.high_celsius) {
            let text = format!("{} {celsius:.0} degrees", sensor.name);
            all.push(Concern::new(is_over(sensor.critical_celsius), text));
        }
    }
}

fn units(snapshot: &Snapshot, all: &mut Vec<Concern>) {
    let Some(units) = &snapshot.units else { return };
    for (count, names, what) in [
        (units.failed, &units.failed_names, "failed"),
        (units.restarting, &units.restarting_names, "restarting"),
    ] {
        let named = names
            .iter()
            .map(|name| Concern::new(false, format!("{name} {what}")));
        all.extend(named);
        let unnamed = count.saturating_sub(u64::try_from(names.len()).unwrap_or(0));
        if unnamed > 0 {
            all.push(Concern::new(false, format!("{unnamed} more units {what}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::message::{ClockReading, FeedEvent};
    use crate::query::{AnyResponse, SnapshotQuery};
    use linux_api_wire::snapshot::{FailedUnits, Pressure, PressureShare, Sensor};

    fn of(snapshot: Snapshot) -> Vec<(bool, String)> {
        let mut host = HostState::new("a".to_owned(), String::new(), BTreeMap::new());
        let response = Ok(AnyResponse::Snapshot(snapshot));
        let event = FeedEvent::Response(SnapshotQuery.into(), response);
        host.take(event, ClockReading::default());
        let fills = |it: &Filesystem| (it.mount_point == "/srv").then(|| "9h".to_owned());
        let all = concerns(&host, fills).into_iter();
        all.map(|it| (it.urgency == Urgency::Critical, it.text))
            .collect()
    }

    #[test]
    fn a_host_that_is_well_has_no_concerns() {
        assert_eq!(of(Snapshot::default()), []);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_figures_and_the_worst_first() {
        let full = |mount: &str, used, read_only| Filesystem {
            mount_point: mount.to_owned(),
            used_bytes: Some(used),
            available_bytes: Some(100 - used),
            read_only,
            ..Filesystem::default()
        };
        let snapshot = Snapshot {
            units: Some(FailedUnits {
                failed: 22,
                failed_names: vec!["a.service".to_owned()],
                ..FailedUnits::default()
            }),
            filesystems: Some(vec![
                full("/srv", 93, false),
                full("/image", 100, true),
                full("/", 50, false),
            ]),
            pressure: Some(Pressure {
                io: Some(ResourcePressure {
                    some: PressureShare {
                        avg10: 40.0,
                        ..PressureShare::default()
                    },
                    full: None,
                }),
                ..Pressure::default()
            }),
            sensors: Some(vec![Sensor {
                name: "package".to_owned(),
                celsius: Some(101.0),
                critical_celsius: Some(100.0),
                ..Sensor::default()
            }]),
            ..Snapshot::default()
        };
        let expected = [
            (true, "/srv 93% full, full in 9h"),
            (true, "package 101 degrees"),
            (false, "io pressure 40.0%"),
            (false, "a.service failed"),
            (false, "21 more units failed"),
        ];
        let expected = expected.map(|(is_critical, text)| (is_critical, text.to_owned()));
        assert_eq!(of(snapshot), expected);
    }
}
