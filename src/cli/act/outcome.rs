//! What became of each act, as rows.

use serde::Serialize;

use crate::cli::exit::{self, FAILED, NOT_ALLOWED, NOT_REACHED};
use crate::cli::hosts::HostError;
use crate::cli::rows::{Cell, Column, Listing, Tone};
use linux_api_client::error::ClientError;
use linux_api_wire::api::acts::{ActOutcome, ProcessActResult, ProcessIdentity, UnitActResult};

/// How an act ended, or why there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It was done.
    Done,
    /// It would be done: only the plan was requested.
    Planned,
    /// It failed, or what it is about is not there.
    Failed,
    /// The host does not allow it.
    NotAllowed,
    /// The host was not reached, or not in time: it may have been done.
    NotReached,
    /// It was not begun, because others failed before.
    NotBegun,
}

impl Outcome {
    /// That of a request that failed.
    pub(super) fn of(error: &HostError) -> Self {
        if let HostError::Client(ClientError::Refused { code, .. }) = error
            && code == "actions_unavailable"
        {
            return Self::NotAllowed;
        }
        match exit::of_host(error) {
            NOT_ALLOWED => Self::NotAllowed,
            NOT_REACHED => Self::NotReached,
            _ => Self::Failed,
        }
    }

    const fn in_words(self) -> (&'static str, Tone) {
        match self {
            Self::Done => ("done", Tone::Good),
            Self::Planned => ("would be done", Tone::Plain),
            Self::Failed => ("failed", Tone::Bad),
            Self::NotAllowed => ("not allowed", Tone::Bad),
            Self::NotReached => ("not reached", Tone::Bad),
            Self::NotBegun => ("not begun", Tone::Warn),
        }
    }
}

impl From<ActOutcome> for Outcome {
    fn from(outcome: ActOutcome) -> Self {
        match outcome {
            ActOutcome::Done => Self::Done,
            ActOutcome::Refused => Self::NotAllowed,
            ActOutcome::Failed => Self::Failed,
        }
    }
}

/// One act on one host.
#[derive(Debug, Serialize)]
pub(super) struct ActRow {
    /// What is done, in the word of the command.
    pub(super) verb: String,
    /// `PID@START`, or the name of a unit.
    pub(super) target: String,
    /// What is known of the target, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) about: String,
    /// None until it has ended.
    pub(super) outcome: Option<Outcome>,
    code: Option<String>,
    pub(super) message: Option<String>,
    remedy: Option<String>,
    /// Of a process: which one.
    #[serde(skip)]
    pub(super) process: Option<ProcessIdentity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ActResult>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ActResult {
    Process(ProcessActResult),
    Unit(UnitActResult),
}

impl ActRow {
    /// An act that is to be done.
    pub(super) fn new(verb: &str, target: String) -> Self {
        Self {
            verb: verb.to_owned(),
            target,
            about: String::new(),
            outcome: None,
            code: None,
            message: None,
            remedy: None,
            process: None,
            result: None,
        }
    }

    /// Whether it is to be done.
    pub(super) const fn is_open(&self) -> bool {
        self.outcome.is_none()
    }

    /// The same one, which a request failed for.
    pub(super) fn ended(mut self, outcome: Outcome, error: &HostError) -> Self {
        self.fail(outcome, error);
        self
    }

    /// Notes that a request for it failed.
    pub(super) fn fail(&mut self, outcome: Outcome, error: &HostError) {
        self.outcome = Some(outcome);
        self.message = Some(error.in_short());
        if let HostError::Client(ClientError::Refused { code, .. }) = error {
            self.code = Some(code.clone()).filter(|code| !code.is_empty());
        }
        if outcome == Outcome::NotReached {
            self.remedy = error.advice().map(str::to_owned);
        }
    }

    /// Notes why it can't be done.
    pub(super) fn refuse(
        &mut self,
        outcome: Outcome,
        code: &str,
        message: String,
        remedy: Option<String>,
    ) {
        self.outcome = Some(outcome);
        self.code = Some(code.to_owned());
        self.message = Some(message);
        self.remedy = remedy;
    }

    /// Notes what became of it.
    pub(super) fn end_process(&mut self, result: ProcessActResult) {
        self.outcome = Some(result.outcome.into());
        self.code.clone_from(&result.code);
        self.remedy.clone_from(&result.remedy);
        self.message = result.message.clone().or_else(|| {
            Some(match (result.killed, result.ended, result.nice_before) {
                (Some(true), ..) => "it ended by KILL".to_owned(),
                (_, Some(true), _) => "it has ended".to_owned(),
                (_, Some(false), _) => "sent; it goes on".to_owned(),
                (.., Some(before)) => format!("it was {before} before"),
                _ => return None,
            })
        });
        self.result = Some(ActResult::Process(result));
    }

    /// Notes what became of it.
    pub(super) fn end_unit(&mut self, result: UnitActResult) {
        let is_done = result.succeeded();
        self.outcome = Some(if is_done {
            Outcome::Done
        } else {
            Outcome::Failed
        });
        self.message = Some(unit_in_words(&result));
        self.result = Some(ActResult::Unit(result));
    }

