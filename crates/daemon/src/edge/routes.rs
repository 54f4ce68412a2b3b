//! What the edge knows of each route: its methods, and whether it needs a key.

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

/// The routes that the document does not describe, all of them public.
pub(crate) const UNDOCUMENTED: [&str; 4] = ["/openapi.json", "/docs", "/docs/", "/docs/{*rest}"];

/// All routes there are. What is not among them is not found, whatever the router behind the edge
/// might do with it.
#[derive(Debug)]
pub(crate) struct RouteTable {
    by_path: matchit::Router<usize>,
    routes: Vec<Route>,
}

/// What the edge knows of one route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) template: String,
    /// Those that are documented.
    methods: Vec<Method>,
    /// As the `Allow` header has them.
    allowed: Option<HeaderValue>,
    is_public: bool,
    /// Whether it is always answered.
    pub(crate) is_probe: bool,
}

impl Route {
    fn new(template: &str, methods: Vec<Method>) -> Self {
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let allowed = (!names.is_empty()).then(|| HeaderValue::from_str(&names.join(", ")).ok());
        Self {
            template: template.to_owned(),
            allowed: allowed.flatten(),
            is_public: PUBLIC.contains(&template),
            is_probe: PROBES.contains(&template),
            methods,
        }
    }

    /// Whether a request must carry a key. Unknown methods need none: they are refused anyway, and
    /// nobody learns from that more than from the documentation.
    pub(crate) fn needs_key(&self, method: &Method) -> bool {
        // A route that is not documented is not public for that.
        !self.is_public && (self.methods.is_empty() || self.methods.contains(method))
    }

    /// The `Allow` header.
    pub(crate) fn allowed(&self) -> Option<HeaderValue> {
        self.allowed.clone()
    }
}

impl RouteTable {
    /// The routes that the OpenAPI document describes, and those of [`UNDOCUMENTED`].
    pub(crate) fn new(openapi: &OpenApi) -> Self {
        let mut table = Self {
            by_path: matchit::Router::new(),
            routes: Vec::new(),
        };
        for (template, item) in &openapi.paths.paths {
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
            table.add(template, methods);
        }
        for template in UNDOCUMENTED {
            table.add(template, Vec::new());
        }
        table
    }

    fn add(&mut self, template: &str, methods: Vec<Method>) {
        let added = self.by_path.insert(template, self.routes.len());
        // The router, which knows templates by the same rules, would have refused it before.
        added.expect("no two templates are for the same paths");
        self.routes.push(Route::new(template, methods));
    }

    /// The route of a path.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        let found = self.by_path.at(path).ok()?;
        self.routes.get(*found.value)
    }

    /// Whether there is a route with this template.
    pub(crate) fn has(&self, template: &str) -> bool {
        let is_own = |route: &Route| route.template == template;
        self.routes.iter().any(is_own) || PUBLIC.contains(&template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router;

    #[test]
    fn every_template_is_found_by_a_path_of_its_own() {
        let (_, document) = router::documented(true);
        let table = RouteTable::new(&document);
        let documented = document.paths.paths.keys().map(String::as_str);
        for template in documented.chain(UNDOCUMENTED) {
            let path = template.replace(['{', '}', '*'], "");
            let found = table.find(&path).map(|route| route.template.as_str());
            assert_eq!(found, Some(template));
        }
        for path in ["", "*", "//", "/livez/", "/api/v1/user/keys/", "/docs//x/"] {
            let found = table.find(path).map(|route| route.template.as_str());
            assert!(
                matches!(found, None | Some("/docs/{*rest}")),
                "{path}: {found:?}"
            );
        }
    }

    #[test]
    fn only_listed_routes_and_methods_without_a_handler_need_no_key() {
        let table = RouteTable::new(&router::documented(true).1);
        let needs_key = |path, method| table.find(path).unwrap().needs_key(&method);
        for path in ["/livez", "/", "/docs/", "/openapi.json"] {
            assert!(!needs_key(path, Method::GET), "{path}");
        }
        assert!(needs_key("/metrics", Method::GET));
        assert!(needs_key("/metrics", Method::HEAD));
        assert!(!needs_key("/metrics", Method::POST), "405");
        assert!(Route::new("/hidden", Vec::new()).needs_key(&Method::GET));
    }
}
