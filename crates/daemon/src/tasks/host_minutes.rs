//! Hands what the sampler read to the flusher: finished minutes, and the newest reading in short.

use tokio_util::sync::CancellationToken;

use super::flusher::FlusherHandle;
use super::sampler::HostSampler;
use linux_api_wire::fleet::{HostFacts, HostSample};
use linux_api_wire::series::{Minute, MinuteValue};
use linux_api_wire::snapshot::{Family, Snapshot};

/// How many characters of a mount point are kept: a row of the list stays small.
const MOUNT_POINT_MAX: usize = 128;

/// Passes minutes on until stopped, then also what is known of the open minute.
pub async fn run(host: HostSampler, flusher: FlusherHandle, stop: CancellationToken) {
    let mut told = host.subscribe();
    while let Some(Ok(())) = stop.run_until_cancelled(told.changed()).await {
        let newest = told.borrow_and_update().clone();
        if let Some(snapshot) = newest {
            flusher.push_newest(snapshot.time, facts(&snapshot));
        }
        hand_over(&host, &flusher);
    }
    hand_over(&host, &flusher);
    if let Some(minute) = host.open_minute() {
        flusher.push_samples(samples(&minute));
    }
}

fn hand_over(host: &HostSampler, flusher: &FlusherHandle) {
    for minute in host.finished_minutes() {
        flusher.push_samples(samples(&minute));
        host.forget_minutes(minute.time);
    }
}

fn samples(minute: &Minute) -> Vec<HostSample> {
    let sample = |value: &MinuteValue| HostSample {
        name: value.key.series.name.to_owned(),
        labels: value.key.stored_labels(),
        time: minute.time,
        samples: value.count.into(),
        mean: value.mean,
        max: value.max,
    };
    minute.values.iter().map(sample).collect()
}

/// The figures that the list of hosts shows; what could not be read is absent.
fn facts(snapshot: &Snapshot) -> HostFacts {
    let (cpu, load) = (snapshot.cpu.as_deref(), snapshot.load.as_deref());
    let memory = snapshot.memory.as_deref();
    let fullest = fullest(snapshot);
    // An old number would pass for one of now.
    let is_known = snapshot.is_fresh(Family::Units);
    let failed = snapshot.units.as_deref().filter(|_| is_known);
    // No database stores NUL.
    let shown = |mount_point: &str| {
        let first = mount_point.chars().take(MOUNT_POINT_MAX);
        first
            .map(|one| if one == '\0' { '\u{fffd}' } else { one })
            .collect()
    };
    HostFacts {
        cpu_usage_percent: cpu.map(|cpu| cpu.usage_percent),
        load_one: load.map(|load| load.one),
        memory_used_bytes: memory.map(|memory| memory.used_bytes),
        memory_total_bytes: memory.map(|memory| memory.total_bytes),
        uptime_seconds: snapshot.uptime_seconds.as_deref().copied(),
        disk_used_percent: fullest.map(|(_, used)| used),
        disk_mount_point: fullest.map(|(mount_point, _)| shown(mount_point)),
        failed_units: failed.map(|units| units.failed),
        // Counted from their states where hosts are listed.
        alerts: None,
        alerts_critical: None,
        alerts_warning: None,
        // Nothing looks for these yet.
        updates: None,
        reboot_required: None,
    }
}

/// Where the fullest file system is mounted, and how full it is. One that can only be read is always
/// full.
fn fullest(snapshot: &Snapshot) -> Option<(&str, f64)> {
    let all = snapshot.filesystems.as_deref()?.iter();
    all.filter(|one| !one.read_only)
        .filter_map(|one| Some((one.mount_point.as_str(), one.used_percent?)))
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::series::{SERIES, SeriesKey};
    use linux_api_wire::snapshot::{FamilyValue, Filesystem};
    use linux_api_wire::time::Timestamp;

    #[test]
    fn labels_are_stored_as_they_are_shown() {
        let value = |name: &str, label: &str| MinuteValue {
            key: SeriesKey {
                series: SERIES.iter().find(|one| one.name == name).unwrap(),
                label: label.into(),
            },
            mean: 1.0,
            max: 2.0,
            count: 30,
        };
        let minute = Minute {
            time: Timestamp::from_millis(60_000),
            values: vec![
                value("load.one", ""),
                value("filesystem.used_bytes", "/a\"b\0"),
            ],
        };
        let samples = samples(&minute);
        assert_eq!(
            (samples[0].name.as_str(), samples[0].labels.as_str()),
            ("load.one", "")
        );
        assert_eq!(samples[1].labels, "{mount_point=\"/a\\\"b\u{fffd}\"}");
        assert_eq!((samples[1].samples, samples[1].time), (30, minute.time));
    }

    #[test]
    fn what_could_not_be_read_is_absent() {
        assert_eq!(facts(&Snapshot::default()), HostFacts::default());
    }

    #[test]
    fn the_figures_of_a_host_are_few_bytes_however_long_its_paths_are() {
        let mut snapshot = Snapshot::default();
        let deep = Filesystem {
            mount_point: format!("/ä\0{}", "deep/".repeat(800)),
            used_percent: Some(99.123_456_789),
            ..Filesystem::default()
        };
        let full = Filesystem {
            mount_point: "/cdrom".to_owned(),
            used_percent: Some(100.0),
            read_only: true,
            ..Filesystem::default()
        };
        snapshot.set(FamilyValue::Filesystems(vec![deep, full]));
        snapshot.set(FamilyValue::Uptime(u64::MAX));
        let facts = facts(&snapshot);
        let mount_point = facts.disk_mount_point.as_deref().unwrap();
        assert!(mount_point.starts_with("/ä\u{fffd}deep/"), "{mount_point}");
        assert_eq!(mount_point.chars().count(), MOUNT_POINT_MAX);
        assert_eq!(facts.disk_used_percent, Some(99.123_456_789));
        let full = HostFacts {
            cpu_usage_percent: Some(100.0 / 3.0),
            load_one: Some(1.0 / 3.0),
            memory_used_bytes: Some(1 << 50),
            memory_total_bytes: Some(1 << 51),
            uptime_seconds: Some(1 << 40),
            disk_mount_point: Some("/".repeat(MOUNT_POINT_MAX)),
            ..facts
        };
        // The eight numbers and the path of a row, and its JSON.
        let bytes = serde_json::to_string(&full).unwrap().len();
        assert!(bytes <= 500, "{bytes}");
    }
}
