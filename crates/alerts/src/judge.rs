//! Judges a value by the thresholds of a rule.

use crate::reading::Value;
use crate::rules::{Level, Rule};
use crate::severity::Severity;
use crate::subject::{Check, Subject};

/// A value beside one threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signal {
    /// Whether it has reached the threshold.
    pub raised: bool,
    /// Whether it has not yet cleared; true whenever it is raised.
    pub held: bool,
}

/// A value beside both thresholds of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Beside that of a warning.
    pub warning: Signal,
    /// Beside that of critical.
    pub critical: Signal,
}

/// Judges a value by a rule.
#[must_use]
pub fn judge(rule: &Rule, value: &Value) -> Judgement {
    let signal = |severity| {
        let level = rule.level(severity);
        level.map_or_else(Signal::default, |level| {
            beside(rule, severity, level, value)
        })
    };
    Judgement {
        warning: signal(Severity::Warning),
        critical: signal(Severity::Critical),
    }
}

fn beside(rule: &Rule, severity: Severity, level: &Level, value: &Value) -> Signal {
    let direction = rule.subject.direction();
    let is_reached = direction.reaches(value.main, level.at);
    let is_held = value.main.is_finite() && !direction.clears(value.main, level.clear);
    let (raised, held) = match rule.subject {
        Subject::Check(Check::DiskSpace) => {
            let is_scarce = match (level.second, value.second) {
                (Some(bound), Some(free)) => free < bound,
                _ => true,
            };
            // A rule without a bound for free space means its percentages.
            let is_extreme =
                severity == Severity::Critical && level.second.is_some() && value.is_extreme;
            ((is_reached && is_scarce) || is_extreme, is_held)
        }
        Subject::Check(Check::MemoryLow) => {
            let is_felt = match (level.second, value.second) {
                (Some(bound), Some(pressure)) => pressure >= bound,
                // Without pressure in the kernel, memory alone counts.
                _ => true,
            };
            (is_reached && is_felt, is_held)
        }
        Subject::Check(Check::OomKill) => {
            let within_hour = value.second.unwrap_or(value.main);
            let count = match severity {
                Severity::Warning => value.main,
                Severity::Critical => within_hour,
            };
            (count >= level.at, within_hour > 0.0)
        }
        Subject::Check(Check::ClockOff) => {
            let is_loose = match (level.second, value.second) {
                (Some(bound), Some(seconds)) => seconds >= bound,
                _ => false,
            };
            let is_loosening = level.second.is_some() && value.second.is_some_and(|it| it > 0.0);
            (is_reached || is_loose, is_held || is_loosening)
        }
        _ => (is_reached, is_held),
    };
    Signal {
        raised,
        held: raised || held,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::stock;
    use crate::testing::rule;

    fn of(name: &str, main: f64, second: Option<f64>, is_extreme: bool) -> String {
        let rule = stock::rules()
            .iter()
            .find(|rule| rule.name.as_str() == name);
        let value = Value {
            main,
            second,
            is_extreme,
            ..Value::default()
        };
        shown(judge(rule.unwrap(), &value))
    }

    /// `r` for raised, `h` for held only, `-` for neither; the warning first.
    fn shown(judgement: Judgement) -> String {
        let one = |signal: Signal| match (signal.raised, signal.held) {
            (true, _) => 'r',
            (false, true) => 'h',
            (false, false) => '-',
        };
        [one(judgement.warning), one(judgement.critical)]
            .iter()
            .collect()
    }

    #[test]
    fn disk_space_needs_both_conditions() {
        let gib = |count: f64| Some(count * 1_073_741_824.0);
        let disk = |percent, free, extreme| of("disk_space", percent, free, extreme);
        assert_eq!(disk(84.9, gib(10.0), false), "h-");
        assert_eq!(disk(85.0, gib(49.0), false), "r-");
        assert_eq!(disk(85.0, gib(51.0), false), "h-");
        assert_eq!(disk(82.0, gib(10.0), false), "--");
        assert_eq!(disk(95.0, gib(19.0), false), "rr");
        assert_eq!(disk(95.0, gib(21.0), false), "rh");
        assert_eq!(disk(99.0, gib(500.0), true), "hr");
        let plain = rule("name = \"x\"\ncheck = \"disk_space\"\nwarning = 99.5\ncritical = 99.9");
        let value = Value {
            main: 99.2,
            is_extreme: true,
            ..Value::default()
        };
        assert_eq!(shown(judge(&plain, &value)), "hh");
    }

    #[test]
    fn memory_counts_where_something_waits_for_it() {
        assert_eq!(of("memory_low", 9.0, Some(1.5), false), "r-");
        assert_eq!(of("memory_low", 9.0, Some(0.5), false), "h-");
        assert_eq!(of("memory_low", 9.0, None, false), "r-");
        assert_eq!(of("memory_low", 4.0, None, false), "rr");
        assert_eq!(of("memory_low", 7.9, None, false), "rh");
        assert_eq!(of("memory_low", 15.0, Some(9.0), false), "--");
    }

    #[test]
    fn kills_and_clocks_have_conditions_of_their_own() {
        assert_eq!(of("oom_kill", 1.0, Some(1.0), false), "rh");
        assert_eq!(of("oom_kill", 0.0, Some(3.0), false), "hr");
        assert_eq!(of("oom_kill", 0.0, Some(0.0), false), "--");
        assert_eq!(of("clock_off", 0.05, Some(0.0), false), "--");
        assert_eq!(of("clock_off", 0.05, Some(60.0), false), "h-");
        assert_eq!(of("clock_off", 0.05, Some(3600.0), false), "r-");
        assert_eq!(of("clock_off", 0.6, None, false), "rh");
        assert_eq!(of("clock_off", 6.0, None, false), "rr");
    }

    #[test]
    fn what_is_no_number_is_neither() {
        assert_eq!(of("pressure_io", f64::NAN, None, false), "--");
        assert_eq!(of("certificate_expires", f64::NAN, None, false), "--");
        assert_eq!(of("disk_full_soon", f64::INFINITY, None, false), "--");
    }
}
