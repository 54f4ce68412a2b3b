//! Which account of a PostgreSQL server may do what with which table.
//!
//! Three accounts share the work on a database that many hosts use. The *owner* of the schema migrates
//! and restores. An *admin* changes users, keys and settings. A *daemon* writes measurements and adds to
//! the audit log, and can't change what decides who may do what: with what lies on one host, no other
//! host is made to do anything.
//!
//! Each table has a [`TableClass`] here; a test fails when one has none. The rights follow from the class,
//! and are granted by [`Store::grant`] and after each migration.

use std::fmt::Write as _;

use super::audit::Entry;
use super::dump::quoted;
use super::migrations::SchemaError;
use super::session::Session;
use super::{Engine, Store, StoreError, on_read};
use linux_api_wire::audit::{Action, Actor};

/// What an account of the server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleKind {
    /// Runs daemons.
    Daemon,
    /// Changes users, keys and settings besides.
    Admin,
}

impl RoleKind {
    /// The word shown to people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Admin => "admin",
        }
    }
}

/// What a table is for, and so who may write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableClass {
    /// What daemons measure, and how they share their work.
    Measurements,
    /// Rows are added and never change.
    Audit,
    /// Decides who may do what; daemons note in this column when a row was last used.
    Accounts(&'static str),
    /// Decides what counts for all.
    Settings,
    /// Is kept by migrations.
    Schema,
    /// Shows what other tables hold.
    View,
}

/// All tables and views of the schema.
const TABLES: [(&str, TableClass); 37] = [
    ("_sqlx_migrations", TableClass::Schema),
    ("alert_brakes", TableClass::Measurements),
    ("alert_deliveries", TableClass::Measurements),
    ("alert_messages", TableClass::Measurements),
    ("alert_notices", TableClass::Measurements),
    ("alert_rules", TableClass::Settings),
    ("alert_silences", TableClass::Measurements),
    ("alert_states", TableClass::Measurements),
    ("api_keys", TableClass::Accounts("last_used")),
    ("audit_log", TableClass::Audit),
    ("fleet_buckets", TableClass::Measurements),
    ("fleet_stats", TableClass::Measurements),
    ("fleet_stats_daily", TableClass::Measurements),
    ("fleet_stats_hourly", TableClass::Measurements),
    ("fleet_status", TableClass::Measurements),
    ("fleet_status_daily", TableClass::Measurements),
    ("fleet_status_hourly", TableClass::Measurements),
    ("forgotten_hosts", TableClass::Measurements),
    ("host_hours", TableClass::Measurements),
    ("host_minutes", TableClass::Measurements),
    ("host_samples", TableClass::View),
    ("host_samples_daily", TableClass::Measurements),
    ("host_samples_hourly", TableClass::Measurements),
    ("host_samples_old", TableClass::Measurements),
    ("host_series", TableClass::Measurements),
    ("hosts", TableClass::Measurements),
    ("imported_users", TableClass::Settings),
    ("leases", TableClass::Measurements),
    ("migration_log", TableClass::Schema),
    ("request_stats", TableClass::Measurements),
    ("request_stats_daily", TableClass::Measurements),
    ("request_stats_hourly", TableClass::Measurements),
    ("request_status", TableClass::Measurements),
    ("request_status_daily", TableClass::Measurements),
    ("request_status_hourly", TableClass::Measurements),
    ("settings", TableClass::Settings),
    ("users", TableClass::Accounts("last_login")),
];

/// The class of a table or view; nothing for one that is not this program's.
#[must_use]
pub fn class_of(table: &str) -> Option<TableClass> {
    let mut tables = TABLES.iter();
    tables
        .find(|(name, _)| *name == table)
        .map(|(_, class)| *class)
}

impl TableClass {
    /// What a role may do with all columns.
    #[must_use]
    pub const fn verbs(self, kind: RoleKind) -> &'static [&'static str] {
        match (self, kind) {
            (Self::Measurements, _) | (Self::Accounts(_) | Self::Settings, RoleKind::Admin) => {
                &["select", "insert", "update", "delete"]
            }
            (Self::Audit, RoleKind::Daemon) => &["select", "insert"],
            // A trigger of the table lets go of rows only that are too old.
            (Self::Audit, RoleKind::Admin) => &["select", "insert", "delete"],
            (Self::Accounts(_) | Self::Settings, RoleKind::Daemon)
            | (Self::Schema | Self::View, _) => &["select"],
        }
    }

    /// The one column that a role may update when it may not update all.
    #[must_use]
    pub const fn column(self, kind: RoleKind) -> Option<&'static str> {
        match (self, kind) {
            (Self::Accounts(column), RoleKind::Daemon) => Some(column),
            _ => None,
        }
    }
}

