//! Which pages of other origins a browser lets read responses: those that are listed, and no other.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use linux_api_config::Cors;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Type, Last-Event-ID, X-API-Key");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Link, RateLimit, RateLimit-Policy, Retry-After, X-API-Version, X-Request-Id",
);
const VARY: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);

// For requests from a public site to a private network some browsers require another header.
const ASKS_PRIVATE: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOWS_PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// The origins that may.
#[derive(Debug, Default)]
pub(crate) struct CorsRules {
    origins: Vec<String>,
    max_age: Duration,
}

impl CorsRules {
    pub(crate) fn new(config: &Cors) -> Self {
        Self {
            origins: config
                .origins
                .0
                .iter()
                .map(|origin| origin.as_str().to_owned())
                .collect(),
            max_age: config.max_age,
        }
    }

    /// The request's origin when it is one of those.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.origins.is_empty() {
            return None;
        }
        let mut given = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (given.next(), given.next()) else {
            return None;
        };
        let listed = |own: &String| own.as_bytes() == origin.as_bytes();
        self.origins.iter().any(listed).then(|| origin.clone())
    }

    /// The response to a browser's preflight.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let asks = method == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks {
            return None;
        }
        self.origin(headers)?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        answer.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            self.max_age.as_secs().into(),
        );
        answer.insert(header::VARY, VARY);
        if headers.contains_key(ASKS_PRIVATE) {
            answer.insert(ALLOWS_PRIVATE, HeaderValue::from_static("true"));
        }
        Some(response)
    }
}

/// Lets the page of `origin` read the response. Never with credentials: keys are no cookies.
pub(crate) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_config::{ConfigValue, List};

    fn rules(origins: &str) -> CorsRules {
        CorsRules::new(&Cors {
            origins: List::from_text(origins).unwrap(),
            ..Cors::default()
        })
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    const LISTED: &str = "https://grafana.example,http://localhost:3000";

    #[test]
    fn only_the_exact_origin_is_allowed() {
        let rules = rules(LISTED);
        for origin in ["https://grafana.example", "http://localhost:3000"] {
            let found = rules.origin(&headers(&[("origin", origin)]));
            assert_eq!(found.unwrap(), origin);
        }
        for origin in [
            "null",
            "*",
            "",
            "http://grafana.example",
            "https://grafana.example:443",
            "https://grafana.example:8443",
            "https://grafana.example/",
            "https://grafana.example.evil.example",
            "https://evilgrafana.example",
            "https://evil.example/https://grafana.example",
            "https://sub.grafana.example",
            "https://GRAFANA.example",
            "https://grafana.example.",
            "https://grafana.example@evil.example",
            "https://evil.example#grafana.example",
            "https://grafana.example https://evil.example",
            "https://evil.example, https://grafana.example",
            " https://grafana.example",
            "https://grafana_example",
            "https://xn--grafana.example",
            "http://localhost",
            "http://localhost:30000",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "file://",
            "grafana.example",
            "https://gr\u{430}fana.example",
        ] {
            assert_eq!(
                rules.origin(&headers(&[("origin", origin)])),
                None,
                "{origin}"
            );
        }
        let twice = [
            ("origin", "https://grafana.example"),
            ("origin", "https://evil.example"),
        ];
        assert_eq!(rules.origin(&headers(&twice)), None);
        assert_eq!(rules.origin(&headers(&[])), None);
    }

    #[test]
    fn without_a_list_everything_is_closed() {
        let rules = CorsRules::default();
        let asks = headers(&[
            ("origin", "https://grafana.example"),
            ("access-control-request-method", "GET"),
        ]);
        assert_eq!(rules.origin(&asks), None);
        assert!(rules.preflight(&Method::OPTIONS, &asks).is_none());
    }

    #[test]
    fn a_browser_that_asks_is_told_every_method() {
        let rules = rules(LISTED);
        let asks = headers(&[
            ("origin", "http://localhost:3000"),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "x-api-key"),
            ("access-control-request-private-network", "true"),
        ]);
        let answer = rules.preflight(&Method::OPTIONS, &asks).unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        let methods = &answer.headers()["access-control-allow-methods"];
        assert_eq!(methods, "GET, HEAD, POST, PUT, PATCH, DELETE");
        assert_eq!(answer.headers()["access-control-max-age"], "600");
        assert_eq!(
            answer.headers()["access-control-allow-private-network"],
            "true"
        );
        assert!(
            !answer
                .headers()
                .contains_key("access-control-allow-credentials")
        );
        assert!(rules.preflight(&Method::GET, &asks).is_none());
        let foreign = headers(&[
            ("origin", "https://evil.example"),
            ("access-control-request-method", "PATCH"),
        ]);
        assert!(rules.preflight(&Method::OPTIONS, &foreign).is_none());
    }
}
