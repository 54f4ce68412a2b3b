//! Channels and deliveries on the wire. Addresses are secrets and shown cut.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of a message on its way to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertDeliveryState {
    /// It is to be sent, or sent again.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// The receiver wants no more.
    Gone,
    /// It was tried for a day.
    GivenUp,
}

impl AlertDeliveryState {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Gone => "gone",
            Self::GivenUp => "given_up",
        }
    }
}

/// A message on its way to a channel, or what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "message_id": "0f1e2d3c-4b5a-8697-8877-665544332211", "channel": "ops", "state": "waiting", "attempts": 2,
    "next_attempt": "2026-11-23T07:02:30Z", "updated_at": "2026-11-23T07:02:10Z", "status": 502,
    "error": "the receiver responded 502 Bad Gateway"
}))]
pub struct AlertDelivery {
    /// The message: the same over all attempts.
    #[schema(format = Uuid)]
    pub message_id: String,
    /// The channel, as it was called then.
    pub channel: String,
    /// What became of it.
    pub state: AlertDeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub next_attempt: Option<String>,
    /// When it was tried last, or made.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// The last status of HTTP.
    #[serde(default)]
    pub status: Option<u16>,
    /// What went wrong last.
    #[serde(default)]
    pub error: Option<String>,
}

/// A receiver of notices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "ops", "kind": "slack", "address": "https://hooks.example.org/…", "can_send": true, "problem": null, "last_delivery": null
}))]
pub struct AlertChannel {
    /// Its name, as rules have it.
    pub name: String,
    /// `generic`, `slack`, `discord`, `teams`, `ntfy`, `gotify`, `telegram`, `alertmanager`, `apprise` or `mail`.
    pub kind: String,
    /// Where it leads to, cut: what could be a secret is left out.
    #[serde(default)]
    pub address: String,
    /// Whether this daemon can send to it: its secrets can be read.
    pub can_send: bool,
    /// Why not.
    #[serde(default)]
    pub problem: Option<String>,
    /// The newest delivery to it.
    #[serde(default)]
    pub last_delivery: Option<AlertDelivery>,
}

/// Where a daemon sends notices, and how others learn that it stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[schema(example = json!({
    "items": [{
        "name": "ops", "kind": "slack", "address": "https://hooks.example.org/…",
        "can_send": true, "problem": null, "last_delivery": null
    }],
    "enabled": true, "can_send": true, "is_sender": true, "heartbeat": true, "peers": 0
}))]
pub struct AlertChannels {
    /// The channels of this daemon, by name.
    pub items: Vec<AlertChannel>,
    /// Whether rules are judged and notices are sent at all.
    pub enabled: bool,
    /// Whether this daemon can send to all of them; only such a one sends for the fleet.
    pub can_send: bool,
    /// Whether this daemon sends for the fleet now.
    pub is_sender: bool,
    /// Whether it calls a dead-man service while it lives.
    pub heartbeat: bool,
    /// How many other daemons it probes.
    pub peers: usize,
}

/// What a receiver responded to a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "channel": "ops", "delivered": false, "status": 404, "milliseconds": 182,
    "error": "the receiver responded 404 Not Found", "body": "no_team"
}))]
pub struct ChannelTestResult {
    /// The channel.
    pub channel: String,
    /// Whether the receiver took the message.
    pub delivered: bool,
    /// Its status of HTTP; null for mail, and when there was no response.
    #[serde(default)]
    pub status: Option<u16>,
    /// How long it took.
    pub milliseconds: u64,
    /// What went wrong.
    #[serde(default)]
    pub error: Option<String>,
    /// The first 200 bytes of its response, for admins: any characters.
    #[serde(default)]
    pub body: Option<String>,
}
