//! The rules that are on from the first start.

use std::path::Path;
use std::sync::LazyLock;

use super::{Rule, RuleSource, file};

/// The file of the stock rules, with the reason of each as its description. An own rule with the same name
/// takes the place of one.
pub const TEXT: &str = include_str!("../stock.toml");

/// The stock rules.
///
/// # Panics
/// Never: the file is part of the program, and a test reads it.
#[must_use]
pub fn rules() -> &'static [Rule] {
    static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let (rules, problems) = file::parse(Path::new("stock.toml"), TEXT, &RuleSource::Stock);
        assert!(problems.is_empty(), "{problems:?}");
        rules
    });
    &RULES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::severity::Severity;
    use crate::subject::{CHECKS, Check, Subject};

    /// The table of `docs/alerts.md`, as far as it is numbers.
    #[test]
    fn the_thresholds_are_those_of_the_documentation() {
        let found: BTreeMap<&str, String> = rules()
            .iter()
            .map(|rule| {
                let of = |severity| {
                    let level = rule.level(severity);
                    level.map_or("-".to_owned(), |it| format!("{} {:?}", it.at, it.second))
                };
                let both = Severity::ALL.map(of).join(" / ");
                (rule.name.as_str(), both)
            })
            .collect();
        let gib = |count: f64| format!("Some({:?})", count * 1_073_741_824.0);
        let (warn, crit) = (gib(50.0), gib(20.0));
        assert_eq!(found["host_down"], "- / 90 None");
        assert_eq!(found["disk_space"], format!("85 {warn} / 95 {crit}"));
        assert_eq!(found["disk_inodes"], "85 None / 95 None");
        assert_eq!(found["disk_full_soon"], "86400 None / 14400 None");
        assert_eq!(found["memory_low"], "10 Some(1.0) / 5 Some(1.0)");
        assert_eq!(found["oom_kill"], "1 None / 3 None");
        assert_eq!(found["pressure_io"], "40 None / 80 None");
        assert_eq!(found["pressure_memory"], "10 None / 30 None");
        assert_eq!(found["pressure_cpu"], "60 None / -");
        assert_eq!(found["load_high"], "4 None / -");
        assert_eq!(found["clock_off"], "0.5 Some(3600.0) / 5 None");
        assert_eq!(found["certificate_expires"], "1814400 None / 604800 None");
    }

    #[test]
    fn each_check_but_that_of_own_processes_has_a_rule_with_a_reason() {
        for info in CHECKS.iter().filter(|it| it.check != Check::ProcessMissing) {
            let subject = Subject::Check(info.check);
            let of_check = rules().iter().filter(|rule| rule.subject == subject);
            assert!(of_check.count() > 0, "{}", info.name);
        }
        for rule in rules() {
            let reason = rule.definition.description.as_deref().unwrap_or_default();
            assert!(reason.len() > 40, "{}", rule.name);
            assert!(rule.enabled && rule.channels.is_empty());
        }
        let memory = rules()
            .iter()
            .find(|rule| rule.name.as_str() == "memory_low");
        let pending = |level: Option<super::super::Level>| level.unwrap().pending;
        assert_eq!(pending(memory.unwrap().warning), Duration::from_mins(10));
        assert_eq!(pending(memory.unwrap().critical), Duration::from_mins(5));
    }
}
