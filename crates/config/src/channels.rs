//! Receivers of alerts: `[[alerts.channels]]`. Addresses and tokens are in files of their own, because they are
//! passwords.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use linux_api_alerts::name::Name;
use serde::{Deserialize, Serialize};
use toml::Value;

use super::value::{ConfigValue, with_article, wrong_type};

/// The most channels.
const CHANNELS_MAX: usize = 50;

/// A receiver of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// How rules and people call it.
    pub name: Name,
    /// What it is.
    pub kind: ChannelKind,
}

/// What a receiver is, and where its secrets are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChannelKind {
    /// Any receiver: JSON, signed as Standard Webhooks have it.
    Generic {
        /// File with the address.
        url_file: PathBuf,
        /// File with what requests are signed with, `whsec_` and base64.
        secret_file: PathBuf,
    },
    /// Slack, and what takes its webhooks: Mattermost, Rocket.Chat.
    Slack {
        /// File with the address of the webhook.
        url_file: PathBuf,
    },
    /// Discord.
    Discord {
        /// File with the address of the webhook.
        url_file: PathBuf,
    },
    /// Microsoft Teams.
    Teams {
        /// File with the address of the workflow.
        url_file: PathBuf,
    },
    /// ntfy.
    Ntfy {
        /// File with the address of the server.
        url_file: PathBuf,
        /// File with the topic.
        topic_file: PathBuf,
        /// File with the access token, where the server requires one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_file: Option<PathBuf>,
    },
    /// Gotify.
    Gotify {
        /// File with the address of the server.
        url_file: PathBuf,
        /// File with the token of the application.
        token_file: PathBuf,
    },
    /// Telegram.
    Telegram {
        /// File with the token of the bot.
        token_file: PathBuf,
        /// The id of the chat, or the name of a channel.
        chat: String,
        /// File with the address of an own server of the bot API.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url_file: Option<PathBuf>,
    },
    /// Alertmanager.
    Alertmanager {
        /// File with the address of the server.
        url_file: PathBuf,
        /// The user, where the server requires one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// File with the user's password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_file: Option<PathBuf>,
    },
    /// Apprise's API.
    Apprise {
        /// File with the address to notify.
        url_file: PathBuf,
        /// Which of its receivers; all of them if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
    },
    /// Mail, over SMTP.
    Mail(MailOptions),
}

/// A mail server and the addresses of mails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailOptions {
    /// The mail server.
    pub host: String,
    /// Its port; the usual one of `security` unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub security: MailSecurity,
    /// The account there, where the server requires one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// File with the account's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The address that mails come from.
    pub from: String,
    /// The addresses that they go to.
    pub to: Vec<String>,
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// From the first byte, on port 465.
    Tls,
    /// By STARTTLS, which the server must have, on port 587.
    #[default]
    Starttls,
    /// Not at all, on port 25.
    None,
}

impl ChannelKind {
    /// Its name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
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
            Self::Mail(_) => "mail",
        }
    }

    /// What can't be right whatever the files hold.
    fn check(&self) -> Result<(), String> {
        let (user, password_file) = match self {
            Self::Alertmanager {
                user,
                password_file,
                ..
            } => (user, password_file),
            Self::Mail(mail) => {
                if mail.to.is_empty() {
                    return Err("to: expected at least one address".to_owned());
                }
                if mail.user.is_some() && mail.security == MailSecurity::None {
                    let message = "user: a password is not sent without encryption";
                    return Err(message.to_owned());
                }
                (&mail.user, &mail.password_file)
            }
            _ => return Ok(()),
        };
        if user.is_some() == password_file.is_some() {
            Ok(())
        } else {
            Err("user and password_file are needed together".to_owned())
        }
    }
}

/// All receivers of alerts, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channels(pub Vec<Channel>);

impl ConfigValue for Channels {
    fn type_name() -> String {
        "tables [[alerts.channels]], in the file only".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Ok(Self::default())
        } else {
            Err(format!("expected {}", Self::type_name()))
        }
    }

    fn from_toml(value: &Value) -> Result<Self, String> {
        let list = value.as_array().ok_or_else(|| wrong_type::<Self>(value))?;
        if list.len() > CHANNELS_MAX {
            return Err(format!("expected {CHANNELS_MAX} channels at most"));
        }
        let mut names = BTreeSet::new();
        let mut channels = Vec::new();
        for (place, value) in list.iter().enumerate() {
            let channel = read(value).map_err(|problem| {
                let name = value.get("name").and_then(Value::as_str);
                let name = name.map(|name| format!(" ({})", name.escape_debug()));
                format!(
                    "channel {}{}: {problem}",
                    place + 1,
                    name.unwrap_or_default()
                )
            })?;
            if !names.insert(channel.name.clone()) {
                return Err(format!("two channels are called {}", channel.name));
            }
            channels.push(channel);
        }
        Ok(Self(channels))
    }

    fn to_toml(&self) -> Option<Value> {
        let tables = self.0.iter().map(|channel| {
            let mut value = Value::try_from(&channel.kind).ok()?;
            let name = channel.name.as_str().into();
            value.as_table_mut()?.insert("name".to_owned(), name);
            Some(value)
        });
        tables.collect::<Option<Vec<Value>>>().map(Value::Array)
    }
}

