//! Users, their keys, and what was changed last.

use std::time::Duration;

use crate::demo::DemoScript;
use crate::query::Query;
use linux_api_client::error::ClientError;
use linux_api_client::{AuditQuery, Client};
use linux_api_wire::api::audit::AuditEntry;
use linux_api_wire::api::keys::ListedKey;
use linux_api_wire::api::users::ListedUser;

/// Most users on one page, as the API allows.
const PAGE: u32 = 100;
/// Most pages of one list.
const PAGES: usize = 20;

/// How many changes are shown at most.
const CHANGES: u32 = 100;

/// All users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsersQuery;

impl Query for UsersQuery {
    type Response = Vec<ListedUser>;

    async fn fetch(&self, client: &Client) -> Result<Vec<ListedUser>, ClientError> {
        let mut users = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let page = client.list_users(PAGE, cursor.as_deref()).await?;
            users.extend(page.users);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(users)
    }

    fn scripted(&self, script: &DemoScript) -> Result<Vec<ListedUser>, ClientError> {
        Ok(script.users())
    }
}

/// The keys of the user with this id, or the caller's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysQuery(pub Option<String>);

impl Query for KeysQuery {
    type Response = Vec<ListedKey>;

    async fn fetch(&self, client: &Client) -> Result<Vec<ListedKey>, ClientError> {
        let mut keys = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let page = client.list_keys(self.0.as_deref(), cursor.as_deref());
            let page = page.await?;
            keys.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(keys)
    }

    fn scripted(&self, script: &DemoScript) -> Result<Vec<ListedKey>, ClientError> {
        let last = self.0.as_ref().and_then(|id| id.chars().last());
        Ok(vec![ListedKey {
            key_id: format!("EXAMPLEkey0{}", last.unwrap_or('1')),
            name: "first key".to_owned(),
            scopes: Vec::new(),
            created_at: "2026-03-02T09:12:00Z".to_owned(),
            expires_at: None,
            last_used: Some(script.now().to_string()),
            revoked_at: None,
            hosts: None,
        }])
    }

    /// Never the keys of another user.
    fn is_shown_by(&self, other: &Self) -> bool {
        self == other
    }
}

/// The newest rows of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRowsQuery;

impl Query for AuditRowsQuery {
    type Response = Vec<AuditEntry>;

    async fn fetch(&self, client: &Client) -> Result<Vec<AuditEntry>, ClientError> {
        let query = AuditQuery {
            limit: Some(CHANGES),
            ..AuditQuery::default()
        };
        Ok(client.list_audit(&query).await?.items)
    }

    fn scripted(&self, script: &DemoScript) -> Result<Vec<AuditEntry>, ClientError> {
        let templates = SCRIPTED.iter().cycle().zip(0_i64..40);
        let rows = templates.map(|((actor, action, target, result, detail), number)| {
            let ago = Duration::from_mins(7 + 53 * number.unsigned_abs());
            AuditEntry {
                id: 1_000 - number,
                time: script.now().saturating_sub(ago).to_string(),
                actor_id: None,
                actor: (*actor).to_owned(),
                via: "key:EXAMPLEkey01".to_owned(),
                action: (*action).to_owned(),
                target: (*target).to_owned(),
                result: (*result).to_owned(),
                detail: (*detail).to_owned(),
                address: None,
                request_id: None,
                host_id: None,
                act_id: None,
            }
        });
        Ok(rows.collect())
    }
}

/// Of the demonstration: who, what, on what, how it ended, details.
const SCRIPTED: [(&str, &str, &str, &str, &str); 8] = [
    (
        "alice",
        "unit.restart",
        "unit:nginx.service",
        "done",
        "active again after 0.4 s",
    ),
    ("alice", "unit.restart", "unit:nginx.service", "begun", ""),
    (
        "alice",
        "alert.acknowledge",
        "alert:disk_space /srv",
        "done",
        "until it is well",
    ),
    (
        "admin",
        "key.create",
        "user:grafana",
        "done",
        "dashboards, metrics:read history:read",
    ),
    (
        "intern",
        "unit.stop",
        "unit:postgresql.service",
        "refused",
        "the policy protects this unit",
    ),
    ("admin", "user.deactivate", "user:intern", "done", ""),
    (
        "alice",
        "alert.silence",
        "host:db-02",
        "done",
        "2 h, replacing a disk",
    ),
    (
        "admin",
        "key.rotate",
        "user:alice",
        "done",
        "the old key ends in an hour",
    ),
];
