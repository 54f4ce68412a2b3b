//! Names of units of any type.

use std::fmt;
use std::str::FromStr;

/// The types of units, see systemd.unit(5).
pub const UNIT_TYPES: [&str; 11] = [
    "service",
    "socket",
    "timer",
    "path",
    "target",
    "mount",
    "automount",
    "swap",
    "slice",
    "scope",
    "device",
];
/// The longest name, see `UNIT_NAME_MAX` of systemd.
const NAME_BYTES: usize = 255;

/// The name of a unit: letters, digits and `:-_.\@`, with one of [`UNIT_TYPES`] at its end. Never a path, a
/// pattern or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyUnit(String);

/// The text is no name of a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Input should be the name of a unit with its type, such as nginx.service")]
pub struct NoUnitName;

impl AnyUnit {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its type, one of [`UNIT_TYPES`].
    #[must_use]
    pub fn kind(&self) -> &str {
        unit_type(&self.0)
    }

    /// Whether it is a template, which is no unit itself.
    #[must_use]
    pub fn is_template(&self) -> bool {
        is_template(&self.0)
    }
}

/// What follows the last dot of a name.
#[must_use]
pub fn unit_type(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, kind)| kind)
}

/// Whether this is the name of a template.
pub(super) fn is_template(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(stem, _)| stem.ends_with('@'))
}

impl FromStr for AnyUnit {
    type Err = NoUnitName;

    fn from_str(name: &str) -> Result<Self, NoUnitName> {
        let is_ours = |one: char| one.is_ascii_alphanumeric() || ":-_.\\@".contains(one);
        let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem);
        let is_name = name.len() <= NAME_BYTES
            && name.chars().all(is_ours)
            && !stem.is_empty()
            && !stem.starts_with(['.', '@'])
            && UNIT_TYPES.contains(&unit_type(name));
        is_name.then(|| Self(name.to_owned())).ok_or(NoUnitName)
    }
}

impl fmt::Display for AnyUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_all_types_have_names_and_nothing_else_has() {
        for name in [
            "nginx.service",
            "-.mount",
            "-.slice",
            "app@blue.service",
            "dev-disk-by\\x2dlabel.swap",
            "session-1.scope",
            "user@1000.service",
        ] {
            assert_eq!(name.parse::<AnyUnit>().unwrap().to_string(), name);
        }
        let long = format!("{}.service", "a".repeat(6 << 10));
        for name in [
            "",
            "nginx",
            "service",
            ".service",
            "@x.service",
            "a b.service",
            "a;id.service",
            "../x.service",
            "a*.service",
            "[a].service",
            "a\n.service",
            "a\0.service",
            "a\u{1b}[2J.service",
            "größe.service",
            "--output=cat",
            "-o cat",
            "nginx.SERVICE",
            "nginx.conf",
            &long,
        ] {
            assert_eq!(name.parse::<AnyUnit>(), Err(NoUnitName), "{name:?}");
        }
        assert!("app@.service".parse::<AnyUnit>().unwrap().is_template());
        assert!(!"app@a.service".parse::<AnyUnit>().unwrap().is_template());
        assert_eq!("-.mount".parse::<AnyUnit>().unwrap().kind(), "mount");
    }
}
