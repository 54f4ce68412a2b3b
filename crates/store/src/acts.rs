//! Acts on hosts in the audit log: a row before each, and rows copied from the executor's own log.
//!
//! The row before is written by the daemon when the database responds in time. The others are copied from the
//! executor's log, line by line and each line once, also when the daemon or the database ended meanwhile:
//! the outcome, and the row before where it is missing.

use std::net::IpAddr;
use std::time::Duration;

use super::audit::{Entry, INSERT_ACT, insert_act};
use super::change::{authorize, conclude, in_write_again};
use super::{Store, StoreError, in_write, on_read};
use crate::codec::Db;
use linux_api_wire::audit::{Action, Actor, Via};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::{Role, UserId};

/// How long before the executor's line the row of the daemon can be: a request waits that long at most.
const BEFORE: Duration = Duration::from_secs(150);
/// How much later than that line a clock that is set back can make the row.
const AFTER: Duration = Duration::from_secs(10);
/// How long an act takes at most.
const LONGEST: Duration = Duration::from_mins(15);

/// An act that is about to begin.
#[derive(Debug, Clone)]
pub struct PlannedAct {
    /// By which id the executor will know it.
    pub id: String,
    /// What is to be done.
    pub action: Action,
    /// On what: `unit:NAME` or `process:PID@START`.
    pub target: String,
    /// With which arguments.
    pub detail: String,
}

/// A line of the executor's log.
#[derive(Debug, Clone)]
pub struct ActLine {
    /// Its number and hash, as `NUMBER:HASH`.
    pub line: String,
    /// When it was written.
    pub time: Timestamp,
    /// The id of the request.
    pub id: String,
    /// What was requested; unknown in early lines about outcomes.
    pub act: Option<ClaimedAct>,
    /// What became of it; none when it begins.
    pub outcome: Option<ActOutcome>,
}

/// An act, and who requested it as the daemon claimed.
#[derive(Debug, Clone)]
pub struct ClaimedAct {
    /// What is to be done.
    pub planned: PlannedAct,
    /// Who it is for.
    pub name: String,
    /// How the request came in.
    pub via: Option<Via>,
    /// From where.
    pub address: Option<IpAddr>,
}

/// What became of an act.
#[derive(Debug, Clone)]
pub struct ActOutcome {
    /// `done`, `failed` or `refused`.
    pub result: &'static str,
    /// What is so.
    pub detail: String,
}

/// The row before an act: user, name, way in, action, target, address and request.
type BegunRow = (
    Db<Option<UserId>>,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
);

/// By all that the line says: a request that was refused has a row too, and can have the id of another one.
const FIND_BEGUN: &str = "\
    /*NO QUERY CACHE*/ select actor_id, actor, via, action, target, address, request_id
    from audit_log
    where host_id = $1 and act_id = $2 and result = 'begun' and time >= $3 and time <= $4
        and ($5 is null or (via = $5 and action = $6 and target = $7 and detail = $8))
    order by id desc limit 1";

impl ClaimedAct {
    fn way_in(&self) -> String {
        self.via.clone().unwrap_or(Via::System).to_string()
    }

    /// The row of a daemon that could not write it.
    fn row(&self) -> BegunRow {
        (
            Db(None),
            self.name.clone(),
            self.way_in(),
            self.planned.action.as_str().to_owned(),
            self.planned.target.clone(),
            self.address.map(|address| address.to_string()),
            None,
        )
    }
}

impl Store {
    /// Writes the row before an act, when the actor still may do it. Returns the actor's role as it is now.
    ///
    /// Of one whose refusals are only counted by now it is left out: most likely nothing begins. If it does, the
    /// row is copied from the executor's log.
    ///
    /// # Errors
    /// A refusal of the actor, or when the database fails.
    pub async fn begin_act(&self, actor: &Actor, act: &PlannedAct) -> Result<Role, StoreError> {
        let entry = Entry {
            origin: &actor.origin,
            action: act.action,
            target: act.target.clone(),
            detail: act.detail.clone(),
        };
        let labels = self.own_labels();
        let now = self.clock().now();
        let is_left_out = self.inner.refusals.is_counting(&actor.origin, now);
        let outcome = in_write_again!(self, |tx| {
            let now = self.clock().now();
            let rights = authorize!(tx, now, actor, &labels);
            if !is_left_out {
                let id = Some(act.id.as_str());
                insert_act!(tx, now, &entry, "begun", self.own_host(), id, None::<&str>);
            }
            Ok((rights.role, None))
        });
        let role = conclude(self, entry.clone(), outcome).await?;
        entry.log("begun");
        Ok(role)
    }

