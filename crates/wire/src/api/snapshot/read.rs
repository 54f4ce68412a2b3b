//! Reading a snapshot of a daemon that is older or newer than this program.
//!
//! What this program does not know is passed over. A family that it can't read is absent with the
//! reason, as one that the daemon could not read; it never costs the others.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{FamilyStatus, Snapshot};
use crate::snapshot::Family;

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Map::deserialize(deserializer)?;
        let host = required(&mut members, "host")?;
        let host_id = members.remove("host_id");
        let time = required(&mut members, "time")?;
        let statuses: Map<String, Value> = required(&mut members, "status")?;
        let mut snapshot = Self {
            host,
            host_id: host_id.and_then(|id| id.as_str().map(str::to_owned)),
            time,
            status: known(statuses),
            ..Self::default()
        };
        macro_rules! read {
            ($($family:ident $field:ident)*) => {
                $(snapshot.$field = snapshot.family(Family::$family, &mut members);)*
            };
        }
        read! {
            Cpu cpu
            Load load
            Memory memory
            Swap swap
            Filesystems filesystems
            Disks disks
            Networks networks
            Sensors sensors
            Pressure pressure
            Uptime uptime_seconds
            Processes processes
            Sessions sessions
            Units units
        }
        Ok(snapshot)
    }
}

/// The statuses of the families that this program knows.
pub(in crate::api) fn known_families<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Family, FamilyStatus>, D::Error> {
    Map::deserialize(deserializer).map(known)
}

fn known(statuses: Map<String, Value>) -> BTreeMap<Family, FamilyStatus> {
    let known = statuses.into_iter().filter_map(|(name, status)| {
        let family: Family = name.parse().ok()?;
        // A family that is there counts, even when its status is of another shape.
        Some((family, serde_json::from_value(status).unwrap_or_default()))
    });
    known.collect()
}

impl Snapshot {
    /// What was read of a family; `None`, with the reason in its status, when its shape is another
    /// one than this program knows.
    fn family<T: DeserializeOwned>(
        &mut self,
        family: Family,
        members: &mut Map<String, Value>,
    ) -> Option<T> {
        let value = members.remove(family.field())?;
        match serde_json::from_value(value) {
            Ok(value) => value,
            Err(error) => {
                let error = format!("this program can't read what the daemon sends: {error}");
                self.status.insert(
                    family,
                    FamilyStatus {
                        age_ms: None,
                        error: Some(error),
                    },
                );
                None
            }
        }
    }
}

fn required<T: DeserializeOwned, E: Error>(
    members: &mut Map<String, Value>,
    name: &'static str,
) -> Result<T, E> {
    let value = members.remove(name).ok_or_else(|| E::missing_field(name))?;
    serde_json::from_value(value).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::example;
    use super::*;

    #[test]
    fn families_and_fields_that_are_new_are_passed_over() {
        let known: Snapshot = serde_json::from_value(example()).unwrap();
        let mut newer = example();
        newer["gpus"] = json!([{"name": "card0"}]);
        newer["status"]["gpus"] = json!({"age_ms": 3, "error": null});
        newer["status"]["cpu"]["source"] = json!("ebpf");
        newer["load"]["sixty"] = json!(0.1);
        newer["filesystems"][0]["tier"] = json!("cold");
        assert_eq!(serde_json::from_value::<Snapshot>(newer).unwrap(), known);
    }

    #[test]
    fn a_family_of_another_shape_is_absent_and_says_why() {
        let mut other = example();
        other["load"] = json!("high");
        other["memory"]
            .as_object_mut()
            .unwrap()
            .remove("used_bytes");
        let read: Snapshot = serde_json::from_value(other).unwrap();
        assert_eq!((read.load, read.memory), (None, None));
        assert!(read.cpu.is_some() && read.filesystems.is_some());
        let reason = read.status[&Family::Memory].error.as_deref().unwrap();
        assert!(reason.contains("missing field `used_bytes`"), "{reason}");
        assert!(read.status[&Family::Load].error.is_some());
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for wrong in [
            json!([]),
            json!({}),
            json!({"host": "a", "time": "never", "status": {}}),
        ] {
            assert!(serde_json::from_value::<Snapshot>(wrong).is_err());
        }
    }
}
