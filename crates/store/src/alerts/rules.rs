//! Rules that users made.

use linux_api_alerts::name::Name;
use linux_api_alerts::rules::{RULES_MAX, RuleDefinition};
use linux_api_wire::api_key::{Scope, Scopes};
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::Timestamp;

use super::{read, stored};
use crate::audit::Entry;
use crate::change::{authorize, conclude, in_write_again};
use crate::codec::Db;
use crate::{Refusal, Store, StoreError, on_read};

const TABLE: &str = "alert_rules";

/// A rule as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRule {
    /// As it was written.
    pub definition: RuleDefinition,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// By which user.
    pub updated_by: String,
}

const LIST: &str = "\
    /*NO QUERY CACHE*/ select definition, updated_at, updated_by from alert_rules order by name";
const PUT: &str = "
    insert into alert_rules (name, definition, updated_at, updated_by) values ($1, $2, $3, $4)
    on conflict (name) do update set definition = excluded.definition,
        updated_at = excluded.updated_at, updated_by = excluded.updated_by";
const FIND: &str = "/*NO QUERY CACHE*/ select definition from alert_rules where name = $1";
const DELETE: &str = "delete from alert_rules where name = $1";
const COUNT_OTHERS: &str = "/*NO QUERY CACHE*/ select count(*) from alert_rules where name <> $1";

/// Which hosts a definition is about.
fn hosts_of(definition: &RuleDefinition) -> Result<HostSelector, StoreError> {
    HostSelector::from_stored(definition.hosts.as_deref()).map_err(|_| StoreError::Corrupt {
        table: TABLE,
        column: "definition",
    })
}

/// A rule that counts on more hosts than the actor is limited to is neither replaced nor deleted by it; a macro
/// because the bound types differ per engine.
macro_rules! forbid_taking {
    ($tx:expr, $rights:expr, $name:expr) => {
        if !$rights.hosts.is_any() {
            let query = sqlx::query_as(FIND).bind($name.as_str());
            let found: Option<(String,)> = $tx.fetch_optional(query).await?;
            if let Some((definition,)) = found {
                let definition: RuleDefinition = read(TABLE, "definition", &definition)?;
                $rights.forbid_other_hosts(&hosts_of(&definition)?)?;
            }
        }
    };
}

impl Store {
    /// The rules that users made, by name.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or a row can't be read.
    pub async fn alert_rules(&self) -> Result<Vec<StoredRule>, StoreError> {
        let rows: Vec<(String, Db<Timestamp>, String)> =
            on_read!(self, |tx| Ok(tx.fetch_all(sqlx::query_as(LIST)).await?))?;
        let rows = rows
            .into_iter()
            .map(|(definition, updated_at, updated_by)| {
                Ok(StoredRule {
                    definition: read(TABLE, "definition", &definition)?,
                    updated_at: updated_at.0,
                    updated_by,
                })
            });
        rows.collect()
    }

    /// Makes a rule or replaces the one with its name. The definition must have been checked.
    ///
    /// # Errors
    /// [`Refusal::TooManyRules`], [`Refusal::ScopesExceeded`] for a rule that restarts units by an actor who may not,
    /// [`Refusal::HostsExceeded`] when the actor is limited to some hosts and the rule
    /// or the one in its place is not, another refusal of the actor, [`StoreError::AdminRequired`], or when the
    /// database fails.
    pub async fn put_alert_rule(
        &self,
        actor: &Actor,
        name: &Name,
        definition: &RuleDefinition,
    ) -> Result<(), StoreError> {
        let text = stored(TABLE, "definition", definition)?;
        let entry = rule_entry(actor, Action::AlertRule, name);
        let labels = self.own_labels();
        let most = i64::try_from(RULES_MAX).unwrap_or(i64::MAX);
        let outcome = in_write_again!(in_admin_write, self, |tx| {
            let now = self.clock().now();
            let rights = authorize!(tx, now, actor, &labels);
            rights.forbid_other_hosts(&hosts_of(definition)?)?;
            if definition.restart.is_some() {
                let needed = Scopes::only([Scope::UnitsAct]);
                crate::change::forbid_widening(needed, rights.scopes)?;
            }
            forbid_taking!(tx, rights, name);
            let query = sqlx::query_scalar(COUNT_OTHERS).bind(name.as_str());
            let others: i64 = tx.fetch_scalar(query).await?;
            if others >= most {
                return Err(Refusal::TooManyRules.into());
            }
            let query = sqlx::query(PUT)
                .bind(name.as_str())
                .bind(text.as_str())
                .bind(Db(now))
                .bind(actor.origin.name.as_str());
            tx.execute(query).await?;
            let done = Entry {
                detail: text.clone(),
                ..entry.clone()
            };
            crate::audit::insert_audit!(tx, now, &done, "done");
            Ok(((), Some(done)))
        });
        conclude(self, entry.clone(), outcome).await
    }

    /// Deletes a rule that a user made.
    ///
    /// # Errors
    /// [`Refusal::RuleNotFound`], [`Refusal::HostsExceeded`] as for [`Self::put_alert_rule`], another refusal of the
    /// actor, [`StoreError::AdminRequired`], or when the database fails.
    pub async fn delete_alert_rule(&self, actor: &Actor, name: &Name) -> Result<(), StoreError> {
        let entry = rule_entry(actor, Action::AlertRuleDelete, name);
        let labels = self.own_labels();
        let outcome = in_write_again!(in_admin_write, self, |tx| {
            let now = self.clock().now();
            let rights = authorize!(tx, now, actor, &labels);
            forbid_taking!(tx, rights, name);
            let query = sqlx::query(DELETE).bind(name.as_str());
            if tx.execute(query).await? == 0 {
                return Err(Refusal::RuleNotFound.into());
            }
            crate::audit::insert_audit!(tx, now, &entry, "done");
            Ok(((), Some(entry.clone())))
        });
        conclude(self, entry.clone(), outcome).await
    }
}

fn rule_entry<'a>(actor: &'a Actor, action: Action, name: &Name) -> Entry<'a> {
    Entry {
        origin: &actor.origin,
        action,
        target: format!("alert:{name}"),
        detail: String::new(),
    }
}
