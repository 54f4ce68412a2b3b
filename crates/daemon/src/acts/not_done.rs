//! Why an act was not done, as clients see it.

use axum::http::StatusCode;

use crate::error::ApiError;
use linux_api_acts::client::CallError;
use linux_api_acts::protocol::{
    Failure, FailureCode, Outcome, Refusal, RefusalCode, Response, Verb,
};
use linux_api_wire::api::acts::{ActOutcome, ProcessActResult};
use linux_api_wire::api::problem::FieldProblem;

/// When to come back to an executor that is starting, in seconds.
const RETRY: u32 = 5;

/// Why an act was not done.
#[derive(Debug)]
pub(crate) struct NotDone {
    outcome: ActOutcome,
    /// Boxed: every result of an act has room for it.
    error: Box<ApiError>,
    message: String,
    remedy: Option<String>,
}

impl NotDone {
    fn new(outcome: ActOutcome, status: StatusCode, code: &'static str, message: String) -> Self {
        Self {
            outcome,
            error: Box::new(ApiError::new(status, code, message.clone())),
            message,
            remedy: None,
        }
    }

    /// A body, a path or a header that names no act.
    pub(crate) fn arguments(message: String) -> Self {
        Self {
            outcome: ActOutcome::Refused,
            error: Box::new(ApiError::invalid(vec![FieldProblem {
                location: vec!["body".to_owned()],
                message: message.clone(),
            }])),
            message,
            remedy: None,
        }
    }

    fn with_remedy(mut self, remedy: Option<String>) -> Self {
        if let Some(remedy) = &remedy {
            let (status, code) = (self.error.status(), self.error.code());
            let detail = format!("{}; to change that: {remedy}", self.message);
            *self.error = ApiError::new(status, code, detail);
        }
        self.remedy = remedy;
        self
    }

    fn retrying(mut self, seconds: u32) -> Self {
        *self.error = self.error.clone().retrying(seconds);
        self
    }

    /// What the executor responded, which is not that it was done.
    pub(super) fn by_response(response: Response, verb: &Verb) -> Self {
        let not_done = match response.outcome {
            Outcome::Refused(refusal) => refused(refusal),
            Outcome::Failed(failure) => failed(failure, verb),
            Outcome::Done(_) => Self::from(ApiError::internal(&"an act was done and was not")),
        };
        if response.begun || response.replayed {
            not_done.recorded()
        } else {
            not_done
        }
    }

    /// It has an outcome of its own in the audit log.
    fn recorded(mut self) -> Self {
        *self.error = self.error.clone().audited();
        self
    }

    /// As one of several results.
    pub(crate) fn into_result(self, pid: u32, start_ticks: u64) -> ProcessActResult {
        ProcessActResult {
            pid,
            start_ticks,
            outcome: self.outcome,
            ended: None,
            killed: None,
            nice_before: None,
            code: Some(self.error.code().to_owned()),
            message: Some(self.message),
            remedy: self.remedy,
        }
    }

    /// Whether the edge would note it in the audit log, were it the response.
    pub(crate) fn is_refusal(&self) -> bool {
        !self.error.is_audited() && !self.error.status().is_server_error()
    }

    /// The reason, for the audit log.
    pub(crate) fn reason(&self) -> &str {
        self.error.reason()
    }
}

impl From<ApiError> for NotDone {
    fn from(error: ApiError) -> Self {
        Self {
            outcome: ActOutcome::Refused,
            message: error.reason().to_owned(),
            remedy: None,
            error: Box::new(error),
        }
    }
}

impl From<NotDone> for ApiError {
    fn from(not_done: NotDone) -> Self {
        *not_done.error
    }
}

fn refused(refusal: Refusal) -> NotDone {
    let new = |status, code, message| NotDone::new(ActOutcome::Refused, status, code, message);
    let message = match &refusal.rule {
        Some(rule) => format!("{} ({rule})", refusal.message),
        None => refusal.message,
    };
    match refusal.code {
        RefusalCode::Policy | RefusalCode::Closed => {
            let not_allowed = new(StatusCode::FORBIDDEN, "not_allowed_by_policy", message);
            not_allowed.with_remedy(refusal.remedy)
        }
        RefusalCode::Rate => {
            let limited = new(StatusCode::TOO_MANY_REQUESTS, "act_rate_exceeded", message);
            let limited = limited.with_remedy(refusal.remedy);
            limited.retrying(refusal.retry_after.unwrap_or(60))
        }
        RefusalCode::IdReused => new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            message,
        ),
        RefusalCode::Invalid => NotDone::arguments(message),
        RefusalCode::Log | RefusalCode::Expired | RefusalCode::Malformed | RefusalCode::Peer => {
            let away = new(
                StatusCode::SERVICE_UNAVAILABLE,
                "executor_unavailable",
                message,
            );
            away.retrying(RETRY)
        }
    }
}

fn failed(failure: Failure, verb: &Verb) -> NotDone {
    let new = |status, code| NotDone::new(ActOutcome::Failed, status, code, failure.message);
    let is_unit = verb.unit().is_some();
    match failure.code {
        FailureCode::Gone if is_unit => new(StatusCode::NOT_FOUND, "unit_not_found"),
        FailureCode::Gone => new(StatusCode::CONFLICT, "process_gone"),
        FailureCode::Unavailable if is_unit => {
            new(StatusCode::SERVICE_UNAVAILABLE, "units_unavailable").retrying(RETRY)
        }
        FailureCode::Unavailable => new(StatusCode::NOT_IMPLEMENTED, "actions_unavailable"),
        FailureCode::System => new(StatusCode::CONFLICT, "act_failed"),
        FailureCode::Unknown => new(StatusCode::CONFLICT, "act_outcome_unknown"),
    }
}

/// The command that changes why there is no executor.
pub(super) fn remedy(error: &CallError) -> Option<&'static str> {
    match error {
        CallError::Absent { remedy, .. } => Some(remedy),
        CallError::Refused(_) => Some("sudo systemctl restart linux-api linux-api-executor.socket"),
        _ => None,
    }
}

impl From<CallError> for NotDone {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        let new = |status, code| Self::new(ActOutcome::Failed, status, code, message);
        let not_done = match &error {
            CallError::Absent { .. } | CallError::Refused(_) => {
                let none = new(StatusCode::NOT_IMPLEMENTED, "actions_unavailable");
                none.with_remedy(remedy(&error).map(str::to_owned))
            }
            CallError::Unreached(_) | CallError::Malformed(_) => {
                new(StatusCode::SERVICE_UNAVAILABLE, "executor_unavailable").retrying(RETRY)
            }
            CallError::Lost(_) => new(StatusCode::CONFLICT, "act_outcome_unknown"),
        };
        not_done.recorded()
    }
}
