//! How users and keys are changed: in one transaction that first bumps the revision of users and
//! keys. That row's lock lets only one such change run at a time, on both engines, and the new
//! revision shows every daemon that something changed.
//!
//! The caller of a change over HTTP was identified when the head of the request had been read.
//! The body, the hash of a new key and the lock come after that, and take as long as they take. So
//! the actor is looked at again under the lock: a change is never made by a key that was revoked or
//! has expired, nor by a user that was demoted, deactivated or deleted.

use std::collections::BTreeMap;

use super::api_keys::has_ended_at;
use super::audit::Entry;
use super::users::parse_hosts;
use super::{Refusal, Store, StoreError};
use crate::codec::Db;
use linux_api_wire::api_key::{Scope, Scopes};
use linux_api_wire::audit::Actor;
use linux_api_wire::authority::{Denial, allow};
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::{Role, User};

pub(super) const BUMP_AUTH_REVISION: &str = "
    update settings set value = cast(cast(value as bigint) + 1 as text)
    where name = 'auth_revision'
    returning value";

/// Takes no lock of its own: no other change runs, and locks on these rows would meet those of
/// [`Store::record_key_use`](super::Store::record_key_use) in another order.
pub(super) const KEY_NOW: &str = "\
    /*NO QUERY CACHE*/ select k.revoked_at, k.expires_at, k.scopes, u.role, u.active, k.hosts,
        u.hosts
    from api_keys k join users u on u.id = k.user_id
    where k.id = $1 and u.id = $2";

pub(super) const USER_NOW: &str =
    "/*NO QUERY CACHE*/ select role, active, hosts from users where id = $1";

/// A key as it is now: revoked at, expires at, scopes, its user's role and activation, and the hosts of
/// both.
pub(super) type CurrentKeyRow = (
    Db<Option<Timestamp>>,
    Db<Option<Timestamp>>,
    String,
    String,
    bool,
    Option<String>,
    Option<String>,
);

/// A user as it is now: role, activation and hosts.
pub(super) type CurrentUserRow = (String, bool, Option<String>);

/// Labels of the host that a change is made on.
pub(super) type OwnLabels = BTreeMap<String, String>;

/// What an actor may give to others at most.
#[derive(Debug, Clone)]
pub(super) struct Rights {
    pub(super) scopes: Scopes,
    /// The hosts that both its user and its key are limited to.
    pub(super) hosts: HostSelector,
    pub(super) role: Role,
}

impl Rights {
    /// Those of the program itself, and of a user that has the database.
    pub(super) fn all() -> Self {
        Self {
            scopes: Scopes::ALL,
            hosts: HostSelector::default(),
            role: Role::Admin,
        }
    }

    /// An actor that is limited to some hosts changes nothing that counts on others.
    pub(super) fn forbid_other_hosts(&self, hosts: &HostSelector) -> Result<(), StoreError> {
        if hosts.is_within(&self.hosts) {
            Ok(())
        } else {
            Err(Refusal::HostsExceeded.into())
        }
    }

    /// The same for what another user than the actor has: by any key of it, one could act as that user.
    pub(super) fn forbid_other_users(&self, actor: &Actor, user: &User) -> Result<(), StoreError> {
        if actor.origin.user_id == Some(user.id) {
            return Ok(());
        }
        self.forbid_other_hosts(&user.hosts)
    }

    /// The hosts that a new user is to have; its maker's when none were named.
    pub(super) fn or_own(&self, named: &HostSelector) -> HostSelector {
        if named.is_any() { &self.hosts } else { named }.clone()
    }

    /// The hosts that a new key of a user with the hosts `of_user` is to have; those that its maker is
    /// limited to beyond them when none were named.
    pub(super) fn or_narrowed(&self, of_user: &HostSelector, named: &HostSelector) -> HostSelector {
        if named.is_any() {
            self.hosts.without(of_user)
        } else {
            named.clone()
        }
    }
}

