//! Rules: what is wrong from where on, and which rule counts for an instance.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use linux_api_wire::host_selector::HostSelector;

use crate::labels::LabelMatch;
use crate::name::Name;
use crate::severity::Severity;
use crate::subject::{Subject, amount};

mod amount;
mod compile;
mod definition;
pub mod file;
mod select;
pub mod stock;

pub use amount::Amount;
pub use compile::{RuleProblem, compile};
pub use definition::{LevelDefinition, OneOrMore, ProcessMatch, RuleDefinition};
pub use select::{RuleSet, RuleSetProblem};

/// The most rules, stock rules included.
pub const RULES_MAX: usize = 200;
/// The most instances of a rule.
pub const INSTANCES_MAX: usize = 1_000;

/// Where a rule comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleSource {
    /// It is one of the stock rules.
    Stock,
    /// A row of the database, which the API changes.
    Stored,
    /// A file, which only its editor changes.
    File(PathBuf),
}

/// A threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The value from which on it is bad, in the unit of the subject.
    pub at: f64,
    /// The value at which it is well again.
    pub clear: f64,
    /// The bound of the second condition, where the check has one and the rule sets it.
    pub second: Option<f64>,
    /// How long it must be bad before it fires.
    pub pending: Duration,
}

/// What may be done when a rule fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Restart this unit.
    Restart(String),
    /// Restart the unit that failed.
    RestartFailed,
}

/// A rule that was checked.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name; no other rule has it.
    pub name: Name,
    /// Where it comes from.
    pub source: RuleSource,
    /// Whether it fires.
    pub enabled: bool,
    /// What it judges.
    pub subject: Subject,
    /// The process that must run, for `process_missing`.
    pub process: Option<ProcessMatch>,
    /// Which instances it judges.
    pub labels: LabelMatch,
    /// Which hosts.
    pub hosts: HostSelector,
    /// From where on it warns.
    pub warning: Option<Level>,
    /// From where on it is critical.
    pub critical: Option<Level>,
    /// How long it must be well before it is resolved.
    pub keep_firing: Duration,
    /// After how long a notice is repeated; never if absent.
    pub repeat: Option<Duration>,
    /// The channels that its notices use; all of them when there are none.
    pub channels: Vec<Name>,
    /// What may be done when it fires.
    pub remedy: Option<Remedy>,
    /// Whether its notices wait for the end of quiet hours; by their severity if absent.
    pub quiet_hours: Option<bool>,
    /// As it was written.
    pub definition: RuleDefinition,
}

impl Rule {
    /// The threshold of a severity.
    #[must_use]
    pub const fn level(&self, severity: Severity) -> Option<&Level> {
        match severity {
            Severity::Warning => self.warning.as_ref(),
            Severity::Critical => self.critical.as_ref(),
        }
    }

    /// The threshold of a severity for people: `85% or more and less than 50 GiB free`.
    #[must_use]
    pub fn threshold_text(&self, severity: Severity) -> Option<String> {
        let level = self.level(severity)?;
        Some(Threshold(self, level).to_string())
    }

    /// Whether notices of a severity wait for the end of quiet hours.
    #[must_use]
    pub fn waits_in_quiet_hours(&self, severity: Severity) -> bool {
        self.quiet_hours.unwrap_or(severity == Severity::Warning)
    }
}

struct Threshold<'a>(&'a Rule, &'a Level);

impl fmt::Display for Threshold<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::subject::{Check, Direction};
        let Self(rule, level) = self;
        match rule.subject {
            // 1 stands for a fault that there is, and 0 for none.
            Subject::Check(Check::UnitFailed | Check::StorageFault | Check::LinuxApi)
                if level.at > 0.0 && level.at <= 1.0 =>
            {
                return f.write_str("any");
            }
            Subject::Check(Check::StorageTemperature) => return temperature(f, level.at),
            _ => {}
        }
        let at = amount(level.at, rule.subject.unit());
        match rule.subject.direction() {
            Direction::Above => write!(f, "{at} or more")?,
            Direction::Below => write!(f, "less than {at}")?,
        }
        let Subject::Check(check) = rule.subject else {
            return Ok(());
        };
        let (Some(bound), Some(second)) = (level.second, check.info().second) else {
            return Ok(());
        };
        let bound = amount(bound, second.unit);
        match check {
            Check::DiskSpace => write!(f, " and less than {bound} {}", second.key),
            Check::MemoryLow => write!(f, " and {} {bound} or more", second.key),
            _ => write!(f, ", or {} for {bound}", second.key),
        }
    }
}

/// A threshold that is counted from what the maker of each disk calls high.
fn temperature(f: &mut fmt::Formatter<'_>, above: f64) -> fmt::Result {
    let distance = amount(above.abs(), "celsius");
    match above {
        0.0 => f.write_str("at what its maker calls high, or hotter"),
        above if above > 0.0 => write!(f, "{distance} above what its maker calls high, or hotter"),
        _ => write!(f, "{distance} below what its maker calls high, or hotter"),
    }
}

/// The labels of a host, as its configuration has them.
pub type HostLabels = BTreeMap<String, String>;
