//! Who may call which route: every operation of the OpenAPI document, for every kind of caller.

use axum::http::Method;
use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::app::App;
use crate::api::contract::{document, operations};
use crate::api::database::Database;

on_both_engines! {
    every_route_answers_those_who_may_call_it_and_nobody_else,
}

/// Every operation with the scope that it says it takes, `None` for the public ones.
fn declared() -> impl Iterator<Item = (String, &'static str, Option<Scope>, &'static Value)> {
    operations().map(|(method, template, operation)| {
        let ways = operation["security"].as_array().unwrap();
        let scope = ways.first().map(|way| {
            let scopes = way["key"].as_array().unwrap();
            assert_eq!(scopes.len(), 1, "{method} {template}");
            scopes[0].as_str().unwrap().parse().unwrap()
        });
        (method, template, scope, operation)
    })
}

#[test]
fn little_is_public_and_admins_routes_are_theirs() {
    let mut public: Vec<&str> = declared()
        .filter(|(.., scope, _)| scope.is_none())
        .map(|(_, template, ..)| template)
        .collect();
    public.sort_unstable();
    assert_eq!(public, ["/", "/livez", "/readyz"]);
    for (method, template, scope, _) in declared() {
        if template.contains("/admin") {
            assert_eq!(scope.unwrap().role(), Role::Admin, "{method} {template}");
        }
    }
}

#[test]
fn the_document_says_which_operations_need_a_key_and_how_they_refuse() {
    let schemes = &document()["components"]["securitySchemes"];
    assert_eq!(schemes["key"]["name"], "X-API-Key");
    assert_eq!(schemes["bearer"]["scheme"], "bearer");
    for (method, template, scope, operation) in declared() {
        let needs_key = scope.is_some();
        let expected = match scope {
            Some(scope) => json!([{"key": [scope.as_str()]}, {"bearer": [scope.as_str()]}]),
            None => json!([]),
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
enum ExpectedStatus {
    /// Anything but 401 and 403: the resource need not exist.
    Admitted,
    Refused(u16, &'static str),
}

struct Kind {
    name: String,
    key: Option<String>,
    role: Role,
    active: bool,
    only: Option<Scope>,
    /// It is limited to other hosts.
    is_elsewhere: bool,
}

impl Kind {
    fn expected(&self, scope: Option<Scope>) -> ExpectedStatus {
        let Some(scope) = scope else {
            return ExpectedStatus::Admitted;
        };
        if self.key.is_none() {
            ExpectedStatus::Refused(401, "key_missing")
        } else if self.is_elsewhere {
            ExpectedStatus::Refused(403, "host_not_allowed")
        } else if self.role < scope.role() {
            let code = match scope.role() {
                Role::Admin => "admin_required",
                Role::Operator | Role::Viewer => "role_required",
            };
            ExpectedStatus::Refused(403, code)
        } else if !self.active {
            ExpectedStatus::Refused(403, "user_inactive")
        } else if self.only.is_some_and(|only| only != scope) {
            ExpectedStatus::Refused(403, "scope_missing")
        } else {
            ExpectedStatus::Admitted
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
        is_elsewhere: false,
    };
    let mut kinds = vec![kind("anonymous", None, Role::Viewer, false, None)];
    let roles = [
        (Role::Viewer, "view"),
        (Role::Operator, "op"),
        (Role::Admin, "adm"),
    ];
    for (role, prefix) in roles {
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
        let away = app.user(&format!("{prefix}_away"), role).await;
        app.limit(&away, "env=prod").await;
        let name = format!("{role} of other hosts");
        kinds.push(Kind {
            is_elsewhere: true,
            ..kind(&name, Some(away.key), role, true, None)
        });
    }
    kinds
}

async fn every_route_answers_those_who_may_call_it_and_nobody_else(database: Database) {
    let app = App::new(&database).await;
    app.sample_load(1.0, 50).await;
    let kinds = kinds(&app).await;
    let absent = Uuid::new_v4().to_string();
    for (method, template, scope, _) in declared() {
        let path = template
            .replace("{user_id}", &absent)
            .replace("{key_id}", "EXAMPLEkey01")
            .replace("{host_id}", "nowhere")
            .replace("{alert_id}", &absent)
            .replace("{silence_id}", &absent)
            .replace("{rule}", "nowhere")
            .replace("{channel}", "nowhere")
            // No unit that could be acted on is called so.
            .replace("{name}", "nowhere")
            .replace("{pid}", "1");
        for kind in &kinds {
            // A body that no route takes, so that nothing is changed by those who may.
            let body = (method != "GET").then(|| json!([]));
            let verb: Method = method.parse().unwrap();
            let reply = app.request(verb, &path, kind.key.as_deref(), body).await;
            let answer = match reply.status {
                status @ (401 | 403) => {
                    let code = reply.json()["code"].as_str().unwrap().to_owned();
                    ExpectedStatus::Refused(status, code.leak())
                }
                _ => ExpectedStatus::Admitted,
            };
            let expected = kind.expected(scope);
            assert_eq!(answer, expected, "{method} {template} as {}", kind.name);
            // Of a machine that runs the tests neither systemd nor a journal is known.
            let is_away = reply.status == 503
                && ["units_unavailable", "logs_unavailable"]
                    .iter()
                    .any(|code| reply.json()["code"] == **code);
            assert!(
                reply.status < 500 || is_away,
                "{method} {template}: {}",
                reply.text()
            );
        }
    }
}
