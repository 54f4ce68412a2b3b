//! The policy of this host: what is possible here, no matter who requests it.
//!
//! Root alone writes it. It is read for every request, and what is wrong with it closes everything:
//! half of a policy could allow what its author wanted to forbid.

mod builtin;
mod decide;
mod file;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use decide::{Affected, ProcessFacts, UnitFacts};
use file::Rules;
pub use linux_api_acts::protocol::Decision;

/// The most bytes of a policy.
pub const MAX_BYTES: u64 = 64 << 10;

/// Why the policy can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// There is none.
    #[error("there is no {}: nothing is allowed", .0.display())]
    Missing(PathBuf),
    /// It can't be read.
    #[error("can't read {}: {error}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// Others than root may write it.
    #[error("{} {problem}: everything is refused", .path.display())]
    Writable {
        /// The file or its directory.
        path: PathBuf,
        /// Who may.
        problem: &'static str,
    },
    /// It has a mistake.
    #[error("{}:{line}: {message}: everything is refused", .path.display())]
    Mistake {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

/// A policy without mistakes.
#[derive(Debug, Clone)]
pub struct Policy {
    path: PathBuf,
    /// What the rules are spans of.
    text: String,
    rules: Rules,
    rate: Rate,
}

/// How many acts in what time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many acts.
    pub acts: u32,
    /// In this time.
    pub period: Duration,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            acts: 30,
            period: Duration::from_mins(1),
        }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let period = match self.period.as_secs() {
            1 => "second",
            60 => "minute",
            _ => "hour",
        };
        write!(f, "{}/{period}", self.acts)
    }
}

impl Policy {
    /// Reads the policy at `path`, which only root, or the account that runs this process, may be
    /// able to write.
    ///
    /// # Errors
    /// See [`PolicyError`].
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        file::load(path)
    }

    /// Reads the text of a policy; `path` is named in messages only.
    ///
    /// # Errors
    /// [`PolicyError::Mistake`] alone.
    pub fn parse(path: &Path, text: &str) -> Result<Self, PolicyError> {
        file::parse(path, text)
    }

    /// How many acts in what time.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Accounts that may connect, beside root and the daemon's.
    #[must_use]
    pub fn peer_uids(&self) -> &[u32] {
        &self.rules.peer_uids
    }

    /// Whether rules of alerts may have units restarted.
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        let automatic = self.rules.automatic.as_ref();
        automatic.is_some_and(|automatic| *automatic.get_ref())
    }

    /// Whether any unit may be acted on.
    #[must_use]
    pub fn has_units(&self) -> bool {
        !self.rules.units.allow.is_empty()
    }

    /// Whether any unit is protected by it.
    #[must_use]
    pub fn protects_units(&self) -> bool {
        !self.rules.units.protect.is_empty()
    }

    /// Whether any process may be acted on.
    #[must_use]
    pub const fn has_processes(&self) -> bool {
        self.rules.processes.min_uid.is_some()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
