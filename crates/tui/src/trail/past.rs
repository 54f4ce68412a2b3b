//! What the daemon of a host has of the time before the first reading, and both as one curve.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Trail;
use crate::demo::DemoScript;
use crate::host::HostState;
use crate::query::{Query, RARELY};
use crate::widgets::graph::{Reading, stored};
use linux_api_client::error::ClientError;
use linux_api_client::{Client, HistoryRange};
use linux_api_wire::api::history::{History, HistorySeries};
use linux_api_wire::time::Timestamp;

/// What the graphs of a host are made of.
const SERIES: [&str; 6] = [
    "cpu.usage_percent",
    "memory.used_bytes",
    "network.received_bytes_per_second",
    "network.sent_bytes_per_second",
    "disk.read_bytes_per_second",
    "disk.written_bytes_per_second",
];
/// Up to how long a time is polled in steps of two seconds, and of ten; the daemon keeps both for an hour.
const FINE: Duration = Duration::from_mins(10);
const MIDDLE: Duration = Duration::from_mins(30);

/// Which way something goes: into the host (received, read), or out of it (sent, written).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// A figure that has a past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Figure<'a> {
    /// Percent of all processors.
    Cpu,
    /// Bytes of memory.
    Memory,
    /// Bytes per second over the interfaces that count.
    Network(Way),
    /// Bytes per second over one interface.
    Interface(&'a str, Way),
    /// Bytes per second of the disks that count.
    Disks(Way),
}

impl Figure<'_> {
    const fn series(&self) -> &'static str {
        match self {
            Self::Cpu => SERIES[0],
            Self::Memory => SERIES[1],
            Self::Network(Way::In) | Self::Interface(_, Way::In) => SERIES[2],
            Self::Network(Way::Out) | Self::Interface(_, Way::Out) => SERIES[3],
            Self::Disks(Way::In) => SERIES[4],
            Self::Disks(Way::Out) => SERIES[5],
        }
    }
}

/// The past of a host up to a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastQuery {
    /// How long a time.
    pub span: Duration,
    /// Up to when.
    pub until: Timestamp,
}

impl PastQuery {
    /// Seconds between two points.
    fn step(&self) -> u64 {
        match self.span {
            span if span <= FINE => 2,
            span if span <= MIDDLE => 10,
            span => (span.as_secs() / 120).next_multiple_of(60),
        }
    }

    fn from(&self) -> Timestamp {
        self.until.saturating_sub(self.span)
    }
}

impl Query for PastQuery {
    type Response = History;

    /// The past does not change.
    fn pace(_every: Duration) -> Duration {
        RARELY
    }

    async fn fetch(&self, client: &Client) -> Result<History, ClientError> {
        let range = HistoryRange {
            series: SERIES.map(str::to_owned).to_vec(),
            from: self.from(),
            to: self.until,
            step: self.step(),
        };
        client.history(&range).await
    }

    fn scripted(&self, script: &DemoScript) -> Result<History, ClientError> {
        Ok(scripted(self, script))
    }

    /// Without the past the graphs begin with the first reading, and all that is shown is as new as before.
    fn is_fault(_error: &ClientError) -> bool {
        false
    }

    /// It is no older than it is to be: what came since then is known from readings.
    fn is_shown_by(&self, _other: &Self) -> bool {
        false
    }
}

impl HostState {
    /// A figure over time: what its daemon has, and from there on what was read.
    pub(crate) fn readings(&self, figure: &Figure<'_>) -> Vec<Reading> {
        let past = self.responses.past.value();
        let mut readings = past.map_or_else(Vec::new, |past| {
            let points = self.points(past, figure);
            stored(&points, past.step)
        });
        // What was read after the time that was polled for is in both, or only in the readings.
        let until = self.responses.past.query().map(|query| query.until);
        let until = until.map(crate::widgets::graph::seconds);
        if let Some(until) = until {
            let until = self.trail.start_of_live(until);
            readings.retain(|it| it.from < until);
            if let Some(last) = readings.last_mut() {
                last.to = last.to.min(until);
            }
        }
        let end = readings.last().map_or(f64::NEG_INFINITY, |it| it.to);
        readings.extend(self.trail.live(figure, end));
        readings
    }

