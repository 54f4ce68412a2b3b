//! The hosts of a daemon's database, and what they did lately.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::demo::DemoScript;
use crate::query::Query;
use linux_api_client::error::ClientError;
use linux_api_client::{Client, HistoryRange, HostQuery, HostSelection};
use linux_api_wire::api::fleet::FleetHost;
use linux_api_wire::api::history::HistorySeries;
use linux_api_wire::time::Timestamp;

/// How far back the lines of the fleet go.
pub(crate) const SPAN: Duration = Duration::from_mins(20);
/// Seconds between two points: what is stored.
pub(crate) const STEP: u64 = 60;
/// Most hosts of one page of the list.
const PAGE: u32 = 1000;
/// Most pages of one list.
const PAGES: usize = 5;
/// Most hosts of one page of series that each host has one of: with two of them and the points of [`SPAN`] a
/// response stays below the 10 000 points that it may have.
const SINGLE_PAGE: u32 = 200;
/// The same of series with a member for each interface.
const MANY_PAGE: u32 = 80;
/// Most pages of series.
const SERIES_PAGES: usize = 60;

const CPU: &str = "cpu.usage_percent";
const MEMORY: &str = "memory.used_bytes";
const RECEIVED: &str = "network.received_bytes_per_second";
const SENT: &str = "network.sent_bytes_per_second";

/// The hosts of a daemon's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetQuery;

impl Query for FleetQuery {
    type Response = Vec<FleetHost>;

    async fn fetch(&self, client: &Client) -> Result<Vec<FleetHost>, ClientError> {
        let query = HostQuery {
            limit: Some(PAGE),
            ..HostQuery::default()
        };
        let mut hosts = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let page = client.query_fleet_hosts(&query, cursor.as_deref()).await?;
            hosts.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(hosts)
    }

    fn scripted(&self, script: &DemoScript) -> Result<Vec<FleetHost>, ClientError> {
        Ok(script.fleet())
    }

    /// A key may be made for one host alone, and what is read of that is none the worse.
    fn is_fault(_error: &ClientError) -> bool {
        false
    }
}

/// What all hosts of a daemon's database did in the last twenty minutes before a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetTrailQuery {
    /// The moment, a whole minute: the next one is another query.
    pub until: Timestamp,
}

/// A value over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrailCurve {
    /// Seconds between two points.
    pub step: u64,
    /// The time at which each begins, its mean and its largest value.
    pub points: Vec<[f64; 3]>,
}

/// What one host did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostTrail {
    /// Use of all processors in percent.
    pub cpu: TrailCurve,
    /// Bytes of memory in use.
    pub memory: TrailCurve,
    /// Bytes a second in both directions over the busiest interface.
    pub network: TrailCurve,
    /// Which interface that is.
    pub interface: Option<String>,
}

/// What the hosts did, by their ids.
pub type FleetTrails = BTreeMap<String, HostTrail>;

impl Query for FleetTrailQuery {
    type Response = FleetTrails;
    const LEAST: Duration = Duration::from_mins(1);

