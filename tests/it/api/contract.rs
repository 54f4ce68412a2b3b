//! The OpenAPI document as the measure of every response that a test sees.

use std::sync::LazyLock;

use serde_json::Value;

use crate::api::reply::Reply;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = linux_api_daemon::server::openapi_document(
        linux_api_legacy::additions().routes(&linux_api_config::Legacy::default()),
    )
    .unwrap();
    serde_json::from_str(&text).unwrap()
});

/// The document of the service.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// Every operation: method in upper case, path template, and what the document says of it.
pub(crate) fn operations() -> impl Iterator<Item = (String, &'static str, &'static Value)> {
    let paths = document()["paths"].as_object().unwrap();
    paths.iter().flat_map(|(template, item)| {
        let methods = item.as_object().unwrap().iter();
        methods
            .filter(|(name, _)| ["get", "put", "post", "patch", "delete"].contains(&name.as_str()))
            .map(move |(method, operation)| (method.to_uppercase(), template.as_str(), operation))
    })
}

/// Fails when a response is not among those that the document declares for its operation, or its
/// JSON body is not of the declared shape.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, reply: &Reply) {
    let path = path.split('?').next().unwrap();
    // As the router does it: a template without a field comes first, with any methods.
    let nearest = operations()
        .map(|(_, template, _)| template)
        .filter(|template| matches(template, path))
        .min_by_key(|template| template.matches('{').count());
    let mut operations = operations();
    let declared =
        operations.find(|(verb, template, _)| verb == method && nearest == Some(template));
    let Some((_, template, operation)) = declared else {
        return;
    };
    let name = format!("{method} {template}");
    let answer = &operation["responses"][reply.status.to_string()];
    assert!(
        answer.is_object(),
        "{name} does not declare {}: {}",
        reply.status,
        reply.text()
    );
    let Some(kind) = reply.header("content-type") else {
        assert!(answer.get("content").is_none(), "{name}: no body");
        return;
    };
    let schema = &answer["content"][kind]["schema"];
    assert!(schema.is_object(), "{name} does not declare {kind}");
    if !kind.contains("json") {
        assert_eq!(schema["type"], "string", "{name}");
        return;
    }
    fits(&reply.json(), schema, &name);
}

fn matches(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(text)) if part == text || part.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// Fails unless `value` has the shape of `schema`: kinds, required members, none beside the
/// declared ones.
#[track_caller]
pub(crate) fn fits(value: &Value, schema: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document().pointer(reference.trim_start_matches('#'));
        return fits(value, target.expect("a reference that leads somewhere"), at);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return fits(value, &joined(parts), at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = choices.iter().find(|choice| is_for(choice, value));
        let choice = choice.unwrap_or_else(|| panic!("{at}: {value} is declared as {schema}"));
        return fits(value, choice, at);
    }
    // Anything.
    if schema.as_object().is_some_and(serde_json::Map::is_empty) {
        return;
    }
    assert!(
        is_for(schema, value),
        "{at}: {value} is declared as {schema}"
    );
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value} is none of {words:?}");
    }
    match value {
        Value::Array(items) => {
            for item in items {
                fits(item, &schema["items"], &format!("{at}[]"));
            }
        }
        Value::Object(members) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(members.contains_key(name.as_str().unwrap()), "{at}: {name}");
            }
            for (name, member) in members {
                if let Some(names) = schema.get("propertyNames") {
                    fits(&Value::from(name.as_str()), names, at);
                }
                let declared = schema["properties"]
                    .get(name)
                    .or(schema.get("additionalProperties"))
                    .unwrap_or_else(|| panic!("{at}: {name} is not declared"));
                fits(member, declared, &format!("{at}.{name}"));
            }
        }
        _ => {}
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether a schema is for values of this kind, whatever its members are.
fn is_for(schema: &Value, value: &Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document().pointer(reference.trim_start_matches('#'));
        return is_for(target.expect("a reference that leads somewhere"), value);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().any(|choice| is_for(choice, value));
    }
    if schema["allOf"].is_array() {
        return value.is_object();
    }
    let kind = kind_of(value);
    let declared: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    declared.contains(&kind) || (kind == "integer" && declared.contains(&"number"))
}

/// An object that has the members of all parts.
fn joined(parts: &[Value]) -> Value {
    let mut whole = serde_json::json!({"type": "object", "properties": {}, "required": []});
    for part in parts {
        let target = part["$ref"].as_str().map(|reference| {
            let target = document().pointer(reference.trim_start_matches('#'));
            target.expect("a reference that leads somewhere")
        });
        let part = target.unwrap_or(part);
        let properties = part["properties"].as_object().expect("a part is an object");
        for (name, schema) in properties {
            whole["properties"][name] = schema.clone();
        }
        if let (Some(all), Some(more)) = (
            whole["required"].as_array_mut(),
            part["required"].as_array(),
        ) {
            all.extend(more.iter().cloned());
        }
    }
    whole
}

#[test]
#[should_panic(expected = "extra is not declared")]
fn a_member_that_is_not_declared_fails() {
    let body = serde_json::json!({"status": "alive", "extra": 1});
    let schema = serde_json::json!({"$ref": "#/components/schemas/Liveness"});
    fits(&body, &schema, "body");
}

#[test]
#[should_panic(expected = "does not declare 418")]
fn a_status_that_is_not_declared_fails() {
    let reply = Reply {
        status: 418,
        headers: axum::http::HeaderMap::new(),
        body: Vec::new(),
    };
    check("GET", "/livez?x=1", &reply);
}
