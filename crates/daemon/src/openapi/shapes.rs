//! The shapes of responses, where the types of the code can't express them: which members are always
//! there, and that a list of processes may leave out any field.

use std::collections::{BTreeSet, VecDeque};

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems};
use utoipa::openapi::{Object, OpenApi, PathItem, Ref, RefOr, Required, Schema};

/// A process in a list, narrowed to the fields that the request names.
const SELECTED: &str = "SelectedProcess";
/// Members of responses that may be absent: schema and member. All others are always sent, as `null`
/// where the value is not known.
const OPTIONAL: [(&str, &str); 24] = [
    ("GlobalMetrics", "host"),
    ("GlobalMetrics", "host_name"),
    ("GlobalMetrics", "label_value"),
    ("GlobalMetrics", "method"),
    ("History", "history_since"),
    ("History", "next_cursor"),
    ("HistorySeries", "host"),
    ("HistorySeries", "host_name"),
    ("Problem", "errors"),
    ("Process", "unavailable"),
    ("Readiness", "code"),
    ("Readiness", "ephemeral"),
    ("Readiness", "history_since"),
    ("Readiness", "warnings"),
    ("RouteMetrics", "host"),
    ("RouteMetrics", "host_name"),
    ("RouteMetrics", "imported"),
    ("RouteMetrics", "label_value"),
    ("RouteMetrics", "method"),
    ("StatusCodeMetrics", "host"),
    ("StatusCodeMetrics", "host_name"),
    ("StatusCodeMetrics", "label_value"),
    ("StatusCodeMetrics", "method"),
    ("Welcome", "docs"),
];
/// Schemas of which a request chooses the members; what utoipa says of them stays.
const CHOSEN: [&str; 3] = [SELECTED, "Snapshot", "AlertRuleDefinition"];

/// Corrects the shapes of all requests and responses.
pub(super) fn describe(document: &mut OpenApi) {
    select_processes(document);
    for name in in_responses(document) {
        let schema = document
            .components
            .as_mut()
            .and_then(|components| components.schemas.get_mut(&name));
        if let Some(RefOr::T(schema)) = schema {
            require_members(schema, &name);
        }
    }
    forget_defaults(document);
    let without_required = requests_without_required_members(document);
    for item in document.paths.paths.values_mut() {
        // `DELETE /user/delete` keeps requiring its body: without one it would delete the caller.
        let body = item
            .post
            .as_mut()
            .and_then(|post| post.request_body.as_mut());
        if let Some(RefOr::T(body)) = body {
            let named = body.content.values().find_map(|content| match content {
                RefOr::T(content) => content.schema.as_ref().and_then(name_of),
                RefOr::Ref(_) => None,
            });
            if named.is_some_and(|name| without_required.contains(&name)) {
                body.required = Some(Required::False);
            }
        }
    }
}

/// What a request may leave out has no value then: null, which utoipa takes from the code, is none.
fn forget_defaults(document: &mut OpenApi) {
    let Some(components) = document.components.as_mut() else {
        return;
    };
    for name in ANY_OF {
        if let Some(RefOr::T(Schema::Object(request))) = components.schemas.get_mut(name) {
            request.properties.values_mut().for_each(forget_default);
        }
    }
}

/// Adds the process that a list has, and makes the list refer to it.
fn select_processes(document: &mut OpenApi) {
    let Some(components) = document.components.as_mut() else {
        return;
    };
    let Some(RefOr::T(Schema::Object(process))) = components.schemas.get_mut("Process") else {
        return;
    };
    for member in process.properties.values_mut() {
        forget_default(member);
    }
    let mut selected = process.clone();
    selected.required.clear();
    selected.description =
        Some("A process with the fields that the request names, all of them by default.".into());
    if let Some(RefOr::T(Schema::Object(list))) = components.schemas.get_mut("ProcessList_Process")
        && let Some(RefOr::T(Schema::Array(items))) = list.properties.get_mut("items")
    {
        items.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(SELECTED).into()));
    }
    let selected = RefOr::T(Schema::Object(selected));
    components.schemas.insert(SELECTED.to_owned(), selected);
}

/// Requests that name one of several members at least.
const ANY_OF: [&str; 3] = ["SetUnitLimits", "AddAlertSilence", "PreviewAlertRule"];

