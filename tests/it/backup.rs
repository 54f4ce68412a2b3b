//! Backups on both engines, and what can happen to them.

use crate::support::{left_out, postgres, statement};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use linux_api_store::api_keys::{KeyUse, NewKey};
use linux_api_store::backup::{self, BackupError, BackupInfo, BackupOrder, BackupScope, Reason};
use linux_api_store::users::NewUser;
use linux_api_store::{Options, Store};
use linux_api_wire::api_key::{KeyId, Scopes};
use linux_api_wire::audit::Actor;
use linux_api_wire::progress::NoProgress;
use linux_api_wire::time::ManualClock;
use linux_api_wire::user::Role;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

mod damage;
mod kills;

/// A database with a few rows, and a directory for backups.
struct Fixture {
    store: Store,
    clock: ManualClock,
    url: String,
    folder: TempDir,
}

impl Fixture {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/data/linux-api.db", folder.path().display());
        Self::new(url, folder).await
    }

    async fn postgres() -> Self {
        Self::new(postgres::fresh_database(), tempfile::tempdir().unwrap()).await
    }

    async fn new(url: String, folder: TempDir) -> Self {
        let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
        let mut options = Options::new(url.as_str());
        // The machine that runs the tests may be busy.
        options.deadline = Duration::from_secs(30);
        let store = Store::open(options, clock.clock()).await.unwrap();
        Self {
            store,
            clock,
            url,
            folder,
        }
    }

    async fn with_rows(self) -> Self {
        self.store.migrate(no_backup).await.unwrap();
        add_user(&self.store, 1).await;
        self.clock.advance(Duration::from_millis(1_005));
        let user_id = add_user(&self.store, 2).await;
        let login = KeyUse {
            key_id: KeyId("key2".to_owned()),
            user_id,
            time: self.store.clock().now(),
        };
        self.store.record_key_use(&[login]).await.unwrap();
        self
    }

    /// Runs a statement past the store.
    async fn execute(&self, sql: &str) {
        statement::execute(self.store.engine(), &self.url, sql.to_owned()).await;
    }

    async fn fill_audit_log(&self) {
        let add = "
            insert into audit_log (time, actor, via, action, target, result, detail)
            with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
            select (select min(time) from audit_log), 'system', 'system', 'user.create',
                'user:' || i, 'done', ''
            from n";
        self.execute(add).await;
    }

    fn backups(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    async fn backup(&self, scope: BackupScope) -> Result<BackupInfo, BackupError> {
        self.backup_into(&self.backups(), scope).await
    }

    async fn backup_into(
        &self,
        folder: &Path,
        scope: BackupScope,
    ) -> Result<BackupInfo, BackupError> {
        let order = BackupOrder {
            folder,
            scope,
            reason: Reason::Command,
            progress: &NoProgress,
        };
        backup::create(&self.store, order).await
    }
}

async fn no_backup(_: &Store) -> Result<(), Infallible> {
    Ok(())
}

async fn add_user(store: &Store, number: usize) -> linux_api_wire::user::UserId {
    let user = NewUser {
        name: format!("user{number}"),
        role: Role::Admin,
        active: number.is_multiple_of(2),
        immutable: false,
        hosts: linux_api_wire::host_selector::HostSelector::default(),
    };
    let key = NewKey {
        id: KeyId(format!("key{number}")),
        hash: format!("hash {number}"),
        name: "Zeile 1\nline \"2\" \u{1F512}".to_owned(),
        scopes: Scopes::ALL,
        expires_at: None,
        hosts: linux_api_wire::host_selector::HostSelector::default(),
    };
    let made = store.create_user(&Actor::system(), &user, &key).await;
    made.unwrap().id
}

fn rows(backup: &BackupInfo, table: &str) -> Vec<Value> {
    let file = fs::File::open(backup.path.join(format!("{table}.jsonl.zst"))).unwrap();
    let text = String::from_utf8(zstd::decode_all(file).unwrap()).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
    rows.collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::backup::Fixture::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::backup::Fixture::postgres().await).await;
            })*
        }
    };
}

mod restore;
mod retention;
mod unusual;
mod writes;

