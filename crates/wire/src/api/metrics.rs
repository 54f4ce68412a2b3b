//! Statistics of requests on the wire.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Timestamp;

/// All requests of one bucket of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "time": "2026-11-23T07:02:00Z",
    "total_requests": 1955,
    "avg_response_time": 0.0862,
    "error_rate": 0.0
}))]
pub struct GlobalMetrics {
    /// When the bucket begins.
    #[schema(format = DateTime)]
    pub time: String,
    /// Their method, with `by=method`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Id of the host, with `by=host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Name of that host, while it is in the list of hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// Value of the label, with `by=label:NAME`; empty for hosts without it, and for those that are not in the
    /// list of hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_value: Option<String>,
    /// How many there were.
    pub total_requests: u64,
    /// How long they took on average, in seconds.
    pub avg_response_time: f64,
    /// The share, 0 to 1, that ended with a status of 500 or more.
    pub error_rate: f64,
}

/// The requests to one route in one bucket of time. Times are in seconds; percentiles are those of
/// all daemons and hosts together, within 1 %, and interpolated between the two nearest requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "time": "2026-11-23T07:02:00Z",
    "route": "/api/v1/user/me",
    "requests": 1955,
    "avg_response_time": 0.0862,
    "min_response_time": 0.0236,
    "max_response_time": 0.2015,
    "p50": 0.0828,
    "p95": 0.1033,
    "p99": 0.1796
}))]
pub struct RouteMetrics {
    /// When the bucket begins.
    #[schema(format = DateTime)]
    pub time: String,
    /// Template of the route, or `<unmatched>`.
    pub route: String,
    /// Their method, with `by=method`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Id of the host, with `by=host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Name of that host, while it is in the list of hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// Value of the label, with `by=label:NAME`; empty for hosts without it, and for those that are not in the
    /// list of hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_value: Option<String>,
    /// How many there were.
    pub requests: u64,
    /// How long they took on average.
    pub avg_response_time: f64,
    /// The shortest.
    pub min_response_time: f64,
    /// The longest.
    pub max_response_time: f64,
    /// Half of them took no longer.
    pub p50: f64,
    /// 95 % of them took no longer.
    pub p95: f64,
    /// 99 % of them took no longer.
    pub p99: f64,
    /// Only there when it is true: some of these requests were answered by the Python Linux-API.
    /// Their percentiles are those it stored, or estimates from several such rows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub imported: bool,
}

/// How often requests to a route ended with one status in one bucket of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "time": "2026-11-23T07:02:00Z",
    "route": "/api/v1/user/me",
    "status_code": 200,
    "count": 1955
}))]
pub struct StatusCodeMetrics {
    /// When the bucket begins.
    #[schema(format = DateTime)]
    pub time: String,
    /// Template of the route, or `<unmatched>`.
    pub route: String,
    /// Their method, with `by=method`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Id of the host, with `by=host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Name of that host, while it is in the list of hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// Value of the label, with `by=label:NAME`; empty for hosts without it, and for those that are not in the
    /// list of hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_value: Option<String>,
    /// HTTP status.
    pub status_code: u16,
    /// How often.
    pub count: u64,
}

/// A place in the list of routes, which is ordered by time, route and method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteCursor {
    /// Time of the last row that was seen.
    pub time: Timestamp,
    /// Its route.
    pub route: String,
    /// Its method, with `by=method`.
    pub method: Option<String>,
    /// Id of its host, with `by=host`.
    pub host: Option<String>,
    /// Value of its label, with `by=label:NAME`.
    pub label_value: Option<String>,
}

impl RouteCursor {
    /// The opaque text given to clients.
    #[must_use]
    pub fn encode(&self) -> String {
        let method = self.method.as_deref().unwrap_or_default();
        let millis = self.time.as_millis();
        // A host's id and a label's value may hold colons; none holds a line break.
        let route = &self.route;
        let plain = match (&self.host, &self.label_value) {
            (None, None) => format!("r1:{millis}:{method}:{route}"),
            (Some(host), _) => format!("r2:{millis}:{method}:{host}\n{route}"),
            (None, Some(value)) => format!("r3:{millis}:{method}:{value}\n{route}"),
        };
        URL_SAFE_NO_PAD.encode(plain)
    }

    /// Reads the text of [`RouteCursor::encode`]; `None` when it is anything else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (version, rest) = plain.split_at_checked(3)?;
        let (millis, rest) = rest.split_once(':')?;
        let (method, rest) = rest.split_once(':')?;
        let (host, label_value, route) = match version {
            "r1:" => (None, None, rest),
            "r2:" => rest
                .split_once('\n')
                .map(|(host, route)| (Some(host), None, route))?,
            "r3:" => rest
                .split_once('\n')
                .map(|(value, route)| (None, Some(value), route))?,
            _ => return None,
        };
        let millis: i64 = millis.parse().ok()?;
        // What a timestamp column can hold, year 1 to 9999.
        let storable = (-62_135_596_800_000..=253_402_300_799_999).contains(&millis);
        let known = method.len() <= 16
            && route.len() <= 512
            && host.is_none_or(|host| host.len() <= 64)
            && label_value.is_none_or(|value| value.len() <= 1_024)
            && !plain.contains('\0');
        (storable && known).then(|| Self {
            time: Timestamp::from_millis(millis),
            route: route.to_owned(),
            method: (!method.is_empty()).then(|| method.to_owned()),
            host: host.map(str::to_owned),
            label_value: label_value.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_round_trip(
            millis in -62_135_596_800_000_i64..=253_402_300_799_999,
            route in "[/a-z{}:<>]{0,40}",
            method in proptest::option::of("[A-Z]{1,7}"),
            text in "[0-9a-z:.]{0,20}",
            split in 0..3,
        ) {
            let time = Timestamp::from_millis(millis);
            let (host, label_value) = match split {
                0 => (None, None),
                1 => (Some(text), None),
                _ => (None, Some(text)),
            };
            let cursor = RouteCursor { time, route, method, host, label_value };
            prop_assert_eq!(RouteCursor::decode(&cursor.encode()), Some(cursor));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "\\PC{0,60}") {
            if let Some(cursor) = RouteCursor::decode(&text) {
                prop_assert_eq!(RouteCursor::decode(&cursor.encode()), Some(cursor));
            }
        }
    }
}
