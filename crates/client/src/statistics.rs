//! Calls about the past: requests, stored series, the fleet, and the daemon's own health.

use serde::Serialize;

use super::Client;
use super::error::ClientError;
use linux_api_wire::api::fleet::{FigureLimit, FleetHost, HostSort, Order};
use linux_api_wire::api::health::{DatabaseHealth, MetricsHealth};
use linux_api_wire::api::history::{History, SeriesDescription};
use linux_api_wire::api::metrics::{GlobalMetrics, RouteMetrics, StatusCodeMetrics};
use linux_api_wire::api::page::Page;
use linux_api_wire::fleet::{HostLabel, HostState};
use linux_api_wire::time::Timestamp;

/// Which buckets of requests to list.
#[derive(Debug, Clone, Serialize)]
pub struct Buckets {
    /// How long each is: `1m`, `1h` or `1d`.
    pub bucket: &'static str,
    /// The first one begins at or after this time.
    pub start: Timestamp,
    /// The most rows, 1 to 1000; the newest come first.
    pub limit: u32,
}

impl Buckets {
    /// `start` is what the route calls the time.
    fn fields(&self, start: &'static str, hosts: &HostSelection) -> Vec<(&'static str, String)> {
        let mut fields = hosts.fields();
        fields.push(("bucket", self.bucket.to_owned()));
        fields.push((start, self.start.to_string()));
        fields.push(("limit", self.limit.to_string()));
        fields
    }
}

/// As [`Buckets`], by the names that two of the routes use.
#[derive(Debug, Serialize)]
struct TimedBuckets {
    bucket: &'static str,
    start_time: Timestamp,
    limit: u32,
}

impl From<&Buckets> for TimedBuckets {
    fn from(buckets: &Buckets) -> Self {
        Self {
            bucket: buckets.bucket,
            start_time: buckets.start,
            limit: buckets.limit,
        }
    }
}

/// Which stored series to show.
#[derive(Debug, Clone)]
pub struct HistoryRange {
    /// Names, narrowed by a label where they have one.
    pub series: Vec<String>,
    /// Where the range begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// The least time between two points, in seconds.
    pub step: u64,
}

impl HistoryRange {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        fields.extend(self.series.iter().map(|name| ("series", name.clone())));
        fields.push(("from", self.from.to_string()));
        fields.push(("to", self.to.to_string()));
        fields.push(("step", self.step.to_string()));
        fields
    }
}

/// Which hosts of a database a call is about: those that are named, or any, and have all of the labels.
#[derive(Debug, Clone, Default)]
pub struct HostSelection {
    /// Ids or names.
    pub hosts: Vec<String>,
    /// Labels that all of them have.
    pub labels: Vec<HostLabel>,
}

impl HostSelection {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = label_fields(&self.labels);
        fields.extend(self.hosts.iter().map(|host| ("host", host.clone())));
        fields.push(("by", "host".to_owned()));
        fields
    }
}

/// Which hosts of a fleet to list, and how. All conditions that are given must hold.
#[derive(Debug, Clone, Default)]
pub struct HostQuery {
    /// Hosts with all of these labels.
    pub labels: Vec<HostLabel>,
    /// Hosts in one of these states; in any when empty.
    pub states: Vec<HostState>,
    /// Hosts with this in their name or id.
    pub text: Option<String>,
    /// Hosts of which these figures are at least so much.
    pub min: Vec<FigureLimit>,
    /// Hosts of which these figures are at most so much.
    pub max: Vec<FigureLimit>,
    /// What to sort by.
    pub sort: HostSort,
    /// In which direction; without it as is usual for `sort`.
    pub order: Option<Order>,
    /// The most hosts of a page, 1 to 1000; without it 100.
    pub limit: Option<u32>,
}

impl HostQuery {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = label_fields(&self.labels);
        if !self.states.is_empty() {
            let states: Vec<&str> = self.states.iter().map(|state| state.as_str()).collect();
            fields.push(("state", states.join(",")));
        }
        fields.extend(self.text.clone().map(|text| ("text", text)));
        for (field, limits) in [("min", &self.min), ("max", &self.max)] {
            fields.extend(limits.iter().map(|limit| (field, limit.to_string())));
        }
        fields.push(("sort", self.sort.as_str().to_owned()));
        fields.extend(self.order.map(|order| ("order", order.as_str().to_owned())));
        fields.extend(self.limit.map(|limit| ("limit", limit.to_string())));
        fields
    }
}

fn label_fields(labels: &[HostLabel]) -> Vec<(&'static str, String)> {
    let text = |label: &HostLabel| format!("{}={}", label.name, label.value);
    labels.iter().map(|one| ("label", text(one))).collect()
}

