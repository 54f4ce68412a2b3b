//! How log lines are shown.

use super::PRIORITIES;
use crate::cli::rows::{Cell, Column, Listing, Tone};
use linux_api_wire::api::logs::{LogEntry, MessageState};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::{NOT_KNOWN, time};

/// The entries of all hosts by time; those of one host stay in their order.
pub(super) fn merge(
    journals: impl IntoIterator<Item = (String, Vec<LogEntry>)>,
) -> Vec<(String, LogEntry)> {
    let mut merged: Vec<(String, LogEntry)> = Vec::new();
    for (name, entries) in journals {
        merged.extend(entries.into_iter().map(|entry| (name.clone(), entry)));
    }
    // The sort is stable. A clock that was set back makes no other order of one host's lines.
    let mut latest = std::collections::BTreeMap::new();
    let mut keyed: Vec<(i64, (String, LogEntry))> = merged
        .into_iter()
        .map(|(name, entry)| {
            let at = entry
                .time
                .parse::<Timestamp>()
                .map_or(0, Timestamp::as_millis);
            let latest = latest.entry(name.clone()).or_insert(at);
            *latest = at.max(*latest);
            (*latest, (name, entry))
        })
        .collect();
    keyed.sort_by_key(|(at, _)| *at);
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// The name of a priority, and how it looks.
pub(super) fn priority(entry: &LogEntry) -> Cell {
    let Some(priority) = entry.priority else {
        return NOT_KNOWN.into();
    };
    let tone = match priority {
        0..=3 => Tone::Bad,
        4 => Tone::Warn,
        _ => Tone::Plain,
    };
    let name = PRIORITIES.get(usize::from(priority));
    Cell::new(*name.unwrap_or(&NOT_KNOWN), tone)
}

/// The program and the number of its process.
fn source(entry: &LogEntry) -> String {
    let name = entry.identifier.as_deref().or(entry.unit.as_deref());
    let name = name.unwrap_or(NOT_KNOWN);
    match entry.pid {
        Some(pid) => format!("{name}[{pid}]"),
        None => name.to_owned(),
    }
}

/// The text, or why there is none.
fn message(entry: &LogEntry) -> &str {
    match entry.message_state {
        MessageState::TooLong => "(the line is too long to be listed)",
        MessageState::Text | MessageState::Binary => &entry.message,
    }
}

/// How lines are shown.
pub(super) fn listing() -> Listing<LogEntry> {
    Listing {
        columns: vec![
            Column::text("TIME (UTC)", |entry: &LogEntry| time(&entry.time).into()),
            Column::text("PRIORITY", priority),
            Column::wide("UNIT", |entry| {
                entry.unit.as_deref().unwrap_or(NOT_KNOWN).into()
            }),
            Column::text("FROM", |entry| source(entry).into()),
            Column::text("MESSAGE", |entry| message(entry).into()),
        ],
        name: |entry| entry.cursor.clone(),
        empty: "no line fits".to_owned(),
    }
}

/// One line for an entry that has just come.
pub(super) fn line(host: Option<&str>, entry: &LogEntry) -> String {
    let priority = priority(entry);
    let own = [
        time(&entry.time),
        priority.text().to_owned(),
        source(entry),
        message(entry).to_owned(),
    ];
    let host = host.map(str::to_owned);
    let parts: Vec<String> = host.into_iter().chain(own).collect();
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time: &str, message: &str) -> LogEntry {
        serde_json::from_value(serde_json::json!({
            "cursor": message, "time": time, "priority": 3, "unit": null, "identifier": "app", "pid": 7,
            "boot_id": null, "message": message, "message_state": "text",
        }))
        .unwrap()
    }

    #[test]
    fn lines_of_hosts_are_merged_by_time_and_those_of_one_keep_their_order() {
        let web = vec![
            entry("2026-11-23T07:00:00.100000Z", "web 1"),
            entry("2026-11-23T07:00:09.000000Z", "web 2"),
            // The clock was set back.
            entry("2026-11-23T07:00:03.000000Z", "web 3"),
        ];
        let db = vec![
            entry("2026-11-23T07:00:01Z", "db 1"),
            entry("2026-11-23T07:00:10Z", "db 2"),
        ];
        let merged = merge([("web".to_owned(), web), ("db".to_owned(), db)]);
        let order: Vec<&str> = merged.iter().map(|(_, it)| it.message.as_str()).collect();
        assert_eq!(order, ["web 1", "db 1", "web 2", "web 3", "db 2"]);
    }

    #[test]
    fn a_line_names_host_priority_and_program() {
        let entry = entry("2026-11-23T07:00:01.5Z", "gone");
        assert_eq!(
            line(Some("web"), &entry),
            "web  2026-11-23 07:00:01  err  app[7]  gone"
        );
    }
}
