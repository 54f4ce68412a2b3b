//! What to do about a refusal, whichever way it came.

use linux_api_client::error::ClientError;
use linux_api_store::{Refusal, StoreError};

use super::AdminTarget;

/// A change that was not made.
#[derive(Debug)]
pub(super) enum ChangeError {
    Store(StoreError),
    Client(ClientError),
}

/// A daemon's response and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}; {advice}", advice = .0.advice())]
pub(in crate::cli) struct AdvisedError(pub(in crate::cli) ClientError);

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ClientError> for ChangeError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl ChangeError {
    /// The rule that forbids it, when one does.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Store(StoreError::Refused(refusal)) => Some(*refusal),
            Self::Client(ClientError::Refused { code, .. }) => refusal_of(code),
            _ => None,
        }
    }

    /// An error that says what to do; `name` is the user's.
    pub(super) fn explain(self, place: &AdminTarget, name: &str) -> anyhow::Error {
        match (self.refusal(), self) {
            (Some(refusal), _) => anyhow::Error::msg(advice(refusal, place, name)),
            (None, failed) => failed.into_error(),
        }
    }

    /// An error that says what to do about the connection or the database.
    pub(super) fn into_error(self) -> anyhow::Error {
        match self {
            Self::Store(error) => error.into(),
            Self::Client(error) => AdvisedError(error).into(),
        }
    }
}

/// The rule behind the `code` of a response.
fn refusal_of(code: &str) -> Option<Refusal> {
    Some(match code {
        "name_taken" => Refusal::NameTaken,
        "user_not_found" => Refusal::UserNotFound,
        "key_not_found" => Refusal::KeyNotFound,
        "user_immutable" => Refusal::Immutable,
        "last_admin" => Refusal::LastAdmin,
        "own_role" => Refusal::OwnRole,
        "own_hosts" => Refusal::OwnHosts,
        "own_account" => Refusal::OwnAccount,
        "too_many_keys" => Refusal::TooManyKeys,
        "key_ended" => Refusal::KeyEnded,
        _ => return None,
    })
}

fn advice(refusal: Refusal, place: &AdminTarget, name: &str) -> String {
    match (refusal, place) {
        (Refusal::NameTaken, _) => format!("the user {name} exists already"),
        (Refusal::UserNotFound, _) => format!("the user {name} has just been deleted"),
        (Refusal::Immutable, AdminTarget::Database(_)) => format!(
            "{name} is protected; remove the protection first: linux-api user protect --off {name}"
        ),
        (Refusal::Immutable, AdminTarget::Remote(_)) => format!(
            "{name} is protected, and only someone with direct database access may change it: run \
             the command on the daemon's host, without --remote"
        ),
        (Refusal::LastAdmin, _) => {
            format!("{name} is the last active admin; create another one first")
        }
        (Refusal::TooManyKeys, _) => {
            format!("{name} has as many keys as a user may; revoke one first")
        }
        (Refusal::KeyNotFound, _) => format!("{name} has no such key"),
        (Refusal::KeyEnded, _) => "that key is revoked or expired".to_owned(),
        // Not reached: who has the database needs no leave, a daemon says it with other codes, and no
        // user is a host or an alert.
        (
            Refusal::KeyTaken
            | Refusal::ActorEnded
            | Refusal::ActorDenied(_)
            | Refusal::ScopesExceeded
            | Refusal::HostsExceeded
            | Refusal::HostNotFound
            | Refusal::HostAlive
            | Refusal::RuleNotFound
            | Refusal::TooManyRules
            | Refusal::SilenceNotFound
            | Refusal::TooManySilences
            | Refusal::NothingGivenUp
            | Refusal::AlertNotFiring,
            _,
        ) => refusal.to_string(),
        (Refusal::OwnRole, _) => {
            "users can't change their own role: have another admin do it, or run this on the daemon's host, \
             without --remote"
                .to_owned()
        }
        (Refusal::OwnHosts, _) => {
            "users can't choose their own hosts: have another admin do it, or run this on the daemon's host, \
             without --remote"
                .to_owned()
        }
        (Refusal::OwnAccount, _) => {
            "users can't deactivate themselves: have another admin do it, or run this on the daemon's host, \
             without --remote"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_of_a_rule_is_a_rule() {
        assert_eq!(refusal_of("last_admin"), Some(Refusal::LastAdmin));
        assert_eq!(refusal_of("admin_required"), None);
        assert_eq!(refusal_of(""), None);
    }
}
