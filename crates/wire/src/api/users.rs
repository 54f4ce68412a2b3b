//! Users on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api_key::Scope;
use crate::user::{Role, User};

/// What a new user is to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "alice1", "is_admin": false, "activate": true}))]
pub struct RegisterUser {
    /// Login name of letters, digits, underscores, dots and hyphens, 32 at most, which begins with a
    /// letter or an underscore; stored in lower case.
    #[schema(pattern = "^\\s*[A-Za-z_][A-Za-z0-9_.-]{0,31}\\s*$")]
    pub username: String,
    /// Whether it is an admin.
    #[serde(default)]
    #[schema(default = false)]
    pub is_admin: bool,
    /// Its role, in place of `is_admin`, which knows no operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether it may use the API at once.
    #[serde(default)]
    #[schema(default = false)]
    pub activate: bool,
    /// What its key may do; all that its role and the caller's key may when empty or absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// Labels of the hosts that it is limited to, such as `env=dev,role=web`, all of which a host must
    /// have; the caller's own limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<String>,
}

/// Which hosts to limit a user to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"hosts": "env=dev"}))]
pub struct SetUserHosts {
    /// Labels that a host must have, such as `env=dev,role=web`; null for any host.
    #[schema(required)]
    pub hosts: Option<String>,
}

/// A new user and its first key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "username": "alice1",
    "user_id": "05db55f9-a95a-46c8-afaf-1c5801c3a30d",
    "api_key": "lapi_EXAMPLEkey01_never-shown-again-keep-it-in-a-safe-place000000000"
}))]
pub struct RegisteredUser {
    /// Login name as stored.
    pub username: String,
    /// Id of the new user.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// Its API key. It is shown only once.
    pub api_key: String,
}

/// Which user to delete.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"user_id": "me"}))]
pub struct DeleteUser {
    /// `me`, or the id of a user, which only an admin may give for another than itself.
    #[serde(default = "me")]
    #[schema(min_length = 2, default = "me")]
    pub user_id: String,
}

fn me() -> String {
    "me".to_owned()
}

/// Says that something was done.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"detail": "User deleted"}))]
pub struct Done {
    /// What was done.
    pub detail: String,
}

/// The caller's own user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "user_id": "5bd3a1f0-0a6b-4c1f-9a3e-5c8f4e0c7d21",
    "user": {
        "username": "admin",
        "created_at": "2026-11-23T06:53:14.781Z",
        "last_login": null,
        "immutable": true
    },
    "user_perm": {"is_admin": true, "activated": true, "role": "admin", "scopes": [], "hosts": null}
}))]
pub struct CurrentUser {
    /// Its id.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// What it is called.
    pub user: UserSummary,
    /// What it may do.
    pub user_perm: Permissions,
}

/// What a user is called and since when.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UserSummary {
    /// Login name.
    pub username: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When one of its keys was last accepted, to the minute.
    #[schema(format = DateTime)]
    pub last_login: Option<String>,
    /// Whether others are kept from changing it.
    pub immutable: bool,
}

/// What a user, and the key in use, may do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Permissions {
    /// Whether its role is admin.
    pub is_admin: bool,
    /// Whether it may use the API.
    pub activated: bool,
    /// Its role; later versions may know more of them.
    #[schema(value_type = Role)]
    pub role: String,
    /// The scopes that the key in use is narrowed to; empty for all of the role.
    pub scopes: Vec<String>,
    /// Labels of the hosts that user and key are limited to; null for any host.
    #[serde(default)]
    pub hosts: Option<String>,
}

/// One user in the list of all.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "user_id": "5bd3a1f0-0a6b-4c1f-9a3e-5c8f4e0c7d21",
    "username": "admin",
    "created_at": "2026-11-23T06:53:14.781Z",
    "last_login": null,
    "immutable": true,
    "role": "admin",
    "is_admin": true,
    "activated": true,
    "hosts": null
}))]
pub struct ListedUser {
    /// Its id.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// Login name.
    pub username: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When one of its keys was last accepted, to the minute.
    #[schema(format = DateTime)]
    pub last_login: Option<String>,
    /// Whether others are kept from changing it.
    pub immutable: bool,
    /// Its role; later versions may know more of them.
    #[schema(value_type = Role)]
    pub role: String,
    /// Whether its role is admin.
    pub is_admin: bool,
    /// Whether it may use the API.
    pub activated: bool,
    /// Labels of the hosts that it is limited to; null for any host.
    #[serde(default)]
    pub hosts: Option<String>,
}

impl From<&User> for UserSummary {
    fn from(user: &User) -> Self {
        Self {
            username: user.name.clone(),
            created_at: user.created_at.to_string(),
            last_login: user.last_login.map(|time| time.to_string()),
            immutable: user.immutable,
        }
    }
}

impl From<&User> for ListedUser {
    fn from(user: &User) -> Self {
        Self {
            user_id: user.id.to_string(),
            username: user.name.clone(),
            created_at: user.created_at.to_string(),
            last_login: user.last_login.map(|time| time.to_string()),
            immutable: user.immutable,
            role: user.role.to_string(),
            is_admin: user.role == Role::Admin,
            activated: user.active,
            hosts: user.hosts.stored(),
        }
    }
}

/// A user's role was changed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "success": true,
    "user_id": "05db55f9-a95a-46c8-afaf-1c5801c3a30d",
    "is_admin": true,
    "role": "admin"
}))]
pub struct RoleChanged {
    /// Always true.
    pub success: bool,
    /// Whose role.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// Whether it is an admin now.
    pub is_admin: bool,
    /// Its role now; absent from daemons that know no operators.
    #[serde(default)]
    #[schema(value_type = Option<Role>)]
    pub role: Option<String>,
}

/// A user was activated or deactivated.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "success": true,
    "user_id": "05db55f9-a95a-46c8-afaf-1c5801c3a30d"
}))]
pub struct UserChanged {
    /// Always true.
    pub success: bool,
    /// Which user.
    #[schema(format = Uuid)]
    pub user_id: String,
}
