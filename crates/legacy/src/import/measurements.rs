//! What the Python program measured: read in the order of time, rolled up, and written in batches.

use futures_util::TryStreamExt;
use serde::Serialize;

use super::labels::template_of;
use super::postgres::PythonPostgres;
use super::rollup::{Bucket, Requests, Rollup};
use super::{Counts, ImportError};
use linux_api_store::Store;
use linux_api_store::imports::{ImportedFrom, ImportedStats, ImportedStatus};
use linux_api_wire::progress::Progress;
use linux_api_wire::request_stats::{Resolution, UNMATCHED_ROUTE};
use linux_api_wire::sketch::Spread;
use linux_api_wire::time::Timestamp;

/// About how many rows one transaction writes.
const BATCH: usize = 4_000;
/// After how many rows progress is reported.
const TELL: u64 = 1_000;

/// From when on which buckets are kept; older ones would be deleted soon.
#[derive(Debug, Clone, Copy)]
pub struct Cutoffs {
    /// Minutes.
    pub minutes: Timestamp,
    /// Hours.
    pub hours: Timestamp,
    /// Days.
    pub days: Timestamp,
}

impl Cutoffs {
    fn by_resolution(self) -> [Timestamp; 3] {
        [self.minutes, self.hours, self.days]
    }
}

/// What was read and written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MeasurementsReport {
    /// Rows of requests by route that were read.
    pub route_rows: u64,
    /// Rows of statuses by route that were read.
    pub status_rows: u64,
    /// Requests that they count.
    pub requests: u64,
    /// Those of them to paths without a route, which share one here.
    pub unmatched_requests: u64,
    /// Rows that were left out because a figure is missing.
    pub incomplete_rows: u64,
    /// Minutes of which the total counts more requests than all routes together; these requests
    /// can't be shown.
    pub unexplained_minutes: u64,
    /// How many requests these are.
    pub unexplained_requests: u64,
    /// Rows written by minute.
    pub minutes: u64,
    /// Rows written by hour.
    pub hours: u64,
    /// Rows written by day.
    pub days: u64,
}

impl MeasurementsReport {
    fn count(&mut self, resolution: Resolution) {
        *match resolution {
            Resolution::Minute => &mut self.minutes,
            Resolution::Hour => &mut self.hours,
            Resolution::Day => &mut self.days,
        } += 1;
    }
}

/// Reads all measurements and writes them to `target`, or only reads them when there is none.
///
/// Memory holds the open buckets of each route and one batch, however many rows there are. What an
/// earlier import wrote is replaced by what is as new or newer.
///
/// # Errors
/// When a database fails. What was written stays; importing again completes it.
pub async fn import_measurements(
    source: &mut PythonPostgres,
    counts: Counts,
    target: Option<(&Store, &ImportedFrom)>,
    kept: Cutoffs,
    progress: &dyn Progress,
) -> Result<MeasurementsReport, ImportError> {
    let mut report = MeasurementsReport::default();
    let unexplained = source.unexplained().await?;
    report.unexplained_minutes = unsigned(unexplained.minutes);
    report.unexplained_requests = unsigned(unexplained.requests);
    progress.begin("requests", Some(unsigned(counts.routes)));
    import_requests(source, target, kept, progress, &mut report).await?;
    progress.end();
    progress.begin("statuses", Some(unsigned(counts.statuses)));
    import_statuses(source, target, kept, progress, &mut report).await?;
    progress.end();
    Ok(report)
}

