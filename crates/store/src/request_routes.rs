//! Requests per bucket and route, with their sketches, page by page.

use super::request_offsets::Groups;
use super::request_queries::{Span, StatsFilter, push_filter, tables};
use super::request_windows::Windows;
use super::{Store, StoreError, on_read};
use crate::codec::stored_row;
use linux_api_wire::request_stats::RequestStats;
use linux_api_wire::sketch::Spread;
use linux_api_wire::time::Timestamp;

/// Greater than every method.
const AFTER_METHODS: &str = "ZZZZ";
/// Greater than every instance id, which is hexadecimal.
const AFTER_INSTANCES: &str = "zzzz";
/// The most rows that are read at once.
const BATCH_MAX: usize = 4_000;

/// The requests to one route in one bucket of time.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteRow {
    /// When the bucket begins.
    pub time: Timestamp,
    /// Template of the route.
    pub route: String,
    /// Their method, when rows are per method.
    pub method: Option<String>,
    /// Id of the host, when rows are per host.
    pub host: Option<String>,
    /// The requests; without their statuses. Where some were imported, their part of the sketch is
    /// an estimate from stored percentiles.
    pub stats: RequestStats,
    /// Stored percentiles (50, 95 and 99), when there is no better knowledge: all of the requests
    /// were imported, as one row.
    pub percentiles: Option<[f64; 3]>,
    /// Whether some of the requests were imported.
    pub imported: bool,
}

/// The last group of a page of [`Store::list_route_stats`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePosition {
    /// Its time.
    pub time: Timestamp,
    /// Its route.
    pub route: String,
    /// Its method, when rows are per method.
    pub method: Option<String>,
    /// Id of its host, when rows are per host.
    pub host: Option<String>,
}

struct StoredStats {
    time: Timestamp,
    route: String,
    host_id: String,
    method: String,
    instance_id: String,
    requests: i64,
    sum: f64,
    min: f64,
    max: f64,
    sketch: Vec<u8>,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

stored_row!(StoredStats { route, host_id, method, instance_id, requests, sum, min, max, sketch, p50, p95, p99; db time: Timestamp });

impl StoredStats {
    /// The stored percentiles, which only imported rows have.
    fn percentiles(&self) -> Option<[f64; 3]> {
        Some([self.p50?, self.p95?, self.p99?])
    }
}

/// Adds to a selection which of the rows a page has; a macro because the bound types differ per
/// engine.
macro_rules! push_page {
    ($query:expr, $filter:expr, $hosts:expr, $place:expr, $batch:expr) => {{
        let place: Option<&RowPosition> = $place;
        let batch: usize = $batch;
        let to = place.map_or($filter.to, |place| place.time.min($filter.to));
        push_filter!($query, $filter, $hosts, to);
        if let Some(place) = place {
            // Nothing is later than the place. With an `or` in place of this `not`, SQLite evaluates
            // both parts separately and sorts the whole range, which takes it seconds.
            $query
                .push(" and not (time = ")
                .push_bind($crate::codec::Db(place.time));
            $query.push(if $filter.by_host {
                " and (route, host_id, method, instance_id) <= ("
            } else {
                " and (route, method, instance_id) <= ("
            });
            $query.push_bind(place.route.as_str()).push(", ");
            if $filter.by_host {
                $query.push_bind(place.host.as_str()).push(", ");
            }
            $query.push_bind(place.method.as_str()).push(", ");
            $query.push_bind(place.instance_id.as_str()).push("))");
        }
        $query.push(if $filter.by_host {
            " order by time desc, route, host_id, method, instance_id limit "
        } else {
            " order by time desc, route, method, instance_id limit "
        });
        $query.push_bind(i64::try_from(batch).unwrap_or(i64::MAX));
    }};
}

impl Store {
    /// Requests per bucket of time and route, the newest first, routes of one time by name:
    /// at most `limit` groups after `position`.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or holds what is no sketch.
    pub async fn list_route_stats(
        &self,
        filter: &StatsFilter,
        position: Option<&RoutePosition>,
        limit: u32,
    ) -> Result<Vec<RouteRow>, StoreError> {
        let hosts = filter.hosts.as_deref();
        if hosts.is_some_and(<[String]>::is_empty) {
            return Ok(Vec::new());
        }
        let mut page = Page {
            groups: Vec::new(),
            limit: limit as usize,
            place: position.map(RowPosition::after),
        };
        let mut all = filter.clone();
        if let Some(position) = position {
            all.to = all.to.min(position.time);
        }
        let span = Span {
            limit,
            offset: 0,
            newest_first: true,
        };
        let mut windows = Windows::new(&all, span, Groups::Routes.per_bucket(filter));
        while let Some(rest) = windows.rest(page.groups.len()) {
            let nearest = self.nearest(Groups::Routes, rest, hosts, true).await?;
            let Some(nearest) = nearest else {
                break;
            };
            let window = windows.window(nearest);
            self.read_window(&window, hosts, &mut page).await?;
        }
        Ok(page.groups)
    }

