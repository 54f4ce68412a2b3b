//! The figures of a snapshot that have a history: their names, and how to take them out of it.
//!
//! A series is a name (family dot field, such as `cpu.usage_percent`) and, where a family has many
//! members, one label that says which (`filesystem.used_bytes{mount_point="/"}`). Names and units
//! are stable: stored history, dashboards and scripts refer to them. [`SERIES`] is the only list.

mod names;

use std::fmt;

use super::snapshot::{Family, ResourcePressure, Snapshot};

pub use names::{ParseSeriesError, SeriesKey, SeriesSelector};

/// One kind of series.
pub struct Series {
    /// Family dot field.
    pub name: &'static str,
    /// Key of the label that distinguishes the members; absent when there is one member only.
    pub label: Option<&'static str>,
    /// Unit of the values: `percent`, `bytes`, `bytes_per_second`, `celsius`, `seconds` or `count`.
    pub unit: &'static str,
    /// What it is.
    pub meaning: &'static str,
    /// The part of the snapshot that it is taken of.
    pub family: Family,
    values: Extract,
}

/// Gives every member of a series with its label.
type Extract = fn(&Snapshot, &mut dyn FnMut(&str, f64));

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series")
            .field("name", &self.name)
            .field("label", &self.label)
            .field("unit", &self.unit)
            .finish_non_exhaustive()
    }
}

/// Bytes and counts as numbers of a series: exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "history needs no more than 53 bits"
)]
fn number(value: u64) -> f64 {
    value as f64
}

/// A series with one member: `$value` is an expression of the family's value.
macro_rules! single {
    ($name:literal, $unit:literal, $family:ident.$field:ident, |$part:ident| $value:expr, $meaning:literal) => {
        Series {
            name: $name,
            label: None,
            unit: $unit,
            meaning: $meaning,
            family: Family::$family,
            values: |snapshot, take| {
                if let Some($part) = snapshot.$field.as_deref() {
                    let value: Option<f64> = $value.into();
                    if let Some(value) = value {
                        take("", value);
                    }
                }
            },
        }
    };
}

/// A series with one member per element of the family's list.
macro_rules! labelled {
    ($name:literal, $unit:literal, $family:ident.$field:ident, $label:ident = $member:ident, |$part:ident| $value:expr, $meaning:literal) => {
        Series {
            name: $name,
            label: Some(stringify!($label)),
            unit: $unit,
            meaning: $meaning,
            family: Family::$family,
            values: |snapshot, take| {
                for $part in snapshot.$field.as_deref().into_iter().flatten() {
                    let value: Option<f64> = $value.into();
                    if let Some(value) = value {
                        take(&$part.$member, value);
                    }
                }
            },
        }
    };
}

/// A figure of a file system, unless it is stale.
macro_rules! filesystem {
    ($name:literal, $unit:literal, $field:ident, $number:path, $meaning:literal) => {
        labelled!(
            $name,
            $unit,
            Filesystems.filesystems,
            mount_point = mount_point,
            |part| part.$field.filter(|_| !part.stale).map($number),
            $meaning
        )
    };
}

fn as_is(value: f64) -> f64 {
    value
}

fn some(pressure: Option<ResourcePressure>) -> Option<f64> {
    pressure.map(|pressure| pressure.some.avg10)
}

fn full(pressure: Option<ResourcePressure>) -> Option<f64> {
    pressure?.full.map(|share| share.avg10)
}

