//! Users, in the database or over HTTP.

use anyhow::bail;
use serde::Serialize;
use uuid::Uuid;

use super::refused::ChangeError;
use super::{AdminTarget, patiently};
use crate::cli::database::Administration;
use linux_api_auth::hash::Hasher;
use linux_api_auth::key::PlainKey;
use linux_api_client::Client;
use linux_api_store::api_keys::NewKey;
use linux_api_store::users::{NewUser, UserPosition};
use linux_api_store::{Refusal, StoreError};
use linux_api_wire::api::users::{ListedUser, RegisterUser};
use linux_api_wire::api_key::{KeyId, Scopes};
use linux_api_wire::audit::Action;
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::user::{Role, User, UserId};

/// How many users are read at once from a database.
const PAGE: u32 = 1000;
/// The most that the API returns at once.
const REMOTE_PAGE: u32 = 100;

/// A user about to be made.
pub(in crate::cli) struct NewAccount {
    /// Checked and lower-cased.
    pub(in crate::cli) name: String,
    pub(in crate::cli) role: Role,
    pub(in crate::cli) active: bool,
    /// On which hosts it may do anything.
    pub(in crate::cli) hosts: HostSelector,
    /// What its first key may do; none for a user without a key.
    pub(in crate::cli) key: Option<Scopes>,
}

/// A user that was made.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct MadeUser {
    pub(in crate::cli) username: String,
    pub(in crate::cli) user_id: String,
    /// Its key, when it has one.
    pub(in crate::cli) api_key: Option<String>,
}

impl AdminTarget {
    /// All users, newest first.
    pub(in crate::cli) async fn users(&self) -> anyhow::Result<Vec<ListedUser>> {
        let mut users = Vec::new();
        self.each_page_of_users(|page| {
            users.extend(page);
            true
        })
        .await
        .map_err(ChangeError::into_error)?;
        Ok(users)
    }

    /// Passes page after page until `more` returns `false`.
    async fn each_page_of_users(
        &self,
        mut more: impl FnMut(Vec<ListedUser>) -> bool,
    ) -> Result<(), ChangeError> {
        match self {
            Self::Database(admin) => {
                let mut start = UserPosition::Offset(0);
                loop {
                    let page = admin.store.list_users(start, PAGE).await?;
                    let Some(last) = page.last() else {
                        return Ok(());
                    };
                    start = UserPosition::After(last.created_at, last.id);
                    if !more(page.iter().map(ListedUser::from).collect()) {
                        return Ok(());
                    }
                }
            }
            Self::Remote(client) => {
                let mut cursor: Option<String> = None;
                loop {
                    let page =
                        patiently(async || client.list_users(REMOTE_PAGE, cursor.as_deref()).await)
                            .await?;
                    let next = page
                        .next_cursor
                        .filter(|next| Some(next) != cursor.as_ref());
                    if page.users.is_empty() || !more(page.users) || next.is_none() {
                        return Ok(());
                    }
                    cursor = next;
                }
            }
        }
    }

    /// The user with this name or id.
    pub(in crate::cli) async fn user(&self, text: &str) -> anyhow::Result<ListedUser> {
        match self.look_up(text).await.map_err(ChangeError::into_error)? {
            Some(user) => Ok(user),
            None => bail!("there is no user {text:?}; `linux-api user list` shows all"),
        }
    }

    /// The user with this name or id, which is to be changed: that there is none, is noted
    /// in the audit log as for any other change that was not made.
    pub(in crate::cli) async fn user_for(
        &self,
        action: Action,
        text: &str,
    ) -> anyhow::Result<ListedUser> {
        let found = self.look_up(text).await.map_err(ChangeError::into_error)?;
        if let (None, Self::Database(admin)) = (&found, self) {
            let name: String = text.chars().take(64).collect();
            let reason = Refusal::UserNotFound.to_string();
            admin
                .store
                .note_refusal(&admin.actor.origin, action, format!("user:{name}"), reason)
                .await?;
        }
        match found {
            Some(user) => Ok(user),
            None => bail!("there is no user {text:?}; `linux-api user list` shows all"),
        }
    }

