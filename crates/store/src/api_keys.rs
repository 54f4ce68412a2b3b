//! API keys: their hashes for the verifier, and the changes that users and admins make.

use crate::codec::{Db, stored_row};
use std::time::Duration;

use super::audit::Entry;
use super::change::{change, forbid_widening, in_write_again};
use super::users::{COLUMNS_BY_ID, UserRow, parse_hosts};
use super::{Refusal, Store, StoreError, on_read};
use linux_api_wire::api_key::{ApiKey, KeyId, Scopes};
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::{Role, User, UserId};

/// The most usable keys that one user may have.
pub const MAX_KEYS_PER_USER: i64 = 100;

/// A key about to be stored: its secret is gone, only the hash is left.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Public id.
    pub id: KeyId,
    /// Argon2id PHC string of the whole key.
    pub hash: String,
    /// What its owner calls it.
    pub name: String,
    /// What it may do at most.
    pub scopes: Scopes,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// On which of its user's hosts it is accepted.
    pub hosts: HostSelector,
}

/// What the verifier needs to know of a key and its user.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// The key.
    pub key: ApiKey,
    /// Argon2id PHC string of the whole key, or an imported hash.
    pub hash: String,
    /// Whose key it is.
    pub user: User,
}

/// Adds the row of a new key; a macro because the bound types differ per engine.
macro_rules! insert_key {
    ($tx:expr, $now:expr, $user_id:expr, $key:expr) => {{
        let key: &$crate::api_keys::NewKey = $key;
        let query = sqlx::query($crate::api_keys::INSERT)
            .bind(key.id.0.as_str())
            .bind($crate::codec::Db($user_id))
            .bind(key.name.as_str())
            .bind(key.hash.as_str())
            .bind(key.scopes.to_text())
            .bind($crate::codec::Db($now))
            .bind($crate::codec::Db(key.expires_at))
            .bind(key.hosts.stored());
        match $tx.execute(query).await {
            Ok(_) => {}
            Err(error) if $crate::error::is_unique_violation(&error) => {
                return Err(Refusal::KeyTaken.into());
            }
            Err(error) => return Err(error.into()),
        }
    }};
}

pub(super) const INSERT: &str = "
    insert into api_keys (id, user_id, name, hash, scopes, created_at, expires_at, hosts)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";

pub(super) use insert_key;

/// Refuses one more key when the user has as many as allowed.
macro_rules! room_for_key {
    ($tx:expr, $user_id:expr, $now:expr) => {{
        let usable: i64 = $tx
            .fetch_scalar(
                sqlx::query_scalar(COUNT_USABLE)
                    .bind($crate::codec::Db($user_id))
                    .bind($crate::codec::Db($now)),
            )
            .await?;
        if usable >= MAX_KEYS_PER_USER {
            return Err(Refusal::TooManyKeys.into());
        }
    }};
}

/// The owner of the keys about to be changed; only the owner changes an immutable user's keys, and
/// who has the database itself.
macro_rules! owner {
    ($tx:expr, $actor:expr, $user_id:expr) => {{
        let row: Option<UserRow> = $tx
            .fetch_optional(sqlx::query_as(COLUMNS_BY_ID).bind($crate::codec::Db($user_id)))
            .await?;
        let user = row.ok_or(Refusal::UserNotFound)?.into_user()?;
        if user.immutable && $actor.origin.user_id != Some($user_id) && !$actor.is_local() {
            return Err(Refusal::Immutable.into());
        }
        user
    }};
}

const COUNT_USABLE: &str = "\
    /*NO QUERY CACHE*/ select count(*) from api_keys
    where user_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)";

const KEY_OF_USER: &str = "\
    /*NO QUERY CACHE*/ select id, user_id, name, hash, scopes, created_at, expires_at, last_used,
        revoked_at, hosts
    from api_keys where id = $1 and user_id = $2";

struct KeyRow {
    id: String,
    user_id: UserId,
    name: String,
    scopes: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    hosts: Option<String>,
}

