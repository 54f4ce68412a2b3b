//! Putting backups in the place of databases, from each engine into each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use linux_api_store::audit::AuditFilter;
use linux_api_store::backup::{
    self, BackupError, BackupInfo, BackupScope, Manifest, Reason, RestoreOrder, RestoreOutcome,
};
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::{Engine, Options, Store};
use linux_api_wire::audit::{Actor, Via};
use linux_api_wire::fleet::{HostFacts, HostIdentity, HostSample};
use linux_api_wire::progress::{NoProgress, Progress};
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::time::Timestamp;

use crate::backup::{Fixture, add_user, names, no_backup, rows};

on_both_engines! {
    a_restored_database_is_the_one_that_was_saved,
    what_was_there_before_is_saved_first,
    users_and_keys_alone_leave_the_rest,
    users_and_keys_alone_fill_an_empty_database,
    users_and_keys_alone_are_refused_at_another_revision,
    an_older_backup_brings_its_own_revision,
    a_newer_schema_is_set_aside,
    a_backup_of_a_newer_program_is_refused,
    a_damaged_backup_changes_nothing,
    a_backup_that_does_not_fit_changes_nothing,
    trying_to_restore_leaves_nothing,
    new_rows_get_new_ids_after_a_restore,
    daemons_see_that_keys_changed,
}

const CLI: Via = Via::Cli(0);

fn actor() -> Actor {
    Actor::local(0, "system".to_owned())
}

pub(crate) fn options(url: &str) -> Options {
    let mut options = Options::new(url);
    options.deadline = Duration::from_secs(30);
    options
}

impl Fixture {
    /// Restores into a database, which no one else may have open.
    pub(crate) async fn restore_into(
        &self,
        path: &Path,
        url: &str,
    ) -> Result<RestoreOutcome, BackupError> {
        self.restore_watched(path, url, &NoProgress).await
    }

    pub(crate) async fn restore_watched(
        &self,
        path: &Path,
        url: &str,
        progress: &dyn Progress,
    ) -> Result<RestoreOutcome, BackupError> {
        let clock = self.clock.clock();
        backup::restore(RestoreOrder {
            backup: path,
            target: options(url),
            copies: &self.backups(),
            actor: &actor(),
            clock: &clock,
            progress,
        })
        .await
    }

    /// Restores into the fixture's own database and opens it again.
    pub(crate) async fn restore(
        mut self,
        path: &Path,
    ) -> (Self, Result<RestoreOutcome, BackupError>) {
        self.store.close().await;
        // The lock on the file goes with the last handle.
        self.store = Store::open(options(&self.elsewhere()), self.clock.clock())
            .await
            .unwrap();
        let restored = self.restore_into(path, &self.url).await;
        self.store = self.open().await;
        (self, restored)
    }

    pub(crate) async fn restored_from(self, path: &Path) -> Self {
        let (fixture, restored) = self.restore(path).await;
        restored.unwrap();
        fixture
    }

    async fn try_restore(&self, path: &Path) -> Result<Manifest, BackupError> {
        let (options, folder) = (options(&self.url), self.backups());
        let clock = self.clock.clock();
        backup::try_restore(path, &options, &folder, &clock, &NoProgress).await
    }

    pub(crate) fn elsewhere(&self) -> String {
        format!("sqlite://{}/elsewhere.db", self.folder.path().display())
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(options(&self.url), self.clock.clock())
            .await
            .unwrap()
    }

