//! What clients of the legacy routes are told: that these will end, when, and what to use instead.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use linux_api_config::Day;

/// What the paths of all legacy routes begin with.
const LEGACY: &str = "/api/legacy";
/// Since 2026-02-05T00:00:00Z, when the Python program began to say so; as RFC 9745 writes it.
const DEPRECATION: HeaderValue = HeaderValue::from_static("@1770249600");

/// What does the same as each legacy route.
const SUCCESSORS: [(&str, &str); 10] = [
    ("/api/legacy/user/user-info", "/api/v1/user/me"),
    ("/api/legacy/admin/admin-area", "/api/v1/user/me"),
    ("/api/legacy/admin/users", "/api/v1/admin/users"),
    ("/api/legacy/admin/user/create", "/api/v1/user/register"),
    ("/api/legacy/users/delete", "/api/v1/user/delete"),
    ("/api/legacy/system/uptime", "/api/v1/system/info/uptime"),
    (
        "/api/legacy/system/processes",
        "/api/v1/system/info/processes",
    ),
    (
        "/api/legacy/system/system-infos",
        "/api/v1/system/info/system-info",
    ),
    (
        "/api/legacy/system/system-user",
        "/api/v1/system/info/system-user",
    ),
    ("/api/legacy/system/avg-load", "/api/v1/system/load/average"),
];

/// Whether a path is a legacy route's, or would be one's.
pub(crate) fn is_legacy(path: &str) -> bool {
    let rest = path.strip_prefix(LEGACY);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The day on which these routes end, as in `Sunset` (RFC 8594).
#[derive(Debug)]
pub(crate) struct Sunset(HeaderValue);

impl Sunset {
    pub(crate) fn new(day: Day) -> Self {
        let date = HeaderValue::from_str(&day.http_date());
        // A day is plain ASCII.
        Self(date.unwrap_or(HeaderValue::from_static("")))
    }

    /// Adds what there is to say about the route of this template, or about none.
    pub(super) fn announce(&self, headers: &mut HeaderMap, template: Option<&str>) {
        const ENDPOINT: HeaderName = HeaderName::from_static("x-legacy-endpoint");
        const WARNING: HeaderName = HeaderName::from_static("x-legacy-warning");
        const DEPRECATED: HeaderName = HeaderName::from_static("deprecation");
        const SUNSET: HeaderName = HeaderName::from_static("sunset");
        headers.insert(ENDPOINT, HeaderValue::from_static("true"));
        headers.insert(WARNING, HeaderValue::from_static("deprecated"));
        let successor = SUCCESSORS
            .iter()
            .find(|(route, _)| Some(*route) == template)
            .map(|(_, successor)| format!("<{successor}>; rel=\"successor-version\""));
        let Some(link) = successor.and_then(|link| HeaderValue::from_str(&link).ok()) else {
            return;
        };
        headers.insert(DEPRECATED, DEPRECATION);
        headers.insert(SUNSET, self.0.clone());
        headers.append(header::LINK, link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_segments_make_a_legacy_path() {
        assert!(is_legacy("/api/legacy") && is_legacy("/api/legacy/x"));
        assert!(!is_legacy("/api/legacyx") && !is_legacy("/api/v1/user/me"));
    }
}
