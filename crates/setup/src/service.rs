//! The daemon under systemd.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, NaiveDateTime, Utc};

use super::commands::Call;
use super::plan::{EXECUTOR, EXECUTOR_SOCKET, SERVICE, SOCKET};
use super::tree::{Tree, TreeError};
use linux_api_wire::time::Clock;

const SYSTEMCTL: &[&str] = &["/usr/bin/systemctl", "/bin/systemctl"];
const JOURNALCTL: &[&str] = &["/usr/bin/journalctl", "/bin/journalctl"];
/// The unit gives a migration as much.
const START_PATIENCE: Duration = Duration::from_mins(31);

async fn systemctl(arguments: &[&str]) -> anyhow::Result<String> {
    let call = Call {
        programs: SYSTEMCTL,
        arguments,
        patience: Some(START_PATIENCE),
        ..Call::default()
    };
    call.run().await
}

/// Whether a unit runs; no, when that can't be found out.
pub(super) async fn is_active(unit: &str) -> bool {
    systemctl(&["is-active", "--quiet", unit]).await.is_ok()
}

/// Whether a unit runs, or comes up or goes down at this moment: in all of these it may have its
/// sockets. No, when that can't be found out.
pub(super) async fn is_up(unit: &str) -> bool {
    let state = systemctl(&["show", "--property=ActiveState", "--value", unit]).await;
    state.is_ok_and(|state| holds_sockets(state.trim()))
}

fn holds_sockets(state: &str) -> bool {
    matches!(
        state,
        "active" | "activating" | "reloading" | "refreshing" | "deactivating"
    )
}

/// Has systemd read its units again and start the daemon with the system.
pub(super) async fn enable() -> anyhow::Result<()> {
    systemctl(&["daemon-reload"]).await?;
    systemctl(&["enable", "--quiet", SOCKET, SERVICE]).await?;
    Ok(())
}

/// Has systemd listen for what is to be done on the host, now and from the next start on.
pub(super) async fn enable_acts() -> anyhow::Result<()> {
    systemctl(&["enable", "--now", "--quiet", EXECUTOR_SOCKET]).await?;
    Ok(())
}

/// Ends the daemon and keeps systemd from starting it.
pub(super) async fn disable() -> anyhow::Result<()> {
    for unit in [SERVICE, SOCKET, EXECUTOR_SOCKET] {
        let known = systemctl(&["cat", unit]).await.is_ok();
        if known {
            systemctl(&["disable", "--now", "--quiet", unit]).await?;
        }
    }
    // It has no section [Install]; without its socket it would end by itself in a minute.
    let _ = systemctl(&["stop", "--quiet", EXECUTOR]).await;
    // A daemon that had failed would stay on the list of failed units.
    let _ = systemctl(&["reset-failed", SERVICE, SOCKET]).await;
    Ok(())
}

pub(super) async fn reload_units() -> anyhow::Result<()> {
    systemctl(&["daemon-reload"]).await.map(drop)
}

/// What was done to have it run with what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartOutcome {
    Started,
    Restarted,
    AlreadyRunning,
}

/// Starts the daemon; again when one of `files` is younger than it, or when requested.
pub(super) async fn start(
    tree: &Tree,
    files: &[&Path],
    restart: bool,
) -> anyhow::Result<StartOutcome> {
    if !is_active(SERVICE).await {
        // After too many failures systemd refuses a start until they are reset.
        let _ = systemctl(&["reset-failed", SERVICE]).await;
        run_or_explain("start").await?;
        return Ok(StartOutcome::Started);
    }
    let since = systemctl(&[
        "show",
        "--property=ExecMainStartTimestamp",
        "--value",
        "--timestamp=us+utc",
        SERVICE,
    ])
    .await
    .ok()
    .and_then(|text| moment(&text));
    let newest = newest_change(tree, files)?;
    if !restart && since.is_some_and(|since| newest.is_none_or(|newest| newest < since)) {
        return Ok(StartOutcome::AlreadyRunning);
    }
    run_or_explain("restart").await?;
    Ok(StartOutcome::Restarted)
}

async fn run_or_explain(verb: &str) -> anyhow::Result<()> {
    // What an earlier installation said would mislead.
    let since = format!("--since=@{}", Clock::system().now().as_millis() / 1000);
    let started = systemctl(&[verb, SERVICE]).await;
    let Err(error) = started else { return Ok(()) };
    let call = Call {
        programs: JOURNALCTL,
        arguments: &[
            "--unit",
            SERVICE,
            &since,
            "--lines=12",
            "--no-pager",
            "--output=cat",
        ],
        ..Call::default()
    };
    let log = call.run().await.unwrap_or_default();
    Err(error).with_context(|| {
        format!(
            "the daemon does not start; fix what it reports and run setup again. The end of its log:\n{}",
            log.trim_end()
        )
    })
}

/// A time as `systemctl show --timestamp=us+utc` writes it: `Mon 2026-11-23 16:33:20.123456 UTC`.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [_, day, time, "UTC"] = words[..] else {
        return None;
    };
    let text = format!("{day} {time}");
    let naive = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(naive.and_utc())
}

/// When the youngest of the files got its content or its rights.
fn newest_change(tree: &Tree, files: &[&Path]) -> Result<Option<DateTime<Utc>>, TreeError> {
    let mut newest = None;
    for path in files {
        if let Some(stat) = tree.look(path)? {
            let nanos = u32::try_from(stat.st_ctime_nsec).unwrap_or(0);
            newest = newest.max(DateTime::from_timestamp(stat.st_ctime, nanos));
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_is_starting_has_its_port_already() {
        for state in ["active", "activating", "deactivating"] {
            assert!(holds_sockets(state), "{state}");
        }
        for state in ["inactive", "failed", ""] {
            assert!(!holds_sockets(state), "{state}");
        }
    }

    #[test]
    fn times_of_systemd_are_read_to_the_microsecond() {
        let read = moment("Mon 2026-11-23 16:33:20.123456 UTC\n").unwrap();
        assert_eq!(read.to_rfc3339(), "2026-11-23T16:33:20.123456+00:00");
        for text in ["", "n/a", "Mon 2026-11-23 16:33:20.1 CET", "a b c UTC"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