    /// Requests with sketches, statuses and a host's series.
    async fn with_measurements(self) -> Self {
        let now = self.store.clock().now();
        let mut buckets = Vec::new();
        let mut samples = Vec::new();
        for minute in 0..50_u32 {
            let time = now.saturating_sub(Duration::from_mins(u64::from(minute)));
            let mut stats = RequestStats::default();
            for request in 0..20 {
                // Numbers whose last bits matter.
                let micros = 1 + u64::from(minute) * 7_919 + request * 104_729;
                let code = if request == 7 { 500 } else { 200 };
                stats.add(code, Duration::from_nanos(micros * 333));
            }
            for resolution in Resolution::ALL {
                buckets.push(RequestBucket {
                    resolution,
                    time: resolution.start_of(time),
                    host_id: "h1".into(),
                    instance_id: format!("a{minute}").into(),
                    key: RequestKey {
                        route: Arc::from("/a/{id}"),
                        method: RequestMethod::Get,
                    },
                    stats: stats.clone(),
                });
            }
            samples.push(HostSample {
                name: "load.one".to_owned(),
                labels: "{mount_point=\"/a \\\"b\\\"\"}".to_owned(),
                time: Resolution::Minute.start_of(time),
                samples: 3,
                mean: f64::from(minute) / 3.0 + 1e-9,
                max: 1.0e300 / f64::from(minute + 1),
            });
        }
        let batch = Batch {
            host: &host(),
            buckets: &buckets,
            samples: &samples,
        };
        self.store.flush(batch).await.unwrap();
        self
    }
}

fn host() -> HostReport {
    HostReport {
        identity: HostIdentity {
            id: "h1".into(),
            name: "one".to_owned(),
            labels: BTreeMap::from([("place".to_owned(), "Köln".to_owned())]),
            version: "1".to_owned(),
        },
        instance_id: "a1".into(),
        facts: Some((Timestamp::from_millis(1), facts())),
        sample: Some((Timestamp::from_millis(1), "{\"a\":0.1}".to_owned())),
    }
}

/// Figures of every kind.
fn facts() -> HostFacts {
    HostFacts {
        cpu_usage_percent: Some(0.1),
        memory_used_bytes: Some(1 << 60),
        disk_mount_point: Some("/Köln".to_owned()),
        reboot_required: Some(true),
        ..HostFacts::default()
    }
}

/// What a restore changes in a database on purpose.
const CHANGED: [&str; 3] = ["settings", "audit_log", "leases"];

/// The rows of both backups, table by table, whatever their order.
#[track_caller]
fn assert_same(one: &BackupInfo, other: &BackupInfo) {
    let tables = |info: &BackupInfo| -> Vec<String> {
        let tables = info.manifest.tables.iter().map(|one| one.name.clone());
        tables.collect()
    };
    assert_eq!(tables(one), tables(other));
    for table in tables(one) {
        let sorted = |info: &BackupInfo| {
            let mut rows: Vec<String> =
                rows(info, &table).iter().map(ToString::to_string).collect();
            rows.sort();
            rows
        };
        let (mut one, mut other) = (sorted(one), sorted(other));
        if CHANGED.contains(&table.as_str()) {
            let is_own = |row: &String| row.contains("auth_revision") || row.contains("db.restore");
            one.retain(|row| !is_own(row));
            other.retain(|row| !is_own(row));
        }
        assert_eq!(one, other, "{table}");
    }
}

async fn a_restored_database_is_the_one_that_was_saved(fixture: Fixture) {
    let fixture = fixture.with_rows().await.with_measurements().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    assert!(backup.manifest.rows() > 100);
    for other in [Fixture::sqlite().await, Fixture::postgres().await] {
        let (other, restored) = other.restore(&backup.path).await;
        let restored = restored.unwrap();
        assert_eq!(restored.manifest, backup.manifest);
        assert!(restored.safety.is_none() && restored.kept.is_none());
        fixture.clock.advance(Duration::from_secs(1));
        let again = other.backup(BackupScope::All).await.unwrap();
        assert_same(&backup, &again);
        // And back again.
        let (back, restored) = Fixture::sqlite().await.restore(&again.path).await;
        restored.unwrap();
        assert_same(&again, &back.backup(BackupScope::All).await.unwrap());
        let log = other.store.list_audit(&AuditFilter::default(), 1).await;
        let log = log.unwrap();
        assert_eq!(log[0].action, "db.restore");
        assert_eq!(log[0].via, CLI.to_string());
        assert!(log[0].target.starts_with("backup:2026-11-23T"), "{log:?}");
    }
}

