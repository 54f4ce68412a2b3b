//! The routes that the Python Linux-API called legacy: other names for what the v1 routes do.
//!
//! They have no users of their own any more. The daemon's edge adds to their responses that they are
//! deprecated and what to use instead.

mod system;
mod users;

use axum::http::HeaderValue;
use linux_api_config::{ConfigValue, Legacy, RouteTable};
use linux_api_daemon::old_routes::{Deprecation, OldRoutes};
use linux_api_daemon::route_list::Routes;
use linux_api_wire::api_key::Scope::{HostRead, KeysSelf, UsersAdmin};
use linux_api_wire::audit::Action;
use utoipa_axum::routes;

/// What the paths of all of them begin with.
const PREFIX: &str = "/api/legacy";
/// Since 2026-02-05T00:00:00Z, when the Python program began to say so.
const DEPRECATED_SINCE: HeaderValue = HeaderValue::from_static("@1770249600");
/// What they have always been limited to.
const LIMITS: &str = "/api/legacy/user/user-info=10/minute, /api/legacy/admin/admin-area=10/minute, \
     /api/legacy/admin/users=5/minute, /api/legacy/admin/user/create=5/minute, \
     /api/legacy/users/delete=5/minute, /api/legacy/system/uptime=10/minute, \
     /api/legacy/system/processes=20/minute, /api/legacy/system/system-infos=10/minute, \
     /api/legacy/system/system-user=5/minute, /api/legacy/system/avg-load=5/minute";

/// What does the same as each.
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

/// The routes, until the configured day.
#[must_use]
#[rustfmt::skip]
pub fn old_routes(config: &Legacy) -> OldRoutes {
    let routes = Routes::default()
        .read(KeysSelf, routes!(users::show_legacy_caller))
        .read(UsersAdmin, routes!(users::greet_legacy_admin))
        .read(UsersAdmin, routes!(users::list_legacy_users))
        .change(UsersAdmin, Action::UserCreate, routes!(users::create_legacy_user))
        .change(KeysSelf, Action::UserDelete, routes!(users::delete_legacy_user))
        .read(HostRead, routes!(system::show_legacy_uptime))
        .read(HostRead, routes!(system::show_legacy_processes))
        .read(HostRead, routes!(system::show_legacy_info))
        .read(HostRead, routes!(system::show_legacy_system_user))
        .read(HostRead, routes!(system::show_legacy_load));
    OldRoutes {
        tag: ("legacy", "Old names of some of the above, for old clients"),
        routes,
        limits: RouteTable::from_text(LIMITS).unwrap_or_default(),
        deprecation: Deprecation {
            prefix: PREFIX,
            since: DEPRECATED_SINCE,
            sunset: config.sunset,
            successors: &SUCCESSORS,
            key_refused: "Invalid or missing API key",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_its_limit_and_its_successor() {
        let old = old_routes(&Legacy::default());
        assert_eq!(old.limits.0.len(), SUCCESSORS.len());
        for (route, successor) in SUCCESSORS {
            assert!(route.starts_with(PREFIX) && successor.starts_with("/api/v1/"));
            let mut limits = old.limits.0.keys();
            assert!(limits.any(|limit| limit.matches("GET", route)), "{route}");
        }
    }
}
