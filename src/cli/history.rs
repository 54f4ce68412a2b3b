//! `linux-api history`: stored series over time.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::exit::{UsageError, Worst};
use super::globals::Format;
use super::hosts::HostError;
use super::rows::{Column, Listing};
use super::{Context, completion, output, poll, when};
use linux_api_client::{Client, HistoryRange};
use linux_api_config::ConfigValue;
use linux_api_wire::api::history::HistorySeries;
use linux_api_wire::series::SeriesSelector;
use linux_api_wire::time::{Clock, Timestamp};
use linux_api_wire::units::{moment, sparkline, value};

/// Where a range begins when nothing is said.
const USUAL: Duration = Duration::from_hours(1);
/// The most bars of a summary.
const BARS: usize = 40;

/// Show stored series over time
///
/// One row for each point: when it begins, the mean and the largest value until the next. Where nothing was
/// recorded there is no row. `-o wide` adds a summary with a sparkline of each series.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Names as `series list` shows them, narrowed by a label where there is one, such as
    /// `filesystem.used_bytes{mount_point="/"}`
    #[arg(required = true, value_parser = parse_series, add = completion::series())]
    series: Vec<String>,
    /// Begin of the range: a duration until now such as 12h, a date, or a time such as
    /// 2026-11-23T06:00:00Z [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = when::past)]
    from: Option<Timestamp>,
    /// End of the range [default: now]
    #[arg(long, value_name = "TIME", value_parser = when::past)]
    to: Option<Timestamp>,
    /// Time between two points, at least; longer where there would be too many
    #[arg(long, value_name = "DURATION", default_value = "1min", value_parser = parse_step)]
    step: u64,
}

fn parse_series(text: &str) -> Result<String, String> {
    match text.parse::<SeriesSelector>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn parse_step(text: &str) -> Result<u64, String> {
    let step = Duration::from_text(text)?;
    let seconds = step.as_secs();
    if step.subsec_nanos() > 0 || !(1..=31_536_000).contains(&seconds) {
        return Err("must be whole seconds, from 1s to 365d".to_owned());
    }
    Ok(seconds)
}

/// One point of a series.
#[derive(Debug, Serialize)]
struct PointRow {
    series: String,
    labels: BTreeMap<String, String>,
    unit: String,
    time: Timestamp,
    mean: f64,
    max: f64,
}

/// A series in short.
#[derive(Debug, Serialize)]
struct SummaryRow {
    series: String,
    points: usize,
    unit: String,
    mean: f64,
    max: f64,
    bars: String,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let now = Clock::system().now();
        let to = self.to.unwrap_or(now);
        let from = self.from.unwrap_or_else(|| to.saturating_sub(USUAL));
        if from >= to {
            let problem = "the range ends before it begins: look at --from and --to";
            return Err(UsageError(problem.to_owned()).into());
        }
        let range = HistoryRange {
            series: self.series,
            from,
            to,
            step: self.step,
        };
        let fetch = async |client: &Client| -> Result<Vec<HistorySeries>, HostError> {
            Ok(client.history(&range).await?.series)
        };
        if ctx.format() != Format::Wide {
            let rows = async |client: &Client| {
                let series = fetch(client).await?;
                Ok(series.iter().flat_map(points).collect())
            };
            return poll::list(ctx, &point_listing(), rows).await;
        }
        let mut worst = Worst::NONE;
        let (are_many, held) = poll::collect(ctx, fetch, &mut worst).await?;
        show_wide(ctx, are_many, &held, &range)?;
        Ok(worst.into())
    }
}

/// All points of all hosts, and below them a line for each series.
fn show_wide(
    ctx: &Context,
    are_many: bool,
    held: &[(String, Vec<HistorySeries>)],
    range: &HistoryRange,
) -> anyhow::Result<()> {
    let mut all: Vec<(Option<&str>, PointRow)> = Vec::new();
    let mut summaries: Vec<(Option<&str>, SummaryRow)> = Vec::new();
    for (name, series) in held {
        let host = are_many.then_some(name.as_str());
        for one in series {
            all.extend(points(one).map(|row| (host, row)));
            let summary = summary(one, range, ctx.speaks_utf8());
            summaries.extend(summary.map(|row| (host, row)));
        }
    }
    let rows: Vec<(Option<&str>, &PointRow)> = all.iter().map(|(host, row)| (*host, row)).collect();
    point_listing().print_all(ctx, &rows, are_many, true)?;
    let rows: Vec<(Option<&str>, &SummaryRow)> =
        summaries.iter().map(|(host, row)| (*host, row)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    output::text("")?;
    summary_listing().print_all(ctx, &rows, are_many, false)
}

/// The name of a series with its labels.
fn name_of(series: &HistorySeries) -> String {
    let labels: Vec<String> = series
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    if labels.is_empty() {
        return series.name.clone();
    }
    format!("{}{{{}}}", series.name, labels.join(","))
}

/// Seconds since 1970, as the wire has them.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a time within some thousand years"
)]
fn time_of(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0).round() as i64)
}

