//! Stored series of a host over time.

use std::time::Duration;

use axum::extract::State;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::history::{HistoryError, Question};
use crate::json::Json;
use crate::params::QueryReader;
use crate::state::{HistorySince, OwnHost};
use crate::tasks::sampler::HostSampler;
use linux_api_store::Store;
use linux_api_wire::api::history::{History, SeriesDescription};
use linux_api_wire::api::page::Page;
use linux_api_wire::api::problem::Problem;
use linux_api_wire::series::{SERIES, SeriesSelector};
use linux_api_wire::time::{Clock, Timestamp};

/// The most series that one request may name.
const NAMES_MAX: usize = 20;
/// More ids than this are not named.
const IDS_MAX: usize = 5;
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
    /// Id or name of a host; without it the daemon's own.
    #[param(max_length = 256)]
    host: Option<String>,
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
            host: query.text("host", 256),
        }
    }
}

/// Show series of a host over time
///
/// At most 10 000 points in all, as means and largest values of equal steps. From 60 seconds on
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
    let host = host_id(&store, &own, query.host).await?;
    let question = Question {
        store: &store,
        host: &host,
        selectors: &query.series,
        from,
        to,
        now,
    };
    let recent = (*host == *own).then_some(&sampler);
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

/// The id of the host that is meant.
async fn host_id(store: &Store, own: &str, host: Option<String>) -> Result<String, ApiError> {
    let Some(host) = host.filter(|host| host != own) else {
        return Ok(own.to_owned());
    };
    let ids = store.find_hosts(&host).await?;
    match &ids[..] {
        [] => Err(ApiError::host_unknown()),
        [id] => Ok(id.clone()),
        _ if ids.contains(&host) => Ok(host),
        _ => {
            let some = ids[..ids.len().min(IDS_MAX)].join(", ");
            let message = format!("{} hosts are called that; their ids are {some}", ids.len());
            Err(ApiError::invalid(vec![QueryReader::wrong("host", message)]))
        }
    }
}

fn refused(error: HistoryError) -> ApiError {
    match error {
        HistoryError::TooMany(_) => {
            ApiError::invalid(vec![QueryReader::wrong("series", error.to_string())])
        }
        HistoryError::Store(error) => error.into(),
    }
}
