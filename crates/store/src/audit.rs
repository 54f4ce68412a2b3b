//! The audit log: rows are added in the transaction of the change and never change.

use crate::codec::{Db, stored_row};
use std::time::Duration;

use super::{Store, StoreError, in_admin_write, in_write, on_read};
use linux_api_wire::audit::{Action, Actor, AuditRow, Origin};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::UserId;

/// What is about to be written to the log, before its outcome is known.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    pub(super) origin: &'a Origin,
    pub(super) action: Action,
    /// `user:NAME`, `user:ID` or `key:ID`.
    pub(super) target: String,
    pub(super) detail: String,
}

/// Which rows to list. All conditions that are given must hold.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Rows written before this id, for the next page.
    pub before: Option<i64>,
    /// Rows by the user with this name.
    pub actor: Option<String>,
    /// Rows with this action.
    pub action: Option<String>,
    /// Rows about this target.
    pub target: Option<String>,
    /// Rows with this result.
    pub result: Option<String>,
    /// Rows at or after this time.
    pub from: Option<Timestamp>,
    /// Rows at or before this time.
    pub to: Option<Timestamp>,
}

struct Row {
    id: i64,
    time: Timestamp,
    actor_id: Option<UserId>,
    actor: String,
    via: String,
    action: String,
    target: String,
    result: String,
    detail: String,
    address: Option<String>,
    request_id: Option<String>,
    host_id: Option<String>,
    act_id: Option<String>,
}

stored_row!(Row { id, actor, via, action, target, result, detail, address, request_id, host_id, act_id; db time: Timestamp, actor_id: Option<UserId> });

impl From<Row> for AuditRow {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            time: row.time,
            actor_id: row.actor_id,
            actor: row.actor,
            via: row.via,
            action: row.action,
            target: row.target,
            result: row.result,
            detail: row.detail,
            address: row.address,
            request_id: row.request_id,
            host_id: row.host_id,
            act_id: row.act_id,
        }
    }
}

/// Adds one row; a macro because the bound types differ per engine.
macro_rules! insert_audit {
    ($tx:expr, $now:expr, $entry:expr, $result:expr) => {{
        let entry: &$crate::audit::Entry<'_> = $entry;
        $tx.execute(
            sqlx::query($crate::audit::INSERT)
                .bind($crate::codec::Db($now))
                .bind($crate::codec::Db(entry.origin.user_id))
                .bind(entry.origin.name.as_str())
                .bind(entry.origin.via.to_string())
                .bind(entry.action.as_str())
                .bind(entry.target.as_str())
                .bind($result)
                .bind(entry.detail.as_str())
                .bind(entry.origin.address.map(|address| address.to_string()))
                .bind(entry.origin.request_id.as_deref()),
        )
        .await?
    }};
}

pub(super) const INSERT: &str = "
    insert into audit_log
        (time, actor_id, actor, via, action, target, result, detail, address, request_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

pub(super) use insert_audit;

/// Adds one row about an act on a host, unless the line of the executor's log was copied before.
macro_rules! insert_act {
    ($tx:expr, $now:expr, $entry:expr, $result:expr, $host:expr, $id:expr, $line:expr) => {{
        let entry: &$crate::audit::Entry<'_> = $entry;
        $tx.execute(
            sqlx::query($crate::audit::INSERT_ACT)
                .bind($crate::codec::Db($now))
                .bind($crate::codec::Db(entry.origin.user_id))
                .bind(entry.origin.name.as_str())
                .bind(entry.origin.via.to_string())
                .bind(entry.action.as_str())
                .bind(entry.target.as_str())
                .bind($result)
                .bind(entry.detail.as_str())
                .bind(entry.origin.address.map(|address| address.to_string()))
                .bind(entry.origin.request_id.as_deref())
                .bind($host.as_deref())
                .bind($id)
                .bind($line),
        )
        .await?
    }};
}

pub(super) const INSERT_ACT: &str = "
    insert into audit_log (time, actor_id, actor, via, action, target, result, detail, address, request_id,
        host_id, act_id, act_line)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    on conflict do nothing";

pub(super) use insert_act;

fn expiry(system: &Origin, cutoff: Timestamp, deleted: u64) -> Entry<'_> {
    Entry {
        origin: system,
        action: Action::AuditExpire,
        target: "audit_log".to_owned(),
        detail: format!("{deleted} rows before {cutoff}"),
    }
}

