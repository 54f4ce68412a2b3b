//! Writing what the Python Linux-API had: users and keys at once, measurements a little at a time.

use crate::codec::Db;
use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::audit::Entry;
use super::change::change;
use super::error::is_unique_violation;
use super::request_stats::{ROWS, Upsert, per_resolution, signed};
use super::{Refusal, Store, StoreError, in_admin_write, in_write, on_read};
use linux_api_wire::api_key::{KeyId, Scopes};
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::request_stats::{RequestMethod, Resolution};
use linux_api_wire::sketch::Sketch;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::{Role, UserId};

/// The Python program did not record methods.
const METHOD: &str = RequestMethod::Other.as_str();

/// A user about to be imported.
#[derive(Debug, Clone)]
pub struct ImportedUser {
    /// Its id here.
    pub id: UserId,
    /// Its name here.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether it may do anything.
    pub active: bool,
    /// Whether others are kept from changing it.
    pub immutable: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last seen.
    pub last_login: Option<Timestamp>,
}

/// A key about to be imported.
#[derive(Debug, Clone)]
pub struct ImportedKey {
    /// Its public id, the same whenever it is imported.
    pub id: KeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// What it is called.
    pub name: String,
    /// How it is checked.
    pub hash: String,
    /// What it may do at most.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it is kept from being used.
    pub revoked: bool,
}

/// Users and keys, imported together or not at all.
#[derive(Debug, Clone, Default)]
pub struct UserImport {
    /// Users that are new here.
    pub users: Vec<ImportedUser>,
    /// Where users come from, and who they are here.
    pub sources: Vec<(String, UserId)>,
    /// Keys; those that are here already stay as they are.
    pub keys: Vec<ImportedKey>,
    /// Secrets that keys are checked with, by the name of their setting.
    pub secrets: Vec<(String, SecretString)>,
    /// What the audit log says.
    pub detail: String,
}

/// Requests to one route in one bucket of time, without a sketch.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedStats {
    /// How long the bucket is.
    pub resolution: Resolution,
    /// When it begins.
    pub time: Timestamp,
    /// Template of the route.
    pub route: String,
    /// How many requests there were.
    pub requests: u64,
    /// Their durations together, in seconds.
    pub sum: f64,
    /// The shortest, in seconds.
    pub min: f64,
    /// The longest, in seconds.
    pub max: f64,
    /// The 50th, 95th and 99th percentile, in seconds.
    pub percentiles: [f64; 3],
}

/// How often requests to one route ended with one status in one bucket of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedStatus {
    /// How long the bucket is.
    pub resolution: Resolution,
    /// When it begins.
    pub time: Timestamp,
    /// Template of the route.
    pub route: String,
    /// HTTP status.
    pub status: u16,
    /// How often.
    pub count: u64,
}

/// Whose measurements are imported.
#[derive(Debug, Clone)]
pub struct ImportedFrom {
    /// The host that they are about.
    pub host_id: String,
    /// Which installation of the Python program made them; the same whenever it is imported.
    pub instance_id: String,
}

