//! Who may call which route: every operation of the OpenAPI document, for every kind of caller.

use std::collections::BTreeMap;

use axum::http::Method;
use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::contract::{document, operations};
use crate::database::Database;

on_both_engines! {
    every_route_answers_those_who_may_call_it_and_nobody_else,
}

/// The scope that an operation asks for, `None` for the public ones.
const EXPECTED: &[(&str, &str, Option<Scope>)] = &[
    ("GET", "/", None),
    ("GET", "/livez", None),
    ("GET", "/readyz", None),
    ("GET", "/metrics", Some(Scope::MetricsRead)),
    ("POST", "/api/v1/user/register", Some(Scope::UsersAdmin)),
    ("DELETE", "/api/v1/user/delete", Some(Scope::KeysSelf)),
    ("GET", "/api/v1/user/me", Some(Scope::KeysSelf)),
    ("GET", "/api/v1/user/keys", Some(Scope::KeysSelf)),
    ("POST", "/api/v1/user/keys", Some(Scope::KeysSelf)),
    (
        "DELETE",
        "/api/v1/user/keys/{key_id}",
        Some(Scope::KeysSelf),
    ),
    (
        "POST",
        "/api/v1/user/keys/{key_id}/rotate",
        Some(Scope::KeysSelf),
    ),
    ("GET", "/api/v1/admin/users", Some(Scope::UsersAdmin)),
    (
        "PATCH",
        "/api/v1/admin/users/{user_id}/role",
        Some(Scope::UsersAdmin),
    ),
    (
        "PATCH",
        "/api/v1/admin/users/{user_id}/activate",
        Some(Scope::UsersAdmin),
    ),
    (
        "PATCH",
        "/api/v1/admin/users/{user_id}/deactivate",
        Some(Scope::UsersAdmin),
    ),
    (
        "PATCH",
        "/api/v1/admin/users/{user_id}/protect",
        Some(Scope::UsersAdmin),
    ),
    (
        "GET",
        "/api/v1/admin/users/{user_id}/keys",
        Some(Scope::UsersAdmin),
    ),
    (
        "POST",
        "/api/v1/admin/users/{user_id}/keys",
        Some(Scope::UsersAdmin),
    ),
    (
        "DELETE",
        "/api/v1/admin/users/{user_id}/keys/{key_id}",
        Some(Scope::UsersAdmin),
    ),
    (
        "POST",
        "/api/v1/admin/users/{user_id}/keys/{key_id}/rotate",
        Some(Scope::UsersAdmin),
    ),
    ("GET", "/api/v1/admin/audit", Some(Scope::AuditRead)),
    ("GET", "/api/v1/system/snapshot", Some(Scope::HostRead)),
    ("GET", "/api/v1/system/stream", Some(Scope::HostRead)),
    ("GET", "/api/v1/system/history", Some(Scope::HostRead)),
    ("GET", "/api/v1/system/series", Some(Scope::HostRead)),
    ("GET", "/api/v1/metrics/global", Some(Scope::StatsRead)),
    ("GET", "/api/v1/metrics/routes", Some(Scope::StatsRead)),
    (
        "GET",
        "/api/v1/metrics/status-codes",
        Some(Scope::StatsRead),
    ),
    ("GET", "/api/v1/health/metrics", Some(Scope::StatsRead)),
    ("GET", "/api/v1/health/database", Some(Scope::StatsRead)),
    ("GET", "/api/v1/fleet/hosts", Some(Scope::HostRead)),
    ("GET", "/api/v1/system/info/uptime", Some(Scope::HostRead)),
    (
        "GET",
        "/api/v1/system/info/processes",
        Some(Scope::HostRead),
    ),
    (
        "GET",
        "/api/v1/system/info/system-info",
        Some(Scope::HostRead),
    ),
    (
        "GET",
        "/api/v1/system/info/system-user",
        Some(Scope::HostRead),
    ),
    ("GET", "/api/v1/system/processes", Some(Scope::HostRead)),
    (
        "GET",
        "/api/v1/system/processes/{pid}",
        Some(Scope::HostRead),
    ),
    ("GET", "/api/v1/system/load/average", Some(Scope::HostRead)),
    (
        "GET",
        "/api/v1/system/load/cpu/average",
        Some(Scope::HostRead),
    ),
    (
        "GET",
        "/api/v1/system/load/system/average",
        Some(Scope::HostRead),
    ),
    ("GET", "/api/v1/system/load/values", Some(Scope::HostRead)),
    (
        "GET",
        "/api/v1/system/load/cpu/values",
        Some(Scope::HostRead),
    ),
    (
        "GET",
        "/api/v1/system/load/system/values",
        Some(Scope::HostRead),
    ),
    ("GET", "/api/legacy/user/user-info", Some(Scope::KeysSelf)),
    (
        "GET",
        "/api/legacy/admin/admin-area",
        Some(Scope::UsersAdmin),
    ),
    ("GET", "/api/legacy/admin/users", Some(Scope::UsersAdmin)),
    (
        "POST",
        "/api/legacy/admin/user/create",
        Some(Scope::UsersAdmin),
    ),
    ("DELETE", "/api/legacy/users/delete", Some(Scope::KeysSelf)),
    ("GET", "/api/legacy/system/uptime", Some(Scope::HostRead)),
    ("GET", "/api/legacy/system/processes", Some(Scope::HostRead)),
    (
        "GET",
        "/api/legacy/system/system-infos",
        Some(Scope::HostRead),
    ),
    (
        "GET",
        "/api/legacy/system/system-user",
        Some(Scope::HostRead),
    ),
    ("GET", "/api/legacy/system/avg-load", Some(Scope::HostRead)),
];