/// Every call fails with a [`ClientError`] that says what to do about it.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, above: all of them fail in the same ways"
)]
impl Client {
    /// All requests over time.
    pub async fn global_metrics(
        &self,
        buckets: &Buckets,
    ) -> Result<Vec<GlobalMetrics>, ClientError> {
        let query = TimedBuckets::from(buckets);
        self.get("/api/v1/metrics/global", &query).await
    }

    /// Requests per route over time.
    pub async fn route_metrics(&self, buckets: &Buckets) -> Result<Vec<RouteMetrics>, ClientError> {
        self.get("/api/v1/metrics/routes", buckets).await
    }

    /// How the requests ended, over time.
    pub async fn status_codes(
        &self,
        buckets: &Buckets,
    ) -> Result<Vec<StatusCodeMetrics>, ClientError> {
        let query = TimedBuckets::from(buckets);
        self.get("/api/v1/metrics/status-codes", &query).await
    }

    /// Stored series over time.
    pub async fn history(&self, range: &HistoryRange) -> Result<History, ClientError> {
        self.get("/api/v1/system/history", &range.fields()).await
    }

    /// Stored series over time of several hosts, each series with its host. At most 1000 hosts times
    /// names of series.
    pub async fn history_of_hosts(
        &self,
        range: &HistoryRange,
        hosts: &HostSelection,
    ) -> Result<History, ClientError> {
        let mut fields = range.fields();
        fields.extend(hosts.fields());
        self.get("/api/v1/system/history", &fields).await
    }

    /// A page of what [`Self::history_of_hosts`] shows, of at most so many hosts, 1 to 1000. A cursor is of the
    /// page before.
    pub async fn history_of_hosts_page(
        &self,
        range: &HistoryRange,
        hosts: &HostSelection,
        hosts_limit: u32,
        cursor: Option<&str>,
    ) -> Result<History, ClientError> {
        let mut fields = range.fields();
        fields.extend(hosts.fields());
        fields.push(("hosts_limit", hosts_limit.to_string()));
        fields.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        self.get("/api/v1/system/history", &fields).await
    }

    /// All requests over time, per host.
    pub async fn global_metrics_by_host(
        &self,
        buckets: &Buckets,
        hosts: &HostSelection,
    ) -> Result<Vec<GlobalMetrics>, ClientError> {
        let fields = buckets.fields("start_time", hosts);
        self.get("/api/v1/metrics/global", &fields).await
    }

    /// Requests per route over time, per host.
    pub async fn route_metrics_by_host(
        &self,
        buckets: &Buckets,
        hosts: &HostSelection,
    ) -> Result<Vec<RouteMetrics>, ClientError> {
        let fields = buckets.fields("start", hosts);
        self.get("/api/v1/metrics/routes", &fields).await
    }

    /// How the requests ended, over time, per host.
    pub async fn status_codes_by_host(
        &self,
        buckets: &Buckets,
        hosts: &HostSelection,
    ) -> Result<Vec<StatusCodeMetrics>, ClientError> {
        let fields = buckets.fields("start_time", hosts);
        self.get("/api/v1/metrics/status-codes", &fields).await
    }

    /// The series that history may be read of, with unit and meaning.
    pub async fn series(&self) -> Result<Page<SeriesDescription>, ClientError> {
        self.get("/api/v1/system/series", &[] as &[(&str, &str)])
            .await
    }

    /// How writing measurements goes.
    pub async fn metrics_health(&self) -> Result<MetricsHealth, ClientError> {
        self.get("/api/v1/health/metrics", &[] as &[(&str, &str)])
            .await
    }

    /// How the database does.
    pub async fn database_health(&self) -> Result<DatabaseHealth, ClientError> {
        self.get("/api/v1/health/database", &[] as &[(&str, &str)])
            .await
    }

    /// One page of the hosts that share the daemon's database.
    pub async fn fleet_hosts(&self, cursor: Option<&str>) -> Result<Page<FleetHost>, ClientError> {
        let query: Vec<(&str, &str)> = cursor.map(|it| ("cursor", it)).into_iter().collect();
        self.get("/api/v1/fleet/hosts", &query).await
    }

    /// One page of the hosts that share the daemon's database, those that a query selects. A cursor is
    /// of an earlier page with the same `sort` and `order`.
    pub async fn query_fleet_hosts(
        &self,
        query: &HostQuery,
        cursor: Option<&str>,
    ) -> Result<Page<FleetHost>, ClientError> {
        let mut fields = query.fields();
        fields.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        self.get("/api/v1/fleet/hosts", &fields).await
    }
}
