//! One reading of the host on the wire, and the events of the live stream.

pub(super) mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::snapshot::{
    self as model, Cpu, Disk, FailedUnits, Family, Filesystem, Load, Memory, Network, Pressure,
    Processes, Sensor, Session, Swap,
};
use crate::time::Timestamp;

/// Everything read of the host at one moment.
///
/// Families that were not requested are absent. One that can't be read is `null`, and its entry in
/// `status` says why.
#[derive(Debug, Clone, Default, PartialEq, ToSchema)]
#[schema(example = example)]
pub struct Snapshot {
    /// Name of the host.
    pub host: String,
    /// Its id among the hosts of the daemon's database; absent in streams, and from an older daemon.
    pub host_id: Option<String>,
    /// When it was read.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// What the processors do.
    pub cpu: Option<Cpu>,
    /// Processes that run or wait to.
    pub load: Option<Load>,
    /// Main memory.
    pub memory: Option<Memory>,
    /// Swap space.
    pub swap: Option<Swap>,
    /// Mounted file systems that hold files, each once.
    pub filesystems: Option<Vec<Filesystem>>,
    /// Whole disks.
    pub disks: Option<Vec<Disk>>,
    /// Network interfaces.
    pub networks: Option<Vec<Network>>,
    /// Temperatures.
    pub sensors: Option<Vec<Sensor>>,
    /// Time lost to waiting for resources.
    pub pressure: Option<Pressure>,
    /// Whole seconds since the host started.
    pub uptime_seconds: Option<u64>,
    /// How many processes there are.
    pub processes: Option<Processes>,
    /// Who is logged in.
    pub sessions: Option<Vec<Session>>,
    /// Units of systemd that have failed.
    pub units: Option<FailedUnits>,
    /// How the reading of each family went.
    pub status: BTreeMap<Family, FamilyStatus>,
}

/// How the reading of one family went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"age_ms": 730, "error": null}))]
pub struct FamilyStatus {
    /// Age of the value in milliseconds; `null` when there is none.
    pub age_ms: Option<u64>,
    /// Why the newest reading failed. The value, when there is one, is then an older one.
    pub error: Option<String>,
}

impl FamilyStatus {
    /// How it went, as it is `since` after the snapshot was taken.
    #[must_use]
    pub fn new(status: &model::FamilyStatus, since: Duration) -> Self {
        Self {
            age_ms: status.age.map(|age| millis(age.saturating_add(since))),
            error: status.error.clone(),
        }
    }
}

