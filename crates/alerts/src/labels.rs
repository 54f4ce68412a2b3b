//! Which one of many: the labels of an instance, and what matches them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// The labels that distinguish the instances of a rule on one host, such as `mount_point="/"`. Empty where
/// there is one only. Values come from the host and may hold any character.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// One label.
    #[must_use]
    pub fn one(key: &str, value: &str) -> Self {
        Self(BTreeMap::from([(key.to_owned(), value.to_owned())]))
    }

    /// These, and one more.
    #[must_use]
    pub fn and(mut self, key: &str, value: &str) -> Self {
        self.0.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As series are written: `{mount_point="/"}`, or nothing.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        for (index, (key, value)) in self.0.iter().enumerate() {
            let before = if index > 0 { "," } else { "{" };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            write!(f, "{before}{key}=\"{value}\"")?;
        }
        f.write_str("}")
    }
}

/// A text in which `*` stands for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Pattern {
    text: String,
    compiled: WildMatch,
}

impl Pattern {
    /// Whether a text is among those that it stands for.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.compiled.matches(text)
    }

    /// Whether it stands for one text only.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.text.contains(['*', '?'])
    }

    /// How many characters of it stand for themselves.
    #[must_use]
    pub fn literals(&self) -> usize {
        let is_literal = |character: &char| !['*', '?'].contains(character);
        self.text.chars().filter(is_literal).count()
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self {
            compiled: WildMatch::new(&text),
            text,
        }
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

/// What the labels of an instance must be: for each key named, one of its patterns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabelMatch(pub BTreeMap<String, Vec<Pattern>>);

/// How closely labels are matched; the greater one is the more specific.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closeness {
    /// Keys that are matched by texts without wildcards.
    pub exact: usize,
    /// Keys that are matched.
    pub keys: usize,
    /// Characters that stand for themselves, in the patterns that matched.
    pub literals: usize,
}

impl LabelMatch {
    /// How closely these labels match; `None` when they don't. A match without keys matches all.
    #[must_use]
    pub fn closeness(&self, labels: &Labels) -> Option<Closeness> {
        let mut sum = Closeness::default();
        for (key, patterns) in &self.0 {
            let value = labels.get(key)?;
            let matching = patterns.iter().filter(|pattern| pattern.matches(value));
            let best = matching.max_by_key(|one| (one.is_exact(), one.literals()))?;
            sum.keys += 1;
            sum.exact += usize::from(best.is_exact());
            sum.literals += best.literals();
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(pairs: &[(&str, &[&str])]) -> LabelMatch {
        let owned = pairs.iter().map(|(key, patterns)| {
            let patterns = patterns.iter().map(|text| Pattern::from(*text)).collect();
            ((*key).to_owned(), patterns)
        });
        LabelMatch(owned.collect())
    }

    #[test]
    fn labels_are_written_as_those_of_series() {
        let labels = Labels::one("fault", "a\"b").and("device", "md0");
        assert_eq!(labels.to_string(), r#"{device="md0",fault="a\"b"}"#);
        assert_eq!(Labels::default().to_string(), "");
    }

    #[test]
    fn the_closer_match_is_the_greater() {
        let data = Labels::one("mount_point", "/data/a");
        let of = |patterns: &[&str]| matching(&[("mount_point", patterns)]).closeness(&data);
        let any = LabelMatch::default().closeness(&data);
        assert!(any < of(&["*"]));
        assert!(of(&["*"]) < of(&["/data*"]));
        assert!(of(&["/data*"]) < of(&["/data/?"]));
        assert!(of(&["/data/?"]) < of(&["/data/a"]));
        assert_eq!(of(&["/", "/data/a", "*"]), of(&["/data/a"]));
        assert_eq!(of(&["/srv*"]), None);
        let two = Labels::one("fault", "x").and("device", "md0");
        let one_key = matching(&[("fault", &["x"])]).closeness(&two);
        let both = matching(&[("fault", &["x"]), ("device", &["md*"])]).closeness(&two);
        assert!(one_key < both);
        assert_eq!(matching(&[("unit", &["x"])]).closeness(&two), None);
    }
}
