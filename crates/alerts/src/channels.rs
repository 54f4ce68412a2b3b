//! Channels: the requests and the mail that receivers get of a message.
//!
//! Bodies are values of JSON and never filled-in texts, so nothing of a host can end a string or add a key.
//! Addresses and tokens are secrets: [`HttpRequest`] shows them cut.

use std::fmt;

use linux_api_wire::time::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::message::{Message, MessageStatus};
use crate::severity::Severity;

mod chat;
pub mod mail;
mod push;
mod relay;
mod webhook;

pub use webhook::{SecretError, SigningSecret, signature};

/// A receiver that is reached over HTTP.
#[derive(Debug, Clone)]
pub enum HttpChannel {
    /// Any receiver: JSON, signed as Standard Webhooks have it.
    Generic {
        /// Where to.
        url: SecretString,
        /// What it is signed with.
        secret: SigningSecret,
    },
    /// Slack, and what takes its webhooks: Mattermost, Rocket.Chat.
    Slack {
        /// The address of the webhook.
        url: SecretString,
    },
    /// Discord.
    Discord {
        /// The address of the webhook.
        url: SecretString,
    },
    /// Microsoft Teams, by a workflow.
    Teams {
        /// The address of the workflow.
        url: SecretString,
    },
    /// ntfy.
    Ntfy {
        /// The server, without the topic.
        url: SecretString,
        /// The topic.
        topic: SecretString,
        /// The access token, where the server requires one.
        token: Option<SecretString>,
    },
    /// Gotify.
    Gotify {
        /// The server.
        url: SecretString,
        /// The token of the application.
        token: SecretString,
    },
    /// Telegram.
    Telegram {
        /// The server of the bot API, `https://api.telegram.org` unless it is an own one.
        url: SecretString,
        /// The token of the bot.
        token: SecretString,
        /// The id of the chat, or the name of a channel.
        chat: String,
    },
    /// Alertmanager, which brings what it can reach.
    Alertmanager {
        /// The server.
        url: SecretString,
        /// User and password, where the server requires them.
        user: Option<(String, SecretString)>,
    },
    /// Apprise's API.
    Apprise {
        /// The address to notify, with the key of its configuration.
        url: SecretString,
        /// Which of its receivers; all of them if absent.
        tag: Option<String>,
    },
}

/// A POST request that is ready to be sent.
pub struct HttpRequest {
    /// Where to.
    pub url: SecretString,
    /// Its headers beside those that every request has.
    pub headers: Vec<(&'static str, SecretString)>,
    /// Its body, JSON.
    pub body: String,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("HttpRequest")
            .field("url", &shown_url(&self.url))
            .field("headers", &names)
            .field("body", &self.body.len())
            .finish()
    }
}

impl HttpChannel {
    /// Its kind, as in the configuration.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Generic { .. } => "generic",
            Self::Slack { .. } => "slack",
            Self::Discord { .. } => "discord",
            Self::Teams { .. } => "teams",
            Self::Ntfy { .. } => "ntfy",
            Self::Gotify { .. } => "gotify",
            Self::Telegram { .. } => "telegram",
            Self::Alertmanager { .. } => "alertmanager",
            Self::Apprise { .. } => "apprise",
        }
    }

    /// Its address, cut: `https://hooks.example.org/…`.
    #[must_use]
    pub fn shown(&self) -> String {
        shown_url(self.url())
    }

    const fn url(&self) -> &SecretString {
        match self {
            Self::Generic { url, .. }
            | Self::Slack { url }
            | Self::Discord { url }
            | Self::Teams { url }
            | Self::Ntfy { url, .. }
            | Self::Gotify { url, .. }
            | Self::Telegram { url, .. }
            | Self::Alertmanager { url, .. }
            | Self::Apprise { url, .. } => url,
        }
    }

    /// The request of a message. A retry has the same id and body; `now` is when this attempt is made, which
    /// the signature covers.
    #[must_use]
    pub fn request(&self, message: &Message, now: Timestamp) -> HttpRequest {
        match self {
            Self::Generic { url, secret } => webhook::generic(url, secret, message, now),
            Self::Slack { url } => plain(url.clone(), &chat::slack(message)),
            Self::Discord { url } => plain(url.clone(), &chat::discord(message)),
            Self::Teams { url } => plain(url.clone(), &chat::teams(message)),
            Self::Ntfy { url, topic, token } => push::ntfy(url, topic, token.as_ref(), message),
            Self::Gotify { url, token } => push::gotify(url, token, message),
            Self::Telegram { url, token, chat } => push::telegram(url, token, chat, message),
            Self::Alertmanager { url, user } => relay::alertmanager(url, user.as_ref(), message),
            Self::Apprise { url, tag } => {
                plain(url.clone(), &relay::apprise(tag.as_deref(), message))
            }
        }
    }
}

fn plain(url: SecretString, body: &Value) -> HttpRequest {
    HttpRequest {
        url,
        headers: Vec::new(),
        body: body.to_string(),
    }
}

/// An address below that of a server.
fn below(url: &SecretString, path: &str) -> SecretString {
    let server = url.expose_secret().trim_end_matches('/');
    format!("{server}/{path}").into()
}

/// The server of an address; the path of a webhook is a password.
fn shown_url(url: &SecretString) -> String {
    let url = url.expose_secret();
    let Some((scheme, rest)) = url.split_once("://") else {
        return "…".to_owned();
    };
    let server = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // Before an @ are a user and a password.
    let server = server.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{server}/…")
}

/// What distinguishes messages at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Good,
    Warning,
    Critical,
}

fn tone(message: &Message) -> Tone {
    match (message.status, message.severity) {
        (MessageStatus::Resolved, _) => Tone::Good,
        (MessageStatus::Firing, Severity::Warning) => Tone::Warning,
        (MessageStatus::Firing, Severity::Critical) => Tone::Critical,
    }
}

#[cfg(test)]
mod tests;
