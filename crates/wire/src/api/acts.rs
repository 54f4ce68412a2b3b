//! Acts on a host on the wire: what is requested of one, and what became of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::units::UnitLogLine;

/// The signals that can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SignalName {
    /// Reload, or end.
    Hup,
    /// Interrupt.
    Int,
    /// End with a core dump.
    Quit,
    /// End at once.
    Kill,
    /// The program's own.
    Usr1,
    /// The program's own.
    Usr2,
    /// End.
    Term,
    /// Continue.
    Cont,
    /// Halt.
    Stop,
}

impl SignalName {
    /// All of them, the ones that people need first at the front.
    pub const ALL: [Self; 9] = [
        Self::Term,
        Self::Kill,
        Self::Hup,
        Self::Int,
        Self::Quit,
        Self::Usr1,
        Self::Usr2,
        Self::Stop,
        Self::Cont,
    ];

    /// Its name on the wire, without `SIG`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hup => "HUP",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
            Self::Term => "TERM",
            Self::Cont => "CONT",
            Self::Stop => "STOP",
        }
    }

    /// What a process does that has no other mind.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Hup => "reload, or end",
            Self::Int => "interrupt",
            Self::Quit => "end with a core dump",
            Self::Kill => "end at once",
            Self::Usr1 | Self::Usr2 => "the program's own",
            Self::Term => "end",
            Self::Cont => "continue",
            Self::Stop => "halt",
        }
    }

    /// The signal of that name, in any case and with or without `SIG`.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        Self::ALL.into_iter().find(|signal| signal.as_str() == name)
    }
}

/// A process, named so that no other can be meant: the kernel gives the number of a process that has ended to
/// another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessIdentity {
    /// Its number.
    pub pid: u32,
    /// When it started, in ticks of the kernel since the boot, as `start_ticks` of the list has it.
    pub start_ticks: u64,
}

/// A signal for one process, whose number is in the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"signal": "TERM", "start_ticks": 81_234, "escalate_after": 10}))]
pub struct SendSignal {
    /// Which signal.
    pub signal: SignalName,
    /// When the process started, in ticks of the kernel since the boot: another process with the same number is
    /// left alone.
    pub start_ticks: u64,
    /// After so many seconds a process that has not ended by TERM gets KILL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 30)]
    pub escalate_after: Option<u8>,
}

/// A signal for several processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"signal": "TERM", "processes": [{"pid": 4711, "start_ticks": 81_234}]}))]
pub struct SendSignals {
    /// Which signal.
    pub signal: SignalName,
    /// Which processes, 1 to 100.
    #[schema(min_items = 1, max_items = 100)]
    pub processes: Vec<ProcessIdentity>,
    /// After so many seconds a process that has not ended by TERM gets KILL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 30)]
    pub escalate_after: Option<u8>,
}

/// A nice value for one process, whose number is in the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"nice": 10, "start_ticks": 81_234}))]
pub struct SetNice {
    /// The new value.
    #[schema(minimum = -20, maximum = 19)]
    pub nice: i8,
    /// When the process started, see [`ProcessIdentity`].
    pub start_ticks: u64,
}

/// A nice value for several processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"nice": 10, "processes": [{"pid": 4711, "start_ticks": 81_234}]}))]
pub struct SetNices {
    /// The new value.
    #[schema(minimum = -20, maximum = 19)]
    pub nice: i8,
    /// Which processes, 1 to 100.
    #[schema(min_items = 1, max_items = 100)]
    pub processes: Vec<ProcessIdentity>,
}

/// What became of an act on a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "pid": 4711, "start_ticks": 81_234, "outcome": "done", "ended": true, "killed": false, "code": null,
    "message": null, "remedy": null, "nice_before": null
}))]
pub struct ProcessActResult {
    /// Its number.
    pub pid: u32,
    /// When it started, see [`ProcessIdentity`].
    pub start_ticks: u64,
    /// What became of it.
    pub outcome: ActOutcome,
    /// Whether the process had ended when the response was made; null unless a signal was sent.
    pub ended: Option<bool>,
    /// Whether it got KILL after TERM; null unless a signal was sent.
    pub killed: Option<bool>,
    /// The nice value before; null unless it was changed.
    pub nice_before: Option<i32>,
    /// The code of the problem; null when it was done.
    pub code: Option<String>,
    /// What is so, for people; null when there is nothing to say.
    pub message: Option<String>,
    /// What would allow it, where something would.
    pub remedy: Option<String>,
}

