//! A stop while the database is down loses nothing, a kill at most 10 s.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use super::daemon::Daemon;
use super::database::Database;
use super::load::{Load, UPTIME, UPTIME_ONLY};
use super::run::Run;
use crate::postgres::Postgres;

const CLIENTS: u32 = 8;
/// Longer than what is counted waits to be stored.
const FLUSH: Duration = Duration::from_secs(11);
/// How far the count is noted apart, and how often before the kill.
const TICK: Duration = Duration::from_millis(500);
const TICKS: u32 = 50;

pub(super) async fn prove(run: &mut Run) -> anyhow::Result<()> {
    let postgres = run.postgres()?;
    let mut daemon = Daemon::start(run, 1, "host", &postgres.url(), &[]).await?;
    let stored = stop(run, &postgres, &mut daemon).await?;
    kill(run, &postgres, &daemon, stored).await
}

/// Stops the daemon while the database is down; returns how many requests are stored after both are back.
async fn stop(run: &mut Run, postgres: &Postgres, daemon: &mut Daemon) -> anyhow::Result<i64> {
    let load = Load::new(vec![daemon], UPTIME_ONLY);
    load.send(CLIENTS, 2000).await;
    sleep(FLUSH).await;
    postgres.fail(Signal::KILL).await?;
    load.send(CLIENTS, 3000).await;
    let sent = load.total();
    let status = daemon.stop().await?;
    run.check(
        status.success(),
        "a stop while the database is down ends with 0",
    );
    let spool = spool_files(&daemon.home)?;
    run.check(
        spool.len() == 1,
        format_args!("what was not stored is in a file: {spool:?}"),
    );

    postgres.recover(Signal::KILL).await?;
    daemon.restart().await?;
    daemon.wait_for("/readyz").await?;
    sleep(FLUSH).await;
    let stored = Database::postgres(&postgres.url())?.stored(UPTIME).await?;
    run.check(
        stored == sent && sent == 5000,
        format_args!("the next start stores all of it: {stored} of {sent}"),
    );
    Ok(stored)
}

/// Kills the daemon under load.
async fn kill(
    run: &mut Run,
    postgres: &Postgres,
    daemon: &Daemon,
    before: i64,
) -> anyhow::Result<()> {
    let load = Load::paced(daemon, UPTIME_ONLY, Duration::from_millis(40));
    // When how many responses had come.
    let marks = RefCell::new(vec![(Instant::now(), 0)]);
    let is_killed = Cell::new(false);
    let kill = async {
        for _ in 0..TICKS {
            sleep(TICK).await;
            marks.borrow_mut().push((Instant::now(), load.total()));
        }
        is_killed.set(true);
        daemon.kill()
    };
    let ((), killed) = tokio::join!(load.run(CLIENTS, || !is_killed.get()), kill);
    killed?;
    let stored = Database::postgres(&postgres.url())?.stored(UPTIME).await? - before;
    let marks = marks.into_inner();
    let (killed, total) = marks[marks.len() - 1];
    let covered = marks.iter().rev().find(|(_, count)| *count <= stored);
    let lost = killed - covered.unwrap_or(&marks[0]).0;
    run.check(
        lost <= Duration::from_secs(10) + TICK + TICK / 5,
        format_args!(
            "kill -9 loses at most 10 s: {} of {total}, {lost:.1?}",
            total - stored
        ),
    );
    Ok(())
}

/// Names of the files that hold what could not be stored, wherever in the home they are.
fn spool_files(directory: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().display().to_string();
        if entry.file_type()?.is_dir() {
            found.extend(spool_files(&entry.path())?);
        } else if name.starts_with("spool-") {
            found.push(name);
        }
    }
    Ok(found)
}
