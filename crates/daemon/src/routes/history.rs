//! Stored series of a host over time.

use std::time::Duration;

use axum::extract::State;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::history::{HistoryError, Question};
use crate::host_params::{HostSelection, SplitByHost};
use crate::json::Json;
use crate::params::QueryReader;
use crate::state::{HistorySince, OwnHost};
use crate::tasks::sampler::HostSampler;
use linux_api_store::Store;
use linux_api_store::hosts::HostName;
use linux_api_wire::api::fleet::{HostCursor, HostSort, Order};
use linux_api_wire::api::history::{History, SeriesDescription};
use linux_api_wire::api::page::{Page, ParseCursorError};
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
    /// How many hosts a page has; without it all that are selected are to fit into one response: hosts
    /// times series are 1000 at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    hosts_limit: Option<i64>,
    /// Where the next page of hosts starts: `next_cursor` of an earlier response.
    #[param(value_type = Option<String>)]
    cursor: Option<HostCursor>,
    #[param(ignore)]
    hosts: HostSelection,
    #[param(ignore)]
    by: SplitByHost,
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
            hosts_limit: query.optional_integer("hosts_limit", 1..=1_000),
            cursor: cursor(query),
            hosts: HostSelection::read(query),
            by: SplitByHost::read(query),
        }
    }
}

/// The place of a page of hosts, which are always by name.
fn cursor(query: &mut QueryReader) -> Option<HostCursor> {
    query.read_with("cursor", |text| {
        HostCursor::decode(text)
            .filter(|cursor| cursor.is_of(HostSort::Name, Order::Ascending))
            .ok_or_else(|| ParseCursorError.to_string())
    })
}

impl ShowHistory {
    /// The hosts of this response, and where the next page starts.
    async fn hosts(
        &self,
        store: &Store,
        own: &str,
        by_host: bool,
    ) -> Result<(Vec<HostName>, Option<String>), ApiError> {
        let most = HOSTS_AND_NAMES_MAX / self.series.len().max(1);
        if !by_host && !self.hosts.is_narrow() {
            let host = HostName {
                id: own.to_owned(),
                name: String::new(),
            };
            return Ok((vec![host], None));
        }
        let limit = self
            .hosts_limit
            .and_then(|limit| usize::try_from(limit).ok());
        let limit = match (limit, &self.cursor) {
            (None, None) => {
                let hosts = self.hosts.select_known(store, own, most).await?;
                return Ok((hosts, None));
            }
            (limit, _) => limit.unwrap_or(most).min(most),
        };
        let after = self.cursor.as_ref().map(|at| (&*at.name, &*at.id));
        let page = self.hosts.select_page(store, own, after, limit).await?;
        let next = page.last.map(|last| {
            let cursor = HostCursor {
                sort: HostSort::Name,
                order: Order::Ascending,
                value: None,
                name: last.name,
                id: last.id,
            };
            cursor.encode()
        });
        Ok((page.hosts, next))
    }
}

/// Show series of hosts over time
///
/// Of several hosts each series names its host; they come by name of the series, of the host, and
/// label. At most 10 000 points in all, as means and largest values of equal steps. From 60 seconds on
/// they come from the database, below from the last hour in memory. Steps are longer than requested
/// where they would be too many points, or are kept no more.
///
/// Of more than 1000 hosts (with several series fewer) the response is 422, unless `hosts_limit` or `cursor`
/// selects a page of them: then each response has `next_cursor` until the last.
#[utoipa::path(
    get,
    path = "/api/v1/system/history",
    tag = "system",
    params(ShowHistory, HostSelection, SplitByHost),
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
    // Who narrows it by a label, or reads page by page, means as many hosts as there are.
    let is_paged = query.hosts_limit.is_some() || query.cursor.is_some();
    let by_host = query.by.by_host
        || is_paged
        || query.hosts.named.len() > 1
        || !query.hosts.labels.is_empty();
    let (hosts, next_cursor) = query.hosts(&store, &own, by_host).await?;
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
        next_cursor,
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
