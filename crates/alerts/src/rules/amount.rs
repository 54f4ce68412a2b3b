//! Amounts as they are written in rules: numbers, or texts with a unit.

use std::fmt;

use linux_api_wire::duration_text;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// A bound as it was written: `85`, `"85%"`, `"50GiB"`, `"21d"`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Amount {
    /// A number, in the unit of what is judged.
    Number(f64),
    /// A text, with its unit.
    Text(String),
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

pub(super) struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a text with a unit")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Amount, E> {
        Ok(Amount::Number(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "thresholds are far below 2^53")]
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Amount, E> {
        Ok(Amount::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "thresholds are far below 2^53")]
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Amount, E> {
        Ok(Amount::Number(value as f64))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Amount, E> {
        Ok(Amount::Text(value.to_owned()))
    }
}

/// Units of sizes, with their bytes.
const SIZES: [(&str, f64); 6] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("PiB", 1_125_899_906_842_624.0),
];

impl Amount {
    /// The number in a unit of series: `percent`, `bytes`, `bytes_per_second`, `celsius`, `seconds` or `count`.
    ///
    /// # Errors
    /// Says what is expected when the text has another unit, or the number is not finite.
    pub fn number(&self, unit: &str) -> Result<f64, String> {
        let number = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => parse(text.trim(), unit),
        };
        let number = number.filter(|number| number.is_finite());
        number.ok_or_else(|| format!("expected {}, not {self}", form(unit)))
    }
}

fn parse(text: &str, unit: &str) -> Option<f64> {
    match unit {
        "percent" => text.strip_suffix('%')?.trim_end().parse().ok(),
        "bytes" => size(text),
        "bytes_per_second" => size(text.strip_suffix("/s")?),
        "celsius" => text.strip_suffix("°C")?.trim_end().parse().ok(),
        "seconds" => duration_text::parse(text).map(|duration| duration.as_secs_f64()),
        _ => None,
    }
}

fn size(text: &str) -> Option<f64> {
    let digits = text.find(|it: char| !it.is_ascii_digit() && it != '.')?;
    let (number, unit) = text.split_at(digits);
    let found = SIZES.into_iter().find(|(name, _)| *name == unit.trim());
    Some(number.parse::<f64>().ok()? * found?.1)
}

fn form(unit: &str) -> &'static str {
    match unit {
        "percent" => "percent, such as 85 or \"85%\"",
        "bytes" => "bytes, or a size such as \"512MiB\" or \"50GiB\"",
        "bytes_per_second" => "bytes per second, or such as \"10MiB/s\"",
        "celsius" => "degrees Celsius, such as 70 or \"70°C\"",
        "seconds" => "seconds, or a duration such as \"500ms\", \"30s\", \"24h\" or \"21d\"",
        _ => "a number",
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_unit_of_what_is_judged() {
        let of = |text: &str, unit| Amount::Text(text.to_owned()).number(unit);
        assert_eq!(of("85%", "percent"), Ok(85.0));
        assert_eq!(of("50GiB", "bytes"), Ok(53_687_091_200.0));
        assert_eq!(of("1.5 KiB", "bytes"), Ok(1536.0));
        assert_eq!(of("10MiB/s", "bytes_per_second"), Ok(10_485_760.0));
        assert_eq!(of("21d", "seconds"), Ok(1_814_400.0));
        assert_eq!(of("500ms", "seconds"), Ok(0.5));
        assert_eq!(of("70 °C", "celsius"), Ok(70.0));
        assert_eq!(Amount::Number(4.0).number("count"), Ok(4.0));
        for (text, unit) in [
            ("85", "percent"),
            ("50GB", "bytes"),
            ("50GiB", "percent"),
            ("10MiB", "bytes_per_second"),
            ("1 month", "seconds"),
            ("4", "count"),
        ] {
            assert!(of(text, unit).is_err(), "{text} {unit}");
        }
        assert!(Amount::Number(f64::NAN).number("count").is_err());
    }
}