/// The members of a request are optional when there is a default for each.
fn requests_without_required_members(document: &OpenApi) -> BTreeSet<String> {
    let components = document.components.iter();
    components
        .flat_map(|components| &components.schemas)
        .filter(|(_, schema)| match schema {
            RefOr::T(Schema::Object(object)) => object.required.is_empty(),
            _ => false,
        })
        .map(|(name, _)| name.clone())
        .filter(|name| !ANY_OF.contains(&name.as_str()))
        .collect()
}

/// Names of all schemas that a response refers to, through others too.
fn in_responses(document: &OpenApi) -> BTreeSet<String> {
    let mut waiting: VecDeque<String> = VecDeque::new();
    for item in document.paths.paths.values() {
        for operation in operations(item) {
            for response in operation.responses.responses.values() {
                let RefOr::T(response) = response else {
                    continue;
                };
                for content in response.content.values() {
                    if let RefOr::T(content) = content
                        && let Some(schema) = &content.schema
                    {
                        waiting.extend(names_in(schema));
                    }
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    while let Some(name) = waiting.pop_front() {
        let components = document.components.as_ref();
        let schema = components.and_then(|components| components.schemas.get(&name));
        if let Some(schema) = schema
            && found.insert(name)
        {
            waiting.extend(names_in(schema));
        }
    }
    found
}

fn operations(item: &PathItem) -> impl Iterator<Item = &Operation> {
    [&item.get, &item.post, &item.patch, &item.put, &item.delete]
        .into_iter()
        .flatten()
}

/// The names that a schema refers to itself.
fn names_in(schema: &RefOr<Schema>) -> Vec<String> {
    match schema {
        RefOr::Ref(_) => name_of(schema).into_iter().collect(),
        RefOr::T(Schema::Array(array)) => match &array.items {
            ArrayItems::RefOrSchema(items) => names_in(items),
            ArrayItems::False => Vec::new(),
        },
        RefOr::T(Schema::Object(object)) => {
            let mut names: Vec<String> = object.properties.values().flat_map(names_in).collect();
            if let Some(AdditionalProperties::RefOr(rest)) = object.additional_properties.as_deref()
            {
                names.extend(names_in(rest));
            }
            names
        }
        RefOr::T(Schema::OneOf(all)) => all.items.iter().flat_map(names_in).collect(),
        RefOr::T(Schema::AllOf(all)) => all.items.iter().flat_map(names_in).collect(),
        RefOr::T(Schema::AnyOf(all)) => all.items.iter().flat_map(names_in).collect(),
        RefOr::T(_) => Vec::new(),
    }
}

fn name_of(schema: &RefOr<Schema>) -> Option<String> {
    match schema {
        RefOr::Ref(reference) => reference
            .ref_location
            .strip_prefix("#/components/schemas/")
            .map(str::to_owned),
        RefOr::T(_) => None,
    }
}

/// Requires every member of a response's schema that is always sent, in the objects within it too.
fn require_members(schema: &mut Schema, name: &str) {
    match schema {
        Schema::Object(object) => require_members_of(object, name),
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items
                && let RefOr::T(items) = items.as_mut()
            {
                // A page holds its rows inline, and is named after them.
                let row = name.rsplit_once('_').map_or(name, |(_, row)| row);
                require_members(items, row);
            }
        }
        Schema::AllOf(all) => {
            for part in &mut all.items {
                if let RefOr::T(part) = part {
                    require_members(part, name);
                }
            }
        }
        _ => {}
    }
}

fn require_members_of(object: &mut Object, name: &str) {
    let is_chosen = CHOSEN.contains(&name);
    let mut required = Vec::new();
    for (member, schema) in &mut object.properties {
        forget_default(schema);
        let is_required = if is_chosen {
            object.required.contains(member)
        } else {
            !OPTIONAL.contains(&(name, member.as_str()))
        };
        if is_required {
            required.push(member.clone());
        }
        if let RefOr::T(schema) = schema {
            require_members(schema, name);
        }
    }
    object.required = required;
}

/// A default is what a request need not say; in a response it means nothing.
fn forget_default(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => object.default = None,
        RefOr::T(Schema::Array(array)) => array.default = None,
        RefOr::T(Schema::OneOf(all)) => all.default = None,
        RefOr::T(Schema::AllOf(all)) => all.default = None,
        RefOr::T(Schema::AnyOf(all)) => all.default = None,
        RefOr::T(_) | RefOr::Ref(_) => {}
    }
}
