//! The automatic acts of hosts: counted in the transaction that decides them.

use std::collections::BTreeMap;

use linux_api_alerts::brake::{AutomaticAct, Brake};
use linux_api_alerts::notice::{InstanceKey, Notice};
use linux_api_alerts::rules::RuleDefinition;
use linux_api_alerts::silence::Silence;
use linux_api_alerts::state::InstanceState;
use linux_api_wire::audit::{Action, Actor};

use super::{read, silences, stored};
use crate::audit::Entry;
use crate::change::{act, in_write_again};
use crate::codec::Db;
use crate::{Engine, Refusal, Store, StoreError, on_read};

const TABLE: &str = "alert_brakes";

const LIST: &str = "/*NO QUERY CACHE*/ select host_id, brake from alert_brakes order by host_id";
const FIND: &str = "/*NO QUERY CACHE*/ select brake from alert_brakes where host_id = $1";
const FIND_LOCKED: &str =
    "/*NO QUERY CACHE*/ select brake from alert_brakes where host_id = $1 for update";
const INSERT: &str =
    "insert into alert_brakes (host_id, brake) values ($1, $2) on conflict (host_id) do nothing";
const UPDATE: &str = "update alert_brakes set brake = $2 where host_id = $1";
const STATE: &str = "/*NO QUERY CACHE*/ select state from alert_states where id = $1";
const RULE: &str = "/*NO QUERY CACHE*/ select definition from alert_rules where name = $1";
const WAITING: &str = "\
    /*NO QUERY CACHE*/ select id, notice from alert_notices
    where state = 'waiting' and host_id = $1 and rule = $2 order by time";
const UPDATE_NOTICE: &str =
    "update alert_notices set notice = $2 where id = $1 and state = 'waiting'";
const HOST_LABELS: &str = "/*NO QUERY CACHE*/ select name, labels from hosts where id = $1";

/// What an act is decided by, as it is in the transaction that decides it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActBasis {
    /// The state of the instance; absent when it is well.
    pub state: Option<InstanceState>,
    /// The rule of users with the name of the instance's.
    pub rule: Option<RuleDefinition>,
    /// The silences that are not over.
    pub silences: Vec<Silence>,
}

/// Reads a brake under its lock, and makes the row when there is none; a macro because the bound types differ per
/// engine.
macro_rules! locked_brake {
    ($store:expr, $tx:expr, $host:expr) => {{
        let find = match $store.engine() {
            Engine::Sqlite => FIND,
            Engine::Postgres => FIND_LOCKED,
        };
        let none = stored(TABLE, "brake", &Brake::default())?;
        $tx.execute(sqlx::query(INSERT).bind($host).bind(none))
            .await?;
        let query = sqlx::query_as(find).bind($host);
        let (text,): (String,) = $tx
            .fetch_optional(query)
            .await?
            .unwrap_or_else(|| ("{}".to_owned(),));
        let brake: Brake = read(TABLE, "brake", &text)?;
        brake
    }};
}

impl Store {
    /// The automatic acts of a host.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or the row can't be read.
    pub async fn alert_brake(&self, host: &str) -> Result<Brake, StoreError> {
        let row: Option<(String,)> = on_read!(self, |tx| {
            let query = sqlx::query_as(FIND).bind(host);
            Ok(tx.fetch_optional(query).await?)
        })?;
        row.map_or_else(
            || Ok(Brake::default()),
            |(text,)| read(TABLE, "brake", &text),
        )
    }

    /// The automatic acts of all hosts that had any, by the id of the host.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or a row can't be read.
    pub async fn alert_brakes(&self) -> Result<BTreeMap<String, Brake>, StoreError> {
        let rows: Vec<(String, String)> =
            on_read!(self, |tx| Ok(tx.fetch_all(sqlx::query_as(LIST)).await?))?;
        let rows = rows.into_iter();
        rows.map(|(host, text)| Ok((host, read(TABLE, "brake", &text)?)))
            .collect()
    }

