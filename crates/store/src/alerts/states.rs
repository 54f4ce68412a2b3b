//! What is remembered of instances, stored together with the notices of its changes.

use std::collections::BTreeMap;

use linux_api_alerts::notice::{InstanceKey, Notice};
use linux_api_alerts::severity::Severity;
use linux_api_alerts::state::{Acknowledgement, InstanceState};
use linux_api_wire::audit::{Action, Actor};
use uuid::Uuid;

use super::{read, stored};
use crate::audit::Entry;
use crate::change::act;
use crate::codec::Db;
use crate::{Engine, Refusal, Store, StoreError, in_write, on_read};

const TABLE: &str = "alert_states";

/// A state as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredState {
    /// Which instance.
    pub instance: InstanceKey,
    /// What is remembered.
    pub state: InstanceState,
    /// Grows with each change.
    pub version: i64,
}

/// A state that is to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChange {
    /// Which instance.
    pub instance: InstanceKey,
    /// What is to be remembered; nothing when all is well.
    pub state: Option<InstanceState>,
    /// The version that it follows from; absent when nothing was remembered.
    pub follows: Option<i64>,
}

/// What became of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// It is stored. The new versions of the states that are remembered.
    Stored(BTreeMap<InstanceKey, i64>),
    /// Nothing is stored: others have changed these meanwhile. They are to be read and evaluated again.
    Outdated(Vec<InstanceKey>),
}

/// How many alerts of a host fire or clear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FiringCounts {
    /// Those that are critical.
    pub critical: u64,
    /// Those that are warnings.
    pub warning: u64,
}

/// Which states to list. All conditions that are given must hold.
#[derive(Debug, Clone, Default)]
pub struct StateFilter {
    /// Of one host.
    pub host: Option<String>,
    /// Of one rule.
    pub rule: Option<String>,
    /// Only those that fire or clear.
    pub active: bool,
}

const VERSION: &str = "/*NO QUERY CACHE*/ select version from alert_states where id = $1";
const VERSION_LOCKED: &str =
    "/*NO QUERY CACHE*/ select version from alert_states where id = $1 for update";
const INSERT: &str = "
    insert into alert_states (id, version, rule, host_id, status, severity, since, fired_at,
        evaluated_at, instance, state)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const UPDATE: &str = "
    update alert_states set version = $2, rule = $3, host_id = $4, status = $5, severity = $6,
        since = $7, fired_at = $8, evaluated_at = $9, instance = $10, state = $11
    where id = $1";
const DELETE: &str = "delete from alert_states where id = $1";
/// The same change has the same id: what was stored by a transaction whose end was not seen is not
/// stored twice.
const INSERT_NOTICE: &str = "
    insert into alert_notices (id, time, rule, host_id, kind, severity, notice, state)
    values ($1, $2, $3, $4, $5, $6, $7, 'waiting') on conflict (id) do nothing";
const HOST_LABELS: &str = "/*NO QUERY CACHE*/ select labels from hosts where id = $1";
const ONE: &str =
    "/*NO QUERY CACHE*/ select instance, state, version from alert_states where id = $1";

/// Writes a state with its version; a macro because the bound types differ per engine.
macro_rules! write_state {
    ($tx:expr, $sql:expr, $instance:expr, $state:expr, $version:expr) => {{
        let (instance, state): (&InstanceKey, &InstanceState) = ($instance, $state);
        let query = sqlx::query($sql)
            .bind(instance.id().to_string())
            .bind($version)
            .bind(instance.rule.as_str())
            .bind(instance.host.as_str())
            .bind(state.status().as_str())
            .bind(state.severity().map(Severity::as_str))
            .bind(Db(state.since()))
            .bind(Db(state.fired_at()))
            .bind(Db(state.evaluated_at))
            .bind(stored(TABLE, "instance", instance)?)
            .bind(stored(TABLE, "state", state)?);
        $tx.execute(query).await?
    }};
}

