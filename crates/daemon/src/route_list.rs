//! The one list of routes: what each is, who may call it, and what is noted of it in the audit log.
//!
//! The router, the edge, the OpenAPI document and through it the tests' matrix of roles all come from
//! here.

use std::fmt;

use axum::Router;
use axum::http::Method;
use utoipa::openapi::OpenApi;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::state::SharedState;
use linux_api_wire::api_key::Scope;
use linux_api_wire::audit::Action;

/// A handler with its documentation, as [`utoipa_axum::routes!`] makes it.
pub type Handler = UtoipaMethodRouter<SharedState>;

/// One method of one route.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) template: String,
    pub(crate) method: Method,
    /// The scope that it takes; `None` when it is public.
    pub(crate) scope: Option<Scope>,
    /// What it changes, in the words of the audit log.
    pub(crate) action: Option<Action>,
}

/// Routes that are added one by one.
pub struct Routes {
    router: OpenApiRouter<SharedState>,
    entries: Vec<Entry>,
    /// Whether the document is kept. All of it together takes megabytes.
    is_documented: bool,
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.entries).finish()
    }
}

impl Default for Routes {
    fn default() -> Self {
        Self::with_document(OpenApi::default())
    }
}

impl Routes {
    /// None yet, described in this document.
    pub(crate) fn with_document(document: OpenApi) -> Self {
        Self {
            router: OpenApiRouter::with_openapi(document),
            entries: Vec::new(),
            is_documented: true,
        }
    }

    /// None yet, and what describes those to come is dropped.
    pub(crate) fn undocumented() -> Self {
        Self {
            router: OpenApiRouter::default(),
            entries: Vec::new(),
            is_documented: false,
        }
    }

    /// A route that needs no key.
    #[must_use]
    pub fn public(self, handler: Handler) -> Self {
        self.add(handler, None, None)
    }

    /// A route that changes nothing.
    #[must_use]
    pub fn read(self, scope: Scope, handler: Handler) -> Self {
        self.add(handler, Some(scope), None)
    }

    /// A route that changes something.
    #[must_use]
    pub fn change(self, scope: Scope, action: Action, handler: Handler) -> Self {
        self.add(handler, Some(scope), Some(action))
    }

    fn add(mut self, mut handler: Handler, scope: Option<Scope>, action: Option<Action>) -> Self {
        for (template, item) in &mut handler.1.paths {
            for (method, operation) in operations(item) {
                if !self.is_documented {
                    *operation = Operation::new();
                }
                secure(operation, scope);
                if let Some(action) = action {
                    let noted = ExtensionsBuilder::new().add("x-audit-action", action.as_str());
                    operation.extensions = Some(noted.build());
                }
                self.entries.push(Entry {
                    template: template.clone(),
                    method,
                    scope,
                    action,
                });
            }
        }
        if !self.is_documented {
            handler.0 = Vec::new();
        }
        self.router = self.router.routes(handler);
        self
    }

    /// These and those of another list.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.entries.extend(other.entries);
        self
    }

    pub(crate) fn split(self) -> (Router<SharedState>, OpenApi, Vec<Entry>) {
        let (router, document) = self.router.split_for_parts();
        (router, document, self.entries)
    }
}

/// The operations of a path.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PATCH, &mut item.patch),
        (Method::PUT, &mut item.put),
        (Method::DELETE, &mut item.delete),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Says in the document who may call.
fn secure(operation: &mut Operation, scope: Option<Scope>) {
    let ways = ["key", "bearer"];
    let needed = scope
        .into_iter()
        .flat_map(|scope| ways.map(|way| SecurityRequirement::new(way, [scope.as_str()])));
    operation.security = Some(needed.collect());
}
