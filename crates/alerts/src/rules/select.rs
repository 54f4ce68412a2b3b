//! All rules together, and which of them counts for an instance.

use super::{HostLabels, RULES_MAX, Rule, RuleSource, stock};
use crate::labels::{Closeness, Labels};
use crate::name::Name;
use crate::subject::Subject;

/// Why a rule is not among those in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleSetProblem {
    /// Another one with its name is in force.
    #[error("{name}: another rule has this name, and counts")]
    Repeated {
        /// The name.
        name: Name,
    },
    /// There are too many.
    #[error("{name}: left out, there are {RULES_MAX} rules already")]
    TooMany {
        /// The name of the one that is left out.
        name: Name,
    },
}

/// The rules in force, each name once.
#[derive(Debug, Clone, Default)]
pub struct RuleSet(Vec<Rule>);

/// How specific a rule is for an instance; the greatest one counts.
type Specificity = (bool, Closeness, usize);

impl RuleSet {
    /// The stock rules and these. One with the name of a stock rule takes its place; of two others with
    /// one name, that of a file counts.
    #[must_use]
    pub fn new(mut own: Vec<Rule>) -> (Self, Vec<RuleSetProblem>) {
        own.sort_by_key(|rule| !matches!(rule.source, RuleSource::File(_)));
        let mut all = Vec::new();
        let mut problems = Vec::new();
        let stock = stock::rules().iter();
        let is_replaced = |rule: &Rule| own.iter().any(|one| one.name == rule.name);
        all.extend(stock.filter(|rule| !is_replaced(rule)).cloned());
        for rule in own {
            let name = rule.name.clone();
            if all.iter().any(|one: &Rule| one.name == name) {
                problems.push(RuleSetProblem::Repeated { name });
            } else if all.len() == RULES_MAX {
                problems.push(RuleSetProblem::TooMany { name });
            } else {
                all.push(rule);
            }
        }
        (Self(all), problems)
    }

    /// Only these, without the stock rules: for a preview of one.
    #[must_use]
    pub const fn only(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// All of them, stock rules first.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// The rule of a name.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.name == *name)
    }

    /// The rules that count for an instance: of those about this subject which match its labels and its
    /// host, the most specific one. Several that are equally specific all count.
    ///
    /// An own rule counts before any stock rule. Then a label without wildcards is more specific than a
    /// pattern, a pattern more than none, and after that the rule that names more labels of the host. A
    /// disabled rule takes part, and when it is the most specific one, nothing fires.
    pub fn select<'a>(
        &'a self,
        subject: &Subject,
        host: &HostLabels,
        labels: &Labels,
    ) -> impl Iterator<Item = &'a Rule> + use<'a> {
        let matching: Vec<(Specificity, &Rule)> = self
            .0
            .iter()
            .filter(|rule| rule.subject == *subject)
            .filter_map(|rule| Some((specificity(rule, host, labels)?, rule)))
            .collect();
        let most = matching.iter().map(|(specificity, _)| *specificity).max();
        matching
            .into_iter()
            .filter(move |(specificity, rule)| Some(*specificity) == most && rule.enabled)
            .map(|(_, rule)| rule)
    }
}

fn specificity(rule: &Rule, host: &HostLabels, labels: &Labels) -> Option<Specificity> {
    if !rule.hosts.matches(host) {
        return None;
    }
    if let Some(process) = &rule.process
        && labels.get("process") != Some(&process.label())
    {
        return None;
    }
    let closeness = rule.labels.closeness(labels)?;
    let is_own = rule.source != RuleSource::Stock;
    Some((is_own, closeness, rule.hosts.label_count()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Check;
    use crate::testing::rule;

    fn selected(set: &RuleSet, host: &[(&str, &str)], mount_point: &str) -> Vec<String> {
        let host = host
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let labels = Labels::one("mount_point", mount_point);
        let subject = Subject::Check(Check::DiskSpace);
        let rules = set.select(&subject, &host.collect(), &labels);
        rules.map(|rule| rule.name.to_string()).collect()
    }

    fn disk(name: &str, more: &str) -> Rule {
        rule(&format!(
            "name = \"{name}\"\ncheck = \"disk_space\"\nwarning = 90\n{more}"
        ))
    }

    #[test]
    fn the_most_specific_rule_counts() {
        let (set, problems) = RuleSet::new(vec![
            disk("data", "labels = { mount_point = \"/data\" }"),
            disk("data_any", "labels = { mount_point = \"/data*\" }"),
            disk("prod", "hosts = \"env=prod\""),
            disk(
                "backup",
                "enabled = false\nlabels = { mount_point = \"/backup\" }",
            ),
        ]);
        assert_eq!(problems, []);
        let prod = [("env", "prod")];
        assert_eq!(selected(&set, &[], "/"), ["disk_space"]);
        assert_eq!(selected(&set, &prod, "/"), ["prod"]);
        assert_eq!(selected(&set, &prod, "/data"), ["data"]);
        assert_eq!(selected(&set, &[], "/data/a"), ["data_any"]);
        assert_eq!(selected(&set, &[], "/backup"), [""; 0]);
    }

    #[test]
    fn own_rules_go_before_stock_rules_and_equal_ones_all_count() {
        let (set, _) = RuleSet::new(vec![disk("one", ""), disk("two", "")]);
        assert_eq!(selected(&set, &[], "/"), ["one", "two"]);
        let (set, _) = RuleSet::new(vec![disk("disk_space", "enabled = false")]);
        assert_eq!(selected(&set, &[], "/"), [""; 0]);
    }

    #[test]
    fn names_are_unique_and_rules_are_bounded() {
        let mut of_file = disk("one", "");
        of_file.source = RuleSource::File("/etc/x.toml".into());
        let (set, problems) = RuleSet::new(vec![disk("one", ""), of_file]);
        assert_eq!(problems.len(), 1);
        let kept = set.get(&"one".parse().unwrap()).unwrap();
        assert!(matches!(kept.source, RuleSource::File(_)));
        let many = (0..RULES_MAX).map(|number| disk(&format!("r{number}"), ""));
        let (set, problems) = RuleSet::new(many.collect());
        assert_eq!(set.rules().len(), RULES_MAX);
        assert_eq!(problems.len(), stock::rules().len());
    }

    #[test]
    fn a_missing_process_has_its_own_rule() {
        let one = |name: &str, unit: &str| {
            rule(&format!(
                "name = \"{name}\"\ncheck = \"process_missing\"\nwarning = 1
                 process = {{ unit = \"{unit}\" }}"
            ))
        };
        let set = RuleSet::only(vec![one("a", "a.service"), one("b", "b.service")]);
        let subject = Subject::Check(Check::ProcessMissing);
        let labels = Labels::one("process", "b.service");
        let found: Vec<&Rule> = set.select(&subject, &HostLabels::new(), &labels).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name.as_str(), "b");
    }
}
