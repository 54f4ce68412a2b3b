//! Load and use of the processors over the last day.

use axum::extract::State;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::json::Json;
use crate::params::QueryReader;
use crate::tasks::sampler::LoadSampler;
use linux_api_wire::api::system::{
    Average, CpuAverage, CpuValues, LastLoads, LoadAverage, LoadValues, SystemAverage, SystemValues,
};
use linux_api_wire::host::{LoadAverages, LoadValue};

/// How many values to return.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LastMinutes {
    /// The newest so many, fewer when the daemon has not run for so long.
    #[param(minimum = 1, maximum = 1440, default = 5, required = false)]
    n: i64,
}

impl FromQuery for LastMinutes {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            n: query.integer("n", 1..=1440, 5),
        }
    }
}

/// Show average load and processor use
///
/// Over the minutes kept, at most a day. The processors' is in percent (the values are fractions).
#[utoipa::path(
    get,
    path = "/api/v1/system/load/average",
    tag = "system",
    responses((status = 200, description = "Both averages", body = LoadAverage))
)]
pub(crate) async fn show_load_average(
    _caller: Caller<scope::HostRead>,
    State(load): State<LoadSampler>,
) -> Result<Json<LoadAverage>, ApiError> {
    let averages = averages(&load)?;
    Ok(Json(LoadAverage {
        system: system_average(averages),
        cpu: cpu_average(averages),
    }))
}

/// Show average processor use
///
/// In percent, over the minutes kept.
#[utoipa::path(
    get,
    path = "/api/v1/system/load/cpu/average",
    tag = "system",
    responses((status = 200, description = "The average", body = CpuAverage))
)]
pub(crate) async fn show_cpu_average(
    _caller: Caller<scope::HostRead>,
    State(load): State<LoadSampler>,
) -> Result<Json<CpuAverage>, ApiError> {
    Ok(Json(CpuAverage {
        cpu: cpu_average(averages(&load)?),
    }))
}

/// Show average load
///
/// The one-minute load average, over the minutes kept.
#[utoipa::path(
    get,
    path = "/api/v1/system/load/system/average",
    tag = "system",
    responses((status = 200, description = "The average", body = SystemAverage))
)]
pub(crate) async fn show_system_average(
    _caller: Caller<scope::HostRead>,
    State(load): State<LoadSampler>,
) -> Result<Json<SystemAverage>, ApiError> {
    Ok(Json(SystemAverage {
        system: system_average(averages(&load)?),
    }))
}

/// List load and processor use
///
/// One value per minute, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/system/load/values",
    tag = "system",
    params(LastMinutes),
    responses((status = 200, description = "Both lists", body = LoadValues))
)]
pub(crate) async fn list_load_values(
    _caller: Caller<scope::HostRead>,
    State(load): State<LoadSampler>,
    ApiQuery(query): ApiQuery<LastMinutes>,
) -> Result<Json<LoadValues>, ApiError> {
    let values = values(&load, query.n)?;
    Ok(Json(LoadValues {
        system: system_values(&values),
        cpu: cpu_values(&values),
    }))
}

/// List processor use
///
/// One fraction (0 to 1) per minute, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/system/load/cpu/values",
    tag = "system",
    params(LastMinutes),
    responses((status = 200, description = "The list", body = CpuValues))
)]
pub(crate) async fn list_cpu_values(
    _caller: Caller<scope::HostRead>,
    State(load): State<LoadSampler>,
    ApiQuery(query): ApiQuery<LastMinutes>,
) -> Result<Json<CpuValues>, ApiError> {
    Ok(Json(CpuValues {
        cpu: cpu_values(&values(&load, query.n)?),
    }))
}

/// List load
///
/// One one-minute load average per minute, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/system/load/system/values",
    tag = "system",
    params(LastMinutes),
    responses((status = 200, description = "The list", body = SystemValues))
)]
pub(crate) async fn list_system_values(
    _caller: Caller<scope::HostRead>,
    State(load): State<LoadSampler>,
    ApiQuery(query): ApiQuery<LastMinutes>,
) -> Result<Json<SystemValues>, ApiError> {
    Ok(Json(SystemValues {
        system: system_values(&values(&load, query.n)?),
    }))
}

fn averages(load: &LoadSampler) -> Result<LoadAverages, ApiError> {
    load.averages().ok_or_else(ApiError::load_not_ready)
}

fn values(load: &LoadSampler, n: i64) -> Result<Vec<LoadValue>, ApiError> {
    load.values(usize::try_from(n).unwrap_or(1))
        .ok_or_else(ApiError::load_not_ready)
}

fn system_average(averages: LoadAverages) -> Average {
    Average {
        average_load: averages.load_one,
    }
}

fn cpu_average(averages: LoadAverages) -> Average {
    Average {
        average_load: averages.cpu_fraction * 100.0,
    }
}

fn system_values(values: &[LoadValue]) -> LastLoads {
    LastLoads {
        last_loads: values.iter().map(|value| value.load_one).collect(),
    }
}

fn cpu_values(values: &[LoadValue]) -> LastLoads {
    LastLoads {
        last_loads: values.iter().map(|value| value.cpu_fraction).collect(),
    }
}
