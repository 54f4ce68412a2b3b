//! Commands that are killed at each of their writes: afterwards the database is the old one or the
//! new one, and every backup that is listed is whole.
//!
//! The usual run takes a sample; `cargo test --test it backup:: -- --ignored` takes all of it.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use linux_api_store::audit::AuditFilter;
use linux_api_store::backup::{self, BackupScope};
use linux_api_store::{Options, Store};
use linux_api_wire::time::Clock;
use tempfile::TempDir;

use crate::backup::damage::Numbers;
use crate::backup::{Fixture, add_user, no_backup};

/// What changes a file or a directory, by kind. Each is swept on its own, and strace counts them for
/// each thread.
const WRITES: [&str; 5] = [
    "pwrite64",
    "write,writev",
    "fsync,fdatasync",
    "rename,renameat,renameat2,link,linkat",
    "unlink,unlinkat,ftruncate,mkdir,mkdirat",
];

/// What is done while it is killed.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    Backup,
    Migrate,
    Restore,
}

/// A database, its backups, and what to do with them.
struct Scene {
    work: Work,
    url: String,
    folder: TempDir,
    arguments: Vec<String>,
    /// Revision and users before and after.
    before: (i64, i64),
    after: (i64, i64),
}

impl Scene {
    async fn new(work: Work, fixture: Fixture) -> Self {
        let fixture = fixture.with_rows().await;
        let known = fixture.store.known_revision();
        let strings = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let (arguments, before, after) = match work {
            Work::Backup => (strings(&["db", "backup"]), (known, 2), (known, 2)),
            Work::Migrate => {
                fixture.store.rollback(1, no_backup).await.unwrap();
                (strings(&["db", "migrate"]), (1, 2), (known, 2))
            }
            Work::Restore => {
                let backup = fixture.backup(BackupScope::All).await.unwrap();
                add_user(&fixture.store, 3).await;
                let name = backup.path.file_name().unwrap().to_str().unwrap();
                let arguments = strings(&["db", "restore", name, "--yes"]);
                (arguments, (known, 3), (known, 2))
            }
        };
        fixture.store.close().await;
        let Fixture { url, folder, .. } = fixture;
        Self {
            work,
            url,
            folder,
            arguments,
            before,
            after,
        }
    }

    /// The same in a directory of its own, for one run on SQLite.
    fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let done = Command::new("cp")
            .arg("-a")
            .arg(format!("{}/.", self.folder.path().display()))
            .arg(folder.path())
            .status();
        assert!(done.unwrap().success());
        let old = self.folder.path().to_str().unwrap();
        let new = folder.path().to_str().unwrap();
        Self {
            url: self.url.replace(old, new),
            arguments: self.arguments.clone(),
            folder,
            ..*self
        }
    }

    fn backups(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    /// The command, below `tracer` when there is one.
    fn command(&self, tracer: &[String]) -> Command {
        let program = assert_cmd::cargo::cargo_bin!("linux-api");
        let mut command = match tracer.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command
            .args(&self.arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("LINUX_API__DATABASE__URL", &self.url)
            .env("LINUX_API__BACKUP__DIRECTORY", self.backups())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    async fn open(&self) -> Store {
        let mut options = Options::new(self.url.as_str());
        options.deadline = Duration::from_secs(30);
        Store::open(options, Clock::system()).await.unwrap()
    }

    /// Looks at what is left: old or new, and nothing half.
    async fn look(&self, what: &str) -> bool {
        let store = self.open().await;
        let state = store.schema_state().await.unwrap();
        let users = store.count_users().await.unwrap();
        let found = (state.current, users);
        assert!(
            found == self.before || found == self.after,
            "{what}: {found:?} is neither {:?} nor {:?}",
            self.before,
            self.after
        );
        // A change without its row in the logs would be half done, and so would be the row alone.
        let filter = AuditFilter {
            result: Some("done".to_owned()),
            ..AuditFilter::default()
        };
        // That of an earlier schema has fewer columns than are read now.
        let log = if state.current == store.known_revision() {
            store.list_audit(&filter, 100).await.unwrap()
        } else {
            Vec::new()
        };
        let noted = |action: &str| log.iter().any(|row| row.action == action);
        let is_new = found == self.after;
        match self.work {
            Work::Backup => {}
            Work::Migrate => {
                assert_eq!(noted("db.migrate"), is_new, "{what}");
                let log = store.list_migration_log(1).await.unwrap();
                assert_eq!(log[0].direction == "up", is_new, "{what}: {log:?}");
            }
            Work::Restore => assert_eq!(noted("db.restore"), is_new, "{what}"),
        }
        // Everything can be read: a backup of it is made and compared.
        let rows = store.rows_per_table().await.unwrap();
        assert!(rows.iter().any(|(name, _)| name == "users"), "{what}");
        store.close().await;
        for path in backup::backup_directories(&self.backups()).unwrap() {
            let checked = backup::check(&path);
            assert!(checked.is_ok(), "{what}: {} {checked:?}", path.display());
        }
        is_new
    }

    /// Does it again, undisturbed.
    async fn finish(&self, what: &str) {
        let output = self.command(&[]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what}, then: {text}");
        assert!(self.look(what).await, "{what}");
        let names = crate::backup::names(&self.backups());
        let unfinished = names.iter().any(|name| name.starts_with(".tmp-"));
        assert!(
            !unfinished || self.work == Work::Migrate,
            "{what}: {names:?}"
        );
        let data = Path::new(self.url.trim_start_matches("sqlite://"));
        if let Some(data) = data.parent().filter(|data| data.is_dir()) {
            let names = crate::backup::names(data);
            let left = names.iter().any(|name| name.contains(".restore-"));
            assert!(!left, "{what}: {names:?}");
        }
    }
}

#[expect(clippy::print_stderr, reason = "says what was swept")]
fn report(text: &str) {
    eprintln!("{text}");
}

fn has_strace() -> bool {
    let found = Command::new("strace").arg("-V").output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        crate::backup::left_out::for_want_of("strace", "apt-get install strace");
    }
    found
}

fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9) || status.code() == Some(128 + 9)
}

