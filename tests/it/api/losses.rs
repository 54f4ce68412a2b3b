//! Every change, every way in which its caller loses the right to it, and the expected response.

use std::time::Duration;

use axum::http::Method;
use linux_api_auth::key::PlainKey;
use linux_api_store::audit::AuditFilter;
use linux_api_wire::api_key::{KeyId, Scope};
use linux_api_wire::audit::AuditRow;
use linux_api_wire::user::Role;
use serde_json::json;

use crate::api::app::{App, Caller};
use crate::api::audit::row_of;
use crate::api::contract::check;
use crate::api::reply::Reply;

/// A route that changes something: method, template, query, body, and the scope that it takes. `KEY`
/// and `USER` are what the template's `{key_id}` and `{user_id}` stand for, `NEW` is a free name.
pub(crate) struct Change(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) Scope,
);

pub(crate) const OWN: Scope = Scope::KeysSelf;
pub(crate) const ALL: Scope = Scope::UsersAdmin;
pub(crate) const ALERTS: Scope = Scope::AlertsWrite;

/// Those that read a body come first.
pub(crate) const CHANGES: &[Change] = &[
    Change("POST", "/api/v1/user/keys", "", r#"{"name":"k"}"#, OWN),
    Change("POST", "/api/v1/user/keys/{key_id}/rotate", "", "{}", OWN),
    Change(
        "POST",
        "/api/v1/user/register",
        "",
        r#"{"username":"NEW"}"#,
        ALL,
    ),
    Change(
        "POST",
        "/api/v1/admin/users/{user_id}/keys",
        "",
        r#"{"name":"k"}"#,
        ALL,
    ),
    Change(
        "POST",
        "/api/v1/admin/users/{user_id}/keys/{key_id}/rotate",
        "",
        "{}",
        ALL,
    ),
    Change(
        "PATCH",
        "/api/v1/admin/users/{user_id}/hosts",
        "",
        r#"{"hosts":"env=dev"}"#,
        ALL,
    ),
    Change(
        "DELETE",
        "/api/v1/user/delete",
        "",
        r#"{"user_id":"USER"}"#,
        ALL,
    ),
    Change(
        "DELETE",
        "/api/v1/user/delete",
        "",
        r#"{"user_id":"me"}"#,
        OWN,
    ),
    Change(
        "POST",
        "/api/v1/alerts/{alert_id}/acknowledge",
        "",
        r#"{"comment":"c"}"#,
        ALERTS,
    ),
    Change(
        "PUT",
        "/api/v1/alerts/rules/{rule}",
        "",
        r#"{"name":"NEW","series":"load.one","warning":4}"#,
        ALERTS,
    ),
    Change(
        "POST",
        "/api/v1/alerts/silences",
        "",
        r#"{"host":"NEW","for":"2h"}"#,
        ALERTS,
    ),
    Change("DELETE", "/api/v1/alerts/rules/{rule}", "", "", ALERTS),
    Change(
        "POST",
        "/api/v1/alerts/hosts/{host_id}/release",
        "",
        "",
        ALERTS,
    ),
    Change(
        "DELETE",
        "/api/v1/alerts/silences/{silence_id}",
        "",
        "",
        ALERTS,
    ),
    Change("DELETE", "/api/v1/user/keys/{key_id}", "", "", OWN),
    Change(
        "DELETE",
        "/api/v1/admin/users/{user_id}/keys/{key_id}",
        "",
        "",
        ALL,
    ),
    Change(
        "PATCH",
        "/api/v1/admin/users/{user_id}/role",
        "?is_admin=true",
        "",
        ALL,
    ),
    Change(
        "PATCH",
        "/api/v1/admin/users/{user_id}/activate",
        "",
        "",
        ALL,
    ),
    Change(
        "PATCH",
        "/api/v1/admin/users/{user_id}/deactivate",
        "",
        "",
        ALL,
    ),
    Change(
        "PATCH",
        "/api/v1/admin/users/{user_id}/protect",
        "",
        "",
        ALL,
    ),
    Change("DELETE", "/api/v1/fleet/hosts/{host_id}", "", "", ALL),
    Change(
        "POST",
        "/api/legacy/admin/user/create",
        "?username=NEW&role=user",
        "",
        ALL,
    ),
    Change(
        "DELETE",
        "/api/legacy/users/delete",
        "?username=victim",
        "",
        ALL,
    ),
];

/// The id of no alert and no silence.
const NOTHING: &str = "00000000-0000-8000-8000-000000000000";

/// How a caller loses its right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    Revoked,
    Expired,
    Demoted,
    Deactivated,
    Deleted,
}

pub(crate) const LOSSES: [Loss; 5] = [
    Loss::Revoked,
    Loss::Expired,
    Loss::Demoted,
    Loss::Deactivated,
    Loss::Deleted,
];

impl Loss {
    /// Status and code of the response to a caller that needs this scope; nothing when it keeps that.
    pub(crate) fn refusal(self, scope: Scope) -> Option<(u16, &'static str)> {
        match self {
            Self::Revoked | Self::Expired | Self::Deleted => Some((401, "key_invalid")),
            Self::Demoted => match scope {
                ALL => Some((403, "admin_required")),
                ALERTS => Some((403, "role_required")),
                _ => None,
            },
            Self::Deactivated => Some((403, "user_inactive")),
        }
    }
}

/// An admin that stays one, the caller that loses its right, and the user that it would change.
pub(crate) struct Cast {
    pub(crate) root: Caller,
    pub(crate) actor: Caller,
    /// The actor's key in use, which expires in an hour.
    pub(crate) key: String,
    pub(crate) sibling: String,
    pub(crate) victim: Caller,
}

