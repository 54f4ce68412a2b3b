//! Alerts: what fires, what changed, and what is done about it.

pub(crate) mod active;
pub(crate) mod brakes;
pub(crate) mod channels;
mod convert;
pub(crate) mod history;
mod instance;
pub(crate) mod preview;
pub(crate) mod rules;
pub(crate) mod silences;
mod view;

pub(crate) use view::{current, order};

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use linux_api_alerts::name::Name;
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::path_field;
use linux_api_wire::api::problem::FieldProblem;

/// The `{alert_id}` of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathAlert(Uuid);

/// The `{silence_id}` of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathSilence(Uuid);

/// The `{rule}` of the path.
#[derive(Debug, Clone)]
pub(crate) struct PathRule(Name);

/// The `{channel}` of the path.
#[derive(Debug, Clone)]
pub(crate) struct PathChannel(Name);

macro_rules! path_fields {
    ($($type:ident $field:literal),*) => {$(
        impl<A: Send + Sync> FromRequestParts<A> for $type {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &A) -> Result<Self, ApiError> {
                let text = path_field(parts, state, $field).await?;
                text.parse().map(Self).map_err(|error| wrong("path", $field, format!("{error}")))
            }
        }
    )*};
}
path_fields!(PathAlert "alert_id", PathSilence "silence_id", PathRule "rule", PathChannel "channel");

/// That one field of a request is wrong.
fn wrong(place: &str, field: &str, message: String) -> ApiError {
    ApiError::invalid(vec![FieldProblem {
        location: vec![place.to_owned(), field.to_owned()],
        message,
    }])
}

/// That there is no such thing, in words that say how to find those that there are.
fn missing(code: &'static str, detail: &'static str) -> ApiError {
    ApiError::refused(StatusCode::NOT_FOUND, code, detail)
}
