//! Damaged backups, and directories that can't be written or hold other things.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use linux_api_store::audit::AuditFilter;
use linux_api_store::backup::{self, BackupError, BackupOrder, BackupScope, Reason};
use linux_api_store::{Options, Store};
use linux_api_wire::progress::Progress;
use sqlx::{Connection, PgConnection};

use crate::backup::{Fixture, names};

/// The same numbers in each run (`SplitMix64`), so that a failure can be repeated.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = names(folder).into_iter().map(|name| folder.join(name));
    paths
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

#[tokio::test]
async fn every_flipped_bit_and_every_truncation_is_found() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    let backup = fixture.backup(BackupScope::All).await.unwrap();
    let files = files(&backup.path);
    let mut numbers = Numbers(1);
    for round in 0..1_000 {
        let (path, bytes) = &files[round % files.len()];
        let bit = numbers.below(bytes.len() * 8);
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(path, &damaged).unwrap();
        let outcome = backup::check(&backup.path);
        assert!(outcome.is_err(), "bit {bit} of {}", path.display());
        fs::write(path, bytes).unwrap();
    }
    for round in 0..50 {
        let (path, bytes) = &files[round % files.len()];
        let length = numbers.below(bytes.len());
        fs::write(path, &bytes[..length]).unwrap();
        let outcome = backup::check(&backup.path);
        assert!(outcome.is_err(), "{length} bytes of {}", path.display());
        fs::write(path, bytes).unwrap();
    }
    for (path, bytes) in &files {
        let longer = [bytes.as_slice(), b"\n"].concat();
        fs::write(path, longer).unwrap();
        backup::check(&backup.path).unwrap_err();
        fs::remove_file(path).unwrap();
        backup::check(&backup.path).unwrap_err();
        // Not even the right bytes, when a link leads to them.
        let elsewhere = fixture.folder.path().join("elsewhere");
        fs::write(&elsewhere, bytes).unwrap();
        symlink(&elsewhere, path).unwrap();
        backup::check(&backup.path).unwrap_err();
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    }
    backup::check(&backup.path).unwrap();
}

#[tokio::test]
async fn an_exchanged_table_is_found() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    let one = fixture.backup(BackupScope::All).await.unwrap();
    fixture.clock.advance(Duration::from_secs(1));
    crate::backup::add_user(&fixture.store, 3).await;
    let two = fixture.backup(BackupScope::All).await.unwrap();
    let name = "users.jsonl.zst";
    fs::copy(two.path.join(name), one.path.join(name)).unwrap();
    let error = backup::check(&one.path).unwrap_err();
    assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains(name), "{error}");
}

#[tokio::test]
async fn a_folder_that_can_not_be_made_is_named_with_a_remedy() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    let file = fixture.folder.path().join("file");
    fs::write(&file, "").unwrap();
    for folder in [file.clone(), file.join("backups")] {
        let outcome = fixture.backup_into(&folder, BackupScope::All).await;
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains(&*file.to_string_lossy()), "{text}");
    }
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere but where the kernel refuses it to every account.
        let folder = Path::new("/proc/linux-api-backups");
        let outcome = fixture.backup_into(folder, BackupScope::All).await;
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains("/proc/linux-api-backups"), "{text}");
    } else {
        let folder = fixture.backups();
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
        let text = fixture
            .backup(BackupScope::All)
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains("the right to write"), "{text}");
        assert!(text.contains(&*folder.to_string_lossy()), "{text}");
    }
}

/// A file system that is unmounted at the end.
struct TinyDisk(PathBuf);

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_named_with_a_remedy_and_nothing_is_left() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    fixture.fill_audit_log().await;
    let folder = fixture.backups();
    fs::create_dir(&folder).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=32k", "tmpfs"])
        .arg(&folder)
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        crate::backup::left_out::for_want_of(
            "the right to mount",
            "run it as root, outside of a container",
        );
        return;
    }
    let _disk = TinyDisk(folder.clone());
    let error = fixture
        .backup(BackupScope::All)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&*folder.to_string_lossy()), "{error}");
    assert!(error.contains("free space"), "{error}");
    assert!(names(&folder).is_empty(), "{:?}", names(&folder));
}

#[tokio::test]
async fn only_finished_backups_are_listed_newest_first() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    let folder = fixture.backups();
    assert_eq!(backup::list(&folder).unwrap(), []);
    let first = fixture.backup(BackupScope::All).await.unwrap();
    // At the same instant: a name of its own.
    let second = fixture.backup(BackupScope::Security).await.unwrap();
    fixture.clock.advance(Duration::from_secs(1));
    let third = fixture.backup(BackupScope::All).await.unwrap();

    let name = |text: &str| folder.join(text);
    fs::write(name("notes.txt"), "x").unwrap();
    fs::write(name("2026-01-01T00-00-00.000Z-r1"), "x").unwrap();
    fs::create_dir(name("2026-01-02T00-00-00.000Z-r1")).unwrap();
    fs::create_dir(name("2026-01-03T00-00-00.000Z-r1")).unwrap();
    let manifest = name("2026-01-03T00-00-00.000Z-r1/manifest.json");
    fs::write(manifest, "{}").unwrap();
    symlink(&third.path, name("2026-01-04T00-00-00.000Z-r1")).unwrap();
    let temporary = name(".tmp-2026-01-05T00-00-00.000Z-r1-0");
    fs::create_dir(&temporary).unwrap();
    fs::copy(
        third.path.join("manifest.json"),
        temporary.join("manifest.json"),
    )
    .unwrap();
    let pipe = name("2026-01-06T00-00-00.000Z-r1");
    fs::create_dir(&pipe).unwrap();
    let made = Command::new("mkfifo")
        .arg(pipe.join("manifest.json"))
        .status();
    assert!(made.unwrap().success());

    let listed = backup::list(&folder).unwrap();
    assert_eq!(listed, [third, second, first]);
    for backup in listed {
        assert_eq!(backup::check(&backup.path).unwrap(), backup.manifest);
    }
}

