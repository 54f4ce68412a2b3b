//! The one error type of HTTP handlers, and how it becomes a response.
//!
//! What clients see is in [`ApiError`]; the cause of an internal error is logged here, once, and
//! never sent. The edge layer adds the request id and the common headers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::host::HostProblem;
use super::journal::JournalError;
use linux_api_auth::hash::HashError;
use linux_api_auth::identity::Denial;
use linux_api_auth::key::NoRandomness;
use linux_api_auth::verifier::KeyRejection;
use linux_api_host::units::UnitsUnavailable;
use linux_api_store::{Refusal, StoreError};
use linux_api_wire::api::problem::{FieldProblem, Problem};
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::user::Role;

/// Media type of every error body.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// When to come back after an overload or an outage, in seconds.
const RETRY_SOON: u32 = 1;
/// When to come back for what ends when someone else leaves, in seconds.
const RETRY_LATER: u32 = 10;

/// Why a request failed.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldProblem>,
    retry_after: Option<u32>,
    /// What was to be changed, where the path does not say it: `user:ID`.
    target: Option<String>,
    /// A rule of the store refused this and wrote that into the audit log, or an act was begun, whose outcome
    /// comes there; what is refused before, the edge writes there.
    audited: bool,
    /// What the log says of it, but not for each request: all fail alike while it lasts.
    cause: Option<Box<str>>,
}