    async fn look_up(&self, text: &str) -> Result<Option<ListedUser>, ChangeError> {
        let id = Uuid::parse_str(text).ok().map(|id| id.to_string());
        let name = text.to_lowercase();
        if let Self::Database(admin) = self {
            // A name may look like an id that is written without hyphens.
            let by_id = match id {
                Some(_) => admin.store.find_user(parse_id(text)?).await?,
                None => None,
            };
            let found = match by_id {
                Some(user) => Some(user),
                None => admin.store.find_user_by_name(&name).await?,
            };
            return Ok(found.as_ref().map(ListedUser::from));
        }
        let (mut by_id, mut by_name) = (None, None);
        self.each_page_of_users(|page| {
            for user in page {
                if id.as_ref() == Some(&user.user_id) {
                    by_id = Some(user);
                } else if user.username == name {
                    by_name = Some(user);
                }
            }
            by_id.is_none() && (id.is_some() || by_name.is_none())
        })
        .await?;
        Ok(by_id.or(by_name))
    }

    /// Creates a user, with its first key unless it is to have none.
    pub(in crate::cli) async fn add_user(&self, account: &NewAccount) -> anyhow::Result<MadeUser> {
        let made = match self {
            Self::Database(admin) => add_to_database(admin, account).await?,
            Self::Remote(client) => add_over_http(client, account).await,
        };
        made.map_err(|failed| failed.explain(self, &account.name))
    }

    /// Deletes a user and all its keys.
    pub(in crate::cli) async fn delete_user(&self, user: &ListedUser) -> anyhow::Result<()> {
        let deleted: Result<(), ChangeError> = match self {
            Self::Database(admin) => {
                let id = parse_id(&user.user_id)?;
                let deleted = admin.store.delete_user(&admin.actor, id).await;
                deleted.map_err(ChangeError::from)
            }
            Self::Remote(client) => {
                let deleted = patiently(async || client.delete_user(&user.user_id).await);
                deleted.await.map(drop).map_err(ChangeError::from)
            }
        };
        deleted.map_err(|failed| failed.explain(self, &user.username))
    }

    /// Lets a user use the API, or ends that; `false` when there was nothing to change.
    pub(in crate::cli) async fn set_active(
        &self,
        user: &ListedUser,
        active: bool,
    ) -> anyhow::Result<bool> {
        let changed: Result<bool, ChangeError> = match self {
            Self::Database(admin) => {
                let id = parse_id(&user.user_id)?;
                let changed = admin.store.set_active(&admin.actor, id, active).await;
                changed.map_err(ChangeError::from)
            }
            Self::Remote(client) => {
                let id = &user.user_id;
                let changed = patiently(async || client.set_active(id, active).await).await;
                changed.map(|it| it.is_some()).map_err(ChangeError::from)
            }
        };
        changed.map_err(|failed| failed.explain(self, &user.username))
    }

    /// Limits a user to some hosts; `false` when it was so already.
    pub(in crate::cli) async fn set_hosts(
        &self,
        user: &ListedUser,
        hosts: &HostSelector,
    ) -> anyhow::Result<bool> {
        let changed: Result<bool, ChangeError> = match self {
            Self::Database(admin) => {
                let id = parse_id(&user.user_id)?;
                let changed = admin.store.set_hosts(&admin.actor, id, hosts).await;
                changed.map_err(ChangeError::from)
            }
            Self::Remote(client) => {
                let (id, hosts) = (&user.user_id, hosts.stored());
                let changed = patiently(async || client.set_hosts(id, hosts.as_deref()).await);
                changed
                    .await
                    .map(|it| it.is_some())
                    .map_err(ChangeError::from)
            }
        };
        changed.map_err(|failed| failed.explain(self, &user.username))
    }