stored_row!(KeyRow { id, name, scopes, hosts; db user_id: UserId, created_at: Timestamp, expires_at: Option<Timestamp>, last_used: Option<Timestamp>, revoked_at: Option<Timestamp> });

impl KeyRow {
    fn into_key(self) -> Result<ApiKey, StoreError> {
        Ok(ApiKey {
            scopes: Scopes::from_text(&self.scopes).map_err(|_| StoreError::Corrupt {
                table: "api_keys",
                column: "scopes",
            })?,
            hosts: parse_hosts("api_keys", self.hosts.as_deref())?,
            id: KeyId(self.id),
            user_id: self.user_id,
            name: self.name,
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used: self.last_used,
            revoked_at: self.revoked_at,
        })
    }
}

pub(super) struct StoredKeyRow {
    key: KeyRow,
    hash: String,
    user_name: String,
    role: String,
    active: bool,
    immutable: bool,
    user_created_at: Timestamp,
    last_login: Option<Timestamp>,
    user_hosts: Option<String>,
}

stored_row!(StoredKeyRow { hash, user_name, role, active, immutable, user_hosts; db user_created_at: Timestamp, last_login: Option<Timestamp>; flat key });

impl StoredKeyRow {
    pub(super) fn into_stored(self) -> Result<StoredKey, StoreError> {
        let role: Role = self.role.parse().map_err(|_| StoreError::Corrupt {
            table: "users",
            column: "role",
        })?;
        let key = self.key.into_key()?;
        Ok(StoredKey {
            user: User {
                id: key.user_id,
                name: self.user_name,
                role,
                active: self.active,
                immutable: self.immutable,
                hosts: parse_hosts("users", self.user_hosts.as_deref())?,
                created_at: self.user_created_at,
                last_login: self.last_login,
            },
            key,
            hash: self.hash,
        })
    }
}

/// When a key and its user were last used.
#[derive(Debug, Clone)]
pub struct KeyUse {
    /// Which key.
    pub key_id: KeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// When it was last accepted.
    pub time: Timestamp,
}

