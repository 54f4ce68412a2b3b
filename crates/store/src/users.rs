//! Users, and the rules that no change may break.

use super::api_keys::{NewKey, insert_key};
use super::audit::Entry;
use super::change::{change, forbid_widening};
use super::error::is_unique_violation;
use super::{Refusal, Store, StoreError, on_read};
use crate::codec::{Db, stored_row};
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::{Role, User, UserId};

pub(super) const COLUMNS_BY_ID: &str = "\
    /*NO QUERY CACHE*/ select id, name, role, active, immutable, created_at, last_login,
        hosts
    from users where id = $1";

/// Adds the row of a new user and returns it.
macro_rules! insert_user {
    ($tx:expr, $now:expr, $id:expr, $user:expr) => {{
        let user: &NewUser = $user;
        let row = User {
            id: $id,
            name: user.name.clone(),
            role: user.role,
            active: user.active,
            immutable: user.immutable,
            hosts: user.hosts.clone(),
            created_at: $now,
            last_login: None,
        };
        let query = sqlx::query(INSERT_USER)
            .bind($crate::codec::Db(row.id))
            .bind(row.name.as_str())
            .bind(row.role.as_str())
            .bind(row.active)
            .bind(row.immutable)
            .bind($crate::codec::Db(row.created_at))
            .bind(row.hosts.stored());
        match $tx.execute(query).await {
            Ok(_) => Ok::<User, StoreError>(row),
            Err(error) if is_unique_violation(&error) => Err(Refusal::NameTaken.into()),
            Err(error) => Err(error.into()),
        }
    }};
}

/// The user that others are about to change, unless a rule protects it. An actor that is limited to some
/// hosts changes no user of others.
macro_rules! user_to_change {
    ($tx:expr, $id:expr, $rights:expr) => {{
        let row: Option<UserRow> = $tx
            .fetch_optional(sqlx::query_as(COLUMNS_BY_ID).bind($crate::codec::Db($id)))
            .await?;
        let user = row.ok_or(Refusal::UserNotFound)?.into_user()?;
        if user.immutable {
            return Err(Refusal::Immutable.into());
        }
        $rights.forbid_other_hosts(&user.hosts)?;
        user
    }};
}

/// Refuses a change that removed the last active admin; `$user` is how it was before.
macro_rules! keep_an_admin {
    ($tx:expr, $user:expr) => {{
        if $user.role == Role::Admin && $user.active && $user.hosts.is_any() {
            let admins: i64 = $tx
                .fetch_scalar(sqlx::query_scalar(COUNT_ACTIVE_ADMINS))
                .await?;
            if admins == 0 {
                return Err(Refusal::LastAdmin.into());
            }
        }
    }};
}

const INSERT_USER: &str = "
    insert into users (id, name, role, active, immutable, created_at, hosts)
    values ($1, $2, $3, $4, $5, $6, $7)";

/// Those that are limited to some hosts could not undo a mistake on the others.
const COUNT_ACTIVE_ADMINS: &str = "\
    /*NO QUERY CACHE*/ select count(*) from users
    where role = 'admin' and active = true and hosts is null";

pub(super) struct UserRow {
    id: UserId,
    name: String,
    role: String,
    active: bool,
    immutable: bool,
    created_at: Timestamp,
    last_login: Option<Timestamp>,
    hosts: Option<String>,
}

stored_row!(UserRow { name, role, active, immutable, hosts; db id: UserId, created_at: Timestamp, last_login: Option<Timestamp> });

impl UserRow {
    pub(super) fn into_user(self) -> Result<User, StoreError> {
        Ok(User {
            role: self.role.parse().map_err(|_| StoreError::Corrupt {
                table: "users",
                column: "role",
            })?,
            hosts: parse_hosts("users", self.hosts.as_deref())?,
            id: self.id,
            name: self.name,
            active: self.active,
            immutable: self.immutable,
            created_at: self.created_at,
            last_login: self.last_login,
        })
    }
}

/// A user about to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Unique, already checked and lower-cased.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether it may do anything yet.
    pub active: bool,
    /// Whether others are kept from changing it.
    pub immutable: bool,
    /// On which hosts it may do anything.
    pub hosts: HostSelector,
}

/// Where a page of users starts.
#[derive(Debug, Clone, Copy)]
pub enum UserPosition {
    /// After so many users.
    Offset(i64),
    /// After the user with this creation time and id.
    After(Timestamp, UserId),
}

