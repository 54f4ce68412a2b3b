//! The OpenAPI document: what the code says, and what is true of every route.

mod shapes;

use axum::http::Method;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Deprecated, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema};

use super::edge::PROBES;
use super::old_routes::is_below;
use super::route_list::operations;
use linux_api_wire::api::problem::{FieldProblem, Problem};
use linux_api_wire::audit::Action;
use linux_api_wire::snapshot::Family;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Linux API",
        version = "v1",
        description = "Monitors Linux hosts. Errors are problem details (RFC 9457) \
                       with a stable `code`.\n\n\
                       Guides: `docs/api.md` (keys, pages, errors, live streams), \
                       `docs/processes.md` (filters), `docs/metrics.md` (history and statistics) \
                       and `docs/security.md` (roles and scopes) in the source, installed below \
                       `/usr/share/doc/linux-api/docs/`.",
        contact(name = "The linux-api contributors"),
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "The daemon that serves this document")),
    components(schemas(Problem, FieldProblem, Family)),
    tags(
        (name = "service", description = "The daemon itself"),
        (name = "system", description = "The host"),
        (name = "acts", description = "Acts on the host, as far as its policy allows"),
        (name = "alerts", description = "What fires, what changed, and what is done about it"),
        (name = "fleet", description = "The hosts whose daemons share the database"),
        (name = "metrics", description = "Statistics of requests"),
        (name = "health", description = "How the daemon's own work goes"),
        (name = "user", description = "The caller's own account and keys"),
        (name = "admin", description = "All users, their keys, and the audit log")
    )
)]
struct Base;

/// The document before any route is added.
pub(crate) fn base() -> OpenApi {
    let mut document = Base::openapi();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "key",
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "X-API-Key",
            "An API key of this daemon",
        ))),
    );
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("The same API key as a bearer token"))
                .build(),
        ),
    );
    document
}

/// Adds to every operation the responses of the edge layer, and corrects the schemas of all.
/// What lies below `old` will end.
pub(crate) fn complete(document: &mut OpenApi, old: Option<&str>) {
    shapes::describe(document);
    for (template, item) in &mut document.paths.paths {
        let is_old = old.is_some_and(|prefix| is_below(prefix, template));
        for (method, operation) in operations(item) {
            complete_operation(operation, template.contains('{'));
            if is_old {
                operation.deprecated = Some(Deprecated::True);
            }
            if !PROBES.contains(&template.as_str()) {
                add(
                    operation,
                    "429",
                    "Too many requests; `Retry-After` says when to come back",
                );
            }
            if method != Method::GET {
                add(operation, "507", "The database has no room left");
            }
        }
    }
}

fn complete_operation(operation: &mut Operation, has_path_field: bool) {
    let has_body = operation.request_body.is_some();
    let has_fields = has_path_field
        || operation
            .parameters
            .as_ref()
            .is_some_and(|all| !all.is_empty());
    if operation
        .security
        .as_ref()
        .is_some_and(|ways| !ways.is_empty())
    {
        add(operation, "401", "No key, or none that is accepted");
        add(operation, "403", "The key may not do this");
    }
    if has_body {
        add(
            operation,
            "400",
            "The body could not be read to its end, or the `Host` header is missing or malformed",
        );
        add(operation, "408", "The body did not arrive in time");
        add(operation, "413", "The body is larger than 1 MiB");
        add(operation, "415", "The body is not JSON");
    }
    let is_act = operation.extensions.as_ref().is_some_and(|noted| {
        let action = noted.get("x-audit-action").and_then(|word| word.as_str());
        Action::ACTS.iter().any(|act| action == Some(act.as_str()))
    });
    if is_act {
        add(
            operation,
            "403",
            "The caller may not act, or the policy of the host does not allow it: `detail` names the line and \
             what would allow it",
        );
        add(
            operation,
            "409",
            "The process has ended (`process_gone`), the system refused it (`act_failed`), or whether it \
             happened is not known (`act_outcome_unknown`)",
        );
        add(
            operation,
            "429",
            "More acts than the policy of the host allows",
        );
        add(
            operation,
            "501",
            "Nothing acts on this host: `detail` has the command that changes it",
        );
    }
    if has_path_field {
        add(operation, "404", "What the path names does not exist");
    }
    if has_body || has_fields {
        add(
            operation,
            "422",
            "A field is missing or wrong; `errors` lists all of them",
        );
    }
    add(
        operation,
        "400",
        "The `Host` header is missing or malformed",
    );
    add(operation, "414", "The URI is longer than 8 KiB");
    add(operation, "421", "The `Host` header names another host");
    add(operation, "500", "A fault of the daemon");
    add(operation, "503", "Something that is needed is away for now");
}

fn add(operation: &mut Operation, status: &str, description: &str) {
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert_with(|| {
            let problem = RefOr::Ref(Ref::from_schema_name(Problem::name()));
            RefOr::T(
                ResponseBuilder::new()
                    .description(description)
                    .content(
                        super::error::PROBLEM_JSON,
                        ContentBuilder::new().schema(Some(problem)).build(),
                    )
                    .build(),
            )
        });
}