#[tokio::test]
async fn what_a_killed_backup_left_is_removed_by_the_next() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    let folder = fixture.backups();
    let left = folder.join(".tmp-2026-01-05T00-00-00.000Z-r1-0123");
    let in_work = folder.join(".tmp-2026-01-05T00-00-00.000Z-r1-4567");
    let other = folder.join(".tmp-of-somebody-else");
    for path in [&left, &in_work, &other] {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("users.jsonl.zst"), "x").unwrap();
    }
    let lock = fs::File::open(&in_work).unwrap();
    lock.lock().unwrap();
    fixture.backup(BackupScope::All).await.unwrap();
    assert!(!left.exists() && in_work.exists() && other.exists());
    drop(lock);
    fixture.backup(BackupScope::All).await.unwrap();
    assert!(!in_work.exists() && other.exists());
}

/// Ends every other session on the database when a step begins.
struct CutOff {
    url: String,
    step: &'static str,
}

impl Progress for CutOff {
    fn begin(&self, step: &str, _total: Option<u64>) {
        if step != self.step {
            return;
        }
        let url = self.url.clone();
        let cut = async move {
            let mut own = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()",
            )
            .execute(&mut own)
            .await
            .unwrap();
        };
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(cut);
        };
        std::thread::spawn(work).join().unwrap();
    }

    fn advance(&self, _rows: u64) {}

    fn end(&self) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_leaves_no_backup_and_no_half_restore() {
    let fixture = Fixture::postgres().await.with_rows().await;
    fixture.fill_audit_log().await;
    let whole = fixture.backup(BackupScope::All).await.unwrap();
    for step in ["backup", "restore", "compare"] {
        let cut_off = CutOff {
            url: fixture.url.clone(),
            step,
        };
        let folder = fixture.backups();
        let text = if step == "backup" {
            let order = BackupOrder {
                folder: &folder,
                scope: BackupScope::All,
                reason: Reason::Command,
                progress: &cut_off,
            };
            let made = backup::create(&fixture.store, order).await;
            made.unwrap_err().to_string()
        } else {
            let restored = fixture.restore_watched(&whole.path, &fixture.url, &cut_off);
            restored.await.unwrap_err().to_string()
        };
        assert!(text.contains("database"), "{step}: {text}");
        for backup in backup::backup_directories(&folder).unwrap() {
            backup::check(&backup).unwrap();
        }
        let names = names(&folder);
        assert!(
            !names.iter().any(|name| name.starts_with(".tmp-")),
            "{names:?}"
        );
        let mut options = Options::new(fixture.url.as_str());
        options.deadline = Duration::from_secs(30);
        let store = Store::open(options, fixture.clock.clock()).await.unwrap();
        assert_eq!(store.count_users().await.unwrap(), 2, "{step}");
        let log = store.list_audit(&AuditFilter::default(), 1).await.unwrap();
        assert_ne!(log[0].action, "db.restore", "{step}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_full_disk_under_the_database_leaves_the_old_one() {
    let source = Fixture::sqlite().await.with_rows().await;
    source.fill_audit_log().await;
    let backup = source.backup(BackupScope::All).await.unwrap();
    let disk = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(disk.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        crate::backup::left_out::for_want_of(
            "the right to mount",
            "run it as root, outside of a container",
        );
        return;
    }
    let _disk = TinyDisk(disk.path().to_owned());
    let url = format!("sqlite://{}/linux-api.db", disk.path().display());
    let options = Options::new(url.as_str());
    let store = Store::open(options.clone(), source.clock.clock())
        .await
        .unwrap();
    store.migrate(crate::backup::no_backup).await.unwrap();
    crate::backup::add_user(&store, 7).await;
    store.close().await;
    drop(store);
    let restored = source.restore_into(&backup.path, &url);
    let text = restored.await.unwrap_err().to_string();
    assert!(text.contains("was left as it was"), "{text}");
    assert!(text.contains("free space"), "{text}");
    let store = Store::open(options, source.clock.clock()).await.unwrap();
    assert!(store.find_user_by_name("user7").await.unwrap().is_some());
    store.close().await;
    let names = names(disk.path());
    assert!(
        !names.iter().any(|name| name.contains(".restore-")),
        "{names:?}"
    );
}
