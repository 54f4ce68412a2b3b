//! Which routes change something, and the note in the audit log when a caller may not use one. What
//! handlers change or are refused by the store is noted there, in the transaction of the change.

use axum::http::Method;

use linux_api_wire::audit::Action;

/// Every route that changes something, and what it does; a test compares this with the document.
pub(crate) const CHANGING: &[(Method, &str, Action)] = &[
    (Method::POST, "/api/v1/user/register", Action::UserCreate),
    (Method::DELETE, "/api/v1/user/delete", Action::UserDelete),
    (Method::POST, "/api/v1/user/keys", Action::KeyCreate),
    (
        Method::DELETE,
        "/api/v1/user/keys/{key_id}",
        Action::KeyRevoke,
    ),
    (
        Method::POST,
        "/api/v1/user/keys/{key_id}/rotate",
        Action::KeyRotate,
    ),
    (
        Method::PATCH,
        "/api/v1/admin/users/{user_id}/role",
        Action::UserRole,
    ),
    (
        Method::PATCH,
        "/api/v1/admin/users/{user_id}/activate",
        Action::UserActivate,
    ),
    (
        Method::PATCH,
        "/api/v1/admin/users/{user_id}/deactivate",
        Action::UserDeactivate,
    ),
    (
        Method::PATCH,
        "/api/v1/admin/users/{user_id}/protect",
        Action::UserProtect,
    ),
    (
        Method::POST,
        "/api/v1/admin/users/{user_id}/keys",
        Action::KeyCreate,
    ),
    (
        Method::DELETE,
        "/api/v1/admin/users/{user_id}/keys/{key_id}",
        Action::KeyRevoke,
    ),
    (
        Method::POST,
        "/api/v1/admin/users/{user_id}/keys/{key_id}/rotate",
        Action::KeyRotate,
    ),
    (
        Method::POST,
        "/api/legacy/admin/user/create",
        Action::UserCreate,
    ),
    (
        Method::DELETE,
        "/api/legacy/users/delete",
        Action::UserDelete,
    ),
];

/// A change that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) action: Action,
    /// `key:ID` or `user:ID` when the path names one.
    pub(super) target: Option<String>,
}

impl Wanted {
    /// What a request wants to change, if anything.
    pub(super) fn by(method: &Method, template: Option<&str>, path: &str) -> Option<Self> {
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return None;
        }
        let template = template?;
        let (.., action) = CHANGING
            .iter()
            .find(|(verb, route, _)| verb == method && *route == template)?;
        let named = |field: &str| {
            let mut fields = template.split('/').zip(path.split('/'));
            let (_, value) = fields.find(|(name, _)| *name == field)?;
            // As long as any id is; the rest was never a part of one.
            Some(value.chars().take(64).collect::<String>())
        };
        let key = named("{key_id}").map(|id| format!("key:{id}"));
        Some(Self {
            action: *action,
            target: key.or_else(|| named("{user_id}").map(|id| format!("user:{id}"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::router;

    #[test]
    fn every_route_that_changes_something_is_listed() {
        let (_, document) = router::documented(true);
        let mut described = BTreeSet::new();
        for (template, item) in &document.paths.paths {
            for (operation, method) in [
                (&item.post, "POST"),
                (&item.patch, "PATCH"),
                (&item.put, "PUT"),
                (&item.delete, "DELETE"),
            ] {
                if operation.is_some() {
                    described.insert((method, template.as_str()));
                }
            }
        }
        let listed: BTreeSet<(&str, &str)> = CHANGING
            .iter()
            .map(|(method, template, _)| (method.as_str(), *template))
            .collect();
        assert_eq!(listed, described);
    }

    #[test]
    fn the_path_names_what_is_to_be_changed() {
        let wanted = |method: Method, template: &str, path: &str| {
            Wanted::by(&method, Some(template), path)
                .map(|wanted| (wanted.action.as_str(), wanted.target))
        };
        let (user, key) = (
            "/api/v1/admin/users/{user_id}",
            "/api/v1/user/keys/{key_id}",
        );
        assert_eq!(
            wanted(
                Method::PATCH,
                &format!("{user}/role"),
                "/api/v1/admin/users/17/role"
            ),
            Some(("user.role", Some("user:17".to_owned())))
        );
        assert_eq!(
            wanted(Method::DELETE, key, "/api/v1/user/keys/abc"),
            Some(("key.revoke", Some("key:abc".to_owned())))
        );
        assert_eq!(
            wanted(
                Method::POST,
                "/api/v1/user/register",
                "/api/v1/user/register"
            ),
            Some(("user.create", None))
        );
        assert_eq!(
            wanted(Method::GET, "/api/v1/user/keys", "/api/v1/user/keys"),
            None
        );
    }
}
