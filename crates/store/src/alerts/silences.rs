//! Silences.

use linux_api_alerts::silence::Silence;
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::time::Timestamp;
use uuid::Uuid;

use super::{read, stored};
use crate::audit::Entry;
use crate::change::act;
use crate::codec::Db;
use crate::{Refusal, Store, StoreError, in_write, on_read};

const TABLE: &str = "alert_silences";
/// The most silences that are not over.
const SILENCES_MAX: i64 = 1_000;

pub(super) const LIST: &str = "\
    /*NO QUERY CACHE*/ select id, silence from alert_silences
    where until_time is null or until_time > $1 order by id";
const COUNT: &str = "\
    /*NO QUERY CACHE*/ select count(*) from alert_silences
    where until_time is null or until_time > $1";
const INSERT: &str = "insert into alert_silences (id, until_time, silence) values ($1, $2, $3)";
const FIND: &str = "/*NO QUERY CACHE*/ select silence from alert_silences where id = $1";
const UPDATE: &str = "update alert_silences set until_time = $2, silence = $3 where id = $1";
const DELETE_OVER: &str = "delete from alert_silences where until_time < $1";

/// Those of rows with ids and texts that can be read here.
pub(super) fn readable(rows: Vec<(String, String)>) -> Vec<Silence> {
    let read = |(id, text): (String, String)| match serde_json::from_str(&text) {
        Ok(silence) => Some(silence),
        Err(error) => {
            tracing::warn!(silence = id, %error, "a silence can't be read and is not in force");
            None
        }
    };
    rows.into_iter().filter_map(read).collect()
}

impl Store {
    /// The silences that are not over at a time. One that can't be read here, because this host does not have
    /// its time zone, is left out with a warning: what it is about is sent rather than lost.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn alert_silences(&self, now: Timestamp) -> Result<Vec<Silence>, StoreError> {
        let rows: Vec<(String, String)> = on_read!(self, |tx| {
            let query = sqlx::query_as(LIST).bind(Db(now));
            Ok(tx.fetch_all(query).await?)
        })?;
        Ok(readable(rows))
    }

    /// Makes a silence. It must have been checked.
    ///
    /// # Errors
    /// [`Refusal::TooManySilences`], [`Refusal::HostsExceeded`] when the actor is limited to some hosts and the
    /// silence is not, another refusal of the actor, or when the database fails.
    pub async fn add_silence(&self, actor: &Actor, silence: &Silence) -> Result<(), StoreError> {
        let id = silence.id.to_string();
        let target = format!("silence:{id}");
        let text = stored(TABLE, "silence", silence)?;
        let entry = Entry {
            origin: &actor.origin,
            action: Action::AlertSilence,
            target: target.clone(),
            detail: String::new(),
        };
        act!(self, actor, entry, |tx, now, rights| {
            rights.forbid_other_hosts(&silence.matchers.hosts)?;
            let query = sqlx::query_scalar(COUNT).bind(Db(now));
            let count: i64 = tx.fetch_scalar(query).await?;
            if count >= SILENCES_MAX {
                return Err(Refusal::TooManySilences.into());
            }
            let query = sqlx::query(INSERT)
                .bind(id.as_str())
                .bind(Db(silence.until))
                .bind(text.as_str());
            tx.execute(query).await?;
            ((), Some((target.clone(), text.clone())))
        })
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// [`Refusal::SilenceNotFound`] when there is none or it is over, [`Refusal::HostsExceeded`] when the actor is
    /// limited to some hosts and the silence is not, another refusal of the actor, or when the database fails.
    pub async fn end_silence(&self, actor: &Actor, id: Uuid) -> Result<(), StoreError> {
        let id = id.to_string();
        let target = format!("silence:{id}");
        let entry = Entry {
            origin: &actor.origin,
            action: Action::AlertUnsilence,
            target: target.clone(),
            detail: String::new(),
        };
        act!(self, actor, entry, |tx, now, rights| {
            let query = sqlx::query_as(FIND).bind(id.as_str());
            let row: Option<(String,)> = tx.fetch_optional(query).await?;
            let (text,) = row.ok_or(Refusal::SilenceNotFound)?;
            let mut silence: Silence = read(TABLE, "silence", &text)?;
            if silence.is_over(now) {
                return Err(Refusal::SilenceNotFound.into());
            }
            rights.forbid_other_hosts(&silence.matchers.hosts)?;
            silence.until = Some(now);
            let text = stored(TABLE, "silence", &silence)?;
            let query = sqlx::query(UPDATE).bind(id.as_str()).bind(Db(now));
            tx.execute(query.bind(text)).await?;
            ((), Some((target.clone(), String::new())))
        })
    }

    /// Deletes silences that were over before a time; returns how many.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn delete_silences_over(&self, before: Timestamp) -> Result<u64, StoreError> {
        in_write!(self, |tx| {
            Ok(tx
                .execute(sqlx::query(DELETE_OVER).bind(Db(before)))
                .await?)
        })
    }
}