impl Snapshot {
    /// The families of `snapshot` that are in `families`, as they are `since` after it was taken.
    #[must_use]
    pub fn new(snapshot: &model::Snapshot, families: &[Family], since: Duration) -> Self {
        fn part<T: Clone>(
            families: &[Family],
            family: Family,
            value: Option<&std::sync::Arc<T>>,
        ) -> Option<T> {
            let wanted = families.contains(&family);
            value.filter(|_| wanted).map(|value| T::clone(value))
        }
        macro_rules! part {
            ($family:ident, $field:ident) => {
                part(families, Family::$family, snapshot.$field.as_ref())
            };
        }
        let status = families.iter().map(|family| {
            let status = snapshot.status.get(family).cloned().unwrap_or_default();
            (*family, FamilyStatus::new(&status, since))
        });
        Self {
            host: snapshot.host.to_string(),
            host_id: None,
            time: snapshot.time,
            cpu: part!(Cpu, cpu),
            load: part!(Load, load),
            memory: part!(Memory, memory),
            swap: part!(Swap, swap),
            filesystems: part!(Filesystems, filesystems),
            disks: part!(Disks, disks),
            networks: part!(Networks, networks),
            sensors: part!(Sensors, sensors),
            pressure: part!(Pressure, pressure),
            uptime_seconds: part!(Uptime, uptime_seconds),
            processes: part!(Processes, processes),
            sessions: part!(Sessions, sessions),
            units: part!(Units, units),
            status: status.collect(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Writes a family when it has a status, so that "not requested" and "can't be read" differ.
impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("host", &self.host)?;
        if let Some(id) = &self.host_id {
            map.serialize_entry("host_id", id)?;
        }
        map.serialize_entry("time", &self.time)?;
        for family in self.status.keys() {
            let field = family.field();
            match family {
                Family::Cpu => map.serialize_entry(field, &self.cpu)?,
                Family::Load => map.serialize_entry(field, &self.load)?,
                Family::Memory => map.serialize_entry(field, &self.memory)?,
                Family::Swap => map.serialize_entry(field, &self.swap)?,
                Family::Filesystems => map.serialize_entry(field, &self.filesystems)?,
                Family::Disks => map.serialize_entry(field, &self.disks)?,
                Family::Networks => map.serialize_entry(field, &self.networks)?,
                Family::Sensors => map.serialize_entry(field, &self.sensors)?,
                Family::Pressure => map.serialize_entry(field, &self.pressure)?,
                Family::Uptime => map.serialize_entry(field, &self.uptime_seconds)?,
                Family::Processes => map.serialize_entry(field, &self.processes)?,
                Family::Sessions => map.serialize_entry(field, &self.sessions)?,
                Family::Units => map.serialize_entry(field, &self.units)?,
            }
        }
        map.serialize_entry("status", &self.status)?;
        map.end()
    }
}

/// Why a stream ends, as its last event `end` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "key_ended", "detail": "The key was revoked or has expired."}))]
pub struct StreamEnd {
    /// For programs: `shutdown`, `key_ended`, `not_allowed`, `unavailable` or `too_slow`.
    pub reason: String,
    /// For people.
    pub detail: String,
}

/// One reading, for the documentation.
#[must_use]
pub fn example() -> serde_json::Value {
    serde_json::json!({
        "host": "web-03",
        "host_id": "3f2a9c0d1e4b5a69",
        "time": "2026-11-23T07:02:00.250Z",
        "cpu": {
            "usage_percent": 12.5, "user_percent": 9.25, "system_percent": 3.25,
            "iowait_percent": 0.5, "steal_percent": 0.0, "irq_percent": 0.25,
            "softirq_percent": 0.5,
            "per_core": [{
                "core": 0, "usage_percent": 12.5, "iowait_percent": 0.5, "steal_percent": 0.0,
                "frequency_mhz": 2596.0
            }]
        },
        "load": {"one": 0.52, "five": 0.58, "fifteen": 0.59},
        "memory": {
            "total_bytes": 25_276_502_016_u64, "used_bytes": 1_162_092_544,
            "available_bytes": 24_114_409_472_u64, "free_bytes": 22_022_430_720_u64,
            "buffers_bytes": 13_250_560, "cached_bytes": 2_482_118_656_u64,
            "shared_bytes": 9_084_928
        },
        "swap": {"total_bytes": 2_147_479_552, "used_bytes": 0},
        "filesystems": [{
            "mount_point": "/", "device": "/dev/vda1", "type": "ext4",
            "total_bytes": 270_553_174_016_u64, "used_bytes": 21_474_836_480_u64,
            "available_bytes": 235_281_670_144_u64, "used_percent": 8.36, "inodes_total": 16_777_216,
            "inodes_used": 412_345, "read_only": false, "network": false, "stale": false,
            "age_ms": 0, "error": null
        }],
        "disks": [{
            "device": "vda", "read_bytes_per_second": 4096.0, "written_bytes_per_second": 65536.0,
            "reads_per_second": 1.0, "writes_per_second": 4.0, "busy_percent": 0.4,
            "read_bytes": 56_122_275_000_u64, "written_bytes": 62_979_854_000_u64
        }],
        "networks": [{
            "interface": "eth0", "has_device": true, "received_bytes_per_second": 1250.5,
            "sent_bytes_per_second": 880.0, "errors": 0, "drops": 0,
            "received_bytes": 449_550_665, "sent_bytes": 1_086_686, "received_packets": 18364,
            "sent_packets": 10407, "receive_errors": 0, "send_errors": 0, "receive_drops": 0,
            "send_drops": 0
        }],
        "sensors": null,
        "pressure": {
            "cpu": {"some": {"avg10": 0.0, "avg60": 0.1, "avg300": 0.2}, "full": null},
            "memory": {
                "some": {"avg10": 0.0, "avg60": 0.0, "avg300": 0.0},
                "full": {"avg10": 0.0, "avg60": 0.0, "avg300": 0.0}
            },
            "io": {
                "some": {"avg10": 0.3, "avg60": 0.2, "avg300": 0.1},
                "full": {"avg10": 0.3, "avg60": 0.2, "avg300": 0.1}
            }
        },
        "uptime_seconds": 98765,
        "processes": {
            "total": 108, "running": 2, "sleeping": 56, "idle": 50, "blocked": 0, "stopped": 0, "zombie": 0
        },
        "sessions": [{
            "user": "alice", "terminal": "pts/0", "remote_host": "192.0.2.7",
            "started_at": "2026-11-23T06:40:11Z"
        }],
        "units": {
            "failed": 1, "failed_names": ["backup.service"], "restarting": 0, "restarting_names": []
        },
        "status": {
            "cpu": {"age_ms": 730, "error": null},
            "sensors": {"age_ms": null, "error": "can't read /sys/class/hwmon: no such directory"}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::FamilyValue;

    fn taken() -> model::Snapshot {
        let mut snapshot = model::Snapshot {
            host: "web-03".into(),
            time: Timestamp::from_millis(1_000),
            ..model::Snapshot::default()
        };
        snapshot.set(FamilyValue::Uptime(7));
        let read = model::FamilyStatus {
            age: Some(Duration::from_millis(30)),
            error: None,
        };
        snapshot.status.insert(Family::Uptime, read);
        let failed = model::FamilyStatus {
            age: None,
            error: Some("forbidden".to_owned()),
        };
        snapshot.status.insert(Family::Sensors, failed);
        snapshot
    }

    #[test]
    fn what_was_not_asked_for_is_absent_and_what_cannot_be_read_is_null() {
        let families = [Family::Sensors, Family::Uptime];
        let wire = Snapshot::new(&taken(), &families, Duration::from_millis(500));
        let text = serde_json::to_string(&wire).unwrap();
        assert_eq!(
            text,
            r#"{"host":"web-03","time":"1970-01-01T00:00:01Z","sensors":null,"uptime_seconds":7,"#
                .to_owned()
                + r#""status":{"sensors":{"age_ms":null,"error":"forbidden"},"#
                + r#""uptime":{"age_ms":530,"error":null}}}"#
        );
        assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), wire);
    }

    #[test]
    fn the_example_is_a_snapshot_and_shows_every_figure() {
        let mut read: Snapshot = serde_json::from_value(example()).unwrap();
        assert_eq!(read.filesystems.as_ref().unwrap()[0].kind, "ext4");
        assert_eq!(read.sensors, None);
        for family in Family::ALL {
            read.status.entry(*family).or_default();
        }
        let written = serde_json::to_value(&read).unwrap();
        for family in Family::ALL {
            let (field, example) = (family.field(), example());
            assert_eq!(written[field], example[field], "{field}");
        }
    }
}
