//! Keys of a user, in the database or over HTTP.

use std::time::Duration;

use super::refused::ChangeError;
use super::users::parse_id;
use super::{AdminTarget, patiently};
use linux_api_auth::hash::Hasher;
use linux_api_auth::key::PlainKey;
use linux_api_store::api_keys::NewKey;
use linux_api_wire::api::keys::{CreateKey, IssuedKey, ListedKey, RotateKey};
use linux_api_wire::api::users::ListedUser;
use linux_api_wire::api_key::{KeyId, Scope, Scopes};
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::Timestamp;

/// How many keys are read at once from a database.
const PAGE: u32 = 1000;

impl AdminTarget {
    /// All keys of a user, newest first, ended ones included.
    pub(in crate::cli) async fn keys(&self, user: &ListedUser) -> anyhow::Result<Vec<ListedKey>> {
        let keys = self.all_keys(user).await;
        keys.map_err(|failed| failed.explain(self, &user.username))
    }

    async fn all_keys(&self, user: &ListedUser) -> Result<Vec<ListedKey>, ChangeError> {
        let mut keys = Vec::new();
        match self {
            Self::Database(admin) => {
                let id = parse_id(&user.user_id)?;
                let mut after = None;
                loop {
                    let page = admin.store.list_keys(id, after, PAGE).await?;
                    let Some(last) = page.last() else {
                        return Ok(keys);
                    };
                    after = Some((last.created_at, last.id.clone()));
                    keys.extend(page.iter().map(ListedKey::from));
                }
            }
            Self::Remote(client) => {
                let mut cursor: Option<String> = None;
                loop {
                    let id = Some(user.user_id.as_str());
                    let page = patiently(async || client.list_keys(id, cursor.as_deref()).await);
                    let page = page.await?;
                    keys.extend(page.items);
                    let next = page
                        .next_cursor
                        .filter(|next| Some(next) != cursor.as_ref());
                    if next.is_none() {
                        return Ok(keys);
                    }
                    cursor = next;
                }
            }
        }
    }

    /// Makes one more key.
    pub(in crate::cli) async fn create_key(
        &self,
        user: &ListedUser,
        name: &str,
        scopes: Vec<Scope>,
        hosts: HostSelector,
        expires_at: Option<Timestamp>,
    ) -> anyhow::Result<IssuedKey> {
        let made: Result<IssuedKey, ChangeError> = match self {
            Self::Database(admin) => {
                let id = parse_id(&user.user_id)?;
                let (secret, mut key) = new_key(name).await?;
                if !scopes.is_empty() {
                    key.scopes = Scopes::only(scopes);
                }
                key.expires_at = expires_at;
                key.hosts = hosts;
                let made = admin.store.create_key(&admin.actor, id, &key).await;
                made.map(|key| IssuedKey::new(&key, secret.expose()))
                    .map_err(ChangeError::from)
            }
            Self::Remote(client) => {
                let wanted = CreateKey {
                    name: name.to_owned(),
                    scopes,
                    expires_at: expires_at.map(|time| time.to_string()),
                    hosts: hosts.stored(),
                };
                let id = Some(user.user_id.as_str());
                let made = patiently(async || client.create_key(id, &wanted).await).await;
                made.map_err(ChangeError::from)
            }
        };
        made.map_err(|failed| failed.explain(self, &user.username))
    }

    /// Replaces a key; the old one works on for `overlap`, in whole seconds.
    pub(in crate::cli) async fn rotate_key(
        &self,
        user: &ListedUser,
        key_id: &str,
        overlap: Duration,
    ) -> anyhow::Result<IssuedKey> {
        let made: Result<IssuedKey, ChangeError> = match self {
            Self::Database(admin) => {
                let id = parse_id(&user.user_id)?;
                let (secret, next) = new_key("").await?;
                let old = KeyId(key_id.to_owned());
                let rotated = admin
                    .store
                    .rotate_key(&admin.actor, id, &old, &next, overlap);
                let made = rotated.await;
                made.map(|key| IssuedKey::new(&key, secret.expose()))
                    .map_err(ChangeError::from)
            }
            Self::Remote(client) => {
                let rotate = RotateKey {
                    overlap_seconds: i64::try_from(overlap.as_secs()).unwrap_or(i64::MAX),
                };
                let id = Some(user.user_id.as_str());
                let made = patiently(async || client.rotate_key(id, key_id, &rotate).await);
                made.await.map_err(ChangeError::from)
            }
        };
        made.map_err(|failed| failed.explain(self, &user.username))
    }

    /// Ends a key forever; `false` when it was revoked before.
    pub(in crate::cli) async fn revoke_key(
        &self,
        user: &ListedUser,
        key_id: &str,
    ) -> anyhow::Result<bool> {
        let revoked: Result<bool, ChangeError> = match self {
            Self::Database(admin) => {
                let id = parse_id(&user.user_id)?;
                let key = KeyId(key_id.to_owned());
                let revoked = admin.store.revoke_key(&admin.actor, id, &key).await;
                revoked.map_err(ChangeError::from)
            }
            Self::Remote(client) => {
                let id = Some(user.user_id.as_str());
                let revoked = patiently(async || client.revoke_key(id, key_id).await).await;
                revoked.map(|it| it.is_some()).map_err(ChangeError::from)
            }
        };
        revoked.map_err(|failed| failed.explain(self, &user.username))
    }
}

async fn new_key(name: &str) -> anyhow::Result<(PlainKey, NewKey)> {
    let secret = PlainKey::generate()?;
    let key = NewKey {
        id: secret.id(),
        hash: Hasher::new(1).hash(&secret).await?,
        name: name.to_owned(),
        scopes: Scopes::ALL,
        expires_at: None,
        hosts: HostSelector::default(),
    };
    Ok((secret, key))
}