fn read(value: &Value) -> Result<Channel, String> {
    let Value::Table(table) = value else {
        return Err(format!("expected a table, not {}", with_article(value)));
    };
    let mut table = table.clone();
    let name = match table.remove("name") {
        Some(Value::String(name)) => name.parse::<Name>(),
        Some(other) => {
            return Err(format!(
                "name: expected a text, not {}",
                with_article(&other)
            ));
        }
        None => return Err("name is missing".to_owned()),
    };
    let name = name.map_err(|error| format!("name: {error}"))?;
    if !table.contains_key("kind") {
        return Err("kind is missing".to_owned());
    }
    for secret in ["url", "secret", "token", "topic", "password"] {
        if table.contains_key(secret) {
            let message = format!("{secret} is a secret: write it to a file and set {secret}_file");
            return Err(message);
        }
    }
    let kind: ChannelKind = Value::Table(table)
        .try_into()
        .map_err(|error: toml::de::Error| error.message().replace('\n', ", "))?;
    kind.check()?;
    if let Some(path) = kind.files().into_iter().find(|path| !path.is_absolute()) {
        return Err(format!("{}: expected an absolute path", path.display()));
    }
    Ok(Channel { name, kind })
}

impl ChannelKind {
    /// The files with its secrets.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        let all: [Option<&PathBuf>; 3] = match self {
            Self::Generic {
                url_file,
                secret_file,
            } => [Some(url_file), Some(secret_file), None],
            Self::Slack { url_file }
            | Self::Discord { url_file }
            | Self::Teams { url_file }
            | Self::Apprise { url_file, .. } => [Some(url_file), None, None],
            Self::Ntfy {
                url_file,
                topic_file,
                token_file,
            } => [Some(url_file), Some(topic_file), token_file.as_ref()],
            Self::Gotify {
                url_file,
                token_file,
            } => [Some(url_file), Some(token_file), None],
            Self::Telegram {
                token_file,
                url_file,
                ..
            } => [Some(token_file), url_file.as_ref(), None],
            Self::Alertmanager {
                url_file,
                password_file,
                ..
            } => [Some(url_file), password_file.as_ref(), None],
            Self::Mail(mail) => [mail.password_file.as_ref(), None, None],
        };
        all.into_iter().flatten().map(PathBuf::as_path).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(text: &str) -> Result<Channels, String> {
        let table: toml::Table = text.parse().unwrap();
        Channels::from_toml(&table["channels"])
    }

    #[test]
    fn a_channel_of_each_kind_is_read_and_shown_as_it_is_written() {
        let text = r#"
            [[channels]]
            name = "ops"
            kind = "generic"
            url_file = "/etc/linux-api/secrets/ops_url"
            secret_file = "/etc/linux-api/secrets/ops_secret"

            [[channels]]
            name = "chat"
            kind = "slack"
            url_file = "/etc/linux-api/secrets/chat_url"

            [[channels]]
            name = "phone"
            kind = "ntfy"
            url_file = "/s/url"
            topic_file = "/s/topic"

            [[channels]]
            name = "bot"
            kind = "telegram"
            token_file = "/s/token"
            chat = "-100"

            [[channels]]
            name = "mail"
            kind = "mail"
            host = "mail.example.org"
            user = "alerts"
            password_file = "/s/password"
            from = "linux-api <alerts@example.org>"
            to = ["ops@example.org"]
        "#;
        let read = channels(text).unwrap();
        let kinds: Vec<&str> = read.0.iter().map(|one| one.kind.as_str()).collect();
        assert_eq!(kinds, ["generic", "slack", "ntfy", "telegram", "mail"]);
        let shown = read.to_toml().unwrap();
        assert_eq!(Channels::from_toml(&shown), Ok(read));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_channel() {
        let wrong = |keys: &str| {
            let text = format!("[[channels]]\nname = \"chat\"\n{keys}");
            channels(&text).unwrap_err()
        };
        let unknown = wrong("kind = \"pager\"");
        assert!(
            unknown.starts_with("channel 1 (chat): unknown variant `pager`"),
            "{unknown}"
        );
        assert!(unknown.contains("`mail`"), "{unknown}");
        let url = wrong("kind = \"slack\"\nurl = \"https://hooks.example.org/T0/secret\"");
        assert!(url.contains("write it to a file and set url_file"), "{url}");
        assert!(!url.contains("T0"), "{url}");
        let missing = wrong("kind = \"slack\"");
        assert_eq!(missing, "channel 1 (chat): missing field `url_file`");
        let relative = wrong("kind = \"slack\"\nurl_file = \"url\"");
        assert!(
            relative.ends_with("url: expected an absolute path"),
            "{relative}"
        );
        let alone = wrong("kind = \"alertmanager\"\nurl_file = \"/u\"\nuser = \"a\"");
        assert!(
            alone.ends_with("user and password_file are needed together"),
            "{alone}"
        );
        let open = wrong(
            "kind = \"mail\"\nhost = \"m\"\nfrom = \"a@b\"\nto = [\"c@d\"]\nsecurity = \"none\"
             user = \"a\"\npassword_file = \"/p\"",
        );
        assert!(open.ends_with("not sent without encryption"), "{open}");
        let twice = "[[channels]]\nname = \"a\"\nkind = \"slack\"\nurl_file = \"/u\"\n".repeat(2);
        assert_eq!(channels(&twice).unwrap_err(), "two channels are called a");
        let nameless = channels("[[channels]]\nkind = \"slack\"").unwrap_err();
        assert_eq!(nameless, "channel 1: name is missing");
        assert!(Channels::from_text("chat").is_err());
    }
}
