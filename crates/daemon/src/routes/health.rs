//! How the daemon's own work goes, for admins.

use axum::extract::State;
use tokio::time::Instant;

use crate::acts::Acts;
use crate::error::ApiError;
use crate::extract::{Caller, scope};
use crate::json::Json;
use crate::tasks::flusher::{FlusherHandle, FlusherHealth};
use crate::tasks::sampler::HostSampler;
use linux_api_store::describe::Description;
use linux_api_store::migrations::SchemaState;
use linux_api_store::timescale::Timescale;
use linux_api_store::{Engine, Store, StoreError};
use linux_api_wire::api::health::{
    DatabaseHealth, DatabaseReady, FlushWorker, MetricsHealth, PoolHealth, QueueState, Ready,
    RequestCounters, SamplerHealth, SchemaHealth,
};
use linux_api_wire::api::snapshot::FamilyStatus;

/// Show how the writing of measurements goes
///
/// Of this daemon; each daemon of a database writes its own.
#[utoipa::path(
    get,
    path = "/api/v1/health/metrics",
    tag = "health",
    responses((status = 200, description = "Counts and times", body = MetricsHealth))
)]
pub(crate) async fn show_metrics_health(
    _caller: Caller<scope::StatsRead>,
    State(flusher): State<FlusherHandle>,
    State(host): State<HostSampler>,
    State(acts): State<Acts>,
) -> Json<MetricsHealth> {
    Json(MetricsHealth {
        flush_worker: flush_worker(flusher.health()),
        sampler: sampler(&host),
        acts: acts.health(),
    })
}

fn sampler(host: &HostSampler) -> SamplerHealth {
    let newest = host.newest();
    let families = newest.iter().flat_map(|snapshot| {
        let since = snapshot.since_taken();
        let status = snapshot.status.iter();
        status.map(move |(family, status)| (*family, FamilyStatus::new(status, since)))
    });
    SamplerHealth {
        last_reading: newest.as_ref().map(|snapshot| snapshot.time.to_string()),
        dropped_minutes: host.dropped_minutes(),
        left_out_series: host.left_out_series() as u64,
        families: families.collect(),
    }
}

fn flush_worker(health: FlusherHealth) -> FlushWorker {
    let counters = health.counters;
    FlushWorker {
        success_count: health.success_count,
        error_count: health.error_count,
        error_rate: health.error_rate(),
        consecutive_failures: health.consecutive_failures,
        last_success: health.last_success.map(|time| time.to_string()),
        last_attempt: health.last_attempt.map(|time| time.to_string()),
        interval_seconds: health.interval.as_secs_f64(),
        last_error: health.last_error,
        requests: RequestCounters {
            recorded: counters.recorded,
            recovered: counters.recovered,
            stored: counters.stored,
            dropped: counters.dropped,
            queued: counters.queued,
        },
        queue: QueueState {
            buckets: counters.queued_buckets,
            bytes: counters.queued_bytes,
            samples: counters.queued_samples,
            dropped_samples: counters.dropped_samples,
        },
    }
}

/// Show whether the database can be used
///
/// The status is 200 also while it can't, and the body says why.
#[utoipa::path(
    get,
    path = "/api/v1/health/database",
    tag = "health",
    responses((status = 200, description = "Its state", body = DatabaseHealth))
)]
pub(crate) async fn show_database_health(
    _caller: Caller<scope::StatsRead>,
    State(store): State<Store>,
) -> Result<Json<DatabaseHealth>, ApiError> {
    let began = Instant::now();
    let asked = ask(&store).await;
    let latency = began.elapsed().as_secs_f64();
    if let Err(error) = &asked {
        tracing::debug!(%error, "the database can't be used");
    }
    // Not part of the latency: it reads the server's directory of extensions.
    let timescale = match store.engine() {
        Engine::Postgres if asked.is_ok() => store.timescale().await.ok(),
        _ => None,
    };
    let pool = store.pool_state();
    let (error, found) = match asked {
        Ok(found) => (None, Some(found)),
        // What the driver says may hold addresses; the log has it.
        // The server's own words, for those who may see how the daemon works.
        Err(error @ (StoreError::NotReady { .. } | StoreError::ReadOnly)) => {
            (Some(error.to_string()), None)
        }
        Err(error) if error.is_outage() => {
            let error = store.explain(error).await;
            (Some(error.to_string()), None)
        }
        Err(StoreError::Schema(error)) => (Some(error.to_string()), None),
        Err(error) => return Err(error.into()),
    };
    let migration_needed = found
        .as_ref()
        .is_some_and(|(_, schema)| !schema.pending.is_empty());
    let ready = found.is_some() && !migration_needed;
    let (description, schema) = found.unzip();
    Ok(Json(DatabaseHealth {
        postgresql: DatabaseReady {
            ready: description.is_some(),
            migration_needed,
        },
        user_database: Ready { ready },
        metric_database: Ready { ready },
        engine: store.engine().as_str().to_owned(),
        latency_seconds: description.as_ref().map(|_| latency),
        timescaledb: description.as_ref().and_then(|one| one.timescaledb.clone()),
        timescale: timescale.map(Timescale::into_health),
        version: description.map(|one| one.version),
        error,
        schema: schema.map(|schema| SchemaHealth {
            revision: schema.current,
            known_revision: schema.known,
            pending: schema.pending.len(),
        }),
        pool: PoolHealth {
            open: pool.open,
            idle: pool.idle,
            max: pool.max,
        },
    }))
}

async fn ask(store: &Store) -> Result<(Description, SchemaState), StoreError> {
    let description = store.describe().await?;
    Ok((description, store.schema_state().await?))
}