    async fn fetch(&self, client: &Client) -> Result<FleetTrails, ClientError> {
        let mut trails = FleetTrails::new();
        for (names, limit) in [([CPU, MEMORY], SINGLE_PAGE), ([RECEIVED, SENT], MANY_PAGE)] {
            let range = HistoryRange {
                series: names.map(str::to_owned).to_vec(),
                from: self.until.saturating_sub(SPAN),
                to: self.until,
                step: STEP,
            };
            let all = HostSelection::default();
            let mut cursor: Option<String> = None;
            for _ in 0..SERIES_PAGES {
                let page = client
                    .history_of_hosts_page(&range, &all, limit, cursor.as_deref())
                    .await?;
                take(&mut trails, page.series, page.step);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(trails)
    }

    fn scripted(&self, script: &DemoScript) -> Result<FleetTrails, ClientError> {
        Ok(script.trails(self.until))
    }

    /// The next minute meets the same.
    fn is_like(&self, _other: &Self) -> bool {
        true
    }

    fn is_fault(_error: &ClientError) -> bool {
        false
    }
}

/// Adds a page of series.
fn take(trails: &mut FleetTrails, series: Vec<HistorySeries>, step: u64) {
    // Both directions of an interface, by host and interface.
    let mut interfaces: BTreeMap<(String, String), TrailCurve> = BTreeMap::new();
    for one in series {
        let Some(host) = one.host else { continue };
        let curve = TrailCurve {
            step,
            points: one.points,
        };
        match one.name.as_str() {
            CPU => trails.entry(host).or_default().cpu = curve,
            MEMORY => trails.entry(host).or_default().memory = curve,
            RECEIVED | SENT => {
                let Some(interface) = one.labels.get("interface").filter(|name| *name != "lo")
                else {
                    continue;
                };
                let place = (host, interface.clone());
                match interfaces.entry(place) {
                    std::collections::btree_map::Entry::Vacant(free) => {
                        free.insert(curve);
                    }
                    std::collections::btree_map::Entry::Occupied(other) => {
                        add(other.into_mut(), &curve);
                    }
                }
            }
            _ => {}
        }
    }
    let mut most: BTreeMap<&str, f64> = BTreeMap::new();
    for ((host, interface), curve) in &interfaces {
        let sum: f64 = curve.points.iter().map(|point| point[1]).sum();
        if most.get(host.as_str()).is_none_or(|most| sum > *most) {
            most.insert(host, sum);
            let trail = trails.entry(host.clone()).or_default();
            trail.network = curve.clone();
            trail.interface = Some(interface.clone());
        }
    }
}

/// Adds the values of the same moments.
fn add(sum: &mut TrailCurve, other: &TrailCurve) {
    let mut others = other.points.iter().peekable();
    for point in &mut sum.points {
        while others.next_if(|other| other[0] < point[0]).is_some() {}
        if let Some(other) = others.next_if(|other| other[0] <= point[0]) {
            point[1] += other[1];
            // Both need not have been largest at once: no more is known than that it was no more.
            point[2] += other[2];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(host: &str, name: &str, interface: Option<&str>, values: &[f64]) -> HistorySeries {
        let labels = interface.map(|it| ("interface".to_owned(), it.to_owned()));
        HistorySeries {
            host: Some(host.to_owned()),
            host_name: Some(host.to_owned()),
            name: name.to_owned(),
            labels: labels.into_iter().collect(),
            unit: String::new(),
            points: (0_u32..)
                .zip(values)
                .map(|(minute, value)| [f64::from(minute) * 60.0, *value, *value])
                .collect(),
        }
    }

    #[test]
    fn the_network_of_a_host_is_that_of_its_busiest_interface_in_both_directions() {
        let mut trails = FleetTrails::new();
        take(
            &mut trails,
            vec![
                series("a", RECEIVED, Some("lo"), &[900.0, 900.0]),
                series("a", RECEIVED, Some("eth0"), &[1.0, 2.0]),
                series("a", RECEIVED, Some("veth1"), &[0.5, 0.5]),
                series("b", RECEIVED, None, &[1.0]),
                series("a", SENT, Some("eth0"), &[10.0, 20.0]),
                series("a", CPU, None, &[7.0]),
            ],
            60,
        );
        let a = &trails["a"];
        assert_eq!(a.interface.as_deref(), Some("eth0"));
        let values: Vec<f64> = a.network.points.iter().map(|point| point[1]).collect();
        assert_eq!(values, [11.0, 22.0]);
        assert_eq!(a.cpu.points.len(), 1);
        assert!(!trails.contains_key("b"));
    }

    #[test]
    fn only_values_of_the_same_moments_are_added() {
        let curve = |points: &[[f64; 2]]| TrailCurve {
            step: 60,
            points: points.iter().map(|it| [it[0], it[1], it[1]]).collect(),
        };
        let mut sum = curve(&[[0.0, 1.0], [60.0, 1.0], [180.0, 1.0]]);
        add(&mut sum, &curve(&[[60.0, 5.0], [120.0, 9.0], [180.0, 7.0]]));
        let values: Vec<f64> = sum.points.iter().map(|point| point[1]).collect();
        assert_eq!(values, [1.0, 6.0, 8.0]);
    }
}