async fn import_requests(
    source: &mut PythonPostgres,
    target: Option<(&Store, &ImportedFrom)>,
    kept: Cutoffs,
    progress: &dyn Progress,
    report: &mut MeasurementsReport,
) -> Result<(), ImportError> {
    let mut rollup: Rollup<&'static str, Requests> = Rollup::new(kept.by_resolution());
    let mut rows = source.routes();
    while let Some(row) = rows.try_next().await? {
        report.route_rows += 1;
        if report.route_rows.is_multiple_of(TELL) {
            progress.advance(TELL);
        }
        let Some((spread, sum)) = complete(&row) else {
            report.incomplete_rows += 1;
            continue;
        };
        let template = template_of(&row.route);
        report.requests += spread.count;
        if template == UNMATCHED_ROUTE {
            report.unmatched_requests += spread.count;
        }
        rollup.add(row.time(), &template, |requests| requests.add(&spread, sum));
        if rollup.waiting() >= BATCH {
            write_requests(target, rollup.take(), report).await?;
        }
    }
    progress.advance(report.route_rows % TELL);
    for some in rollup.finish().chunks(BATCH) {
        write_requests(target, some, report).await?;
    }
    Ok(())
}

async fn write_requests(
    target: Option<(&Store, &ImportedFrom)>,
    buckets: impl AsRef<[Bucket<&'static str, Requests>]>,
    report: &mut MeasurementsReport,
) -> Result<(), ImportError> {
    let mut stats = Vec::new();
    for (resolution, time, route, requests) in buckets.as_ref() {
        report.count(*resolution);
        let (min, max) = requests.ends();
        stats.push(ImportedStats {
            resolution: *resolution,
            time: *time,
            route: (*route).to_owned(),
            requests: requests.count,
            sum: requests.sum,
            min,
            max,
            percentiles: requests.percentiles(),
        });
    }
    if let Some((store, from)) = target {
        store.import_stats(from, &stats).await?;
    }
    Ok(())
}

async fn import_statuses(
    source: &mut PythonPostgres,
    target: Option<(&Store, &ImportedFrom)>,
    kept: Cutoffs,
    progress: &dyn Progress,
    report: &mut MeasurementsReport,
) -> Result<(), ImportError> {
    let mut rollup: Rollup<(&'static str, u16), u64> = Rollup::new(kept.by_resolution());
    let mut rows = source.statuses();
    while let Some(row) = rows.try_next().await? {
        report.status_rows += 1;
        if report.status_rows.is_multiple_of(TELL) {
            progress.advance(TELL);
        }
        let (Ok(status), Ok(count)) = (u16::try_from(row.status_code), u64::try_from(row.count))
        else {
            report.incomplete_rows += 1;
            continue;
        };
        let key = (template_of(&row.route), status);
        rollup.add(row.time(), &key, |sum| *sum += count);
        if rollup.waiting() >= BATCH {
            write_statuses(target, rollup.take()).await?;
        }
    }
    progress.advance(report.status_rows % TELL);
    for some in rollup.finish().chunks(BATCH) {
        write_statuses(target, some).await?;
    }
    Ok(())
}

async fn write_statuses(
    target: Option<(&Store, &ImportedFrom)>,
    buckets: impl AsRef<[Bucket<(&'static str, u16), u64>]>,
) -> Result<(), ImportError> {
    let Some((store, from)) = target else {
        return Ok(());
    };
    let statuses: Vec<ImportedStatus> = buckets
        .as_ref()
        .iter()
        .map(
            |(resolution, time, (route, status), count)| ImportedStatus {
                resolution: *resolution,
                time: *time,
                route: (*route).to_owned(),
                status: *status,
                count: *count,
            },
        )
        .collect();
    Ok(store.import_statuses(from, &statuses).await?)
}

/// The figures of a row and how long its requests took together; `None` when one is missing.
#[expect(
    clippy::cast_precision_loss,
    reason = "an average times a number of requests needs no more digits than a float has"
)]
fn complete(row: &super::postgres::RouteRow) -> Option<(Spread, f64)> {
    let count = u64::try_from(row.requests)
        .ok()
        .filter(|count| *count > 0)?;
    let avg = row.avg?;
    let spread = Spread {
        count,
        min: row.min?,
        percentiles: [row.p50?, row.p95?, row.p99?],
        max: row.max?,
    };
    let [p50, p95, p99] = spread.percentiles;
    let figures = [avg, spread.min, spread.max, p50, p95, p99];
    let sound = figures.iter().all(|figure| figure.is_finite());
    sound.then_some((spread, avg * count as f64))
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
