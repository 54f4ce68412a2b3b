//! How fast filesystems fill.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::demo::DemoScript;
use crate::query::{Query, RARELY};
use linux_api_client::error::ClientError;
use linux_api_client::{Client, HistoryRange};
use linux_api_wire::api::history::{History, HistorySeries};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::floor;

/// What says how much is left.
const SERIES: &str = "filesystem.available_bytes";
/// Over how long a time it is looked at, and in which steps.
const SPAN: Duration = Duration::from_hours(6);
const STEP: u64 = 600;
/// Least part of that time for which something must be known, in seconds.
const LEAST: f64 = 3_600.0;
/// Longest time until something is full that is worth a word, in seconds.
const MOST: f64 = 30.0 * 86_400.0;

/// What was left of the filesystems of a host in the last hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillQuery {
    until: Timestamp,
}

impl FillQuery {
    /// Up to now; the same for some minutes.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self {
            until: floor(now, STEP),
        }
    }
}

impl Query for FillQuery {
    type Response = History;

    fn pace(_every: Duration) -> Duration {
        RARELY
    }

    async fn fetch(&self, client: &Client) -> Result<History, ClientError> {
        let range = HistoryRange {
            series: vec![SERIES.to_owned()],
            from: self.until.saturating_sub(SPAN),
            to: self.until,
            step: STEP,
        };
        client.history(&range).await
    }

    /// One filesystem of the demonstration fills up.
    fn scripted(&self, script: &DemoScript) -> Result<History, ClientError> {
        let then = script.at(self.until).snapshot();
        let from = self.until.saturating_sub(SPAN);
        let series = then.filesystems.unwrap_or_default().into_iter().map(|one| {
            #[expect(clippy::cast_precision_loss, reason = "scripted figures")]
            let left = one.available_bytes.unwrap_or(0) as f64;
            let lost = match script.number() {
                2 if one.mount_point == "/srv" => left / 9.0 / 3_600.0,
                _ => 0.0,
            };
            let span = SPAN.as_secs_f64();
            let points = (0_u32..36).map(|place| {
                let after = f64::from(place) * 600.0;
                let value = left + lost * (span - after);
                [crate::widgets::graph::seconds(from) + after, value, value]
            });
            HistorySeries {
                name: SERIES.to_owned(),
                labels: BTreeMap::from([("mount_point".to_owned(), one.mount_point)]),
                unit: "bytes".to_owned(),
                points: points.collect(),
                ..HistorySeries::default()
            }
        });
        Ok(History {
            from: from.to_string(),
            to: self.until.to_string(),
            history_since: None,
            step: STEP,
            series: series.collect(),
            next_cursor: None,
        })
    }

    fn is_like(&self, _other: &Self) -> bool {
        true
    }

    /// When something will be full is no reading: without it nothing that is shown is older.
    fn is_shown_by(&self, _other: &Self) -> bool {
        false
    }

    fn is_fault(_error: &ClientError) -> bool {
        false
    }
}

/// In how long a filesystem is full if it goes on like this; nothing where it does not fill steadily, or
/// not within a month.
pub(super) fn full_in(history: &History, mount_point: &str, left: u64) -> Option<Duration> {
    let mut all = history.series.iter();
    let is_it = |it: &&HistorySeries| it.labels.values().any(|value| value == mount_point);
    let points = &all.find(is_it)?.points;
    let known = || {
        points
            .iter()
            .filter(|it| it[0].is_finite() && it[1].is_finite())
    };
    let count = f64::from(u32::try_from(known().count()).ok()?);
    let (first, last) = (known().next()?, known().next_back()?);
    if last[0] - first[0] < LEAST {
        return None;
    }
    // A line through the points (least squares), and how far they are from it.
    let mean = |part: usize| known().map(|it| it[part]).sum::<f64>() / count;
    let (time, value) = (mean(0), mean(1));
    let spread: f64 = known().map(|it| (it[0] - time).powi(2)).sum();
    let slope = known()
        .map(|it| (it[0] - time) * (it[1] - value))
        .sum::<f64>()
        / spread;
    let error = known()
        .map(|it| (it[1] - value - slope * (it[0] - time)).powi(2))
        .sum::<f64>();
    let error = (error / count).sqrt();
    let fallen = -slope * (last[0] - first[0]);
    // What goes up and down more than it falls is no trend.
    if fallen.is_nan() || fallen <= error * 3.0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a forecast is no exact number")]
    let seconds = left as f64 / -slope;
    let is_near = seconds.is_finite() && (0.0..MOST).contains(&seconds);
    is_near.then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: impl IntoIterator<Item = f64>, left: u64) -> Option<u64> {
        let points = (0_u32..).zip(values);
        let points = points.map(|(place, value)| [f64::from(place) * 600.0, value, value]);
        let history = History {
            from: String::new(),
            to: String::new(),
            history_since: None,
            step: STEP,
            series: vec![HistorySeries {
                labels: BTreeMap::from([("mount_point".to_owned(), "/".to_owned())]),
                points: points.collect(),
                ..HistorySeries::default()
            }],
            next_cursor: None,
        };
        assert_eq!(full_in(&history, "/other", left), None);
        full_in(&history, "/", left).map(|time| time.as_secs())
    }

    #[test]
    fn what_fills_steadily_is_full_when_nothing_is_left() {
        let steady = (0..36).map(|place| f64::from(4_000 - 100 * place));
        assert_eq!(after(steady, 500), Some(3_000));
        let short = (0..5).map(|place| f64::from(4_000 - 100 * place));
        assert_eq!(after(short, 500), None, "too little is known");
        let slow = (0..36).map(|place| 1e12 - f64::from(place));
        assert_eq!(after(slow, 1 << 39), None, "not within a month");
    }

    #[test]
    fn what_goes_up_and_down_has_no_end() {
        let waves = (0..36).map(|place| f64::from(place % 5) * 100.0);
        assert_eq!(after(waves, 500), None);
        assert_eq!(after((0..36).map(f64::from), 500), None, "it empties");
        assert_eq!(after((0..36).map(|_| 7.0), 500), None, "it stays");
        assert_eq!(after([f64::NAN; 36], 500), None);
        assert_eq!(after([], 500), None);
    }
}
