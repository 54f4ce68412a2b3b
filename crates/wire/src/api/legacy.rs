//! The legacy routes on the wire, as the Python Linux-API answered them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::user::{Role, User};

/// What these routes call the roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LegacyRole {
    /// A viewer.
    User,
    /// An admin.
    Admin,
}

impl LegacyRole {
    /// The word in requests and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

impl From<Role> for LegacyRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::User,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<LegacyRole> for Role {
    fn from(role: LegacyRole) -> Self {
        match role {
            LegacyRole::User => Self::Viewer,
            LegacyRole::Admin => Self::Admin,
        }
    }
}

/// The caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"username": "admin", "role": "admin"}))]
pub struct LegacyCaller {
    /// Its name.
    pub username: String,
    /// Its role.
    pub role: LegacyRole,
}

/// A greeting to an admin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"message": "Admin access granted for admin with role admin!"}))]
pub struct LegacyGreeting {
    /// A sentence.
    pub message: String,
}

/// All users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LegacyUsers {
    /// The oldest first.
    pub users: Vec<LegacyUser>,
}

/// One user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "username": "admin",
    "role": "admin",
    "created_at": "2026-11-23T06:52:33.416Z",
    "last_login": "2026-11-23T06:57:08.120Z",
    "is_active": true
}))]
pub struct LegacyUser {
    /// Its name.
    pub username: String,
    /// Its role.
    pub role: LegacyRole,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When one of its keys was last accepted.
    #[schema(format = DateTime)]
    pub last_login: Option<String>,
    /// Whether it may do anything.
    pub is_active: bool,
}

impl From<&User> for LegacyUser {
    fn from(user: &User) -> Self {
        Self {
            username: user.name.clone(),
            role: user.role.into(),
            created_at: user.created_at.to_string(),
            last_login: user.last_login.map(|time| time.to_string()),
            is_active: user.active,
        }
    }
}

/// A user that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LegacyCreated {
    /// The user.
    pub user: LegacyNewUser,
}

/// A new user and its key, which is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LegacyNewUser {
    /// Its name.
    pub username: String,
    /// Its role.
    pub role: LegacyRole,
    /// Its key: the one that was asked for, else a new one.
    pub api_key: String,
}

/// It is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"status": "success"}))]
pub struct LegacyDone {
    /// `success`.
    pub status: String,
}

/// Load and use of the processors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "system": {"average_load": 3.43, "last_loads": [3.67, 3.19]},
    "cpu": {"average_load": 0.99, "last_loads": [0.98, 1.0]}
}))]
pub struct LegacyLoad {
    /// The one-minute load average.
    pub system: LegacyLoads,
    /// The use of the processors, as fractions from 0 to 1.
    pub cpu: LegacyLoads,
}

/// One value a minute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LegacyLoads {
    /// The mean of all minutes that are kept; 0 before the first.
    pub average_load: f64,
    /// The newest minutes, oldest first.
    pub last_loads: Vec<f64>,
}