/// All series that there are.
#[rustfmt::skip]
pub static SERIES: &[Series] = &[
    single!("cpu.usage_percent", "percent", Cpu.cpu, |cpu| cpu.usage_percent, "Processor time spent on work"),
    single!("cpu.user_percent", "percent", Cpu.cpu, |cpu| cpu.user_percent, "Processor time spent in programs"),
    single!("cpu.system_percent", "percent", Cpu.cpu, |cpu| cpu.system_percent, "Processor time spent in the kernel"),
    single!("cpu.iowait_percent", "percent", Cpu.cpu, |cpu| cpu.iowait_percent, "Processor time idle while something waited for a disk"),
    single!("cpu.steal_percent", "percent", Cpu.cpu, |cpu| cpu.steal_percent, "Processor time that the hypervisor gave to others"),
    single!("cpu.irq_percent", "percent", Cpu.cpu, |cpu| cpu.irq_percent, "Processor time spent on interrupts"),
    single!("cpu.softirq_percent", "percent", Cpu.cpu, |cpu| cpu.softirq_percent, "Processor time spent on deferred work of interrupts"),
    single!("load.one", "count", Load.load, |load| load.one, "Load average over one minute"),
    single!("load.five", "count", Load.load, |load| load.five, "Load average over five minutes"),
    single!("load.fifteen", "count", Load.load, |load| load.fifteen, "Load average over fifteen minutes"),
    single!("memory.total_bytes", "bytes", Memory.memory, |memory| number(memory.total_bytes), "Main memory"),
    single!("memory.used_bytes", "bytes", Memory.memory, |memory| number(memory.used_bytes), "Memory that is not available"),
    single!("memory.available_bytes", "bytes", Memory.memory, |memory| number(memory.available_bytes), "Memory that programs could get without swapping"),
    single!("memory.buffers_bytes", "bytes", Memory.memory, |memory| number(memory.buffers_bytes), "Buffers of block devices"),
    single!("memory.cached_bytes", "bytes", Memory.memory, |memory| number(memory.cached_bytes), "Cached files"),
    single!("swap.total_bytes", "bytes", Swap.swap, |swap| number(swap.total_bytes), "Swap space"),
    single!("swap.used_bytes", "bytes", Swap.swap, |swap| number(swap.used_bytes), "Swap space in use"),
    filesystem!("filesystem.total_bytes", "bytes", total_bytes, number, "Size of a file system"),
    filesystem!("filesystem.used_bytes", "bytes", used_bytes, number, "What is taken of a file system"),
    filesystem!("filesystem.available_bytes", "bytes", available_bytes, number, "What an ordinary user can still write"),
    filesystem!("filesystem.used_percent", "percent", used_percent, as_is, "What is taken, of what is taken or available, as df shows it"),
    filesystem!("filesystem.inodes_total", "count", inodes_total, number, "How many files a file system can hold"),
    filesystem!("filesystem.inodes_used", "count", inodes_used, number, "How many files it holds"),
    labelled!("disk.read_bytes_per_second", "bytes_per_second", Disks.disks, device = device, |disk| disk.read_bytes_per_second, "Bytes read from a disk"),
    labelled!("disk.written_bytes_per_second", "bytes_per_second", Disks.disks, device = device, |disk| disk.written_bytes_per_second, "Bytes written to a disk"),
    labelled!("disk.busy_percent", "percent", Disks.disks, device = device, |disk| disk.busy_percent, "Time in which a disk had something to do"),
    labelled!("network.received_bytes_per_second", "bytes_per_second", Networks.networks, interface = interface, |network| network.received_bytes_per_second, "Bytes received over an interface"),
    labelled!("network.sent_bytes_per_second", "bytes_per_second", Networks.networks, interface = interface, |network| network.sent_bytes_per_second, "Bytes sent over an interface"),
    labelled!("sensor.celsius", "celsius", Sensors.sensors, name = name, |sensor| sensor.celsius, "A temperature"),
    single!("pressure.cpu.some.avg10", "percent", Pressure.pressure, |psi| some(psi.cpu), "Time in which some task waited for a processor"),
    single!("pressure.cpu.full.avg10", "percent", Pressure.pressure, |psi| full(psi.cpu), "Time in which all tasks waited for a processor"),
    single!("pressure.memory.some.avg10", "percent", Pressure.pressure, |psi| some(psi.memory), "Time in which some task waited for memory"),
    single!("pressure.memory.full.avg10", "percent", Pressure.pressure, |psi| full(psi.memory), "Time in which all tasks waited for memory"),
    single!("pressure.io.some.avg10", "percent", Pressure.pressure, |psi| some(psi.io), "Time in which some task waited for a disk"),
    single!("pressure.io.full.avg10", "percent", Pressure.pressure, |psi| full(psi.io), "Time in which all tasks waited for a disk"),
    single!("uptime.seconds", "seconds", Uptime.uptime_seconds, |seconds| number(*seconds), "Time since the host started; a step back is a restart"),
    single!("processes.total", "count", Processes.processes, |count| f64::from(count.total), "Processes"),
    single!("processes.running", "count", Processes.processes, |count| f64::from(count.running), "Processes that run or are ready to"),
    single!("processes.blocked", "count", Processes.processes, |count| f64::from(count.blocked), "Processes that wait and can't be interrupted"),
    single!("processes.zombie", "count", Processes.processes, |count| f64::from(count.zombie), "Processes that exited, not yet reaped by the parent"),
    single!("sessions.count", "count", Sessions.sessions, |all| number(all.len() as u64), "Logins"),
    single!("units.failed", "count", Units.units, |units| number(units.failed), "Units of systemd that have failed"),
];

