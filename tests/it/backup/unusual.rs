//! Databases that are in use or broken, and what others keep in them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use linux_api_store::backup::{BackupError, BackupScope};
use linux_api_store::{Engine, Store, StoreError};

use crate::backup::restore::options;
use crate::backup::{Fixture, add_user, names};

on_both_engines! {
    tables_of_others_are_left_alone,
}

#[tokio::test]
async fn a_restore_is_refused_while_the_file_is_open_elsewhere() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    let refused = fixture.restore_into(&backup.path, &fixture.url).await;
    let error = refused.unwrap_err();
    assert!(
        matches!(error, BackupError::NotRestored(StoreError::InUse(_))),
        "{error}"
    );
    assert!(error.to_string().contains("linux-api stop"), "{error}");
    assert_eq!(names(&fixture.backups()).len(), 1);
    let (_, restored) = fixture.restore(&backup.path).await;
    restored.unwrap();
}

#[tokio::test]
async fn a_restore_is_refused_while_a_daemon_lives_on_postgresql() {
    let fixture = Fixture::postgres().await.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    fixture.store.say_present("i1", "web-1").await.unwrap();
    let refused = fixture.restore_into(&backup.path, &fixture.url).await;
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("a daemon on web-1"), "{text}");
    assert_eq!(names(&fixture.backups()).len(), 1);
    // One that was killed is forgotten.
    fixture.clock.advance(Duration::from_mins(2));
    let restored = fixture.restore_into(&backup.path, &fixture.url).await;
    restored.unwrap();
    fixture.store.say_present("i1", "web-1").await.unwrap();
    fixture.store.say_gone("i1", "web-1").await.unwrap();
    let restored = fixture.restore_into(&backup.path, &fixture.url).await;
    restored.unwrap();
}

async fn tables_of_others_are_left_alone(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    // One that no backup could hold, and one that looks as if it could.
    let odd = match fixture.store.engine() {
        Engine::Sqlite => {
            "create table odd (a numeric); create table mine (a integer);
            insert into mine values (7)"
        }
        Engine::Postgres => {
            "create table odd (a jsonb); create table mine (a integer);
            insert into mine values (7)"
        }
    };
    fixture.execute(odd).await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    let tables = backup.manifest.tables.iter();
    assert!(
        tables
            .clone()
            .all(|one| one.name != "mine" && one.name != "odd")
    );
    let (fixture, restored) = fixture.restore(&backup.path).await;
    restored.unwrap();
    if fixture.store.engine() == Engine::Postgres {
        fixture
            .execute(
                "do $$ begin if (select count(*) from mine) <> 1 then raise exception 'gone';
                 end if; end $$",
            )
            .await;
    }
}

#[tokio::test]
async fn rights_and_views_of_others_stay_on_postgresql() {
    let fixture = Fixture::postgres().await.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    fixture
        .execute(
            "create view public.people as select name from linux_api.users;
             grant select on linux_api.users to pg_monitor",
        )
        .await;
    add_user(&fixture.store, 3).await;
    let (fixture, restored) = fixture.restore(&backup.path).await;
    restored.unwrap();
    fixture
        .execute(
            "do $$ begin
                if (select count(*) from public.people) <> 2 then raise exception 'view'; end if;
                if not has_table_privilege('pg_monitor', 'linux_api.users', 'select')
                    then raise exception 'right'; end if;
             end $$",
        )
        .await;
}

#[tokio::test]
async fn a_broken_file_is_replaced_and_kept() {
    for (name, text) in [("garbage", "x".repeat(20_000)), ("nothing", String::new())] {
        let fixture = Fixture::sqlite().await.with_rows().await;
        let backup = fixture.backup(BackupScope::All).await.unwrap();
        let path = fixture.url.trim_start_matches("sqlite://").to_owned();
        fixture.store.close().await;
        let mut fixture = fixture;
        fixture.store = Store::open(options(&fixture.elsewhere()), fixture.clock.clock())
            .await
            .unwrap();
        fs::write(&path, &text).unwrap();
        fs::write(format!("{path}-wal"), "a log of another time").unwrap();
        let restored = fixture.restore_into(&backup.path, &fixture.url).await;
        let restored = restored.unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(kept) = restored.kept {
            assert_eq!(fs::read_to_string(kept).unwrap(), text);
        } else {
            assert_eq!(name, "nothing");
        }
        let store = fixture.open().await;
        assert_eq!(store.count_users().await.unwrap(), 2, "{name}");
    }
}

#[tokio::test]
async fn what_a_killed_restore_left_is_removed_by_the_next() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    let path = fixture.url.trim_start_matches("sqlite://");
    let left = format!("{path}.restore-0123");
    fs::write(&left, "x").unwrap();
    let (_, restored) = fixture.restore(&backup.path).await;
    restored.unwrap();
    assert!(!Path::new(&left).exists());
}