async fn what_was_there_before_is_saved_first(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    fixture.clock.advance(Duration::from_secs(1));
    add_user(&fixture.store, 3).await;
    let before = fixture.store.count_users().await.unwrap();
    let (fixture, restored) = fixture.restore(&backup.path).await;
    let safety = restored.unwrap().safety.unwrap();
    assert_eq!(fixture.store.count_users().await.unwrap(), before - 1);
    assert_eq!(safety.manifest.reason, Reason::Restore);
    assert_eq!(rows(&safety, "users").len(), 3);
    // It is a backup like any other.
    let (fixture, restored) = fixture.restore(&safety.path).await;
    restored.unwrap();
    assert_eq!(fixture.store.count_users().await.unwrap(), before);
}

async fn users_and_keys_alone_leave_the_rest(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let backup = fixture.backup(BackupScope::Security).await.unwrap();
    let fixture = fixture.with_measurements().await;
    fixture.clock.advance(Duration::from_secs(1));
    add_user(&fixture.store, 3).await;
    let (fixture, restored) = fixture.restore(&backup.path).await;
    restored.unwrap();
    assert_eq!(fixture.store.count_users().await.unwrap(), 2);
    let after = fixture.backup(BackupScope::All).await.unwrap();
    assert_eq!(rows(&after, "request_stats").len(), 50);
    assert_eq!(rows(&after, "host_minutes").len(), 50);
}

async fn users_and_keys_alone_fill_an_empty_database(fixture: Fixture) {
    let other = Fixture::sqlite().await.with_rows().await;
    let backup = other.backup(BackupScope::Security).await.unwrap();
    let (fixture, restored) = fixture.restore(&backup.path).await;
    restored.unwrap();
    assert_eq!(fixture.store.count_users().await.unwrap(), 2);
}

async fn users_and_keys_alone_are_refused_at_another_revision(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let backup = fixture.backup(BackupScope::Security).await.unwrap();
    fixture.store.rollback(1, no_backup).await.unwrap();
    let (fixture, restored) = fixture.restore(&backup.path).await;
    let text = restored.unwrap_err().to_string();
    assert!(text.contains("linux-api db migrate --to"), "{text}");
    assert_eq!(fixture.store.schema_state().await.unwrap().current, 1);
}

async fn an_older_backup_brings_its_own_revision(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let known = fixture.store.known_revision();
    fixture.store.rollback(1, no_backup).await.unwrap();
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    assert_eq!(backup.manifest.schema_revision, 1);
    fixture.store.migrate(no_backup).await.unwrap();
    let fixture = fixture.with_measurements().await;
    let newer = fixture.backup(BackupScope::All).await.unwrap();
    let (fixture, restored) = fixture.restore(&backup.path).await;
    restored.unwrap();
    assert_eq!(fixture.store.schema_state().await.unwrap().current, 1);
    assert_eq!(fixture.store.count_users().await.unwrap(), 2);
    // And up again, from a database that is behind the backup.
    let (fixture, restored) = fixture.restore(&newer.path).await;
    restored.unwrap();
    assert_eq!(fixture.store.schema_state().await.unwrap().current, known);
    assert_same(&newer, &fixture.backup(BackupScope::All).await.unwrap());
}

async fn pretend_newer(fixture: &Fixture) {
    fixture
        .execute(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             select 999, 'future', success, checksum, 0 from _sqlx_migrations where version = 1",
        )
        .await;
    fixture
        .execute("update settings set value = '999' where name = 'min_compatible'")
        .await;
}

async fn a_newer_schema_is_set_aside(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    pretend_newer(&fixture).await;
    let (fixture, restored) = fixture.restore(&backup.path).await;
    let restored = restored.unwrap();
    assert!(restored.safety.is_none());
    let kept = restored.kept.unwrap();
    let state = fixture.store.schema_state().await.unwrap();
    assert_eq!(state.current, backup.manifest.schema_revision);
    match fixture.store.engine() {
        Engine::Sqlite => assert!(Path::new(&kept).exists(), "{kept}"),
        Engine::Postgres => {
            let name = kept.strip_prefix("schema linux_api_before_").unwrap();
            assert!(name.parse::<i64>().is_ok(), "{name}");
        }
    }
}

