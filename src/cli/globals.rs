//! The options of every command. Which command takes which of them is in [`super::takes`].

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ColorChoice, Command, ValueEnum};

use super::{Context, completion};
use linux_api_config::{ConfigValue, Flag};

/// How long a host may take, unless `--timeout` says otherwise.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that `--timeout` may grant.
const TIMEOUT_MAX: Duration = Duration::from_hours(1);

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Aligned columns; cut to the width of a terminal
    Table,
    /// Aligned columns, more of them, never cut
    Wide,
    /// One JSON document
    Json,
    /// One JSON object per line
    Jsonl,
    /// Only the names, one per line
    Name,
}

impl Format {
    /// Whether it is for programs.
    pub(super) const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }
}

/// When to print in colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub(crate) struct GlobalOptions {
    /// Use this daemon instead of the one here; repeatable
    #[arg(short, long = "remote", global = true, value_name = "NAME|URL", add = completion::remotes())]
    pub(super) remotes: Vec<String>,
    /// Use the remotes with this label; repeatable
    #[arg(short, long = "label", global = true, value_name = "KEY=VALUE", value_parser = parse_label, add = completion::labels())]
    pub(super) labels: Vec<(String, String)>,
    /// Use all remotes
    #[arg(long, global = true, conflicts_with = "remotes")]
    pub(super) all: bool,
    /// Print as table, wide, json, jsonl or name
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true
    )]
    pub(super) output: Option<Format>,
    /// The same as --output json
    #[arg(long, global = true, conflicts_with = "output")]
    pub(super) json: bool,
    /// Skip the confirmation
    #[arg(short, long, global = true)]
    pub(super) yes: bool,
    /// How long each host may take [default: 10s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_timeout)]
    pub(super) timeout: Option<Duration>,
    /// Copy this program to hosts behind ssh:// that have none
    #[arg(long, global = true)]
    pub(super) push: bool,
    /// Print in colour: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        hide_possible_values = true
    )]
    pub(super) color: Option<Color>,
    /// Configuration file, instead of the default ones
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Format of log lines: text or json
    #[arg(long, global = true, value_name = "FORMAT", value_parser = ["text", "json"], hide_possible_values = true)]
    log_format: Option<String>,
    /// Log more; up to three times
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Log less; up to three times
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) quiet: u8,
    /// The Linux account that gave the command, when root became another one since
    #[arg(long, global = true, hide = true, value_name = "UID")]
    pub(super) acting_uid: Option<u32>,
}

/// How help and complaints about the arguments are printed: decided before they are parsed.
pub(super) fn color_of_usage(arguments: &[OsString]) -> ColorChoice {
    let words = || arguments.iter().map(|word| word.to_string_lossy());
    let after = words()
        .zip(words().skip(1))
        .filter(|(word, _)| word == "--color")
        .map(|(_, value)| value.into_owned());
    let joined = words().filter_map(|word| word.strip_prefix("--color=").map(str::to_owned));
    match after.chain(joined).last().as_deref() {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// Each value where it stands first.
fn each_once<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// Reads `KEY=VALUE`.
pub(super) fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected KEY=VALUE, such as env=prod".to_owned()),
    }
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let timeout = Duration::from_text(text)?;
    if timeout.is_zero() || timeout > TIMEOUT_MAX {
        return Err("must be more than 0 and at most 1h".to_owned());
    }
    Ok(timeout)
}

impl GlobalOptions {
    /// What they say about the configuration.
    pub(super) fn flags(&self) -> Vec<Flag> {
        let level = match (self.verbose, self.quiet) {
            (0, 0) => None,
            (1, _) => Some(("info,linux_api=debug", "-v")),
            (2, _) => Some(("debug", "-v")),
            (3.., _) => Some(("trace", "-v")),
            (0, 1) => Some(("warn", "-q")),
            (0, 2) => Some(("error", "-q")),
            (0, 3..) => Some(("off", "-q")),
        };
        let level = level.map(|(level, name)| Flag {
            key: "log.level",
            value: level.to_owned(),
            name,
        });
        let format = self.log_format.clone();
        let format = format.map(|value| Flag {
            key: "log.format",
            value,
            name: "--log-format",
        });
        level.into_iter().chain(format).collect()
    }

