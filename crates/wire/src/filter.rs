//! The filter language for processes: `user = www-data and (cpu > 5 or memory > 1G)`.
//!
//! The API and the dashboard read and apply filters by this code, so the same text picks the same
//! rows in both. Filters come from strangers: length, depth, number of conditions and size of
//! regular expressions are bounded, and every error says at which character it is.
//!
//! `docs/processes.md` describes the language for its users.

mod expression;
mod lexer;
mod matcher;
mod parser;
mod value;

use std::fmt;
use std::str::FromStr;

use expression::Expression;

use super::process::ProcessStatus;

/// The most characters of a filter.
pub const MAX_CHARACTERS: usize = 1000;
/// How deep parentheses and `not` may be nested.
pub const MAX_DEPTH: usize = 32;
/// The most conditions, bare words included.
pub const MAX_CONDITIONS: usize = 64;
/// The most regular expressions: they cost more than any other condition.
pub const MAX_PATTERNS: usize = 8;

/// A filter that was read and is ready to be applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(Expression);

impl Filter {
    /// Whether the filter selects the row.
    #[must_use]
    pub fn matches(&self, row: &FilterRow<'_>) -> bool {
        matcher::matches(&self.0, row)
    }

    /// Whether it looks at control groups, which lists of processes leave out unless requested.
    #[must_use]
    pub fn reads_cgroups(&self) -> bool {
        self.0.reads(expression::TextColumn::Cgroup)
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parser::parse(text).map(Self)
    }
}

/// Writes the filter with every operator spelled out and every text quoted; reading that again
/// gives an equal filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct FilterError {
    /// Which character of the text is wrong, from 1; one more than there are when the end came
    /// too early.
    pub column: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

/// What a filter sees of a process, borrowed from wherever the process is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilterRow<'a> {
    /// Process id.
    pub pid: u32,
    /// Id of its parent.
    pub ppid: u32,
    /// Its name.
    pub name: &'a str,
    /// Its command line; empty when it has none.
    pub command: &'a str,
    /// Name of the account; empty when there is none.
    pub user: &'a str,
    /// Number of the account, when known.
    pub uid: Option<u32>,
    /// What it is doing.
    pub state: ProcessStatus,
    /// Percent of one CPU, when known.
    pub cpu_percent: Option<f64>,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// Resident memory in percent of the machine's, when known.
    pub memory_percent: Option<f64>,
    /// Number of threads.
    pub threads: u64,
    /// Systemd unit; empty when it is in none.
    pub unit: &'a str,
    /// Path of its control group; empty when unknown.
    pub cgroup: &'a str,
    /// Id of its container; empty when it is in none.
    pub container: &'a str,
}

#[cfg(test)]
mod tests;