#[test]
fn the_table_and_the_document_name_the_same_operations() {
    let mut table: Vec<(&str, &str)> = EXPECTED
        .iter()
        .map(|(method, template, _)| (*method, *template))
        .collect();
    let described: Vec<(String, &str)> = operations()
        .map(|(method, template, _)| (method, template))
        .collect();
    let mut described: Vec<(&str, &str)> = described
        .iter()
        .map(|(method, template)| (method.as_str(), *template))
        .collect();
    table.sort_unstable();
    described.sort_unstable();
    assert_eq!(described, table);
}

#[test]
fn the_document_says_which_operations_need_a_key_and_how_they_refuse() {
    let schemes = &document()["components"]["securitySchemes"];
    assert_eq!(schemes["key"]["name"], "X-API-Key");
    assert_eq!(schemes["bearer"]["scheme"], "bearer");
    let by_name: BTreeMap<(String, &str), &Value> = operations()
        .map(|(method, template, operation)| ((method, template), operation))
        .collect();
    for (method, template, scope) in EXPECTED {
        let operation = by_name[&((*method).to_owned(), *template)];
        let needs_key = scope.is_some();
        let expected = if needs_key {
            json!([{"key": []}, {"bearer": []}])
        } else {
            json!([])
        };
        assert_eq!(operation["security"], expected, "{method} {template}");
        for status in ["401", "403"] {
            let answer = &operation["responses"][status];
            assert_eq!(
                answer.is_object(),
                needs_key,
                "{method} {template} {status}"
            );
        }
        for text in ["operationId", "summary"] {
            assert!(operation[text].is_string(), "{method} {template}: {text}");
        }
    }
}

/// What a caller is to be answered.
#[derive(Debug, PartialEq)]
enum Answer {
    /// Anything but 401 and 403: what is asked for need not exist.
    Admitted,
    Refused(u16, &'static str),
}

struct Kind {
    name: String,
    key: Option<String>,
    role: Role,
    active: bool,
    only: Option<Scope>,
}

impl Kind {
    fn expected(&self, scope: Option<Scope>) -> Answer {
        let Some(scope) = scope else {
            return Answer::Admitted;
        };
        if self.key.is_none() {
            Answer::Refused(401, "key_missing")
        } else if self.role < scope.role() {
            Answer::Refused(403, "admin_required")
        } else if !self.active {
            Answer::Refused(403, "user_inactive")
        } else if self.only.is_some_and(|only| only != scope) {
            Answer::Refused(403, "scope_missing")
        } else {
            Answer::Admitted
        }
    }
}

async fn kinds(app: &App) -> Vec<Kind> {
    let kind = |name: &str, key, role, active, only| Kind {
        name: name.to_owned(),
        key,
        role,
        active,
        only,
    };
    let mut kinds = vec![kind("anonymous", None, Role::Viewer, false, None)];
    for (role, prefix) in [(Role::Viewer, "view"), (Role::Admin, "adm")] {
        let active = app.user(&format!("{prefix}_active"), role).await;
        for scope in Scope::ALL {
            let key = app.key(&active, &[scope], None).await;
            let name = format!("{role} with {scope}");
            kinds.push(kind(&name, Some(key), role, true, Some(scope)));
        }
        kinds.push(kind(role.as_str(), Some(active.key), role, true, None));
        let asleep = app
            .user_as(&format!("{prefix}_asleep"), role, false, false)
            .await;
        let name = format!("inactive {role}");
        kinds.push(kind(&name, Some(asleep.key), role, false, None));
    }
    kinds
}

async fn every_route_answers_those_who_may_call_it_and_nobody_else(database: Database) {
    let app = App::new(&database).await;
    app.sample_load(1.0, 50).await;
    let kinds = kinds(&app).await;
    let nobody = Uuid::new_v4().to_string();
    for (method, template, scope) in EXPECTED {
        let path = template
            .replace("{user_id}", &nobody)
            .replace("{key_id}", "EXAMPLEkey01")
            .replace("{pid}", "1");
        for kind in &kinds {
            // A body that no route takes, so that nothing is changed by those who may.
            let body = (*method != "GET").then(|| json!([]));
            let verb: Method = method.parse().unwrap();
            let reply = app.request(verb, &path, kind.key.as_deref(), body).await;
            let answer = match reply.status {
                status @ (401 | 403) => {
                    let code = reply.json()["code"].as_str().unwrap().to_owned();
                    Answer::Refused(status, code.leak())
                }
                _ => Answer::Admitted,
            };
            let expected = kind.expected(*scope);
            assert_eq!(answer, expected, "{method} {template} as {}", kind.name);
            assert!(reply.status < 500, "{method} {template}: {}", reply.text());
        }
    }
}
