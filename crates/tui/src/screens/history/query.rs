//! A stored series.

use std::collections::BTreeMap;

use crate::demo::{DemoScript, noise};
use crate::query::Query;
use linux_api_client::error::ClientError;
use linux_api_client::{Client, HistoryRange};
use linux_api_wire::api::history::{History, HistorySeries};
use linux_api_wire::series::SERIES;
use linux_api_wire::time::Timestamp;

/// Which stored series, and of which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Its name; the response has all its members.
    pub series: &'static str,
    /// Where the range begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// Seconds between two points.
    pub step: u64,
}

impl Query for HistoryQuery {
    type Response = History;

    async fn fetch(&self, client: &Client) -> Result<History, ClientError> {
        let range = HistoryRange {
            series: vec![self.series.to_owned()],
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

    fn is_shown_by(&self, other: &Self) -> bool {
        self.series == other.series
    }
}

/// The past of one series. Last night the host was down: nothing is stored of that time.
fn scripted(query: &HistoryQuery, host: u32) -> History {
    let known = SERIES.iter().find(|series| series.name == query.series);
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
        HistorySeries {
            host: None,
            host_name: None,
            name: query.series.to_owned(),
            labels,
            unit: unit.to_owned(),
            points: points(query, height, seed),
        }
    });
    History {
        from: query.from.to_string(),
        to: query.to.to_string(),
        history_since: None,
        step: query.step,
        series: series.collect(),
        next_cursor: None,
    }
}

fn points(query: &HistoryQuery, height: f64, seed: f64) -> Vec<[f64; 3]> {
    let step = i64::try_from(query.step).unwrap_or(i64::MAX).max(1);
    let (from, to) = (query.from.as_millis() / 1000, query.to.as_millis() / 1000);
    let mut points = Vec::new();
    let mut time = from;
    while time < to && points.len() < 10_000 {
        // Ten minutes of each day are missing, from 06:30 on.
        let of_day = time.rem_euclid(86_400);
        if !(23_400..24_000).contains(&of_day) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "seconds of a few thousand years"
            )]
            let moment = time as f64;
            let wave = 0.5 + 0.3 * (moment / 1_900.0 + seed).sin();
            let value = height * (wave + 0.15 * noise(moment / 7.0 + seed));
            points.push([moment, value, value * 1.2]);
        }
        time += step;
    }
    points
}