    /// Adds the groups of a window to a page, until that is full.
    async fn read_window(
        &self,
        window: &StatsFilter,
        hosts: Option<&[String]>,
        page: &mut Page,
    ) -> Result<(), StoreError> {
        // Most often a group is one row, and one more shows that the last group is whole.
        let missing = page.limit - page.groups.len();
        let mut batch = (missing + 1).clamp(64, BATCH_MAX);
        loop {
            let place = page.place.as_ref();
            let rows = self.read_stats(window, hosts, place, batch).await?;
            let is_last = rows.len() < batch;
            if let Some(row) = rows.last() {
                page.place = Some(RowPosition::of(row));
            }
            for row in rows {
                add_to_groups(&mut page.groups, row, window)?;
                if page.groups.len() > page.limit {
                    page.groups.truncate(page.limit);
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
            // The more daemons there are, the more rows a group has.
            batch = (2 * batch).min(BATCH_MAX);
        }
    }

    async fn read_stats(
        &self,
        filter: &StatsFilter,
        hosts: Option<&[String]>,
        place: Option<&RowPosition>,
        batch: usize,
    ) -> Result<Vec<StoredStats>, StoreError> {
        let (durations, _) = tables(filter.resolution);
        on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new(
                "select time, route, host_id, method, instance_id, requests, sum, min, max, sketch,
                    p50, p95, p99 from ",
            );
            query.push(durations);
            push_page!(query, filter, hosts, place, batch);
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })
    }
}

/// The groups of a page as far as they are read.
struct Page {
    groups: Vec<RouteRow>,
    /// The most groups.
    limit: usize,
    /// The last row that was read.
    place: Option<RowPosition>,
}

/// A row in the order of the list: what comes after it is read next.
struct RowPosition {
    time: Timestamp,
    route: String,
    /// What the order has only when groups are per host.
    host: String,
    method: String,
    instance_id: String,
}

impl RowPosition {
    fn of(row: &StoredStats) -> Self {
        Self {
            time: row.time,
            route: row.route.clone(),
            host: row.host_id.clone(),
            method: row.method.clone(),
            instance_id: row.instance_id.clone(),
        }
    }

    fn after(position: &RoutePosition) -> Self {
        Self {
            time: position.time,
            route: position.route.clone(),
            host: position.host.clone().unwrap_or_default(),
            method: position
                .method
                .clone()
                .unwrap_or_else(|| AFTER_METHODS.to_owned()),
            instance_id: AFTER_INSTANCES.to_owned(),
        }
    }
}

fn add_to_groups(
    groups: &mut Vec<RouteRow>,
    row: StoredStats,
    filter: &StatsFilter,
) -> Result<(), StoreError> {
    let corrupt = |column| StoreError::Corrupt {
        table: "request_stats",
        column,
    };
    let percentiles = row.percentiles();
    let method = filter.by_method.then_some(row.method);
    let host = filter.by_host.then_some(row.host_id);
    let is_same = |last: &RouteRow| {
        (last.time, &last.route, &last.host, &last.method) == (row.time, &row.route, &host, &method)
    };
    if !groups.last().is_some_and(is_same) {
        groups.push(RouteRow {
            time: row.time,
            route: row.route,
            method,
            host,
            stats: RequestStats::default(),
            percentiles,
            imported: false,
        });
    } else if let Some(group) = groups.last_mut() {
        // Percentiles of several rows can't be joined; those of the sketch can.
        group.percentiles = None;
    }
    let Some(group) = groups.last_mut() else {
        return Ok(());
    };
    group.imported |= percentiles.is_some();
    let stats = &mut group.stats;
    let requests = u64::try_from(row.requests).map_err(|_| corrupt("requests"))?;
    stats.requests = stats.requests.saturating_add(requests);
    stats.sum += row.sum;
    stats.min = stats.min.min(row.min);
    stats.max = stats.max.max(row.max);
    if let Some(percentiles) = percentiles {
        stats.sketch.add_spread(&Spread {
            count: requests,
            min: row.min,
            percentiles,
            max: row.max,
        });
    }
    let merged = stats.sketch.merge_encoded(&row.sketch);
    merged.map_err(|_| corrupt("sketch"))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, QueryBuilder, Row};

    use super::*;
    use crate::Options;
    use linux_api_wire::request_stats::Resolution;
    use linux_api_wire::time::Clock;

    #[tokio::test]
    async fn sqlite_sorts_no_more_than_the_rows_of_one_time_for_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let options = Options::new(format!("sqlite://{}", path.display()));
        let store = Store::open(options, Clock::system()).await.unwrap();
        let no_backup = async |_: &Store| Ok::<(), Infallible>(());
        store.migrate(no_backup).await.unwrap();
        let options = SqliteConnectOptions::new().filename(&path);
        let mut connection = options.connect().await.unwrap();
        let time = Timestamp::from_millis(1_000_000);
        let filter = StatsFilter {
            resolution: Resolution::Minute,
            from: Timestamp::from_millis(0),
            to: time,
            route: None,
            hosts: None,
            by_method: false,
            by_host: false,
        };
        let place = RowPosition::after(&RoutePosition {
            time,
            route: "/a".to_owned(),
            method: None,
            host: None,
        });
        for place in [None, Some(&place)] {
            let mut query = QueryBuilder::new("explain query plan select * from request_stats");
            push_page!(query, &filter, None::<&[String]>, place, 64);
            let steps = query.build().fetch_all(&mut connection).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
            assert_eq!(
                steps,
                [
                    "SEARCH request_stats USING PRIMARY KEY (time>? AND time<?)",
                    "USE TEMP B-TREE FOR LAST 3 TERMS OF ORDER BY"
                ]
            );
        }
    }
}
