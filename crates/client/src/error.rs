//! What can go wrong with a request to a daemon, grouped by what to do about it.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::Address;

const TIMED_OUT: &str = "timed out";

/// A request to a daemon that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nothing responds there, or not in time.
    #[error("{address} does not respond: {reason}")]
    Offline {
        /// The daemon's address.
        address: String,
        /// Why, in a few words.
        reason: String,
    },
    /// The daemon refuses the request.
    #[error(
        "{address} refuses: {} ({status} {code})",
        in_plain_words(code, detail)
    )]
    Refused {
        /// The daemon's address.
        address: String,
        /// The HTTP status.
        status: u16,
        /// The reason for programs; empty when the daemon gave none.
        code: String,
        /// The reason for people.
        detail: String,
        /// When to retry.
        retry_after: Option<Duration>,
    },
    /// The response is not from a linux-api, or from another version, or broken.
    #[error("{address} sends an unexpected response: {reason}")]
    BadAnswer {
        /// The daemon's address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What is there speaks no TLS.
    #[error("{address}: no TLS is spoken there")]
    NoTls {
        /// The daemon's address.
        address: String,
    },
    /// A request would not be safe: the key would be readable, or the server can't prove its identity.
    #[error("no request was sent to {address}: {reason}")]
    Unsafe {
        /// The daemon's address.
        address: String,
        /// What is missing for safety.
        reason: String,
    },
    /// The host can be logged in to, and has no linux-api.
    #[error("{address}: linux-api is not installed there")]
    NoProgram {
        /// The host.
        address: String,
        /// Its processor, as `uname -m` names it.
        machine: String,
    },
}

impl ClientError {
    /// Sorts a failure of the transport.
    pub(super) fn of(address: &Address, error: &reqwest::Error) -> Self {
        let is_plain = matches!(address, Address::Http(url) if url.scheme() == "http");
        let address = address.to_string();
        if let Some(problem) = certificate_problem(error) {
            return Self::Unsafe {
                address,
                reason: format!("its certificate is not trusted ({problem})"),
            };
        }
        if error.is_timeout() {
            let reason = TIMED_OUT.to_owned();
            return Self::Offline { address, reason };
        }
        if speaks_no_tls(error) {
            return Self::NoTls { address };
        }
        if is_plain && is_no_http(error) {
            let reason =
                "it is no HTTP; where the daemon has a certificate, use https://".to_owned();
            return Self::BadAnswer { address, reason };
        }
        if error.is_connect() {
            let reason = innermost(error);
            return Self::Offline { address, reason };
        }
        if error.is_builder() {
            let reason = innermost(error);
            return Self::Unsafe { address, reason };
        }
        let reason = innermost(error);
        // A daemon that stops in the middle of a response is away, even after a part of it.
        if is_broken_off(error) {
            Self::Offline { address, reason }
        } else {
            Self::BadAnswer { address, reason }
        }
    }

    /// No response came in time.
    pub(super) fn timed_out(address: &Address) -> Self {
        Self::Offline {
            address: address.to_string(),
            reason: TIMED_OUT.to_owned(),
        }
    }

