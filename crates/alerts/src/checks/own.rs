//! What of linux-api itself does not work.

use std::time::Duration;

use linux_api_wire::time::Timestamp;
use linux_api_wire::units;

use crate::brake::Brake;
use crate::labels::Labels;
use crate::reading::Reading;

/// What is known of the daemon that evaluates. What is absent is not in use, or not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnFacts {
    /// Since when measurements are not written; absent while they are.
    pub flusher_stuck_since: Option<Timestamp>,
    /// Since when the database is away; absent while it is not.
    pub database_away_since: Option<Timestamp>,
    /// When the newest backup was made, and how often one should be; absent where none are made.
    pub backup: Option<Backups>,
    /// Why the chain of the executor's log does not fit; absent while it does.
    pub audit_chain: Option<String>,
    /// Channels that have taken nothing since a time.
    pub channels: Vec<(String, Timestamp)>,
}

/// When backups are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backups {
    /// When the newest one was made, or since when there should have been one.
    pub newest: Timestamp,
    /// How often one should be made.
    pub every: Duration,
}

/// The parts that do not work, as instances with the label `part`. All others are well.
#[must_use]
pub fn linux_api(facts: &OwnFacts, now: Timestamp) -> Vec<Reading> {
    let span = |since: Timestamp| units::span(now.since(since).as_secs());
    let part = |part: &str, text: &str| Reading::value(Labels::one("part", part), 1.0, text);
    let mut readings = Vec::new();
    if let Some(since) = facts.flusher_stuck_since {
        let text = format!("measurements have not been written for {}", span(since));
        readings.push(part("flusher", &text));
    }
    if let Some(since) = facts.database_away_since {
        let text = format!("the database has been away for {}", span(since));
        readings.push(part("database", &text));
    }
    if let Some(backup) = facts.backup
        && now.since(backup.newest) > backup.every.saturating_mul(2)
    {
        let text = format!("the newest backup is {} old", span(backup.newest));
        readings.push(part("backup", &text));
    }
    if let Some(why) = &facts.audit_chain {
        readings.push(part(
            "audit_chain",
            &format!("the log of acts does not fit: {why}"),
        ));
    }
    if let Some((_, since)) = facts.channels.iter().min_by_key(|(_, since)| *since) {
        let names: Vec<&str> = facts
            .channels
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let names = names.join(", ");
        let text = format!("no notices are taken by {names}, for {}", span(*since));
        readings.push(part("channel", &text));
    }
    readings
}

/// Whether automatic restarts are given up.
#[must_use]
pub fn gave_up(brake: &Brake) -> Vec<Reading> {
    let (value, text) = match (brake.gave_up(), brake.released_by()) {
        (Some((_, text)), _) => (1.0, text.to_string()),
        (None, Some(by)) => (0.0, format!("released by {by}")),
        (None, None) => (0.0, "for an hour nothing was to be restarted".to_owned()),
    };
    vec![Reading::value(Labels::default(), value, &text)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn only_what_does_not_work_is_listed() {
        assert_eq!(linux_api(&OwnFacts::default(), at(0)), []);
        let backup = Backups {
            newest: at(0),
            every: Duration::from_hours(24),
        };
        let facts = OwnFacts {
            flusher_stuck_since: Some(at(0)),
            database_away_since: Some(at(100)),
            backup: Some(backup),
            audit_chain: Some("line 7".to_owned()),
            channels: vec![("mail".to_owned(), at(50)), ("chat".to_owned(), at(0))],
        };
        let parts = |now| -> Vec<String> {
            let readings = linux_api(&facts, at(now));
            readings
                .iter()
                .map(|it| it.labels.get("part").unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            parts(172_800),
            ["flusher", "database", "audit_chain", "channel"]
        );
        let late = parts(172_801);
        assert_eq!(late[2], "backup");
        assert_eq!(late.len(), 5);
    }
}
