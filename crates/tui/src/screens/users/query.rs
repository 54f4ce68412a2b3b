//! Users and their keys.

use crate::demo::DemoScript;
use crate::query::Query;
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_wire::api::keys::ListedKey;
use linux_api_wire::api::users::ListedUser;

/// Most users on one page, as the API allows.
const PAGE: u32 = 100;
/// Most pages of one list.
const PAGES: usize = 20;

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
