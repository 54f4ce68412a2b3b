//! How series are named: one member with its label, and which members a request selects.

use std::fmt;
use std::str::FromStr;

use super::{SERIES, Series};
use crate::suggest::nearest;

/// One member of a series, as stored and shown: `filesystem.used_bytes{mount_point="/"}`.
#[derive(Debug, Clone)]
pub struct SeriesKey {
    /// Which series.
    pub series: &'static Series,
    /// The value of its label, empty when it has none. May hold any character.
    pub label: Box<str>,
}

impl SeriesKey {
    /// The label as key and value.
    #[must_use]
    pub fn labels(&self) -> Option<(&'static str, &str)> {
        self.series.label.map(|key| (key, &*self.label))
    }

    /// The label in braces, as databases store it: `{mount_point="/"}`, or nothing. No database stores
    /// NUL, so U+FFFD takes its place.
    #[must_use]
    pub fn stored_labels(&self) -> String {
        let text = self.to_string().split_off(self.series.name.len());
        text.replace('\0', "\u{fffd}")
    }

    /// The member of a series with these [stored labels](Self::stored_labels).
    #[must_use]
    pub fn from_stored(series: &'static Series, labels: &str) -> Option<Self> {
        let member: SeriesSelector = format!("{}{labels}", series.name).parse().ok()?;
        Some(Self {
            series: member.series,
            label: member.label.unwrap_or_default().into(),
        })
    }
}

impl PartialEq for SeriesKey {
    fn eq(&self, other: &Self) -> bool {
        (self.series.name, &self.label) == (other.series.name, &other.label)
    }
}

impl Eq for SeriesKey {}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.series.name)?;
        if let Some((key, value)) = self.labels() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            write!(f, "{{{key}=\"{value}\"}}")?;
        }
        Ok(())
    }
}

/// Which members of a series are requested: all, or the one with a label.
#[derive(Debug, Clone)]
pub struct SeriesSelector {
    /// Which series.
    pub series: &'static Series,
    /// The value that its label must have; absent for any.
    pub label: Option<String>,
}

impl SeriesSelector {
    /// Whether it selects this one.
    #[must_use]
    pub fn matches(&self, key: &SeriesKey) -> bool {
        self.series.name == key.series.name
            && self
                .label
                .as_deref()
                .is_none_or(|label| label == &*key.label)
    }
}

/// Why a text selects no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseSeriesError {
    /// There is no series of this name.
    #[error("there is no series {name:?}{}", hint(.meant))]
    Unknown {
        /// The name, cut.
        name: String,
        /// Names that may have been meant; empty when none is near.
        meant: Vec<&'static str>,
    },
    /// The braces don't hold one label.
    #[error("expected {0}")]
    Label(String),
}

/// The most names that an error suggests.
const SUGGESTIONS_MAX: usize = 3;

impl ParseSeriesError {
    fn unknown(name: &str) -> Self {
        let name: String = name.chars().take(100).collect();
        let names: Vec<&'static str> = SERIES.iter().map(|series| series.name).collect();
        let mut meant: Vec<&'static str> = nearest(&name, &names).into_iter().collect();
        if meant.is_empty() && !name.is_empty() {
            // Names begin with their family and end with their unit, which are easily left out.
            let longer = names.iter().filter(|known| known.starts_with(&name));
            let within = names.iter().filter(|known| known.contains(&name));
            for known in longer.chain(within) {
                if !meant.contains(known) && meant.len() < SUGGESTIONS_MAX {
                    meant.push(known);
                }
            }
        }
        Self::Unknown { name, meant }
    }
}

fn hint(meant: &[&str]) -> String {
    if meant.is_empty() {
        return "; GET /api/v1/system/series lists all".to_owned();
    }
    let meant = meant.join(", ");
    format!("; did you mean {meant}? GET /api/v1/system/series lists all")
}

impl FromStr for SeriesSelector {
    type Err = ParseSeriesError;

    /// Reads `name` or `name{label="value"}`; in the value a backslash escapes what follows it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (name, braces) = match text.find('{') {
            Some(at) => (&text[..at], Some(&text[at..])),
            None => (text, None),
        };
        let series = SERIES
            .iter()
            .find(|series| series.name == name.trim())
            .ok_or_else(|| ParseSeriesError::unknown(name.trim()))?;
        let Some(braces) = braces else {
            return Ok(Self {
                series,
                label: None,
            });
        };
        let wrong = || {
            ParseSeriesError::Label(match series.label {
                Some(key) => format!("{name}{{{key}=\"…\"}}"),
                None => format!("{name} without a label"),
            })
        };
        let label = series
            .label
            .and_then(|key| {
                let inner = braces.strip_prefix('{')?.strip_suffix('}')?.trim();
                let value = inner.strip_prefix(key)?.trim_start().strip_prefix('=')?;
                unquote(value.trim())
            })
            .ok_or_else(wrong)?;
        Ok(Self {
            series,
            label: Some(label),
        })
    }
}

/// The text within quotes; `None` when they don't stand around all of it.
fn unquote(text: &str) -> Option<String> {
    let mut characters = text.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut value = String::new();
    while let Some(character) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?),
            '"' => return None,
            other => value.push(other),
        }
    }
    Some(value)
}
