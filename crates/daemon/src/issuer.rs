//! Making and replacing keys over HTTP.

use std::time::Duration;

use axum::http::StatusCode;

use super::error::ApiError;
use super::extract::{Caller, RequiredScope};
use super::state::StoredKeys;
use crate::json::Json;
use linux_api_auth::key::PlainKey;
use linux_api_auth::verifier::Verifier;
use linux_api_store::api_keys::NewKey;
use linux_api_store::{Refusal, Store, StoreError};
use linux_api_wire::api::keys::{CreateKey, IssuedKey, RotateKey};
use linux_api_wire::api::problem::FieldProblem;
use linux_api_wire::api_key::{KeyId, Scopes};
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::{Clock, Timestamp};
use linux_api_wire::user::UserId;

/// What making a key takes.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Where it is stored.
    pub store: Store,
    /// Whose hasher hashes it.
    pub verifier: Verifier<StoredKeys>,
    /// The time, for its expiry.
    pub clock: Clock,
}

impl Issuer {
    pub(crate) async fn create<S: RequiredScope>(
        &self,
        caller: &Caller<S>,
        user_id: UserId,
        wanted: CreateKey,
    ) -> Result<(StatusCode, Json<IssuedKey>), ApiError> {
        let scopes = match Scopes::only(wanted.scopes) {
            // An empty list means all that the caller itself has.
            Scopes::ALL => caller.identity.scopes,
            chosen => chosen,
        };
        let expires_at = wanted.expires_at.and_then(|text| text.parse().ok());
        if expires_at.is_some_and(|expiry| expiry <= self.clock.now()) {
            return Err(ApiError::invalid(vec![FieldProblem {
                location: vec!["body".to_owned(), "expires_at".to_owned()],
                message: "Input should be in the future".to_owned(),
            }]));
        }
        let (secret, mut key) = self.secret(wanted.name, scopes, expires_at).await?;
        key.hosts = read_hosts(wanted.hosts.as_deref())?;
        let actor = caller.actor().await?;
        let stored = self
            .store
            .create_key(&actor, user_id, &key)
            .await
            .map_err(key_refused)?;
        Ok((
            StatusCode::CREATED,
            Json(IssuedKey::new(&stored, secret.expose())),
        ))
    }

    pub(crate) async fn rotate<S: RequiredScope>(
        &self,
        caller: &Caller<S>,
        user_id: UserId,
        old: String,
        wanted: RotateKey,
    ) -> Result<(StatusCode, Json<IssuedKey>), ApiError> {
        let overlap = Duration::from_secs(u64::try_from(wanted.overlap_seconds).unwrap_or(0));
        let (secret, key) = self.secret(String::new(), Scopes::ALL, None).await?;
        let actor = caller.actor().await?;
        let stored = self
            .store
            .rotate_key(&actor, user_id, &KeyId(old), &key, overlap)
            .await
            .map_err(key_refused)?;
        Ok((
            StatusCode::CREATED,
            Json(IssuedKey::new(&stored, secret.expose())),
        ))
    }

    async fn secret(
        &self,
        name: String,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
    ) -> Result<(PlainKey, NewKey), ApiError> {
        let secret = PlainKey::generate()?;
        let hash = self.verifier.hasher().hash(&secret).await?;
        let key = NewKey {
            id: secret.id(),
            hash,
            name,
            scopes,
            expires_at,
            hosts: HostSelector::default(),
        };
        Ok((secret, key))
    }
}

/// The hosts that a checked body names; any when it names none.
pub(crate) fn read_hosts(named: Option<&str>) -> Result<HostSelector, ApiError> {
    HostSelector::from_stored(named).map_err(|error| {
        ApiError::invalid(vec![FieldProblem {
            location: vec!["body".to_owned(), "hosts".to_owned()],
            message: error.to_string(),
        }])
    })
}

/// What a rule that refused a change of keys means over HTTP.
pub(crate) fn key_refused(error: StoreError) -> ApiError {
    let StoreError::Refused(refusal) = error else {
        return error.into();
    };
    match refusal {
        Refusal::UserNotFound => ApiError::user_not_found(),
        Refusal::KeyNotFound => {
            let detail = "Key with this key_id not found.";
            ApiError::refused(StatusCode::NOT_FOUND, "key_not_found", detail)
        }
        Refusal::Immutable => {
            let detail = "Can't change keys of user: user is immutable";
            ApiError::refused(StatusCode::FORBIDDEN, "user_immutable", detail)
        }
        Refusal::TooManyKeys => {
            let detail = "The user has as many usable keys as allowed; revoke one first.";
            ApiError::refused(StatusCode::CONFLICT, "too_many_keys", detail)
        }
        // Keys are random, so that two alike are a fault of the random source.
        Refusal::KeyTaken => ApiError::internal(&refusal),
        Refusal::KeyEnded => {
            let detail = "The key is revoked or expired; make a new one.";
            ApiError::refused(StatusCode::CONFLICT, "key_ended", detail)
        }
        other => StoreError::Refused(other).into(),
    }
}
