//! Headers that every answer carries.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::limiter::Standing;

/// Answers are data, to be shown in no frame and to run nothing.
const CONTENT_SECURITY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The documentation's page runs its own scripts and asks this daemon, nothing else. Swagger UI
/// sets styles on its elements and draws its pictures from data URLs.
pub(crate) const DOCS_CONTENT_SECURITY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; \
     frame-ancestors 'none'",
);

pub(crate) fn set_common(headers: &mut HeaderMap, request_id: &str) {
    const X_API_VERSION: HeaderName = HeaderName::from_static("x-api-version");
    const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    // These and what the caller may still send, so that the map grows once.
    headers.reserve(13);
    headers.insert(X_API_VERSION, HeaderValue::from_static("v1"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // Browsers go by the policy below; scanners and browsers of long ago look for this one.
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(CONTENT_SECURITY);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache, must-revalidate, proxy-revalidate"),
    );
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("0"));
    headers
        .entry(header::VARY)
        .or_insert(HeaderValue::from_static("Origin"));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
}

/// What the client may still send.
pub(super) fn set_standing(headers: &mut HeaderMap, standing: Standing) {
    const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
    const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
    headers.insert(RATE_LIMIT_POLICY, standing.policy);
    headers.insert(RATE_LIMIT, standing.state);
}
