//! Where API keys are kept: the keyring of the desktop, that of the kernel, or a private file.
//!
//! A keyring may wait for its user to unlock it. The desktop's is accessed over D-Bus and given up on after a
//! deadline; the kernel's blocks, so it is accessed from a thread of its own: the runtime would wait for its
//! blocking threads when the program ends, this thread just dies.

mod desktop;

use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyring_core::api::CredentialStoreApi;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// What the entries in keyrings are filed under.
const SERVICE: &str = "linux-api";
/// Longest time for a keyring to respond, including the time to unlock it.
const DEADLINE: Duration = Duration::from_millis(4500);
/// Most bytes of a key file; keys have 64.
const FILE_MAX: u64 = 4096;

/// A place for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyPlace {
    /// The keyring of the desktop, over D-Bus.
    SecretService,
    /// The kernel's keyring of this user.
    Kernel,
    /// A file that only this user can read.
    File,
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecretService => "the desktop's keyring (Secret Service)",
            Self::Kernel => "the kernel's keyring",
            Self::File => "a private file",
        })
    }
}

impl KeyPlace {
    /// What to know before relying on it.
    #[must_use]
    pub const fn caution(self) -> Option<&'static str> {
        match self {
            Self::SecretService => None,
            Self::Kernel => Some(
                "The kernel's keyring forgets at reboot, and after three days without use. To keep \
                 the key in a file that only you can read, add --key-file.",
            ),
            Self::File => Some("Whoever can read your files can read the key."),
        }
    }
}

/// A key could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The keyring did not respond in time: nearly always because it is locked.
    #[error(
        "{0} did not respond within 5 seconds; unlock it and try again, or use --key-file or LINUX_API_KEY"
    )]
    Slow(KeyPlace),
    /// The keyring says no.
    #[error("{place} can't be used: {reason}; use --key-file or LINUX_API_KEY")]
    Unusable {
        /// Which.
        place: KeyPlace,
        /// Why.
        reason: String,
    },
    /// The keyring is there, and closed to us.
    #[error("{place} is closed: {reason}; use --key-file or LINUX_API_KEY")]
    Closed {
        /// Which.
        place: KeyPlace,
        /// Why, and what would open it.
        reason: String,
    },
    /// There is no keyring at all.
    #[error(
        "no keyring can be used (the desktop's: {desktop}; the kernel's: {kernel}); use --key-file \
         or LINUX_API_KEY"
    )]
    Neither {
        /// Why not that of the desktop.
        desktop: String,
        /// Why not that of the kernel.
        kernel: String,
    },
    /// The file can't be used.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// There is none of that name.
    #[error("{place} has no key for {name}; run linux-api remote add again")]
    Missing {
        /// Where it was looked for.
        place: KeyPlace,
        /// Whose.
        name: String,
    },
}

impl KeyError {
    /// Why, without the place and advice.
    fn reason(&self) -> String {
        match self {
            Self::Unusable { reason, .. } | Self::Closed { reason, .. } => reason.clone(),
            other => other.to_string(),
        }
    }

    /// Of the kernel's keyring.
    fn of(name: String, error: &keyring_core::Error) -> Self {
        let place = KeyPlace::Kernel;
        match error {
            keyring_core::Error::NoEntry => Self::Missing { place, name },
            keyring_core::Error::NoStorageAccess(_) => Self::Closed {
                place,
                reason: "this session has no keyring, as under su, sudo and cron: log in again"
                    .to_owned(),
            },
            error => Self::Unusable {
                place,
                reason: error.to_string(),
            },
        }
    }
}

/// The places of this user.
#[derive(Debug, Clone)]
pub struct Keys {
    folder: PathBuf,
    secret_service: bool,
}

impl Keys {
    /// Key files are kept in `folder`. The desktop's keyring is used only when there is a session
    /// bus: without one its library would start one.
    #[must_use]
    pub const fn new(folder: PathBuf, session_bus: bool) -> Self {
        Self {
            folder,
            secret_service: session_bus,
        }
    }

    /// The file of one key.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// Keeps a key in the desktop's keyring when there is one, else in the kernel's.
    ///
    /// # Errors
    /// When neither takes it.
    pub async fn keep(&self, name: &str, key: &SecretString) -> Result<KeyPlace, KeyError> {
        let mut desktop = "there is no session bus".to_owned();
        if self.secret_service {
            match self.put(KeyPlace::SecretService, name, key).await {
                Ok(()) => return Ok(KeyPlace::SecretService),
                // Locked: the person wants it there, and can unlock it.
                Err(error @ (KeyError::Slow(_) | KeyError::Closed { .. })) => return Err(error),
                Err(error) => desktop = error.reason(),
            }
        }
        match self.put(KeyPlace::Kernel, name, key).await {
            Ok(()) => Ok(KeyPlace::Kernel),
            Err(error) => Err(KeyError::Neither {
                desktop,
                kernel: error.reason(),
            }),
        }
    }

    /// Keeps a key in one place.
    ///
    /// # Errors
    /// When the place does not take it.
    pub async fn put(
        &self,
        place: KeyPlace,
        name: &str,
        key: &SecretString,
    ) -> Result<(), KeyError> {
        if place == KeyPlace::File {
            return write_file(&self.folder, &self.file(name), key);
        }
        if place == KeyPlace::SecretService {
            let put = desktop::Call::Put(key.expose_secret());
            return desktop::call(name, put).await.map(drop);
        }
        let key = key.clone();
        ask(name, move |entry| entry.set_password(key.expose_secret())).await
    }