/// Calls `take` with every figure of the snapshot: the series, the value of its label (empty when
/// it has none) and the figure.
///
/// Families whose newest reading failed and figures that are no finite numbers are left out: what
/// is not known is a gap.
pub fn for_each_value(snapshot: &Snapshot, mut take: impl FnMut(&'static Series, &str, f64)) {
    for series in SERIES {
        if snapshot.is_fresh(series.family) {
            (series.values)(snapshot, &mut |label, value| {
                if value.is_finite() {
                    take(series, label, value);
                }
            });
        }
    }
}

/// The mean and the largest of a series' values within one minute.
#[derive(Debug, Clone, PartialEq)]
pub struct MinuteValue {
    /// Which series.
    pub key: SeriesKey,
    /// Mean of the values read in that minute.
    pub mean: f64,
    /// The largest of them.
    pub max: f64,
    /// How many there were, at least 1.
    pub count: u32,
}

/// All series of one minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Minute {
    /// Its first millisecond.
    pub time: super::time::Timestamp,
    /// One value per series that had any.
    pub values: Vec<MinuteValue>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::snapshot::{FamilyStatus, FamilyValue, Filesystem, Load};

    fn put(snapshot: &mut Snapshot, family: Family, value: FamilyValue, error: Option<&str>) {
        snapshot.set(value);
        let status = FamilyStatus {
            age: Some(Duration::ZERO),
            error: error.map(str::to_owned),
        };
        snapshot.status.insert(family, status);
    }

    fn listed(snapshot: &Snapshot) -> Vec<(String, f64)> {
        let mut all = Vec::new();
        for_each_value(snapshot, |series, label, value| {
            let key = SeriesKey {
                series,
                label: label.into(),
            };
            all.push((key.to_string(), value));
        });
        all
    }

    #[test]
    fn a_snapshot_is_taken_apart_and_gaps_stay_gaps() {
        let mut snapshot = Snapshot::default();
        let load = Load {
            one: 1.5,
            five: f64::NAN,
            fifteen: 0.5,
        };
        put(&mut snapshot, Family::Load, FamilyValue::Load(load), None);
        let stuck = Some("stuck");
        put(&mut snapshot, Family::Uptime, FamilyValue::Uptime(9), stuck);
        let live = Filesystem {
            mount_point: "/srv/\"a\"\\".to_owned(),
            used_bytes: Some(7),
            ..Filesystem::default()
        };
        let stale = Filesystem {
            mount_point: "/nfs".to_owned(),
            used_bytes: Some(8),
            stale: true,
            ..Filesystem::default()
        };
        let both = FamilyValue::Filesystems(vec![live, stale]);
        put(&mut snapshot, Family::Filesystems, both, None);
        assert_eq!(
            listed(&snapshot),
            [
                ("load.one".to_owned(), 1.5),
                ("load.fifteen".to_owned(), 0.5),
                (
                    r#"filesystem.used_bytes{mount_point="/srv/\"a\"\\"}"#.to_owned(),
                    7.0
                ),
            ]
        );
    }

    #[test]
    fn names_are_unique_and_read_back() {
        let names: BTreeSet<&str> = SERIES.iter().map(|series| series.name).collect();
        assert_eq!(names.len(), SERIES.len());
        for series in SERIES {
            let key = SeriesKey {
                series,
                label: series.label.map_or("", |_| "a\"b\\c} {").into(),
            };
            let selector: SeriesSelector = key.to_string().parse().unwrap();
            assert!(selector.matches(&key), "{key}");
            assert!(series.name.parse::<SeriesSelector>().unwrap().matches(&key));
        }
    }

    #[test]
    fn a_wrong_selector_says_what_is_expected() {
        for (text, expected) in [
            (
                "",
                r#"there is no series ""; GET /api/v1/system/series lists all"#,
            ),
            (
                "nope",
                r#"there is no series "nope"; GET /api/v1/system/series lists all"#,
            ),
            (
                "cpu.usage",
                r#"there is no series "cpu.usage"; did you mean cpu.usage_percent? GET /api/v1/system/series lists all"#,
            ),
            (
                "load.on",
                r#"there is no series "load.on"; did you mean load.one? GET /api/v1/system/series lists all"#,
            ),
            (
                r#"cpu.usage_percent{core="0"}"#,
                "expected cpu.usage_percent without a label",
            ),
            (
                r#"disk.busy_percent{name="sda"}"#,
                r#"expected disk.busy_percent{device="…"}"#,
            ),
            (
                "disk.busy_percent{device=sda}",
                r#"expected disk.busy_percent{device="…"}"#,
            ),
            (
                r#"disk.busy_percent{device="a"b"}"#,
                r#"expected disk.busy_percent{device="…"}"#,
            ),
            (
                r#"disk.busy_percent{device="a\"}"#,
                r#"expected disk.busy_percent{device="…"}"#,
            ),
        ] {
            let error = text.parse::<SeriesSelector>().unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        let other: SeriesSelector = r#"disk.busy_percent{ device = "sdb" }"#.parse().unwrap();
        assert_eq!(other.label.as_deref(), Some("sdb"));
    }
}