async fn a_backup_of_a_newer_program_is_refused(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let known = fixture.store.known_revision();
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    crate::backup::rewrite_manifest(&backup.path, |manifest| {
        manifest["schema_revision"] = (known + 1).into();
    });
    let (_, restored) = fixture.restore(&backup.path).await;
    let text = restored.unwrap_err().to_string();
    assert!(text.contains("newer program"), "{text}");
}

async fn a_damaged_backup_changes_nothing(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    add_user(&fixture.store, 3).await;
    let path = backup.path.join("users.jsonl.zst");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (fixture, restored) = fixture.restore(&backup.path).await;
    let error = restored.unwrap_err();
    assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
    assert_eq!(fixture.store.count_users().await.unwrap(), 3);
}

async fn a_backup_that_does_not_fit_changes_nothing(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    // A key of a user that is not there.
    crate::backup::rewrite_rows(&backup.path, "api_keys", |row| {
        row["user_id"] = "00000000-0000-4000-8000-000000000000".into();
    });
    let (fixture, restored) = fixture.restore(&backup.path).await;
    let text = restored.unwrap_err().to_string();
    assert!(text.contains("was left as it was"), "{text}");
    assert_eq!(fixture.store.count_users().await.unwrap(), 2);
    // Neither does a try leave anything.
    fixture.try_restore(&backup.path).await.unwrap_err();
    add_user(&fixture.store, 3).await;
}

async fn trying_to_restore_leaves_nothing(fixture: Fixture) {
    let fixture = fixture.with_rows().await.with_measurements().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    let security = fixture.backup(BackupScope::Security).await.unwrap();
    for one in [&backup, &security] {
        let tried = fixture.try_restore(&one.path).await;
        assert_eq!(tried.unwrap(), one.manifest);
    }
    assert_eq!(names(&fixture.backups()).len(), 2);
    let after = fixture.backup(BackupScope::All).await.unwrap();
    assert_same(&backup, &after);
    if fixture.store.engine() == Engine::Postgres {
        // Fails when a schema of that kind is left.
        fixture
            .execute(
                "do $$ begin if exists (select 1 from pg_namespace where nspname like
                 'linux_api_scratch%') then raise exception 'left'; end if; end $$",
            )
            .await;
    }
}

async fn new_rows_get_new_ids_after_a_restore(fixture: Fixture) {
    let fixture = fixture.with_rows().await.with_measurements().await;
    fixture.fill_audit_log().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    let (other, restored) = fixture.restore(&backup.path).await;
    restored.unwrap();
    add_user(&other.store, 3).await;
    let log = other.store.list_audit(&AuditFilter::default(), 3).await;
    let log = log.unwrap();
    assert_eq!(log[0].action, "user.create");
    assert_eq!(log[1].action, "db.restore");
    assert_eq!((log[0].id, log[1].id), (20_004, 20_003));
    // A new series of a host too.
    let samples = [HostSample {
        name: "load.five".to_owned(),
        labels: String::new(),
        time: Resolution::Minute.start_of(other.store.clock().now()),
        samples: 1,
        mean: 1.0,
        max: 1.0,
    }];
    let batch = Batch {
        host: &host(),
        buckets: &[],
        samples: &samples,
    };
    other.store.flush(batch).await.unwrap();
}

async fn daemons_see_that_keys_changed(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    for number in 3..8 {
        add_user(&fixture.store, number).await;
    }
    let before = fixture.store.refresh_auth_revision().await.unwrap();
    let (fixture, restored) = fixture.restore(&backup.path).await;
    restored.unwrap();
    let after = fixture.store.refresh_auth_revision().await.unwrap();
    assert!(after > before, "{after} after {before}");
}
