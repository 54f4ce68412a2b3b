//! What the edge knows of each route: its methods, and whether it needs a key.

use std::collections::BTreeMap;

use crate::route_list::Entry;
use axum::http::{HeaderValue, Method};
use linux_api_wire::audit::Action;

/// Always answered, whatever is limited or switched off.
pub(crate) const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Browsers request it by themselves; a configuration may name it.
const FAVICON: &str = "/favicon.ico";

/// Needs no key from the networks in `metrics.networks`.
pub(crate) const EXPOSITION: &str = "/metrics";

/// The routes that the document does not describe, all of them public.
pub(crate) const UNDOCUMENTED: [&str; 4] = ["/openapi.json", "/docs", "/docs/", "/docs/{*rest}"];

/// All routes there are. What is not among them is not found, whatever the router behind the edge
/// might do with it.
#[derive(Debug)]
pub(crate) struct EdgeRoutes {
    by_path: matchit::Router<usize>,
    routes: Vec<Route>,
}

/// What the edge knows of one route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) template: String,
    /// Those that are documented.
    methods: Vec<Method>,
    /// What each of those that change something changes.
    actions: Vec<(Method, Action)>,
    /// As the `Allow` header has them.
    allowed: Option<HeaderValue>,
    is_public: bool,
    /// Whether it is always answered.
    pub(crate) is_probe: bool,
}

impl Route {
    /// Of the entries of one template; without any, of one that is not documented.
    fn new(template: &str, entries: &[&Entry]) -> Self {
        let mut methods: Vec<Method> = entries.iter().map(|entry| entry.method.clone()).collect();
        if methods.contains(&Method::GET) {
            methods.push(Method::HEAD);
        }
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let allowed = (!names.is_empty()).then(|| HeaderValue::from_str(&names.join(", ")).ok());
        let actions = entries.iter();
        Self {
            template: template.to_owned(),
            allowed: allowed.flatten(),
            is_public: UNDOCUMENTED.contains(&template)
                || (!entries.is_empty() && entries.iter().all(|entry| entry.scope.is_none())),
            is_probe: PROBES.contains(&template),
            actions: actions
                .filter_map(|entry| Some((entry.method.clone(), entry.action?)))
                .collect(),
            methods,
        }
    }

    /// What a request with this method changes.
    pub(crate) fn action(&self, method: &Method) -> Option<Action> {
        let found = self.actions.iter().find(|(changing, _)| changing == method);
        found.map(|(_, action)| *action)
    }

    /// Whether a request must carry a key. Unknown methods need none: they are refused anyway, and
    /// that reveals no more than the documentation.
    pub(crate) fn needs_key(&self, method: &Method) -> bool {
        // A route that is not documented is not public for that.
        !self.is_public && (self.methods.is_empty() || self.methods.contains(method))
    }

    /// The `Allow` header.
    pub(crate) fn allowed(&self) -> Option<HeaderValue> {
        self.allowed.clone()
    }
}

impl EdgeRoutes {
    /// The listed routes, and those of [`UNDOCUMENTED`].
    pub(crate) fn new(entries: &[Entry]) -> Self {
        let mut table = Self {
            by_path: matchit::Router::new(),
            routes: Vec::new(),
        };
        let mut by_template: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in entries {
            by_template.entry(&entry.template).or_default().push(entry);
        }
        for template in UNDOCUMENTED {
            by_template.insert(template, Vec::new());
        }
        for (template, entries) in by_template {
            table.add(template, &entries);
        }
        table
    }

    fn add(&mut self, template: &str, entries: &[&Entry]) {
        let added = self.by_path.insert(template, self.routes.len());
        // The router, which knows templates by the same rules, would have refused it before.
        added.expect("no two templates are for the same paths");
        self.routes.push(Route::new(template, entries));
    }

    /// The route of a path.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        let found = self.by_path.at(path).ok()?;
        self.routes.get(*found.value)
    }

    /// Whether there is a route with this template.
    pub(crate) fn has(&self, template: &str) -> bool {
        let is_own = |route: &Route| route.template == template;
        self.routes.iter().any(is_own) || template == FAVICON
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router;

    #[test]
    fn every_template_is_found_by_a_path_of_its_own() {
        let (_, document, entries) = router::documented(None);
        let table = EdgeRoutes::new(&entries);
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
        let table = EdgeRoutes::new(&router::documented(None).2);
        let needs_key = |path, method| table.find(path).unwrap().needs_key(&method);
        for path in ["/livez", "/", "/docs/", "/openapi.json"] {
            assert!(!needs_key(path, Method::GET), "{path}");
        }
        assert!(needs_key("/metrics", Method::GET));
        assert!(needs_key("/metrics", Method::HEAD));
        assert!(!needs_key("/metrics", Method::POST), "405");
        assert!(Route::new("/hidden", &[]).needs_key(&Method::GET));
    }
}