/// The statements that give a role its rights on these tables, and no others.
fn statements<'a>(role: &str, kind: RoleKind, tables: impl Iterator<Item = &'a str>) -> String {
    let role = quoted(role);
    let mut sql = format!("grant usage on schema linux_api to {role};\n");
    for table in tables {
        let Some(class) = class_of(table) else {
            continue;
        };
        let verbs = class.verbs(kind).join(", ");
        let table = format!("linux_api.{}", quoted(table));
        // Writing to a string never fails.
        let _ = writeln!(sql, "revoke all on {table} from {role};");
        let _ = writeln!(sql, "grant {verbs} on {table} to {role};");
        if let Some(column) = class.column(kind) {
            let _ = writeln!(sql, "grant update ({column}) on {table} to {role};");
        }
    }
    sql
}

/// The SQL that gives a role its rights on a database with the newest schema, for `psql` as the owner of
/// the schema.
#[must_use]
pub fn script(role: &str, kind: RoleKind) -> String {
    let tables = TABLES.iter().map(|(table, _)| *table);
    format!("begin;\n{}commit;\n", statements(role, kind, tables))
}

/// What the account of this program may do on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRights {
    /// Its name.
    pub role: String,
    /// Whether the schema is its own, so that it may do anything.
    pub owns_schema: bool,
    /// Whether it may change users, keys or settings.
    pub may_change_users: bool,
    /// What a daemon needs and it may not do, such as `insert on hosts`.
    pub missing: Vec<String>,
}

impl Store {
    /// Gives a role of the server its rights on all tables. They are given again after each migration.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] on SQLite and when there is no such role or it may do anything as it is,
    /// or when the database fails.
    pub async fn grant(&self, actor: &Actor, role: &str, kind: RoleKind) -> Result<(), StoreError> {
        if self.engine() == Engine::Sqlite {
            let text = "SQLite has no roles: an account that can write the file may do anything";
            return Err(StoreError::Unusable(text.to_owned()));
        }
        let mut session = Session::alone_on_postgres(&self.inner.options).await?;
        session.check_role(role).await?;
        let roles = [(role.to_owned(), kind)];
        session.grant_again(&roles).await?;
        let entry = Entry {
            origin: &actor.origin,
            action: Action::DbGrant,
            target: format!("role:{role}"),
            detail: format!("the rights of {}", kind.as_str()),
        };
        session.audit(self.clock().now(), &entry).await?;
        session.commit().await?;
        entry.log("done");
        Ok(())
    }

    /// What the account of `database.url` may do; nothing on SQLite, and while there is no schema.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn account_rights(&self) -> Result<Option<AccountRights>, StoreError> {
        const ACCOUNT: &str = "
            select cast(current_user as text),
                pg_has_role(n.nspowner, 'USAGE'),
                coalesce(has_table_privilege(to_regclass('linux_api.users'), 'insert')
                    or has_table_privilege(to_regclass('linux_api.api_keys'), 'insert')
                    or has_table_privilege(to_regclass('linux_api.settings'), 'update'), false)
            from pg_catalog.pg_namespace n where n.nspname = 'linux_api'";
        // Each part is a verb, a table and perhaps a column.
        const MISSING: &str = "
            select split_part(need, ' ', 1) || ' on ' || split_part(need, ' ', 2)
            from string_to_table($1, ',') need,
                lateral (select to_regclass('linux_api.' || split_part(need, ' ', 2)) as id) t
            where t.id is not null and not case
                when split_part(need, ' ', 3) = ''
                    then has_table_privilege(t.id, split_part(need, ' ', 1))
                else has_column_privilege(
                    t.id, split_part(need, ' ', 3), split_part(need, ' ', 1)) end";
        if self.engine() == Engine::Sqlite {
            return Ok(None);
        }
        let needs = needs_of_daemons().join(",");
        on_read!(self, |tx| {
            let found: Option<(String, bool, bool)> =
                tx.fetch_optional(sqlx::query_as(ACCOUNT)).await?;
            let Some((role, owns_schema, may_change_users)) = found else {
                return Ok(None);
            };
            let missing: Vec<(String,)> = tx
                .fetch_all(sqlx::query_as(MISSING).bind(needs.as_str()))
                .await?;
            Ok(Some(AccountRights {
                role,
                owns_schema,
                may_change_users,
                missing: missing.into_iter().map(|(need,)| need).collect(),
            }))
        })
    }

    /// Whether this program may change users, keys and settings, as far as is known: it has another
    /// account for that, or its own may.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn may_administer(&self) -> Result<bool, StoreError> {
        if self.inner.options.admin_url.is_some() {
            return Ok(true);
        }
        let rights = self.account_rights().await?;
        Ok(rights.is_none_or(|rights| rights.may_change_users))
    }

    /// Whether the schema belongs to the account of this program, as what TimescaleDB does to whole
    /// tables requires; always on SQLite.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn owns_schema(&self) -> Result<bool, StoreError> {
        let rights = self.account_rights().await?;
        Ok(rights.is_none_or(|rights| rights.owns_schema))
    }

    /// Refuses when the account for migrations may not make them.
    ///
    /// # Errors
    /// [`SchemaError::NotOwner`], or when the database can't be reached.
    pub(super) async fn require_owner(&self, pending: usize) -> Result<(), StoreError> {
        const SQL: &str = "
            select cast(current_user as text), coalesce(
                (select pg_has_role(nspowner, 'USAGE') from pg_catalog.pg_namespace
                    where nspname = 'linux_api'),
                has_database_privilege(current_database(), 'create'))";
        if self.engine() == Engine::Sqlite {
            return Ok(());
        }
        let mut session = Session::owning(&self.inner.options).await?;
        let found: Option<(String, bool)> = match session.postgres() {
            Some(connection) => {
                let query = sqlx::query_as(SQL).persistent(false);
                query.fetch_optional(connection).await?
            }
            None => None,
        };
        session.rollback().await?;
        match found {
            Some((role, false)) => Err(SchemaError::NotOwner { pending, role }.into()),
            _ => Ok(()),
        }
    }
}

