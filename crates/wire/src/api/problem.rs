//! Errors as clients see them: problem details of RFC 9457.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong with a request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "Requested user not found.",
    "code": "user_not_found",
    "request_id": "c0ffee12-1a"
}))]
pub struct Problem {
    /// Always `about:blank`: `code` distinguishes kinds.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What happened, for people.
    pub detail: String,
    /// What happened, for programs; never changes its meaning.
    pub code: String,
    /// Names the request in the daemon's log.
    pub request_id: String,
    /// The fields that were wrong, on 422.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// One field of a request that was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "location": ["query", "limit"],
    "message": "Input should be less than or equal to 100"
}))]
pub struct FieldProblem {
    /// `path`, `query` or `body`, then the field's name.
    pub location: Vec<String>,
    /// What is wrong with it.
    pub message: String,
}