pub(crate) fn id_of(key: &str) -> KeyId {
    PlainKey::parse(key).unwrap().id()
}

pub(crate) const HOUR: Duration = Duration::from_hours(1);

impl Cast {
    pub(crate) async fn new(app: &App, root: &Caller) -> Self {
        for name in ["actor", "victim"] {
            let user = app.store.find_user_by_name(name).await.unwrap();
            if let Some(user) = user {
                let path = "/api/v1/user/delete";
                let body = json!({"user_id": user.id});
                app.delete(&root.key, path, Some(body)).await.expect(200);
            }
        }
        let actor = app.user("actor", Role::Admin).await;
        let end = app.clock.clock().now().saturating_add(HOUR);
        Self {
            key: app.key(&actor, &[], Some(end)).await,
            sibling: app.key(&actor, &[], None).await,
            victim: app.user("victim", Role::Viewer).await,
            root: root.clone(),
            actor,
        }
    }

    pub(crate) fn fill(&self, change: &Change, text: &str) -> String {
        let key = if change.1.contains("{user_id}") {
            &self.victim.key
        } else {
            &self.sibling
        };
        text.replace("{user_id}", &self.victim.id())
            .replace("USER", &self.victim.id())
            .replace("{key_id}", &id_of(key).0)
            .replace("{host_id}", "nowhere")
            .replace("{rule}", "ghost")
            .replace("{alert_id}", NOTHING)
            .replace("{silence_id}", NOTHING)
            .replace("NEW", "ghost")
    }

    pub(crate) fn path(&self, change: &Change) -> String {
        self.fill(change, change.1) + &self.fill(change, change.2)
    }

    /// Ends the actor's right, over the API.
    pub(crate) async fn lose(&self, app: &App, loss: Loss) -> Option<Reply> {
        let user = format!("/api/v1/admin/users/{}", self.actor.id());
        let (method, path, body) = match loss {
            Loss::Expired => {
                app.clock.advance(HOUR);
                return None;
            }
            Loss::Revoked => {
                let path = format!("{user}/keys/{}", id_of(&self.key));
                (Method::DELETE, path, None)
            }
            Loss::Demoted => (Method::PATCH, format!("{user}/role?is_admin=false"), None),
            Loss::Deactivated => (Method::PATCH, format!("{user}/deactivate"), None),
            Loss::Deleted => {
                let body = json!({"user_id": self.actor.id()});
                (Method::DELETE, "/api/v1/user/delete".to_owned(), Some(body))
            }
        };
        let root = Some(self.root.key.as_str());
        Some(app.request(method, &path, root, body).await)
    }

    /// The same in SQL.
    pub(crate) fn lose_in_sql(&self, loss: Loss) -> String {
        let (user, key) = (self.actor.id(), id_of(&self.key));
        match loss {
            Loss::Expired => String::new(),
            Loss::Revoked => {
                format!("update api_keys set revoked_at = created_at where id = '{key}'")
            }
            Loss::Demoted => format!("update users set role = 'viewer' where id = '{user}'"),
            Loss::Deactivated => format!("update users set active = false where id = '{user}'"),
            Loss::Deleted => format!("delete from users where id = '{user}'"),
        }
    }

    /// The change was refused as it is after the loss, and the audit log has one row of that.
    pub(crate) async fn expect_refused(
        &self,
        app: &App,
        change: &Change,
        loss: Loss,
        reply: &Reply,
    ) {
        let what = format!("{loss:?}, {} {}", change.0, change.1);
        let (status, code) = loss.refusal(change.4).unwrap();
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        let mut body = reply.expect_code(status, code);
        reply.expect_common_headers();
        check(change.0, &self.path(change), reply);
        let row = row_of(app, &self.root.key, reply).await;
        assert_eq!(row["result"], "refused", "{what}: {row}");
        assert_eq!(row["via"], format!("key:{}", id_of(&self.key)), "{what}");
        assert!(self.done(app).await.is_empty(), "{what}");
        // As if it had come in only now.
        let method: Method = change.0.parse().unwrap();
        let sent = Some(change.3).filter(|body| !body.is_empty());
        let sent = sent.map(|body| serde_json::from_str(&self.fill(change, body)).unwrap());
        let path = self.path(change);
        let again = app.request(method, &path, Some(&self.key), sent);
        let mut again = again.await.json();
        for body in [&mut body, &mut again] {
            body["request_id"].take();
        }
        assert_eq!(body, again, "{what}");
    }

    /// What the actor did by its key.
    pub(crate) async fn done(&self, app: &App) -> Vec<AuditRow> {
        let filter = AuditFilter {
            result: Some("done".to_owned()),
            ..AuditFilter::default()
        };
        let mut rows = app.store.list_audit(&filter, 20).await.unwrap();
        let via = format!("key:{}", id_of(&self.key));
        rows.retain(|row| row.via == via);
        rows
    }
}

/// Every pair of a change and a loss that forbids it.
pub(crate) fn pairs(changes: &'static [Change]) -> impl Iterator<Item = (&'static Change, Loss)> {
    let of = |change| LOSSES.into_iter().map(move |loss| (change, loss));
    let pairs = changes.iter().flat_map(of);
    pairs.filter(|(change, loss)| loss.refusal(change.4).is_some())
}

/// Those that read a body.
pub(crate) fn slow() -> &'static [Change] {
    let end = CHANGES.iter().position(|change| change.3.is_empty());
    &CHANGES[..end.unwrap()]
}
