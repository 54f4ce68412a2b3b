//! The user's own settings of the dashboard: `tui.toml` in the user's configuration directory.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use toml::Value;

use super::error::{ConfigError, Problem};
use super::origin::Origin;
use super::section::{Raw, Section, section};
use super::value::ConfigValue;
use linux_api_wire::tui::{Preset, TimeZone};

macro_rules! word_value {
    ($name:ty) => {
        impl ConfigValue for $name {
            fn type_name() -> String {
                format!("one of {}", Self::WORDS.join(", "))
            }

            fn from_toml(value: &Value) -> Result<Self, String> {
                let text = value.as_str().ok_or("expected a text")?;
                Self::from_text(text)
            }

            fn from_text(text: &str) -> Result<Self, String> {
                text.parse()
            }

            fn to_toml(&self) -> Option<Value> {
                Some(Value::String(self.as_str().to_owned()))
            }
        }
    };
}

word_value!(TimeZone);
word_value!(Preset);

section! {
    /// The dashboard.
    pub struct Tui in "tui" {
        /// Colours: default, light, mono, solarized, gruvbox, nord, high-contrast, or the name of a file
        /// `themes/NAME.toml` beside this one.
        theme: String = "default".to_owned();
        /// Of which time zone times are shown: utc, local or host.
        tz: TimeZone = TimeZone::Utc;
        /// Keys to begin with: default, htop, btop or k9s.
        preset: Preset = Preset::Default;
        /// Keys of single actions, over those of the preset.
        keys: BTreeMap<String, String> = BTreeMap::new();
        /// How often the selected host is polled.
        interval: Duration = Duration::from_secs(2),
            in Duration::from_secs(1)..=Duration::from_hours(1);
        /// Whether the mouse is used.
        mouse: bool = true;
        /// Whether only ASCII is shown.
        ascii: bool = false;
    }
}

impl Tui {
    /// Reads the file; none is the defaults.
    ///
    /// # Errors
    /// Lists all problems of the file.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let mut options = Self::default();
        let Some(path) = path else {
            return Ok(options);
        };
        let origin = Origin::File(path.to_owned());
        let whole = |message: String| {
            let problem = Problem::at(path.display().to_string(), message);
            ConfigError::new(vec![problem])
        };
        let text = match linux_api_files::read_text(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(options),
            Err(error) => return Err(whole(error.to_string())),
        };
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| whole(error.to_string().trim_end().to_owned()))?;
        let mut problems = Vec::new();
        for (key, value) in &table {
            let message = match options.set(key, Raw::Toml(value)) {
                Some(Ok(())) => continue,
                Some(Err(message)) => message,
                None => "unknown key".to_owned(),
            };
            problems.push(Problem::new(&origin, key, message));
        }
        if problems.is_empty() {
            Ok(options)
        } else {
            Err(ConfigError::new(problems))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Tui, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tui.toml");
        std::fs::write(&path, text).unwrap();
        Tui::load(Some(&path)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_can_be_set_and_none_has_to() {
        let options = load("").unwrap();
        assert_eq!(options.preset, Preset::Default);
        let text = "theme = 'light'\ntz = 'local'\npreset = 'htop'\ninterval = '5s'\nmouse = false\n\
                    ascii = true\n[keys]\nquit = 'x'\n";
        let options = load(text).unwrap();
        assert_eq!(options.theme, "light");
        assert_eq!(options.tz, TimeZone::Local);
        assert_eq!(options.interval, Duration::from_secs(5));
        assert_eq!(options.keys["quit"], "x");
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let error = load("tz = 'moon'\ninterval = '1ms'\nflavour = 1\n").unwrap_err();
        for word in ["tz", "utc, local, host", "interval", "flavour", "tui.toml"] {
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}