    /// Adds the hosts that are chosen before the command to those that are chosen after it: of an option that is
    /// given at several levels the parser only keeps the values of the last one.
    pub(super) fn merge(&mut self, command: &Command, arguments: &[OsString]) {
        let (mut remotes, mut labels) = (Vec::new(), Vec::new());
        let globals = command.get_arguments().filter(|it| it.is_global_set());
        let parser = Command::new("level")
            .args(globals.cloned())
            .disable_help_flag(true)
            .allow_external_subcommands(true);
        let (mut below, mut rest) = (command, arguments.to_vec());
        while below.has_subcommands() {
            // All of it was parsed before, so this can't fail but at what has no subcommand.
            let Ok(level) = parser.clone().try_get_matches_from(&rest) else {
                break;
            };
            remotes.extend(level.get_many("remotes").into_iter().flatten().cloned());
            labels.extend(level.get_many("labels").into_iter().flatten().cloned());
            let Some((name, words)) = level.subcommand() else {
                break;
            };
            let Some(next) = below.find_subcommand(name) else {
                break;
            };
            below = next;
            let words = words.get_many::<OsString>("").into_iter().flatten();
            // The first word is taken for the program's name.
            rest = std::iter::once(OsString::from(name))
                .chain(words.cloned())
                .collect();
        }
        remotes.append(&mut self.remotes);
        labels.append(&mut self.labels);
        self.remotes = each_once(remotes);
        self.labels = each_once(labels);
    }

    /// How rows are printed.
    pub(super) fn format(&self) -> Format {
        if self.json {
            Format::Json
        } else {
            self.output.unwrap_or(Format::Table)
        }
    }
}

impl Context {
    /// How the output is to be printed.
    pub(super) fn format(&self) -> Format {
        self.options.format()
    }

    /// Whether the output is one for programs.
    pub(super) fn is_json(&self) -> bool {
        self.format().is_json()
    }

    /// Whether what goes to standard output may be in colour.
    pub(super) fn has_color(&self) -> bool {
        match self.options.color.unwrap_or_default() {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::io::stdout().is_terminal()
                    && self.environment.text("NO_COLOR").is_none()
                    && self.environment.text("TERM").is_none_or(|it| it != "dumb")
            }
        }
    }

    /// Columns of the terminal that standard output is; `None` where it is none, or when the output is
    /// not to be cut.
    pub(super) fn width(&self) -> Option<usize> {
        if self.format() != Format::Table || !std::io::stdout().is_terminal() {
            return None;
        }
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
        // A terminal that does not know its size says 0.
        Some(match size.ws_col {
            0 => 80,
            columns => usize::from(columns),
        })
    }

    /// Whether the locale says that the terminal reads UTF-8; the first variable that is set decides.
    pub(super) fn speaks_utf8(&self) -> bool {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"];
        let locale = names
            .into_iter()
            .find_map(|name| self.environment.text(name));
        // Without a locale it is the C locale (POSIX), and a terminal that was started with it reads
        // bytes above 0x7F as characters of their own, some of which steer it.
        let Some(locale) = locale else {
            return false;
        };
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_a_name_and_a_value() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(parse_label("env=prod"), pair("env", "prod"));
        assert_eq!(parse_label(" a = b=c "), pair("a", "b=c"));
        assert!(parse_label("env").is_err() && parse_label("=x").is_err());
    }

    #[test]
    fn a_timeout_is_a_duration_with_a_unit() {
        assert_eq!(parse_timeout("500ms"), Ok(Duration::from_millis(500)));
        for text in ["", "0s", "2h", "10", "-1s"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }
}