impl Entry<'_> {
    /// Writes the row to the program's log too, under the target `audit`.
    pub(super) fn log(&self, result: &'static str) {
        let origin = self.origin;
        tracing::info!(
            target: "audit",
            action = self.action.as_str(),
            subject = self.target.as_str(),
            result,
            detail = self.detail.as_str(),
            actor = origin.name.as_str(),
            via = %origin.via,
            address = origin.address.map(tracing::field::display),
            request_id = origin.request_id.as_deref(),
            "{} {} {result}",
            self.action.as_str(),
            self.target,
        );
    }
}

impl Store {
    /// Deletes rows that are older than `cutoff`, once there are some a day older than that, at most
    /// 20 000 of them, and notes how many: the one way in which rows ever go. Zero when there was
    /// nothing to do.
    ///
    /// # Errors
    /// [`StoreError::AdminRequired`], or when the database fails; then nothing is deleted.
    pub async fn delete_old_audit(&self, cutoff: Timestamp) -> Result<u64, StoreError> {
        const DUE: &str = "select id from audit_log where time < $1 limit 1";
        // The trigger on the log lets rows before this time go. No other transaction ever sees the setting:
        // it lives within this transaction.
        const OPEN: &str = "insert into settings (name, value) values ('audit_expired_before', $1)";
        const DELETE: &str = "
            delete from audit_log where id in
                (select id from audit_log where time < $1 order by time, id limit 20000)";
        const CLOSE: &str = "delete from settings where name = 'audit_expired_before'";
        let now = self.clock().now();
        let a_day_before = cutoff.saturating_sub(Duration::from_hours(24));
        let system = Origin::system();
        let deleted = in_admin_write!(self, |tx| {
            let due: Option<(i64,)> = tx
                .fetch_optional(sqlx::query_as(DUE).bind(Db(a_day_before)))
                .await?;
            if due.is_none() {
                return Ok(0);
            }
            tx.execute(sqlx::query(OPEN).bind(cutoff.as_millis().to_string()))
                .await?;
            let deleted = tx.execute(sqlx::query(DELETE).bind(Db(cutoff))).await?;
            tx.execute(sqlx::query(CLOSE)).await?;
            let entry = expiry(&system, cutoff, deleted);
            insert_audit!(tx, now, &entry, "done");
            Ok(deleted)
        })?;
        if deleted > 0 {
            expiry(&system, cutoff, deleted).log("done");
        }
        Ok(deleted)
    }

    /// Records a change or why it was refused, when the change itself lies outside of
    /// the database.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn audit(
        &self,
        actor: &Actor,
        action: Action,
        target: &str,
        outcome: Result<String, String>,
    ) -> Result<(), StoreError> {
        let now = self.clock().now();
        let (result, detail) = match outcome {
            Ok(detail) => ("done", detail),
            Err(reason) => ("refused", reason),
        };
        let entry = Entry {
            origin: &actor.origin,
            action,
            target: target.to_owned(),
            detail,
        };
        in_write!(self, |tx| {
            insert_audit!(tx, now, &entry, result);
            Ok(())
        })?;
        entry.log(result);
        Ok(())
    }

    /// The newest rows that pass the filter, newest first.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn list_audit(
        &self,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        const SQL: &str = "\
            /*NO QUERY CACHE*/ select id, time, actor_id, actor, via, action, target, result,
                detail, address, request_id, host_id, act_id
            from audit_log
            where id < $1
                and ($2 is null or actor = $2)
                and ($3 is null or action = $3)
                and ($4 is null or target = $4)
                and ($5 is null or result = $5)
                and time >= $6
                and time <= $7
            order by id desc
            limit $8";
        // Both ends of what timestamptz and a four-digit year can hold.
        let earliest = Timestamp::from_millis(-62_135_596_800_000);
        let latest = Timestamp::from_millis(253_402_300_799_999);
        let from = filter.from.unwrap_or(earliest).max(earliest);
        let to = filter.to.unwrap_or(latest).min(latest);
        let rows: Vec<Row> = on_read!(self, |tx| Ok(tx
            .fetch_all(
                sqlx::query_as(SQL)
                    .bind(filter.before.unwrap_or(i64::MAX))
                    .bind(filter.actor.as_deref())
                    .bind(filter.action.as_deref())
                    .bind(filter.target.as_deref())
                    .bind(filter.result.as_deref())
                    .bind(Db(from))
                    .bind(Db(to))
                    .bind(i64::from(limit)),
            )
            .await?))?;
        Ok(rows.into_iter().map(AuditRow::from).collect())
    }
}
