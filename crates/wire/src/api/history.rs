//! Stored series of a host on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::series::Series;

/// Series of a host over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "from": "2026-11-23T07:00:00Z",
    "to": "2026-11-23T08:00:00Z",
    "step": 60,
    "series": [{
        "host": "3f2a9c0d1e4b5a69",
        "host_name": "web-1",
        "name": "filesystem.used_bytes",
        "labels": {"mount_point": "/"},
        "unit": "bytes",
        "points": [[1_795_417_200.0, 1.5e10, 1.6e10]]
    }]
}))]
pub struct History {
    /// Where the range begins.
    #[schema(format = DateTime)]
    pub from: String,
    /// Where it ends.
    #[schema(format = DateTime)]
    pub to: String,
    /// When the history of the daemon began, where it ends with the daemon; absent for a daemon that
    /// keeps its history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub history_since: Option<String>,
    /// Time between two points, in seconds; longer than requested where there would be too many.
    pub step: u64,
    /// The requested series that have points in the range.
    pub series: Vec<HistorySeries>,
    /// Where the next page of hosts starts; absent where no page was requested, and on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistorySeries {
    /// Id of the host, where the request selects several or says `by=host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// That host's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// Family dot field.
    pub name: String,
    /// What distinguishes it from others of its name.
    pub labels: BTreeMap<String, String>,
    /// Unit of the values.
    pub unit: String,
    /// Each point is the time it begins at, in seconds since 1970, the mean and the largest value
    /// until the next. Where nothing is known there is no point.
    pub points: Vec<[f64; 3]>,
}

/// What a series is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "filesystem.used_bytes",
    "unit": "bytes",
    "meaning": "What is taken of a file system",
    "labels": ["mount_point"]
}))]
pub struct SeriesDescription {
    /// Family dot field.
    pub name: String,
    /// Unit of the values: `percent`, `bytes`, `bytes_per_second`, `celsius`, `seconds` or `count`.
    pub unit: String,
    /// What it is, in a few words.
    pub meaning: String,
    /// Names of the labels that distinguish its members; empty when there is one member only.
    pub labels: Vec<String>,
}

impl From<&Series> for SeriesDescription {
    fn from(series: &Series) -> Self {
        Self {
            name: series.name.to_owned(),
            unit: series.unit.to_owned(),
            meaning: series.meaning.to_owned(),
            labels: series.label.into_iter().map(str::to_owned).collect(),
        }
    }
}
