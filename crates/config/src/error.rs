//! What is wrong with a configuration: all of it at once.

use std::fmt;
use std::path::Path;

use super::origin::Origin;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    place: String,
    key: String,
    message: String,
    is_denied: bool,
}

impl Problem {
    /// What was said about the option `key` at `origin` can't be used.
    pub(super) fn new(origin: &Origin, key: &str, message: String) -> Self {
        let place = match origin {
            // A key may hold anything, line breaks too; a problem stays on one line.
            Origin::File(path) => format!("{}: {}", path.display(), key.escape_debug()),
            Origin::Default => key.to_owned(),
            other => other.to_string(),
        };
        Self {
            place,
            key: key.to_owned(),
            message,
            is_denied: false,
        }
    }

    /// What was said at `origin` about another option makes `key` wrong.
    pub(super) fn implied(origin: &Origin, key: &str, message: &str) -> Self {
        let message = match origin {
            Origin::File(_) | Origin::Default => message.to_owned(),
            _ => format!("{key}: {message}"),
        };
        Self::new(origin, key, message)
    }

    /// A place that is no option, for instance a line of the file.
    pub(super) const fn at(place: String, message: String) -> Self {
        Self {
            place,
            key: String::new(),
            message,
            is_denied: false,
        }
    }

    /// The file is there, and this account may not read it.
    pub(super) fn denied(path: &Path, is_system: bool) -> Self {
        let remedy = if is_system {
            "run this with sudo, or have root let your account read it: usermod -aG linux-api NAME \
             (which counts from the next login); --config FILE takes another one"
        } else {
            "run this as an account that may"
        };
        Self {
            place: path.display().to_string(),
            key: String::new(),
            message: format!("this account may not read the configuration: {remedy}"),
            is_denied: true,
        }
    }

    /// The option with its section, empty when it is about none.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The configuration can't be used; `Display` gives every problem a line.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Never without a problem.
    pub(super) const fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// All that is wrong, in the order of the layers.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl ConfigError {
    /// Nothing is known to be wrong: this account may not read the configuration.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.problems.iter().all(|problem| problem.is_denied)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
