//! The journal of the host.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa::IntoParams;

use super::snapshot::{credentials, event_stream};
use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::journal::{
    Boot, Direction, EntryFilter, Grep, Journal, LogCursor, PageRequest, Priority,
};
use crate::json::Json;
use crate::params::QueryReader;
use crate::streams::{LogReader, Streams};
use linux_api_host::units::AnyUnit;
use linux_api_wire::api::logs::LogPage;
use linux_api_wire::api::problem::Problem;
use linux_api_wire::time::Timestamp;

/// Which entries to show.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListLogs {
    /// The unit that they are of, with its type.
    #[param(value_type = Option<String>, max_length = 255, example = "nginx.service")]
    unit: Option<AnyUnit>,
    /// This priority and all that are more urgent: 0 to 7, or `emerg`, `alert`, `crit`, `err`, `warning`,
    /// `notice`, `info`, `debug`.
    #[param(value_type = Option<String>, example = "warning")]
    priority: Option<Priority>,
    /// From when on: RFC 3339, a date, or seconds since 1970.
    #[param(value_type = Option<String>, example = "2026-11-23T07:00:00Z")]
    since: Option<Timestamp>,
    /// Up to when.
    #[param(value_type = Option<String>, example = "2026-11-23T08:00:00Z")]
    until: Option<Timestamp>,
    /// The boot in which they were written: its id, 0 for the newest, -1 for the one before and so on.
    #[param(value_type = Option<String>, example = "0")]
    boot: Option<Boot>,
    /// A regular expression (PCRE2) that the message has to match; in lower case only, it matches upper case
    /// too.
    #[param(value_type = Option<String>, max_length = 200, example = "timeout|refused")]
    grep: Option<Grep>,
    /// Where the page starts, `older_cursor` or `newer_cursor` of an earlier response. The entry itself is
    /// left out.
    #[param(value_type = Option<String>)]
    cursor: Option<LogCursor>,
    /// Whether the page has what was written before its start, or after it. Without a cursor it starts at
    /// the newest entry or, with `newer`, at the oldest.
    #[param(value_type = Option<String>, pattern = "^(older|newer)$", example = "older")]
    direction: Direction,
    /// The most entries to return.
    #[param(minimum = 1, maximum = 1000, default = 200, required = false)]
    limit: i64,
}

impl FromQuery for ListLogs {
    fn read(query: &mut QueryReader) -> Self {
        let (since, until) = (query.time("since"), query.time("until"));
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            query.problem("until", "Input should not be before since");
        }
        Self {
            unit: query.parsed_unless_blank("unit"),
            priority: query.parsed_unless_blank("priority"),
            since,
            until,
            boot: query.parsed_unless_blank("boot"),
            grep: query.parsed_unless_blank("grep"),
            cursor: query.parsed("cursor"),
            direction: query.parsed("direction").unwrap_or(Direction::Older),
            limit: query.integer("limit", 1..=1000, 200),
        }
    }
}

impl From<ListLogs> for PageRequest {
    fn from(query: ListLogs) -> Self {
        Self {
            filter: EntryFilter {
                unit: query.unit,
                priority: query.priority,
                boot: query.boot,
                grep: query.grep,
            },
            since: query.since,
            until: query.until,
            cursor: query.cursor,
            direction: query.direction,
            limit: usize::try_from(query.limit).unwrap_or(1),
        }
    }
}

/// Show log entries
///
/// A page of the journal, from the oldest entry of the page to its newest. A page takes 5 s and has 1 MiB at
/// most; with `partial` it ended because of that, and may be continued.
#[utoipa::path(
    get,
    path = "/api/v1/system/logs",
    tag = "system",
    params(ListLogs),
    responses((status = 200, description = "A page of entries", body = LogPage))
)]
pub(crate) async fn list_logs(
    _caller: Caller<scope::LogsRead>,
    State(journal): State<Journal>,
    ApiQuery(query): ApiQuery<ListLogs>,
) -> Result<Json<LogPage>, ApiError> {
    Ok(Json(journal.page(&query.into()).await?))
}

/// Which entries to stream.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamLogs {
    /// The unit that they are of, with its type.
    #[param(value_type = Option<String>, max_length = 255, example = "nginx.service")]
    unit: Option<AnyUnit>,
    /// This priority and all that are more urgent, as on a page.
    #[param(value_type = Option<String>, example = "warning")]
    priority: Option<Priority>,
    /// A regular expression that the message has to match, as on a page.
    #[param(value_type = Option<String>, max_length = 200, example = "timeout|refused")]
    grep: Option<Grep>,
    /// The stream starts right after this entry, `newer_cursor` of a page or `cursor` of an entry; without it
    /// after the newest.
    #[param(value_type = Option<String>)]
    cursor: Option<LogCursor>,
}

impl FromQuery for StreamLogs {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            unit: query.parsed_unless_blank("unit"),
            priority: query.parsed_unless_blank("priority"),
            grep: query.parsed_unless_blank("grep"),
            cursor: query.parsed("cursor"),
        }
    }
}

/// Stream log entries
///
/// Server-sent events: `entry` for each entry as it is written; comments when there is nothing to send; and
/// `end` with the reason before the stream ends, because the daemon stops, the key was revoked or may not
/// read logs any more, or the client was behind for too long. A client that comes back with the cursor of its
/// last entry misses nothing.
#[utoipa::path(
    get,
    path = "/api/v1/system/logs/stream",
    tag = "system",
    params(StreamLogs),
    responses(
        (status = 200, description = "Events until either side ends it", body = String,
            content_type = "text/event-stream",
            example = "event: entry\ndata: {\"cursor\":\"s=0f…;i=1a2b\",\"time\":\"2026-11-23T07:02:10.123456Z\",\
                       \"priority\":3,\"unit\":\"nginx.service\",\"identifier\":\"nginx\",\"pid\":4711,\
                       \"boot_id\":\"5a0f3c6d7e8b4c1d9a2b3c4d5e6f7a8b\",\
                       \"message\":\"bind() to 0.0.0.0:80 failed\",\"message_state\":\"text\"}\n\n\
                       : heartbeat\n\n\
                       event: end\ndata: {\"reason\":\"shutdown\",\"detail\":\"The daemon stops.\"}\n\n"),
        (status = 429, description = "This key has too many streams open", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn stream_logs(
    caller: Caller<scope::LogsRead>,
    State(streams): State<Streams>,
    State(journal): State<Journal>,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<StreamLogs>,
) -> Result<Response, ApiError> {
    let (who, credentials) = credentials(&caller, &headers)?;
    let filter = EntryFilter {
        unit: query.unit,
        priority: query.priority,
        boot: None,
        grep: query.grep,
    };
    let reader = streams
        .follow(who, credentials, &journal, &filter, query.cursor)
        .await?;
    Ok(event_stream(futures_util::stream::unfold(
        reader,
        LogReader::next,
    )))
}
