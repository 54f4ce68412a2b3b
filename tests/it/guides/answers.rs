//! Documented output and real output: the same members of the same kinds, the same fixed words.
//! Figures, ids, names and times are free.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::guides::pages::root;
use crate::guides::stage::Stage;

/// Parts of the output that only another environment gives, and the source that has their words.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "API key for web-03: ********",
        "API key for {}:",
        "src/cli/remote/add.rs",
    ),
    (
        "The key is in the desktop's keyring (Secret Service).",
        "the desktop's keyring (Secret Service)",
        "crates/client/src/keys.rs",
    ),
    (": heartbeat", ": heartbeat", "crates/daemon/src/streams.rs"),
];

/// Stands for `{…}`: any value.
const ANYTHING: &str = "…";

/// Why two values are not of the same shape.
fn difference(documented: &Value, real: &Value, at: &str) -> Option<String> {
    match (documented, real) {
        (Value::String(text), _) if text == ANYTHING => None,
        (Value::Object(wanted), Value::Object(found)) => {
            let names: Vec<_> = wanted.keys().collect();
            let others: Vec<_> = found.keys().collect();
            if names != others {
                return Some(format!("{at} has the members {others:?}, not {names:?}"));
            }
            let mut members = wanted.iter();
            members
                .find_map(|(name, value)| difference(value, &found[name], &format!("{at}.{name}")))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            let first = found.first();
            wanted.iter().find_map(|value| match first {
                Some(first) => difference(value, first, &format!("{at}[]")),
                None => Some(format!("{at} is empty")),
            })
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null) => None,
        _ => Some(format!("{at} is {real}, not {documented}")),
    }
}

fn documented_json(place: &str, text: &str) -> Value {
    let text = text.replace("{…}", "\"…\"");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}: {text}"))
}

/// The output of the command before; read again while the daemon has just begun to measure.
pub(crate) fn follows(place: &str, text: &str, said: &str, again: impl Fn() -> String) {
    let documented = documented_json(place, text);
    let deadline = Instant::now() + Duration::from_secs(15);
    let mut said = said.to_owned();
    loop {
        let real: Value = serde_json::from_str(&said).unwrap();
        let Some(fault) = difference(&documented, &real, "the answer") else {
            return;
        };
        assert!(Instant::now() < deadline, "{place}: {fault}\n{said}");
        std::thread::sleep(Duration::from_millis(100));
        said = again();
    }
}

/// A refusal in full: all but the id of its request is as the page says.
pub(crate) fn refusal(stage: &Stage, place: &str, text: &str) {
    let documented = documented_json(place, text);
    let mut real: Value =
        serde_json::from_str(&stage.ask("/api/v1/system/processes?filter=cpu%20%3E%20x")).unwrap();
    real["request_id"] = documented["request_id"].clone();
    assert_eq!(real, documented, "{place}");
}

/// A console's lines after a command, each in what it said.
pub(crate) fn lines(place: &str, documented: &[String], said: &str) {
    for line in documented.iter().filter(|line| !line.trim().is_empty()) {
        let fits = said.lines().any(|real| fixed(real) == fixed(line));
        assert!(
            fits || is_elsewhere(line),
            "{place}: no {line:?} in:\n{said}"
        );
    }
}

/// The words of a line without figures and addresses.
fn fixed(line: &str) -> Vec<&str> {
    line.split_whitespace()
        .filter(|word| !word.contains("://") && !word.starts_with(|it: char| it.is_ascii_digit()))
        .collect()
}

/// Whether the source has the words that nothing here says.
fn is_elsewhere(line: &str) -> bool {
    ELSEWHERE.iter().any(|(text, words, path)| {
        let source = std::fs::read_to_string(root().join(path)).unwrap();
        line == *text && source.contains(words)
    })
}

/// Events of a stream that ended with its daemon.
pub(crate) fn stream(place: &str, text: &str, said: &str) {
    for event in text.trim().split("\n\n") {
        let Some((name, data)) = event.split_once("\ndata: ") else {
            assert!(is_elsewhere(event), "{place}: {event}");
            continue;
        };
        let mut events = said.split("\n\n").map(str::trim);
        let real = events.find_map(|real| real.strip_prefix(name)?.strip_prefix("\ndata: "));
        let real = real.unwrap_or_else(|| panic!("{place}: no {name} in\n{said}"));
        let (wanted, found) = (
            documented_json(place, data),
            serde_json::from_str(real).unwrap(),
        );
        let fault = difference(&wanted, &found, name);
        assert_eq!(fault, None, "{place}: {real}");
        assert!(
            wanted["reason"].is_null() || wanted == found,
            "{place}: {real}"
        );
    }
}

/// A text that is no output: the picture of the architecture, or filters, one a line.
pub(crate) fn text(stage: &Stage, place: &str, text: &str) {
    if place.starts_with("docs/architecture.md") {
        for (name, path) in [
            ("host", "crates/host"),
            ("server", "crates/daemon/src/server.rs"),
            ("recorder", "crates/daemon/src/recorder.rs"),
            ("store", "crates/store"),
            ("client", "crates/client"),
            ("tui", "crates/tui"),
            ("cli", "src/cli.rs"),
            ("setup", "crates/setup"),
        ] {
            let there = root().join(path).exists();
            assert!(text.contains(name) && there, "{place}: {path}");
        }
        return;
    }
    // The access line that a test beside its writer compares in full.
    if place.starts_with("docs/logging.md") {
        let source = std::fs::read_to_string(root().join("crates/daemon/src/access_log.rs"));
        let known = text.split(" request_id").next().unwrap().trim();
        assert!(source.unwrap().contains(known), "{place}: {known}");
        return;
    }
    // The line of a key that a test with a real sshd uses.
    if place.starts_with("docs/ssh.md") {
        let source = std::fs::read_to_string(root().join("tests/it/ssh.rs")).unwrap();
        let options = text.split(" ssh-").next().unwrap().trim();
        assert!(
            source.replace("\\\"", "\"").contains(options),
            "{place}: {options}"
        );
        return;
    }
    assert!(
        place.starts_with("docs/processes.md"),
        "{place}: a text of an unknown kind"
    );
    for line in text.lines() {
        let filter = line.split("   ").next().unwrap();
        let query = form_urlencoded::byte_serialize(filter.as_bytes()).collect::<String>();
        let answer = stage.ask(&format!("/api/v1/system/processes?limit=1&filter={query}"));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["items"].is_array(), "{place}: {filter}: {answer}");
    }
}

#[test]
fn another_member_kind_or_word_is_a_difference() {
    let documented: Value = serde_json::json!({"a": 1, "b": [{"c": "x"}], "d": "…"});
    let same = serde_json::json!({"a": 2.5, "b": [{"c": "y"}, {}], "d": {"e": null}});
    assert_eq!(difference(&documented, &same, "it"), None);
    for other in [
        serde_json::json!({"a": null, "b": [{"c": "y"}], "d": 1}),
        serde_json::json!({"a": 1, "b": [{"e": "y"}], "d": 1}),
        serde_json::json!({"a": 1, "b": [], "d": 1}),
        serde_json::json!({"a": 1, "b": [{"c": "x"}]}),
    ] {
        assert!(difference(&documented, &other, "it").is_some(), "{other}");
    }
    assert_eq!(fixed("added after 14 ms"), fixed("added after 2 ms"));
    assert_ne!(fixed("added after 14 ms"), fixed("removed after 14 ms"));
}
