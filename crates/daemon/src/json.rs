//! Responses as JSON.

use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::ApiError;
use super::unread::{Shared, UnreadMemory};

/// A response with status 200 and this body.
///
/// axum's own writes into a buffer that is made to be shared, where each of the many short pieces
/// costs more than in a plain one.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match written(&self.0) {
            Ok(body) => of_json(body),
            Err(error) => error.into_response(),
        }
    }
}

/// A value as JSON, in no more memory than it takes.
fn written(value: &impl Serialize) -> Result<Bytes, ApiError> {
    let body = serde_json::to_vec(value).map_err(|error| ApiError::internal(&error))?;
    Ok(exactly(body))
}

/// A response of 200 with this JSON.
pub(crate) fn of_json(body: Bytes) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], body).into_response()
}

/// Bytes without the room that was left for more, which a slow client would hold as long as them.
pub(crate) fn exactly(mut bytes: Vec<u8>) -> Bytes {
    bytes.shrink_to_fit();
    bytes.into()
}

/// A response of 200 whose body is written, to be given to any number of clients.
#[derive(Debug, Clone)]
pub struct WrittenJson(Bytes);

impl WrittenJson {
    /// Writes the value; it takes its place in `unread` once, however many get it.
    pub(crate) fn new(value: &impl Serialize, unread: &UnreadMemory) -> Result<Self, ApiError> {
        Ok(Self(unread.hold(written(value)?)?))
    }
}

impl IntoResponse for WrittenJson {
    fn into_response(self) -> Response {
        let mut response = of_json(self.0);
        response.extensions_mut().insert(Shared);
        response
    }
}
