//! The desktop's keyring (Secret Service), over D-Bus, with the attributes by which other programs of its
//! kind file theirs too.

use std::collections::HashMap;

use secret_service::{EncryptionType, Error, Item, SecretService};

use super::{DEADLINE, KeyError, KeyPlace, SERVICE};

/// What is done with one entry.
pub(super) enum Call<'a> {
    /// Keep a key.
    Put(&'a str),
    /// Read the key.
    Get,
    /// Remove the key.
    Delete,
}

/// Accesses the entry of this name within the deadline; returns the key when it is read.
pub(super) async fn call(name: &str, call: Call<'_>) -> Result<String, KeyError> {
    const PLACE: KeyPlace = KeyPlace::SecretService;
    let Ok(done) = tokio::time::timeout(DEADLINE, access(name, call)).await else {
        // Its user was prompted to unlock it, and did not.
        return Err(KeyError::Slow(PLACE));
    };
    done.map_err(|error| match error {
        AccessError::Missing => KeyError::Missing {
            place: PLACE,
            name: name.to_owned(),
        },
        AccessError::Text => KeyError::Unusable {
            place: PLACE,
            reason: "the entry is no text".to_owned(),
        },
        AccessError::Service(Error::Locked | Error::Prompt | Error::NoResult) => KeyError::Closed {
            place: PLACE,
            reason: "it is locked; unlock it and try again".to_owned(),
        },
        AccessError::Service(error) => KeyError::Unusable {
            place: PLACE,
            reason: error.to_string(),
        },
    })
}

enum AccessError {
    Missing,
    Text,
    Service(Error),
}

impl From<Error> for AccessError {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}

async fn access(name: &str, call: Call<'_>) -> Result<String, AccessError> {
    let service = SecretService::connect(EncryptionType::Dh).await?;
    let attributes = HashMap::from([("service", SERVICE), ("username", name)]);
    let found = service.search_items(attributes.clone()).await?;
    if !found.locked.is_empty() {
        let locked: Vec<&Item<'_>> = found.locked.iter().collect();
        service.unlock_all(&locked).await?;
    }
    let item = found.unlocked.iter().chain(&found.locked).next();
    match (call, item) {
        (Call::Put(key), Some(item)) => item.set_secret(key.as_bytes(), CONTENT).await?,
        (Call::Put(key), None) => {
            let collection = service.get_default_collection().await?;
            if collection.is_locked().await? {
                collection.unlock().await?;
            }
            let label = format!("keyring:{name}@{SERVICE}");
            let secret = key.as_bytes();
            let created = collection.create_item(&label, attributes, secret, true, CONTENT);
            created.await?;
        }
        (Call::Get, Some(item)) => {
            let secret = item.get_secret().await?;
            return String::from_utf8(secret).map_err(|_| AccessError::Text);
        }
        (Call::Delete, Some(item)) => item.delete().await?,
        (Call::Get | Call::Delete, None) => return Err(AccessError::Missing),
    }
    Ok(String::new())
}

/// The media type of a key.
const CONTENT: &str = "application/octet-stream";
