//! `remotes.toml`: the daemons that this user watches. Keys are kept elsewhere.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::keys::{KeyError, KeyPlace, Keys};
use super::{Address, AddressError, Target};

/// Most characters of a name.
const NAME_MAX: usize = 64;

/// A daemon that this user watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// Where it listens.
    pub url: String,
    /// What it is called besides its name, for `-l LABEL=VALUE`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Certificates in PEM to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether this program may be copied to it, where it is behind ssh and has none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub push: bool,
    /// Where its key is kept; absent for sockets, and when the key comes from `LINUX_API_KEY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyPlace>,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remotes {
    /// The one that is opened first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// By name.
    #[serde(default, rename = "remote")]
    pub remotes: BTreeMap<String, Remote>,
}

/// The list of remotes can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RemotesError {
    /// The file can't be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The file is not what it should be.
    #[error("{path}: {reason}")]
    Syntax {
        /// Which.
        path: String,
        /// What is wrong and where.
        reason: String,
    },
    /// No remote goes by that name.
    #[error("there is no remote {0}; linux-api remote list shows them")]
    Unknown(String),
    /// A name that can't be one.
    #[error(
        "{0:?} can't be a name: use 1 to 64 letters, digits, dots, hyphens and underscores, and \
         begin with a letter or digit"
    )]
    Name(String),
    /// The URL of a remote is none.
    #[error("remote {name}: {error}")]
    Address {
        /// Whose.
        name: String,
        /// What is wrong with it.
        error: AddressError,
    },
    /// The key of a remote can't be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Remotes {
    /// Reads the file; none is an empty list.
    ///
    /// # Errors
    /// When there is one that can't be read, with the line.
    pub fn load(path: &Path) -> Result<Self, RemotesError> {
        let shown = || path.display().to_string();
        let text = match linux_api_files::read_text(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(RemotesError::File {
                    path: shown(),
                    error,
                });
            }
        };
        let remotes: Self = toml::from_str(&text).map_err(|error| RemotesError::Syntax {
            path: shown(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        for name in remotes.remotes.keys() {
            check_name(name)?;
        }
        Ok(remotes)
    }

    /// Writes the file again, whole or not at all.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn save(&self, path: &Path) -> Result<(), RemotesError> {
        let text = toml::to_string(self).map_err(|error| RemotesError::Syntax {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        linux_api_files::write_whole(path, &text).map_err(|error| RemotesError::File {
            path: path.display().to_string(),
            error,
        })
    }

    /// The remote of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, name: &str) -> Result<&Remote, RemotesError> {
        let remote = self.remotes.get(name);
        remote.ok_or_else(|| RemotesError::Unknown(name.to_owned()))
    }

    /// Names of the remotes that carry all these labels.
    #[must_use]
    pub fn with_labels(&self, labels: &[(String, String)]) -> Vec<&str> {
        let carries = |remote: &Remote| {
            labels
                .iter()
                .all(|(name, value)| remote.labels.get(name) == Some(value))
        };
        let remotes = self.remotes.iter();
        remotes
            .filter(|(_, remote)| carries(remote))
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

impl Remote {
    /// Where the daemon is and how to get in. A key from the environment goes before the kept one.
    ///
    /// # Errors
    /// When the URL is none, or the key can't be had.
    pub async fn target(
        &self,
        name: &str,
        keys: &Keys,
        key: Option<&SecretString>,
    ) -> Result<Target, RemotesError> {
        let address: Address = self.url.parse().map_err(|error| RemotesError::Address {
            name: name.to_owned(),
            error,
        })?;
        if let Address::Ssh(host) = address {
            return Ok(Target::ssh(host, self.push));
        }
        let key = match (key, self.key) {
            _ if !address.needs_key() => None,
            (Some(key), _) => Some(key.clone()),
            (None, Some(place)) => Some(keys.get(place, name).await?),
            (None, None) => None,
        };
        Ok(Target {
            address,
            key,
            ca_file: self.ca_file.clone(),
            connect: None,
        })
    }
}

/// Lets a name pass that can be typed, shown and used as a file's name.
///
/// # Errors
/// When it can't.
pub fn check_name(name: &str) -> Result<(), RemotesError> {
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let holds_well = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if begins_well && holds_well && name.len() <= NAME_MAX {
        Ok(())
    } else {
        Err(RemotesError::Name(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str, labels: &[(&str, &str)]) -> Remote {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Remote {
            url: url.to_owned(),
            labels: labels.iter().map(own).collect(),
            ca_file: None,
            push: false,
            key: Some(KeyPlace::Kernel),
        }
    }

    #[test]
    fn the_file_round_trips_and_its_absence_is_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("linux-api/remotes.toml");
        assert_eq!(Remotes::load(&path).unwrap(), Remotes::default());
        let mut remotes = Remotes::default();
        let web = remote("https://web-03.example", &[("env", "prod")]);
        remotes.remotes.insert("web-03".to_owned(), web);
        remotes.default = Some("web-03".to_owned());
        remotes.save(&path).unwrap();
        assert_eq!(Remotes::load(&path).unwrap(), remotes);
        let files = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(files, 1, "nothing else is left behind");
    }

    #[test]
    fn a_broken_file_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("remotes.toml");
        std::fs::write(&path, "[remote.a]\nurl = 'https://a'\nlabel = {}\n").unwrap();
        let error = Remotes::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("remotes.toml") && error.contains("line 3"),
            "{error}"
        );
        std::fs::write(&path, "[remote.\"../a\"]\nurl = 'https://a'\n").unwrap();
        assert!(matches!(Remotes::load(&path), Err(RemotesError::Name(_))));
    }

    #[test]
    fn labels_narrow_and_all_must_hold() {
        let mut remotes = Remotes::default();
        for (name, labels) in [
            ("a", vec![("env", "prod"), ("role", "web")]),
            ("b", vec![("env", "prod")]),
            ("c", vec![]),
        ] {
            let remote = remote("https://a", &labels);
            remotes.remotes.insert(name.to_owned(), remote);
        }
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(remotes.with_labels(&[]), ["a", "b", "c"]);
        assert_eq!(remotes.with_labels(&[label("env", "prod")]), ["a", "b"]);
        let both = [label("env", "prod"), label("role", "web")];
        assert_eq!(remotes.with_labels(&both), ["a"]);
    }
}
