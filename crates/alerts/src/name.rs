//! Names of rules and channels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name, in characters.
const LENGTH_MAX: usize = 64;

/// The name of a rule or a channel: 1 to 64 lower-case letters, digits, `_` and `-`, the first of them a
/// letter or a digit. So it needs no quoting in a file, a URL, a label or a shell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected 1 to {LENGTH_MAX} lower-case letters, digits, _ and -, beginning with a letter or a digit"
)]
pub struct ParseNameError;

impl FromStr for Name {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_usual = |byte: u8| is_plain(byte) || byte == b'_' || byte == b'-';
        let begins = text.bytes().next().is_some_and(is_plain);
        if !begins || text.len() > LENGTH_MAX || !text.bytes().all(is_usual) {
            return Err(ParseNameError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Name {
    type Error = ParseNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quotes() {
        for text in ["a", "disk_space", "0-1", &"x".repeat(64)] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
        for text in ["", "-a", "_a", "A", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert_eq!(text.parse::<Name>(), Err(ParseNameError), "{text}");
        }
    }
}
