//! The reference of the configuration for the documentation.

use std::fmt::Write as _;

use super::section::Key;
use super::sections::Config;

const INTRODUCTION: &str = "\
# Configuration

<!-- Made by `make generate`; change the definitions in crates/config/src/sections.rs. -->

linux-api runs without any configuration. The value of an option comes from the last of these that has one:

1. its default below
2. the file: the one given with `--config`; without it `/etc/linux-api/config.toml` when it exists, else `linux-api/config.toml` in
   `$XDG_CONFIG_HOME` (`~/.config`)
3. the environment: `LINUX_API__SECTION__KEY`
4. a command-line flag

`linux-api config init` prints a commented example for the file. `linux-api config show` prints the values in effect and where each
comes from, and `linux-api config check` lists everything that is wrong. `sudo systemctl reload linux-api` applies a changed file
([administration.md](administration.md#change-the-configuration-of-a-running-daemon)).

The same option in the file and in the environment:

```toml
[rate_limit]
per_key = \"20/s burst 100\"
```

```sh
export LINUX_API__RATE_LIMIT__PER_KEY=\"20/s burst 100\"
```

In an environment variable a list is written `a,b`, and a table `name=value,name=value`.

| Section | For |
| --- | --- |
";

/// Every option with its meaning, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in Config::default().sections() {
        let (name, doc) = (section.name(), sentence(section.doc()));
        writeln!(text, "| [{name}](#{name}) | {doc} |").expect("a string takes any text");
    }
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