impl Store {
    /// Creates a user, with its first key when there is one, in one transaction.
    ///
    /// # Errors
    /// [`Refusal::NameTaken`], [`Refusal::KeyTaken`], [`Refusal::ScopesExceeded`], a refusal of the
    /// actor, or when the database fails.
    pub async fn create_user<'a>(
        &self,
        actor: &Actor,
        user: &NewUser,
        key: impl Into<Option<&'a NewKey>>,
    ) -> Result<User, StoreError> {
        let key = key.into();
        let entry = Entry {
            origin: &actor.origin,
            action: Action::UserCreate,
            target: format!("user:{}", user.name),
            detail: String::new(),
        };
        let id = UserId::random();
        change!(self, actor, entry, |tx, now, rights| {
            // Without a limit of its own it gets that of the actor.
            let user = &NewUser {
                hosts: rights.or_own(&user.hosts),
                ..user.clone()
            };
            rights.forbid_other_hosts(&user.hosts)?;
            if let Some(key) = key {
                forbid_widening(key.scopes, rights.scopes)?;
            }
            let row = insert_user!(tx, now, id, user)?;
            let mut said = format!("role {}, active {}, no key", row.role, row.active);
            if let Some(key) = key {
                insert_key!(tx, now, id, key);
                said = format!("role {}, active {}, key {}", row.role, row.active, key.id);
            }
            if !row.hosts.is_any() {
                said = format!("{said}, on {}", row.hosts);
            }
            (row, Some((format!("user:{}", user.name), said)))
        })
    }

    /// Makes the first admin unless there is any user: one, however many daemons start together.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_first_admin(
        &self,
        user: &NewUser,
        key: &NewKey,
    ) -> Result<Option<User>, StoreError> {
        const ANY: &str = "/*NO QUERY CACHE*/ select count(*) from users";
        let actor = Actor::system();
        let entry = Entry {
            origin: &actor.origin,
            action: Action::UserCreate,
            target: format!("user:{}", user.name),
            detail: String::new(),
        };
        let id = UserId::random();
        change!(self, &actor, entry, |tx, now| {
            let users: i64 = tx.fetch_scalar(sqlx::query_scalar(ANY)).await?;
            if users > 0 {
                (None, None)
            } else {
                let row = insert_user!(tx, now, id, user)?;
                insert_key!(tx, now, id, key);
                let said = format!("first admin, key {}", key.id);
                (Some(row), Some((format!("user:{}", user.name), said)))
            }
        })
    }

    /// How many users there are.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn count_users(&self) -> Result<i64, StoreError> {
        const SQL: &str = "/*NO QUERY CACHE*/ select count(*) from users";
        on_read!(self, |tx| Ok(tx
            .fetch_scalar(sqlx::query_scalar(SQL))
            .await?))
    }

    /// The user with this id.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(COLUMNS_BY_ID).bind(Db(id)))
            .await?))?;
        row.map(UserRow::into_user).transpose()
    }

    /// The user with this name.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn find_user_by_name(&self, name: &str) -> Result<Option<User>, StoreError> {
        const SQL: &str = "\
            /*NO QUERY CACHE*/ select id, name, role, active, immutable, created_at, last_login,
                hosts
            from users where name = $1";
        let row: Option<UserRow> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(SQL).bind(name))
            .await?))?;
        row.map(UserRow::into_user).transpose()
    }

    /// A page of users by creation time, newest first.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn list_users(
        &self,
        page: UserPosition,
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        const BY_OFFSET: &str = "\
            /*NO QUERY CACHE*/ select id, name, role, active, immutable, created_at, last_login,
                hosts
            from users order by created_at desc, id desc limit $1 offset $2";
        const AFTER: &str = "\
            /*NO QUERY CACHE*/ select id, name, role, active, immutable, created_at, last_login,
                hosts
            from users where (created_at, id) < ($2, $3)
            order by created_at desc, id desc limit $1";
        let limit = i64::from(limit);
        let rows: Vec<UserRow> = on_read!(self, |tx| Ok(match page {
            UserPosition::Offset(offset) => {
                tx.fetch_all(sqlx::query_as(BY_OFFSET).bind(limit).bind(offset))
                    .await?
            }
            UserPosition::After(time, id) => {
                tx.fetch_all(
                    sqlx::query_as(AFTER)
                        .bind(limit)
                        .bind(Db(time))
                        .bind(Db(id)),
                )
                .await?
            }
        }))?;
        rows.into_iter().map(UserRow::into_user).collect()
    }

    /// Sets a user's role; `false` when it already had it.
    ///
    /// # Errors
    /// [`Refusal::OwnRole`], [`Refusal::UserNotFound`], [`Refusal::Immutable`],
    /// [`Refusal::LastAdmin`], a refusal of the actor, or when the database fails.
    pub async fn set_role(
        &self,
        actor: &Actor,
        id: UserId,
        role: Role,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "update users set role = $2 where id = $1";
        let entry = entry(actor, Action::UserRole, id);
        change!(self, actor, entry, |tx, now, rights| {
            let _: Timestamp = now;
            if actor.origin.user_id == Some(id) {
                return Err(Refusal::OwnRole.into());
            }
            let user = user_to_change!(tx, id, rights);
            if user.role == role {
                (false, None)
            } else {
                tx.execute(sqlx::query(SQL).bind(Db(id)).bind(role.as_str()))
                    .await?;
                keep_an_admin!(tx, user);
                (
                    true,
                    Some((
                        format!("user:{}", user.name),
                        format!("{} to {role}", user.role),
                    )),
                )
            }
        })
    }

    /// Limits a user, and all its keys, to some hosts; `false` when it already was so.
    ///
    /// # Errors
    /// [`Refusal::OwnHosts`], [`Refusal::UserNotFound`], [`Refusal::Immutable`],
    /// [`Refusal::LastAdmin`], [`Refusal::HostsExceeded`], a refusal of the actor, or when the database
    /// fails.
    pub async fn set_hosts(
        &self,
        actor: &Actor,
        id: UserId,
        hosts: &HostSelector,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "update users set hosts = $2 where id = $1";
        let entry = entry(actor, Action::UserHosts, id);
        change!(self, actor, entry, |tx, now, rights| {
            let _: Timestamp = now;
            if actor.origin.user_id == Some(id) {
                return Err(Refusal::OwnHosts.into());
            }
            let user = user_to_change!(tx, id, rights);
            rights.forbid_other_hosts(hosts)?;
            if user.hosts == *hosts {
                (false, None)
            } else {
                tx.execute(sqlx::query(SQL).bind(Db(id)).bind(hosts.stored()))
                    .await?;
                if !hosts.is_any() {
                    keep_an_admin!(tx, user);
                }
                (
                    true,
                    Some((
                        format!("user:{}", user.name),
                        format!("{} to {hosts}", user.hosts),
                    )),
                )
            }
        })
    }

    /// Activates or deactivates a user; `false` when it already was so.
    ///
    /// # Errors
    /// [`Refusal::OwnAccount`] on deactivating oneself, [`Refusal::UserNotFound`],
    /// [`Refusal::Immutable`], [`Refusal::LastAdmin`], a refusal of the actor, or when the database
    /// fails.
    pub async fn set_active(
        &self,
        actor: &Actor,
        id: UserId,
        active: bool,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "update users set active = $2 where id = $1";
        let action = if active {
            Action::UserActivate
        } else {
            Action::UserDeactivate
        };
        let entry = entry(actor, action, id);
        change!(self, actor, entry, |tx, now, rights| {
            let _: Timestamp = now;
            if actor.origin.user_id == Some(id) && !active {
                return Err(Refusal::OwnAccount.into());
            }
            let user = user_to_change!(tx, id, rights);
            if user.active == active {
                (false, None)
            } else {
                tx.execute(sqlx::query(SQL).bind(Db(id)).bind(active))
                    .await?;
                keep_an_admin!(tx, user);
                (true, Some((format!("user:{}", user.name), String::new())))
            }
        })
    }

    /// Protects a user from changes, or removes the protection, which requires direct database access;
    /// `false` when it already was so.
    ///
    /// # Errors
    /// [`Refusal::UserNotFound`], [`Refusal::Immutable`] for taking it off otherwise, a refusal of
    /// the actor, or when the database fails.
    pub async fn set_immutable(
        &self,
        actor: &Actor,
        id: UserId,
        immutable: bool,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "update users set immutable = $2 where id = $1";
        let action = if immutable {
            Action::UserProtect
        } else {
            Action::UserUnprotect
        };
        let entry = entry(actor, action, id);
        change!(self, actor, entry, |tx, now, rights| {
            let _: Timestamp = now;
            let row: Option<UserRow> = tx
                .fetch_optional(sqlx::query_as(COLUMNS_BY_ID).bind(Db(id)))
                .await?;
            let user = row.ok_or(Refusal::UserNotFound)?.into_user()?;
            rights.forbid_other_hosts(&user.hosts)?;
            if user.immutable == immutable {
                (false, None)
            } else if user.immutable && !actor.is_local() {
                return Err(Refusal::Immutable.into());
            } else {
                tx.execute(sqlx::query(SQL).bind(Db(id)).bind(immutable))
                    .await?;
                (true, Some((format!("user:{}", user.name), String::new())))
            }
        })
    }

    /// Deletes a user and all its keys.
    ///
    /// # Errors
    /// [`Refusal::UserNotFound`], [`Refusal::Immutable`], [`Refusal::LastAdmin`], a refusal of the
    /// actor, or when the database fails.
    pub async fn delete_user(&self, actor: &Actor, id: UserId) -> Result<(), StoreError> {
        const SQL: &str = "delete from users where id = $1";
        let entry = entry(actor, Action::UserDelete, id);
        change!(self, actor, entry, |tx, now, rights| {
            let _: Timestamp = now;
            let user = user_to_change!(tx, id, rights);
            tx.execute(sqlx::query(SQL).bind(Db(id))).await?;
            keep_an_admin!(tx, user);
            (
                (),
                Some((format!("user:{}", user.name), format!("id {id}"))),
            )
        })
    }
}

/// The hosts that are stored in a row of `table`.
pub(super) fn parse_hosts(
    table: &'static str,
    text: Option<&str>,
) -> Result<HostSelector, StoreError> {
    HostSelector::from_stored(text).map_err(|_| StoreError::Corrupt {
        table,
        column: "hosts",
    })
}

fn entry(actor: &Actor, action: Action, id: UserId) -> Entry<'_> {
    Entry {
        origin: &actor.origin,
        action,
        target: format!("user:{id}"),
        detail: String::new(),
    }
}
