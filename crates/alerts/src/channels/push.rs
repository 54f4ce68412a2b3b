//! Services that push to phones and desktops.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{HttpRequest, Tone, below, plain, tone};
use crate::message::{Message, cut};

/// ntfy turns what is larger than 4 096 bytes into an attachment; a character has four bytes at most.
const NTFY_TEXT: usize = 1_000;
const GOTIFY_TEXT: usize = 10_000;
/// The longest message of Telegram is 4 096 units of UTF-16; a character has two at most.
const TELEGRAM_TEXT: usize = 2_000;
const TITLE: usize = 250;

pub(super) fn ntfy(
    url: &SecretString,
    topic: &SecretString,
    token: Option<&SecretString>,
    message: &Message,
) -> HttpRequest {
    let (priority, tag) = match tone(message) {
        Tone::Good => (2, "white_check_mark"),
        Tone::Warning => (3, "warning"),
        Tone::Critical => (5, "rotating_light"),
    };
    let body = json!({
        "topic": topic.expose_secret(),
        "title": cut(&message.title, TITLE),
        "message": cut(&message.text, NTFY_TEXT),
        "priority": priority,
        "tags": [tag],
    });
    let mut request = plain(url.clone(), &body);
    if let Some(token) = token {
        let bearer = format!("Bearer {}", token.expose_secret());
        request.headers.push(("authorization", bearer.into()));
    }
    request
}

pub(super) fn gotify(url: &SecretString, token: &SecretString, message: &Message) -> HttpRequest {
    let priority = match tone(message) {
        Tone::Good => 2,
        Tone::Warning => 5,
        Tone::Critical => 8,
    };
    let body = json!({
        "title": cut(&message.title, TITLE),
        "message": cut(&message.text, GOTIFY_TEXT),
        "priority": priority,
        "extras": { "client::display": { "contentType": "text/plain" } },
    });
    let mut request = plain(below(url, "message"), &body);
    request.headers.push(("x-gotify-key", token.clone()));
    request
}

/// Without a mode of parsing, so that Telegram reads no markup in it.
pub(super) fn telegram(
    url: &SecretString,
    token: &SecretString,
    chat: &str,
    message: &Message,
) -> HttpRequest {
    let text = format!("{}\n\n{}", cut(&message.title, TITLE), message.text);
    let body = json!({
        "chat_id": chat,
        "text": cut(&text, TELEGRAM_TEXT),
        "disable_notification": tone(message) == Tone::Good,
        "link_preview_options": { "is_disabled": true },
    });
    let path = format!("bot{}/sendMessage", token.expose_secret());
    plain(below(url, &path), &body)
}
