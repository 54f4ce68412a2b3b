//! Entries as `journalctl --output=json` prints them, one JSON object a line; see
//! <https://systemd.io/JOURNAL_EXPORT_FORMATS>.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::Value;

use linux_api_wire::api::logs::{LogEntry, MessageState};
use linux_api_wire::api::units::UnitLogLine;

/// The fields that are printed, beside the place and the time, which always are.
pub(super) const FIELDS: [&str; 7] = [
    "MESSAGE",
    "PRIORITY",
    "UNIT",
    "_SYSTEMD_UNIT",
    "SYSLOG_IDENTIFIER",
    "_COMM",
    "_PID",
];
/// Where systemd itself runs. What it says of a unit has that unit in `UNIT`.
const SYSTEMD_SCOPE: &str = "init.scope";

/// An entry, with its time as a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) usec: u64,
    pub(super) entry: LogEntry,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    realtime: String,
    #[serde(rename = "_BOOT_ID", default)]
    boot_id: Value,
    #[serde(rename = "MESSAGE", default = "no_message")]
    message: Value,
    #[serde(rename = "PRIORITY", default)]
    priority: Value,
    #[serde(rename = "UNIT", default)]
    unit: Value,
    #[serde(rename = "_SYSTEMD_UNIT", default)]
    systemd_unit: Value,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    identifier: Value,
    #[serde(rename = "_COMM", default)]
    command: Value,
    #[serde(rename = "_PID", default)]
    pid: Value,
}

/// That an entry has no message is something else than one that is not printed.
fn no_message() -> Value {
    Value::String(String::new())
}

/// Reads a line; `None` when it is no entry.
pub(super) fn parse(line: &[u8]) -> Option<Parsed> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let usec = line.realtime.parse().ok()?;
    let (message, message_state) = match bytes(&line.message) {
        None => (String::new(), MessageState::TooLong),
        Some(bytes) => match String::from_utf8(bytes) {
            Ok(text) => (text, MessageState::Text),
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                (text, MessageState::Binary)
            }
        },
    };
    let own = text(&line.systemd_unit);
    let unit = match text(&line.unit) {
        Some(about) if own.as_deref() == Some(SYSTEMD_SCOPE) => Some(about),
        _ => own,
    };
    let entry = LogEntry {
        cursor: line.cursor,
        time: time(usec)?,
        priority: text(&line.priority)
            .and_then(|text| text.parse().ok())
            .filter(|priority| *priority <= 7),
        unit,
        identifier: text(&line.identifier).or_else(|| text(&line.command)),
        pid: text(&line.pid).and_then(|text| text.parse().ok()),
        boot_id: text(&line.boot_id),
        message,
        message_state,
    };
    Some(Parsed { usec, entry })
}

/// A field's bytes: it is a text, an array of numbers where it has bytes that are not printed, or an array
/// of these where an entry has the field more than once. `None` when it is too long to be printed.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Array(items) if items.iter().all(Value::is_number) => {
            let byte = |item: &Value| item.as_u64().and_then(|number| u8::try_from(number).ok());
            items.iter().map(byte).collect()
        }
        Value::Array(items) => {
            let parts: Option<Vec<Vec<u8>>> = items.iter().map(bytes).collect();
            Some(parts?.join(&b'\n'))
        }
        _ => None,
    }
}

/// A field's first value as text; nothing where it is empty or not there.
fn text(value: &Value) -> Option<String> {
    let first = match value {
        Value::Array(items) if !items.iter().all(Value::is_number) => items.first()?,
        value => value,
    };
    let text = String::from_utf8_lossy(&bytes(first)?).into_owned();
    Some(text).filter(|text| !text.is_empty())
}

/// Microseconds since 1970 as RFC 3339.
fn time(usec: u64) -> Option<String> {
    let time: DateTime<Utc> = DateTime::from_timestamp_micros(i64::try_from(usec).ok()?)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// An entry as a line of its unit's log.
pub(super) fn in_short(entry: LogEntry) -> UnitLogLine {
    let message = match entry.message_state {
        MessageState::TooLong => "(a line of more than 4096 bytes)".to_owned(),
        MessageState::Text | MessageState::Binary => entry.message,
    };
    UnitLogLine {
        time: entry.time,
        priority: entry.priority,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fields: &str) -> LogEntry {
        let line = format!(
            r#"{{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1795417330123456",
            "__MONOTONIC_TIMESTAMP":"7","_BOOT_ID":"b1",{fields}}}"#
        );
        parse(line.as_bytes()).unwrap().entry
    }

    #[test]
    fn an_entry_is_read_whole() {
        let read = entry(
            r#""MESSAGE":"bind() failed","PRIORITY":"3","_SYSTEMD_UNIT":"nginx.service","UNIT":"x.service",
            "SYSLOG_IDENTIFIER":"nginx","_COMM":"nginx: worker","_PID":"4711""#,
        );
        let text = |text: &str| Some(text.to_owned());
        let expected = LogEntry {
            cursor: "s=1".to_owned(),
            time: "2026-11-23T07:02:10.123456Z".to_owned(),
            priority: Some(3),
            unit: text("nginx.service"),
            identifier: text("nginx"),
            pid: Some(4711),
            boot_id: text("b1"),
            message: "bind() failed".to_owned(),
            message_state: MessageState::Text,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn messages_of_every_form_are_text() {
        let message = |json: &str| {
            let read = entry(&format!(r#""MESSAGE":{json}"#));
            (read.message, read.message_state)
        };
        let of = |text: &str, state| (text.to_owned(), state);
        assert_eq!(message("null"), of("", MessageState::TooLong));
        assert_eq!(
            message("[27,91,109,195,164]"),
            of("\u{1b}[mä", MessageState::Text)
        );
        assert_eq!(
            message("[97,255,98]"),
            of("a\u{fffd}b", MessageState::Binary)
        );
        assert_eq!(
            message(r#"["one",[116,119,111]]"#),
            of("one\ntwo", MessageState::Text)
        );
        assert_eq!(message("[300]"), of("", MessageState::TooLong));
        assert_eq!(message("[]"), of("", MessageState::Text));
        let read = entry(r#""PRIORITY":"9","_PID":"x","_COMM":["a","b"]"#);
        assert_eq!(
            (read.message, read.message_state),
            of("", MessageState::Text)
        );
        assert_eq!((read.priority, read.pid), (None, None));
        assert_eq!(read.identifier.as_deref(), Some("a"));
    }

    #[test]
    fn what_systemd_says_of_a_unit_is_that_units() {
        let read = entry(r#""_SYSTEMD_UNIT":"init.scope","UNIT":"nginx.service""#);
        assert_eq!(read.unit.as_deref(), Some("nginx.service"));
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        for line in [
            "",
            "{}",
            "[1]",
            "-- No entries --",
            r#"{"__CURSOR":"a","__REALTIME_TIMESTAMP":"x"}"#,
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
