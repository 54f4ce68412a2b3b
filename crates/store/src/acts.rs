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
use linux_api_wire::audit::{Action, Actor, Origin, Via};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::UserId;

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
    /// What it says.
    pub event: ActEvent,
}

/// What a line says.
#[derive(Debug, Clone)]
pub enum ActEvent {
    /// The act begins.
    Begun {
        /// What is to be done.
        planned: PlannedAct,
        /// Who it is for, as the daemon claimed.
        name: String,
        /// How the request came in.
        via: Option<Via>,
        /// From where.
        address: Option<IpAddr>,
    },
    /// What became of it.
    Ended {
        /// `done`, `failed` or `refused`.
        result: &'static str,
        /// What is so.
        detail: String,
    },
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

const FIND_BEGUN: &str = "\
    /*NO QUERY CACHE*/ select actor_id, actor, via, action, target, address, request_id
    from audit_log
    where host_id = $1 and act_id = $2 and result = 'begun' and time >= $3 and time <= $4
    order by id desc limit 1";

impl Store {
    /// Writes the row before an act, when the actor still may do it.
    ///
    /// # Errors
    /// A refusal of the actor, or when the database fails.
    pub async fn begin_act(&self, actor: &Actor, act: &PlannedAct) -> Result<(), StoreError> {
        let entry = Entry {
            origin: &actor.origin,
            action: act.action,
            target: act.target.clone(),
            detail: act.detail.clone(),
        };
        let labels = self.own_labels();
        let outcome = in_write_again!(self, |tx| {
            let now = self.clock().now();
            let _rights = authorize!(tx, now, actor, &labels);
            let id = Some(act.id.as_str());
            insert_act!(tx, now, &entry, "begun", self.own_host(), id, None::<&str>);
            Ok(((), None))
        });
        conclude(self, entry.clone(), outcome).await?;
        entry.log("begun");
        Ok(())
    }

    /// Writes what became of an act that the executor's log does not have: it was not reached, or the act was
    /// done by an earlier request.
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
        in_write!(self, |tx| {
            let id = Some(act.id.as_str());
            let now = self.clock().now();
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
                let since = match line.event {
                    ActEvent::Begun { .. } => line.time.saturating_sub(BEFORE),
                    ActEvent::Ended { .. } => line.time.saturating_sub(LONGEST),
                };
                let query = sqlx::query_as(FIND_BEGUN)
                    .bind(host.as_deref())
                    .bind(line.id.as_str())
                    .bind(Db(since))
                    .bind(Db(line.time.saturating_add(AFTER)));
                let begun: Option<BegunRow> = tx.fetch_optional(query).await?;
                match (&line.event, begun) {
                    (
                        ActEvent::Begun {
                            planned,
                            name,
                            via,
                            address,
                        },
                        None,
                    ) => {
                        let origin = Origin {
                            user_id: None,
                            name: name.clone(),
                            via: via.clone().unwrap_or(Via::System),
                            address: *address,
                            request_id: None,
                        };
                        let entry = Entry {
                            origin: &origin,
                            action: planned.action,
                            target: planned.target.clone(),
                            detail: planned.detail.clone(),
                        };
                        let (id, copied) = (Some(line.id.as_str()), Some(line.line.as_str()));
                        added += insert_act!(tx, line.time, &entry, "begun", host, id, copied);
                    }
                    (ActEvent::Begun { .. }, Some(_)) => {}
                    (ActEvent::Ended { result, detail }, Some(begun)) => {
                        let (user, name, via, action, target, address, request_id) = begun;
                        let query = sqlx::query(INSERT_ACT)
                            .bind(Db(line.time))
                            .bind(user)
                            .bind(name)
                            .bind(via)
                            .bind(action)
                            .bind(target)
                            .bind(*result)
                            .bind(detail.as_str())
                            .bind(address)
                            .bind(request_id)
                            .bind(host.as_deref())
                            .bind(line.id.as_str())
                            .bind(line.line.as_str());
                        added += tx.execute(query).await?;
                    }
                    (ActEvent::Ended { .. }, None) => {
                        let id = line.id.as_str();
                        tracing::warn!(
                            id,
                            "the outcome of an act has no row before it, and is left out"
                        );
                    }
                }
            }
            tx.execute(sqlx::query(NOTE).bind(host.as_deref()).bind(last))
                .await?;
            Ok(added)
        })
    }
}
