//! Sizes as people write them: `512KiB`, `64MiB`, `1GiB`.

use toml::Value;

use super::value::ConfigValue;

/// Units from the largest to the smallest, with their bytes.
const UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// So many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl ConfigValue for Size {
    fn type_name() -> String {
        "a size such as \"512KiB\", \"64MiB\" or \"1GiB\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        parse(text)
            .map(Self)
            .ok_or_else(|| format!("expected {}, not {text:?}", Self::type_name()))
    }

    fn to_toml(&self) -> Option<Value> {
        let (name, unit) = UNITS
            .into_iter()
            .find(|(_, unit)| self.0.is_multiple_of(*unit))
            .unwrap_or(("B", 1));
        Some(if self.0 == 0 {
            "0B".into()
        } else {
            format!("{}{name}", self.0 / unit).into()
        })
    }
}

fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, bytes) = UNITS
        .into_iter()
        .find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in ["0B", "1000B", "512KiB", "64MiB", "1GiB"] {
            assert_eq!(Size::from_text(text).unwrap().to_toml(), Some(text.into()));
        }
        assert_eq!(Size::from_text("64 MiB"), Ok(Size::from_bytes(64 << 20)));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "64", "64MB", "-1KiB", "99999999999999GiB"] {
            assert!(Size::from_text(text).is_err(), "{text}");
        }
    }
}
