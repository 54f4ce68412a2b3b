//! Durations as options of the configuration.

use std::time::Duration;

use linux_api_wire::duration_text;
use toml::Value;

use super::value::ConfigValue;

impl ConfigValue for Duration {
    fn type_name() -> String {
        duration_text::FORM.to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        duration_text::parse(text)
            .ok_or_else(|| format!("expected {}, not {text:?}", Self::type_name()))
    }

    fn to_toml(&self) -> Option<Value> {
        Some(duration_text::text(*self).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_and_an_error_shows_the_form() {
        assert_eq!(Duration::from_text("10min"), Ok(Duration::from_mins(10)));
        let error = Duration::from_text("10 minutes").unwrap_err();
        assert!(error.starts_with("expected a duration such as"), "{error}");
    }
}
