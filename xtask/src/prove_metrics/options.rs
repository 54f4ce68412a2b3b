//! The numbers of the proofs, as `NAME=NUMBER` on the command line.

use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

/// How much load, for how long.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Options {
    /// The first of ten ports on loopback.
    pub(super) port: u16,
    pub(super) requests: u32,
    pub(super) connections: u32,
    /// Seconds for which PostgreSQL is dead.
    pub(super) kill: u32,
    /// Seconds for which PostgreSQL hangs.
    pub(super) stop: u32,
    /// Requests a second.
    pub(super) rate: u32,
    /// Seconds for which the disk is full.
    pub(super) filled: u32,
    /// Routes that the simulated year has.
    pub(super) routes: u32,
    /// Seconds for which Prometheus scrapes.
    pub(super) seconds: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 21_120,
            requests: 200_000,
            connections: 64,
            kill: 300,
            stop: 120,
            rate: 200,
            filled: 60,
            routes: 5,
            seconds: 120,
        }
    }
}

impl Options {
    /// From one request of a client to its next one, for this many clients.
    pub(super) fn pace(&self, clients: u32) -> Duration {
        Duration::from_secs(clients.into()) / self.rate
    }

    /// The default numbers but for these.
    pub(super) fn with(settings: Vec<(String, u32)>) -> anyhow::Result<Self> {
        let settings = settings
            .into_iter()
            .map(|(name, number)| (name, number.into()));
        let object = serde_json::Value::Object(settings.collect());
        serde_json::from_value(object).context("no such option")
    }
}

/// One `NAME=NUMBER`.
pub(super) fn setting(text: &str) -> anyhow::Result<(String, u32)> {
    let (name, number) = text.split_once('=').context("write OPTION=NUMBER")?;
    let number = number.parse().context("not a whole number")?;
    Ok((name.to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_changes_its_own_option_only() {
        let settings = ["requests=7", "seconds=30"].map(|text| setting(text).unwrap());
        let expected = Options {
            requests: 7,
            seconds: 30,
            ..Options::default()
        };
        assert_eq!(Options::with(settings.into()).unwrap(), expected);
    }

    #[test]
    fn a_setting_needs_a_known_name_and_a_number() {
        for text in ["requests", "requests=", "requests=many", "requests=-1"] {
            assert!(setting(text).is_err(), "{text}");
        }
        for text in ["color=7", "port=70000"] {
            assert!(
                Options::with(vec![setting(text).unwrap()]).is_err(),
                "{text}"
            );
        }
    }
}