    /// Sets a user's role; `false` when it had it already.
    pub(in crate::cli) async fn set_role(
        &self,
        user: &ListedUser,
        role: Role,
    ) -> anyhow::Result<bool> {
        let changed: Result<bool, ChangeError> = match self {
            Self::Database(admin) => {
                let id = parse_id(&user.user_id)?;
                let changed = admin.store.set_role(&admin.actor, id, role).await;
                changed.map_err(ChangeError::from)
            }
            Self::Remote(client) => {
                let id = &user.user_id;
                let changed = patiently(async || client.set_role(id, role).await).await;
                if let Ok(Some(changed)) = &changed
                    && changed.role.is_none()
                    && role == Role::Operator
                {
                    bail!(
                        "the daemon is of an earlier release, which knows no operators: update it"
                    );
                }
                changed.map(|it| it.is_some()).map_err(ChangeError::from)
            }
        };
        changed.map_err(|failed| failed.explain(self, &user.username))
    }

    /// Protects a user, or takes that off, which takes the database; `false` when there was nothing
    /// to change.
    pub(in crate::cli) async fn protect(
        &self,
        user: &ListedUser,
        protected: bool,
    ) -> anyhow::Result<bool> {
        let changed: Result<bool, ChangeError> = match self {
            Self::Database(admin) => {
                let id = parse_id(&user.user_id)?;
                let changed = admin.store.set_immutable(&admin.actor, id, protected).await;
                changed.map_err(ChangeError::from)
            }
            Self::Remote(_) if !protected => bail!(
                "only someone with direct database access may remove the protection: run the command on the \
                 daemon's host, without --remote"
            ),
            Self::Remote(client) => {
                let id = &user.user_id;
                let changed = patiently(async || client.protect_user(id).await).await;
                changed.map(|it| it.is_some()).map_err(ChangeError::from)
            }
        };
        changed.map_err(|failed| failed.explain(self, &user.username))
    }
}

/// The id as the store takes it; it comes from the store, so it is one.
pub(super) fn parse_id(text: &str) -> Result<UserId, StoreError> {
    Uuid::parse_str(text)
        .map(UserId)
        .map_err(|_| Refusal::UserNotFound.into())
}

impl From<ChangeError> for anyhow::Error {
    fn from(failed: ChangeError) -> Self {
        failed.into_error()
    }
}

async fn add_over_http(client: &Client, account: &NewAccount) -> Result<MadeUser, ChangeError> {
    let scopes = account.key.map(Scopes::chosen);
    let wanted = RegisterUser {
        username: account.name.clone(),
        is_admin: account.role == Role::Admin,
        // What an earlier daemon does not know, it refuses.
        role: (account.role == Role::Operator).then_some(account.role),
        activate: account.active,
        scopes: scopes.clone().unwrap_or_default(),
        hosts: account.hosts.stored(),
    };
    let made = patiently(async || client.register_user(&wanted).await).await?;
    let mut api_key = Some(made.api_key);
    if scopes.is_none() {
        // The API creates each user with a key; this one was never shown.
        let key_id = api_key
            .take()
            .and_then(|key| PlainKey::parse(&key).map(|key| key.id()));
        if let Some(KeyId(key_id)) = key_id {
            patiently(async || client.revoke_key(Some(&made.user_id), &key_id).await).await?;
        }
    }
    Ok(MadeUser {
        username: made.username,
        user_id: made.user_id,
        api_key,
    })
}

async fn add_to_database(
    admin: &Administration,
    account: &NewAccount,
) -> anyhow::Result<Result<MadeUser, ChangeError>> {
    let user = NewUser {
        name: account.name.clone(),
        role: account.role,
        active: account.active,
        immutable: false,
        hosts: account.hosts.clone(),
    };
    let mut secret = None;
    let mut key = None;
    if let Some(scopes) = account.key {
        let plain = PlainKey::generate()?;
        key = Some(NewKey {
            id: plain.id(),
            hash: Hasher::new(1).hash(&plain).await?,
            name: "first key".to_owned(),
            scopes,
            expires_at: None,
            hosts: HostSelector::default(),
        });
        secret = Some(plain);
    }
    let made = admin.store.create_user(&admin.actor, &user, key.as_ref());
    let made: Result<User, StoreError> = made.await;
    Ok(made.map_err(ChangeError::from).map(|made| MadeUser {
        username: made.name,
        user_id: made.id.to_string(),
        api_key: secret.map(|secret| secret.expose().to_owned()),
    }))
}
