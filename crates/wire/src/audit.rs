//! Who changed what: the rows of the audit log.

use std::fmt;
use std::net::IpAddr;

use super::api_key::{KeyId, Scope};
use super::authority::Authority;
use super::time::Timestamp;
use super::user::{Role, UserId};

/// How a request or command came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// With an API key over HTTP.
    Key(KeyId),
    /// Over the Unix socket, as this Linux uid.
    Unix(u32),
    /// From the command line with access to the database, as this Linux uid.
    Cli(u32),
    /// The program itself, for instance when it makes the first admin.
    System,
    /// Over HTTP without a key that is accepted: nothing is ever done this way.
    Nobody,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Unix(uid) => write!(f, "unix:{uid}"),
            Self::Cli(uid) => write!(f, "cli:{uid}"),
            Self::System => f.write_str("system"),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

/// Who does something, and from where, as the audit log names it.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The user, when there is one.
    pub user_id: Option<UserId>,
    /// The user's name at that time, or the Linux account's.
    pub name: String,
    /// How it came in.
    pub via: Via,
    /// The client's address, over the network.
    pub address: Option<IpAddr>,
    /// The request that did it, over HTTP.
    pub request_id: Option<String>,
}

impl Origin {
    /// The sender of a request without an accepted key.
    #[must_use]
    pub fn nobody(address: Option<IpAddr>, request_id: String) -> Self {
        Self {
            user_id: None,
            name: "nobody".to_owned(),
            via: Via::Nobody,
            address,
            request_id: Some(request_id),
        }
    }

    /// The program itself.
    #[must_use]
    pub fn system() -> Self {
        Self {
            user_id: None,
            name: "system".to_owned(),
            via: Via::System,
            address: None,
            request_id: None,
        }
    }
}

/// Who makes a change, and what lets it do so.
///
/// Every way to make one for a caller over HTTP takes the scope that the change needs, so the store
/// can't be called for a change without saying what it takes.
#[derive(Debug, Clone)]
pub struct Actor {
    /// How the audit log names it.
    pub origin: Origin,
    authority: Authority,
}

impl Actor {
    /// A caller over HTTP or the Unix socket, for a change that needs `scope`; nothing for one that
    /// came in by another door, or has no key that is accepted.
    #[must_use]
    pub fn of_caller(origin: Origin, scope: Scope) -> Option<Self> {
        let user = origin.user_id;
        let authority = match &origin.via {
            Via::Key(id) => Authority::Key {
                id: id.clone(),
                user: user?,
                scope,
            },
            Via::Unix(uid) => Authority::Peer {
                uid: *uid,
                user: user.filter(|id| !id.is_of_account()),
                role: Role::Viewer,
                scope,
            },
            Via::Cli(_) | Via::System | Via::Nobody => return None,
        };
        Some(Self { origin, authority })
    }

    /// The same with the role that a Linux account without a row has; a viewer unless this is set.
    #[must_use]
    pub fn with_account_role(mut self, of_account: Role) -> Self {
        if let Authority::Peer { role, .. } = &mut self.authority {
            *role = of_account;
        }
        self
    }

    /// The Linux account `uid`, called `name`, on the command line with access to the database.
    #[must_use]
    pub fn local(uid: u32, name: String) -> Self {
        Self {
            origin: Origin {
                name,
                via: Via::Cli(uid),
                ..Origin::system()
            },
            authority: Authority::Local,
        }
    }

    /// The program itself.
    #[must_use]
    pub fn system() -> Self {
        Self {
            origin: Origin::system(),
            authority: Authority::System,
        }
    }

    /// A rule of alerts on this host, which has a unit restarted: `alert:RULE`.
    #[must_use]
    pub fn rule(name: &str) -> Self {
        Self {
            origin: Origin {
                name: format!("alert:{name}"),
                ..Origin::system()
            },
            authority: Authority::System,
        }
    }

    /// What its right to make the change rests on.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether it has the database itself, and so may do what no API key may.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        matches!(self.authority, Authority::Local)
    }
}

