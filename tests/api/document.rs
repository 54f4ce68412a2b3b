//! What the OpenAPI document says of parameters holds, and its examples are true.

use axum::http::Method;
use linux_api::model::user::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::contract::{document, fits, operations};
use crate::database::Database;

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
    let nobody = Uuid::new_v4().to_string();
    let mut count = 0;
    for (method, template, operation) in operations() {
        let path = template.replace("{user_id}", &nobody);
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
