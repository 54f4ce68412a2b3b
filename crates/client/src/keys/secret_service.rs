//! The keyring of the desktop, over D-Bus: <https://specifications.freedesktop.org/secret-service/>.
//!
//! An item has the attributes `service` and `username`, as the keyring library of many other programs
//! writes them, so that the desktop's own tools find it.

use std::collections::HashMap;

use secrecy::{ExposeSecret, SecretString};
use secret_service::{EncryptionType, Error, Item, SecretService};

use super::{KeyError, KeyPlace, SERVICE};

const PLACE: KeyPlace = KeyPlace::SecretService;
/// The kind of content of an item, as the library wrote it that keys were kept with before.
const CONTENT: &str = "application/octet-stream";

/// Keeps a key in the default collection, which is unlocked first.
pub(super) async fn put(name: &str, key: &SecretString) -> Result<(), KeyError> {
    let service = connect().await?;
    let secret = key.expose_secret().as_bytes();
    match find(&service, name).await {
        Ok(item) => item.set_secret(secret, CONTENT).await.map_err(failure),
        Err(KeyError::Missing { .. }) => {
            let collection = service.get_default_collection().await.map_err(failure)?;
            // Not always locked, and unlocking what is not locked may open a prompt.
            if collection.is_locked().await.map_err(failure)? {
                collection.unlock().await.map_err(failure)?;
            }
            let label = format!("keyring:{name}@{SERVICE}");
            collection
                .create_item(&label, attributes(name), secret, true, CONTENT)
                .await
                .map(drop)
                .map_err(failure)
        }
        Err(error) => Err(error),
    }
}

/// The key that is kept for a remote.
pub(super) async fn get(name: &str) -> Result<SecretString, KeyError> {
    let service = connect().await?;
    let item = find(&service, name).await?;
    let secret = item.get_secret().await.map_err(failure)?;
    let text = String::from_utf8(secret).map_err(|_| KeyError::Unusable {
        place: PLACE,
        reason: format!("the secret of {name} is not text"),
    })?;
    Ok(SecretString::from(text))
}

/// Removes the key of a remote.
pub(super) async fn remove(name: &str) -> Result<(), KeyError> {
    let service = connect().await?;
    let item = find(&service, name).await?;
    item.delete().await.map_err(failure)
}

async fn connect() -> Result<SecretService<'static>, KeyError> {
    SecretService::connect(EncryptionType::Dh)
        .await
        .map_err(failure)
}

/// The one item of a remote, unlocked.
async fn find<'a>(service: &'a SecretService<'_>, name: &str) -> Result<Item<'a>, KeyError> {
    let found = service
        .search_items(attributes(name))
        .await
        .map_err(failure)?;
    let locked = !found.locked.is_empty();
    let mut items = found.unlocked.into_iter().chain(found.locked);
    let Some(item) = items.next() else {
        let name = name.to_owned();
        return Err(KeyError::Missing { place: PLACE, name });
    };
    if items.next().is_some() {
        return Err(KeyError::Unusable {
            place: PLACE,
            reason: format!("there are several items for {name} of {SERVICE}; remove all but one"),
        });
    }
    if locked {
        item.unlock().await.map_err(failure)?;
    }
    Ok(item)
}

fn attributes(name: &str) -> HashMap<&str, &str> {
    HashMap::from([("service", SERVICE), ("username", name)])
}

fn failure(error: Error) -> KeyError {
    match error {
        // Dismissed, or without a screen to show it on: either way the keyring stays locked.
        Error::Locked | Error::NoResult | Error::Prompt => KeyError::Closed {
            place: PLACE,
            reason: format!("{error}; unlock it and try again"),
        },
        error => KeyError::Unusable {
            place: PLACE,
            reason: error.to_string(),
        },
    }
}
