//! Files of rules: TOML with a `[[rule]]` for each.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{RULES_MAX, Rule, RuleDefinition, RuleSource, compile};

/// The largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// What is wrong with a file of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// The file.
    pub path: PathBuf,
    /// Its line, from 1.
    pub line: usize,
    /// The key, such as `warning.clear`; empty where no key is known.
    pub key: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}: ", self.path.display(), self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for FileProblem {}

/// Reads the rules of a file's text. The rules without problems are returned beside the problems of the
/// others, so that a slip in one does not silence all.
#[must_use]
pub fn parse(path: &Path, text: &str, source: &RuleSource) -> (Vec<Rule>, Vec<FileProblem>) {
    let mut file = File {
        path,
        text,
        problems: Vec::new(),
    };
    let rules = file.rules(source);
    file.problems.sort_by_key(|problem| problem.line);
    (rules, file.problems)
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    problems: Vec<FileProblem>,
}

impl File<'_> {
    fn note(&mut self, at: usize, key: &str, message: impl Into<String>) {
        let before = self.text.get(..at).unwrap_or_default();
        self.problems.push(FileProblem {
            path: self.path.to_owned(),
            line: 1 + before.matches('\n').count(),
            key: key.to_owned(),
            message: message.into().replace('\n', ", "),
        });
    }

    fn rules(&mut self, source: &RuleSource) -> Vec<Rule> {
        if self.text.len() > FILE_BYTES_MAX {
            self.note(0, "", format!("expected {FILE_BYTES_MAX} bytes at most"));
            return Vec::new();
        }
        let document = match DeTable::parse(self.text) {
            Ok(document) => document.into_inner(),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                self.note(at, "", error.message());
                return Vec::new();
            }
        };
        let mut rules = Vec::new();
        for (key, value) in document {
            if key.get_ref() != "rule" {
                let message = "unknown key: a file of rules has [[rule]] tables only";
                self.note(key.span().start, key.get_ref(), message);
                continue;
            }
            let at = value.span().start;
            let DeValue::Array(items) = value.into_inner() else {
                self.note(
                    at,
                    "rule",
                    "expected [[rule]], with two brackets on each side",
                );
                continue;
            };
            for (place, item) in items.into_iter().enumerate() {
                if place >= RULES_MAX {
                    self.note(
                        item.span().start,
                        "rule",
                        format!("expected {RULES_MAX} at most"),
                    );
                    break;
                }
                rules.extend(self.rule(&item, source));
            }
        }
        rules
    }

    fn rule(&mut self, item: &Spanned<DeValue<'_>>, source: &RuleSource) -> Option<Rule> {
        let whole = item.span();
        let definition = RuleDefinition::deserialize(ValueDeserializer::from(item.clone()));
        let definition = match definition {
            Ok(definition) => definition,
            Err(error) => {
                let span = error.span().unwrap_or(whole);
                let key = key_at(item.get_ref(), &span).unwrap_or_default();
                self.note(span.start, &key, error.message());
                return None;
            }
        };
        match compile(definition, source.clone()) {
            Ok(rule) => Some(rule),
            Err(problems) => {
                for problem in problems {
                    let at = place_of(item.get_ref(), &problem.key).unwrap_or(whole.start);
                    self.note(at, &problem.key, problem.message);
                }
                None
            }
        }
    }
}

/// The path of the innermost key at or around a place.
fn key_at(value: &DeValue<'_>, place: &Range<usize>) -> Option<String> {
    let DeValue::Table(table) = value else {
        return None;
    };
    table.iter().find_map(|(key, value)| {
        if key.span().contains(&place.start) {
            return Some(key.get_ref().to_string());
        }
        if !value.span().contains(&place.start) {
            return None;
        }
        let inner = key_at(value.get_ref(), place);
        Some(match inner {
            Some(inner) => format!("{}.{inner}", key.get_ref()),
            None => key.get_ref().to_string(),
        })
    })
}

/// Where the key with this path begins, or the nearest table around it.
fn place_of(value: &DeValue<'_>, path: &str) -> Option<usize> {
    let DeValue::Table(table) = value else {
        return None;
    };
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    place_of(value.get_ref(), rest).or(Some(key.span().start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> (Vec<Rule>, Vec<String>) {
        let path = Path::new("/etc/linux-api/alerts.d/own.toml");
        let (rules, problems) = parse(path, text, &RuleSource::File(path.to_owned()));
        let shown = problems.iter().map(|problem| {
            let text = problem.to_string();
            text.trim_start_matches("/etc/linux-api/alerts.d/own.toml: ")
                .to_owned()
        });
        (rules, shown.collect())
    }

    #[test]
    fn a_file_has_many_rules() {
        let text = "
[[rule]]
name = \"hot\"
series = \"sensor.celsius\"
warning = 80

[[rule]]
name = \"data_space\"
check = \"disk_space\"
warning = 90
[rule.labels]
mount_point = \"/data\"
";
        let (rules, problems) = parse_text(text);
        assert_eq!(problems, [""; 0]);
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["hot", "data_space"]);
        assert!(matches!(rules[0].source, RuleSource::File(_)));
        assert_eq!(parse_text("").0.len(), 0);
    }

    #[test]
    fn a_problem_has_its_line_and_key_and_other_rules_stay() {
        let text = "# own rules
[[rule]]
name = \"a\"
series = \"load.one\"
warning = { at = 5, clear = 6 }
for = \"5m\"

[[rule]]
name = \"b\"
series = \"load.one\"
warning = 5

[[rule]]
name = \"c\"
series = \"load.one\"
warning = 5
threshold = 6

[[rule]]
name = \"d\"
series = \"load.one\"
critical = { at = 5, for = 6 }

[[rule]]
name = \"e\"
check = \"disk_space\"
warning = 5
[rule.labels]
mount_point = []
";
        let (rules, problems) = parse_text(text);
        assert_eq!(rules.len(), 1, "{problems:?}");
        assert_eq!(rules[0].name.as_str(), "b");
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert!(
            problems[0].starts_with("line 5: warning.clear: "),
            "{problems:?}"
        );
        assert!(
            problems[1].starts_with("line 6: for: expected a duration"),
            "{problems:?}"
        );
        assert!(
            problems[2].starts_with("line 17: threshold: unknown field"),
            "{problems:?}"
        );
        assert!(problems[3].starts_with("line 22: critical"), "{problems:?}");
        assert!(
            problems[4].starts_with("line 29: labels.mount_point: "),
            "{problems:?}"
        );
    }

    #[test]
    fn what_is_no_file_of_rules_says_where() {
        let (_, problems) = parse_text("\n[rule]\nname = \"a\"\n");
        assert_eq!(
            problems,
            ["line 2: rule: expected [[rule]], with two brackets on each side"]
        );
        let (_, problems) = parse_text("[[rule]]\nname = \n");
        assert!(problems[0].starts_with("line 2: "), "{problems:?}");
        let (_, problems) = parse_text("[[rules]]\n");
        assert!(
            problems[0].starts_with("line 1: rules: unknown key"),
            "{problems:?}"
        );
    }
}
