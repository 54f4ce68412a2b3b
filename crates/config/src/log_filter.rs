//! Which log messages are written.

use toml::Value;
use tracing_subscriber::EnvFilter;

use super::value::ConfigValue;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A level, or directives such as `info,sqlx=warn`, known to be well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The directives.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl ConfigValue for LogFilter {
    fn type_name() -> String {
        "a level (off, error, warn, info, debug, trace) or directives such as \"info,sqlx=warn\""
            .to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        // `EnvFilter` takes any bare word for the name of a module, a misspelt level too.
        let misspelt = text.split(',').map(str::trim).any(|directive| {
            !directive.contains(['=', '[', ':'])
                && !LEVELS.contains(&directive.to_ascii_lowercase().as_str())
        });
        if misspelt || EnvFilter::try_new(text).is_err() {
            return Err(format!("expected {}, not {text:?}", Self::type_name()));
        }
        Ok(Self(text.to_owned()))
    }

    fn to_toml(&self) -> Option<Value> {
        Some(self.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_read() {
        for text in [
            "info",
            "WARN",
            "info,sqlx=warn",
            "linux_api_daemon::edge=debug,warn",
        ] {
            assert!(LogFilter::from_text(text).is_ok(), "{text}");
        }
        for text in ["", "infoo", "info,,", "sqlx=loud"] {
            assert!(LogFilter::from_text(text).is_err(), "{text}");
        }
    }
}