impl ApiError {
    /// An error with this status, a stable word for programs, and a sentence for people.
    #[must_use]
    pub fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            target: None,
            audited: false,
            cause: None,
        }
    }

    fn caused_by(mut self, cause: String) -> Self {
        self.cause = Some(cause.into_boxed_str());
        self
    }

    /// What the log should say once in a while.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// A rule of the store refused this.
    pub fn refused(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(status, code, detail).audited()
    }

    /// What was to be changed, where the path does not say it.
    pub(crate) fn about(mut self, target: String) -> Self {
        self.target = Some(target);
        self
    }

    pub(crate) fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// The audit log has this, or will have it: no other row is written for it.
    pub(crate) fn audited(mut self) -> Self {
        self.audited = true;
        self
    }

    pub(crate) fn is_audited(&self) -> bool {
        self.audited
    }

    /// Why, in the words of the response; its code where the words depend on the route.
    pub(crate) fn reason(&self) -> &str {
        if self.detail.is_empty() {
            self.code
        } else {
            &self.detail
        }
    }

    /// The stable word for programs.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The status of its response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn retrying(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Fields of a request that are wrong; the detail names the first.
    pub(crate) fn invalid(errors: Vec<FieldProblem>) -> Self {
        let detail = errors.first().map_or_else(
            || "The request is invalid.".to_owned(),
            |first| format!("{}: {}", first.location.join("."), first.message),
        );
        let mut error = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
            detail,
        );
        error.errors = errors;
        error
    }

    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal server error; the daemon's log says more.",
        )
    }

    pub(crate) fn key_missing() -> Self {
        let detail = "API key value can not be empty";
        Self::new(StatusCode::UNAUTHORIZED, "key_missing", detail)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not Found")
    }

    pub(crate) fn host_unknown() -> Self {
        let detail = "No host of this database has that id or name; GET /api/v1/fleet/hosts lists \
                      them.";
        Self::new(StatusCode::NOT_FOUND, "host_unknown", detail)
    }

    /// The caller is limited to hosts with other labels than those of this one.
    pub(crate) fn other_host(
        name: &str,
        hosts: &HostSelector,
        here: &BTreeMap<String, String>,
    ) -> Self {
        let named: Vec<String> = here
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let here = if named.is_empty() {
            "has no labels".to_owned()
        } else {
            format!("has {}", named.join(","))
        };
        let detail =
            format!("{name}, or its key, is limited to hosts with {hosts}; this host {here}.");
        Self::new(StatusCode::FORBIDDEN, "host_not_allowed", detail)
    }

    pub(crate) fn user_not_found() -> Self {
        let detail = "User with this user_id not found.";
        Self::refused(StatusCode::NOT_FOUND, "user_not_found", detail)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "Method Not Allowed",
        )
    }

    pub(crate) fn body_too_large() -> Self {
        let detail = "The body is larger than 1 MiB.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    pub(crate) fn body_too_slow() -> Self {
        let detail = "The body did not arrive in time.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail)
    }

    pub(crate) fn uri_too_long() -> Self {
        let detail = "The URI is longer than 8 KiB.";
        Self::new(StatusCode::URI_TOO_LONG, "uri_too_long", detail)
    }

    pub(crate) fn head_too_large() -> Self {
        let detail = "The head of the request is larger than 16 KiB, or has more than 64 headers.";
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "head_too_large",
            detail,
        )
    }

    pub(crate) fn head_unreadable() -> Self {
        let detail = "The head of the request is no HTTP/1.1 that can be read.";
        Self::new(StatusCode::BAD_REQUEST, "request_malformed", detail)
    }

    pub(crate) fn rate_limited(limit: String, retry_after: u32) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", limit).retrying(retry_after)
    }

    pub(crate) fn route_disabled(reason: String, retry_after: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "route_disabled", reason).retrying(retry_after)
    }

    pub(crate) fn timed_out() -> Self {
        let detail = "The request took too long.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail).retrying(RETRY_SOON)
    }

    pub(crate) fn panicked() -> Self {
        Self::internal(&"a handler panicked")
    }

    pub(crate) fn host_unreadable(cause: &dyn std::fmt::Display) -> Self {
        tracing::warn!(%cause, "could not read the host");
        let detail = "The host's data could not be read; the daemon's log says why.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "host_unreadable", detail).retrying(RETRY_SOON)
    }

    pub(crate) fn unread_memory_full() -> Self {
        let detail = "Clients leave too many large responses unread.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retrying(RETRY_SOON)
    }

    pub(crate) fn load_not_ready() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "load_not_ready",
            "LoadMonitor not ready",
        )
        .retrying(RETRY_SOON)
    }

    pub(crate) fn snapshot_not_ready() -> Self {
        let detail = "The host has not been read yet.";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "snapshot_not_ready",
            detail,
        )
        .retrying(RETRY_SOON)
    }

    pub(crate) fn too_many_streams_of_key() -> Self {
        let detail = "This key has as many streams open as one key may.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail).retrying(RETRY_LATER)
    }

    pub(crate) fn too_many_streams() -> Self {
        let detail = "The daemon has as many streams open as it may.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", detail).retrying(RETRY_LATER)
    }

    /// The whole body, once the route and the request's id are known. `key_refused` is what old routes
    /// say of a key that is not accepted.
    pub(crate) fn into_problem(
        self,
        template: Option<&str>,
        key_refused: Option<&'static str>,
        request_id: &str,
    ) -> Problem {
        let is_refused_key = self.status == StatusCode::UNAUTHORIZED
            && matches!(self.code, "key_missing" | "key_invalid");
        let detail = match (
            self.code,
            key_refused.filter(|_| is_refused_key && template.is_some()),
        ) {
            (_, Some(text)) => text.into(),
            ("database_unavailable", _) => Cow::Borrowed(database_text(template)),
            _ => self.detail,
        };
        Problem {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: detail.into_owned(),
            code: self.code.to_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors,
        }
    }
}

/// What older clients expect each part of the API to say about a database that is away.
fn database_text(template: Option<&str>) -> &'static str {
    match template {
        Some(path) if path.starts_with("/api/v1/user") => "UserDatabase not ready",
        Some(path) if path.starts_with("/api/v1/admin") => "Userdatabase not ready",
        Some(path) if path.starts_with("/api/v1/metrics") => "MetricDatabase not ready",
        _ => "Database not ready",
    }
}