fn points(series: &HistorySeries) -> impl Iterator<Item = PointRow> {
    series.points.iter().map(|[time, mean, max]| PointRow {
        series: series.name.clone(),
        labels: series.labels.clone(),
        unit: series.unit.clone(),
        time: time_of(*time),
        mean: *mean,
        max: *max,
    })
}

fn point_listing() -> Listing<PointRow> {
    Listing {
        columns: vec![
            Column::text("TIME (UTC)", |row: &PointRow| moment(row.time).into()),
            Column::long("SERIES", |row| {
                let labels: Vec<&str> = row.labels.values().map(String::as_str).collect();
                if labels.is_empty() {
                    return row.series.as_str().into();
                }
                format!("{} {}", row.series, labels.join(" ")).into()
            }),
            Column::number("MEAN", |row| value(row.mean, &row.unit).into()),
            Column::number("MAX", |row| value(row.max, &row.unit).into()),
        ],
        name: |row| row.time.to_string(),
        empty: "nothing was recorded in this range".to_owned(),
    }
}

fn summary_listing() -> Listing<SummaryRow> {
    Listing {
        columns: vec![
            Column::text("SERIES", |row: &SummaryRow| row.series.as_str().into()),
            Column::number("POINTS", |row| row.points.to_string().into()),
            Column::number("MEAN", |row| value(row.mean, &row.unit).into()),
            Column::number("MAX", |row| value(row.max, &row.unit).into()),
            Column::text("COURSE", |row| row.bars.as_str().into()),
        ],
        name: |row| row.series.clone(),
        empty: String::new(),
    }
}

/// The whole of a series; `None` when it has no point.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places among a few dozen bars"
)]
fn summary(series: &HistorySeries, range: &HistoryRange, utf8: bool) -> Option<SummaryRow> {
    let number = series.points.len();
    let sum: f64 = series.points.iter().map(|[_, mean, _]| mean).sum();
    let max = series
        .points
        .iter()
        .map(|[.., max]| *max)
        .reduce(f64::max)?;
    // Each bar stands for the same part of the range, so that gaps show.
    let (from, to) = (range.from.as_millis() as f64, range.to.as_millis() as f64);
    let spans = ((to - from) / 1000.0 / range.step as f64).ceil().max(1.0) as usize;
    let mut bars: Vec<Option<f64>> = vec![None; spans.min(BARS)];
    for [time, mean, _] in &series.points {
        let part = ((time * 1000.0 - from) / (to - from)).clamp(0.0, 1.0);
        let place = ((part * bars.len() as f64) as usize).min(bars.len() - 1);
        bars[place] = Some(bars[place].map_or(*mean, |known| known.max(*mean)));
    }
    Some(SummaryRow {
        series: name_of(series),
        points: number,
        unit: series.unit.clone(),
        mean: sum / number as f64,
        max,
        bars: sparkline(&bars, BARS, utf8),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_a_gap_where_nothing_was_recorded() {
        let begin: Timestamp = "2026-11-23T07:00:00Z".parse().unwrap();
        let range = HistoryRange {
            series: Vec::new(),
            from: begin,
            to: begin.saturating_add(Duration::from_mins(4)),
            step: 60,
        };
        let at = |minute: f64, value: f64| [1_795_417_200.0 + 60.0 * minute, value, value + 1.0];
        assert_eq!(time_of(1_795_417_200.0), begin);
        let series = HistorySeries {
            host: None,
            host_name: None,
            name: "load.one".to_owned(),
            labels: BTreeMap::new(),
            unit: "count".to_owned(),
            points: vec![at(0.0, 1.0), at(1.0, 3.0), at(3.0, 2.0)],
        };
        let summary = summary(&series, &range, true).unwrap();
        assert_eq!(summary.bars, "▁█ ▅");
        assert_eq!((summary.points, summary.max), (3, 4.0));
        assert!((summary.mean - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_step_is_whole_seconds() {
        assert_eq!(parse_step("5min"), Ok(300));
        for text in ["0s", "500ms", "366d", "5"] {
            assert!(parse_step(text).is_err(), "{text}");
        }
    }
}
