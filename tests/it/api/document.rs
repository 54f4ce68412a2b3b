//! What the OpenAPI document says of parameters holds, and its examples are true.

use axum::http::Method;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::app::App;
use crate::api::contract::{document, fits, operations};
use crate::api::database::Database;

on_both_engines! {
    the_ranges_of_numbers_are_those_of_the_document,
}

/// The parameters that older clients give: route, name, and what the document says.
fn parameters_of_older_clients() -> Vec<(&'static str, &'static str, Value)> {
    let number = |default: u64, minimum: u64, maximum: Option<u64>| {
        let mut schema = json!({
            "type": "integer", "format": "int64", "default": default, "minimum": minimum
        });
        if let Some(maximum) = maximum {
            schema["maximum"] = json!(maximum);
        }
        schema
    };
    let minutes = number(5, 1, Some(1440));
    vec![
        ("/api/v1/admin/users", "page", number(1, 1, None)),
        ("/api/v1/admin/users", "limit", number(50, 1, Some(100))),
        (
            "/api/v1/admin/users/{user_id}/role",
            "is_admin",
            json!({"type": "boolean", "default": false}),
        ),
        (
            "/api/v1/system/info/system-user",
            "username",
            json!({"type": "string"}),
        ),
        ("/api/v1/system/load/values", "n", minutes.clone()),
        ("/api/v1/system/load/cpu/values", "n", minutes.clone()),
        ("/api/v1/system/load/system/values", "n", minutes),
    ]
}

#[test]
fn parameters_of_older_clients_keep_their_defaults_and_ranges() {
    for (template, name, schema) in parameters_of_older_clients() {
        let (.., operation) = operations()
            .find(|(_, other, _)| *other == template)
            .unwrap();
        let parameters = operation["parameters"].as_array().unwrap();
        let parameter = parameters.iter().find(|one| one["name"] == name).unwrap();
        assert_eq!(parameter["schema"], schema, "{template} {name}");
        assert_eq!(
            parameter["required"],
            name == "username",
            "{template} {name}"
        );
    }
}

#[test]
fn examples_are_of_the_shape_that_they_explain() {
    let schemas = document()["components"]["schemas"].as_object().unwrap();
    let mut count = 0;
    for (name, schema) in schemas {
        if let Some(example) = schema.get("example") {
            fits(example, schema, name);
            count += 1;
        }
    }
    assert!(count > 20, "most have one: {count}");
}

/// Every value of the document with its place.
fn each(value: &'static Value, at: &str, take: &mut impl FnMut(&str, &'static Value)) {
    take(at, value);
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each(item, &format!("{at}/{index}"), take);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                each(member, &format!("{at}/{name}"), take);
            }
        }
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let mut count = 0;
    each(document(), "", &mut |at, value| {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            let found = document().pointer(target.trim_start_matches('#'));
            assert!(found.is_some(), "{at}: {target}");
            count += 1;
        }
    });
    assert!(count > 100, "{count}");
}

#[test]
fn defaults_and_examples_of_times_are_times() {
    let is_time = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| text.parse::<Timestamp>().is_ok())
    };
    each(document(), "", &mut |at, value| {
        if value["format"] == "date-time" && value.get("type").is_some() {
            for name in ["default", "example"] {
                if let Some(given) = value.get(name) {
                    assert!(is_time(given), "{at}/{name}: {given}");
                }
            }
        }
    });
}

