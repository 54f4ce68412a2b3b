//! Answers as JSON.

use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::ApiError;

/// An answer of 200 with this as its body.
///
/// axum's own writes into a buffer that is made to be shared, where each of the many short pieces
/// costs more than in a plain one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        WrittenJson::new(&self.0).into_response()
    }
}

/// An answer of 200 whose body is written, to be given to any number of clients.
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
