//! Parameters that the statistics routes share.

use std::time::Duration;

use utoipa::ToSchema;

use crate::error::ApiError;
use crate::history::AHEAD;
use crate::host_params::{HOSTS_MAX, HostSelection, NARROW_ADVICE};
use crate::params::QueryReader;
use linux_api_store::Store;
use linux_api_wire::request_stats::{Resolution, UNMATCHED_ROUTE};
use linux_api_wire::time::Timestamp;

/// A time that is ahead by no more than this is not in the future: clocks of clients differ.
const SKEW: Duration = Duration::from_mins(1);
/// The earliest time that a timestamp column and a four-digit year can hold.
const EARLIEST: Timestamp = Timestamp::from_millis(-62_135_596_800_000);

/// How long the buckets are.
#[derive(Debug, ToSchema)]
#[schema(default = "1m")]
#[expect(dead_code, reason = "only describes the parameter in the document")]
pub(crate) enum Bucket {
    #[schema(rename = "1m")]
    Minute,
    #[schema(rename = "1h")]
    Hour,
    #[schema(rename = "1d")]
    Day,
}

pub(super) fn bucket(query: &mut QueryReader) -> Resolution {
    let read = |text: &str| match text {
        "1m" => Ok(Resolution::Minute),
        "1h" => Ok(Resolution::Hour),
        "1d" => Ok(Resolution::Day),
        _ => Err("Input should be '1m', '1h' or '1d'".to_owned()),
    };
    query
        .read_with("bucket", read)
        .unwrap_or(Resolution::Minute)
}

/// The ids of the hosts that a request selects; nothing when it means all.
pub(super) async fn ids_of(
    selection: &HostSelection,
    store: &Store,
) -> Result<Option<Vec<String>>, ApiError> {
    if !selection.is_narrow() {
        return Ok(None);
    }
    let hosts = selection.select(store, HOSTS_MAX, NARROW_ADVICE).await?;
    Ok(Some(hosts.into_iter().map(|host| host.id).collect()))
}

pub(super) fn route(query: &mut QueryReader) -> Option<String> {
    let route = query.text("route", 255)?;
    if !route.starts_with('/') && route != UNMATCHED_ROUTE {
        query.problem("route", "String should match pattern '^/.*'");
    }
    Some(route)
}

/// What is wrong with a time in the future.
pub(super) const IN_FUTURE: &str = "Input should not be in the future";

/// Whether a time is in the future, however wrong the client's clock may be within reason.
pub(super) fn is_future(time: Timestamp, now: Timestamp) -> bool {
    time > now.saturating_add(SKEW)
}

/// Both bounds with their parameters' names, as a range of buckets. Without an end it ends where clocks
/// that are nearly right may be: what a wrong one wrote would be the newest for years.
pub(super) fn range(
    now: Timestamp,
    start: (&str, Option<Timestamp>),
    end: (&str, Option<Timestamp>),
    resolution: Resolution,
) -> Result<(Timestamp, Timestamp), ApiError> {
    let mut problems = Vec::new();
    for (name, time) in [start, end] {
        if time.is_some_and(|time| is_future(time, now)) {
            problems.push(QueryReader::wrong(name, IN_FUTURE));
        }
    }
    if let (Some(from), Some(to)) = (start.1, end.1)
        && from > to
    {
        problems.push(QueryReader::wrong(
            end.0,
            format!("Input should not be before {}", start.0),
        ));
    }
    if !problems.is_empty() {
        return Err(ApiError::invalid(problems));
    }
    let from = start.1.map_or(EARLIEST, |from| match resolution {
        // Minutes have always been selected by the times that they begin at.
        Resolution::Minute => from,
        // An hour or a day that the range begins in belongs to it.
        _ => resolution.start_of(from).max(EARLIEST),
    });
    Ok((from, end.1.unwrap_or_else(|| now.saturating_add(AHEAD))))
}
