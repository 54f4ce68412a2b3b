//! Routes below a prefix of their own that will end, which another crate brings along: their usual
//! limits, their words for a refused key, and what their responses announce (that they will end, when,
//! and what to use instead).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::route_list::Routes;
use linux_api_config::{Day, Rate, RouteTable};

/// What another crate brings along.
#[derive(Debug)]
pub struct OldRoutes {
    /// Their heading in the documentation: its name and what it says.
    pub tag: (&'static str, &'static str),
    /// The routes themselves.
    pub routes: Routes,
    /// Their limits where the configuration has no others.
    pub limits: RouteTable<Rate>,
    /// What their responses announce.
    pub deprecation: Deprecation,
}

/// What the edge says of routes that will end.
#[derive(Debug)]
pub struct Deprecation {
    /// What all their paths begin with: `/api/legacy`.
    pub prefix: &'static str,
    /// Since when they are deprecated, as RFC 9745 writes it: `@` and seconds of Unix time.
    pub since: HeaderValue,
    /// The day on which they end.
    pub sunset: Day,
    /// What does the same as each.
    pub successors: &'static [(&'static str, &'static str)],
    /// The text of a 401.
    pub key_refused: &'static str,
}

/// Whether a path is the prefix or lies below it.
pub(crate) fn is_below(prefix: &str, path: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Deprecation {
    /// Whether a path is of a route that will end, or would be one's.
    pub(crate) fn covers(&self, path: &str) -> bool {
        is_below(self.prefix, path)
    }

    /// Adds what there is to say about the route of this template, or about none.
    pub(crate) fn announce(&self, headers: &mut HeaderMap, template: Option<&str>) {
        const ENDPOINT: HeaderName = HeaderName::from_static("x-legacy-endpoint");
        const WARNING: HeaderName = HeaderName::from_static("x-legacy-warning");
        const DEPRECATED: HeaderName = HeaderName::from_static("deprecation");
        const SUNSET: HeaderName = HeaderName::from_static("sunset");
        headers.insert(ENDPOINT, HeaderValue::from_static("true"));
        headers.insert(WARNING, HeaderValue::from_static("deprecated"));
        let successor = self
            .successors
            .iter()
            .find(|(route, _)| Some(*route) == template)
            .map(|(_, successor)| format!("<{successor}>; rel=\"successor-version\""));
        let Some(link) = successor.and_then(|link| HeaderValue::from_str(&link).ok()) else {
            return;
        };
        headers.insert(DEPRECATED, self.since.clone());
        // RFC 8594.
        if let Ok(date) = HeaderValue::from_str(&self.sunset.http_date()) {
            headers.insert(SUNSET, date);
        }
        headers.append(header::LINK, link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_segments_are_below_a_prefix() {
        let is_old = |path| is_below("/api/legacy", path);
        assert!(is_old("/api/legacy") && is_old("/api/legacy/x"));
        assert!(!is_old("/api/legacyx") && !is_old("/api/v1/user/me"));
    }
}
