//! Whether there are backups, and how old the newest is.

use std::path::Path;
use std::time::Duration;

use super::Finding;
use linux_api_store::Store;
use linux_api_store::backup;
use linux_api_wire::time::{Clock, Timestamp};

const CHECK: &str = "backups";
const DAY: Duration = Duration::from_hours(24);
/// From this age of the newest backup on it is a warning.
const OLD: Duration = Duration::from_hours(24 * 30);
/// A database may be this old without any.
const YOUNG: Duration = Duration::from_hours(24 * 7);
const ADVICE: &str = "make one: linux-api db backup";

pub(super) async fn check(folder: &Path, store: Option<&Store>) -> Finding {
    let found = match backup::list(folder) {
        Ok(found) => found,
        Err(error) => {
            return Finding::fail(
                CHECK,
                error.to_string(),
                "let this account read the directory, or set backup.directory",
            );
        }
    };
    let since = match store {
        Some(store) => first_migration(store).await,
        None => None,
    };
    let newest = found.first().map(|newest| newest.manifest.time);
    judge(Clock::system().now(), found.len(), newest, since)
}

/// About when the database was made.
async fn first_migration(store: &Store) -> Option<Timestamp> {
    let log = store.list_migration_log(1_000).await.ok()?;
    log.iter().map(|row| row.finished_at).min()
}

fn judge(
    now: Timestamp,
    count: usize,
    newest: Option<Timestamp>,
    database_since: Option<Timestamp>,
) -> Finding {
    let days = |time: Timestamp| now.since(time).as_secs() / DAY.as_secs();
    match newest {
        Some(time) if now.since(time) > OLD => Finding::warn(
            CHECK,
            format!("{count}, the newest {} days old", days(time)),
            ADVICE,
        ),
        Some(time) => Finding::ok(CHECK, format!("{count}, the newest of {time}")),
        None => match database_since {
            Some(since) if now.since(since) > YOUNG => Finding::warn(
                CHECK,
                format!("none, and the database is {} days old", days(since)),
                ADVICE,
            ),
            _ => Finding::ok(CHECK, "none yet; linux-api db backup makes one"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    #[tokio::test]
    async fn a_folder_that_is_none_fails_and_one_that_is_missing_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backups");
        assert_eq!(check(&path, None).await.result, Verdict::Ok);
        std::fs::write(&path, "").unwrap();
        assert_eq!(check(&path, None).await.result, Verdict::Fail);
    }

    #[test]
    fn old_backups_are_warned_of_and_a_young_database_needs_none() {
        let now: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        let ago = |days: u64| Some(now.saturating_sub(Duration::from_hours(24 * days)));
        let result = |newest, since| judge(now, 1, newest, since).result;
        assert_eq!(result(ago(3), ago(100)), Verdict::Ok);
        assert_eq!(result(ago(31), ago(100)), Verdict::Warn);
        assert_eq!(result(None, ago(1)), Verdict::Ok);
        assert_eq!(result(None, ago(8)), Verdict::Warn);
        assert_eq!(result(None, None), Verdict::Ok);
    }
}