    /// The points of a figure that is the sum of several members.
    fn points(&self, past: &History, figure: &Figure<'_>) -> Vec<[f64; 3]> {
        let snapshot = self.responses.snapshot.value();
        let counts = |series: &&HistorySeries| {
            let member = series.labels.values().next().map_or("", String::as_str);
            match figure {
                Figure::Interface(name, _) => member == *name,
                Figure::Network(_) => snapshot.is_none_or(|snapshot| {
                    let all = snapshot.networks.as_deref().unwrap_or_default();
                    let (_, counts) = crate::host::traffic(all);
                    all.iter().any(|it| it.interface == member && counts(it))
                }),
                Figure::Disks(_) => snapshot.is_none_or(|snapshot| {
                    let all = snapshot.disks.as_deref().unwrap_or_default();
                    all.iter()
                        .any(|it| it.device == member && super::counts(it, all))
                }),
                _ => true,
            }
        };
        let named = past.series.iter().filter(|it| it.name == figure.series());
        let mut members = named.filter(counts);
        let (first, second) = (members.next(), members.next());
        // Most have one member.
        let Some(second) = second else {
            return first.map_or_else(Vec::new, |series| series.points.clone());
        };
        let mut sums: BTreeMap<u64, [f64; 3]> = BTreeMap::new();
        let all = first.into_iter().chain([second]).chain(members);
        for [time, mean, max] in all.flat_map(|series| series.points.iter().copied()) {
            // Times are positive: their bits are in their order.
            let sum = sums
                .entry(time.max(0.0).to_bits())
                .or_insert([time, 0.0, 0.0]);
            sum[1] += mean;
            sum[2] += max;
        }
        sums.into_values().collect()
    }
}

impl Trail {
    /// What the daemon is to be polled for so that a graph of this length is filled.
    pub(crate) fn past_query(&self, span: Duration) -> Option<PastQuery> {
        let until = self.anchor()?;
        Some(PastQuery { span, until })
    }
}

