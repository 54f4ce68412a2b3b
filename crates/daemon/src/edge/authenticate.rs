//! Who a request comes from, within the limits that apply before and after that is known.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, Method, header};

use super::EdgeState;
use super::limiter::{ExceededLimit, Standing};
use super::limits::{Client, RateLimits};
use crate::error::ApiError;
use linux_api_auth::identity::Identity;
use linux_api_auth::verifier::{KeyRecall, KeyRejection};

/// The longest text that can be a key; anything longer is refused unread.
const KEY_MAX: usize = 256;

/// A request as far as it matters here.
pub(super) struct RequestContext<'a> {
    pub(super) method: &'a Method,
    /// The template of the route.
    pub(super) path: &'a str,
    pub(super) client: Client,
    pub(super) limits: Option<&'a RateLimits>,
}

impl RequestContext<'_> {
    /// Counts the request as one that needs no key.
    pub(super) fn count_keyless(&self, standing: &mut Option<Standing>) -> Result<(), ApiError> {
        let counted = self
            .limits
            .map(|limits| limits.check_keyless(self.client, self.method, self.path));
        note(counted, standing)
    }

    /// Counts the request as one that lacks its key.
    fn count_missing(&self, standing: &mut Option<Standing>) -> Result<(), ApiError> {
        let counted = self
            .limits
            .map(|limits| limits.check_missing_key(self.client));
        note(counted, standing)
    }

    /// Counts the request as one with a key that is not accepted.
    fn count_failed(&self, standing: &mut Option<Standing>) -> Result<(), ApiError> {
        let counted = self
            .limits
            .map(|limits| limits.check_failed_keys(self.client));
        note(counted, standing)
    }

    /// The key was accepted after all.
    fn refund_failed(&self) {
        if let Some(limits) = self.limits {
            limits.refund_failed_key(self.client);
        }
    }

    /// Counts the request against the limit of its caller.
    pub(super) fn count_caller(
        &self,
        identity: &Identity,
        standing: &mut Option<Standing>,
    ) -> Result<(), ApiError> {
        let counted = self
            .limits
            .map(|limits| limits.check_caller(identity, self.method, self.path));
        note(counted, standing)
    }
}

/// Keeps what a limit says for the response's headers.
fn note(
    counted: Option<Result<Standing, ExceededLimit>>,
    standing: &mut Option<Standing>,
) -> Result<(), ApiError> {
    match counted {
        None => Ok(()),
        Some(Ok(state)) => {
            *standing = Some(state);
            Ok(())
        }
        Some(Err(exceeded)) => {
            *standing = Some(exceeded.standing);
            Err(ApiError::rate_limited(
                exceeded.detail,
                exceeded.retry_after,
            ))
        }
    }
}

impl EdgeState {
    /// The caller. One that is not known yet counts against the limits of its address.
    pub(super) async fn authenticate(
        &self,
        asked: &RequestContext<'_>,
        headers: &HeaderMap,
        standing: &mut Option<Standing>,
    ) -> Result<Arc<Identity>, ApiError> {
        Ok(match key_of(headers) {
            Key::Given(text) => match self.verifier.recall(text).await? {
                KeyRecall::Known(identity) => identity,
                KeyRecall::Unknown(key) => {
                    // Counted before the slow hash, so that many at once can't slip through.
                    let counted = self
                        .checks
                        .begin(key.digest(), || asked.count_failed(standing))?;
                    let checked = Box::pin(self.verifier.check_new(key)).await;
                    let has_failed =
                        matches!(checked, Err(KeyRejection::Invalid | KeyRejection::Later(_)));
                    match (counted, has_failed) {
                        (Some(_), false) => asked.refund_failed(),
                        (None, true) => asked.count_failed(standing)?,
                        _ => {}
                    }
                    checked?
                }
            },
            Key::Unreadable => {
                asked.count_failed(standing)?;
                return Err(KeyRejection::Invalid.into());
            }
            Key::Missing => match asked.client {
                Client::Account { uid, gid } => {
                    Box::pin(self.unix_peers.identify(uid, gid)).await?
                }
                Client::Address(_) => {
                    asked.count_missing(standing)?;
                    return Err(ApiError::key_missing());
                }
            },
        })
    }
}

/// What a request says about its key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    Given(&'a str),
    /// Nothing that could be a key.
    Unreadable,
    Missing,
}

/// The key that a request carries: `X-API-Key`, or `Authorization: Bearer`.
pub(crate) fn key_of(headers: &HeaderMap) -> Key<'_> {
    const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
    let text = |name| headers.get(name).map(|value| value.to_str().map(str::trim));
    let given = match (text(X_API_KEY), text(header::AUTHORIZATION)) {
        (Some(Ok(key)), _) => key,
        (None, Some(Ok(credentials))) => {
            let (scheme, key) = credentials.split_once(' ').unwrap_or((credentials, ""));
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Key::Unreadable;
            }
            key.trim()
        }
        (None, None) => return Key::Missing,
        _ => return Key::Unreadable,
    };
    match given.len() {
        0 => Key::Missing,
        1..=KEY_MAX => Key::Given(given),
        _ => Key::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = lines.iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            (HeaderName::from_static(name), value)
        });
        pairs.collect()
    }

    #[test]
    fn a_key_comes_in_either_header() {
        for (lines, key) in [
            (&[("x-api-key", " k ")][..], Key::Given("k")),
            (&[("authorization", "bearer  k")], Key::Given("k")),
            (
                &[("x-api-key", "k"), ("authorization", "Basic x")],
                Key::Given("k"),
            ),
            (&[("authorization", "Basic x")], Key::Unreadable),
            (&[("authorization", "")], Key::Unreadable),
            (&[("authorization", "Bearer ")], Key::Missing),
            (&[("x-api-key", "\u{fc}")], Key::Unreadable),
            (&[("x-api-key", &"k".repeat(257))], Key::Unreadable),
            (&[("x-api-key", "")], Key::Missing),
            (&[], Key::Missing),
        ] {
            assert_eq!(key_of(&headers(lines)), key, "{lines:?}");
        }
    }
}
