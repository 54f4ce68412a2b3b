//! Migrations up and down, at the same time, and on schemas that don't fit.

use futures_util::future::join_all;
use linux_api_store::migrations::{MigrationOutcome, SchemaError};
use linux_api_store::{Engine, Store, StoreError};
use linux_api_wire::time::Clock;

use crate::store::{Database, Direct, failing_backup, no_backup};

on_every_engine! {
    up_down_and_up_again,
    two_at_once_migrate_once,
    five_at_once_migrate_once,
    a_newer_schema_that_is_compatible_is_served,
    a_schema_that_is_too_new_is_refused_and_left_alone,
    an_altered_migration_is_refused,
    a_failing_backup_stops_the_migration,
    nothing_is_backed_up_on_an_empty_database,
    a_schema_without_pending_migrations_is_not_backed_up,
}

async fn up_down_and_up_again(database: Database) {
    let store = database.open().await;
    let empty = store.schema_state().await.unwrap();
    assert_eq!(empty.current, 0);
    let all = store.known_migrations().into_iter();
    assert_eq!(
        empty.pending,
        all.map(|(revision, _)| revision).collect::<Vec<_>>()
    );

    let up = store.migrate(no_backup).await.unwrap();
    assert_eq!(up, MigrationOutcome::From(0, empty.known));
    assert_eq!(
        store.migrate(no_backup).await.unwrap(),
        MigrationOutcome::Nothing
    );
    let log = store.list_migration_log(100).await.unwrap();
    let revisions: Vec<i64> = log.iter().map(|row| row.revision).rev().collect();
    assert_eq!(revisions, empty.pending);
    for row in &log {
        assert_eq!(
            (row.direction.as_str(), row.status.as_str()),
            ("up", "done")
        );
        assert_eq!(row.error, None);
        assert!(row.started_at <= row.finished_at);
        assert_eq!(row.program_version, env!("CARGO_PKG_VERSION"));
    }

    let down = store.rollback(0, no_backup).await.unwrap();
    assert_eq!(down, MigrationOutcome::From(empty.known, 0));
    assert_eq!(store.schema_state().await.unwrap(), empty);
    assert_eq!(
        store.rollback(0, no_backup).await.unwrap(),
        MigrationOutcome::Nothing
    );

    let again = store.migrate(no_backup).await.unwrap();
    assert_eq!(again, MigrationOutcome::From(0, empty.known));
    assert_eq!(store.count_users().await.unwrap(), 0);
    assert_eq!(store.refresh_auth_revision().await.unwrap(), 0);
}

async fn two_at_once_migrate_once(database: Database) {
    migrate_at_once(database, 2).await;
}

async fn five_at_once_migrate_once(database: Database) {
    migrate_at_once(database, 5).await;
}

async fn migrate_at_once(database: Database, stores: usize) {
    let stores = join_all((0..stores).map(|_| database.open())).await;
    let outcomes = join_all(stores.iter().map(|store| store.migrate(no_backup))).await;
    let outcomes: Vec<MigrationOutcome> = outcomes.into_iter().map(Result::unwrap).collect();
    let known = stores[0].schema_state().await.unwrap().known;
    let ran = outcomes
        .iter()
        .filter(|one| **one == MigrationOutcome::From(0, known));
    assert_eq!(ran.count(), 1, "{outcomes:?}");
    let idle = outcomes
        .iter()
        .filter(|one| **one == MigrationOutcome::Nothing);
    assert_eq!(idle.count(), stores.len() - 1, "{outcomes:?}");
    for store in &stores {
        assert_eq!(store.count_users().await.unwrap(), 0);
        let log = store.list_migration_log(100).await.unwrap();
        let revisions: Vec<i64> = log.iter().map(|row| row.revision).rev().collect();
        let all = store.known_migrations().into_iter();
        assert_eq!(
            revisions,
            all.map(|(revision, _)| revision).collect::<Vec<_>>()
        );
        assert!(log.iter().all(|row| row.status == "done"));
    }
}

/// Makes the schema look as if a program from the future had migrated it.
async fn pretend_newer(direct: &mut Direct, min_compatible: i64) {
    let add = "
        insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        select 999, 'future', success, checksum, 0 from _sqlx_migrations where version = 1";
    direct.execute(add).await.unwrap();
    let set =
        format!("update settings set value = '{min_compatible}' where name = 'min_compatible'");
    direct.execute(&set).await.unwrap();
}