impl Store {
    /// Stores what an evaluation changed, with its notices, or nothing of it when another writer (a person who
    /// acknowledged) was faster.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn save_evaluation(
        &self,
        changes: &[StateChange],
        notices: &[Notice],
    ) -> Result<Saved, StoreError> {
        // One writer on SQLite; on PostgreSQL the rows are held until the commit.
        let version = match self.engine() {
            Engine::Sqlite => VERSION,
            Engine::Postgres => VERSION_LOCKED,
        };
        let outcome = in_write!(self, |tx| {
            let mut versions = BTreeMap::new();
            let mut outdated = Vec::new();
            for change in changes {
                let query = sqlx::query_as(version).bind(change.instance.id().to_string());
                let found: Option<(i64,)> = tx.fetch_optional(query).await?;
                if found.map(|(version,)| version) != change.follows {
                    outdated.push(change.instance.clone());
                }
            }
            if !outdated.is_empty() {
                return Ok(Saved::Outdated(outdated));
            }
            for change in changes {
                let next = change.follows.unwrap_or(0) + 1;
                match (&change.state, change.follows) {
                    (Some(state), None) => {
                        write_state!(tx, INSERT, &change.instance, state, next);
                    }
                    (Some(state), Some(_)) => {
                        write_state!(tx, UPDATE, &change.instance, state, next);
                    }
                    (None, _) => {
                        let id = change.instance.id().to_string();
                        tx.execute(sqlx::query(DELETE).bind(id)).await?;
                    }
                }
                if change.state.is_some() {
                    versions.insert(change.instance.clone(), next);
                }
            }
            for notice in notices {
                let query = sqlx::query(INSERT_NOTICE)
                    .bind(notice.id.to_string())
                    .bind(Db(notice.time))
                    .bind(notice.instance.rule.as_str())
                    .bind(notice.instance.host.as_str())
                    .bind(notice.kind.as_str())
                    .bind(notice.severity().as_str())
                    .bind(stored("alert_notices", "notice", notice)?);
                tx.execute(query).await?;
            }
            Ok(Saved::Stored(versions))
        });
        match outcome {
            // Another one made the row of an instance between the look and the insertion.
            Err(error) if error.is_unique_violation() => {
                let new = changes.iter().filter(|change| change.follows.is_none());
                let new = new.map(|change| change.instance.clone());
                Ok(Saved::Outdated(new.collect()))
            }
            outcome => outcome,
        }
    }

    /// The states that are remembered, by rule, host and labels.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or a row can't be read.
    pub async fn alert_states(&self, filter: &StateFilter) -> Result<Vec<StoredState>, StoreError> {
        let rows: Vec<(String, String, i64)> = on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new(
                "/*NO QUERY CACHE*/ select instance, state, version from alert_states where 1 = 1",
            );
            if let Some(host) = &filter.host {
                query.push(" and host_id = ").push_bind(host.as_str());
            }
            if let Some(rule) = &filter.rule {
                query.push(" and rule = ").push_bind(rule.as_str());
            }
            if filter.active {
                query.push(" and severity is not null");
            }
            query.push(" order by rule, host_id, id");
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })?;
        rows.into_iter().map(|row| parse(&row)).collect()
    }

    /// How many alerts of each severity fire or clear on each of the hosts with these ids; hosts without any are
    /// left out.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn count_alerts(
        &self,
        hosts: &[&str],
    ) -> Result<BTreeMap<String, FiringCounts>, StoreError> {
        if hosts.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows: Vec<(String, String, i64)> = on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new(
                "select host_id, severity, count(*) from alert_states
                where severity is not null and host_id in (",
            );
            let mut list = query.separated(", ");
            for host in hosts {
                list.push_bind(*host);
            }
            query.push(") group by host_id, severity");
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })?;
        let mut found: BTreeMap<String, FiringCounts> = BTreeMap::new();
        for (host, severity, count) in rows {
            let counts = found.entry(host).or_default();
            let of_severity = match severity.parse() {
                Ok(Severity::Critical) => &mut counts.critical,
                Ok(Severity::Warning) => &mut counts.warning,
                Err(_) => {
                    return Err(StoreError::Corrupt {
                        table: TABLE,
                        column: "severity",
                    });
                }
            };
            *of_severity = u64::try_from(count).unwrap_or(0);
        }
        Ok(found)
    }

    /// Notes that a person has seen the alert with this id, with an audit row. Returns the state as it is then.
    ///
    /// # Errors
    /// [`Refusal::AlertNotFiring`] when it does not fire, [`Refusal::HostsExceeded`] when the actor is limited to
    /// other hosts than that of the alert, another refusal of the actor, or when the database fails.
    pub async fn acknowledge_alert(
        &self,
        actor: &Actor,
        id: Uuid,
        comment: &str,
    ) -> Result<StoredState, StoreError> {
        let entry = Entry {
            origin: &actor.origin,
            action: Action::AlertAcknowledge,
            target: format!("alert:{id}"),
            detail: String::new(),
        };
        let version = match self.engine() {
            Engine::Sqlite => VERSION,
            Engine::Postgres => VERSION_LOCKED,
        };
        let id = id.to_string();
        act!(self, actor, entry, |tx, now, rights| {
            // First the lock, then what is there under it.
            let held = sqlx::query_as(version).bind(id.as_str());
            let _held: Option<(i64,)> = tx.fetch_optional(held).await?;
            let query = sqlx::query_as(ONE).bind(id.as_str());
            let row: Option<(String, String, i64)> = tx.fetch_optional(query).await?;
            let row = row.ok_or(Refusal::AlertNotFiring)?;
            let mut found = parse(&row)?;
            if !rights.hosts.is_any() {
                let query = sqlx::query_as(HOST_LABELS).bind(found.instance.host.as_str());
                let labels: Option<(String,)> = tx.fetch_optional(query).await?;
                let (labels,) = labels.ok_or(Refusal::HostsExceeded)?;
                if !rights.hosts.matches(&read("hosts", "labels", &labels)?) {
                    return Err(Refusal::HostsExceeded.into());
                }
            }
            let acknowledgement = Acknowledgement {
                by: actor.origin.name.clone(),
                at: now,
                comment: comment.to_owned(),
            };
            if !found.state.acknowledge(acknowledgement) {
                return Err(Refusal::AlertNotFiring.into());
            }
            found.version += 1;
            write_state!(tx, UPDATE, &found.instance, &found.state, found.version);
            let instance = &found.instance;
            let detail = format!("host={} labels={}", instance.host, instance.labels);
            let target = format!("alert:{}", instance.rule);
            (found, Some((target, detail)))
        })
    }
}

fn parse((instance, state, version): &(String, String, i64)) -> Result<StoredState, StoreError> {
    Ok(StoredState {
        instance: read(TABLE, "instance", instance)?,
        state: read(TABLE, "state", state)?,
        version: *version,
    })
}