/// The past of a host of the demonstration, which is what its readings would have been.
fn scripted(query: &PastQuery, script: &DemoScript) -> History {
    let mut series: Vec<HistorySeries> = Vec::new();
    let step = query.step();
    let mut time = linux_api_wire::units::floor(query.from(), step);
    while time < query.until {
        let then = script.at(time);
        if then.was_up() {
            let snapshot = then.snapshot();
            let memory = snapshot.memory.as_ref();
            #[expect(clippy::cast_precision_loss, reason = "scripted figures")]
            let used = memory.map_or(0.0, |it| it.used_bytes as f64);
            let cpu = snapshot.cpu.as_ref().map_or(0.0, |it| it.usage_percent);
            let mut values = vec![(SERIES[0], None, cpu), (SERIES[1], None, used)];
            for network in snapshot.networks.iter().flatten() {
                let label = Some(("interface", network.interface.clone()));
                values.push((SERIES[2], label.clone(), network.received_bytes_per_second));
                values.push((SERIES[3], label, network.sent_bytes_per_second));
            }
            for disk in snapshot.disks.iter().flatten() {
                let label = Some(("device", disk.device.clone()));
                values.push((SERIES[4], label.clone(), disk.read_bytes_per_second));
                values.push((SERIES[5], label, disk.written_bytes_per_second));
            }
            for (name, label, value) in values {
                let labels = label
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                let labels: BTreeMap<String, String> = labels.collect();
                let known = series
                    .iter_mut()
                    .find(|it| it.name == name && it.labels == labels);
                let point = [crate::widgets::graph::seconds(time), value, value];
                match known {
                    Some(known) => known.points.push(point),
                    None => series.push(HistorySeries {
                        name: name.to_owned(),
                        labels,
                        points: vec![point],
                        ..HistorySeries::default()
                    }),
                }
            }
        }
        time = time.saturating_add(Duration::from_secs(step));
    }
    History {
        from: query.from().to_string(),
        to: query.until.to_string(),
        history_since: None,
        step,
        series,
        next_cursor: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ClockReading, FeedEvent};
    use crate::query::{AnyQuery, AnyResponse, SnapshotQuery};

    const START: i64 = 1_795_417_320;

    fn at(second: i64) -> DemoScript {
        DemoScript::new("web-01", 0, Timestamp::from_millis((START + second) * 1000))
    }

    /// A host of which the daemon has the past up to the start, and that was read at these seconds.
    fn host(seconds: &[i64], has_past: bool) -> HostState {
        let mut host = HostState::new("web-01".to_owned(), String::new(), BTreeMap::new());
        let now = ClockReading::default();
        let query = PastQuery {
            span: Duration::from_mins(10),
            until: Timestamp::from_millis(START * 1000),
        };
        let past = AnyResponse::Past(query.scripted(&at(0)).unwrap());
        host.trail.open(query.until);
        for second in seconds {
            let snapshot = AnyResponse::Snapshot(at(*second).snapshot());
            let event = FeedEvent::Response(SnapshotQuery.into(), Ok(snapshot));
            host.take(event, now);
        }
        if has_past {
            host.take(FeedEvent::Response(AnyQuery::Past(query), Ok(past)), now);
        }
        host
    }

    #[test]
    fn readings_continue_the_past_without_a_seam_or_a_point_that_counts_twice() {
        let all = [
            Figure::Cpu,
            Figure::Memory,
            Figure::Network(Way::In),
            Figure::Interface("eth0", Way::Out),
            Figure::Disks(Way::Out),
        ];
        for seconds in [&[-1, 1, 3, 5][..], &[0, 2, 4], &[-8, -4, 0, 1], &[1, 2]] {
            let host = host(seconds, true);
            for figure in &all {
                let readings = host.readings(figure);
                assert!(readings.len() > 299, "{figure:?}: {}", readings.len());
                for pair in readings.windows(2) {
                    let gap = pair[1].from - pair[0].to;
                    assert!(gap.abs() < 0.01, "{figure:?} {seconds:?}: {pair:?}");
                }
                let newest = readings.last().unwrap();
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let expected = (START + seconds.last().unwrap()) as f64;
                assert!(
                    (newest.to - expected).abs() < 0.01,
                    "{figure:?} {seconds:?}"
                );
            }
        }
    }

    #[test]
    fn without_a_past_there_are_the_readings() {
        let host = host(&[0, 2, 4], false);
        assert_eq!(host.readings(&Figure::Cpu).len(), 3);
        assert!(
            host.readings(&Figure::Interface("eth7", Way::In))
                .is_empty()
        );
    }

    #[test]
    fn a_sum_has_only_the_members_that_count() {
        let host = host(&[0], true);
        let points = |figure: &Figure<'_>| {
            let past = host.responses.past.value().unwrap();
            host.points(past, figure)
        };
        let sum = points(&Figure::Network(Way::In));
        let eth0 = points(&Figure::Interface("eth0", Way::In));
        assert_eq!(sum.len(), 300);
        // The second card is idle, and the loopback interface does not count.
        for (sum, eth0) in sum.iter().zip(&eth0) {
            assert!((sum[1] - eth0[1]).abs() < 0.01, "{sum:?} {eth0:?}");
        }
    }

    #[test]
    fn longer_times_have_longer_steps() {
        let step = |seconds: u64| {
            let query = PastQuery {
                span: Duration::from_secs(seconds),
                until: Timestamp::default(),
            };
            query.step()
        };
        let steps = [60, 600, 1_800, 3_600, 21_600, 86_400].map(step);
        assert_eq!(steps, [2, 2, 10, 60, 180, 720]);
    }
}
