//! Whether the clock of this host can be right.

use std::time::Duration;

use super::Finding;
use linux_api_store::Store;
use linux_api_store::audit::AuditFilter;
use linux_api_wire::time::{Clock, Timestamp};

const CHECK: &str = "clock";
/// 2026-11-01: before that this program did not exist.
const EARLIEST: Timestamp = Timestamp::from_millis(1_793_491_200_000);
/// Clocks that differ by less do no harm.
const TOLERANCE: Duration = Duration::from_secs(5);
const ADVICE: &str = "set the clock and keep it right, for instance with systemd-timesyncd or chrony: \
                      keys expire and measurements are ordered by it";

pub(super) async fn check(store: Option<&Store>) -> Finding {
    let (mut server, mut newest) = (None, None);
    if let Some(store) = store {
        server = store.server_time().await.ok().flatten();
        let rows = store.list_audit(&AuditFilter::default(), 1).await;
        newest = rows.ok().and_then(|rows| rows.first().map(|row| row.time));
    }
    judge(Clock::system().now(), server, newest)
}

/// `server` is what the clock of the database's host shows, `newest` when something last changed.
fn judge(now: Timestamp, server: Option<Timestamp>, newest: Option<Timestamp>) -> Finding {
    if now < EARLIEST {
        return Finding::fail(CHECK, format!("{now} is in the past"), ADVICE);
    }
    if let Some(server) = server {
        let apart = now.since(server).max(server.since(now));
        if apart > TOLERANCE {
            let said = format!("{now}, {apart:?} apart from the database's host");
            return Finding::fail(CHECK, said, ADVICE);
        }
    }
    match newest {
        Some(newest) if newest.since(now) > TOLERANCE => Finding::fail(
            CHECK,
            format!("{now}, but the newest change is from {newest}"),
            ADVICE,
        ),
        _ => Finding::ok(CHECK, now.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn a_clock_that_can_not_be_right_fails() {
        let now: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        let later = |seconds| Some(now.saturating_add(Duration::from_secs(seconds)));
        let earlier = |seconds| Some(now.saturating_sub(Duration::from_secs(seconds)));
        assert_eq!(judge(now, None, None).result, Verdict::Ok);
        assert_eq!(judge(now, later(4), earlier(900)).result, Verdict::Ok);
        assert_eq!(judge(now, later(6), None).result, Verdict::Fail);
        assert_eq!(judge(now, earlier(6), None).result, Verdict::Fail);
        assert_eq!(judge(now, None, later(60)).result, Verdict::Fail);
        let old = "1970-01-01T00:10:00Z".parse().unwrap();
        assert_eq!(judge(old, None, None).result, Verdict::Fail);
        let earliest = "2026-11-01T00:00:00Z".parse().unwrap();
        assert_eq!(EARLIEST, earliest);
    }
}
