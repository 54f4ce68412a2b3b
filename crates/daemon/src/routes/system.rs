//! The host, as the v1 routes show it.

#![expect(
    clippy::missing_errors_doc,
    reason = "doc comments of handlers are the documentation of the API"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::extract::State;
use axum::http::StatusCode;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::json::{Json, WrittenJson};
use crate::params::QueryReader;
use crate::unread::UnreadMemory;
use linux_api_host::Collector;
use linux_api_wire::api::problem::Problem;
use linux_api_wire::api::system::{Account, ListedProcess, NamedAccount, SystemInfo, Uptime};
use linux_api_wire::process::ProcessScan;
use linux_api_wire::time::Clock;

/// Show the uptime
///
/// How long the host has been up.
#[utoipa::path(
    get,
    path = "/api/v1/system/info/uptime",
    tag = "system",
    responses((status = 200, description = "The uptime", body = Uptime))
)]
pub async fn show_uptime(
    _caller: Caller<scope::HostRead>,
    State(collector): State<Collector>,
) -> Result<Json<Uptime>, ApiError> {
    // One short read of procfs: handing it to another thread would cost more than it takes.
    let uptime = collector
        .uptime()
        .map_err(|error| ApiError::host_unreadable(&error))?;
    Ok(Json(Uptime {
        days: uptime.days,
        hours: uptime.hours,
        minutes: uptime.minutes,
        seconds: uptime.seconds,
        full_seconds: uptime.full_seconds,
    }))
}

/// List processes
///
/// By PID, kernel threads included; at most a second old.
#[utoipa::path(
    get,
    path = "/api/v1/system/info/processes",
    tag = "system",
    responses((status = 200, description = "All processes", body = Vec<ListedProcess>))
)]
pub async fn list_processes(
    _caller: Caller<scope::HostRead>,
    State(collector): State<Collector>,
    State(written): State<WrittenList>,
) -> Result<WrittenJson, ApiError> {
    let scan = collector
        .shared_processes()
        .await
        .map_err(|error| ApiError::host_unreadable(&error))?;
    written.of(&scan)
}

/// The list of processes as it was last written: all who share a scan get the same bytes.
#[derive(Debug, Clone)]
pub struct WrittenList {
    last: Arc<Mutex<(Weak<ProcessScan>, Option<WrittenJson>)>>,
    unread: UnreadMemory,
}

impl WrittenList {
    /// Lists take their places in `unread`.
    pub(crate) fn new(unread: UnreadMemory) -> Self {
        Self {
            last: Arc::default(),
            unread,
        }
    }

    fn of(&self, scan: &Arc<ProcessScan>) -> Result<WrittenJson, ApiError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let (of, Some(written)) = &*last
            && of.as_ptr() == Arc::as_ptr(scan)
        {
            return Ok(written.clone());
        }
        let listed = scan.processes.iter().map(|process| ListedProcess {
            pid: process.pid,
            name: process.description.name.clone(),
            status: process.state.as_str().to_owned(),
        });
        let written = WrittenJson::new(&listed.collect::<Vec<_>>(), &self.unread)?;
        *last = (Arc::downgrade(scan), Some(written.clone()));
        Ok(written)
    }
}

/// Show what the host is
///
/// Kernel, processors, memory and root filesystem.
#[utoipa::path(
    get,
    path = "/api/v1/system/info/system-info",
    tag = "system",
    responses((status = 200, description = "What the host is", body = SystemInfo))
)]
pub async fn show_system_info(
    _caller: Caller<scope::HostRead>,
    State(collector): State<Collector>,
    State(clock): State<Clock>,
) -> Result<Json<SystemInfo>, ApiError> {
    let info = collector
        .blocking(Collector::system_info)
        .await
        .map_err(|error| ApiError::host_unreadable(&error))?;
    Ok(Json(SystemInfo {
        system: info.system,
        node_name: info.node_name,
        release: info.release,
        version: info.version,
        machine: info.machine,
        processor: info.processor,
        cpu_count: info.cpu_count,
        memory_total: info.memory_total,
        disk_total: info.disk_total,
        utc_offset_seconds: Some(clock.now().local_offset()),
    }))
}

/// Which account to show.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowSystemUser {
    /// Name of the Linux account.
    username: String,
}

impl FromQuery for ShowSystemUser {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            username: query.required_text("username"),
        }
    }
}

/// Show a Linux account
///
/// From the host's own files or, where they don't have it, from its directory service.
#[utoipa::path(
    get,
    path = "/api/v1/system/info/system-user",
    tag = "system",
    params(ShowSystemUser),
    responses(
        (status = 200, description = "The account under its name", body = NamedAccount),
        (status = 404, description = "There is no such account", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn show_system_user(
    _caller: Caller<scope::HostRead>,
    State(collector): State<Collector>,
    ApiQuery(query): ApiQuery<ShowSystemUser>,
) -> Result<Json<NamedAccount>, ApiError> {
    let account = collector
        .find_account(&query.username)
        .await
        .map_err(|error| ApiError::host_unreadable(&error))?
        .ok_or_else(|| {
            let detail = "System user not found";
            ApiError::new(StatusCode::NOT_FOUND, "account_not_found", detail)
        })?;
    let account = Account {
        user_name: account.user_name,
        uid: account.uid,
        gid: account.gid,
        home_dir: account.home_dir,
        shell: account.shell,
    };
    Ok(Json(NamedAccount(BTreeMap::from([(
        query.username,
        account,
    )]))))
}
