//! The kernel's keyring of this user: system calls that never wait.

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use secrecy::{ExposeSecret, SecretString};

use super::{KeyError, KeyPlace, SERVICE};

/// Keeps a key.
pub(super) fn put(name: &str, key: &SecretString) -> Result<(), KeyError> {
    access(name, |entry| entry.set_password(key.expose_secret()))
}

/// The key that is kept for a remote.
pub(super) fn get(name: &str) -> Result<SecretString, KeyError> {
    access(name, Entry::get_password).map(SecretString::from)
}

/// Removes the key of a remote.
pub(super) fn remove(name: &str) -> Result<(), KeyError> {
    access(name, Entry::delete_credential)
}

fn access<T>(
    name: &str,
    use_entry: impl FnOnce(&Entry) -> keyring_core::Result<T>,
) -> Result<T, KeyError> {
    linux_keyutils_keyring_store::Store::new()
        .and_then(|store| store.build(SERVICE, name, None))
        .and_then(|entry| use_entry(&entry))
        .map_err(|error| failure(name, &error))
}

fn failure(name: &str, error: &Error) -> KeyError {
    let place = KeyPlace::Kernel;
    match error {
        Error::NoEntry => KeyError::Missing {
            place,
            name: name.to_owned(),
        },
        Error::NoStorageAccess(_) => KeyError::Closed {
            place,
            reason: "this session has no keyring, as under su, sudo and cron: log in again"
                .to_owned(),
        },
        error => KeyError::Unusable {
            place,
            reason: error.to_string(),
        },
    }
}
