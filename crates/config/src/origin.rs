//! Where the value of an option comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where the value of an option comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Not set.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// The environment variable of that name.
    Environment(String),
    /// The command-line flag of that name.
    Flag(String),
    /// A file that holds only this value.
    SecretFile(PathBuf),
}

impl Origin {
    /// The place in the order of precedence: a higher one wins.
    pub(super) const fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File(_) => 1,
            Self::Environment(_) => 2,
            Self::Flag(_) => 3,
            Self::SecretFile(_) => 4,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) | Self::SecretFile(path) => write!(f, "{}", path.display()),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// The origin of every option, by its name with its section.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Where the option `section.key` got its value.
    #[must_use]
    pub fn of(&self, path: &str) -> &Origin {
        self.0.get(path).unwrap_or(&Origin::Default)
    }

    pub(super) fn set(&mut self, path: &str, origin: Origin) {
        self.0.insert(path.to_owned(), origin);
    }
}
