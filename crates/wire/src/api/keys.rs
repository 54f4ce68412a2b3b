//! API keys on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api_key::{ApiKey, Scope};

/// What a new key is to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "backup script",
    "scopes": ["host:read"],
    "expires_at": "2036-01-01T00:00:00Z"
}))]
pub struct CreateKey {
    /// Name for it.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// What it may do; all that the user's role may when empty or absent.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// When it stops working; never when absent.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Labels of the hosts that it is limited to within those of its user, such as `env=dev,role=web`,
    /// all of which a host must have; those of the key in use when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<String>,
}

/// How to replace a key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"overlap_seconds": 600}))]
pub struct RotateKey {
    /// For how many seconds the old key keeps working beside the new one.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 604_800, default = 3600)]
    pub overlap_seconds: i64,
}

/// A key that was just made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "key_id": "EXAMPLEkey01",
    "name": "backup script",
    "scopes": ["host:read"],
    "created_at": "2026-11-23T06:53:14.781Z",
    "expires_at": null,
    "hosts": null,
    "api_key": "lapi_EXAMPLEkey01_never-shown-again-keep-it-in-a-safe-place000000000"
}))]
pub struct IssuedKey {
    /// Its public id.
    pub key_id: String,
    /// What it is called.
    pub name: String,
    /// What it is narrowed to; empty for all of the role. Later versions may know more scopes.
    #[schema(value_type = Vec<Scope>)]
    pub scopes: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it stops working.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Labels of the hosts that it is limited to within those of its user; null for all of them.
    #[serde(default)]
    pub hosts: Option<String>,
    /// The key itself. It is shown only once.
    pub api_key: String,
}

/// A key in a list: never with its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "key_id": "EXAMPLEkey01",
    "name": "backup script",
    "scopes": ["host:read"],
    "created_at": "2026-11-23T06:53:14.781Z",
    "expires_at": null,
    "last_used": "2026-11-23T07:02:00Z",
    "revoked_at": null,
    "hosts": null
}))]
pub struct ListedKey {
    /// Its public id.
    pub key_id: String,
    /// What it is called.
    pub name: String,
    /// What it is narrowed to; empty for all of the role. Later versions may know more scopes.
    #[schema(value_type = Vec<Scope>)]
    pub scopes: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it stops working.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// When it was last accepted, to the minute.
    #[schema(format = DateTime)]
    pub last_used: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
    /// Labels of the hosts that it is limited to within those of its user; null for all of them.
    #[serde(default)]
    pub hosts: Option<String>,
}

impl From<&ApiKey> for ListedKey {
    fn from(key: &ApiKey) -> Self {
        Self {
            key_id: key.id.to_string(),
            name: key.name.clone(),
            scopes: key.scopes.names(),
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at.map(|time| time.to_string()),
            last_used: key.last_used.map(|time| time.to_string()),
            revoked_at: key.revoked_at.map(|time| time.to_string()),
            hosts: key.hosts.stored(),
        }
    }
}

impl IssuedKey {
    /// A new key with its secret.
    #[must_use]
    pub fn new(key: &ApiKey, secret: &str) -> Self {
        Self {
            key_id: key.id.to_string(),
            name: key.name.clone(),
            scopes: key.scopes.names(),
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at.map(|time| time.to_string()),
            hosts: key.hosts.stored(),
            api_key: secret.to_owned(),
        }
    }
}
