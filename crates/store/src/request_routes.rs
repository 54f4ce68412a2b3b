//! Requests per bucket and route, with their sketches, page by page.

use super::merged::Source;
use super::request_offsets::Groups;
use super::request_parts::{Part, Parts};
use super::request_queries::{HostSplit, Span, StatsFilter, push_table};
use super::request_rows::{RowPosition, StoredStats, push_page, push_page_of_time, row_columns};
use super::request_windows::Windows;
use super::{Store, StoreError, on_read};
use linux_api_wire::request_stats::{RequestStats, Resolution};
use linux_api_wire::sketch::Spread;
use linux_api_wire::time::Timestamp;

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
    /// Value of the label, when rows are per value; empty for hosts without it.
    pub label: Option<String>,
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
    /// Value of its label, when rows are per value.
    pub label: Option<String>,
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
        if filter.hosts.as_ref().is_some_and(Vec::is_empty) {
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
        let mut parts = Parts::new(&all, span.newest_first);
        while page.groups.len() < page.limit {
            let Some(part) = parts.next(self).await? else {
                break;
            };
            self.read_part(&part, span, &mut page).await?;
        }
        Ok(page.groups)
    }

    /// Adds the groups of a part to a page, until that is full.
    async fn read_part(&self, part: &Part, span: Span, page: &mut Page) -> Result<(), StoreError> {
        let (filter, source) = (&part.filter, part.source);
        let before = page.groups.len();
        let missing = Span {
            limit: span
                .limit
                .saturating_sub(u32::try_from(before).unwrap_or(u32::MAX)),
            ..span
        };
        let mut windows = Windows::new(filter, missing, Groups::Routes.per_bucket(filter));
        while let Some(rest) = windows.rest(page.groups.len() - before) {
            let nearest = self.nearest(Groups::Routes, source, rest, true).await?;
            let Some(nearest) = nearest else {
                break;
            };
            let filter = windows.window(nearest);
            self.read_window(&Part { filter, source }, page).await?;
        }
        Ok(())
    }

    /// Adds the groups of a window to a page, until that is full.
    async fn read_window(&self, window: &Part, page: &mut Page) -> Result<(), StoreError> {
        // Most often a group is one row, and one more shows that the last group is whole.
        let missing = page.limit - page.groups.len();
        let mut batch = (missing + 1).clamp(64, BATCH_MAX);
        let mut alone: Option<Timestamp> = None;
        loop {
            let place = page.place.as_ref();
            let rows = self.read_stats(window, alone, place, batch).await?;
            let is_last = rows.len() < batch;
            let ends = [rows.first(), rows.last()].map(|row| row.map(|row| row.time));
            if let Some(row) = rows.last() {
                page.place = Some(RowPosition::of(row));
            }
            for row in rows {
                add_to_groups(&mut page.groups, row, &window.filter, window.source)?;
                if page.groups.len() > page.limit {
                    page.groups.truncate(page.limit);
                    return Ok(());
                }
            }
            if is_last {
                let Some(time) = alone else {
                    return Ok(());
                };
                let mut rest = window.filter.clone();
                rest.to = Timestamp::from_millis(time.as_millis().saturating_sub(1));
                if rest.from <= rest.to {
                    alone = self
                        .nearest(Groups::Routes, window.source, &rest, true)
                        .await?;
                } else {
                    alone = None;
                }
                if alone.is_none() {
                    return Ok(());
                }
                continue;
            }
            // A time has more rows than a batch, and so will the others.
            if ends[0] == ends[1] {
                alone = ends[1];
            }
            // The more daemons there are, the more rows a group has.
            batch = (2 * batch).min(BATCH_MAX);
        }
    }

    async fn read_stats(
        &self,
        part: &Part,
        alone: Option<Timestamp>,
        place: Option<&RowPosition>,
        batch: usize,
    ) -> Result<Vec<StoredStats>, StoreError> {
        let (filter, source) = (&part.filter, part.source);
        let (hosts, engine) = (filter.hosts.as_deref(), self.engine());
        let (durations, _) = source.tables(filter.resolution);
        on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new("select ");
            query.push(row_columns(source, filter)).push(" from ");
            push_table!(query, engine, filter, durations);
            if let Some(time) = alone {
                push_page_of_time!(query, source, filter, hosts, time, place, batch);
            } else {
                push_page!(query, source, filter, hosts, place, batch);
            }
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

/// Adds a row to the last group, or begins the next one with it.
pub(super) fn add_to_groups(
    groups: &mut Vec<RouteRow>,
    row: StoredStats,
    filter: &StatsFilter,
    source: Source,
) -> Result<(), StoreError> {
    let corrupt = |column| StoreError::Corrupt {
        table: source.tables(Resolution::Minute).0,
        column,
    };
    let percentiles = row.percentiles();
    let method = filter.by_method.then_some(row.method);
    let (host, label) = match &filter.split {
        None => (None, None),
        Some(HostSplit::Host) => (Some(row.place), None),
        Some(HostSplit::Label(_)) => (None, Some(row.place)),
    };
    let is_same = |last: &RouteRow| {
        (last.time, &last.route, &last.method) == (row.time, &row.route, &method)
            && (&last.host, &last.label) == (&host, &label)
    };
    if !groups.last().is_some_and(is_same) {
        groups.push(RouteRow {
            time: row.time,
            route: row.route,
            method,
            host,
            label,
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
    group.imported |= row.imported;
    let stats = &mut group.stats;
    let requests = u64::try_from(row.requests).map_err(|_| corrupt("requests"))?;
    stats.requests = stats.requests.saturating_add(requests);
    stats.sum += row.sum;
    stats.min = stats.min.min(row.min);
    stats.max = stats.max.max(row.max);
    // What was merged has them in its sketch.
    if let Some(percentiles) = percentiles.filter(|_| source == Source::Rows) {
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
            split: None,
        };
        let place = RowPosition::after(&RoutePosition {
            time,
            route: "/a".to_owned(),
            method: None,
            host: None,
            label: None,
        });
        for place in [None, Some(&place)] {
            let mut query = QueryBuilder::new("explain query plan select * from request_stats");
            push_page!(query, Source::Rows, &filter, None::<&[String]>, place, 64);
            let steps = query.build().fetch_all(&mut connection).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
            assert_eq!(
                steps,
                [
                    "SEARCH request_stats USING PRIMARY KEY (time>? AND time<?)",
                    "USE TEMP B-TREE FOR LAST 3 TERMS OF ORDER BY"
                ]
            );
            let mut query = QueryBuilder::new("explain query plan select * from request_stats");
            push_page_of_time!(
                query,
                Source::Rows,
                &filter,
                None::<&[String]>,
                time,
                place,
                64
            );
            let steps = query.build().fetch_all(&mut connection).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
            assert_eq!(steps.len(), 1, "nothing is sorted: {steps:?}");
            let is_whole = steps[0] == "SEARCH request_stats USING PRIMARY KEY (time=?)";
            let is_rest =
                steps[0].starts_with("SEARCH request_stats USING PRIMARY KEY (time=? AND");
            assert!(
                if place.is_none() { is_whole } else { is_rest },
                "{steps:?}"
            );
        }
    }
}
