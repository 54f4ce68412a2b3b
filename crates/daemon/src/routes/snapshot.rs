//! One reading of the host, and the stream of them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _};
use utoipa::IntoParams;

use crate::edge::{Key, key_of};
use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, RequiredScope, scope};
use crate::json::Json;
use crate::params::QueryReader;
use crate::peer::Peer;
use crate::state::OwnHost;
use crate::streams::{Content, Credentials, Reader, Streams};
use crate::tasks::sampler::HostSampler;
use linux_api_host::Collector;
use linux_api_wire::api::problem::Problem;
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::api_key::Scope;
use linux_api_wire::snapshot::{self as model, Family, FamilyValue};

/// How long the first reading of a daemon that has just started is waited for.
const FIRST_READING: Duration = Duration::from_secs(2);

/// Families that cost more to read, and are read rarely while no client requests them.
const LATE: [Family; 2] = [Family::Processes, Family::Sessions];
/// From which age on they are read for this reader.
const LATE_AFTER: Duration = Duration::from_secs(1);
/// How long that may take.
const PRESENCE: Duration = Duration::from_millis(500);

/// The snapshot with the families of now that are older than the rest of it.
async fn with_presence(
    collector: &Collector,
    snapshot: Arc<model::Snapshot>,
) -> Arc<model::Snapshot> {
    let is_late = |family: &Family| {
        let status = snapshot.status.get(family);
        let age = status.and_then(|status| status.age);
        age.is_none_or(|age| age >= LATE_AFTER)
    };
    if !LATE.iter().any(is_late) {
        return snapshot;
    }
    let Ok(Ok(presence)) = tokio::time::timeout(PRESENCE, collector.presence()).await else {
        return snapshot;
    };
    let mut fresh = (*snapshot).clone();
    let values = [
        presence.processes.map(FamilyValue::Processes),
        presence.sessions.map(FamilyValue::Sessions),
    ];
    for (family, value) in LATE.into_iter().zip(values) {
        if let Some(value) = value {
            fresh.set(value);
            let status = model::FamilyStatus {
                age: Some(Duration::ZERO),
                error: None,
            };
            fresh.status.insert(family, status);
        }
    }
    Arc::new(fresh)
}

/// Which families to return.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowSnapshot {
    /// Families to show, with commas between them or as repeated fields; all without it.
    #[param(value_type = Option<Vec<Family>>, explode = false, example = json!(["cpu", "memory"]))]
    include: Vec<Family>,
}

impl FromQuery for ShowSnapshot {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            include: families(query),
        }
    }
}

/// The requested families, in their own order and each once.
fn families(query: &mut QueryReader) -> Vec<Family> {
    let mut families = query
        .words("include")
        .unwrap_or_else(|| Family::ALL.to_vec());
    families.sort_unstable();
    families.dedup();
    families
}

/// Show one reading of the host
///
/// The newest one: at most as old as `sampler.interval`, and each family says its age. A family
/// that can't be read is `null`, and `status` says why.
#[utoipa::path(
    get,
    path = "/api/v1/system/snapshot",
    tag = "system",
    params(ShowSnapshot),
    responses((status = 200, description = "The newest reading", body = Snapshot))
)]
pub(crate) async fn show_snapshot(
    _caller: Caller<scope::HostRead>,
    State(host): State<HostSampler>,
    State(collector): State<Collector>,
    State(OwnHost(own)): State<OwnHost>,
    ApiQuery(query): ApiQuery<ShowSnapshot>,
) -> Result<Json<Snapshot>, ApiError> {
    let mut updates = host.subscribe();
    let first = updates.wait_for(Option::is_some);
    let newest = match tokio::time::timeout(FIRST_READING, first).await {
        Ok(Ok(newest)) => newest.clone(),
        _ => None,
    };
    let mut snapshot = newest.ok_or_else(ApiError::snapshot_not_ready)?;
    if query.include.iter().any(|family| LATE.contains(family)) {
        snapshot = with_presence(&collector, snapshot).await;
    }
    let since = snapshot.since_taken();
    Ok(Json(Snapshot {
        host_id: Some(own.to_string()),
        ..Snapshot::new(&snapshot, &query.include, since)
    }))
}

