//! The legacy routes on the wire, as the Python Linux-API answered them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use linux_api_wire::api::system::SystemInfo;
use linux_api_wire::user::{Role, User};

/// What these routes call the roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LegacyRole {
    /// A viewer.
    User,
    /// An admin.
    Admin,
}

impl LegacyRole {
    /// The word in requests and responses.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

impl From<Role> for LegacyRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer | Role::Operator => Self::User,
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

/// What the host is, with the fields that these routes always had.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "system": "Linux",
    "node_name": "web-03",
    "release": "6.1.0-28-amd64",
    "version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)",
    "machine": "x86_64",
    "processor": "AMD EPYC 7543 32-Core Processor",
    "cpu_count": 2,
    "memory_total": 25_276_063_744_u64,
    "disk_total": 270_553_174_016_u64
}))]
pub(crate) struct LegacyInfo {
    /// Name of the operating system.
    system: String,
    /// Name of the host.
    node_name: String,
    /// Release of the kernel.
    release: String,
    /// Build of the kernel.
    version: String,
    /// Hardware architecture.
    machine: String,
    /// Model of the processor; empty when the kernel does not report it.
    processor: String,
    /// Logical processors.
    cpu_count: u32,
    /// Memory in bytes.
    memory_total: u64,
    /// Size of the root filesystem in bytes.
    disk_total: u64,
}

impl From<SystemInfo> for LegacyInfo {
    fn from(info: SystemInfo) -> Self {
        Self {
            system: info.system,
            node_name: info.node_name,
            release: info.release,
            version: info.version,
            machine: info.machine,
            processor: info.processor,
            cpu_count: info.cpu_count,
            memory_total: info.memory_total,
            disk_total: info.disk_total,
        }
    }
}

/// The caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"username": "admin", "role": "admin"}))]
pub(crate) struct LegacyCaller {
    /// Its name.
    pub(crate) username: String,
    /// Its role.
    pub(crate) role: LegacyRole,
}

/// A greeting to an admin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"message": "Admin access granted for admin with role admin!"}))]
pub(crate) struct LegacyGreeting {
    /// A sentence.
    pub(crate) message: String,
}

/// All users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LegacyUsers {
    /// The oldest first.
    pub(crate) users: Vec<LegacyUser>,
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
pub(crate) struct LegacyUser {
    /// Its name.
    pub(crate) username: String,
    /// Its role.
    pub(crate) role: LegacyRole,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When one of its keys was last accepted.
    #[schema(format = DateTime)]
    pub(crate) last_login: Option<String>,
    /// Whether it may do anything.
    pub(crate) is_active: bool,
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
pub(crate) struct LegacyCreated {
    /// The user.
    pub(crate) user: LegacyNewUser,
}

/// A new user and its key, which is shown only once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LegacyNewUser {
    /// Its name.
    pub(crate) username: String,
    /// Its role.
    pub(crate) role: LegacyRole,
    /// Its key: the requested one, else a new one.
    pub(crate) api_key: String,
}

/// It is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"status": "success"}))]
pub(crate) struct LegacyDone {
    /// `success`.
    pub(crate) status: String,
}

/// Load and use of the processors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "system": {"average_load": 3.43, "last_loads": [3.67, 3.19]},
    "cpu": {"average_load": 0.99, "last_loads": [0.98, 1.0]}
}))]
pub(crate) struct LegacyLoad {
    /// The one-minute load average.
    pub(crate) system: LegacyLoads,
    /// The use of the processors, as fractions from 0 to 1.
    pub(crate) cpu: LegacyLoads,
}

/// One value a minute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LegacyLoads {
    /// The mean of all minutes that are kept; 0 before the first.
    pub(crate) average_load: f64,
    /// The newest minutes, oldest first.
    pub(crate) last_loads: Vec<f64>,
}
