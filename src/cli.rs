//! The command line: its commands and global options.

mod act;
mod additions;
mod admin_target;
mod alert;
mod api;
mod audit;
mod completion;
mod config;
mod confirm;
mod database;
mod db;
mod doctor;
mod examples;
mod executor;
mod exit;
mod fleet;
mod globals;
mod help;
mod here;
mod history;
mod host;
mod hosts;
mod logs;
mod network;
mod output;
mod policy;
mod poll;
mod process;
mod progress;
mod proxy;
mod reload;
mod remote;
mod remotes;
mod rows;
mod running;
mod sanitize;
mod series;
mod serve;
mod setup;
mod status;
mod stop;
mod takes;
mod top;
mod tui;
mod unit;
mod user;
mod welcome;
mod when;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use additions::openapi;
pub use completion::{answer as answer_shell, scripts as completion_scripts};

pub use exit::{BAD_CONFIGURATION, FAILED, INTERRUPTED, NOT_ALLOWED, NOT_REACHED, USAGE};

use exit::UsageError;
use globals::GlobalOptions;
use linux_api_config::{Config, ConfigError, Environment, Flag, LoadedConfig, Sources};
use linux_api_setup::prompt::PromptAbort;
use linux_api_wire::log::LogSink;

/// Monitor Linux hosts
#[derive(Debug, Parser)]
#[command(
    name = "linux-api",
    version,
    disable_help_subcommand = true,
    after_help = "Exit codes: linux-api help exit-codes"
)]
pub struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Options),
    Status(status::Options),
    Reload(reload::Options),
    Stop(stop::Options),
    Setup(setup::Options),
    Tui(tui::Options),
    Host(host::Options),
    Process(process::Options),
    Unit(unit::Options),
    Alert(alert::Options),
    Logs(logs::Options),
    Network(network::Options),
    History(history::Options),
    Series(series::Options),
    Top(top::Options),
    Fleet(fleet::Options),
    Remote(remote::Options),
    User(user::Options),
    Audit(audit::Options),
    Policy(policy::Options),
    Db(db::Options),
    Api(api::Options),
    Config(config::Options),
    Doctor(doctor::Options),
    Completion(completion::Options),
    Help(help::Options),
    #[command(hide = true)]
    Proxy(proxy::Options),
    #[command(hide = true)]
    Executor(executor::Options),
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
            Self::Host(options) => options.run(ctx).await,
            Self::Process(options) => options.run(ctx).await,
            Self::Unit(options) => options.run(ctx).await,
            Self::Alert(options) => options.run(ctx).await,
            Self::Logs(options) => options.run(ctx).await,
            Self::Network(options) => options.run(ctx).await,
            Self::History(options) => options.run(ctx).await,
            Self::Series(options) => options.run(ctx).await,
            Self::Top(options) => options.run(ctx).await,
            Self::Fleet(options) => options.run(ctx).await,
            Self::Api(options) => options.run(ctx).await,
            Self::Remote(options) => options.run(ctx).await,
            Self::User(options) => options.run(ctx).await,
            Self::Db(options) => options.run(ctx).await,
            Self::Audit(options) => options.run(ctx).await,
            Self::Config(options) => options.run(ctx),
            Self::Doctor(options) => options.run(ctx).await,
            Self::Completion(options) => options.run(),
            Self::Help(options) => options.run(),
            Self::Proxy(options) => options.run(ctx).await,
            Self::Policy(options) => options.run(ctx).await,
            Self::Executor(options) => options.run(ctx).await,
        }
    }
}

/// The whole command line.
#[must_use]
pub fn command() -> clap::Command {
    takes::hide_others(examples::add_to(Cli::command()))
}

/// Does what the arguments say and reports what went wrong.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let environment = Environment::capture();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = command().color(globals::color_of_usage(&arguments));
    let parsed = command
        .clone()
        .try_get_matches_from(&arguments)
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(answer) => return output::usage(&answer),
    };
    let mut options = cli.options;
    options.merge(&command, &arguments);
    if let Some(complaint) = takes::complaint(&matches, &options) {
        return exit_code(&UsageError(complaint).into());
    }
    let ctx = Context {
        options,
        environment,
    };
    let Some(command) = cli.command else {
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
    ExitCode::from(exit::code(error))
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
