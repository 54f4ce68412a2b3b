//! The messages between daemon and executor.
//!
//! Each side first sends a [`Hello`]; then the daemon sends a [`Message`] and gets a [`Reply`]. Members
//! that a type does not have are refused: a request that is understood in part is not understood.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::names::{UnitName, Word};
use linux_api_wire::time::Timestamp;

mod reply;
/// As clients of the API name them.
pub use linux_api_wire::api::acts::{ProcessIdentity, SignalName, UnitLimit};
pub use reply::{
    ActRecord, ActRecords, Decision, Effect, Failure, FailureCode, Head, LogState, Outcome,
    PolicyState, RecordedAct, Refusal, RefusalCode, Reply, Response, Status,
};

/// The version of these messages. Another one is refused: both sides are one program, and only differ
/// for the minute after an upgrade.
pub const VERSION: u32 = 1;
/// How far in the future [`Request::not_after`] may lie.
pub const MAX_WINDOW: Duration = Duration::from_mins(1);

/// What each side sends first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`VERSION`].
    pub protocol: u32,
    /// The release of the program.
    pub program: String,
    /// Why the executor serves this connection no further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Hello {
    /// That of this build.
    #[must_use]
    pub fn new() -> Self {
        Self {
            protocol: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            refused: None,
        }
    }
}

impl Default for Hello {
    fn default() -> Self {
        Self::new()
    }
}

/// What the daemon sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Act.
    Act(Request),
    /// Decide as for an act, and do nothing.
    Test(Request),
    /// Report whether acts are possible.
    Status,
    /// Return what the log says of acts.
    Records(RecordsAfter),
}

/// Which lines of the log are requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordsAfter {
    /// The last line that is known: what follows it is returned. All there are without one, and when the log
    /// has no such line, because it is another log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Head>,
}

/// One act that is requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Names the request: the same id with the same key and verb gets the first result for 24 hours.
    pub id: Word,
    /// The act does not begin after this time, at most [`MAX_WINDOW`] ahead.
    pub not_after: Timestamp,
    /// For whom.
    pub actor: Actor,
    /// Whether no person requested it: a rule of alerts did. Must agree with [`Actor::is_automatic`]; the
    /// executor counts these by itself and refuses all but [`Verb::Restart`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub automatic: bool,
    /// Reserved: a request that has one is refused, as none is checked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// What to do.
    pub verb: Verb,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What stands before the name of a rule where it is the actor of an automatic act: `alert:RULE`. No user's name
/// has a colon.
pub const RULE_ACTOR: &str = "alert:";
/// The role of all automatic acts, which no user has.
pub const AUTOMATIC_ROLE: &str = "automatic";

/// For whom the daemon requests an act. The executor can't check it and records it as **claimed**.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The user.
    pub name: Word,
    /// The user's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Word>,
    /// The public id of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Word>,
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Word>,
}

impl Actor {
    /// Whether it is a rule of alerts, and no person. The policy's `actors` count for rules as they do for people.
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        let role = self.role.as_ref().map(Word::as_str);
        self.name.as_str().starts_with(RULE_ACTOR) || role == Some(AUTOMATIC_ROLE)
    }
}

/// What can be done: one variant for each verb, with all of its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verb {
    /// Send a signal to a process.
    #[serde(rename = "process.signal")]
    Signal(SignalProcess),
    /// Change the nice value of a process, all of its threads.
    #[serde(rename = "process.renice")]
    Renice(ReniceProcess),
    /// Start a unit.
    #[serde(rename = "unit.start")]
    Start(Unit),
    /// Stop a unit.
    #[serde(rename = "unit.stop")]
    Stop(Unit),
    /// Stop and start a unit.
    #[serde(rename = "unit.restart")]
    Restart(Unit),
    /// Have a unit read its configuration again.
    #[serde(rename = "unit.reload")]
    Reload(Unit),
    /// Forget that a unit has failed.
    #[serde(rename = "unit.reset-failed")]
    ResetFailed(Unit),
    /// Start a unit with the system from now on.
    #[serde(rename = "unit.enable")]
    Enable(Unit),
    /// Start a unit with the system no longer.
    #[serde(rename = "unit.disable")]
    Disable(Unit),
    /// Change what a service may use.
    #[serde(rename = "unit.limits")]
    Limits(UnitLimits),
}

/// The verbs that are about a unit, by the words of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitVerb {
    /// [`Verb::Start`].
    Start,
    /// [`Verb::Stop`].
    Stop,
    /// [`Verb::Restart`].
    Restart,
    /// [`Verb::Reload`].
    Reload,
    /// [`Verb::ResetFailed`].
    ResetFailed,
    /// [`Verb::Enable`].
    Enable,
    /// [`Verb::Disable`].
    Disable,
    /// [`Verb::Limits`].
    Limits,
}

impl UnitVerb {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Start,
        Self::Stop,
        Self::Restart,
        Self::Reload,
        Self::ResetFailed,
        Self::Enable,
        Self::Disable,
        Self::Limits,
    ];

    /// The word of the policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::ResetFailed => "reset-failed",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Limits => "limits",
        }
    }
}

impl Verb {
    /// The process, where it is about one.
    #[must_use]
    pub const fn process(&self) -> Option<ProcessIdentity> {
        match self {
            Self::Signal(it) => Some(it.process),
            Self::Renice(it) => Some(it.process),
            _ => None,
        }
    }