/// Results of an act on several processes, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessActResults {
    /// One for each process.
    pub results: Vec<ProcessActResult>,
}

/// What became of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActOutcome {
    /// It was done.
    Done,
    /// It was refused before it began.
    Refused,
    /// It was begun and failed, or what it is about is not there.
    Failed,
}

/// What became of an act on a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "unit": "nginx.service", "job": "done", "pending": false, "active": "active", "sub": "running",
    "result": "success", "exit_code": null, "exit_signal": null, "log": []
}))]
pub struct UnitActResult {
    /// The canonical name of the unit.
    pub unit: String,
    /// The result of systemd's job: `done`, `failed`, `timeout`, `dependency`, `canceled` and rarer ones; null
    /// for verbs without a job, and while the job goes on.
    pub job: Option<String>,
    /// Whether the job goes on: it takes longer than a response may.
    pub pending: bool,
    /// The state now, such as `active`; empty when it can't be read.
    pub active: String,
    /// The detailed state now, such as `running`.
    pub sub: String,
    /// The result of a service, such as `success` or `exit-code`.
    pub result: Option<String>,
    /// The exit code of the main process that ended last.
    pub exit_code: Option<i32>,
    /// The number of the signal that ended it.
    pub exit_signal: Option<i32>,
    /// The last lines of the unit's log; empty without the scope `logs:read`.
    #[serde(default)]
    pub log: Vec<UnitLogLine>,
}

impl UnitActResult {
    /// Whether the act did what was requested, as far as is known.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        match self.job.as_deref() {
            None | Some("done" | "skipped") => self.active != "failed",
            Some(_) => false,
        }
    }
}

/// Limits for a service: those that are named are changed, at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"memory_max": 536_870_912_u64, "cpu_quota": 50}))]
pub struct SetUnitLimits {
    /// Whether they outlive the next boot.
    #[serde(default)]
    pub persistent: bool,
    /// `MemoryMax=` in bytes, at least 32 MiB, or `"infinity"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<UnitLimit>,
    /// `MemoryHigh=` in bytes, at least 32 MiB, or `"infinity"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_high: Option<UnitLimit>,
    /// `CPUQuota=` in percent of one processor, at least 5, or `"infinity"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<UnitLimit>,
    /// `IOWeight=`, 10 to 10 000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 10, maximum = 10_000)]
    pub io_weight: Option<u64>,
    /// `TasksMax=`, at least 16, or `"infinity"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_max: Option<UnitLimit>,
}

/// A limit, or none: a number, or `"infinity"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum UnitLimit {
    /// So much.
    Of(u64),
    /// No limit.
    Infinity(Infinity),
}

impl UnitLimit {
    /// No limit.
    pub const NONE: Self = Self::Infinity(Infinity::Infinity);
}

/// The word `infinity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Infinity {
    /// No limit.
    Infinity,
}

/// Whether this host can be acted on, and what the caller may have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "available": false, "reason": "nothing acts on this host: /run/linux-api-executor/executor.sock is not there",
    "remedy": "sudo systemctl enable --now linux-api-executor.socket", "units": false, "processes": false,
    "automatic": false
}))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts beside each other, no states"
)]
pub struct ActState {
    /// Whether there is an executor with a policy that allows something.
    pub available: bool,
    /// Why not.
    pub reason: Option<String>,
    /// The command that would change it.
    pub remedy: Option<String>,
    /// Whether the policy allows anything about units.
    pub units: bool,
    /// Whether the policy allows anything about processes.
    pub processes: bool,
    /// Whether rules of alerts with `restart` may restart units that the policy allows.
    #[serde(default)]
    pub automatic: bool,
}
