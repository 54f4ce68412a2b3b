//! `linux-api process signal` and `renice`.

use std::process::ExitCode;

use crate::cli::Context;
use crate::cli::act::{Deed, Pace, ProcessArgument};
use crate::cli::completion;
use crate::cli::exit::UsageError;
use linux_api_wire::api::acts::SignalName;

/// Send a signal to processes
///
/// A process is named by its number, or by number and start, PID@START, as `process list -o wide` shows it: when it
/// has ended and its number is another's, nothing happens to that one. A PID alone is looked up first. What each host
/// and its policy say is shown before anything is done.
#[derive(Debug, clap::Args)]
pub(super) struct SignalOptions {
    /// The processes
    #[arg(required = true, value_name = "PID[@START]")]
    processes: Vec<ProcessArgument>,
    /// HUP, INT, QUIT, KILL, USR1, USR2, TERM, CONT or STOP
    #[arg(long, value_name = "NAME", default_value = "TERM", value_parser = parse_signal, add = completion::signals())]
    signal: SignalName,
    /// Send KILL to those that have not ended so many seconds after TERM
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u8).range(1..=30))]
    escalate: Option<u8>,
    #[command(flatten)]
    pace: Pace,
}

fn parse_signal(text: &str) -> Result<SignalName, String> {
    SignalName::named(text).ok_or_else(|| {
        let names = SignalName::ALL.map(SignalName::as_str);
        format!("expected one of {}", names.join(", "))
    })
}

/// Change the nice value of processes
///
/// Processes are named as for `process signal`. All threads get the value.
#[derive(Debug, clap::Args)]
pub(super) struct ReniceOptions {
    /// The processes
    #[arg(required = true, value_name = "PID[@START]")]
    processes: Vec<ProcessArgument>,
    /// The new value, from -20 (gets most of a processor) to 19 (gets what others leave)
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true, value_parser = clap::value_parser!(i8).range(-20..=19))]
    nice: i8,
    #[command(flatten)]
    pace: Pace,
}

impl SignalOptions {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        if self.escalate.is_some() && self.signal != SignalName::Term {
            let problem = "--escalate goes with the signal TERM";
            return Err(UsageError(problem.to_owned()).into());
        }
        let deed = Deed::Signal(self.processes, self.signal, self.escalate);
        deed.run(ctx, &self.pace).await
    }
}

impl ReniceOptions {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        Deed::Renice(self.processes, self.nice)
            .run(ctx, &self.pace)
            .await
    }
}