/// The headers go out at once; the body waits in the response's extensions for the request id.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"linux-api\""),
            );
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            // As if the request had come in only now.
            StoreError::Refused(Refusal::ActorEnded) => Self::from(KeyRejection::Invalid).audited(),
            StoreError::Refused(Refusal::ActorDenied(denied)) => Self::from(denied).audited(),
            StoreError::Refused(Refusal::ScopesExceeded) => {
                let detail = "The key in use is narrowed to fewer scopes than that.";
                Self::refused(StatusCode::FORBIDDEN, "scope_exceeded", detail)
            }
            StoreError::Refused(Refusal::HostsExceeded) => {
                let detail = "The caller is limited to fewer hosts than that.";
                Self::refused(StatusCode::FORBIDDEN, "hosts_exceeded", detail)
            }
            StoreError::AdminRequired(_) => {
                let detail = "The database account of this daemon may not change users, keys or \
                              settings: send the request to a daemon with database.admin_url, or use \
                              `linux-api user` on its host.";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "admin_database_required",
                    detail,
                )
            }
            // Handlers give the refusals that they expect their own texts.
            StoreError::Refused(refusal) => {
                Self::refused(StatusCode::CONFLICT, "refused", refusal.to_string())
            }
            error @ StoreError::Full(_) => {
                let detail = "The database has no room left.";
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", detail)
                    .caused_by(error.to_string())
            }
            error if error.is_outage() => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", "")
                    .retrying(RETRY_SOON)
                    .caused_by(error.to_string())
            }
            error => Self::internal(&error),
        }
    }
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => KeyRejection::Busy.into(),
            HashError::Failed(cause) => Self::internal(&cause),
        }
    }
}

impl From<UnitsUnavailable> for ApiError {
    fn from(error: UnitsUnavailable) -> Self {
        // No full stop: many reasons end with a command.
        let detail = format!("The units can't be read: {error}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "units_unavailable", detail)
            .retrying(RETRY_LATER)
    }
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Unavailable(reason) => {
                let detail = format!("The journal can't be read: {reason}");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "logs_unavailable", detail)
                    .retrying(RETRY_LATER)
            }
            JournalError::Busy => {
                let detail = "As many clients read the journal as may at once.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retrying(RETRY_SOON)
            }
            JournalError::Invalid(field, message) => Self::invalid(vec![FieldProblem {
                location: vec!["query".to_owned(), field.to_owned()],
                message,
            }]),
        }
    }
}

impl From<NoRandomness> for ApiError {
    fn from(error: NoRandomness) -> Self {
        Self::internal(&error)
    }
}

impl From<KeyRejection> for ApiError {
    fn from(rejected: KeyRejection) -> Self {
        match rejected {
            KeyRejection::Invalid => {
                Self::new(StatusCode::UNAUTHORIZED, "key_invalid", "Unauthorized")
            }
            KeyRejection::Busy => {
                let detail = "Too many keys are being checked.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retrying(RETRY_SOON)
            }
            KeyRejection::Later(seconds) => {
                let detail = "Too many old keys were checked; try again later.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retrying(seconds)
            }
            KeyRejection::Unavailable => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", "")
                    .retrying(RETRY_SOON)
            }
        }
    }
}

impl From<HostProblem> for ApiError {
    fn from(problem: HostProblem) -> Self {
        match problem {
            HostProblem::Malformed => {
                let detail = "Invalid host header";
                Self::new(StatusCode::BAD_REQUEST, "host_invalid", detail)
            }
            HostProblem::Foreign => {
                let detail = "This daemon does not accept that host name; see server.hosts.";
                Self::new(StatusCode::MISDIRECTED_REQUEST, "host_foreign", detail)
            }
        }
    }
}

impl From<Denial> for ApiError {
    fn from(denied: Denial) -> Self {
        let code = match denied {
            Denial::Role(Role::Admin) => "admin_required",
            Denial::Role(_) => "role_required",
            Denial::Inactive => "user_inactive",
            Denial::Scope(_) => "scope_missing",
            Denial::Host => "host_not_allowed",
        };
        let detail = match denied.remedy("USER") {
            Some(remedy) => format!("{denied}; an admin changes that by: {remedy}"),
            None => denied.to_string(),
        };
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }
}