/// What was done; the word in the database never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A user was made.
    UserCreate,
    /// A user and its keys were deleted.
    UserDelete,
    /// A user's role was set.
    UserRole,
    /// The hosts that a user is limited to were set.
    UserHosts,
    /// A user was activated.
    UserActivate,
    /// A user was deactivated.
    UserDeactivate,
    /// A user was protected from changes.
    UserProtect,
    /// The protection of a user was taken off.
    UserUnprotect,
    /// A key was made.
    KeyCreate,
    /// A key was replaced by a new one.
    KeyRotate,
    /// A key was revoked.
    KeyRevoke,
    /// A host was forgotten, with its measurements.
    HostForget,
    /// A rule of alerts was made or changed.
    AlertRule,
    /// A rule of alerts was deleted.
    AlertRuleDelete,
    /// Alerts were silenced for a while.
    AlertSilence,
    /// A silence was ended before its time.
    AlertUnsilence,
    /// An alert that fires was acknowledged, so that it is not repeated.
    AlertAcknowledge,
    /// Automatic acts were made possible again on a host.
    AlertRelease,
    /// A test message was sent to a channel of alerts.
    AlertTest,
    /// A signal was sent to a process.
    ProcessSignal,
    /// The nice value of a process was changed.
    ProcessRenice,
    /// A unit was started.
    UnitStart,
    /// A unit was stopped.
    UnitStop,
    /// A unit was stopped and started.
    UnitRestart,
    /// A unit read its configuration again.
    UnitReload,
    /// That a unit had failed was forgotten.
    UnitResetFailed,
    /// A unit starts with the system from then on.
    UnitEnable,
    /// A unit no longer starts with the system.
    UnitDisable,
    /// What a service may use was changed.
    UnitLimits,
    /// A backup was made.
    DbBackup,
    /// Users, keys and measurements of the Python program were imported.
    DbImport,
    /// Migrations were applied.
    DbMigrate,
    /// Migrations were taken back.
    DbRollback,
    /// The database was replaced by a backup.
    DbRestore,
    /// Backups were deleted.
    DbPrune,
    /// A role of the database server got its rights on the tables.
    DbGrant,
    /// Refused changes of one caller that were too many to be listed, and only counted.
    AuditSkip,
    /// Rows of the audit log were deleted because of their age.
    AuditExpire,
}

impl Action {
    /// The word stored in the database and shown to people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserCreate => "user.create",
            Self::UserDelete => "user.delete",
            Self::UserRole => "user.role",
            Self::UserHosts => "user.hosts",
            Self::UserActivate => "user.activate",
            Self::UserDeactivate => "user.deactivate",
            Self::UserProtect => "user.protect",
            Self::UserUnprotect => "user.unprotect",
            Self::KeyCreate => "key.create",
            Self::KeyRotate => "key.rotate",
            Self::KeyRevoke => "key.revoke",
            Self::HostForget => "host.forget",
            Self::AlertRule => "alert.rule",
            Self::AlertRuleDelete => "alert.rule-delete",
            Self::AlertSilence => "alert.silence",
            Self::AlertUnsilence => "alert.unsilence",
            Self::AlertAcknowledge => "alert.acknowledge",
            Self::AlertRelease => "alert.release",
            Self::AlertTest => "alert.test",
            Self::ProcessSignal => "process.signal",
            Self::ProcessRenice => "process.renice",
            Self::UnitStart => "unit.start",
            Self::UnitStop => "unit.stop",
            Self::UnitRestart => "unit.restart",
            Self::UnitReload => "unit.reload",
            Self::UnitResetFailed => "unit.reset-failed",
            Self::UnitEnable => "unit.enable",
            Self::UnitDisable => "unit.disable",
            Self::UnitLimits => "unit.limits",
            Self::DbBackup => "db.backup",
            Self::DbImport => "db.import",
            Self::DbMigrate => "db.migrate",
            Self::DbRollback => "db.rollback",
            Self::DbRestore => "db.restore",
            Self::DbPrune => "db.prune",
            Self::DbGrant => "db.grant",
            Self::AuditSkip => "audit.skip",
            Self::AuditExpire => "audit.expire",
        }
    }

    /// Those that act on the host itself.
    pub const ACTS: [Self; 10] = [
        Self::ProcessSignal,
        Self::ProcessRenice,
        Self::UnitStart,
        Self::UnitStop,
        Self::UnitRestart,
        Self::UnitReload,
        Self::UnitResetFailed,
        Self::UnitEnable,
        Self::UnitDisable,
        Self::UnitLimits,
    ];

    /// Whether it acts on the host itself, and not on the database.
    #[must_use]
    pub fn is_act(self) -> bool {
        Self::ACTS.contains(&self)
    }
}

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Grows with each row.
    pub id: i64,
    /// When it happened.
    pub time: Timestamp,
    /// The user who did it, when there was one.
    pub actor_id: Option<UserId>,
    /// That user's name at the time.
    pub actor: String,
    /// How the request came in: `key:ID`, `unix:UID`, `cli:UID`, `system` or `nobody`.
    pub via: String,
    /// What was done, for instance `user.create`.
    pub action: String,
    /// On what: `user:NAME`, `key:ID`, `host:ID`, `alert:RULE` or `alert:ID`, `silence:ID`, `unit:NAME`, `process:PID@START`,
    /// `backup:NAME`, `role:NAME` or `revision:NUMBER`.
    pub target: String,
    /// `done`, or `refused` when a rule forbade it or it failed. An act on a host has two rows: `begun`, and its
    /// outcome, which can be `failed` too.
    pub result: String,
    /// What changed, or why it was refused.
    pub detail: String,
    /// The client's address, over the network.
    pub address: Option<String>,
    /// The request that did it, over HTTP.
    pub request_id: Option<String>,
    /// Of an act on a host: on which one.
    pub host_id: Option<String>,
    /// Of an act on a host: by which id the executor knows it.
    pub act_id: Option<String>,
}
