//! What the Python program called its routes, and what they are called here.
//!
//! Its labels had no braces and, with the framework of the day, no prefix either: `/user/me`, or with
//! older ones `/api/v1/user/me`. Paths without a route were labels too; here they share one.

use std::collections::HashMap;
use std::sync::LazyLock;

use linux_api_wire::request_stats::UNMATCHED_ROUTE;

const V1: &str = "/api/v1";
const V1_ROUTES: [&str; 22] = [
    "/user/register",
    "/user/delete",
    "/user/me",
    "/admin/users",
    "/admin/users/{user_id}/role",
    "/admin/users/{user_id}/activate",
    "/admin/users/{user_id}/deactivate",
    "/system/info/uptime",
    "/system/info/processes",
    "/system/info/system-info",
    "/system/info/system-user",
    "/system/load/average",
    "/system/load/cpu/average",
    "/system/load/system/average",
    "/system/load/values",
    "/system/load/cpu/values",
    "/system/load/system/values",
    "/metrics/global",
    "/metrics/routes",
    "/metrics/status-codes",
    "/health/metrics",
    "/health/database",
];
const LEGACY: &str = "/api/legacy";
const LEGACY_ROUTES: [&str; 10] = [
    "/user/user-info",
    "/admin/admin-area",
    "/admin/users",
    "/admin/user/create",
    "/users/delete",
    "/system/uptime",
    "/system/processes",
    "/system/system-infos",
    "/system/system-user",
    "/system/avg-load",
];
/// Those without a prefix.
const OTHER_ROUTES: [(&str, &str); 4] = [
    ("/", "/"),
    ("/docs", "/docs"),
    ("/docs/oauth2-redirect", "/docs/{*rest}"),
    ("/openapi.json", "/openapi.json"),
];

static LABELS: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let mut labels = HashMap::new();
    // v1 comes last: `/admin/users` stands for routes of both, and most requests are those of v1.
    for (prefix, routes) in [(LEGACY, &LEGACY_ROUTES[..]), (V1, &V1_ROUTES[..])] {
        for route in routes {
            let template = format!("{prefix}{route}");
            let label = route.replace(['{', '}'], "");
            labels.insert(format!("{prefix}{label}"), template.clone());
            labels.insert(label, template);
        }
    }
    for (label, template) in OTHER_ROUTES {
        labels.insert(label.to_owned(), template.to_owned());
    }
    labels
});

/// The template of the route that a label stands for.
pub(super) fn template_of(label: &str) -> &'static str {
    LABELS.get(label).map_or(UNMATCHED_ROUTE, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_templates_with_and_without_their_prefix() {
        for (label, template) in [
            ("/user/me", "/api/v1/user/me"),
            ("/api/v1/user/me", "/api/v1/user/me"),
            (
                "/admin/users/user_id/role",
                "/api/v1/admin/users/{user_id}/role",
            ),
            (
                "/api/v1/admin/users/user_id/role",
                "/api/v1/admin/users/{user_id}/role",
            ),
            ("/admin/users", "/api/v1/admin/users"),
            ("/api/legacy/admin/users", "/api/legacy/admin/users"),
            ("/user/user-info", "/api/legacy/user/user-info"),
            ("/system/uptime", "/api/legacy/system/uptime"),
            ("/", "/"),
            ("/wp-login.php", UNMATCHED_ROUTE),
            ("", UNMATCHED_ROUTE),
        ] {
            assert_eq!(template_of(label), template, "{label}");
        }
    }
}