on_both_engines! {
    every_table_is_in_the_backup,
    the_security_scope_holds_users_keys_and_what_goes_with_them,
    an_empty_database_and_a_newer_schema_are_refused,
    rows_are_of_one_moment_while_others_write,
    many_rows_are_all_there,
    a_dropped_backup_leaves_nothing,
}

async fn every_table_is_in_the_backup(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    let manifest = &backup.manifest;
    assert_eq!(manifest.time, fixture.store.clock().now());
    assert_eq!(manifest.engine, fixture.store.engine().as_str());
    assert_eq!(manifest.schema_revision, fixture.store.known_revision());
    assert_eq!(manifest.program_version, env!("CARGO_PKG_VERSION"));
    assert!(!manifest.engine_version.is_empty());
    let name = format!("2026-11-23T07-02-01.005Z-r{}", manifest.schema_revision);
    assert_eq!(backup.path, fixture.backups().join(name));
    assert_eq!(backup::check(&backup.path).unwrap(), *manifest);
    assert_eq!(names(&fixture.backups()).len(), 1);

    let tables: BTreeSet<&str> = manifest
        .tables
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    for table in [
        "settings",
        "users",
        "api_keys",
        "audit_log",
        "migration_log",
    ] {
        assert!(tables.contains(table), "{table}");
    }
    assert!(!tables.contains("_sqlx_migrations"));
    for table in &manifest.tables {
        let count = rows(&backup, &table.name).len();
        assert_eq!(count as u64, table.rows, "{}", table.name);
    }

    let users = rows(&backup, "users");
    let user = users.iter().find(|user| user["name"] == "user2").unwrap();
    let found = fixture.store.find_user_by_name("user2").await.unwrap();
    let expected = serde_json::json!({
        "id": found.unwrap().id.to_string(),
        "name": "user2",
        "role": "admin",
        "active": true,
        "immutable": false,
        "created_at": "2026-11-23T07:02:01.005Z",
        "last_login": "2026-11-23T07:02:01.005Z",
        "hosts": null,
    });
    assert_eq!(*user, expected);
    let other = users.iter().find(|user| user["name"] == "user1").unwrap();
    assert_eq!(other["last_login"], Value::Null);
    assert_eq!(other["created_at"], "2026-11-23T07:02:00.000Z");
    let keys = rows(&backup, "api_keys");
    assert_eq!(keys[0]["name"], "Zeile 1\nline \"2\" \u{1F512}");

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&fixture.backups()), 0o700);
    assert_eq!(mode(&backup.path), 0o700);
    for name in names(&backup.path) {
        assert_eq!(mode(&backup.path.join(&name)), 0o600, "{name}");
    }
}

async fn the_security_scope_holds_users_keys_and_what_goes_with_them(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let backup = fixture.backup(BackupScope::Security).await.unwrap();
    let tables: Vec<&str> = backup
        .manifest
        .tables
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    // Users before the keys that refer to them.
    let expected = [
        "settings",
        "users",
        "api_keys",
        "audit_log",
        "imported_users",
    ];
    assert_eq!(tables, expected);
    assert_eq!(backup.manifest.scope, BackupScope::Security);
    assert_eq!(names(&backup.path).len(), 6);
}

async fn an_empty_database_and_a_newer_schema_are_refused(fixture: Fixture) {
    let error = fixture.backup(BackupScope::All).await.unwrap_err();
    assert!(matches!(error, BackupError::Empty), "{error}");
    fixture.store.migrate(no_backup).await.unwrap();
    fixture.store.rollback(0, no_backup).await.unwrap();
    let error = fixture.backup(BackupScope::All).await.unwrap_err();
    assert!(matches!(error, BackupError::Empty), "{error}");
    fixture.store.migrate(no_backup).await.unwrap();
    let add = "
        insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        select 999, 'future', success, checksum, 0 from _sqlx_migrations where version = 1";
    fixture.execute(add).await;
    let error = fixture.backup(BackupScope::All).await.unwrap_err();
    assert!(
        matches!(error, BackupError::TooNew { found: 999, .. }),
        "{error}"
    );
    assert!(names(&fixture.backups()).is_empty());
}

