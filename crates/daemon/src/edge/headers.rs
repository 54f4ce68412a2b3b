//! Headers that every response carries.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::limiter::Standing;

/// Responses are data, to be shown in no frame and to run nothing.
const CONTENT_SECURITY: &str = "default-src 'none'; frame-ancestors 'none'";
/// The documentation's page runs its own scripts and connects to this daemon, nothing else. Swagger UI
/// sets styles on its elements and loads its pictures from data URLs.
pub(crate) const DOCS_CONTENT_SECURITY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; \
     frame-ancestors 'none'",
);

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The common headers, copied for each response: to copy a map is cheaper than to hash and insert
/// its names one by one. What differs from response to response has its place already, so that
/// nothing moves when it is set.
static COMMON: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::with_capacity(24);
    let mut set = |name, value| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, "");
    set(header::CONTENT_LENGTH, "");
    set(HeaderName::from_static("x-api-version"), "v1");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Browsers go by the policy below; scanners and browsers of long ago look for this one.
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY);
    set(
        header::CACHE_CONTROL,
        "no-store, no-cache, must-revalidate, proxy-revalidate",
    );
    set(header::PRAGMA, "no-cache");
    set(header::EXPIRES, "0");
    set(header::VARY, "Origin");
    set(X_REQUEST_ID, "");
    set(RATE_LIMIT_POLICY, "");
    set(RATE_LIMIT, "");
    headers
});

/// Gives a response the common headers. Of those it has, only the content security policy and
/// `Vary` count more than these.
pub(crate) fn set_common(headers: &mut HeaderMap, request_id: &str, standing: Option<Standing>) {
    let own = std::mem::replace(headers, COMMON.clone());
    let (mut has_type, mut has_length) = (false, false);
    let mut name = None;
    for (next, value) in own {
        // A name comes with the first of its values.
        let is_first = next.is_some();
        name = next.or(name);
        let Some(name) = &name else { continue };
        let is_kept = match *name {
            header::CONTENT_TYPE => {
                has_type = true;
                true
            }
            header::CONTENT_LENGTH => {
                has_length = true;
                true
            }
            header::CONTENT_SECURITY_POLICY | header::VARY => true,
            _ => !COMMON.contains_key(name),
        };
        if is_kept && is_first {
            headers.insert(name, value);
        } else if is_kept {
            headers.append(name, value);
        }
    }
    if !has_type {
        headers.remove(header::CONTENT_TYPE);
    }
    if !has_length {
        headers.remove(header::CONTENT_LENGTH);
    }
    match HeaderValue::from_str(request_id) {
        Ok(value) => headers.insert(X_REQUEST_ID, value),
        Err(_) => headers.remove(X_REQUEST_ID),
    };
    // What the client may still send.
    if let Some(standing) = standing {
        headers.insert(RATE_LIMIT_POLICY, standing.policy);
        headers.insert(RATE_LIMIT, standing.state);
    } else {
        headers.remove(RATE_LIMIT_POLICY);
        headers.remove(RATE_LIMIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(own: &[(HeaderName, &'static str)]) -> HeaderMap {
        let own = own.iter().map(|(name, value)| {
            let value = HeaderValue::from_static(value);
            (name.clone(), value)
        });
        let mut headers = HeaderMap::new();
        own.for_each(|(name, value)| {
            headers.append(name, value);
        });
        set_common(&mut headers, "c0ffee12-1", None);
        headers
    }

    #[test]
    fn a_response_keeps_its_own_headers_beside_the_common_ones() {
        let headers = common(&[
            (header::CONTENT_TYPE, "application/json"),
            (header::VARY, "Origin, Accept-Encoding"),
            (header::CACHE_CONTROL, "public"),
            (header::LINK, "<a>"),
            (header::LINK, "<b>"),
        ]);
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(headers[header::VARY], "Origin, Accept-Encoding");
        assert_eq!(
            headers[header::CACHE_CONTROL],
            "no-store, no-cache, must-revalidate, proxy-revalidate"
        );
        let links: Vec<_> = headers.get_all(header::LINK).iter().collect();
        assert_eq!(links, ["<a>", "<b>"]);
        assert_eq!(headers[X_REQUEST_ID], "c0ffee12-1");
        assert!(headers.values().all(|value| !value.is_empty()));
    }

    #[test]
    fn what_a_response_has_not_is_not_sent_empty() {
        let headers = common(&[]);
        for name in [
            header::CONTENT_TYPE,
            header::CONTENT_LENGTH,
            RATE_LIMIT,
            RATE_LIMIT_POLICY,
        ] {
            assert!(!headers.contains_key(&name), "{name}");
        }
        assert_eq!(headers.len(), 9, "{headers:?}");
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], CONTENT_SECURITY);
    }
}