    /// Notes that it was not begun.
    pub(super) fn not_begun(&mut self, reason: &str) {
        if self.is_open() {
            self.outcome = Some(Outcome::NotBegun);
            self.message = Some(reason.to_owned());
        }
    }

    /// Notes that only the plan was requested.
    pub(super) fn would_be_done(&mut self) {
        if self.is_open() {
            self.outcome = Some(Outcome::Planned);
        }
    }

    /// The target for people.
    pub(super) fn in_words(&self) -> String {
        if self.about.is_empty() {
            return self.target.clone();
        }
        format!("{} ({})", self.target, self.about)
    }

    /// Whether it can be done, and why not.
    pub(super) fn verdict(&self) -> String {
        match self.outcome {
            None => "possible".to_owned(),
            Some(outcome) => format!("{}: {}", outcome.in_words().0, self.detail()),
        }
    }

    fn detail(&self) -> String {
        let parts = self.message.iter().chain(&self.remedy);
        let parts: Vec<&str> = parts.map(String::as_str).collect();
        parts.join("; ")
    }

    /// The exit code for it.
    pub(super) const fn exit_code(&self) -> u8 {
        match self.outcome {
            Some(Outcome::Done | Outcome::Planned) => 0,
            Some(Outcome::NotAllowed) => NOT_ALLOWED,
            Some(Outcome::NotReached) => NOT_REACHED,
            Some(Outcome::Failed | Outcome::NotBegun) | None => FAILED,
        }
    }
}

/// The state after an act, and the last log line where that says why it failed.
fn unit_in_words(result: &UnitActResult) -> String {
    let mut parts = Vec::new();
    match result.job.as_deref() {
        None | Some("done") => {}
        Some(job) => parts.push(format!("job {job}")),
    }
    if result.pending {
        parts.push("the job goes on".to_owned());
    }
    if !result.active.is_empty() {
        parts.push(format!("{} ({})", result.active, result.sub));
    }
    if let Some(code) = result.exit_code.filter(|code| *code != 0) {
        parts.push(format!("exit code {code}"));
    }
    if let Some(signal) = result.exit_signal {
        parts.push(format!("signal {signal}"));
    }
    if !result.succeeded()
        && let Some(line) = result.log.last()
    {
        parts.push(line.message.clone());
    }
    parts.join(", ")
}

/// How rows are shown.
pub(super) fn listing() -> Listing<ActRow> {
    Listing {
        columns: vec![
            Column::text("ACT", |row: &ActRow| row.verb.as_str().into()),
            Column::text("TARGET", |row| row.target.as_str().into()),
            Column::long("ABOUT", |row| row.about.as_str().into()),
            Column::text("RESULT", |row| match row.outcome {
                Some(outcome) => {
                    let (text, tone) = outcome.in_words();
                    Cell::new(text, tone)
                }
                None => Cell::default(),
            }),
            Column::text("DETAIL", |row| row.detail().into()),
        ],
        name: |row| row.target.clone(),
        empty: "nothing to do".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> HostError {
        HostError::Client(ClientError::Refused {
            address: "http://a".to_owned(),
            status,
            code: code.to_owned(),
            detail: "no".to_owned(),
            retry_after: None,
        })
    }

    #[test]
    fn each_refusal_has_its_outcome_and_exit_code() {
        for (status, code, expected, exit) in [
            (403, "not_allowed_by_policy", Outcome::NotAllowed, 3),
            (501, "actions_unavailable", Outcome::NotAllowed, 3),
            (401, "key_invalid", Outcome::NotAllowed, 3),
            (404, "unit_not_found", Outcome::Failed, 1),
            (409, "process_gone", Outcome::Failed, 1),
            (429, "act_rate_exceeded", Outcome::Failed, 1),
        ] {
            let error = refused(status, code);
            let outcome = Outcome::of(&error);
            assert_eq!(outcome, expected, "{code}");
            let row = ActRow::new("stop", "a.service".to_owned()).ended(outcome, &error);
            assert_eq!(row.exit_code(), exit, "{code}");
        }
        let offline = HostError::Client(ClientError::Offline {
            address: "http://a".to_owned(),
            reason: "timed out".to_owned(),
        });
        assert_eq!(Outcome::of(&offline), Outcome::NotReached);
    }

    #[test]
    fn a_job_that_fails_is_a_failure_with_its_last_line() {
        let result = serde_json::json!({
            "unit": "a.service", "job": "failed", "pending": false, "active": "failed", "sub": "failed",
            "result": "exit-code", "exit_code": 1, "exit_signal": null,
            "log": [{"time": "2026-11-23T07:02:00Z", "priority": 3, "message": "no such file"}],
        });
        let mut row = ActRow::new("restart", "a.service".to_owned());
        row.end_unit(serde_json::from_value(result).unwrap());
        assert_eq!(row.exit_code(), FAILED);
        let detail = row.detail();
        assert_eq!(
            detail,
            "job failed, failed (failed), exit code 1, no such file"
        );
    }
}
