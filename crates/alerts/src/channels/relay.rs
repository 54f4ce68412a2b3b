//! Receivers that pass on: Alertmanager and Apprise.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::{HttpRequest, Tone, below, plain, tone};
use crate::brake::AutomaticAct;
use crate::host_text::HostText;
use crate::message::{Message, cut};
use crate::notice::Notice;
use crate::severity::Severity;

/// Alertmanager ends what has no end five minutes after it was sent; notices come at changes and after
/// hours, so the end is set further ahead than that.
const FIRES_FOR: Duration = Duration::from_hours(7 * 24);
const BODY: usize = 10_000;
const TITLE: usize = 250;

/// An alert for each instance. A severity is a label and so part of what an alert is: when it changes, the one
/// with the other severity ends.
pub(super) fn alertmanager(
    url: &SecretString,
    user: Option<&(String, SecretString)>,
    message: &Message,
) -> HttpRequest {
    let alerts: Vec<Value> = message.notices.iter().flat_map(alerts).collect();
    let mut request = plain(below(url, "api/v2/alerts"), &Value::from(alerts));
    if let Some((name, password)) = user {
        let pair = STANDARD.encode(format!("{name}:{}", password.expose_secret()));
        request
            .headers
            .push(("authorization", format!("Basic {pair}").into()));
    }
    request
}

fn alerts(notice: &Notice) -> impl Iterator<Item = Value> {
    let ended = notice.before.filter(|before| Some(*before) != notice.after);
    let ended = ended.map(|severity| (severity, notice.time));
    let fires = notice
        .after
        .map(|severity| (severity, notice.time.saturating_add(FIRES_FOR)));
    let both = [ended, fires].into_iter().flatten();
    both.map(|(severity, ends_at)| {
        json!({
            "labels": labels(notice, severity),
            "annotations": {
                "summary": notice.text,
                "threshold": notice.threshold,
                "context": context(notice),
            },
            "startsAt": notice.since,
            "endsAt": ends_at,
        })
    })
}

fn labels(notice: &Notice, severity: Severity) -> Map<String, Value> {
    let mut labels = Map::new();
    let host_labels = notice
        .host_labels
        .iter()
        .map(|(key, value)| (&**key, &**value));
    for (key, value) in host_labels.chain(notice.instance.labels.iter()) {
        let value = HostText::new(value).to_string();
        labels.insert(label_name(key), value.into());
    }
    labels.insert("alertname".to_owned(), notice.instance.rule.as_str().into());
    labels.insert("severity".to_owned(), severity.as_str().into());
    labels.insert("instance".to_owned(), notice.host.to_string().into());
    labels.insert("job".to_owned(), "linux-api".into());
    labels
}

/// A name as Prometheus takes it: letters, digits and underscores.
fn label_name(key: &str) -> String {
    let usual = |one: char| {
        if one.is_ascii_alphanumeric() {
            one
        } else {
            '_'
        }
    };
    let name: String = key.chars().map(usual).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) || name.is_empty() {
        format!("_{name}")
    } else {
        name
    }
}

fn context(notice: &Notice) -> String {
    let act = notice.act.as_ref().map(AutomaticAct::text);
    let lines: Vec<&str> = act
        .iter()
        .chain(&notice.context)
        .map(HostText::as_str)
        .collect();
    lines.join("\n")
}

pub(super) fn apprise(tag: Option<&str>, message: &Message) -> Value {
    let kind = match tone(message) {
        Tone::Good => "success",
        Tone::Warning => "warning",
        Tone::Critical => "failure",
    };
    let mut body = json!({
        "title": cut(&message.title, TITLE),
        "body": cut(&message.text, BODY),
        "type": kind,
        "format": "text",
    });
    if let Some(tag) = tag {
        body["tag"] = tag.into();
    }
    body
}
