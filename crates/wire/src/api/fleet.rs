//! The hosts of one database on the wire.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A host whose daemon writes to this database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "3f2a9c0d1e4b5a69",
    "name": "web-1",
    "labels": {"role": "web"},
    "version": "0.1.0",
    "instance_id": "9b1c2d3e4f506172",
    "first_seen": "2026-11-01T00:00:00Z",
    "last_seen": "2026-11-23T07:02:10Z",
    "age_seconds": 4,
    "sample_time": null,
    "sample": null
}))]
pub struct FleetHost {
    /// The same for every start on the same host.
    pub id: String,
    /// The host's name, for people.
    pub name: String,
    /// What the administrator wrote about it (`host.labels`).
    pub labels: BTreeMap<String, String>,
    /// Version of its daemon.
    pub version: String,
    /// Which start of its daemon wrote last.
    pub instance_id: String,
    /// When it first wrote to this database.
    #[schema(format = DateTime)]
    pub first_seen: String,
    /// When it last did; a daemon that lives writes at least every half minute or so.
    #[schema(format = DateTime)]
    pub last_seen: String,
    /// How long ago that was, in seconds.
    pub age_seconds: u64,
    /// When its newest reading was taken, when it has sent one.
    #[schema(format = DateTime)]
    pub sample_time: Option<String>,
    /// That reading.
    pub sample: Option<HostReading>,
}

/// The newest reading of a host, in short. What could not be read is `null`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "cpu_usage_percent": 12.5,
    "load_one": 0.52,
    "memory_used_bytes": 3_221_225_472_u64,
    "memory_total_bytes": 8_589_934_592_u64,
    "uptime_seconds": 86_400
}))]
pub struct HostReading {
    /// Use of all processors together, 0 to 100.
    pub cpu_usage_percent: Option<f64>,
    /// Load average of one minute.
    pub load_one: Option<f64>,
    /// Memory in use.
    pub memory_used_bytes: Option<u64>,
    /// Memory that there is.
    pub memory_total_bytes: Option<u64>,
    /// How long the host has been up.
    pub uptime_seconds: Option<u64>,
}

/// A place in the list of hosts, which is ordered by name and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCursor {
    /// Name of the last host that was seen.
    pub name: String,
    /// Its id.
    pub id: String,
}

impl HostCursor {
    /// The opaque text given to clients.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("h1\n{}\n{}", self.id, self.name))
    }

    /// Reads the text of [`HostCursor::encode`]; `None` when it is anything else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (id, name) = plain.strip_prefix("h1\n")?.split_once('\n')?;
        let known = id.len() <= 64 && name.len() <= 256 && !plain.contains('\0');
        known.then(|| Self {
            name: name.to_owned(),
            id: id.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_other_texts_are_refused() {
        let cursor = HostCursor {
            name: "web 1".to_owned(),
            id: "a:b".to_owned(),
        };
        assert_eq!(HostCursor::decode(&cursor.encode()), Some(cursor));
        for text in ["", "x", "aDE", "!"] {
            assert_eq!(HostCursor::decode(text), None, "{text}");
        }
    }
}