async fn a_newer_schema_that_is_compatible_is_served(database: Database) {
    let store = database.store().await;
    pretend_newer(&mut database.direct().await, 1).await;
    let state = store.schema_state().await.unwrap();
    assert_eq!((state.current, state.pending), (999, vec![]));
    assert_eq!(
        store.migrate(failing_backup).await.unwrap(),
        MigrationOutcome::Nothing
    );
    assert_eq!(store.count_users().await.unwrap(), 0);
}

async fn a_schema_that_is_too_new_is_refused_and_left_alone(database: Database) {
    let store = database.store().await;
    let known = store.schema_state().await.unwrap().known;
    let mut direct = database.direct().await;
    pretend_newer(&mut direct, 999).await;
    let before = fingerprint(&mut direct).await;
    for outcome in [
        store.migrate(no_backup).await,
        store.rollback(0, no_backup).await,
    ] {
        let Err(StoreError::Schema(SchemaError::TooNew {
            found: 999,
            known: said,
            min_compatible: 999,
        })) = outcome
        else {
            panic!("{outcome:?}");
        };
        assert_eq!(said, known);
    }
    assert_eq!(fingerprint(&mut direct).await, before);
}

/// Numbers that any migration would change.
async fn fingerprint(direct: &mut Direct) -> Vec<i64> {
    let mut numbers = Vec::new();
    for sql in [
        "select count(*) from _sqlx_migrations",
        "select count(*) from migration_log",
        "select count(*) from settings",
        "select count(*) from users",
    ] {
        numbers.push(direct.number(sql).await);
    }
    numbers
}

async fn an_altered_migration_is_refused(database: Database) {
    let store = database.store().await;
    let mut direct = database.direct().await;
    let other = match database.engine {
        Engine::Sqlite => "x'00'",
        Engine::Postgres => "'\\x00'::bytea",
    };
    let alter = format!("update _sqlx_migrations set checksum = {other} where version = 1");
    direct.execute(&alter).await.unwrap();
    for outcome in [
        store.migrate(no_backup).await,
        store.rollback(0, no_backup).await,
    ] {
        assert!(
            matches!(outcome, Err(StoreError::Schema(SchemaError::Altered(1)))),
            "{outcome:?}"
        );
    }
    assert_eq!(direct.number("select count(*) from users").await, 0);
}

async fn a_failing_backup_stops_the_migration(database: Database) {
    let store = database.store().await;
    let known = store.schema_state().await.unwrap().known;
    let expect_stop = |outcome: Result<MigrationOutcome, StoreError>| {
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains("the disk is full"), "{text}");
        assert!(text.contains("backup.before_migration"), "{text}");
    };
    expect_stop(store.rollback(0, failing_backup).await);
    assert_eq!(store.schema_state().await.unwrap().current, known);
    // Upwards there is something to lose from the second revision on.
    if known > 1 {
        store.rollback(1, no_backup).await.unwrap();
        expect_stop(store.migrate(failing_backup).await);
        assert_eq!(store.schema_state().await.unwrap().current, 1);
        store.migrate(no_backup).await.unwrap();
    }
    // The lock is free again.
    store.rollback(0, no_backup).await.unwrap();
}

async fn nothing_is_backed_up_on_an_empty_database(database: Database) {
    let store = database.open().await;
    store.migrate(failing_backup).await.unwrap();
}

async fn a_schema_without_pending_migrations_is_not_backed_up(database: Database) {
    let store = database.store().await;
    assert_eq!(
        store.migrate(failing_backup).await.unwrap(),
        MigrationOutcome::Nothing
    );
}

#[tokio::test]
async fn behind_a_pooler_the_tables_get_into_their_own_schema() {
    let database = Database::postgres();
    let mut options = database.options();
    options.pooler = true;
    let store = Store::open(options, Clock::system()).await.unwrap();
    store.migrate(no_backup).await.unwrap();
    let state = store.schema_state().await.unwrap();
    assert!(state.pending.is_empty());
    let strays = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(database.direct().await.number(strays).await, 0);
    assert_eq!(store.count_users().await.unwrap(), 0);
}
