//! What the edge knows of each route: its methods, and whether it needs a key.

use std::collections::HashMap;

use axum::http::{HeaderValue, Method};
use utoipa::openapi::OpenApi;

/// The only routes that need no key.
pub(crate) const PUBLIC: [&str; 8] = [
    "/",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/docs/",
    "/docs/{*rest}",
    "/favicon.ico",
];

/// Always answered, whatever is limited or switched off.
pub(crate) const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Needs no key from the networks in `metrics.networks`.
pub(crate) const EXPOSITION: &str = "/metrics";

/// All routes by template.
#[derive(Debug)]
pub(crate) struct RouteTable(HashMap<String, Vec<Method>>);

impl RouteTable {
    /// The routes that the OpenAPI document describes.
    pub(crate) fn new(openapi: &OpenApi) -> Self {
        let routes = openapi.paths.paths.iter().map(|(template, item)| {
            let methods = [
                (&item.get, Method::GET),
                (&item.post, Method::POST),
                (&item.patch, Method::PATCH),
                (&item.put, Method::PUT),
                (&item.delete, Method::DELETE),
            ];
            let mut methods: Vec<Method> = methods
                .into_iter()
                .filter(|(operation, _)| operation.is_some())
                .map(|(_, method)| method)
                .collect();
            if methods.contains(&Method::GET) {
                methods.push(Method::HEAD);
            }
            (template.clone(), methods)
        });
        Self(routes.collect())
    }

    /// Whether a request must carry a key. Unknown paths and methods need none: they are refused
    /// anyway, and nobody learns from that more than from the documentation.
    pub(crate) fn needs_key(&self, template: Option<&str>, method: &Method) -> bool {
        let Some(template) = template else {
            return false;
        };
        match self.0.get(template) {
            // A route that is not documented is not public for that.
            None => !PUBLIC.contains(&template),
            Some(methods) => methods.contains(method) && !PUBLIC.contains(&template),
        }
    }

    /// Whether there is a route with this template.
    pub(crate) fn has(&self, template: &str) -> bool {
        self.0.contains_key(template) || PUBLIC.contains(&template)
    }

    /// The `Allow` header of a route.
    pub(crate) fn allowed(&self, template: &str) -> Option<HeaderValue> {
        let names: Vec<&str> = self.0.get(template)?.iter().map(Method::as_str).collect();
        HeaderValue::from_str(&names.join(", ")).ok()
    }
}