/// Whether an actor may still do what it is about to do, and with which rights; a macro because the
/// bound types differ per engine.
///
/// Ends the surrounding transaction's body with [`Refusal::ActorEnded`] or [`Refusal::ActorDenied`]
/// when it may not. The decision holds until the next change of users and keys: in a transaction
/// that holds the lock of [`BUMP_AUTH_REVISION`] until the commit, in any other one at that moment.
/// `$now` must have been read after the last wait.
macro_rules! authorize {
    ($tx:expr, $now:expr, $actor:expr, $labels:expr) => {{
        let actor: &::linux_api_wire::audit::Actor = $actor;
        match actor.authority() {
            ::linux_api_wire::authority::Authority::Key { id, user, scope } => {
                let query = sqlx::query_as($crate::change::KEY_NOW)
                    .bind(id.0.as_str())
                    .bind($crate::codec::Db(*user));
                let key: Option<$crate::change::CurrentKeyRow> = $tx.fetch_optional(query).await?;
                $crate::change::by_key(key, $now, *scope, $labels)?
            }
            ::linux_api_wire::authority::Authority::Peer {
                user: Some(user),
                scope,
                ..
            } => {
                let query = sqlx::query_as($crate::change::USER_NOW).bind($crate::codec::Db(*user));
                let user: Option<$crate::change::CurrentUserRow> =
                    $tx.fetch_optional(query).await?;
                $crate::change::by_account(user, *scope, $labels)?
            }
            ::linux_api_wire::authority::Authority::Peer {
                user: None,
                role,
                scope,
                ..
            } => $crate::change::without_row(*role, *scope)?,
            ::linux_api_wire::authority::Authority::Local
            | ::linux_api_wire::authority::Authority::System => $crate::change::Rights::all(),
        }
    }};
}

pub(super) use authorize;

/// `in_write!`, and once more when the database rolled the transaction back because of another one.
/// PostgreSQL does so with one of two that wait for each other's locks.
macro_rules! in_write_again {
    ($store:expr, |$tx:ident| $body:expr) => {
        $crate::change::in_write_again!(in_write, $store, |$tx| $body)
    };
    ($write:ident, $store:expr, |$tx:ident| $body:expr) => {{
        let mut has_conflicted = false;
        loop {
            match $crate::$write!($store, |$tx| $body) {
                Err(error) if !has_conflicted && error.is_conflict() => has_conflicted = true,
                outcome => break outcome,
            }
        }
    }};
}

pub(super) use in_write_again;

/// A change of users or keys by an actor: bumps the revision, looks whether the actor still may,
/// runs the body, writes the audit row, commits, and notes a refusal in the log when a rule forbade
/// it. The body knows the time and, when it names them, the actor's present rights.
macro_rules! change {
    ($store:expr, $actor:expr, $entry:expr, |$tx:ident, $now:ident| $body:expr) => {
        $crate::change::change!($store, $actor, $entry, |$tx, $now, _rights| $body)
    };
    ($store:expr, $actor:expr, $entry:expr, |$tx:ident, $now:ident, $rights:ident| $body:expr) => {{
        let store: &$crate::Store = $store;
        let actor: &::linux_api_wire::audit::Actor = $actor;
        let entry: $crate::audit::Entry<'_> = $entry;
        let labels = store.own_labels();
        let outcome = $crate::change::in_write_again!(in_admin_write, store, |$tx| {
            let revision: String = $tx
                .fetch_scalar(sqlx::query_scalar($crate::change::BUMP_AUTH_REVISION))
                .await?;
            // Read under the lock: while this waited for it, a key may have expired.
            let $now = store.clock().now();
            let $rights = $crate::change::authorize!($tx, $now, actor, &labels);
            let (answer, said): (_, Option<(String, String)>) = $body;
            let done = said.map(|(target, detail)| $crate::audit::Entry {
                target,
                detail,
                ..entry.clone()
            });
            if let Some(done) = &done {
                $crate::audit::insert_audit!($tx, $now, done, "done");
            }
            Ok((answer, revision, done))
        });
        let outcome = outcome.map(|(answer, revision, done)| {
            store.announce_auth_revision(revision.parse().unwrap_or(i64::MAX));
            (answer, done)
        });
        $crate::change::conclude(store, entry, outcome).await
    }};
}

pub(super) use change;

