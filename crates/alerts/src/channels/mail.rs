//! The mail of a message, as text; the sender adds addresses and the date.

use crate::message::{Message, MessageStatus, cut};

/// The longest subject, in characters.
const SUBJECT: usize = 200;

/// A mail without addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The left side of the message id: the same over retries, so that it can be recognised.
    pub id: String,
    /// Further headers: no automatic response may come back, and urgent ones are marked.
    pub headers: Vec<(&'static str, &'static str)>,
}

/// The mail of a message.
#[must_use]
pub fn mail(message: &Message) -> Mail {
    let is_urgent = message.status == MessageStatus::Firing
        && message.severity == crate::severity::Severity::Critical;
    let mut headers = vec![
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
    ];
    if is_urgent {
        headers.push(("Importance", "high"));
    }
    Mail {
        subject: cut(&format!("[linux-api] {}", message.title), SUBJECT),
        text: format!("{}\n\n{}\n", message.title, message.text),
        id: format!("alert-{}", message.id.simple()),
        headers,
    }
}