/// Kills the command at the `step`th write of each kind, the one after that, and so on until it is
/// no longer killed; takes every `step`th.
async fn sweep(work: Work, step: usize) {
    if !has_strace() {
        return;
    }
    let scene = Scene::new(work, Fixture::sqlite().await).await;
    let (mut kills, mut new) = (0, 0);
    let begin = Instant::now();
    for calls in WRITES {
        for at in (1..).step_by(step) {
            let run = scene.copy();
            let what = format!("killed at {calls} {at}");
            let tracer = [
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                &format!("trace={calls}"),
                "-e",
                &format!("inject={calls}:signal=KILL:when={at}"),
                "--",
            ];
            let tracer = tracer.map(str::to_owned);
            let output = run.command(&tracer).output().unwrap();
            let is_new = run.look(&what).await;
            if !was_killed(output.status) {
                let text = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success() && is_new, "{what}: {text}");
                break;
            }
            kills += 1;
            new += usize::from(is_new);
            run.finish(&what).await;
        }
    }
    assert!(kills > 0);
    report(&format!(
        "killed {kills} times in {:?}, {new} of them after the change",
        begin.elapsed()
    ));
}

/// Kills the command at random moments.
async fn random_kills(work: Work, times: usize) {
    static SEED: AtomicUsize = AtomicUsize::new(1);
    let mut numbers = Numbers(SEED.fetch_add(1, Ordering::Relaxed) as u64);
    let scene = Scene::new(work, Fixture::postgres().await).await;
    // As long as it takes undisturbed.
    let begin = Instant::now();
    scene.finish("undisturbed").await;
    let whole = begin.elapsed();
    let (mut killed, mut new) = (0, 0);
    for round in 0..times {
        let scene = Scene::new(work, Fixture::postgres().await).await;
        let mut child = scene.command(&[]).spawn().unwrap();
        let micros = usize::try_from(whole.as_micros()).unwrap();
        let moment = Duration::from_micros(numbers.below(micros) as u64);
        std::thread::sleep(moment);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        let what = format!("round {round}, killed after {moment:?}");
        scene.wait_for_the_server().await;
        let is_new = scene.look(&what).await;
        killed += usize::from(was_killed(status));
        new += usize::from(is_new && was_killed(status));
        scene.finish(&what).await;
    }
    report(&format!(
        "killed {killed} of {times} times, {new} of them after the change"
    ));
}

impl Scene {
    /// The server notices a moment later that its client is gone.
    async fn wait_for_the_server(&self) {
        use sqlx::Connection;
        let mut own = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let others: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()
                     and backend_type = 'client backend'",
            )
            .fetch_one(&mut own)
            .await
            .unwrap();
            if others == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{others} sessions are left");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Writes to the database, and what the backup before them must have gone through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_migrated_before_the_backup_is_on_the_disk() {
    if !has_strace() {
        return;
    }
    let scene = Scene::new(Work::Migrate, Fixture::sqlite().await).await;
    let trace = scene.folder.path().join("trace");
    let tracer = [
        "strace",
        "-f",
        "-qq",
        "-y",
        "-o",
        trace.to_str().unwrap(),
        "-e",
        "trace=pwrite64,fsync,rename,renameat2",
        "--",
    ];
    let tracer = tracer.map(str::to_owned);
    let output = scene.command(&tracer).output().unwrap();
    assert!(output.status.success());
    let text = std::fs::read_to_string(&trace).unwrap();
    let place = |call: &str, path: &str| {
        let found = text
            .lines()
            .position(|line| line.contains(call) && line.contains(path));
        found.unwrap_or_else(|| panic!("no {call} of {path} in {text}"))
    };
    let first = place("pwrite64(", "linux-api.db-wal>");
    let named = place("rename", "/backups/.tmp-");
    for path in ["users.jsonl.zst>", "audit_log.jsonl.zst>", "manifest.json>"] {
        assert!(place("fsync(", path) < named, "{path}");
    }
    let of_the_folder = place("fsync(", "/backups>");
    assert!(named < of_the_folder && of_the_folder < first, "{text}");
}

/// One of so many writes, for the usual run.
const SAMPLE: usize = 17;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_backup_is_whole_or_not_listed() {
    sweep(Work::Backup, SAMPLE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_migration_leaves_the_old_revision_or_the_new() {
    sweep(Work::Migrate, SAMPLE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_restore_leaves_the_old_database_or_the_new() {
    sweep(Work::Restore, SAMPLE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_on_postgresql_leave_the_old_or_the_new() {
    for work in [Work::Backup, Work::Migrate, Work::Restore] {
        random_kills(work, 3).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: every write of a backup"]
async fn every_kill_of_a_backup() {
    sweep(Work::Backup, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: every write of a migration"]
async fn every_kill_of_a_migration() {
    sweep(Work::Migrate, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: every write of a restore"]
async fn every_kill_of_a_restore() {
    sweep(Work::Restore, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: a hundred kills of a backup on PostgreSQL"]
async fn many_kills_of_a_backup_on_postgresql() {
    random_kills(Work::Backup, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: a hundred kills of a migration on PostgreSQL"]
async fn many_kills_of_a_migration_on_postgresql() {
    random_kills(Work::Migrate, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: a hundred kills of a restore on PostgreSQL"]
async fn many_kills_of_a_restore_on_postgresql() {
    random_kills(Work::Restore, 100).await;
}