    /// Writes what became of an act that the executor's log does not have: it was not reached, or the act was
    /// done by an earlier request. Many of one caller are counted, as refusals are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_act(
        &self,
        actor: &Actor,
        act: &PlannedAct,
        result: &'static str,
        detail: &str,
    ) -> Result<(), StoreError> {
        let entry = Entry {
            origin: &actor.origin,
            action: act.action,
            target: act.target.clone(),
            detail: detail.to_owned(),
        };
        entry.log(result);
        let now = self.clock().now();
        if !self.inner.refusals.admit(&actor.origin, now) {
            return Ok(());
        }
        in_write!(self, |tx| {
            let id = Some(act.id.as_str());
            insert_act!(tx, now, &entry, result, self.own_host(), id, None::<&str>);
            Ok(())
        })
    }

    /// Up to which line the executor's log was copied.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn copied_acts(&self) -> Result<Option<String>, StoreError> {
        const SQL: &str = "/*NO QUERY CACHE*/ select acts_copied from hosts where id = $1";
        let host = self.own_host();
        let found: Option<(Option<String>,)> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(SQL).bind(host.as_deref()))
            .await?))?;
        Ok(found.and_then(|(line,)| line))
    }

    /// Copies lines that follow each other; each counts once. `last` is the last line that was read. Returns
    /// how many rows were added.
    ///
    /// # Errors
    /// When the database fails; then nothing is copied.
    pub async fn copy_acts(&self, lines: &[ActLine], last: &str) -> Result<u64, StoreError> {
        const NOTE: &str = "update hosts set acts_copied = $2 where id = $1";
        let host = self.own_host();
        in_write_again!(self, |tx| {
            let mut added = 0;
            for line in lines {
                let before = if line.outcome.is_none() {
                    BEFORE
                } else {
                    LONGEST
                };
                let act = line.act.as_ref();
                let query = sqlx::query_as(FIND_BEGUN)
                    .bind(host.as_deref())
                    .bind(line.id.as_str())
                    .bind(Db(line.time.saturating_sub(before)))
                    .bind(Db(line.time.saturating_add(AFTER)))
                    .bind(act.map(ClaimedAct::way_in))
                    .bind(act.map(|act| act.planned.action.as_str()))
                    .bind(act.map(|act| act.planned.target.as_str()))
                    .bind(act.map(|act| act.planned.detail.as_str()));
                let begun: Option<BegunRow> = tx.fetch_optional(query).await?;
                let (result, detail) = match (&line.outcome, act) {
                    // The daemon wrote it itself.
                    (None, _) if begun.is_some() => continue,
                    (None, act) => ("begun", act.map_or("", |act| &act.planned.detail)),
                    (Some(outcome), _) => (outcome.result, outcome.detail.as_str()),
                };
                let Some(row) = begun.or_else(|| act.map(ClaimedAct::row)) else {
                    let id = line.id.as_str();
                    tracing::warn!(
                        id,
                        "the outcome of an act has no row before it, and is left out"
                    );
                    continue;
                };
                let (user, name, via, action, target, address, request_id) = row;
                let query = sqlx::query(INSERT_ACT)
                    .bind(Db(line.time))
                    .bind(user)
                    .bind(name)
                    .bind(via)
                    .bind(action)
                    .bind(target)
                    .bind(result)
                    .bind(detail)
                    .bind(address)
                    .bind(request_id)
                    .bind(host.as_deref())
                    .bind(line.id.as_str())
                    .bind(line.line.as_str());
                added += tx.execute(query).await?;
            }
            tx.execute(sqlx::query(NOTE).bind(host.as_deref()).bind(last))
                .await?;
            Ok(added)
        })
    }
}