    /// The few words that fit into a table: `401 key expired`, `timed out`.
    #[must_use]
    pub fn in_short(&self) -> String {
        match self {
            Self::Offline { reason, .. } | Self::Unsafe { reason, .. } => reason.clone(),
            Self::NoTls { .. } => "no TLS: use http://".to_owned(),
            // The word says nothing that the number does not.
            Self::Refused {
                status: 401,
                detail,
                ..
            } if detail == "Unauthorized" => "401 the key is wrong, expired or revoked".to_owned(),
            Self::Refused {
                status,
                code,
                detail,
                ..
            } => format!("{status} {}", in_plain_words(code, detail)),
            Self::BadAnswer { reason, .. } => format!("unexpected response: {reason}"),
            Self::NoProgram { .. } => "linux-api is not installed there".to_owned(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Offline { .. } => {
                "check that the daemon runs (linux-api status on that host), and the address"
            }
            Self::Refused {
                status: 401, code, ..
            } if code == "key_missing" => {
                "no key for this URL: set LINUX_API_KEY, or run linux-api remote add"
            }
            Self::Refused { status: 401, .. } => {
                "the key is wrong, expired or revoked: get a new one and run linux-api remote add again"
            }
            Self::Refused { status: 403, .. } => {
                "the key may not do this: use one with that role or scope (linux-api user key create)"
            }
            Self::Refused { status: 404, .. } => {
                "the daemon does not know this: it may be older than this program"
            }
            Self::Refused { status: 421, .. } => {
                "the daemon does not go by this name: use one of its own, or allow it in its configuration"
            }
            Self::Refused { status: 429, .. } => "too many requests: wait, or raise rate_limit",
            Self::Refused {
                status: 500..=599, ..
            } => "the daemon has a problem: linux-api status on that host says more",
            Self::Refused { .. } => "change the request",
            Self::BadAnswer { .. } => {
                "check that the address leads to linux-api, and that both versions fit"
            }
            Self::NoProgram { .. } => {
                "install it there, or allow this program to be copied to the account's cache: --push"
            }
            Self::NoTls { .. } => {
                "use http:// in place of https://, or give the daemon a certificate \
                 (server.tls_certificate)"
            }
            Self::Unsafe { .. } => {
                "use https with a certificate that this machine trusts, or name its CA with --ca-file"
            }
        }
    }

    /// Whether the connection could not be made or was lost, and not the time was up: whether the request was
    /// received is not known.
    pub(super) fn is_lost_connection(&self) -> bool {
        matches!(self, Self::Offline { reason, .. } if reason != TIMED_OUT)
    }

    /// Whether a retry may help without a change here.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Offline { .. } | Self::BadAnswer { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::NoTls { .. } | Self::Unsafe { .. } | Self::NoProgram { .. } => false,
        }
    }
}

/// What the daemon says, but for what it says to older programs in their words.
fn in_plain_words<'a>(code: &str, detail: &'a str) -> &'a str {
    if code == "key_missing" {
        "no key was sent"
    } else {
        detail
    }
}

/// The error and all that caused it, the innermost last.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut all = vec![error];
    let mut last: &'a (dyn Error + 'static) = error;
    loop {
        // The error inside an I/O error is not among its sources.
        let boxed = last
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let inner: Option<&'a (dyn Error + 'static)> = match boxed {
            Some(inner) => Some(inner),
            None => last.source(),
        };
        let Some(inner) = inner else { return all };
        all.push(inner);
        last = inner;
    }
}

fn certificate_problem(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error)
        .into_iter()
        .filter_map(|cause| cause.downcast_ref::<rustls::Error>())
        .find_map(|cause| match cause {
            rustls::Error::InvalidCertificate(problem) => Some(format!("{problem:?}")),
            _ => None,
        })
}

/// Whether what came back to a TLS handshake was no TLS.
fn speaks_no_tls(error: &(dyn Error + 'static)) -> bool {
    let mut causes = causes(error).into_iter();
    causes.any(|cause| {
        matches!(
            cause.downcast_ref::<rustls::Error>(),
            Some(rustls::Error::InvalidMessage(_))
        )
    })
}

/// Whether what came back was no HTTP, such as the alert of a TLS server.
fn is_no_http(error: &(dyn Error + 'static)) -> bool {
    let mut causes = causes(error).into_iter();
    causes.any(|cause| {
        cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_parse)
    })
}

/// Whether the connection ended before the response did.
fn is_broken_off(error: &(dyn Error + 'static)) -> bool {
    causes(error).into_iter().any(|cause| {
        cause.is::<io::Error>()
            || cause
                .downcast_ref::<hyper::Error>()
                .is_some_and(|cause| cause.is_incomplete_message() || cause.is_canceled())
    })
}

pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}
