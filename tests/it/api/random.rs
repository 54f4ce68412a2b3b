//! Whatever the request, the response is a declared one and never a fault of the daemon.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use linux_api_wire::user::Role;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value};

use crate::api::app::{App, Caller};
use crate::api::contract::operations;
use crate::api::database::Database;

/// Requests per run: many, and yet a small part of what all tests take.
const REQUESTS: u32 = 300;

const QUERY_NAMES: [&str; 15] = [
    "processes",
    "include",
    "interval",
    "page",
    "limit",
    "cursor",
    "is_admin",
    "username",
    "n",
    "actor",
    "action",
    "target",
    "result",
    "from",
    "to",
];
const BODY_NAMES: [&str; 8] = [
    "username",
    "is_admin",
    "activate",
    "user_id",
    "name",
    "scopes",
    "expires_at",
    "overlap_seconds",
];
/// Values at the edges of what parsers and databases take.
const EDGES: [&str; 16] = [
    "",
    "0",
    "1",
    "-1",
    "1.0",
    "true",
    "me",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999999999999999999999999",
    "NaN",
    "1e400",
    "2027-01-15T08:00:00Z",
    "0000-01-01",
    "9999-12-31T23:59:59.999Z",
    "-62135596800000",
];

#[derive(Debug, Clone)]
struct RandomRequest {
    operation: (String, &'static str),
    user_id: Vec<u8>,
    key_id: Vec<u8>,
    query: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        select(&EDGES[..]).prop_map(|text| text.as_bytes().to_vec()),
        "\\PC{0,40}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..40),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(&EDGES[..]).prop_map(Value::from),
        "\\PC{0,20}|[\\x00-\\x1f]{1,5}|[a-z]{4,12}".prop_map(Value::from),
        select(&["host:read", "keys:self"][..]).prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(2, 8, 4, |inner| vec(inner, 0..4).prop_map(Value::from));
    vec((select(&BODY_NAMES[..]), value), 0..5).prop_map(|members| {
        let members = members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect::<Map<_, _>>())
    })
}

fn asked() -> impl Strategy<Value = RandomRequest> {
    let operations: Vec<_> = operations()
        .map(|(method, template, _)| (method, template))
        .collect();
    let body = prop_oneof![
        3 => json().prop_map(|value| value.to_string().into_bytes()),
        1 => bytes(),
    ];
    (
        select(operations),
        bytes(),
        bytes(),
        vec((select(&QUERY_NAMES[..]), bytes()), 0..4),
        body,
    )
        .prop_map(|(operation, user_id, key_id, query, body)| RandomRequest {
            operation,
            user_id,
            key_id,
            query,
            body,
        })
}

fn encoded(bytes: &[u8]) -> String {
    form_urlencoded::byte_serialize(bytes).collect()
}

async fn ask(app: &App, caller: &Caller, asked: &RandomRequest) -> u16 {
    let (method, template) = &asked.operation;
    // Every second one is about a user that there is.
    let user_id = match asked.body.len() % 2 {
        0 => caller.id(),
        _ => format!("x{}", encoded(&asked.user_id)),
    };
    let path = template
        .replace("{user_id}", &user_id)
        .replace("{host_id}", &format!("x{}", encoded(&asked.key_id)))
        .replace("{key_id}", &format!("x{}", encoded(&asked.key_id)));
    let query: Vec<String> = asked
        .query
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    let request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(format!("{path}?{}", query.join("&")))
        .header("x-api-key", &caller.key)
        .header("content-type", "application/json");
    let body = Body::from(asked.body.clone());
    let reply = app.send(request.body(body).unwrap()).await;
    if reply.status >= 400 {
        let code = reply.json()["code"].as_str().unwrap().to_owned();
        reply.expect_code(reply.status, &code);
        // The machine of the tests need not have them.
        if [
            "units_unavailable",
            "logs_unavailable",
            "actions_unavailable",
        ]
        .contains(&code.as_str())
        {
            return StatusCode::NOT_FOUND.as_u16();
        }
    }
    reply.status
}

fn no_request_is_the_daemons_fault(database: &Database) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(App::new(database));
    let caller = runtime.block_on(async {
        app.sample_load(1.0, 50).await;
        app.user_as("boss", Role::Admin, true, true).await
    });
    let mut runner = TestRunner::new(Config {
        cases: REQUESTS,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&asked(), |asked| {
        let status = runtime.block_on(ask(&app, &caller, &asked));
        prop_assert!(status < 500, "{status}");
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(app.store.close());
}

mod sqlite {
    #[test]
    fn no_request_is_the_daemons_fault() {
        super::no_request_is_the_daemons_fault(&crate::api::database::Database::sqlite());
    }
}

mod postgres {
    #[test]
    fn no_request_is_the_daemons_fault() {
        super::no_request_is_the_daemons_fault(&crate::api::database::Database::postgres());
    }
}