    /// The key that was kept in this place.
    ///
    /// # Errors
    /// When the place can't be used or holds none.
    pub async fn get(&self, place: KeyPlace, name: &str) -> Result<SecretString, KeyError> {
        if place == KeyPlace::File {
            return read_file(&self.file(name));
        }
        let key = if place == KeyPlace::SecretService {
            desktop::call(name, desktop::Call::Get).await
        } else {
            ask(name, keyring_core::Entry::get_password).await
        };
        key.map(SecretString::from)
    }

    /// Looks in both keyrings.
    ///
    /// # Errors
    /// When neither holds it: the error of the last one that was tried.
    pub async fn find(&self, name: &str) -> Result<SecretString, KeyError> {
        if self.secret_service
            && let Ok(key) = self.get(KeyPlace::SecretService, name).await
        {
            return Ok(key);
        }
        self.get(KeyPlace::Kernel, name).await
    }

    /// Removes a key; one that is gone already is no error.
    ///
    /// # Errors
    /// When the place can't be used.
    pub async fn forget(&self, place: KeyPlace, name: &str) -> Result<(), KeyError> {
        if place == KeyPlace::File {
            let path = self.file(name);
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(file_error(&path, error))
                }
                _ => Ok(()),
            };
        }
        let deleted = if place == KeyPlace::SecretService {
            desktop::call(name, desktop::Call::Delete).await.map(drop)
        } else {
            ask(name, keyring_core::Entry::delete_credential).await
        };
        match deleted {
            Err(KeyError::Missing { .. }) => Ok(()),
            result => result,
        }
    }
}

/// Accesses one entry of the kernel's keyring, within the deadline.
async fn ask<T: Send + 'static>(
    name: &str,
    question: impl FnOnce(&keyring_core::Entry) -> keyring_core::Result<T> + Send + 'static,
) -> Result<T, KeyError> {
    let place = KeyPlace::Kernel;
    let (answer, answered) = tokio::sync::oneshot::channel();
    let name = name.to_owned();
    let entry = name.clone();
    let work = move || {
        let result = linux_keyutils_keyring_store::Store::new()
            .and_then(|store| store.build(SERVICE, &entry, None))
            .and_then(|entry| question(&entry));
        // The receiver is gone when the deadline has passed.
        let _ = answer.send(result);
    };
    let unusable = |reason: String| KeyError::Unusable { place, reason };
    std::thread::Builder::new()
        .name("keyring".to_owned())
        .spawn(work)
        .map_err(|error| unusable(error.to_string()))?;
    match tokio::time::timeout(DEADLINE, answered).await {
        Err(_) => Err(KeyError::Slow(place)),
        Ok(Err(_)) => Err(unusable("it ended without a response".to_owned())),
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(KeyError::of(name, &error)),
    }
}

fn file_error(path: &Path, error: impl fmt::Display) -> KeyError {
    KeyError::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

fn write_file(folder: &Path, path: &Path, key: &SecretString) -> Result<(), KeyError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| file_error(folder, error))?;
    // A file that is there may have other rights, or be a link.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(file_error(path, error));
        }
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(no_follow())
        .open(path)
        .map_err(|error| file_error(path, error))?;
    writeln!(file, "{}", key.expose_secret())
        .and_then(|()| file.sync_all())
        .map_err(|error| file_error(path, error))
}

/// Reads a key from a file that must be private to this user.
pub(super) fn read_file(path: &Path) -> Result<SecretString, KeyError> {
    let file = linux_api_files::open_no_follow(path).map_err(|error| file_error(path, error))?;
    let metadata = file.metadata().map_err(|error| file_error(path, error))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(file_error(path, "others may read it: chmod 600"));
    }
    let mut text = String::new();
    file.take(FILE_MAX)
        .read_to_string(&mut text)
        .map_err(|error| file_error(path, error))?;
    Ok(SecretString::from(text.trim()))
}

fn no_follow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn files() -> (tempfile::TempDir, Keys) {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::new(folder.path().join("keys"), false);
        (folder, keys)
    }

    #[tokio::test]
    async fn a_key_file_is_private_and_round_trips() {
        let (_folder, keys) = files();
        let key = SecretString::from("lapi_secret");
        keys.put(KeyPlace::File, "web", &key).await.unwrap();
        let mode = std::fs::metadata(keys.file("web")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = keys.get(KeyPlace::File, "web").await.unwrap();
        assert_eq!(read.expose_secret(), "lapi_secret");
        keys.forget(KeyPlace::File, "web").await.unwrap();
        keys.forget(KeyPlace::File, "web").await.unwrap();
        assert!(keys.get(KeyPlace::File, "web").await.is_err());
    }

    #[tokio::test]
    async fn an_open_file_and_a_link_are_not_read_and_not_written_through() {
        let (folder, keys) = files();
        let key = SecretString::from("lapi_secret");
        keys.put(KeyPlace::File, "web", &key).await.unwrap();
        std::fs::set_permissions(keys.file("web"), PermissionsExt::from_mode(0o644)).unwrap();
        let error = keys.get(KeyPlace::File, "web").await.unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");

        let elsewhere = folder.path().join("elsewhere");
        std::fs::write(&elsewhere, "untouched").unwrap();
        std::fs::remove_file(keys.file("web")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, keys.file("web")).unwrap();
        assert!(keys.get(KeyPlace::File, "web").await.is_err());
        keys.put(KeyPlace::File, "web", &key).await.unwrap();
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "untouched");
    }
}
