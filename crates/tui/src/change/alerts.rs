//! What can be done about alerts.

use std::collections::BTreeMap;

use super::ChangeOutcome;
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_wire::api::alerts::{AddAlertSilence, AlertSeverity};

/// An alert, by id, and what people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the line above says it")]
pub struct AlertRef {
    pub id: String,
    pub name: String,
}

/// A silence, by id, what it is about, and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the line above says it")]
pub struct SilenceRef {
    pub id: String,
    pub name: String,
    pub by: String,
}

/// What is to be silenced: alerts that match all that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSilence {
    /// Pattern of the rule's name.
    pub rule: Option<String>,
    /// Pattern of the host's name.
    pub host: Option<String>,
    /// Labels of the hosts.
    pub hosts: Option<String>,
    /// Patterns of labels.
    pub labels: BTreeMap<String, String>,
    /// Only of this severity.
    pub severity: Option<AlertSeverity>,
    /// How long, as the API takes it.
    pub duration: String,
    /// The same for people.
    pub lasts: String,
    /// Why.
    pub comment: String,
}

impl NewSilence {
    fn in_words(&self) -> String {
        let mut parts = Vec::new();
        let mut part = |name: &str, value: Option<&str>| {
            parts.extend(value.map(|value| format!("{name} {value}")));
        };
        part("rule", self.rule.as_deref());
        part("host", self.host.as_deref());
        part("hosts", self.hosts.as_deref());
        for (name, value) in &self.labels {
            part(name, Some(value));
        }
        part("level", self.severity.map(AlertSeverity::as_str));
        format!("silence {} for {}", parts.join(", "), self.lasts)
    }

    fn request(&self) -> AddAlertSilence {
        AddAlertSilence {
            rule: self.rule.clone(),
            host: self.host.clone(),
            hosts: self.hosts.clone(),
            labels: self.labels.clone(),
            severity: self.severity,
            duration: Some(self.duration.clone()),
            comment: self.comment.clone(),
            ..AddAlertSilence::default()
        }
    }
}

/// Something that is done about alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertAct {
    /// Note that an alert was seen, with a comment.
    Acknowledge(AlertRef, String),
    /// Hold back what is sent.
    Silence(NewSilence),
    /// End a silence.
    EndSilence(SilenceRef),
    /// Have rules restart units again on a host, by its id and name.
    Release(AlertRef),
}

impl AlertAct {
    /// What is to be done, in words.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Acknowledge(alert, _) => format!("acknowledge {}", alert.name),
            Self::Silence(silence) => silence.in_words(),
            Self::EndSilence(silence) => {
                format!("end the silence {} by {}", silence.name, silence.by)
            }
            Self::Release(host) => format!("let rules restart units again on {}", host.name),
        }
    }

    /// What a person should know before, in one line or two.
    pub(super) fn consequence(&self) -> String {
        let (text, comment) = match self {
            Self::Acknowledge(_, comment) => (
                "It is not repeated until it gets worse or ends.",
                comment.as_str(),
            ),
            Self::Silence(silence) => (
                "Nothing is sent meanwhile; what still fires afterwards is sent then.",
                silence.comment.as_str(),
            ),
            Self::EndSilence(_) => ("What fires and was held back is sent.", ""),
            Self::Release(_) => (
                "Three restarts did not help. The executor of the host counts by itself for an hour.",
                "",
            ),
        };
        if comment.is_empty() {
            text.to_owned()
        } else {
            format!("{text}\nThe comment: {comment}")
        }
    }

    /// Has the daemon do it.
    pub(super) async fn send(&self, client: &Client) -> Result<ChangeOutcome, ClientError> {
        match self {
            Self::Acknowledge(alert, comment) => {
                client.acknowledge_alert(&alert.id, comment).await?;
            }
            Self::Silence(silence) => {
                client.add_alert_silence(&silence.request()).await?;
            }
            Self::EndSilence(silence) => {
                client.end_alert_silence(&silence.id).await?;
            }
            Self::Release(host) => {
                client.release_brake(&host.id).await?;
            }
        }
        Ok(ChangeOutcome::Done)
    }
}
