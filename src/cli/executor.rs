//! `linux-api executor`: what systemd starts when the daemon requests an act on the host.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::Context;
use linux_api_acts::{LOG, POLICY, SYSTEM_BUS};
use linux_api_daemon::telemetry;
use linux_api_executor::executor::{Executor, Settings};
use linux_api_executor::server::{Listener, account_uid, serve};
use linux_api_wire::log::LogFormat;
use linux_api_wire::time::Clock;

/// Act on the host for the daemon, by the policy of this host
///
/// systemd starts it with its socket, and it ends after a minute without work. Without systemd it listens
/// where --listen says, until it is stopped.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Listen at this path, in place of a socket of systemd's
    #[arg(long, value_name = "PATH")]
    listen: Option<PathBuf>,
    /// The policy
    #[arg(long, value_name = "FILE", default_value = POLICY)]
    policy: PathBuf,
    /// The log of acts
    #[arg(long = "log", value_name = "FILE", default_value = LOG)]
    acts: PathBuf,
    /// The address of the bus that systemd is on
    #[arg(long, value_name = "ADDRESS", default_value = SYSTEM_BUS)]
    bus: String,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let _telemetry =
            telemetry::init("info", LogFormat::Text, ctx.log_sink()).context("start logging")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
        let daemon_uid = account_uid();
        let listener = match &self.listen {
            Some(path) => Listener::bind(path, daemon_uid)
                .with_context(|| format!("listen at {}", path.display()))?,
            None => Listener::passed()?,
        };
        let executor = Arc::new(Executor::new(Settings {
            policy: self.policy,
            log: self.acts,
            bus: self.bus,
            procfs: "/proc".into(),
            daemon_uid,
            clock: Clock::system(),
        }));
        warn_of_policy(&executor.settings().policy);
        if let Some(path) = &self.listen {
            tracing::info!("listening at {}", path.display());
        }
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        serve(&listener, executor, stop).await;
        Ok(ExitCode::SUCCESS)
    }
}

/// A policy that closes everything is not an error: the daemon gets the reason.
fn warn_of_policy(path: &Path) {
    if let Err(error) = linux_api_executor::policy::Policy::load(path) {
        tracing::warn!("{error}");
    }
}
