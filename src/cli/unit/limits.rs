//! `linux-api unit limits`: what a service may use.

use std::process::ExitCode;

use crate::cli::act::{Deed, Pace, parse_unit};
use crate::cli::{Context, completion};
use linux_api_wire::api::acts::{Infinity, SetUnitLimits, UnitLimit};

/// Change what a service may use
///
/// Limits last until the next boot unless --persistent is given; those that are not named stay. `infinity` removes
/// one.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("limits").required(true).multiple(true))]
pub(super) struct Options {
    /// The service
    #[arg(value_parser = parse_unit, add = completion::units())]
    name: String,
    /// Most memory, at least 32M; beyond it processes are killed
    #[arg(long, group = "limits", value_name = "SIZE", value_parser = parse_size)]
    memory_max: Option<UnitLimit>,
    /// Memory beyond which it is slowed down, at least 32M
    #[arg(long, group = "limits", value_name = "SIZE", value_parser = parse_size)]
    memory_high: Option<UnitLimit>,
    /// Processor time in percent of one processor, at least 5
    #[arg(long, group = "limits", value_name = "PERCENT", value_parser = parse_percent)]
    cpu_quota: Option<UnitLimit>,
    /// Its weight among others that use disks, 10 to 10000
    #[arg(long, group = "limits", value_name = "WEIGHT", value_parser = clap::value_parser!(u64).range(10..=10_000))]
    io_weight: Option<u64>,
    /// Most processes and threads, at least 16
    #[arg(long, group = "limits", value_name = "NUMBER", value_parser = parse_number)]
    tasks_max: Option<UnitLimit>,
    /// Keep them after the next boot
    #[arg(long)]
    persistent: bool,
    #[command(flatten)]
    pace: Pace,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let limits = SetUnitLimits {
            persistent: self.persistent,
            memory_max: self.memory_max,
            memory_high: self.memory_high,
            cpu_quota: self.cpu_quota,
            io_weight: self.io_weight,
            tasks_max: self.tasks_max,
        };
        Deed::Limits(self.name, limits).run(ctx, &self.pace).await
    }
}

fn parse_limit(
    text: &str,
    number: impl Fn(&str) -> Option<u64>,
    expected: &str,
) -> Result<UnitLimit, String> {
    if text == "infinity" {
        return Ok(UnitLimit::Infinity(Infinity::Infinity));
    }
    let number = number(text).map(UnitLimit::Of);
    number.ok_or_else(|| format!("expected {expected}, or infinity"))
}

/// Bytes with a binary unit: `512M`, `1G`, `64MiB`.
fn parse_size(text: &str) -> Result<UnitLimit, String> {
    let number = |text: &str| {
        let end = text
            .find(|it: char| !it.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let shift = match unit {
            "" | "B" => 0,
            "K" | "KiB" => 10,
            "M" | "MiB" => 20,
            "G" | "GiB" => 30,
            "T" | "TiB" => 40,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(1 << shift)
    };
    parse_limit(text, number, "a size such as 512M or 2G")
}

fn parse_percent(text: &str) -> Result<UnitLimit, String> {
    let number = |text: &str| text.strip_suffix('%').unwrap_or(text).parse().ok();
    parse_limit(text, number, "whole percent such as 50%")
}

fn parse_number(text: &str) -> Result<UnitLimit, String> {
    parse_limit(text, |text| text.parse().ok(), "a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_with_units_or_infinity() {
        let of = |number| Ok(UnitLimit::Of(number));
        assert_eq!(parse_size("512M"), of(512 << 20));
        assert_eq!(parse_size("1GiB"), of(1 << 30));
        assert_eq!(parse_size("1048576"), of(1 << 20));
        assert_eq!(parse_percent("50%"), of(50));
        assert_eq!(parse_number("100"), of(100));
        let none = Ok(UnitLimit::Infinity(Infinity::Infinity));
        for parse in [parse_size, parse_percent, parse_number] {
            assert_eq!(parse("infinity"), none);
            for text in ["", "-1", "1.5", "5 G", "99999999999999T"] {
                assert!(parse(text).is_err(), "{text}");
            }
        }
    }
}
