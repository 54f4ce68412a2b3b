//! What the roles of a PostgreSQL server may do: the server itself refuses what they may not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use linux_api_store::migrations::SchemaError;
use linux_api_store::roles::{RoleKind, TableClass, class_of, script};
use linux_api_store::{Options, Store, StoreError};
use linux_api_wire::audit::Actor;
use linux_api_wire::time::Clock;
use linux_api_wire::user::Role;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row as _};

use crate::store::database::no_backup;
use crate::store::{add_user, new_key, new_user};
use crate::support::accounts::{ADMIN, Accounts, DAEMON, execute};

const VERBS: [&str; 4] = ["insert", "update", "delete", "truncate"];

pub(crate) fn options(url: &str) -> Options {
    let mut options = Options::new(url);
    options.deadline = Duration::from_secs(30);
    options
}

pub(crate) async fn open(url: &str) -> Store {
    Store::open(options(url), Clock::system()).await.unwrap()
}

/// A database with the newest schema, whose roles have their rights, and a store of its owner.
pub(crate) async fn fleet() -> (Accounts, Store) {
    let accounts = Accounts::new().await;
    let owner = open(&accounts.owner).await;
    owner.migrate(no_backup).await.unwrap();
    let actor = Actor::local(0, "root".to_owned());
    owner.grant(&actor, DAEMON, RoleKind::Daemon).await.unwrap();
    owner.grant(&actor, ADMIN, RoleKind::Admin).await.unwrap();
    (accounts, owner)
}

/// Every table and view of the schema with its columns.
async fn tables(url: &str) -> BTreeMap<String, Vec<String>> {
    const SQL: &str = "
        select cast(c.relname as text), cast(a.attname as text)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where n.nspname = 'linux_api' and c.relkind in ('r', 'p', 'v', 'm')
        order by c.relname, a.attnum";
    let mut connection = PgConnection::connect(url).await.unwrap();
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in sqlx::query(SQL).fetch_all(&mut connection).await.unwrap() {
        tables.entry(row.get(0)).or_default().push(row.get(1));
    }
    tables
}

/// Whether the server refuses the statement for want of rights.
async fn is_refused(connection: &mut PgConnection, sql: &str) -> bool {
    execute(connection, "begin").await.unwrap();
    let done = execute(connection, sql).await;
    execute(connection, "rollback").await.unwrap();
    let Err(error) = done else { return false };
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some("42501")
}

fn statement(verb: &str, table: &str, column: &str) -> String {
    match verb {
        "insert" => format!("insert into linux_api.{table} default values"),
        "update" => format!("update linux_api.{table} set {column} = {column}"),
        "delete" => format!("delete from linux_api.{table}"),
        _ => format!("truncate linux_api.{table}"),
    }
}

/// What the server refuses to the role, as `VERB TABLE`.
async fn refused(url: &str, tables: &BTreeMap<String, Vec<String>>) -> BTreeSet<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let mut refused = BTreeSet::new();
    for (table, columns) in tables {
        for verb in VERBS {
            // The first column may be one that the server itself fills.
            let sql = statement(verb, table, &columns[1]);
            if is_refused(&mut connection, &sql).await {
                refused.insert(format!("{verb} {table}"));
            }
        }
        let read = format!("select * from linux_api.{table} limit 1");
        assert!(!is_refused(&mut connection, &read).await, "{table}");
    }
    refused
}

#[tokio::test]
async fn every_table_has_a_class() {
    let (accounts, _owner) = fleet().await;
    for table in tables(&accounts.superuser).await.keys() {
        assert!(
            class_of(table).is_some(),
            "{table} has no class: say in crates/store/src/roles.rs who may write it"
        );
    }
}

#[tokio::test]
async fn the_server_refuses_to_a_daemon_what_decides_who_may_do_what() {
    let (accounts, _owner) = fleet().await;
    let tables = tables(&accounts.superuser).await;
    let refused = refused(&accounts.daemon, &tables).await;
    let mut expected = BTreeSet::new();
    for table in tables.keys() {
        let may: &[&str] = match class_of(table).unwrap() {
            // No one can write to what shows other tables.
            TableClass::View => continue,
            TableClass::Measurements => &["insert", "update", "delete"],
            TableClass::Audit => &["insert"],
            _ => &[],
        };
        let never = VERBS.iter().filter(|verb| !may.contains(verb));
        expected.extend(never.map(|verb| format!("{verb} {table}")));
    }
    assert_eq!(refused, expected);
    for needed in [
        "insert users",
        "update users",
        "delete users",
        "insert api_keys",
        "update api_keys",
        "delete api_keys",
        "insert settings",
        "update settings",
        "delete settings",
        "update audit_log",
        "delete audit_log",
        "truncate audit_log",
        "insert _sqlx_migrations",
        "update _sqlx_migrations",
        "delete _sqlx_migrations",
    ] {
        assert!(refused.contains(needed), "{needed}");
    }
}

#[tokio::test]
async fn a_daemon_changes_one_column_of_users_and_keys_and_no_table_itself() {
    let (accounts, _owner) = fleet().await;
    let tables = tables(&accounts.superuser).await;
    let mut connection = PgConnection::connect(&accounts.daemon).await.unwrap();
    for (table, used) in [("users", "last_login"), ("api_keys", "last_used")] {
        for column in &tables[table] {
            let refused = is_refused(&mut connection, &statement("update", table, column)).await;
            assert_eq!(refused, column != used, "{table}.{column}");
        }
    }
    for sql in [
        "create table linux_api.mine (id bigint)",
        "drop table linux_api.audit_log",
        "alter table linux_api.users add column mine text",
        "alter table linux_api.audit_log disable trigger all",
        "create schema mine",
        "alter role linux_api_daemon superuser",
        "set role linux_api_owner",
    ] {
        assert!(is_refused(&mut connection, sql).await, "{sql}");
    }
}

