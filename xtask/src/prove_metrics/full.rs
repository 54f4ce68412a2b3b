//! A disk without room ends nothing and damages nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;

use super::daemon::Daemon;
use super::database::Database;
use super::load::{Load, UPTIME, UPTIME_ONLY};
use super::run::Run;

const CLIENTS: u32 = 20;
/// Users that are made at most until a full disk refuses one.
const USERS: u32 = 10_000;
/// How long the daemon may take to write again once there is room.
const RECOVERY: Duration = Duration::from_secs(30);

pub(super) async fn prove(run: &mut Run) -> anyhow::Result<()> {
    let disk = SmallDisk::mount(run.path("small"))?;
    let path = disk.0.join("linux-api.db");
    let url = format!("sqlite://{}", path.display());
    let mut daemon = Daemon::start(run, 1, "host", &url, &[]).await?;
    run.check(
        register(&daemon, "before").await? == 200,
        "before, users are made",
    );
    let before = daemon.log()?.len();
    let filler = disk.fill()?;
    // What the write-ahead log has room for already is used up first.
    let mut users = 0;
    while users < USERS && register(&daemon, &format!("u{users:06}")).await? == 200 {
        users += 1;
    }
    let sent = filled(run, &daemon, before).await?;
    fs::remove_file(filler)?;
    emptied(run, &daemon).await?;
    let status = daemon.stop().await?;
    run.check(status.success(), "it never ended, and ends with 0");
    content(run, &Database::Sqlite(path), sent, users).await
}

/// The time without room; returns how many requests were sent.
async fn filled(run: &mut Run, daemon: &Daemon, before: usize) -> anyhow::Result<i64> {
    let seconds = run.options.filled;
    let time = Duration::from_secs(seconds.into());
    let load = Load::paced(daemon, UPTIME_ONLY, run.options.pace(CLIENTS));
    let ((), reads) = tokio::join!(load.last(CLIENTS, time), change_and_read(daemon, time));
    let reads = reads?;
    run.check(
        load.statuses().keys().eq(&[200]),
        format_args!(
            "full for {seconds} s: the host's routes respond: {:?}, p99 {:.1} ms",
            load.statuses(),
            1000.0 * load.p99()
        ),
    );
    run.check(
        reads.keys().eq(&[200]),
        format_args!("statistics are read: {reads:?}"),
    );
    run.check(
        register(daemon, "refused").await? == 507,
        "users are refused with 507",
    );
    let flusher = daemon.flusher().await?;
    run.check(
        flusher["consecutive_failures"].as_u64() > Some(0),
        format_args!(
            "the flusher reports it: {}, {}",
            flusher["last_error"], flusher["requests"]
        ),
    );
    // Refusals by a rule are logged one by one, disk or no disk.
    let entries = daemon.log()?.split_off(before);
    let events: Vec<&str> = entries
        .iter()
        .filter(|entry| entry["level"] == "WARN" || entry["level"] == "ERROR")
        .filter_map(|entry| entry["message"].as_str())
        .collect();
    run.check(
        events.len() as u64 * 60 <= 10 * (time.as_secs() + 60),
        format_args!("at most ten lines a minute: {events:?}"),
    );
    Ok(load.total())
}

/// Requests that change and that read something, once a second; returns the statuses of those that read.
async fn change_and_read(daemon: &Daemon, time: Duration) -> anyhow::Result<BTreeMap<u16, u32>> {
    let begin = Instant::now();
    let mut reads = BTreeMap::new();
    while begin.elapsed() < time {
        let key = daemon.request(Method::DELETE, "/api/v1/user/keys/000000000000");
        key.send().await?;
        let read = daemon.request(Method::GET, "/api/v1/metrics/global?limit=5");
        let status = read.send().await?.status().as_u16();
        *reads.entry(status).or_default() += 1;
        sleep(Duration::from_secs(1)).await;
    }
    Ok(reads)
}

/// The time after there is room again.
async fn emptied(run: &mut Run, daemon: &Daemon) -> anyhow::Result<()> {
    let begin = Instant::now();
    for attempt in 0.. {
        let is_stored = daemon.flusher().await?["consecutive_failures"] == 0;
        if is_stored && register(daemon, &format!("after{attempt}")).await? == 200
            || begin.elapsed() > 2 * RECOVERY
        {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    let waited = begin.elapsed();
    run.check(
        waited <= RECOVERY,
        format_args!("it writes again within {RECOVERY:?}: {waited:.1?}"),
    );
    Ok(())
}

/// What the database has in the end.
async fn content(run: &mut Run, database: &Database, sent: i64, users: u32) -> anyhow::Result<()> {
    let (integrity,): (String,) = database.row("select * from pragma_integrity_check").await?;
    run.check(
        integrity == "ok",
        format_args!("the database is whole: {integrity}"),
    );
    let stored = database.stored(UPTIME).await?;
    run.check(
        stored == sent,
        format_args!("stored counts equal the clients': {stored} of {sent}"),
    );
    let sql = "select count(*) from users where name like 'u______'";
    let (names,): (i64,) = database.row(sql).await?;
    run.check(
        names == i64::from(users),
        format_args!("each user that was confirmed is there: {names} of {users}"),
    );
    Ok(())
}

async fn register(daemon: &Daemon, name: &str) -> anyhow::Result<u16> {
    let request = daemon.request(Method::POST, "/api/v1/user/register");
    let response = request.json(&json!({ "username": name })).send().await?;
    Ok(response.status().as_u16())
}

/// A file system of 16 MiB; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(directory: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir(&directory)?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(&directory);
        let output = mount.output().context("start mount")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "mount a tmpfs, which takes root's rights: {errors}"
        );
        Ok(Self(directory))
    }

    /// Takes up all that is left with a file.
    fn fill(&self) -> anyhow::Result<PathBuf> {
        let path = Path::new(&self.0).join("filler");
        let mut file = File::create(&path)?;
        while file.write_all(&[b'x'; 4096]).is_ok() {}
        Ok(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
