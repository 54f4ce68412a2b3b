//! Exit codes: what each means, and which one a failure gets.

use std::process::ExitCode;

use super::admin_target::AdvisedError;
use super::hosts::HostError;
use super::poll::OnlyHostError;
use linux_api_client::AddressError;
use linux_api_client::error::ClientError;
use linux_api_client::local::LocalError;
use linux_api_client::remotes::RemotesError;
use linux_api_config::ConfigError;
use linux_api_daemon::tls::TlsError;
use linux_api_store::StoreError;

/// Exit code for what failed.
pub const FAILED: u8 = 1;
/// Exit code for wrong usage.
pub const USAGE: u8 = 2;
/// Exit code for what a daemon does not allow: no key, a wrong one, or one without the right.
pub const NOT_ALLOWED: u8 = 3;
/// Exit code for a host that was not reached.
pub const NOT_REACHED: u8 = 4;
/// Exit code for what a person broke off, as shells have it for Ctrl-C.
pub const INTERRUPTED: u8 = 130;
/// Exit code for what a restart can't fix, so that systemd does not try forever.
pub const BAD_CONFIGURATION: u8 = 78;

/// What `linux-api help exit-codes` prints.
pub(super) const HELP: &str = "\
Exit codes of linux-api

    0  done
    1  failed: the daemon, the database or a file said no, or status and doctor
       found a problem
    2  wrong usage: an unknown command, option, remote or value; nothing was done
    3  not allowed: no key, a wrong one, or one without that role or scope; or the
       policy of a host does not allow the act
    4  a host was not reached: it does not respond, or not in time
   78  what a restart can't fix: bad configuration, a newer schema
  130  interrupted with Ctrl-C

Of several hosts each may end in its own way: 0 when all are done, otherwise the
highest code of all of them. Each host that failed has a line on standard error,
NAME: REASON, and never hides the results of the others.
";

/// Errors of wrong usage that only show while a command runs.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

/// The exit code of all that was done, when the reasons of failures are printed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worst(u8);

impl Worst {
    /// Nothing failed yet.
    pub(super) const NONE: Self = Self(0);

    /// Notes one more failure: the highest code stays.
    pub(super) fn note(&mut self, code: u8) {
        self.0 = self.0.max(code);
    }
}

impl From<Worst> for ExitCode {
    fn from(worst: Worst) -> Self {
        Self::from(worst.0)
    }
}

/// The exit code of an error.
pub(super) fn code(error: &anyhow::Error) -> u8 {
    let codes = error.chain().filter_map(code_of_cause);
    codes.max().unwrap_or(FAILED)
}

fn code_of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if cause.is::<ConfigError>() || cause.is::<TlsError>() {
        return Some(BAD_CONFIGURATION);
    }
    if cause.is::<UsageError>() || cause.is::<AddressError>() {
        return Some(USAGE);
    }
    if let Some(error) = cause.downcast_ref::<StoreError>() {
        return error.is_final().then_some(BAD_CONFIGURATION);
    }
    if let Some(AdvisedError(error)) = cause.downcast_ref() {
        return Some(of_client(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_client(error));
    }
    if let Some(OnlyHostError { error, .. }) = cause.downcast_ref() {
        return Some(of_host(error));
    }
    if let Some(error) = cause.downcast_ref::<HostError>() {
        return Some(of_host(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_local(error));
    }
    cause.downcast_ref().map(of_remotes)
}

/// The exit code for a host that could not be used.
pub(super) fn of_host(error: &HostError) -> u8 {
    match error {
        HostError::Client(error) => of_client(error),
        HostError::Local(error) => of_local(error),
        HostError::Remotes(error) => of_remotes(error),
        HostError::Late(_) => NOT_REACHED,
        HostError::Other(error) => code(error),
    }
}

/// The exit code for a request that failed.
pub(super) const fn of_client(error: &ClientError) -> u8 {
    match error {
        ClientError::Offline { .. } => NOT_REACHED,
        ClientError::Refused {
            status: 401 | 403, ..
        } => NOT_ALLOWED,
        _ => FAILED,
    }
}

const fn of_local(error: &LocalError) -> u8 {
    match error {
        LocalError::Away(_) => NOT_REACHED,
        LocalError::NoKey { .. } => NOT_ALLOWED,
    }
}

const fn of_remotes(error: &RemotesError) -> u8 {
    match error {
        RemotesError::Unknown(_) | RemotesError::Name(_) => USAGE,
        RemotesError::Syntax { .. } | RemotesError::Address { .. } => BAD_CONFIGURATION,
        RemotesError::File { .. } | RemotesError::Key(_) => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    fn refused(status: u16) -> ClientError {
        ClientError::Refused {
            address: "http://a".to_owned(),
            status,
            code: String::new(),
            detail: "no".to_owned(),
            retry_after: None,
        }
    }

    #[test]
    fn each_kind_of_failure_has_its_code() {
        let offline = || ClientError::Offline {
            address: "http://a".to_owned(),
            reason: "timed out".to_owned(),
        };
        for (error, expected) in [
            (anyhow::anyhow!("no"), FAILED),
            (UsageError("no".to_owned()).into(), USAGE),
            (RemotesError::Unknown("web".to_owned()).into(), USAGE),
            (refused(401).into(), NOT_ALLOWED),
            (refused(403).into(), NOT_ALLOWED),
            (refused(404).into(), FAILED),
            (refused(503).into(), FAILED),
            (AdvisedError(refused(403)).into(), NOT_ALLOWED),
            (offline().into(), NOT_REACHED),
            (HostError::Client(offline()).into(), NOT_REACHED),
            (LocalError::Away("gone".to_owned()).into(), NOT_REACHED),
        ] {
            assert_eq!(code(&error), expected, "{error:#}");
            let context = Err::<(), _>(error).context("while at it").unwrap_err();
            assert_eq!(code(&context), expected, "{context:#}");
        }
    }

    #[test]
    fn the_highest_code_wins_in_any_order() {
        let mut worst = Worst::NONE;
        for code in [NOT_ALLOWED, NOT_REACHED, FAILED] {
            worst.note(code);
        }
        assert_eq!(worst, Worst(NOT_REACHED));
    }
}