/// As `change!` for what changes no user, key or setting: without the lock and the new revision that
/// would have every daemon look at every key again, and so with the rights of a daemon's own account.
macro_rules! act {
    ($store:expr, $actor:expr, $entry:expr, |$tx:ident, $now:ident, $rights:ident| $body:expr) => {{
        let store: &$crate::Store = $store;
        let actor: &::linux_api_wire::audit::Actor = $actor;
        let entry: $crate::audit::Entry<'_> = $entry;
        let labels = store.own_labels();
        let outcome = $crate::change::in_write_again!(store, |$tx| {
            let $now = store.clock().now();
            let $rights = $crate::change::authorize!($tx, $now, actor, &labels);
            let (answer, said): (_, Option<(String, String)>) = $body;
            let done = said.map(|(target, detail)| $crate::audit::Entry {
                target,
                detail,
                ..entry.clone()
            });
            if let Some(done) = &done {
                $crate::audit::insert_audit!($tx, $now, done, "done");
            }
            Ok((answer, done))
        });
        $crate::change::conclude(store, entry, outcome).await
    }};
}

pub(super) use act;

/// Logs what was done once it is committed, since what is in the log did happen, and notes in the audit
/// log what a rule forbade.
///
/// # Errors
/// That of the outcome, or when a refusal can't be noted.
pub(super) async fn conclude<T>(
    store: &Store,
    entry: Entry<'_>,
    outcome: Result<(T, Option<Entry<'_>>), StoreError>,
) -> Result<T, StoreError> {
    match outcome {
        Ok((answer, done)) => {
            if let Some(done) = done {
                done.log("done");
            }
            Ok(answer)
        }
        Err(StoreError::Refused(refusal)) => {
            let reason = refusal.to_string();
            store
                .note_refusal(entry.origin, entry.action, entry.target, reason)
                .await?;
            Err(StoreError::Refused(refusal))
        }
        Err(error) => Err(error),
    }
}

/// The rights of a key that is still in use, when it and its user still may.
pub(super) fn by_key(
    key: Option<CurrentKeyRow>,
    now: Timestamp,
    scope: Scope,
    labels: &OwnLabels,
) -> Result<Rights, StoreError> {
    let (revoked_at, expires_at, scopes, role, active, of_key, of_user) =
        key.ok_or(Refusal::ActorEnded)?;
    if has_ended_at(revoked_at.0, expires_at.0, now) {
        return Err(Refusal::ActorEnded.into());
    }
    let scopes = Scopes::from_text(&scopes).map_err(|_| StoreError::Corrupt {
        table: "api_keys",
        column: "scopes",
    })?;
    let of_key = parse_hosts("api_keys", of_key.as_deref())?;
    let of_user = parse_hosts("users", of_user.as_deref())?;
    let hosts = here(of_user.and(&of_key), labels)?;
    let role = parse_role(&role)?;
    allow(role, active, scopes, scope).map_err(Refusal::ActorDenied)?;
    Ok(Rights {
        scopes,
        hosts,
        role,
    })
}

/// The rights of a Linux account whose user still may.
pub(super) fn by_account(
    user: Option<CurrentUserRow>,
    scope: Scope,
    labels: &OwnLabels,
) -> Result<Rights, StoreError> {
    let (role, active, hosts) = user.ok_or(Refusal::ActorEnded)?;
    let hosts = here(parse_hosts("users", hosts.as_deref())?, labels)?;
    let scopes = Scopes::ALL;
    let role = parse_role(&role)?;
    allow(role, active, scopes, scope).map_err(Refusal::ActorDenied)?;
    Ok(Rights {
        scopes,
        hosts,
        role,
    })
}

/// The rights of a Linux account without a user of its own, which has no keys.
pub(super) fn without_row(role: Role, scope: Scope) -> Result<Rights, StoreError> {
    if scope == Scope::KeysSelf {
        return Err(Refusal::UserNotFound.into());
    }
    let rights = Rights {
        role,
        ..Rights::all()
    };
    allow(role, true, rights.scopes, scope).map_err(Refusal::ActorDenied)?;
    Ok(rights)
}

/// The hosts of an actor, when this one is among them.
fn here(hosts: HostSelector, labels: &OwnLabels) -> Result<HostSelector, StoreError> {
    if hosts.matches(labels) {
        Ok(hosts)
    } else {
        Err(Refusal::ActorDenied(Denial::Host).into())
    }
}

fn parse_role(text: &str) -> Result<Role, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt {
        table: "users",
        column: "role",
    })
}

/// A key that was narrowed must not become, or make, a wider one.
pub(super) fn forbid_widening(new: Scopes, of_actor: Scopes) -> Result<(), StoreError> {
    if new.is_within(of_actor) {
        Ok(())
    } else {
        Err(Refusal::ScopesExceeded.into())
    }
}