/// What to stream.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamSnapshots {
    /// Families to show, with commas between them or as repeated fields; all without it.
    #[param(value_type = Option<Vec<Family>>, explode = false, example = json!(["cpu", "memory"]))]
    include: Vec<Family>,
    /// Seconds from one reading to the next.
    #[param(minimum = 1, maximum = 3600, default = 2, required = false)]
    interval: i64,
    /// How many of the processes that use the processors most to send along, as the route of the
    /// processes shows them; none without it.
    #[param(minimum = 0, maximum = 1000, default = 0, required = false)]
    processes: i64,
    /// `true`: also the event `alerts`, with what fires on the hosts of the database. It takes the scope
    /// `alerts:read` too.
    #[param(default = false, required = false)]
    alerts: bool,
}

impl FromQuery for StreamSnapshots {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            include: families(query),
            interval: query.integer("interval", 1..=3600, 2),
            processes: query.integer("processes", 0..=1000, 0),
            alerts: query.boolean("alerts", false),
        }
    }
}

/// Stream readings of the host
///
/// Server-sent events: `snapshot` with a reading at every interval, the first at once, and right
/// after it `processes` with the busiest ones when they were requested; comments when there is nothing
/// to send; and `end` with the reason before the stream ends, because the daemon stops, the key was
/// revoked, or the client was behind for too long. A client that is a little slow gets fewer readings,
/// never old ones.
#[utoipa::path(
    get,
    path = "/api/v1/system/stream",
    tag = "system",
    params(StreamSnapshots),
    responses(
        (status = 200, description = "Events until either side ends it", body = String,
            content_type = "text/event-stream",
            example = "event: snapshot\ndata: {\"host\":\"web-03\",\"time\":\"2026-11-23T07:02:00Z\",\
                       \"uptime_seconds\":98765,\"status\":{\"uptime\":{\"age_ms\":0,\"error\":null}}}\n\n\
                       : heartbeat\n\n\
                       event: end\ndata: {\"reason\":\"shutdown\",\"detail\":\"The daemon stops.\"}\n\n"),
        (status = 429, description = "This key has too many streams open", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn stream_snapshots(
    caller: Caller<scope::HostRead>,
    State(streams): State<Streams>,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<StreamSnapshots>,
) -> Result<Response, ApiError> {
    if query.alerts {
        caller.identity.allow(Scope::AlertsRead)?;
    }
    let (who, credentials) = credentials(&caller, &headers)?;
    let interval = Duration::from_secs(query.interval.unsigned_abs());
    let content = Content {
        families: query.include,
        processes: usize::try_from(query.processes)
            .ok()
            .filter(|count| *count > 0),
        alerts: query.alerts,
    };
    let reader = streams.open(who, credentials, content, interval)?;
    Ok(event_stream(futures_util::stream::unfold(
        reader,
        Reader::next,
    )))
}

/// Whom a stream counts for, and what is checked again while it lasts.
pub(crate) fn credentials<S: RequiredScope>(
    caller: &Caller<S>,
    headers: &HeaderMap,
) -> Result<(String, Credentials), ApiError> {
    match (key_of(headers), caller.peer) {
        (Key::Given(key), _) => {
            let id = caller.identity.key_id().map(ToString::to_string);
            Ok((id.unwrap_or_default(), Credentials::Key(key.into())))
        }
        (Key::Missing, Some(Peer::Unix { uid, gid })) => {
            Ok((format!("uid {uid}"), Credentials::Unix { uid, gid }))
        }
        // The edge let no one else in.
        _ => Err(ApiError::key_missing()),
    }
}

/// A response of server-sent events.
pub(crate) fn event_stream(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(events.map(Ok::<_, std::convert::Infallible>));
    let kind = HeaderValue::from_static("text/event-stream");
    // nginx would collect events until its buffer is full.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (unbuffered, HeaderValue::from_static("no")),
    ];
    (headers, body).into_response()
}