    /// The verb and the unit, where it is about one.
    #[must_use]
    pub const fn unit(&self) -> Option<(UnitVerb, &UnitName)> {
        Some(match self {
            Self::Signal(_) | Self::Renice(_) => return None,
            Self::Start(it) => (UnitVerb::Start, &it.unit),
            Self::Stop(it) => (UnitVerb::Stop, &it.unit),
            Self::Restart(it) => (UnitVerb::Restart, &it.unit),
            Self::Reload(it) => (UnitVerb::Reload, &it.unit),
            Self::ResetFailed(it) => (UnitVerb::ResetFailed, &it.unit),
            Self::Enable(it) => (UnitVerb::Enable, &it.unit),
            Self::Disable(it) => (UnitVerb::Disable, &it.unit),
            Self::Limits(it) => (UnitVerb::Limits, &it.unit),
        })
    }

    /// The verb for a unit; none for limits, which take more than that.
    #[must_use]
    pub fn of_unit(verb: UnitVerb, unit: UnitName) -> Option<Self> {
        let unit = Unit { unit };
        Some(match verb {
            UnitVerb::Start => Self::Start(unit),
            UnitVerb::Stop => Self::Stop(unit),
            UnitVerb::Restart => Self::Restart(unit),
            UnitVerb::Reload => Self::Reload(unit),
            UnitVerb::ResetFailed => Self::ResetFailed(unit),
            UnitVerb::Enable => Self::Enable(unit),
            UnitVerb::Disable => Self::Disable(unit),
            UnitVerb::Limits => return None,
        })
    }

    /// What is wrong with the arguments though each of them is right.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Signal(signal) => signal.check(),
            Self::Renice(renice) if !(-20..=19).contains(&renice.nice) => {
                Err("nice is between -20 and 19".to_owned())
            }
            Self::Limits(limits) => limits.check(),
            _ => Ok(()),
        }
    }
}

/// Arguments of [`Verb::Signal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalProcess {
    /// Which one.
    pub process: ProcessIdentity,
    /// Which signal.
    pub signal: SignalName,
    /// After so many seconds (1 to 30) a process that has not ended by TERM gets KILL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_after: Option<u8>,
}

impl SignalProcess {
    fn check(&self) -> Result<(), String> {
        match (self.signal, self.escalate_after) {
            (_, None) | (SignalName::Term, Some(1..=30)) => Ok(()),
            (SignalName::Term, Some(_)) => Err("escalate_after is between 1 and 30 s".to_owned()),
            _ => Err("escalate_after is for the signal TERM".to_owned()),
        }
    }
}

/// Arguments of [`Verb::Renice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReniceProcess {
    /// Which one.
    pub process: ProcessIdentity,
    /// The new value, from -20 (most processor time) to 19.
    pub nice: i8,
}

/// Arguments of verbs that take a unit alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Which one.
    pub unit: UnitName,
}

/// Arguments of [`Verb::Limits`]; at least one limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitLimits {
    /// Which service.
    pub unit: UnitName,
    /// Whether they outlive the next boot.
    #[serde(default)]
    pub persistent: bool,
    /// `MemoryMax=` in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<UnitLimit>,
    /// `MemoryHigh=` in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_high: Option<UnitLimit>,
    /// `CPUQuota=` in percent of one processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<UnitLimit>,
    /// `IOWeight=`, up to 10 000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_weight: Option<u64>,
    /// `TasksMax=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_max: Option<UnitLimit>,
}

/// The least that a service keeps: less, and it would be stopped by another name.
pub mod floors {
    /// `MemoryMax=` and `MemoryHigh=`, in bytes.
    pub const MEMORY: u64 = 32 << 20;
    /// `CPUQuota=`, in percent.
    pub const CPU_PERCENT: u64 = 5;
    /// `IOWeight=`.
    pub const IO_WEIGHT: u64 = 10;
    /// `TasksMax=`.
    pub const TASKS: u64 = 16;
}

/// The largest quota: more processors than any machine has.
const CPU_PERCENT_MAX: u64 = 1_000_000;
const IO_WEIGHT_MAX: u64 = 10_000;

impl UnitLimits {
    fn check(&self) -> Result<(), String> {
        if !self.unit.is_service() {
            return Err("limits are for services".to_owned());
        }
        let limits = [
            ("memory_max", self.memory_max, floors::MEMORY, u64::MAX - 1),
            (
                "memory_high",
                self.memory_high,
                floors::MEMORY,
                u64::MAX - 1,
            ),
            (
                "cpu_quota",
                self.cpu_quota,
                floors::CPU_PERCENT,
                CPU_PERCENT_MAX,
            ),
            (
                "io_weight",
                self.io_weight.map(UnitLimit::Of),
                floors::IO_WEIGHT,
                IO_WEIGHT_MAX,
            ),
            ("tasks_max", self.tasks_max, floors::TASKS, u64::MAX - 1),
        ];
        if limits.iter().all(|(_, limit, ..)| limit.is_none()) {
            return Err("name at least one limit".to_owned());
        }
        for (name, limit, least, most) in limits {
            match limit {
                Some(UnitLimit::Of(value)) if value < least => {
                    return Err(format!("{name} is at least {least}"));
                }
                Some(UnitLimit::Of(value)) if value > most => {
                    return Err(format!("{name} is at most {most}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
