//! What the executor sends back. Unlike requests these may gain members: an older daemon reads past them.

use serde::{Deserialize, Serialize};

use super::{Actor, Verb};
use crate::names::Word;
use linux_api_wire::time::Timestamp;

/// What the executor sends back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Of [`Message::Act`](super::Message::Act).
    Act(Response),
    /// Of [`Message::Test`](super::Message::Test).
    Test(Outcome),
    /// Of [`Message::Status`](super::Message::Status).
    Status(Status),
    /// Of [`Message::Records`](super::Message::Records).
    Records(ActRecords),
    /// The message was none: what is wrong with it.
    Malformed(String),
}

/// Lines of the log about acts, oldest first, as many as fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActRecords {
    /// The lines.
    pub records: Vec<ActRecord>,
    /// The last line that was read, also when it is about no act: the next request begins after it.
    pub last: Option<Head>,
    /// Whether there are more after it.
    pub more: bool,
    /// Why the log can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A line of the log about an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActRecord {
    /// The line.
    pub line: Head,
    /// When it was written.
    pub time: Timestamp,
    /// The id of the request.
    pub id: Word,
    /// What was requested. Early lines about outcomes do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<RecordedAct>,
    /// What became of it; none when the act begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// An act as the log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAct {
    /// For whom, as the daemon claimed.
    pub claimed: Actor,
    /// What was to be done.
    pub verb: Verb,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// That of the request.
    pub id: Word,
    /// Whether this is the result of an earlier request with this id.
    pub replayed: bool,
    /// Whether this request was acted on, so that the log has what became of it.
    #[serde(default)]
    pub begun: bool,
    /// The last line of the log; none while it can't be written.
    pub head: Option<Head>,
    /// The result.
    pub outcome: Outcome,
}

/// A line of the log and its hash: kept elsewhere, it shows whether the log was changed later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of the line.
    pub seq: u64,
    /// SHA-256 of the line, in hexadecimal.
    pub hash: String,
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done; of a test: it would be.
    Done(Effect),
    /// It was not begun.
    Refused(Refusal),
    /// It was begun and failed, or what it is about is not there.
    Failed(Failure),
}

/// What an act did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A test: allowed by this.
    Allowed(Decision),
    /// A signal was sent.
    Signalled {
        /// Whether the process has ended since.
        ended: bool,
        /// Whether it got KILL after TERM.
        killed: bool,
        /// Why it did not get KILL though it was to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spared: Option<String>,
    },
    /// The nice value was changed.
    Reniced {
        /// The value before.
        from: i32,
        /// How many threads have the new one.
        threads: u32,
    },
    /// A unit was acted on.
    Unit {
        /// Its canonical name.
        unit: String,
        /// The result of systemd's job (`done`, `failed`, `timeout`, `dependency`, `canceled`, …); none
        /// for verbs without a job, and while the job goes on.
        job: Option<String>,
        /// Whether the job goes on: it takes longer than a response may.
        pending: bool,
        /// `ActiveState` now, such as `active`; empty when it can't be read.
        active: String,
        /// `SubState` now, such as `running`.
        sub: String,
        /// `Result` of a service, such as `success` or `exit-code`.
        result: Option<String>,
        /// The exit code of the main process that ended last.
        exit_code: Option<i32>,
        /// The number of the signal that ended it.
        exit_signal: Option<i32>,
    },
}

/// Whether an act is allowed, and what decided it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether it is.
    pub allowed: bool,
    /// What is so, for people.
    pub message: String,
    /// The line of the policy, or the built-in list, that decided.
    pub rule: String,
    /// What would allow it, where something would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Why an act was not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind of reason.
    pub code: RefusalCode,
    /// The reason, for people.
    pub message: String,
    /// The line or list that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What would allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// After how many seconds it can be requested again, where that helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// One without more than its reason.
    #[must_use]
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            rule: None,
            remedy: None,
            retry_after: None,
        }
    }
}

/// Kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The policy does not allow it.
    Policy,
    /// The policy can't be used, which closes everything.
    Closed,
    /// The log can't be written: what can't be recorded does not happen.
    Log,
    /// The arguments are out of range, or the request has a signature.
    Invalid,
    /// `not_after` has passed or lies too far ahead.
    Expired,
    /// The id was used for something else.
    IdReused,
    /// Too many acts.
    Rate,
    /// The message was no request.
    Malformed,
    /// The account may not connect.
    Peer,
}

/// Why an act failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind of reason.
    pub code: FailureCode,
    /// The reason, for people.
    pub message: String,
}

impl Failure {
    /// A failure.
    #[must_use]
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The process has ended, and its id may be another's; or there is no such unit.
    Gone,
    /// systemd does not respond, or the kernel lacks what it takes.
    Unavailable,
    /// The system refused it.
    System,
    /// Whether it happened is not known.
    Unknown,
}

/// Whether acts are possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The release of the executor.
    pub program: String,
    /// What the policy says.
    pub policy: PolicyState,
    /// The state of the log.
    pub log: LogState,
    /// Requests refused since the executor started.
    pub refused: u64,
}

/// What the policy says, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyState {
    /// It can't be used, which closes everything: why.
    Closed(String),
    /// It is in force.
    InForce {
        /// Whether it allows anything about units.
        units: bool,
        /// Whether it allows anything about processes.
        processes: bool,
        /// Acts in what time.
        rate: String,
        /// Whether rules of alerts may have units restarted.
        #[serde(default)]
        automatic: bool,
    },
}

/// The state of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogState {
    /// Its last line.
    pub head: Option<Head>,
    /// Why it can't be written, or that its chain is broken.
    pub problem: Option<String>,
    /// When the chain was last found whole.
    pub verified: Option<Timestamp>,
}
