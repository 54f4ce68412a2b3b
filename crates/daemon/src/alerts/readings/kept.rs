//! Histories that must outlive the process: without them, what fires because of the last hour would end with a
//! restart.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use linux_api_alerts::checks::{OomKills, UnitRestarts};
use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The file, in the state directory.
const FILE: &str = "alerts-histories.json";
/// The longest file that is read.
const SIZE_MAX: u64 = 1 << 20;
/// How often it is written at most.
const WRITTEN_EVERY: Duration = Duration::from_mins(1);

/// The histories, as they are in the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Histories {
    oom_kills: OomKills,
    restarts: UnitRestarts,
    unsynchronised_since: Option<Timestamp>,
}

/// The histories, and what the file has of them.
#[derive(Debug, Default)]
pub(super) struct Kept {
    now: Histories,
    written: Histories,
    written_at: Option<Instant>,
}

impl Kept {
    /// What an earlier start kept; nothing where there is no such file, or none that can be used.
    pub(super) fn read(folder: Option<&Path>) -> Self {
        let read =
            folder.and_then(|folder| linux_api_files::read(&folder.join(FILE), SIZE_MAX).ok());
        let now: Histories = read
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        Self {
            written: now.clone(),
            now,
            written_at: None,
        }
    }

    pub(super) fn add_oom_kills(&mut self, now: Timestamp, counter: u64) {
        self.now.oom_kills.add(now, counter);
    }

    pub(super) const fn oom_kills(&self) -> &OomKills {
        &self.now.oom_kills
    }

    pub(super) fn add_restarts(&mut self, now: Timestamp, counters: &BTreeMap<String, u64>) {
        self.now.restarts.add(now, counters);
    }

    pub(super) const fn restarts(&self) -> &UnitRestarts {
        &self.now.restarts
    }

    /// Since when the clock is not synchronised; what is not known changes nothing.
    pub(super) fn unsynchronised(
        &mut self,
        is_synchronised: Option<bool>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let since = &mut self.now.unsynchronised_since;
        match is_synchronised {
            Some(true) => *since = None,
            // A later time is that of a clock that was set back.
            Some(false) => *since = Some(since.filter(|since| *since <= now).unwrap_or(now)),
            None => {}
        }
        *since
    }

    /// Writes what has changed, once a minute at most.
    pub(super) async fn write(&mut self, folder: Option<&Path>) {
        let is_recent = |then: Instant| then.elapsed() < WRITTEN_EVERY;
        if self.now == self.written || self.written_at.is_some_and(is_recent) {
            return;
        }
        let Some(path) = folder.map(|folder| folder.join(FILE)) else {
            return;
        };
        self.written_at = Some(Instant::now());
        let histories = self.now.clone();
        let write = tokio::task::spawn_blocking(move || {
            let text = serde_json::to_string(&histories).map_err(std::io::Error::other)?;
            linux_api_files::write_whole(&path, &text)?;
            Ok::<_, std::io::Error>(histories)
        });
        match write.await {
            Ok(Ok(histories)) => self.written = histories,
            Ok(Err(error)) => tracing::warn!(%error, "could not write {FILE}"),
            Err(_stopped) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn after(minutes: u64) -> Timestamp {
        START.saturating_add(Duration::from_mins(minutes))
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_counted_before_a_restart_counts_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = Some(folder.path());
        let mut first = Kept::read(path);
        first.add_oom_kills(after(0), 7);
        first.add_oom_kills(after(1), 9);
        first.add_restarts(after(0), &BTreeMap::from([("a.service".to_owned(), 1)]));
        first.unsynchronised(Some(false), after(0));
        first.write(path).await;
        // Too soon for the file; a minute later it goes along.
        first.add_restarts(after(2), &BTreeMap::from([("a.service".to_owned(), 7)]));
        first.write(path).await;
        assert_ne!(Kept::read(path).now, first.now);
        tokio::time::advance(WRITTEN_EVERY).await;
        first.write(path).await;

        let mut second = Kept::read(path);
        assert_eq!(second.now, first.now);
        second.add_oom_kills(after(3), 10);
        let readings = second.oom_kills().reading(after(3));
        let shown = format!("{readings:?}");
        assert!(
            shown.contains("3 killed for want of memory in 10 min"),
            "{shown}"
        );
        let frequent = second.restarts().frequent(after(3));
        assert_eq!(frequent, BTreeMap::from([("a.service".to_owned(), 6)]));
        assert_eq!(second.unsynchronised(None, after(4)), Some(after(0)));
        assert_eq!(second.unsynchronised(Some(true), after(5)), None);
    }

    #[tokio::test]
    async fn a_file_that_is_none_begins_again() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "[]", "{\"oom_kills\": 3}", "\u{0}"] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            assert_eq!(Kept::read(Some(folder.path())).now, Histories::default());
        }
        let mut without = Kept::read(None);
        without.add_oom_kills(after(0), 1);
        without.write(None).await;
    }

    #[test]
    fn a_clock_that_was_set_back_is_not_loose_since_the_future() {
        let mut kept = Kept::default();
        assert_eq!(kept.unsynchronised(Some(false), after(60)), Some(after(60)));
        assert_eq!(kept.unsynchronised(Some(false), after(70)), Some(after(60)));
        assert_eq!(kept.unsynchronised(Some(false), after(1)), Some(after(1)));
    }
}