#[tokio::test]
async fn an_admin_changes_users_keys_and_settings_and_no_history() {
    let (accounts, _owner) = fleet().await;
    let tables = tables(&accounts.superuser).await;
    let refused = refused(&accounts.admin, &tables).await;
    for table in ["users", "api_keys", "settings"] {
        for verb in ["insert", "update", "delete"] {
            assert!(
                !refused.contains(&format!("{verb} {table}")),
                "{verb} {table}"
            );
        }
    }
    for never in [
        "update audit_log",
        "truncate audit_log",
        "insert _sqlx_migrations",
        "insert migration_log",
    ] {
        assert!(refused.contains(never), "{never}");
    }
    // The trigger of the table lets nothing go that is not too old.
    let mut connection = PgConnection::connect(&accounts.admin).await.unwrap();
    let error = execute(&mut connection, "delete from linux_api.audit_log").await;
    assert!(error.unwrap_err().to_string().contains("append-only"));
}

#[tokio::test]
async fn changes_of_users_take_the_account_of_the_admin() {
    let (accounts, _owner) = fleet().await;
    let daemon = open(&accounts.daemon).await;
    let key = new_key("key_alice");
    let made = daemon
        .create_user(&Actor::system(), &new_user("alice", Role::Admin), &key)
        .await;
    let error = made.unwrap_err();
    assert!(matches!(error, StoreError::AdminRequired(_)), "{error}");
    assert!(error.to_string().contains("database.admin_url"), "{error}");
    assert!(!daemon.may_administer().await.unwrap());

    let options = Options {
        admin_url: Some(accounts.admin.clone().into()),
        ..options(&accounts.daemon)
    };
    let store = Store::open(options, Clock::system()).await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(admins(&accounts).await, 0, "none before it is needed");
    let user = add_user(&store, "alice", Role::Admin).await;
    assert_eq!(admins(&accounts).await, 1);
    for name in ["bob", "carol"] {
        add_user(&store, name, Role::Viewer).await;
    }
    assert_eq!(admins(&accounts).await, 1);
    // All else goes on by the daemon's own.
    assert_eq!(daemon.find_user(user.id).await.unwrap(), Some(user));
    assert!(store.may_administer().await.unwrap());
    let deleted = store.delete_old_audit(Clock::system().now()).await;
    assert_eq!(deleted.unwrap(), 0);
}

/// How many connections of the admin's role there are to this database.
async fn admins(accounts: &Accounts) -> i64 {
    const SQL: &str = "select count(*) from pg_stat_activity
        where usename = 'linux_api_admin' and datname = current_database()";
    let mut connection = PgConnection::connect(&accounts.superuser).await.unwrap();
    sqlx::query_scalar(SQL)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn only_the_owner_migrates_and_what_it_makes_is_granted_at_once() {
    let (accounts, owner) = fleet().await;
    owner.rollback(5, no_backup).await.unwrap();
    let daemon = open(&accounts.daemon).await;
    let error = daemon.migrate(no_backup).await.unwrap_err();
    let StoreError::Schema(SchemaError::NotOwner { pending: 1.., role }) = &error else {
        panic!("{error}");
    };
    assert_eq!(role, DAEMON);
    let words = error.to_string();
    assert!(words.contains("linux-api db migrate"), "{words}");
    assert!(words.contains("database.owner_url"), "{words}");

    let options = Options {
        owner_url: Some(accounts.owner.clone().into()),
        ..options(&accounts.daemon)
    };
    let store = Store::open(options, Clock::system()).await.unwrap();
    store.migrate(no_backup).await.unwrap();
    let rights = daemon.account_rights().await.unwrap().unwrap();
    assert_eq!(rights.missing, Vec::<String>::new());
    assert!(!rights.may_change_users);
    assert!(daemon.remove_forgotten(true).await.is_ok());
    let admin = open(&accounts.admin).await;
    add_user(&admin, "alice", Role::Admin).await;
}

#[tokio::test]
async fn an_empty_database_is_the_owners_to_begin() {
    let accounts = Accounts::new().await;
    let daemon = open(&accounts.daemon).await;
    let error = daemon.migrate(no_backup).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Schema(SchemaError::NotOwner { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_role_that_is_not_there_or_may_anything_is_refused() {
    let (_accounts, owner) = fleet().await;
    let actor = Actor::local(0, "root".to_owned());
    let missing = owner.grant(&actor, "no_such_role", RoleKind::Daemon).await;
    let words = missing.unwrap_err().to_string();
    assert!(
        words.contains("create role \"no_such_role\" login"),
        "{words}"
    );
    for role in ["linux_api_owner", "postgres"] {
        let refused = owner.grant(&actor, role, RoleKind::Daemon).await;
        let words = refused.unwrap_err().to_string();
        assert!(words.contains("may do anything already"), "{words}");
    }
}

#[tokio::test]
async fn the_printed_script_gives_the_same_rights() {
    let accounts = Accounts::new().await;
    let owner = open(&accounts.owner).await;
    owner.migrate(no_backup).await.unwrap();
    let mut connection = PgConnection::connect(&accounts.owner).await.unwrap();
    execute(&mut connection, &script(DAEMON, RoleKind::Daemon))
        .await
        .unwrap();
    let daemon = open(&accounts.daemon).await;
    let rights = daemon.account_rights().await.unwrap().unwrap();
    assert_eq!(rights.missing, Vec::<String>::new());
    assert!(!rights.may_change_users);
}
