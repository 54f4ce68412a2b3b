//! Requests to any path, for people who know the API: nothing of the response is interpreted.

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
pub use reqwest::{Method, StatusCode};

use super::error::ClientError;
use super::{Address, Client, body};

/// A request to any path.
#[derive(Debug, Clone)]
pub struct RawRequest<'a> {
    /// `GET`, `POST` and so on.
    pub method: Method,
    /// The path, which begins with a slash and has no query string.
    pub path: &'a str,
    /// The query string's fields.
    pub query: &'a [(String, String)],
    /// A body of JSON.
    pub json: Option<Vec<u8>>,
}

/// A response, whatever its status; the body has not been read yet.
#[derive(Debug)]
pub struct RawResponse {
    address: Address,
    response: reqwest::Response,
}

impl Client {
    /// Sends a request to any path. Only the response's head has a deadline: a stream goes on.
    ///
    /// # Errors
    /// When nothing responds, or not in time. A refusal is a response.
    pub async fn send_raw(&self, request: RawRequest<'_>) -> Result<RawResponse, ClientError> {
        let RawRequest {
            method,
            path,
            query,
            json,
        } = request;
        let mut builder = self.request(method, path).header(ACCEPT, "*/*");
        if !query.is_empty() {
            builder = builder.query(query);
        }
        if let Some(json) = json {
            builder = builder.header(CONTENT_TYPE, "application/json").body(json);
        }
        let deadline = self.timeout.unwrap_or(super::WRITE_TIMEOUT);
        let sent = tokio::time::timeout(deadline, self.execute(builder)).await;
        let response = match sent {
            Ok(sent) => sent?,
            Err(_) => {
                return Err(ClientError::Offline {
                    address: self.address.to_string(),
                    reason: "timed out".to_owned(),
                });
            }
        };
        Ok(RawResponse {
            address: self.address.clone(),
            response,
        })
    }
}

impl RawResponse {
    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Whether the body is JSON, by its type.
    #[must_use]
    pub fn is_json(&self) -> bool {
        let kind = self.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind == "application/json" || kind.ends_with("+json")
    }

    /// The next part of the body; `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let chunk = self.response.chunk().await;
        let chunk = chunk.map_err(|error| ClientError::of(&self.address, &error))?;
        Ok(chunk.map(Vec::from))
    }

    /// The whole body, within the client's bounds.
    ///
    /// # Errors
    /// When the connection breaks, or the body is too long.
    pub async fn bytes(self) -> Result<Vec<u8>, ClientError> {
        body::whole(&self.address, self.response).await
    }

    /// What a response other than 2xx says.
    pub async fn refusal(self) -> ClientError {
        body::refusal(&self.address, self.response).await
    }
}

/// The fields of a query string.
#[must_use]
pub fn parse_query(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

/// The cursor to the next page that a `Link` header has.
#[must_use]
pub fn next_in_link(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(reqwest::header::LINK)?.to_str().ok()?;
    super::calls::next_cursor(link)
}
