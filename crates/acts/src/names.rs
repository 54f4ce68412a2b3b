//! Names that cross the boundary, each checked when it is read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The types of units that can be acted on. Targets are power and run levels, mounts and devices are
/// not ours, slices and scopes hold what others started.
pub const UNIT_TYPES: [&str; 4] = [".service", ".timer", ".socket", ".path"];
/// The longest name of a unit, see `UNIT_NAME_MAX` of systemd.
const UNIT_BYTES: usize = 255;
/// The longest word.
const WORD_BYTES: usize = 128;

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Its length is out of range.
    #[error("a name of {length} bytes: 1 to {most} are possible")]
    Length {
        /// How long it is.
        length: usize,
        /// How long it may be.
        most: usize,
    },
    /// A character has no place in it.
    #[error("{0:?} can't be in a name")]
    Character(char),
    /// It is no name of a unit that can be acted on.
    #[error("a unit is named NAME.service, NAME.timer, NAME.socket or NAME.path")]
    Type,
    /// It is a template.
    #[error("it is a template: name an instance, such as NAME@INSTANCE.service")]
    Template,
}

/// The name of a unit: letters, digits and `:-_.\@`, with one of [`UNIT_TYPES`] at its end. Never an
/// option, a path, a pattern or a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName(String);

impl UnitName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a service.
    #[must_use]
    pub fn is_service(&self) -> bool {
        unit_type(&self.0) == Some(".service")
    }
}

/// Which of [`UNIT_TYPES`] a name ends with.
#[must_use]
pub fn unit_type(name: &str) -> Option<&'static str> {
    UNIT_TYPES.into_iter().find(|kind| name.ends_with(kind))
}

/// Whether a character can be in the name of a unit.
#[must_use]
pub fn is_unit_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || ":-_.\\@".contains(character)
}

impl TryFrom<String> for UnitName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        let length = name.len();
        if length == 0 || length > UNIT_BYTES {
            let most = UNIT_BYTES;
            return Err(NameError::Length { length, most });
        }
        if let Some(bad) = name.chars().find(|one| !is_unit_character(*one)) {
            return Err(NameError::Character(bad));
        }
        if let Some(bad) = name.chars().next().filter(|one| "-.@".contains(*one)) {
            return Err(NameError::Character(bad));
        }
        let stem = unit_type(&name).and_then(|kind| name.strip_suffix(kind));
        match stem {
            Some(stem) if stem.ends_with('@') => Err(NameError::Template),
            Some(stem) if !stem.is_empty() => Ok(Self(name)),
            _ => Err(NameError::Type),
        }
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> Self {
        name.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a pattern of unit names, in which `*` is any text and `?` any character.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_pattern(text: &str) -> Result<(), String> {
    let is_foreign = |one: &char| !is_unit_character(*one) && !"*?".contains(*one);
    if text.is_empty() || text.len() > 255 {
        return Err("a pattern has 1 to 255 characters".to_owned());
    }
    if let Some(bad) = text.chars().find(is_foreign) {
        return Err(format!("{bad:?} can't be in the name of a unit"));
    }
    let has_type = text.ends_with('*') || UNIT_TYPES.iter().any(|kind| text.ends_with(kind));
    if !has_type {
        let types = UNIT_TYPES.join(", ");
        return Err(format!(
            "{text:?} matches no unit that can be acted on: it ends with none of {types} and not \
             with *"
        ));
    }
    Ok(())
}

/// A word that is only recorded and compared: an id, a user, an address. 1 to 128 visible ASCII
/// characters but quotes and backslashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Word(String);

impl Word {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Word {
    type Error = NameError;

    fn try_from(word: String) -> Result<Self, NameError> {
        let length = word.len();
        if length == 0 || length > WORD_BYTES {
            let most = WORD_BYTES;
            return Err(NameError::Length { length, most });
        }
        let is_bad = |one: &char| !one.is_ascii_graphic() || "\"'\\".contains(*one);
        match word.chars().find(is_bad) {
            Some(bad) => Err(NameError::Character(bad)),
            None => Ok(Self(word)),
        }
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(name: &str) -> Result<UnitName, NameError> {
        UnitName::try_from(name.to_owned())
    }

    #[test]
    fn units_of_four_types_have_names() {
        for name in [
            "nginx.service",
            "backup.timer",
            "cups.socket",
            "cups.path",
            "app@blue.service",
            "dev-disk-by\\x2dlabel.service",
            "a:b_c.d.service",
        ] {
            assert_eq!(unit(name).unwrap().as_str(), name);
        }
        assert!(unit("a.service").unwrap().is_service() && !unit("a.timer").unwrap().is_service());
    }

    #[test]
    fn hostile_names_are_refused() {
        let long = format!("{}.service", "a".repeat(6 << 10));
        for name in [
            "",
            "a;id",
            "a;id.service",
            "-o Foo=x",
            "-oFoo=x.service",
            "../x",
            "../x.service",
            "/etc/systemd/system/x.service",
            "a b.service",
            "a*.service",
            "a?.service",
            "[a].service",
            "a\u{1b}[2J.service",
            "a\u{202e}.service",
            "a\0.service",
            "a\n.service",
            "größe.service",
            "$(id).service",
            "`id`.service",
            "reboot.target",
            "-.mount",
            "user-1000.slice",
            "session-1.scope",
            ".service",
            "service",
            "nginx",
            "nginx.servic",
            "nginx.SERVICE",
            "getty@.service",
            "@x.service",
            &long,
        ] {
            assert!(unit(name).is_err(), "{name:?}");
        }
        assert_eq!(unit("app@.service"), Err(NameError::Template));
        for word in ["", "a b", "a\"b", "a\\b", "ä", "a\u{9b}", &long] {
            assert!(Word::try_from(word.to_owned()).is_err(), "{word:?}");
        }
        assert!(Word::try_from("2001:db8::1%eth0".to_owned()).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_a_name_has_only_its_characters(name in "\\PC{0,40}(\\.service|\\.timer)?") {
            if let Ok(unit) = unit(&name) {
                prop_assert!(unit.as_str().chars().all(is_unit_character));
                prop_assert!(!name.starts_with('-') && !name.contains('/'));
                let text = serde_json::to_string(&unit).unwrap();
                prop_assert_eq!(serde_json::from_str::<UnitName>(&text).unwrap(), unit);
            }
        }
    }
}
