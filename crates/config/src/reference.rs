//! The reference of the configuration for the documentation.

use std::fmt::Write as _;

use super::section::Key;
use super::sections::Config;

const INTRODUCTION: &str = "\
# Configuration

<!-- Made by `linux-api generate config-reference`; change the definitions in crates/config/src/sections.rs. -->

linux-api runs without any configuration. What is configured is looked up in this order, the later wins:

1. the defaults below
2. the file: the one given with `--config`, else `/etc/linux-api/config.toml` when it exists, else `linux-api/config.toml` in
   `$XDG_CONFIG_HOME` (`~/.config`)
3. environment variables: `LINUX_API__SECTION__KEY`
4. command-line flags

`linux-api config init` prints a commented example, `linux-api config show` what is in effect and where each value comes from,
and `linux-api config check` everything that is wrong. In an environment variable the elements of a table are written
`name=value,name=value`.
";

/// Every option with its meaning, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in Config::default().sections() {
        let (name, doc) = (section.name(), sentence(section.doc()));
        write!(text, "\n## {name}\n\n{doc}\n").expect("a string takes any text");
        for key in section.keys() {
            text.push_str(&option(&key));
        }
    }
    text
}

fn option(key: &Key) -> String {
    let default = match &key.default {
        Some(value) => format!("`{value}`"),
        None => "unset".to_owned(),
    };
    format!(
        "\n### {}\n\n{}\n\n- Value: {}\n- Default: {default}\n- Environment: `{}`\n",
        key.path(),
        sentence(key.doc),
        key.kind(),
        key.variable()
    )
}

fn sentence(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ")
}
