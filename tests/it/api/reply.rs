//! A response, and what tests check of it.

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

/// A whole response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The headers that every response carries, beside `X-Request-Id`.
pub(crate) const COMMON_HEADERS: [(&str, &str); 6] = [
    ("x-api-version", "v1"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    (
        "cache-control",
        "no-store, no-cache, must-revalidate, proxy-revalidate",
    ),
    ("pragma", "no-cache"),
    ("expires", "0"),
];

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON, whatever the status.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.text()))
    }

    /// The JSON body of a response with this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// A 204 has no body at all.
    #[track_caller]
    pub(crate) fn expect_nothing(&self) {
        assert_eq!((self.status, self.text()), (204, ""));
        assert_eq!(self.header("content-type"), None);
    }

    /// The response is a problem with this status, code and text, and its members say so.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str, detail: &str) -> Value {
        let body = self.expect_code(status, code);
        assert_eq!(body["detail"], detail);
        body
    }

    /// The response is a problem with this status and code.
    #[track_caller]
    pub(crate) fn expect_code(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        let kind = self.header("content-type");
        assert_eq!(kind, Some("application/problem+json"));
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["type"], "about:blank");
        assert_eq!(body["status"], status);
        let title = StatusCode::from_u16(status).unwrap().canonical_reason();
        assert_eq!(body["title"].as_str(), title);
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"));
        assert!(!body["detail"].as_str().unwrap().is_empty());
        let challenge = self.header("www-authenticate");
        assert_eq!(challenge.is_some(), status == 401, "{challenge:?}");
        body
    }

    /// The response is a 422 that names exactly these fields, with these messages.
    #[track_caller]
    pub(crate) fn expect_invalid(&self, problems: &[(&[&str], &str)]) {
        let body = self.expect_code(422, "validation_failed");
        let found = body["errors"].as_array().unwrap();
        let found: Vec<(Vec<&str>, &str)> = found
            .iter()
            .map(|error| {
                let location = error["location"].as_array().unwrap();
                let location = location.iter().map(|part| part.as_str().unwrap());
                (location.collect(), error["message"].as_str().unwrap())
            })
            .collect();
        let expected: Vec<(Vec<&str>, &str)> = problems
            .iter()
            .map(|(location, message)| (location.to_vec(), *message))
            .collect();
        assert_eq!(found, expected);
        let (location, message) = &expected[0];
        assert_eq!(
            body["detail"],
            format!("{}: {message}", location.join(".")),
            "the sentence names the first one"
        );
    }

    #[track_caller]
    pub(crate) fn expect_common_headers(&self) {
        for (name, value) in COMMON_HEADERS {
            assert_eq!(self.header(name), Some(value), "{name}");
        }
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()));
        let vary = self.header("vary").unwrap_or_default();
        assert!(vary.split(", ").any(|name| name == "Origin"), "{vary}");
    }
}

/// The names of an object's members, sorted.
#[track_caller]
pub(crate) fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object
        .as_object()
        .unwrap_or_else(|| panic!("an object: {object}"))
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}
