//! Messages on their way to channels, and the log of what became of them.

use linux_api_alerts::name::Name;
use linux_api_alerts::plan::Bundle;
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::time::Timestamp;
use uuid::Uuid;

use super::read;
use crate::audit::Entry;
use crate::change::act;
use crate::codec::Db;
use crate::{Store, StoreError, in_write, on_read};

/// The longest error that is stored, in characters.
const ERROR_MAX: usize = 500;

/// A message that is to be sent to a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// What is sent.
    pub bundle: Bundle,
    /// Where to.
    pub channel: Name,
    /// How often it was tried.
    pub attempts: u32,
    /// When the message was made.
    pub made_at: Timestamp,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The status of HTTP, when there was a response.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// What follows.
    pub next: NextStep,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing: the receiver took it.
    Delivered,
    /// Nothing: the receiver wants no more.
    Gone,
    /// Nothing: it was tried for long enough.
    GivenUp,
    /// Another attempt at this time.
    Retry(Timestamp),
}

impl NextStep {
    const fn state(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Gone => "gone",
            Self::GivenUp => "given_up",
            Self::Retry(_) => "waiting",
        }
    }
}

/// A line of the log of deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryLine {
    /// The message.
    pub message: Uuid,
    /// The channel, as it was called.
    pub channel: String,
    /// `waiting`, `delivered`, `gone` or `given_up`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again.
    pub next_attempt: Option<Timestamp>,
    /// When it was last tried, or made.
    pub updated_at: Timestamp,
    /// The last status of HTTP.
    pub status: Option<u16>,
    /// What went wrong last.
    pub error: Option<String>,
}

const DUE: &str = "\
    /*NO QUERY CACHE*/ select m.message, d.channel, d.attempts, m.made_at
    from alert_deliveries d join alert_messages m on m.id = d.message_id
    where d.state = 'waiting' and d.next_attempt <= $1
    order by d.next_attempt, d.message_id, d.channel limit $2";
const RECORD: &str = "
    update alert_deliveries set state = $3, attempts = attempts + 1, next_attempt = $4,
        updated_at = $5, status = $6, error = $7
    where message_id = $1 and channel = $2 and state = 'waiting'";
const LOG: &str = "\
    /*NO QUERY CACHE*/ select message_id, channel, state, attempts, next_attempt, updated_at, status,
        error
    from alert_deliveries order by updated_at desc, message_id, channel limit $1";
/// Some that are old; those with a message on its way stay.
const DELETE_MESSAGES: &str = "
    delete from alert_messages where id in (
        select m.id from alert_messages m where m.made_at < $1 and not exists (
            select 1 from alert_deliveries d where d.message_id = m.id and d.state = 'waiting')
        order by m.made_at limit $2)";
const DELETE_NOTICES: &str = "
    delete from alert_notices where id in (
        select id from alert_notices where time < $1 and state <> 'waiting'
        order by time limit $2)";

type DueRow = (String, String, i32, Db<Timestamp>);
type LogRow = (
    String,
    String,
    String,
    i32,
    Db<Option<Timestamp>>,
    Db<Timestamp>,
    Option<i32>,
    Option<String>,
);

impl Store {
    /// What is to be sent at a time, what is due longest first.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or a row can't be read.
    pub async fn due_deliveries(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows: Vec<DueRow> = on_read!(self, |tx| {
            let query = sqlx::query_as(DUE).bind(Db(now)).bind(i64::from(limit));
            Ok(tx.fetch_all(query).await?)
        })?;
        let rows = rows
            .into_iter()
            .map(|(message, channel, attempts, made_at)| {
                Ok(Delivery {
                    bundle: read("alert_messages", "message", &message)?,
                    channel: channel.parse().map_err(|_| StoreError::Corrupt {
                        table: "alert_deliveries",
                        column: "channel",
                    })?,
                    attempts: u32::try_from(attempts).unwrap_or(0),
                    made_at: made_at.0,
                })
            });
        rows.collect()
    }

    /// Notes an attempt. What was delivered stays so.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn record_attempt(
        &self,
        message: Uuid,
        channel: &Name,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let next = match attempt.next {
            NextStep::Retry(time) => Some(time),
            _ => None,
        };
        let error = attempt.error.as_deref();
        let error: Option<String> = error.map(|text| text.chars().take(ERROR_MAX).collect());
        in_write!(self, |tx| {
            let query = sqlx::query(RECORD)
                .bind(message.to_string())
                .bind(channel.as_str())
                .bind(attempt.next.state())
                .bind(Db(next))
                .bind(Db(self.clock().now()))
                .bind(attempt.status.map(i32::from))
                .bind(error.as_deref());
            tx.execute(query).await?;
            Ok(())
        })
    }

    /// Lets an actor send a test message to a channel, with an audit row. Before it is sent: what was sent is never
    /// without its row.
    ///
    /// # Errors
    /// A refusal of the actor, or when the database fails.
    pub async fn begin_channel_test(
        &self,
        actor: &Actor,
        channel: &Name,
    ) -> Result<(), StoreError> {
        let target = format!("channel:{channel}");
        let entry = Entry {
            origin: &actor.origin,
            action: Action::AlertTest,
            target: target.clone(),
            detail: String::new(),
        };
        act!(self, actor, entry, |tx, now, _rights| {
            ((), Some((target.clone(), String::new())))
        })
    }

    /// The newest deliveries.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or a row can't be read.
    pub async fn delivery_log(&self, limit: u32) -> Result<Vec<DeliveryLine>, StoreError> {
        let rows: Vec<LogRow> = on_read!(self, |tx| {
            let query = sqlx::query_as(LOG).bind(i64::from(limit));
            Ok(tx.fetch_all(query).await?)
        })?;
        let rows = rows.into_iter().map(|row| {
            let (message, channel, state, attempts, next_attempt, updated_at, status, error) = row;
            Ok(DeliveryLine {
                message: message.parse().map_err(|_| StoreError::Corrupt {
                    table: "alert_deliveries",
                    column: "message_id",
                })?,
                channel,
                state,
                attempts: u32::try_from(attempts).unwrap_or(0),
                next_attempt: next_attempt.0,
                updated_at: updated_at.0,
                status: status.and_then(|status| u16::try_from(status).ok()),
                error,
            })
        });
        rows.collect()
    }

    /// Deletes some messages and notices of before a time, at most so many of each; those on their way stay.
    /// Returns how many.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn delete_old_alerts(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for sql in [DELETE_MESSAGES, DELETE_NOTICES] {
            deleted += in_write!(self, |tx| {
                let query = sqlx::query(sql).bind(Db(before)).bind(i64::from(most));
                Ok(tx.execute(query).await?)
            })?;
        }
        Ok(deleted)
    }
}
