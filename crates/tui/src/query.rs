//! What hosts are polled for. A query is a type that names its response and says how it is fetched; it
//! lives in the directory of the screen that shows it, and has one line in the list below.

mod cached;
mod host;

use std::fmt::Debug;
use std::time::Duration;

pub use cached::Cached;
pub use host::{ActsQuery, InfoQuery, MeQuery, SnapshotQuery};

pub use super::screens::alerts::query::{
    AlertChangesQuery, AlertChannelsQuery, AlertNoticesQuery, AlertPreviewQuery, AlertRulesQuery,
    AlertSilencesQuery, AlertsQuery, HostAlertsQuery,
};
pub use super::screens::api::query::{RequestCounts, RequestsQuery};
pub use super::screens::fleet::query::{
    FleetQuery, FleetTrailQuery, FleetTrails, HostTrail, TrailCurve,
};
pub use super::screens::health::query::{DaemonHealth, HealthQuery, ReadinessQuery};
pub use super::screens::history::query::{EarlierHistoryQuery, HistoryQuery};
pub use super::screens::logs::query::{LogFilter, LogsQuery, OlderLogsQuery};
pub use super::screens::network::query::{NetworkQuery, RatesQuery};
pub use super::screens::overview::query::FillQuery;
pub use super::screens::process::query::ProcessDetailQuery;
pub use super::screens::processes::query::{MoreColumns, ProcessQuery, ProcessRows};
pub use super::screens::unit::query::UnitDetailQuery;
pub use super::screens::units::query::UnitsQuery;
pub use super::screens::users::query::{AuditRowsQuery, KeysQuery, UsersQuery};
pub use super::trail::PastQuery;

use super::demo::DemoScript;
use super::freshness::PartFreshness;
use super::message::ClockReading;
use linux_api_client::Client;
use linux_api_client::error::ClientError;

/// Shortest time between two polls of what changes seldom.
pub(crate) const SLOW: Duration = Duration::from_secs(10);
/// Time between two polls of what hardly ever changes.
pub(crate) const RARELY: Duration = Duration::from_mins(5);

/// Something that a host is polled for.
pub trait Query: Clone + PartialEq + Debug + Send + Sync {
    /// What comes back.
    type Response: Clone + Debug + Send;

    /// Shortest time between two polls.
    const LEAST: Duration = SLOW;

    /// Time between two polls, on a host whose readings are polled this often.
    #[must_use]
    fn pace(every: Duration) -> Duration {
        every.max(Self::LEAST)
    }

    /// Polls a daemon.
    ///
    /// # Errors
    /// The daemon can't be reached, or refuses.
    fn fetch(
        &self,
        client: &Client,
    ) -> impl Future<Output = Result<Self::Response, ClientError>> + Send;

    /// The response of a host of the demonstration.
    ///
    /// # Errors
    /// The script refuses as a daemon would.
    fn scripted(&self, script: &DemoScript) -> Result<Self::Response, ClientError>;

    /// Whether an error that the other query met is one of this query too: the next minute, or a longer
    /// page, meets the same.
    fn is_like(&self, other: &Self) -> bool {
        self == other
    }

    /// Whether the response to the other query is shown until the one to this query is there.
    fn is_shown_by(&self, _other: &Self) -> bool {
        true
    }

    /// Whether an error is a fault of the host, and not an ordinary end.
    #[must_use]
    fn is_fault(_error: &ClientError) -> bool {
        true
    }
}

/// Makes of the list of queries what is the same for each of them.
macro_rules! queries {
    ($($variant:ident $field:ident $query:ty;)+) => {
        /// Any of the queries.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "the types of the queries say it")]
        pub enum AnyQuery { $($variant($query),)+ }

        /// The response to any of the queries.
        #[derive(Debug, Clone)]
        #[expect(missing_docs, reason = "the types of the queries say it")]
        pub enum AnyResponse { $($variant(<$query as Query>::Response),)+ }

        /// The newest responses of one host.
        #[derive(Debug, Clone, Default)]
        #[expect(missing_docs, reason = "the types of the queries say it")]
        pub struct Responses { $(pub $field: Cached<$query>,)+ }

        impl AnyQuery {
            /// Time between two polls, on a host whose readings are polled this often.
            #[must_use]
            pub fn pace(&self, every: Duration) -> Duration {
                match self { $(Self::$variant(_) => <$query>::pace(every),)+ }
            }

            pub(crate) async fn fetch(&self, client: &Client) -> Result<AnyResponse, ClientError> {
                Ok(match self {
                    $(Self::$variant(query) => AnyResponse::$variant(query.fetch(client).await?),)+
                })
            }

            pub(crate) fn scripted(&self, script: &DemoScript) -> Result<AnyResponse, ClientError> {
                Ok(match self {
                    $(Self::$variant(query) => AnyResponse::$variant(query.scripted(script)?),)+
                })
            }
        }

        impl Responses {
            /// Takes a response; one to something else than was polled is none.
            pub(crate) fn put(&mut self, query: AnyQuery, response: AnyResponse, now: ClockReading) {
                match (query, response) {
                    $((AnyQuery::$variant(query), AnyResponse::$variant(response)) => {
                        self.$field.put(query, response, now);
                    })+
                    _ => {}
                }
            }

            pub(crate) fn fail(&mut self, query: AnyQuery, error: ClientError) {
                match query { $(AnyQuery::$variant(query) => self.$field.fail(query, error),)+ }
            }

            pub(crate) fn recover(&mut self, query: &AnyQuery) {
                match query { $(AnyQuery::$variant(_) => self.$field.recover(),)+ }
            }

            /// How new the response to a query is, where one is due this often.
            pub(crate) fn part(&self, query: &AnyQuery, every: Duration, now: ClockReading) -> PartFreshness<'_> {
                match query { $(AnyQuery::$variant(query) => self.$field.part(query, every, now),)+ }
            }
        }

        $(impl From<$query> for AnyQuery {
            fn from(query: $query) -> Self {
                Self::$variant(query)
            }
        })+
    };
}

queries! {
    Me me MeQuery;
    Info info InfoQuery;
    Snapshot snapshot SnapshotQuery;
    Processes processes ProcessQuery;
    Process process ProcessDetailQuery;
    Readiness readiness ReadinessQuery;
    Health health HealthQuery;
    Requests requests RequestsQuery;
    History history HistoryQuery;
    EarlierHistory earlier_history EarlierHistoryQuery;
    Users users UsersQuery;
    Keys keys KeysQuery;
    AuditRows audit_rows AuditRowsQuery;
    Acts acts ActsQuery;
    Units units UnitsQuery;
    Unit unit UnitDetailQuery;
    Logs logs LogsQuery;
    OlderLogs older_logs OlderLogsQuery;
    Fleet fleet FleetQuery;
    FleetTrail fleet_trail FleetTrailQuery;
    Network network NetworkQuery;
    Rates rates RatesQuery;
    Past past PastQuery;
    Fill fill FillQuery;
    Alerts alerts AlertsQuery;
    HostAlerts host_alerts HostAlertsQuery;
    AlertNotices alert_notices AlertNoticesQuery;
    AlertChanges alert_changes AlertChangesQuery;
    AlertRules alert_rules AlertRulesQuery;
    AlertChannels alert_channels AlertChannelsQuery;
    AlertSilences alert_silences AlertSilencesQuery;
    AlertPreview alert_preview AlertPreviewQuery;
}
