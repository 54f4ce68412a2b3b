//! The generic channel: JSON, signed as <https://www.standardwebhooks.com> has it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use linux_api_wire::time::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;

use super::HttpRequest;
use crate::host_text::HostText;
use crate::message::Message;
use crate::notice::Notice;

/// What requests of the generic channel are signed with: 24 to 64 bytes, written as `whsec_` and base64.
#[derive(Clone)]
pub struct SigningSecret(SecretSlice<u8>);

/// The text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected whsec_ and 24 to 64 bytes as base64; make one by: echo whsec_$(openssl rand -base64 32)"
)]
pub struct SecretError;

impl SigningSecret {
    /// Reads a secret.
    ///
    /// # Errors
    /// When it is no such text; the text is not shown.
    pub fn parse(text: &SecretString) -> Result<Self, SecretError> {
        let encoded = text
            .expose_secret()
            .trim()
            .strip_prefix("whsec_")
            .ok_or(SecretError)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError)?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(SecretError);
        }
        Ok(Self(bytes.into()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// The signature of a message: version, comma, and base64 of the HMAC-SHA256 of `id.seconds.body`.
///
/// # Panics
/// Never: an HMAC takes keys of any length.
#[must_use]
pub fn signature(secret: &SigningSecret, id: &str, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.0.expose_secret())
        .expect("an HMAC takes keys of any length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

pub(super) fn generic(
    url: &SecretString,
    secret: &SigningSecret,
    message: &Message,
    now: Timestamp,
) -> HttpRequest {
    let id = format!("msg_{}", message.id.simple());
    let body = body(message).to_string();
    let seconds = now.as_millis().div_euclid(1_000);
    let signature = signature(secret, &id, seconds, &body);
    let header = |text: String| SecretString::from(text);
    HttpRequest {
        url: url.clone(),
        headers: vec![
            ("webhook-id", header(id)),
            ("webhook-timestamp", header(seconds.to_string())),
            ("webhook-signature", header(signature)),
        ],
        body,
    }
}

fn body(message: &Message) -> Value {
    let notices: Vec<Value> = message.notices.iter().map(notice).collect();
    json!({
        "type": format!("alert.{}", message.status.as_str()),
        "timestamp": message.time,
        "data": {
            "status": message.status.as_str(),
            "severity": message.severity,
            "title": message.title,
            "text": message.text,
            "total": message.notices.len(),
            "alerts": notices,
        },
    })
}

fn notice(notice: &Notice) -> Value {
    let neutral = |(key, value): (&str, &str)| {
        let value = HostText::new(value).to_string();
        (key.to_owned(), Value::from(value))
    };
    let labels: serde_json::Map<String, Value> =
        notice.instance.labels.iter().map(neutral).collect();
    let host_labels = notice
        .host_labels
        .iter()
        .map(|(key, value)| (&**key, &**value));
    let host_labels: serde_json::Map<String, Value> = host_labels.map(neutral).collect();
    json!({
        "id": notice.id,
        "kind": notice.kind,
        "rule": notice.instance.rule,
        "host": notice.host,
        "host_id": HostText::new(&notice.instance.host),
        "host_labels": host_labels,
        "labels": labels,
        "before": notice.before,
        "after": notice.after,
        "time": notice.time,
        "since": notice.since,
        "value": notice.value,
        "text": notice.text,
        "threshold": notice.threshold,
        "context": notice.context,
        "act": notice.act.as_ref().map(|act| json!({
            "unit": act.unit,
            "time": act.at,
            "result": act.outcome.as_ref().map(|outcome| outcome.result),
            "text": act.text(),
        })),
    })
}
