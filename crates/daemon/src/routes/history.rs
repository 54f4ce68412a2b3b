//! Stored series of a host over time.

use std::time::Duration;

use axum::extract::State;
use utoipa::{IntoParams, ToSchema};

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::history::{HistoryError, Question};
use crate::host_params::HostSelection;
use crate::json::Json;
use crate::params::QueryReader;
use crate::state::{HistorySince, OwnHost};
use crate::tasks::sampler::HostSampler;
use linux_api_store::Store;
use linux_api_store::hosts::HostName;
use linux_api_wire::api::history::{History, SeriesDescription};
use linux_api_wire::api::page::Page;
use linux_api_wire::api::problem::Problem;
use linux_api_wire::series::{SERIES, SeriesSelector};
use linux_api_wire::time::{Clock, Timestamp};

/// The most series that one request may name.
const NAMES_MAX: usize = 20;
/// The most hosts times names of series: each is looked up separately.
const HOSTS_AND_NAMES_MAX: usize = 1_000;
/// How long a range is without a beginning.
const USUAL: Duration = Duration::from_hours(1);

/// What to return.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowHistory {
    /// Names of series, `load.one`, narrowed by a label where they have one,
    /// `filesystem.used_bytes{mount_point="/"}`. May be repeated.
    #[param(value_type = Vec<String>, max_items = 20, required = true, example = "load.one")]
    series: Vec<SeriesSelector>,
    /// Where the range begins; without it an hour before its end.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Where the range ends; without it now.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The least time between two points, in seconds. Below 60 only the last hour of this daemon's
    /// own host is answered, from values of seven digits.
    #[param(minimum = 1, maximum = 31_536_000, default = 60, required = false)]
    step: i64,
    /// Id or name of a host; without it the daemon's own. May be repeated: hosts times series are 1000
    /// at most.
    #[param(value_type = Option<Vec<String>>, max_items = 1000, rename = "host",
        example = json!(["web-1"]))]
    hosts: HostSelection,
    /// Only hosts with this label, `NAME=VALUE`, of those that `host` names or of all. May be repeated;
    /// all must hold.
    #[param(value_type = Option<Vec<String>>, max_items = 20, rename = "label",
        example = json!(["role=web"]))]
    #[expect(dead_code, reason = "only describes the parameter in the document")]
    labels: (),
    /// `host`: each series names its host, as it does whenever several are selected; of all hosts, when
    /// neither `host` nor `label` selects any.
    #[param(value_type = Option<SplitByHost>, inline, rename = "by")]
    by_host: bool,
}

/// What distinguishes series, besides name and labels.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only describes the parameter in the document")]
enum SplitByHost {
    #[schema(rename = "host")]
    Host,
}

impl FromQuery for ShowHistory {
    fn read(query: &mut QueryReader) -> Self {
        let named = query.repeated("series");
        if named.is_empty() || named.len() > NAMES_MAX {
            query.problem("series", format!("Input should be 1 to {NAMES_MAX} names"));
        }
        let mut series = Vec::new();
        for name in named.iter().take(NAMES_MAX) {
            if name.contains('\0') {
                query.problem("series", "String should not hold a NUL character");
                continue;
            }
            match name.parse() {
                Ok(selector) => series.push(selector),
                Err(error) => query.problem("series", format!("{error}")),
            }
        }
        Self {
            series,
            from: query.time("from"),
            to: query.time("to"),
            step: query.integer("step", 1..=31_536_000, 60),
            hosts: HostSelection::read(query),
            labels: (),
            by_host: query.read_with("by", by_host).is_some(),
        }
    }
}

fn by_host(text: &str) -> Result<(), String> {
    match text {
        "host" => Ok(()),
        _ => Err("Input should be 'host'".to_owned()),
    }
}

/// Show series of hosts over time
///
/// Of several hosts each series names its host; they come by name of the series, of the host, and
/// label. At most 10 000 points in all, as means and largest values of equal steps. From 60 seconds on
/// they come from the database, below from the last hour in memory. Steps are longer than requested
/// where they would be too many points, or are kept no more.
#[utoipa::path(
    get,
    path = "/api/v1/system/history",
    tag = "system",
    params(ShowHistory),
    responses(
        (status = 200, description = "The series, all that have points", body = History),
        (status = 404, description = "No host of this database has that id or name",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_history(
    _caller: Caller<scope::HostRead>,
    State(store): State<Store>,
    State(sampler): State<HostSampler>,
    State(OwnHost(own)): State<OwnHost>,
    State(HistorySince(since)): State<HistorySince>,
    State(clock): State<Clock>,
    ApiQuery(query): ApiQuery<ShowHistory>,
) -> Result<Json<History>, ApiError> {
    let now = clock.now();
    let to = query.to.unwrap_or(now);
    let from = query.from.unwrap_or_else(|| to.saturating_sub(USUAL));
    if from > to {
        let wrong = match query.to {
            Some(_) => QueryReader::wrong("to", "Input should not be before from"),
            None => QueryReader::wrong("from", "Input should not be in the future"),
        };
        return Err(ApiError::invalid(vec![wrong]));
    }
    let step = u64::try_from(query.step).unwrap_or(60);
    // Who narrows it by a label means as many hosts as have it.
    let by_host = query.by_host || query.hosts.named.len() > 1 || !query.hosts.labels.is_empty();
    let hosts = if by_host || query.hosts.is_narrow() {
        let most = HOSTS_AND_NAMES_MAX / query.series.len().max(1);
        query.hosts.select_known(&store, &own, most).await?
    } else {
        vec![HostName {
            id: own.to_string(),
            name: String::new(),
        }]
    };
    let question = Question {
        store: &store,
        hosts: &hosts,
        by_host,
        selectors: &query.series,
        from,
        to,
        now,
    };
    let is_own = matches!(&hosts[..], [host] if *host.id == *own);
    let recent = is_own.then_some(&sampler);
    let (series, step) = question.read(step, recent).await.map_err(refused)?;
    Ok(Json(History {
        from: from.to_string(),
        to: to.to_string(),
        history_since: since.map(|since| since.to_string()),
        step,
        series,
    }))
}

/// List the series
///
/// Every series that history may be read of, with its unit and meaning, all on one page. A series
/// with a label has one member per value of it.
#[utoipa::path(
    get,
    path = "/api/v1/system/series",
    tag = "system",
    responses((status = 200, description = "The series", body = Page<SeriesDescription>))
)]
pub(crate) async fn list_series(_caller: Caller<scope::HostRead>) -> Json<Page<SeriesDescription>> {
    Json(Page {
        items: SERIES.iter().map(SeriesDescription::from).collect(),
        next_cursor: None,
    })
}

fn refused(error: HistoryError) -> ApiError {
    match error {
        HistoryError::TooMany(_) => {
            ApiError::invalid(vec![QueryReader::wrong("series", error.to_string())])
        }
        HistoryError::Store(error) => error.into(),
    }
}
