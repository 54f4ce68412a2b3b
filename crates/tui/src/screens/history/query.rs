//! A stored series.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::demo::{DemoScript, noise};
use crate::query::Query;
use linux_api_client::error::ClientError;
use linux_api_client::{Client, HistoryRange};
use linux_api_wire::api::history::{History, HistorySeries};
use linux_api_wire::series::SERIES;
use linux_api_wire::time::Timestamp;

/// The series that shows when the host was started, which is requested beside the others.
pub(crate) const UPTIME: &str = "uptime.seconds";

/// Which stored series, and of which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Their names; the response has all members of each.
    pub series: Vec<&'static str>,
    /// Where the range begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// Seconds between two points.
    pub step: u64,
}

impl HistoryQuery {
    /// What is requested: the series, and when the host was started.
    fn names(&self) -> Vec<&'static str> {
        let mut names = self.series.clone();
        if !names.contains(&UPTIME) {
            names.push(UPTIME);
        }
        names
    }
}

impl Query for HistoryQuery {
    type Response = History;

    async fn fetch(&self, client: &Client) -> Result<History, ClientError> {
        let range = HistoryRange {
            series: self.names().into_iter().map(str::to_owned).collect(),
            from: self.from,
            to: self.to,
            step: self.step,
        };
        client.history(&range).await
    }

    fn scripted(&self, script: &DemoScript) -> Result<History, ClientError> {
        Ok(scripted(self, script.number()))
    }

    fn is_like(&self, other: &Self) -> bool {
        self.series == other.series
    }

    /// A response that has one of the series is shown until the next one is there.
    fn is_shown_by(&self, other: &Self) -> bool {
        self.series.iter().any(|name| other.series.contains(name))
    }
}

/// The same of a time before, to be laid behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierHistoryQuery(pub HistoryQuery);

impl Query for EarlierHistoryQuery {
    type Response = History;
    const LEAST: Duration = Duration::from_mins(1);

    async fn fetch(&self, client: &Client) -> Result<History, ClientError> {
        self.0.fetch(client).await
    }

    fn scripted(&self, script: &DemoScript) -> Result<History, ClientError> {
        self.0.scripted(script)
    }

    fn is_like(&self, other: &Self) -> bool {
        self.0.is_like(&other.0)
    }

    fn is_shown_by(&self, other: &Self) -> bool {
        self.0.is_shown_by(&other.0)
    }
}

/// The past of some series. Last night the host was down, and started again after it: nothing is stored of
/// that time.
fn scripted(query: &HistoryQuery, host: u32) -> History {
    let names = query.names().into_iter();
    let series = names.flat_map(|name| scripted_series(query, name, host));
    History {
        from: query.from.to_string(),
        to: query.to.to_string(),
        history_since: None,
        step: query.step,
        series: series.collect(),
        next_cursor: None,
    }
}

/// All members of one series.
fn scripted_series(query: &HistoryQuery, name: &str, host: u32) -> Vec<HistorySeries> {
    let known = SERIES.iter().find(|series| series.name == name);
    let unit = known.map_or("count", |series| series.unit);
    let label = known.and_then(|series| series.label);
    let members: &[&str] = match label {
        Some("mount_point") => &["/", "/srv"],
        Some("device") => &["vda"],
        Some("interface") => &["eth0"],
        Some(_) => &["package"],
        None => &[""],
    };
    let height = match unit {
        "percent" => 60.0,
        "bytes" => 6e9,
        "bytes_per_second" => 4e6,
        "celsius" => 55.0,
        _ => 3.0,
    };
    let series = (0_u32..).zip(members).map(|(place, member)| {
        let seed = f64::from(host * 3 + place);
        let labels: BTreeMap<String, String> = label
            .map(|label| (label.to_owned(), (*member).to_owned()))
            .into_iter()
            .collect();
        let value = |moment: f64| {
            if name == UPTIME {
                return since_start(moment);
            }
            let wave = 0.5 + 0.3 * (moment / 1_900.0 + seed).sin();
            height * (wave + 0.15 * noise(moment / 7.0 + seed))
        };
        HistorySeries {
            host: None,
            host_name: None,
            name: name.to_owned(),
            labels,
            unit: unit.to_owned(),
            points: points(query, value),
        }
    });
    series.collect()
}

/// How long the host is up, which starts at 06:40 each day.
fn since_start(moment: f64) -> f64 {
    (moment - f64::from(DOWN_UNTIL)).rem_euclid(86_400.0)
}

/// When the host is down each day, in seconds of the day.
const DOWN_FROM: i32 = 23_400;
const DOWN_UNTIL: i32 = 24_000;

fn points(query: &HistoryQuery, value: impl Fn(f64) -> f64) -> Vec<[f64; 3]> {
    let step = i64::try_from(query.step).unwrap_or(i64::MAX).max(1);
    let (from, to) = (query.from.as_millis() / 1000, query.to.as_millis() / 1000);
    let mut points = Vec::new();
    let mut time = from;
    while time < to && points.len() < 10_000 {
        // Ten minutes of each day are missing, from 06:30 on.
        let of_day = time.rem_euclid(86_400);
        if !(i64::from(DOWN_FROM)..i64::from(DOWN_UNTIL)).contains(&of_day) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "seconds of a few thousand years"
            )]
            let (moment, length) = (time as f64, query.step as f64);
            let mean = value(moment + length / 2.0);
            points.push([moment, mean, (mean * 1.2).max(value(moment + length))]);
        }
        time += step;
    }
    points
}
