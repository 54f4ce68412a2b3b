//! Responses of released daemons, as recorded, and of daemons to come: this client reads them all.
//!
//! Each directory of `tests/fixtures/responses` holds the responses of one version. They are never
//! changed: a client of today must read what a daemon of back then sends.

use std::fs;
use std::path::{Path, PathBuf};

use linux_api_wire::api::audit::AuditEntry;
use linux_api_wire::api::fleet::FleetHost;
use linux_api_wire::api::health::{DatabaseHealth, Liveness, MetricsHealth, Readiness};
use linux_api_wire::api::history::History;
use linux_api_wire::api::keys::ListedKey;
use linux_api_wire::api::metrics::{GlobalMetrics, RouteMetrics, StatusCodeMetrics};
use linux_api_wire::api::page::Page;
use linux_api_wire::api::processes::{ProcessDetail, ProcessList};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::api::system::{
    CpuAverage, CpuValues, ListedProcess, LoadAverage, LoadValues, NamedAccount, SystemAverage,
    SystemInfo, SystemValues, Uptime,
};
use linux_api_wire::api::users::{CurrentUser, ListedUser};
use linux_api_wire::snapshot::Family;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Every recorded response: version, route, body.
fn recorded() -> Vec<(String, String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/responses");
    let entries = |path: PathBuf| {
        let entries = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut entries: Vec<PathBuf> = entries.collect();
        entries.sort();
        entries
    };
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut all = Vec::new();
    for version in entries(root) {
        let folder = version.file_name().unwrap().to_str().unwrap().to_owned();
        for file in entries(version) {
            let text = fs::read_to_string(&file).unwrap();
            let body = serde_json::from_str(&text).unwrap();
            all.push((folder.clone(), name(&file), body));
        }
    }
    all
}

/// Reads a response as the client does; `false` when the client has no call for the route.
fn read(route: &str, body: &Value) -> Result<bool, serde_json::Error> {
    fn of<T: DeserializeOwned>(body: &Value) -> Result<bool, serde_json::Error> {
        serde_json::from_value::<T>(body.clone()).map(|_| true)
    }
    match route {
        "livez" => of::<Liveness>(body),
        "readyz" => of::<Readiness>(body),
        "user-me" => of::<CurrentUser>(body),
        "user-keys" | "admin-users-user_id-keys" => of::<Page<ListedKey>>(body),
        "admin-users" => of::<Vec<ListedUser>>(body),
        "admin-audit" => of::<Page<AuditEntry>>(body),
        "fleet-hosts" => of::<Page<FleetHost>>(body),
        "health-database" => of::<DatabaseHealth>(body),
        "health-metrics" => of::<MetricsHealth>(body),
        "metrics-global" => of::<Vec<GlobalMetrics>>(body),
        "metrics-routes" => of::<Vec<RouteMetrics>>(body),
        "metrics-status-codes" => of::<Vec<StatusCodeMetrics>>(body),
        "system-history" => of::<History>(body),
        "system-snapshot" => of::<Snapshot>(body),
        "system-processes" => of::<ProcessList>(body),
        "system-processes-pid" => of::<ProcessDetail>(body),
        "system-info-uptime" => of::<Uptime>(body),
        "system-info-processes" => of::<Vec<ListedProcess>>(body),
        "system-info-system-info" => of::<SystemInfo>(body),
        "system-info-system-user" => of::<NamedAccount>(body),
        "system-load-average" => of::<LoadAverage>(body),
        "system-load-values" => of::<LoadValues>(body),
        "system-load-cpu-average" => of::<CpuAverage>(body),
        "system-load-cpu-values" => of::<CpuValues>(body),
        "system-load-system-average" => of::<SystemAverage>(body),
        "system-load-system-values" => of::<SystemValues>(body),
        "root" => Ok(false),
        other => panic!("{other}: which type reads it?"),
    }
}

#[test]
fn responses_of_older_daemons_are_read() {
    let all = recorded();
    assert!(all.len() >= 28, "{}", all.len());
    for (version, route, body) in &all {
        let read = read(route, body);
        assert!(read.is_ok(), "{version} {route}: {read:?}");
    }
    // A snapshot is read family by family, so that one that can't be read would be passed over.
    for (version, _, body) in all
        .iter()
        .filter(|(_, route, _)| route == "system-snapshot")
    {
        let snapshot: Snapshot = serde_json::from_value(body.clone()).unwrap();
        for family in Family::ALL {
            let sent = body["status"].get(family.as_str());
            let error = sent.and_then(|status| status["error"].as_str());
            let status = snapshot.status.get(family);
            let read = status.and_then(|status| status.error.as_deref());
            assert_eq!(read, error, "{version} {family}");
        }
    }
}

/// The same response from a daemon that knows more: a member more in every object, and another word
/// for each of the words that later versions may add to.
fn of_a_newer_daemon(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            for (name, member) in &mut *members {
                let sent = std::mem::take(member);
                *member = match name.as_str() {
                    "role" | "state" | "result" | "action" | "engine" if sent.is_string() => {
                        json!("something-new")
                    }
                    "scopes" => json!(["something:new"]),
                    // Names that a host chooses: of accounts, and of labels.
                    "labels" | "unavailable" => sent,
                    _ => of_a_newer_daemon(sent),
                };
            }
            if !members.contains_key("home_dir")
                && !members.values().any(|it| it.get("home_dir").is_some())
            {
                members.insert("added_later".to_owned(), json!({"a": [1, null]}));
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = of_a_newer_daemon(std::mem::take(item));
            }
        }
        _ => {}
    }
    value
}

#[test]
fn responses_of_newer_daemons_are_read() {
    for (version, route, body) in recorded() {
        let newer = of_a_newer_daemon(body);
        let read = read(&route, &newer);
        assert!(read.is_ok(), "{version} {route}: {read:?}\n{newer:#}");
    }
}
