//! How users and keys are changed: in one transaction that first bumps the revision of users and
//! keys. That row's lock lets only one such change run at a time, on both engines, and the new
//! revision shows every daemon that something changed.
//!
//! The caller of a change over HTTP was identified when the head of the request had been read.
//! The body, the hash of a new key and the lock come after that, and take as long as they take. So
//! the actor is looked at again under the lock: a change is never made by a key that was revoked or
//! has expired, nor by a user that was demoted, deactivated or deleted.

use super::api_keys::has_ended_at;
use super::{Refusal, StoreError};
use crate::codec::Db;
use linux_api_wire::api_key::{Scope, Scopes};
use linux_api_wire::authority::allow;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;

pub(super) const BUMP_AUTH_REVISION: &str = "
    update settings set value = cast(cast(value as bigint) + 1 as text)
    where name = 'auth_revision'
    returning value";

/// Takes no lock of its own: no other change runs, and locks on these rows would meet those of
/// [`Store::record_key_use`](super::Store::record_key_use) in another order.
pub(super) const KEY_NOW: &str = "\
    /*NO QUERY CACHE*/ select k.revoked_at, k.expires_at, k.scopes, u.role, u.active
    from api_keys k join users u on u.id = k.user_id
    where k.id = $1 and u.id = $2";

pub(super) const USER_NOW: &str = "/*NO QUERY CACHE*/ select role, active from users where id = $1";

/// A key as it is now: revoked at, expires at, scopes, and its user's role and activation.
pub(super) type CurrentKeyRow = (
    Db<Option<Timestamp>>,
    Db<Option<Timestamp>>,
    String,
    String,
    bool,
);

/// A user as it is now: role and activation.
pub(super) type CurrentUserRow = (String, bool);

/// Whether an actor may still do what it is about to do, and with which scopes; a macro because the
/// bound types differ per engine.
///
/// Ends the surrounding transaction's body with [`Refusal::ActorEnded`] or [`Refusal::ActorDenied`]
/// when it may not. The decision holds until the next change of users and keys: in a transaction
/// that holds the lock of [`BUMP_AUTH_REVISION`] until the commit, in any other one at that moment.
/// `$now` must have been read after the last wait.
macro_rules! authorize {
    ($tx:expr, $now:expr, $actor:expr) => {{
        let actor: &::linux_api_wire::audit::Actor = $actor;
        match actor.authority() {
            ::linux_api_wire::authority::Authority::Key { id, user, scope } => {
                let query = sqlx::query_as($crate::change::KEY_NOW)
                    .bind(id.0.as_str())
                    .bind($crate::codec::Db(*user));
                let key: Option<$crate::change::CurrentKeyRow> = $tx.fetch_optional(query).await?;
                $crate::change::by_key(key, $now, *scope)?
            }
            ::linux_api_wire::authority::Authority::Peer {
                user: Some(user),
                scope,
                ..
            } => {
                let query = sqlx::query_as($crate::change::USER_NOW).bind($crate::codec::Db(*user));
                let user: Option<$crate::change::CurrentUserRow> =
                    $tx.fetch_optional(query).await?;
                $crate::change::by_account(user, *scope)?
            }
            ::linux_api_wire::authority::Authority::Peer {
                user: None, scope, ..
            } => $crate::change::without_row(*scope)?,
            ::linux_api_wire::authority::Authority::Local
            | ::linux_api_wire::authority::Authority::System => {
                ::linux_api_wire::api_key::Scopes::ALL
            }
        }
    }};
}

pub(super) use authorize;

/// `in_write!`, and once more when the database rolled the transaction back because of another one.
/// PostgreSQL does so with one of two that wait for each other's locks.
macro_rules! in_write_again {
    ($store:expr, |$tx:ident| $body:expr) => {{
        let mut has_conflicted = false;
        loop {
            match $crate::in_write!($store, |$tx| $body) {
                Err(error) if !has_conflicted && error.is_conflict() => has_conflicted = true,
                outcome => break outcome,
            }
        }
    }};
}

pub(super) use in_write_again;

/// A change of users or keys by an actor: bumps the revision, looks whether the actor still may,
/// runs the body, writes the audit row, commits, and notes a refusal in the log when a rule forbade
/// it. The body knows the time and, when it names them, the actor's present scopes.
macro_rules! change {
    ($store:expr, $actor:expr, $entry:expr, |$tx:ident, $now:ident| $body:expr) => {
        $crate::change::change!($store, $actor, $entry, |$tx, $now, _scopes| $body)
    };
    ($store:expr, $actor:expr, $entry:expr, |$tx:ident, $now:ident, $scopes:ident| $body:expr) => {{
        let store: &$crate::Store = $store;
        let actor: &::linux_api_wire::audit::Actor = $actor;
        let entry: $crate::audit::Entry<'_> = $entry;
        let outcome = $crate::change::in_write_again!(store, |$tx| {
            let revision: String = $tx
                .fetch_scalar(sqlx::query_scalar($crate::change::BUMP_AUTH_REVISION))
                .await?;
            // Read under the lock: while this waited for it, a key may have expired.
            let $now = store.clock().now();
            let $scopes = $crate::change::authorize!($tx, $now, actor);
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
        match outcome {
            Ok((answer, revision, done)) => {
                store.announce_auth_revision(revision.parse().unwrap_or(i64::MAX));
                // After the commit: what is in the log did happen.
                if let Some(done) = done {
                    done.log("done");
                }
                Ok(answer)
            }
            Err($crate::StoreError::Refused(refusal)) => {
                let reason = refusal.to_string();
                store
                    .note_refusal(entry.origin, entry.action, entry.target, reason)
                    .await?;
                Err($crate::StoreError::Refused(refusal))
            }
            Err(error) => Err(error),
        }
    }};
}

pub(super) use change;

/// The scopes of a key that is still in use, when it and its user still may.
pub(super) fn by_key(
    key: Option<CurrentKeyRow>,
    now: Timestamp,
    scope: Scope,
) -> Result<Scopes, StoreError> {
    let (revoked_at, expires_at, scopes, role, active) = key.ok_or(Refusal::ActorEnded)?;
    if has_ended_at(revoked_at.0, expires_at.0, now) {
        return Err(Refusal::ActorEnded.into());
    }
    let scopes = Scopes::from_text(&scopes).map_err(|_| StoreError::Corrupt {
        table: "api_keys",
        column: "scopes",
    })?;
    allow(parse_role(&role)?, active, scopes, scope).map_err(Refusal::ActorDenied)?;
    Ok(scopes)
}

/// The scopes of a Linux account whose user still may.
pub(super) fn by_account(user: Option<CurrentUserRow>, scope: Scope) -> Result<Scopes, StoreError> {
    let (role, active) = user.ok_or(Refusal::ActorEnded)?;
    let scopes = Scopes::ALL;
    allow(parse_role(&role)?, active, scopes, scope).map_err(Refusal::ActorDenied)?;
    Ok(scopes)
}

/// The scopes of a Linux account without a user of its own: a viewer that has no keys.
pub(super) fn without_row(scope: Scope) -> Result<Scopes, StoreError> {
    if scope == Scope::KeysSelf {
        return Err(Refusal::UserNotFound.into());
    }
    let scopes = Scopes::ALL;
    allow(Role::Viewer, true, scopes, scope).map_err(Refusal::ActorDenied)?;
    Ok(scopes)
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