impl Store {
    /// Who of the Python program was imported, and who they became, deleted ones included.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn imported_sources(&self) -> Result<BTreeMap<String, UserId>, StoreError> {
        const SQL: &str = "select source, user_id from imported_users order by source";
        let rows: Vec<(String, Db<UserId>)> =
            on_read!(self, |tx| Ok(tx.fetch_all(sqlx::query_as(SQL)).await?))?;
        let rows = rows.into_iter();
        Ok(rows.map(|(source, user)| (source, user.0)).collect())
    }

    /// Adds users and keys in one transaction. What is there already stays as it is.
    ///
    /// # Errors
    /// [`Refusal::NameTaken`] when the name was taken meanwhile, a refusal of the actor, or when the
    /// database fails.
    pub async fn import_users(&self, actor: &Actor, import: &UserImport) -> Result<(), StoreError> {
        const USER: &str = "
            insert into users (id, name, role, active, immutable, created_at, last_login)
            values ($1, $2, $3, $4, $5, $6, $7)";
        const SOURCE: &str = "
            insert into imported_users (source, user_id, imported_at) values ($1, $2, $3)
            on conflict do nothing";
        const KEY: &str = "
            insert into api_keys (id, user_id, name, hash, scopes, created_at, revoked_at)
            values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing";
        const SECRET: &str = "
            insert into settings (name, value) values ($1, $2) on conflict do nothing";
        let entry = Entry {
            origin: &actor.origin,
            action: Action::DbImport,
            target: "users".to_owned(),
            detail: String::new(),
        };
        change!(self, actor, entry, |tx, now| {
            for one in &import.users {
                let query = sqlx::query(USER)
                    .bind(Db(one.id))
                    .bind(one.name.as_str())
                    .bind(one.role.as_str())
                    .bind(one.active)
                    .bind(one.immutable)
                    .bind(Db(one.created_at))
                    .bind(Db(one.last_login));
                if let Err(error) = tx.execute(query).await {
                    if is_unique_violation(&error) {
                        return Err(Refusal::NameTaken.into());
                    }
                    return Err(error.into());
                }
            }
            for (source, id) in &import.sources {
                let query = sqlx::query(SOURCE).bind(source.as_str()).bind(Db(*id));
                tx.execute(query.bind(Db(now))).await?;
            }
            for one in &import.keys {
                let query = sqlx::query(KEY)
                    .bind(one.id.0.as_str())
                    .bind(Db(one.user_id))
                    .bind(one.name.as_str())
                    .bind(one.hash.as_str())
                    .bind(one.scopes.to_text())
                    .bind(Db(one.created_at))
                    .bind(Db(one.revoked.then_some(now)));
                tx.execute(query).await?;
            }
            for (name, secret) in &import.secrets {
                let query = sqlx::query(SECRET).bind(name.as_str());
                tx.execute(query.bind(secret.expose_secret())).await?;
            }
            ((), Some(("users".to_owned(), import.detail.clone())))
        })
    }

    /// Stores a secret under this name unless there is one, and returns the stored one.
    ///
    /// # Errors
    /// [`StoreError::AdminRequired`], or when the database fails.
    pub async fn keep_secret(
        &self,
        name: &str,
        secret: &SecretString,
    ) -> Result<SecretString, StoreError> {
        const INSERT: &str = "
            insert into settings (name, value) values ($1, $2) on conflict do nothing";
        const SELECT: &str = "/*NO QUERY CACHE*/ select value from settings where name = $1";
        let kept: String = in_admin_write!(self, |tx| {
            let query = sqlx::query(INSERT).bind(name).bind(secret.expose_secret());
            tx.execute(query).await?;
            Ok(tx
                .fetch_scalar(sqlx::query_scalar(SELECT).bind(name))
                .await?)
        })?;
        Ok(kept.into())
    }

    /// Writes imported requests. Writing the same again changes nothing, and a row never gives way
    /// to one with fewer requests.
    ///
    /// # Errors
    /// When the database fails or does not respond within the deadline.
    pub async fn import_stats(
        &self,
        from: &ImportedFrom,
        stats: &[ImportedStats],
    ) -> Result<(), StoreError> {
        in_write!(self, |tx| {
            for resolution in Resolution::ALL {
                let upsert = stats_upsert(resolution);
                let of_table = stats.iter().filter(|one| one.resolution == resolution);
                let of_table: Vec<_> = of_table.collect();
                for rows in of_table.chunks(ROWS) {
                    let mut query = sqlx::QueryBuilder::new(upsert.insert);
                    query.push_values(rows, |mut row, one| {
                        let [p50, p95, p99] = one.percentiles;
                        row.push_bind(Db(one.time))
                            .push_bind(one.route.as_str())
                            .push_bind(METHOD)
                            .push_bind(from.host_id.as_str())
                            .push_bind(from.instance_id.as_str())
                            .push_bind(signed(one.requests))
                            .push_bind(one.sum)
                            .push_bind(one.min)
                            .push_bind(one.max)
                            .push_bind(Sketch::new().encode())
                            .push_bind(p50)
                            .push_bind(p95)
                            .push_bind(p99);
                    });
                    query.push(upsert.conflict);
                    tx.execute_bulk(query.build(), rows.len() == ROWS).await?;
                }
            }
            Ok(())
        })
    }

    /// Writes imported statuses, as [`Store::import_stats`] does.
    ///
    /// # Errors
    /// When the database fails or does not respond within the deadline.
    pub async fn import_statuses(
        &self,
        from: &ImportedFrom,
        statuses: &[ImportedStatus],
    ) -> Result<(), StoreError> {
        in_write!(self, |tx| {
            for resolution in Resolution::ALL {
                let upsert = super::request_stats::status_upsert(resolution);
                let of_table = statuses.iter().filter(|one| one.resolution == resolution);
                let of_table: Vec<_> = of_table.collect();
                for rows in of_table.chunks(ROWS) {
                    let mut query = sqlx::QueryBuilder::new(upsert.insert);
                    query.push_values(rows, |mut row, one| {
                        row.push_bind(Db(one.time))
                            .push_bind(one.route.as_str())
                            .push_bind(METHOD)
                            .push_bind(i32::from(one.status))
                            .push_bind(from.host_id.as_str())
                            .push_bind(from.instance_id.as_str())
                            .push_bind(signed(one.count));
                    });
                    query.push(upsert.conflict);
                    tx.execute_bulk(query.build(), rows.len() == ROWS).await?;
                }
            }
            Ok(())
        })
    }
}

fn stats_upsert(resolution: Resolution) -> Upsert {
    Upsert {
        insert: per_resolution!(
            resolution,
            "insert into ",
            "request_stats",
            " as old (time, route, method, host_id, instance_id, requests, sum, min, max, sketch,
                p50, p95, p99) "
        ),
        conflict: "
            on conflict (time, route, method, instance_id) do update set
                host_id = excluded.host_id, requests = excluded.requests, sum = excluded.sum,
                min = excluded.min, max = excluded.max, sketch = excluded.sketch,
                p50 = excluded.p50, p95 = excluded.p95, p99 = excluded.p99
            where old.requests <= excluded.requests",
    }
}
