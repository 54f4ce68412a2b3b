//! How a daemon is, as far as its own checks and its database show.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::demo::DemoScript;
use crate::query::Query;
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_wire::api::health::{
    ActsHealth, Check, Checks, DatabaseHealth, DatabaseReady, FlushWorker, MetricsHealth,
    PoolHealth, QueueState, Readiness, Ready, RequestCounters, SamplerHealth, SchemaHealth,
};

/// Shortest time between two polls.
const PACE: Duration = Duration::from_secs(5);

/// Whether the daemon can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadinessQuery;

impl Query for ReadinessQuery {
    type Response = Readiness;
    const LEAST: Duration = PACE;

    async fn fetch(&self, client: &Client) -> Result<Readiness, ClientError> {
        client.readiness().await
    }

    fn scripted(&self, _script: &DemoScript) -> Result<Readiness, ClientError> {
        let check = |detail: &str| Check {
            ok: true,
            detail: detail.to_owned(),
        };
        Ok(Readiness {
            code: None,
            status: "ready".to_owned(),
            checks: Checks {
                database: check("sqlite"),
                migrations: check("revision 3"),
                flusher: check("nothing waits"),
            },
            warnings: Vec::new(),
            ephemeral: false,
            history_since: None,
        })
    }
}

/// How a daemon is, as its admins may see it.
#[derive(Debug, Clone)]
pub struct DaemonHealth {
    /// The database.
    pub database: DatabaseHealth,
    /// Writing measurements.
    pub metrics: MetricsHealth,
}

/// The daemon's database, and its writing to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthQuery;

impl Query for HealthQuery {
    type Response = DaemonHealth;
    const LEAST: Duration = PACE;

    async fn fetch(&self, client: &Client) -> Result<DaemonHealth, ClientError> {
        let (database, metrics) =
            tokio::try_join!(client.database_health(), client.metrics_health())?;
        Ok(DaemonHealth { database, metrics })
    }

    fn scripted(&self, script: &DemoScript) -> Result<DaemonHealth, ClientError> {
        let now = script.now();
        let ready = || Ready { ready: true };
        let recent = now.saturating_sub(Duration::from_secs(4)).to_string();
        let read = now.saturating_sub(Duration::from_secs(1));
        Ok(DaemonHealth {
            database: DatabaseHealth {
                postgresql: DatabaseReady {
                    ready: true,
                    migration_needed: false,
                },
                user_database: ready(),
                metric_database: ready(),
                engine: "sqlite".to_owned(),
                version: Some("3.51.3".to_owned()),
                timescaledb: None,
                timescale: None,
                latency_seconds: Some(0.000_2),
                error: None,
                schema: Some(SchemaHealth {
                    revision: 3,
                    known_revision: 3,
                    pending: 0,
                }),
                pool: PoolHealth {
                    open: 3,
                    idle: 2,
                    max: 5,
                },
            },
            metrics: MetricsHealth {
                acts: ActsHealth::default(),
                flush_worker: FlushWorker {
                    success_count: 8_640,
                    error_count: 0,
                    error_rate: 0.0,
                    consecutive_failures: 0,
                    last_error: None,
                    last_success: Some(recent.clone()),
                    last_attempt: Some(recent),
                    interval_seconds: 10.0,
                    requests: RequestCounters {
                        recorded: 282_114,
                        recovered: 0,
                        stored: 282_081,
                        dropped: 0,
                        queued: 33,
                    },
                    queue: QueueState {
                        buckets: 6,
                        bytes: 8_192,
                        samples: 1,
                        dropped_samples: 0,
                    },
                },
                sampler: SamplerHealth {
                    last_reading: Some(read.to_string()),
                    dropped_minutes: 0,
                    left_out_series: 0,
                    families: BTreeMap::new(),
                },
            },
        })
    }
}