/// What a daemon has to be able to do.
fn needs_of_daemons() -> Vec<String> {
    let mut needs = Vec::new();
    for (table, class) in TABLES {
        let verbs = class.verbs(RoleKind::Daemon).iter();
        needs.extend(verbs.map(|verb| format!("{verb} {table}")));
        if let Some(column) = class.column(RoleKind::Daemon) {
            needs.push(format!("update {table} {column}"));
        }
    }
    needs
}

impl Session {
    /// Roles that were given rights by [`Store::grant`]; none where there are no roles.
    pub(super) async fn granted_roles(&mut self) -> Result<Vec<(String, RoleKind)>, StoreError> {
        // Only the owner of the schema lets others use it, so what is found is what it granted.
        const SQL: &str = "
            select distinct cast(r.rolname as text),
                has_table_privilege(r.oid, to_regclass('linux_api.users'), 'insert')
            from pg_catalog.pg_namespace n
            cross join lateral aclexplode(n.nspacl) a
            join pg_catalog.pg_roles r on r.oid = a.grantee
            where n.nspname = 'linux_api' and a.privilege_type = 'USAGE' and r.oid <> n.nspowner
                and has_table_privilege(r.oid, to_regclass('linux_api.leases'), 'insert')";
        let Some(connection) = self.postgres() else {
            return Ok(Vec::new());
        };
        let query = sqlx::query_as(SQL).persistent(false);
        let found: Vec<(String, bool)> = query.fetch_all(connection).await?;
        let kind = |is_admin| {
            if is_admin {
                RoleKind::Admin
            } else {
                RoleKind::Daemon
            }
        };
        let roles = found.into_iter();
        Ok(roles
            .map(|(role, is_admin)| (role, kind(is_admin)))
            .collect())
    }

    /// Gives roles their rights on the tables that there are now.
    pub(super) async fn grant_again(
        &mut self,
        roles: &[(String, RoleKind)],
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            select cast(c.relname as text) from pg_catalog.pg_class c
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'linux_api' and c.relkind in ('r', 'p', 'v', 'm')
            order by c.relname";
        if roles.is_empty() {
            return Ok(());
        }
        let Some(connection) = self.postgres() else {
            return Ok(());
        };
        let query = sqlx::query_as(SQL).persistent(false);
        let tables: Vec<(String,)> = query.fetch_all(connection).await?;
        for (role, kind) in roles {
            let tables = tables.iter().map(|(table,)| table.as_str());
            self.run(statements(role, *kind, tables)).await?;
        }
        Ok(())
    }

    /// Checks that a role can be granted rights.
    ///
    /// # Errors
    /// When the server has no such role, or when it is a superuser or owns the schema: no grant limits it.
    async fn check_role(&mut self, role: &str) -> Result<(), StoreError> {
        const SQL: &str = "
            select pg_has_role(r.oid, n.nspowner, 'USAGE')
            from pg_catalog.pg_roles r, pg_catalog.pg_namespace n
            where r.rolname = $1 and n.nspname = 'linux_api'";
        let Some(connection) = self.postgres() else {
            return Ok(());
        };
        let query = sqlx::query_as(SQL).persistent(false).bind(role);
        let found: Option<(bool,)> = query.fetch_optional(connection).await?;
        match found {
            Some((false,)) => Ok(()),
            Some((true,)) => Err(StoreError::Unusable(format!(
                "the role {role} owns the schema or is a superuser, so it may do anything already: name \
                 another one"
            ))),
            None => Err(StoreError::Unusable(format!(
                "the server has no role {role}: make it first, as a superuser: create role {} login \
                 password 'CHOOSE-ONE'",
                quoted(role)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_changes_nothing_that_decides_who_may_do_what() {
        for (table, class) in TABLES {
            let verbs = class.verbs(RoleKind::Daemon);
            let writes = verbs.len() > 1;
            assert_eq!(
                writes,
                matches!(class, TableClass::Measurements | TableClass::Audit),
                "{table}"
            );
        }
        for table in ["users", "api_keys", "settings", "_sqlx_migrations"] {
            let class = class_of(table).unwrap();
            assert_eq!(class.verbs(RoleKind::Daemon), ["select"], "{table}");
        }
    }

    #[test]
    fn names_of_roles_are_quoted() {
        let sql = script("a\"; drop table users; --", RoleKind::Daemon);
        assert!(sql.contains("to \"a\"\"; drop table users; --\";"), "{sql}");
    }
}
