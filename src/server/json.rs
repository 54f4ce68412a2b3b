//! Answers as JSON.

use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::ApiError;

/// An answer of 200 with this as its body.
///
/// axum's own writes piece by piece into a shared buffer, where each of the many short pieces costs as
/// much as a long one; a list of processes takes a quarter less time this way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        respond(serde_json::to_vec(&self.0))
    }
}

/// An answer of 200 whose body was written before, for somebody else.
#[derive(Debug, Clone)]
pub(crate) struct WrittenJson(Bytes);

impl WrittenJson {
    pub(crate) fn new(value: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(value).map_err(|error| ApiError::internal(&error))?;
        Ok(Self(body.into()))
    }
}

impl IntoResponse for WrittenJson {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json)], self.0).into_response()
    }
}

/// Apart, so that it is there once and not for each type.
fn respond(body: serde_json::Result<Vec<u8>>) -> Response {
    match body {
        Ok(body) => {
            let json = HeaderValue::from_static("application/json");
            ([(header::CONTENT_TYPE, json)], body).into_response()
        }
        Err(error) => ApiError::internal(&error).into_response(),
    }
}
