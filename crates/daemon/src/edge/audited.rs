//! The note in the audit log when a caller may not use a route that changes something. What
//! handlers change or are refused by the store is noted there, in the transaction of the change.

use axum::http::Method;

use super::routes::Route;
use linux_api_wire::audit::Action;

/// A change that is requested.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AuditedChange {
    pub(super) action: Action,
    /// `key:ID`, `user:ID`, `host:ID`, `process:PID`, `unit:NAME`, `alert:RULE`, `alert:ID` or `silence:ID` when the
    /// path names one.
    pub(super) target: Option<String>,
}

impl AuditedChange {
    /// What a request wants to change, if anything.
    pub(super) fn by(method: &Method, route: Option<&Route>, path: &str) -> Option<Self> {
        let route = route?;
        let (action, template) = (route.action(method)?, &route.template);
        let named = |field: &str| {
            let mut fields = template.split('/').zip(path.split('/'));
            let (_, value) = fields.find(|(name, _)| *name == field)?;
            // As long as any id or name of a unit is; the rest was never a part of one.
            Some(value.chars().take(256).collect::<String>())
        };
        // A key says more than the user whose it is.
        let kinds = [
            ("{key_id}", "key"),
            ("{user_id}", "user"),
            ("{host_id}", "host"),
            ("{pid}", "process"),
            ("{name}", "unit"),
            ("{rule}", "alert"),
            ("{alert_id}", "alert"),
            ("{silence_id}", "silence"),
        ];
        let mut targets = kinds
            .into_iter()
            .map(|(field, kind)| named(field).map(|id| format!("{kind}:{id}")));
        Some(Self {
            action,
            target: targets.find_map(|target| target),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::routes::EdgeRoutes;
    use super::*;
    use crate::router;

    #[test]
    fn the_path_names_what_is_to_be_changed() {
        let table = EdgeRoutes::new(&router::documented(None).2);
        let wanted = |method: Method, path: &str| {
            AuditedChange::by(&method, table.find(path), path)
                .map(|wanted| (wanted.action.as_str(), wanted.target))
        };
        assert_eq!(
            wanted(Method::PATCH, "/api/v1/admin/users/17/role"),
            Some(("user.role", Some("user:17".to_owned())))
        );
        assert_eq!(
            wanted(Method::DELETE, "/api/v1/user/keys/abc"),
            Some(("key.revoke", Some("key:abc".to_owned())))
        );
        assert_eq!(
            wanted(Method::POST, "/api/v1/user/register"),
            Some(("user.create", None))
        );
        assert_eq!(
            wanted(Method::POST, "/api/v1/system/units/a.service/stop"),
            Some(("unit.stop", Some("unit:a.service".to_owned())))
        );
        assert_eq!(
            wanted(Method::POST, "/api/v1/system/processes/17/signal"),
            Some(("process.signal", Some("process:17".to_owned())))
        );
        assert_eq!(
            wanted(Method::POST, "/api/v1/system/processes/signal"),
            Some(("process.signal", None))
        );
        assert_eq!(
            wanted(Method::PUT, "/api/v1/alerts/rules/disk_space"),
            Some(("alert.rule", Some("alert:disk_space".to_owned())))
        );
        assert_eq!(
            wanted(Method::DELETE, "/api/v1/alerts/silences/17"),
            Some(("alert.unsilence", Some("silence:17".to_owned())))
        );
        assert_eq!(wanted(Method::POST, "/api/v1/alerts/preview"), None);
        assert_eq!(wanted(Method::GET, "/api/v1/user/keys"), None);
    }
}
