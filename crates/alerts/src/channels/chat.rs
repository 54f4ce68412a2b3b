//! Webhooks of chats.

use serde_json::{Value, json};

use super::{Tone, tone};
use crate::message::{Message, cut};

/// The most characters of a text in Slack that are shown without a click.
const SLACK_TEXT: usize = 3_000;
/// Limits of Discord's embeds.
const DISCORD_TITLE: usize = 256;
const DISCORD_TEXT: usize = 4_096;
/// Far below the 28 KB that a message to Teams may have.
const TEAMS_TEXT: usize = 8_000;
const TITLE: usize = 300;

/// Text without `mrkdwn`; the three characters that Slack reads nevertheless are escaped, so neither `<!channel>`
/// nor a link is left.
pub(super) fn slack(message: &Message) -> Value {
    let color = match tone(message) {
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Critical => "danger",
    };
    let title = escape_slack(&cut(&message.title, TITLE));
    let text = escape_slack(&cut(&message.text, SLACK_TEXT));
    json!({
        "text": title,
        "mrkdwn": false,
        "link_names": false,
        "unfurl_links": false,
        "attachments": [{
            "color": color,
            "fallback": title,
            "text": text,
            "mrkdwn_in": [],
        }],
    })
}

fn escape_slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// An embed; no mention in it is one.
pub(super) fn discord(message: &Message) -> Value {
    let color = match tone(message) {
        Tone::Good => 0x2e_cc_71,
        Tone::Warning => 0xf1_c4_0f,
        Tone::Critical => 0xe7_4c_3c,
    };
    json!({
        "allowed_mentions": { "parse": [] },
        "embeds": [{
            "title": cut(&escape_markdown(&message.title), DISCORD_TITLE),
            "description": cut(&escape_markdown(&message.text), DISCORD_TEXT),
            "color": color,
            "timestamp": message.time,
        }],
    })
}

/// A backslash before each character that Markdown reads.
fn escape_markdown(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if "\\*_~`|>[]()#-".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// An adaptive card, as workflows of Teams take it.
pub(super) fn teams(message: &Message) -> Value {
    let color = match tone(message) {
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Critical => "attention",
    };
    let block = |text: String| json!({ "type": "TextBlock", "text": text, "wrap": true });
    let mut title = block(escape_markdown(&cut(&message.title, TITLE)));
    title["weight"] = "bolder".into();
    title["color"] = color.into();
    let mut body = vec![title];
    let text = cut(&message.text, TEAMS_TEXT);
    // A card joins lines, so each is a block.
    body.extend(text.lines().map(|line| block(escape_markdown(line))));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
            },
        }],
    })
}
