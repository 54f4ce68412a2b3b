//! Processes: picked, sorted and paged, or one with all that is known of it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, PathPid, scope};
use crate::json::{Json, exactly, of_json};
use crate::params::QueryReader;
use crate::unread::UnreadMemory;
use linux_api_host::Collector;
use linux_api_wire::api::problem::Problem;
use linux_api_wire::api::processes::{
    Column, Fields, Order, Process, ProcessCursor, ProcessDetail, ProcessList, SelectedProcess,
    Selection,
};
use linux_api_wire::filter::Filter;
use linux_api_wire::process::ProcessScan;

/// Which processes to list, and how.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct QueryProcesses {
    /// Which processes: comparisons of `name`, `command`, `user`, `state`, `pid`, `ppid`, `cpu`,
    /// `memory`, `threads`, `unit`, `cgroup` and `container` by `=`, `!=`, `<`, `<=`, `>`, `>=`
    /// and `~` (a regular expression), joined by `and` (or a space), `or`, `not` and parentheses.
    /// A bare word picks what has it in its name or command line, in upper or lower case.
    #[param(
        value_type = Option<String>,
        max_length = 1000,
        example = "user = www-data and (cpu > 5 or memory > 1G)"
    )]
    filter: Option<Filter>,
    /// The column to sort by: any of the response, or `cpu` or `memory`.
    #[param(value_type = Option<String>, default = "pid", example = "cpu")]
    sort: Column,
    /// Without it amounts start with the largest, everything else with the smallest.
    #[param(value_type = Option<String>, pattern = "^(asc|desc)$", example = "desc")]
    order: Order,
    /// The columns to return, comma-separated; default all.
    #[param(value_type = Option<String>, example = "pid,name,cpu_percent")]
    fields: Fields,
    /// The most processes to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
    /// Where the next page starts, from `next_cursor` of an earlier response with the same `sort`
    /// and `order`.
    #[param(value_type = Option<String>)]
    cursor: Option<ProcessCursor>,
}

impl FromQuery for QueryProcesses {
    fn read(query: &mut QueryReader) -> Self {
        let sort: Column = query.parsed("sort").unwrap_or(Column::Pid);
        let order = query.parsed("order").unwrap_or(sort.usual_order());
        let cursor: Option<ProcessCursor> = query.parsed("cursor");
        if cursor
            .as_ref()
            .is_some_and(|cursor| !cursor.is_of(sort, order))
        {
            let message = "Input should be a cursor from a response with the same sort and order";
            query.problem("cursor", message);
        }
        Self {
            filter: query.parsed_unless_blank("filter"),
            sort,
            order,
            fields: query.parsed("fields").unwrap_or_default(),
            limit: query.integer("limit", 1..=1000, 100),
            cursor,
        }
    }
}

impl QueryProcesses {
    /// The page of a scan as JSON.
    fn answer(self, scan: &ProcessScan) -> serde_json::Result<Vec<u8>> {
        let selection = Selection {
            filter: self.filter,
            sort: self.sort,
            order: self.order,
            limit: usize::try_from(self.limit).unwrap_or(1),
            after: self.cursor,
        };
        let picked = selection.pick(scan);
        let items = picked.rows.into_iter().map(|process| SelectedProcess {
            process,
            fields: &self.fields,
            memory_total_bytes: scan.memory_total_bytes,
        });
        serde_json::to_vec(&ProcessList {
            time: scan.time.to_string(),
            scan_ms: scan.duration.as_secs_f64() * 1000.0,
            interval_seconds: scan.interval.map(|interval| interval.as_secs_f64()),
            total: picked.total,
            items: items.collect(),
            next_cursor: picked.next.map(|cursor| cursor.encode()),
        })
    }
}

/// List, filter and sort processes
///
/// Kernel threads included; at most a second old. A filter that is wrong is answered by 422, with
/// the character at which it is.
#[utoipa::path(
    get,
    path = "/api/v1/system/processes",
    tag = "system",
    params(QueryProcesses),
    responses((status = 200, description = "A page of processes", body = ProcessList<Process>))
)]
pub(crate) async fn query_processes(
    _caller: Caller<scope::HostRead>,
    State(collector): State<Collector>,
    State(unread): State<UnreadMemory>,
    ApiQuery(query): ApiQuery<QueryProcesses>,
) -> Result<Response, ApiError> {
    let unreadable = |error| ApiError::host_unreadable(&error);
    let turn = unread.turn().await?;
    let scan = collector.rated_processes().await.map_err(unreadable)?;
    // Off the async threads: a costly filter over many processes takes its time.
    let (body, _turn) = collector
        // The turn lasts as long as this runs, also when the client has gone.
        .blocking(move |_| Ok((query.answer(&scan), turn)))
        .await
        .map_err(unreadable)?;
    let body = body.map_err(|error| ApiError::internal(&error))?;
    Ok(of_json(exactly(body)))
}

/// Show a process
///
/// What the list has, and its arguments, open files and limits. Threads are not processes.
#[utoipa::path(
    get,
    path = "/api/v1/system/processes/{pid}",
    tag = "system",
    params(("pid" = u32, Path, description = "PID of the process", example = 1)),
    responses(
        (status = 200, description = "The process", body = ProcessDetail),
        (status = 404, description = "There is no such process, or it has ended", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_process(
    _caller: Caller<scope::HostRead>,
    State(collector): State<Collector>,
    PathPid(pid): PathPid,
) -> Result<Json<ProcessDetail>, ApiError> {
    let details = collector
        .process_details(pid)
        .await
        .map_err(|error| ApiError::host_unreadable(&error))?
        .ok_or_else(|| {
            let detail = "There is no process with this number.";
            ApiError::new(StatusCode::NOT_FOUND, "process_not_found", detail)
        })?;
    Ok(Json(ProcessDetail::from(details)))
}