/// Members that are always there are listed, so that generated clients need not look for them.
#[test]
fn objects_say_which_members_are_always_there() {
    // Of these a request chooses every member, or there is a default for each.
    const ALL_OPTIONAL: [&str; 7] = [
        "AcknowledgeAlert",
        "AddAlertSilence",
        "DeleteUser",
        "PreviewAlertRule",
        "RotateKey",
        "SelectedProcess",
        "SetUnitLimits",
    ];
    let schemas = document()["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        each(schema, name, &mut |at, value| {
            let Some(properties) = value.get("properties").and_then(Value::as_object) else {
                return;
            };
            if !properties.values().all(Value::is_object) {
                return;
            }
            let required = value["required"].as_array().map_or(0, Vec::len);
            assert_eq!(required == 0, ALL_OPTIONAL.contains(&name.as_str()), "{at}");
            assert!(required <= properties.len(), "{at}");
        });
    }
    let required = |name: &str| schemas[name]["required"].to_string();
    assert!(required("Process").contains("start_time"));
    assert!(!required("Process").contains("unavailable"));
    assert!(required("Snapshot").contains("status"));
    assert!(!required("Snapshot").contains("cpu"));
    let listed = &schemas["Page_ListedKey"]["properties"]["items"]["items"]["required"];
    assert!(listed.to_string().contains("revoked_at"), "null is sent");
}

#[test]
fn only_bodies_without_defaults_are_required() {
    for (method, template, operation) in operations() {
        if let Some(body) = operation.get("requestBody") {
            let ends = ["/rotate", "/acknowledge"];
            let is_optional = ends.iter().any(|end| template.ends_with(end));
            assert_eq!(body["required"] != true, is_optional, "{method} {template}");
        }
    }
}

#[test]
fn the_document_says_whose_it_is_and_where_the_daemon_is() {
    assert_eq!(document()["servers"][0]["url"], "/");
    assert!(document()["info"]["contact"]["name"].is_string());
    let description = document()["info"]["description"].as_str().unwrap();
    let guides = description
        .split('`')
        .filter(|name| name.starts_with("docs/"));
    let guides: Vec<&str> = guides.collect();
    assert!(guides.len() >= 3, "{guides:?}");
    for guide in guides {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(guide);
        assert!(path.is_file(), "{guide}");
    }
}

#[test]
fn no_answer_has_a_member_for_a_hash() {
    let schemas = document()["components"]["schemas"].to_string();
    assert!(!schemas.contains("hash") && !schemas.contains("argon2"));
    // Three hold a new key, which is shown once.
    let keys = schemas.matches("\"api_key\":{").count();
    assert_eq!(keys, 3);
}

/// The other fields of the query that must be there, with their examples.
fn required_fields(operation: &Value, but: &Value) -> String {
    let parameters = operation["parameters"].as_array().unwrap().iter();
    let required = parameters
        .filter(|one| one["in"] == "query" && one["required"] == true && one["name"] != *but);
    let mut fields = String::new();
    for one in required {
        let example = one["example"].as_str();
        let example = example.expect("required fields have an example");
        fields.extend(["&", one["name"].as_str().unwrap(), "=", example]);
    }
    fields
}

async fn the_ranges_of_numbers_are_those_of_the_document(database: Database) {
    let app = App::new(&database).await;
    let admin = app.user("boss", Role::Admin).await;
    app.sample_load(1.0, 50).await;
    let unknown_user = Uuid::new_v4().to_string();
    let mut count = 0;
    for (method, template, operation) in operations() {
        let path = template
            .replace("{user_id}", &unknown_user)
            .replace("{name}", "nginx.service");
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let schema = &parameter["schema"];
            let (Some(least), name) = (schema["minimum"].as_i64(), &parameter["name"]) else {
                continue;
            };
            count += 1;
            let mut values = vec![(least, true), (least - 1, false)];
            if let Some(most) = schema["maximum"].as_i64() {
                values.extend([(most, true), (most + 1, false)]);
            }
            for (value, is_allowed) in values {
                let verb: Method = method.parse().unwrap();
                let rest = required_fields(operation, name);
                let query = format!("{path}?{}={value}{rest}", name.as_str().unwrap());
                let reply = app.request(verb, &query, Some(&admin.key), None).await;
                assert_eq!(reply.status != 422, is_allowed, "{query}");
            }
        }
    }
    assert!(count >= 7, "{count}");
}
