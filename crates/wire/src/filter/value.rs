//! Reads the value of a comparison: numbers, sizes, percentages, states.

use super::expression::{Number, NumberColumn};
use crate::process::ProcessStatus;

/// Reads a number as the column takes it; the error says what was expected.
pub(super) fn number(column: NumberColumn, text: &str) -> Result<Number, String> {
    let read = match column {
        NumberColumn::Cpu => percent(text.strip_suffix('%').unwrap_or(text)),
        NumberColumn::Memory => match text.strip_suffix('%') {
            Some(text) => percent(text),
            None => size(text).map(Number::Whole),
        },
        NumberColumn::Pid | NumberColumn::Ppid | NumberColumn::Threads => {
            whole(text).map(Number::Whole)
        }
    };
    read.ok_or_else(|| {
        let expected = match column {
            NumberColumn::Cpu => "a percentage such as 5, 2.5 or 150%",
            NumberColumn::Memory => "a size such as 4096, 300M or 1.5G, or a percentage such as 5%",
            NumberColumn::Pid | NumberColumn::Ppid | NumberColumn::Threads => {
                "a whole number such as 42"
            }
        };
        format!("expected {expected} for `{}`", column.as_str())
    })
}

/// Reads a state: its word, or the letter that ps and `/proc` show.
pub(super) fn state(text: &str) -> Result<ProcessStatus, String> {
    if let [letter] = text.as_bytes()
        && ProcessStatus::from_letter(*letter) != ProcessStatus::Unknown
    {
        return Ok(ProcessStatus::from_letter(*letter));
    }
    match ProcessStatus::named(text) {
        ProcessStatus::Unknown => {
            let words = ProcessStatus::ALL.map(ProcessStatus::as_str);
            Err(format!("expected a state: one of {}", words.join(", ")))
        }
        state => Ok(state),
    }
}

fn whole(text: &str) -> Option<u64> {
    // `parse` would take a plus sign.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn percent(text: &str) -> Option<Number> {
    decimal(text).map(Number::Percent)
}

/// Digits, and perhaps a point and more digits: no sign, no exponent, no `inf`.
fn decimal(text: &str) -> Option<f64> {
    let (before, after) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number: f64 = (digits(before) && digits(after)).then(|| text.parse().ok())??;
    number.is_finite().then_some(number)
}

/// Bytes: a number, and perhaps K, M, G or T (of 1024 each), also as `KiB` or `KB`.
fn size(text: &str) -> Option<u64> {
    let end = text
        .find(|character: char| character.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let power: u32 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return None,
    };
    let factor = 1024_u64.pow(power);
    if let Some(number) = whole(number) {
        return number.checked_mul(factor);
    }
    whole_bytes(decimal(number)?, factor)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the factor is a power of two, and the product is checked to be in range"
)]
fn whole_bytes(number: f64, factor: u64) -> Option<u64> {
    let bytes = (number * factor as f64).round();
    (bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("1k", 1024),
            ("1.5G", 1_610_612_736),
            ("2T", 2_199_023_255_552),
            ("3MiB", 3_145_728),
            ("3mb", 3_145_728),
            ("7B", 7),
            ("18446744073709551615", u64::MAX),
            ("0.5K", 512),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "K",
            "-1",
            "+1",
            "1e3",
            "1.G",
            ".5G",
            "1P",
            "1 K",
            "1.2.3",
            "99999999T",
            "1_000",
            "inf",
            "99999999.5T",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn states_are_words_or_letters() {
        assert_eq!(state("Disk-Sleep"), Ok(ProcessStatus::DiskSleep));
        assert_eq!(state("Z"), Ok(ProcessStatus::Zombie));
        assert_eq!(state("t"), Ok(ProcessStatus::TracingStop));
        assert!(state("?").is_err() && state("").is_err() && state("unknown").is_err());
    }
}
