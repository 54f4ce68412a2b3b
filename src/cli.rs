//! The command line: its commands and global options.

mod additions;
mod admin_target;
mod audit;
mod completion;
mod config;
mod confirm;
mod database;
mod db;
mod doctor;
mod examples;
mod help;
mod here;
mod output;
mod progress;
mod proxy;
mod reload;
mod remote;
mod remotes;
mod running;
mod sanitize;
mod serve;
mod setup;
mod status;
mod stop;
mod table;
mod tui;
mod user;
mod welcome;
mod when;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use additions::openapi;
pub use completion::{answer as answer_shell, scripts as completion_scripts};

use linux_api_config::{Config, ConfigError, Environment, Flag, LoadedConfig, Sources};
use linux_api_daemon::tls::TlsError;
use linux_api_setup::prompt::PromptAbort;
use linux_api_store::StoreError;
use linux_api_wire::log::LogSink;

/// Exit code for what failed.
pub const FAILED: u8 = 1;
/// Exit code for wrong usage.
pub const USAGE: u8 = 2;
/// Exit code for what a person broke off, as shells have it for Ctrl-C.
pub const INTERRUPTED: u8 = 130;
/// Exit code for what a restart can't fix, so that systemd does not try forever.
pub const BAD_CONFIGURATION: u8 = 78;

/// Monitor Linux hosts
#[derive(Debug, Parser)]
#[command(name = "linux-api", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalOptions {
    /// Configuration file, instead of the default ones
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Format of log lines
    #[arg(long, global = true, value_name = "FORMAT", value_parser = ["text", "json"])]
    log_format: Option<String>,
    /// Log more; may be given up to three times
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Log less; may be given up to three times
    #[arg(short, long, global = true, action = ArgAction::Count)]
    quiet: u8,
    /// Copy this program to hosts behind ssh:// that have none; it goes to the cache of that account
    #[arg(long, global = true)]
    push: bool,
    /// The Linux account that gave the command, when root became another one since
    #[arg(long, global = true, hide = true, value_name = "UID")]
    acting_uid: Option<u32>,
}

impl GlobalOptions {
    /// What they say about the configuration.
    fn flags(&self) -> Vec<Flag> {
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
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Options),
    Status(status::Options),
    Reload(reload::Options),
    Stop(stop::Options),
    Setup(setup::Options),
    Tui(tui::Options),
    Remote(remote::Options),
    User(user::Options),
    Db(db::Options),
    Audit(audit::Options),
    Config(config::Options),
    Doctor(doctor::Options),
    Completion(completion::Options),
    Help(help::Options),
    #[command(hide = true)]
    Proxy(proxy::Options),
}

/// What every command is given besides its own options.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    options: GlobalOptions,
    environment: Environment,
}

impl Context {
    /// Reads the configuration; `flags` are those of the command itself and win over all others.
    ///
    /// # Errors
    /// Lists all problems of the configuration.
    pub(crate) fn load(&self, flags: Vec<Flag>) -> Result<LoadedConfig, ConfigError> {
        Config::load(&Sources {
            config_path: self.options.config.clone(),
            environment: self.environment.clone(),
            flags: self.options.flags().into_iter().chain(flags).collect(),
        })
    }
}

impl Context {
    /// Who takes what is written to standard error.
    pub(crate) fn log_sink(&self) -> LogSink {
        let stream = rustix::fs::fstat(rustix::stdio::stderr());
        let is_journal =
            stream.is_ok_and(|stream| self.environment.is_journal(stream.st_dev, stream.st_ino));
        if is_journal {
            LogSink::Journal
        } else {
            LogSink::Plain
        }
    }
}

impl Command {
    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(options) => options.run(ctx).await,
            Self::Status(options) => options.run(ctx).await,
            Self::Stop(options) => options.run(ctx).await,
            Self::Reload(options) => options.run(ctx).await,
            Self::Setup(options) => options.run(ctx).await,
            Self::Tui(options) => options.run(ctx).await,
            Self::Remote(options) => options.run(ctx).await,
            Self::User(options) => options.run(ctx).await,
            Self::Db(options) => options.run(ctx).await,
            Self::Audit(options) => options.run(ctx).await,
            Self::Config(options) => options.run(ctx),
            Self::Doctor(options) => options.run(ctx).await,
            Self::Completion(options) => options.run(),
            Self::Help(options) => options.run(),
            Self::Proxy(options) => options.run(ctx).await,
        }
    }
}

/// The whole command line.
#[must_use]
pub fn command() -> clap::Command {
    examples::add_to(Cli::command())
}

/// Does what the arguments say and reports what went wrong.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let environment = Environment::capture();
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let Cli { options, command } = match parsed {
        Ok(cli) => cli,
        Err(answer) => return output::usage(&answer),
    };
    let ctx = Context {
        options,
        environment,
    };
    let Some(command) = command else {
        return output::what_next(&welcome::text(&ctx).await);
    };
    match command.run(&ctx).await {
        Ok(code) => code,
        Err(error) => exit_code(&error),
    }
}

/// Reports why there is no runtime to run a command on.
#[must_use]
pub fn cannot_start(error: &std::io::Error) -> ExitCode {
    output::error(&anyhow::anyhow!(
        "the system refuses the threads that this program needs: {error}. The limit is that of \
         processes (ulimit -u, LimitNPROC= or TasksMax= in a unit, pids.max of a container)"
    ));
    ExitCode::from(FAILED)
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<output::OutputClosed>() {
        return ExitCode::SUCCESS;
    }
    if error.is::<PromptAbort>() {
        output::farewell(error);
        return ExitCode::from(INTERRUPTED);
    }
    output::error(error);
    let bad_configuration = error.chain().any(|cause| {
        cause.is::<ConfigError>()
            || cause.is::<TlsError>()
            || cause
                .downcast_ref::<StoreError>()
                .is_some_and(StoreError::is_final)
    });
    ExitCode::from(if bad_configuration {
        BAD_CONFIGURATION
    } else {
        FAILED
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_commands_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn verbosity_sets_the_log_level() {
        let level = |flag: &str| {
            let cli = Cli::try_parse_from(["linux-api", flag]).unwrap();
            cli.options.flags().pop().map(|flag| flag.value)
        };
        assert_eq!(level("-v").as_deref(), Some("info,linux_api=debug"));
        assert_eq!(level("-vvvv").as_deref(), Some("trace"));
        assert_eq!(level("-q").as_deref(), Some("warn"));
        assert_eq!(level("--log-format=json").as_deref(), Some("json"));
        assert!(Cli::try_parse_from(["linux-api", "-v", "-q"]).is_err());
    }
}