impl Store {
    /// A key with its hash and its user, for checking a request.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn find_key(&self, id: &KeyId) -> Result<Option<StoredKey>, StoreError> {
        const SQL: &str = "\
            /*NO QUERY CACHE*/ select k.id, k.user_id, k.name, k.hash, k.scopes, k.created_at,
                k.expires_at, k.last_used, k.revoked_at, k.hosts, u.name as user_name, u.role,
                u.active, u.immutable, u.created_at as user_created_at, u.last_login,
                u.hosts as user_hosts
            from api_keys k join users u on u.id = k.user_id
            where k.id = $1";
        let row: Option<StoredKeyRow> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(SQL).bind(id.0.as_str()))
            .await?))?;
        row.map(StoredKeyRow::into_stored).transpose()
    }

    /// A page of a user's keys, newest first, revoked and expired ones included; those after the
    /// key with the given creation time and id.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn list_keys(
        &self,
        user_id: UserId,
        after: Option<(Timestamp, KeyId)>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, StoreError> {
        const FIRST: &str = "\
            /*NO QUERY CACHE*/ select id, user_id, name, scopes, created_at, expires_at, last_used,
                revoked_at, hosts
            from api_keys where user_id = $1
            order by created_at desc, id desc limit $2";
        const NEXT: &str = "\
            /*NO QUERY CACHE*/ select id, user_id, name, scopes, created_at, expires_at, last_used,
                revoked_at, hosts
            from api_keys where user_id = $1 and (created_at, id) < ($3, $4)
            order by created_at desc, id desc limit $2";
        let limit = i64::from(limit);
        let rows: Vec<KeyRow> = on_read!(self, |tx| Ok(match &after {
            None =>
                tx.fetch_all(sqlx::query_as(FIRST).bind(Db(user_id)).bind(limit))
                    .await?,
            Some((time, id)) => {
                let query = sqlx::query_as(NEXT).bind(Db(user_id)).bind(limit);
                tx.fetch_all(query.bind(Db(*time)).bind(id.0.as_str()))
                    .await?
            }
        }))?;
        rows.into_iter().map(KeyRow::into_key).collect()
    }

    /// Gives a user one more key.
    ///
    /// # Errors
    /// [`Refusal::UserNotFound`], [`Refusal::Immutable`] for another's immutable user,
    /// [`Refusal::TooManyKeys`], [`Refusal::ScopesExceeded`], a refusal of the actor, or when the
    /// database fails.
    pub async fn create_key(
        &self,
        actor: &Actor,
        user_id: UserId,
        key: &NewKey,
    ) -> Result<ApiKey, StoreError> {
        let entry = entry(actor, Action::KeyCreate, &key.id);
        change!(self, actor, entry, |tx, now, rights| {
            let user = owner!(tx, actor, user_id);
            rights.forbid_other_users(actor, &user)?;
            // The caller gets the secret of the new key.
            let key = NewKey {
                hosts: rights.or_narrowed(&user.hosts, &key.hosts),
                ..key.clone()
            };
            rights.forbid_other_hosts(&user.hosts.and(&key.hosts))?;
            forbid_widening(key.scopes, rights.scopes)?;
            room_for_key!(tx, user_id, now);
            insert_key!(tx, now, user_id, &key);
            let said = format!("for user:{}", user.name);
            (
                stored(&key, user_id, now),
                Some((format!("key:{}", key.id), said)),
            )
        })
    }

    /// Makes a key that takes the place of another one, which ends after `overlap`. The new key
    /// has the old one's name, scopes, hosts and expiry; those of `key` are ignored.
    ///
    /// # Errors
    /// [`Refusal::UserNotFound`], [`Refusal::KeyNotFound`], [`Refusal::KeyEnded`],
    /// [`Refusal::Immutable`], [`Refusal::TooManyKeys`], [`Refusal::ScopesExceeded`], a refusal of
    /// the actor, or when the database fails.
    pub async fn rotate_key(
        &self,
        actor: &Actor,
        user_id: UserId,
        old: &KeyId,
        key: &NewKey,
        overlap: Duration,
    ) -> Result<ApiKey, StoreError> {
        const END: &str = "update api_keys set expires_at = $2 where id = $1";
        let entry = entry(actor, Action::KeyRotate, old);
        change!(self, actor, entry, |tx, now, rights| {
            let user = owner!(tx, actor, user_id);
            let row: Option<KeyRow> = tx
                .fetch_optional(
                    sqlx::query_as(KEY_OF_USER)
                        .bind(old.0.as_str())
                        .bind(Db(user_id)),
                )
                .await?;
            let before = row.ok_or(Refusal::KeyNotFound)?.into_key()?;
            // The caller gets the secret of a key with the same scopes.
            forbid_widening(before.scopes, rights.scopes)?;
            rights.forbid_other_users(actor, &user)?;
            rights.forbid_other_hosts(&user.hosts.and(&before.hosts))?;
            if has_ended(&before, now) {
                return Err(Refusal::KeyEnded.into());
            }
            room_for_key!(tx, user_id, now);
            let next = NewKey {
                name: before.name.clone(),
                scopes: before.scopes,
                expires_at: before.expires_at,
                hosts: before.hosts.clone(),
                ..key.clone()
            };
            let window = now.saturating_add(overlap);
            let end = before
                .expires_at
                .map_or(window, |expiry| expiry.min(window));
            tx.execute(sqlx::query(END).bind(old.0.as_str()).bind(Db(end)))
                .await?;
            insert_key!(tx, now, user_id, &next);
            let said = format!("by key:{}, ends {end}", next.id);
            (
                stored(&next, user_id, now),
                Some((format!("key:{old}"), said)),
            )
        })
    }

    /// Ends a key at once and forever; `false` when it was revoked before.
    ///
    /// # Errors
    /// [`Refusal::UserNotFound`], [`Refusal::KeyNotFound`], [`Refusal::Immutable`] for another's
    /// immutable user, a refusal of the actor, or when the database fails.
    pub async fn revoke_key(
        &self,
        actor: &Actor,
        user_id: UserId,
        id: &KeyId,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "update api_keys set revoked_at = $2 where id = $1";
        let entry = entry(actor, Action::KeyRevoke, id);
        change!(self, actor, entry, |tx, now, rights| {
            let user = owner!(tx, actor, user_id);
            let row: Option<KeyRow> = tx
                .fetch_optional(
                    sqlx::query_as(KEY_OF_USER)
                        .bind(id.0.as_str())
                        .bind(Db(user_id)),
                )
                .await?;
            let key = row.ok_or(Refusal::KeyNotFound)?.into_key()?;
            rights.forbid_other_users(actor, &user)?;
            rights.forbid_other_hosts(&user.hosts.and(&key.hosts))?;
            if key.revoked_at.is_some() {
                (false, None)
            } else {
                tx.execute(sqlx::query(SQL).bind(id.0.as_str()).bind(Db(now)))
                    .await?;
                (
                    true,
                    Some((format!("key:{id}"), format!("of user:{}", user.name))),
                )
            }
        })
    }

    /// Notes when keys were last used, and with them their users' last login. Older times than
    /// those stored change nothing, so that several daemons can report.
    ///
    /// Nothing is written either when a use in the same minute is stored. A key that watches a thousand hosts
    /// is used on all of them; were each of their daemons to write that, they would wait for each other's locks,
    /// with connections in their hands that all others wait for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_key_use(&self, uses: &[KeyUse]) -> Result<(), StoreError> {
        const KEY: &str = "
            update api_keys set last_used = $2
            where id = $1 and (last_used is null or last_used < $3)";
        const USER: &str = "
            update users set last_login = $2
            where id = $1 and (last_login is null or last_login < $3)";
        // In the order of the ids, so that two daemons never wait for each other's rows in a ring;
        // and users before keys, as the deletion of a user locks them.
        let mut by_key: Vec<&KeyUse> = uses.iter().collect();
        by_key.sort_by(|a, b| a.key_id.cmp(&b.key_id));
        let mut by_user: Vec<&KeyUse> = uses.iter().collect();
        by_user.sort_by_key(|one| one.user_id);
        in_write_again!(self, |tx| {
            for one in &by_user {
                let query = sqlx::query(USER).bind(Db(one.user_id)).bind(Db(one.time));
                tx.execute(query.bind(Db(minute_of(one.time)))).await?;
            }
            for one in &by_key {
                let query = sqlx::query(KEY)
                    .bind(one.key_id.0.as_str())
                    .bind(Db(one.time));
                tx.execute(query.bind(Db(minute_of(one.time)))).await?;
            }
            Ok(())
        })
    }
}

fn minute_of(time: Timestamp) -> Timestamp {
    Resolution::Minute.start_of(time)
}

/// Whether a key is revoked or expired at `now`.
#[must_use]
pub fn has_ended(key: &ApiKey, now: Timestamp) -> bool {
    has_ended_at(key.revoked_at, key.expires_at, now)
}

pub(super) fn has_ended_at(
    revoked_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    revoked_at.is_some() || expires_at.is_some_and(|expiry| expiry <= now)
}

fn stored(key: &NewKey, user_id: UserId, now: Timestamp) -> ApiKey {
    ApiKey {
        id: key.id.clone(),
        user_id,
        name: key.name.clone(),
        scopes: key.scopes,
        hosts: key.hosts.clone(),
        created_at: now,
        expires_at: key.expires_at,
        last_used: None,
        revoked_at: None,
    }
}

fn entry<'a>(actor: &'a Actor, action: Action, id: &KeyId) -> Entry<'a> {
    Entry {
        origin: &actor.origin,
        action,
        target: format!("key:{id}"),
        detail: String::new(),
    }
}
