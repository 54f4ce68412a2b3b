//! The effective configuration for people and programs, without its secrets.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::load::LoadedConfig;

impl LoadedConfig {
    /// Every option as TOML, its origin as a comment.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for section in self.config.sections() {
            let gap = if text.is_empty() { "" } else { "\n" };
            writeln!(text, "{gap}[{}]", section.name()).expect("a string takes any text");
            for key in section.keys() {
                let origin = self.origins.of(&key.path());
                let line = match section.value(key.name) {
                    Some(value) => format!("{} = {value}  # {origin}", key.name),
                    None => format!("# {} is not set", key.name),
                };
                // A path may hold a line break, which would end the comment.
                text.push_str(&line.replace('\n', " "));
                text.push('\n');
            }
        }
        text
    }

    /// Every option as JSON, each with its value and its origin.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let sections: Map<String, Value> = self
            .config
            .sections()
            .into_iter()
            .map(|section| {
                let options: Map<String, Value> = section
                    .keys()
                    .into_iter()
                    .map(|key| {
                        let origin = self.origins.of(&key.path()).to_string();
                        let value = section.value(key.name);
                        (
                            key.name.to_owned(),
                            json!({ "value": value, "origin": origin }),
                        )
                    })
                    .collect();
                (section.name().to_owned(), Value::Object(options))
            })
            .collect();
        json!({ "file": self.file, "data_dir": self.data_dir, "options": sections })
    }
}