    /// Changes what is stored of the automatic acts of an instance's host, together with the notices of the instance
    /// that wait: those get the act that `change` returns. It is called with what is stored under its lock, and
    /// once more where another transaction was in the way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_alert_brake<T: Send>(
        &self,
        instance: &InstanceKey,
        mut change: impl FnMut(&mut Brake, &ActBasis) -> (T, Option<AutomaticAct>) + Send,
    ) -> Result<T, StoreError> {
        let host = instance.host.as_str();
        in_write_again!(self, |tx| {
            let before = locked_brake!(self, tx, host);
            let query = sqlx::query_as(STATE).bind(instance.id().to_string());
            let state: Option<(String,)> = tx.fetch_optional(query).await?;
            let query = sqlx::query_as(RULE).bind(instance.rule.as_str());
            let rule: Option<(String,)> = tx.fetch_optional(query).await?;
            let query = sqlx::query_as(silences::LIST).bind(Db(self.clock().now()));
            let silences: Vec<(String, String)> = tx.fetch_all(query).await?;
            let basis = ActBasis {
                state: state
                    .map(|(text,)| read("alert_states", "state", &text))
                    .transpose()?,
                rule: rule
                    .map(|(text,)| read("alert_rules", "definition", &text))
                    .transpose()?,
                silences: silences::readable(silences),
            };
            let mut brake = before.clone();
            let (outcome, act) = change(&mut brake, &basis);
            if brake != before {
                let text = stored(TABLE, "brake", &brake)?;
                tx.execute(sqlx::query(UPDATE).bind(host).bind(text))
                    .await?;
            }
            if let Some(act) = act {
                let query = sqlx::query_as(WAITING).bind(host);
                let query = query.bind(instance.rule.as_str());
                let waiting: Vec<(String, String)> = tx.fetch_all(query).await?;
                for (id, text) in waiting {
                    let mut notice: Notice = read("alert_notices", "notice", &text)?;
                    if notice.instance != *instance {
                        continue;
                    }
                    notice.act = Some(act.clone());
                    let text = stored("alert_notices", "notice", &notice)?;
                    tx.execute(sqlx::query(UPDATE_NOTICE).bind(id).bind(text))
                        .await?;
                }
            }
            Ok(outcome)
        })
    }

    /// Stores what was done on a host while the database was away, or what time has changed, beside what is stored.
    /// Returns both.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn merge_alert_brake(&self, host: &str, own: &Brake) -> Result<Brake, StoreError> {
        in_write_again!(self, |tx| {
            let before = locked_brake!(self, tx, host);
            let mut brake = before.clone();
            brake.merge(own);
            if brake != before {
                let text = stored(TABLE, "brake", &brake)?;
                tx.execute(sqlx::query(UPDATE).bind(host).bind(text))
                    .await?;
            }
            Ok(brake)
        })
    }

    /// Has automatic acts be possible again on a host, with an audit row. Returns the name of the host.
    ///
    /// # Errors
    /// [`Refusal::NothingGivenUp`] when none of its acts counts, [`Refusal::HostsExceeded`] when the actor is limited
    /// to other hosts, another refusal of the actor, or when the database fails.
    pub async fn release_alert_brake(
        &self,
        actor: &Actor,
        host: &str,
    ) -> Result<Brake, StoreError> {
        let entry = Entry {
            origin: &actor.origin,
            action: Action::AlertRelease,
            target: format!("host:{host}"),
            detail: String::new(),
        };
        act!(self, actor, entry, |tx, now, rights| {
            let query = sqlx::query_as(HOST_LABELS).bind(host);
            let known: Option<(String, String)> = tx.fetch_optional(query).await?;
            let (name, labels) = known.ok_or(Refusal::HostNotFound)?;
            if !rights.hosts.matches(&read("hosts", "labels", &labels)?) {
                return Err(Refusal::HostsExceeded.into());
            }
            let mut brake = locked_brake!(self, tx, host);
            if !brake.is_in_use(now) {
                return Err(Refusal::NothingGivenUp.into());
            }
            let detail = match brake.gave_up() {
                Some((since, text)) => format!("{name}: {text}, since {since}"),
                None => format!("{name}: acts of the last hour count no longer"),
            };
            brake.release(Some(&actor.origin.name), now);
            let text = stored(TABLE, "brake", &brake)?;
            tx.execute(sqlx::query(UPDATE).bind(host).bind(text))
                .await?;
            (brake, Some((format!("host:{host}"), detail)))
        })
    }
}