async fn rows_are_of_one_moment_while_others_write(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let store = fixture.store.clone();
    let writing = tokio::spawn(async move {
        for number in 100.. {
            add_user(&store, number).await;
        }
    });
    let mut seen = 0;
    for _ in 0..10 {
        let backup = fixture.backup(BackupScope::Security).await.unwrap();
        let users = rows(&backup, "users").len();
        assert!(users >= seen);
        seen = users;
        // Each user came with one key, one row of the log and one step of the revision.
        assert_eq!(rows(&backup, "api_keys").len(), users);
        assert_eq!(rows(&backup, "audit_log").len(), users);
        let settings = rows(&backup, "settings");
        let revision = settings.iter().find(|row| row["name"] == "auth_revision");
        assert_eq!(revision.unwrap()["value"], users.to_string());
    }
    assert!(seen > 2, "nobody wrote");
    writing.abort();
}

async fn many_rows_are_all_there(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    fixture.fill_audit_log().await;
    let backup = fixture.backup(BackupScope::Security).await.unwrap();
    let log = rows(&backup, "audit_log");
    assert_eq!(log.len(), 20_002);
    let ids: Vec<i64> = log.iter().map(|row| row["id"].as_i64().unwrap()).collect();
    assert!(ids.is_sorted());
    let table = &backup.manifest.tables[3];
    assert!(table.raw_bytes > 1_000_000 && table.bytes < table.raw_bytes / 4);
}

async fn a_dropped_backup_leaves_nothing(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    fixture.fill_audit_log().await;
    for millis in [1, 10, 30, 50] {
        let backup = fixture.backup(BackupScope::All);
        let _ = tokio::time::timeout(Duration::from_millis(millis), backup).await;
    }
    let unfinished = || {
        let names = names(&fixture.backups());
        names.iter().any(|name| name.starts_with(".tmp-"))
    };
    // The writing thread notices a moment later.
    for _ in 0..500 {
        if !unfinished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!unfinished());
    for backup in backup::list(&fixture.backups()).unwrap() {
        backup::check(&backup.path).unwrap();
    }
    fixture.backup(BackupScope::All).await.unwrap();
}

#[tokio::test]
async fn both_engines_have_the_same_columns_of_the_same_kinds() {
    let mut tables = Vec::new();
    for fixture in [Fixture::sqlite().await, Fixture::postgres().await] {
        let fixture = fixture.with_rows().await;
        let backup = fixture.backup(BackupScope::All).await.unwrap();
        let columns = backup.manifest.tables.into_iter();
        // In any order: a column that SQLite could not change was added again at the end.
        let columns: Vec<_> = columns
            .map(|mut one| {
                one.columns.sort_by(|a, b| a.name.cmp(&b.name));
                (one.name, one.columns)
            })
            .collect();
        tables.push(columns);
    }
    assert_eq!(tables[0], tables[1]);
}

/// Changes a manifest and corrects its checksum, as a newer program would have written it.
fn rewrite_manifest(backup: &Path, change: impl FnOnce(&mut Value)) {
    let path = backup.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("checksum");
    change(&mut manifest);
    let text = serde_json::to_string_pretty(&manifest).unwrap();
    let body = text.strip_suffix("\n}").unwrap();
    let checksum = hex(&Sha256::digest(body));
    fs::write(
        &path,
        format!("{body},\n  \"checksum\": \"{checksum}\"\n}}\n"),
    )
    .unwrap();
}

/// Changes every row of a table and corrects what the manifest says of it.
fn rewrite_rows(backup: &Path, table: &str, change: impl Fn(&mut Value)) {
    let path = backup.join(format!("{table}.jsonl.zst"));
    let text = zstd::decode_all(fs::File::open(&path).unwrap()).unwrap();
    let mut lines = String::new();
    for line in String::from_utf8(text).unwrap().lines() {
        let mut row = serde_json::from_str(line).unwrap();
        change(&mut row);
        lines.push_str(&row.to_string());
        lines.push('\n');
    }
    let packed = zstd::encode_all(lines.as_bytes(), 0).unwrap();
    fs::write(&path, &packed).unwrap();
    rewrite_manifest(backup, |manifest| {
        let tables = manifest["tables"].as_array_mut().unwrap();
        let own = tables.iter_mut().find(|one| one["name"] == table).unwrap();
        own["sha256"] = hex(&Sha256::digest(&packed)).into();
        own["bytes"] = packed.len().into();
        own["raw_bytes"] = lines.len().into();
    });
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap();
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}
