//! `linux-api serve`: the daemon.

pub(super) mod detach;
mod ephemeral;
mod first_admin;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::additions::additions;
use super::{Context, output};
use linux_api_config::{Flag, LoadedConfig, Origin};
use linux_api_daemon::run::check::check;
use linux_api_daemon::run::reload::Reader;
use linux_api_daemon::run::systemd::PassedSockets;
use linux_api_daemon::run::{Daemon, Start};
use linux_api_daemon::telemetry;

/// Run the daemon
///
/// Without any configuration it listens on 127.0.0.1:8080 and keeps its data in SQLite. The first
/// start makes the user admin and prints its key once.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub(super) struct Options {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Also listen on this Unix socket
    #[arg(long, value_name = "PATH")]
    unix: Option<String>,
    /// Refuse to start while migrations are pending, instead of applying them
    #[arg(long)]
    no_migrate: bool,
    /// Start with a throwaway database and a key that is shown on the screen
    #[arg(long)]
    demo: bool,
    /// Serve this account alone, on a Unix socket and from memory; keep nothing
    ///
    /// No port, no key, no data directory: history begins now and ends with the daemon. The socket is
    /// `$XDG_RUNTIME_DIR/linux-api/api.sock`, else `/tmp/linux-api-UID/api.sock`, or where `--unix` says.
    #[arg(long, conflicts_with_all = ["listen", "no_migrate", "demo", "detach", "detached"])]
    ephemeral: bool,
    /// Run in the background once ready; `linux-api stop` ends it
    #[arg(long)]
    detach: bool,
    /// How a daemon in the background is started by `--detach`
    #[arg(long, hide = true, conflicts_with = "detach")]
    detached: bool,
}

impl Options {
    fn flags(&self) -> Vec<Flag> {
        let flag = |key, value: Option<&String>, name| {
            value.map(|value| Flag {
                key,
                value: value.clone(),
                name,
            })
        };
        let no = self.no_migrate.then(|| "false".to_owned());
        let yes = self.demo.then(|| "true".to_owned());
        [
            flag("server.listen", self.listen.as_ref(), "--listen"),
            flag("server.unix", self.unix.as_ref(), "--unix"),
            flag("database.migrate", no.as_ref(), "--no-migrate"),
            flag("demo.enabled", yes.as_ref(), "--demo"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        // From the first moment on, so that a stop during a migration is a stop too.
        let mut signals = Signals::new()?;
        if self.ephemeral {
            let stop = signals.stop.clone();
            let work = Box::pin(ephemeral::run(ctx, self.unix, stop));
            return tokio::select! {
                done = work => done,
                () = signals.watch() => unreachable_stop(),
            };
        }
        let hangup = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
        let sockets = PassedSockets::take()?;
        let flags = self.flags();
        let loaded = ctx.load(flags.clone())?;
        let additions = additions();
        check(&loaded, &additions)?;
        if self.detach {
            return detach::start(&loaded);
        }
        let background = self
            .detached
            .then(|| detach::Background::enter(&loaded))
            .transpose()?;
        let format = loaded.config.log.format;
        let telemetry =
            telemetry::init(level(&loaded), format, ctx.log_sink()).context("start logging")?;
        for name in &loaded.misspelt {
            tracing::warn!("{name}");
        }
        let reading = ctx.clone();
        let start = Start {
            reader: Reader::new(move || Ok(reading.load(flags.clone())?), additions),
            log_sink: ctx.log_sink(),
            telemetry,
            hangup,
            sockets,
            late_key: first_admin::late_key(&loaded, ctx, background.is_some()),
            additions,
            loaded: loaded.clone(),
        };
        let stop = signals.stop.clone();
        // Large, and kept for as long as the daemon lives.
        let work = Box::pin(async {
            let Some(daemon) = Daemon::open(start, &stop).await? else {
                return Ok(ExitCode::SUCCESS);
            };
            let (key, addresses) = (daemon.first_key(), daemon.addresses());
            first_admin::show_key(&loaded, ctx, key, addresses).await?;
            if let Some(reason) = daemon.outage() {
                output::text(&format!(
                    "The database is away: {reason}. The daemon keeps trying; see linux-api status."
                ))?;
            }
            if let Some(reason) = daemon.obstacle() {
                output::text(&format!(
                    "The database is not used yet: {reason}. See linux-api status."
                ))?;
            }
            if let Some(background) = &background {
                background.ready()?;
            }
            Box::pin(daemon.serve(stop.clone())).await?;
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        });
        tokio::select! {
            done = work => done,
            () = signals.watch() => unreachable_stop(),
        }
    }
}

/// The level of the log. A person at a terminal reads the first words of the daemon: unless a level is set, no
/// lines come between them but warnings.
fn level(loaded: &LoadedConfig) -> &str {
    let is_watched = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
    if is_watched && *loaded.origins.of("log.level") == Origin::Default {
        "warn"
    } else {
        loaded.config.log.level.as_str()
    }
}

/// `Signals::watch` only ends when signals can't be waited for any more.
fn unreachable_stop() -> anyhow::Result<ExitCode> {
    anyhow::bail!("can't receive signals")
}

/// SIGTERM and SIGINT: the first begins a clean stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    stop: CancellationToken,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listen for SIGINT")?,
            stop: CancellationToken::new(),
        })
    }

    async fn watch(&mut self) {
        let signal = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        // Before the log says so: from that line on, no connection is accepted.
        self.stop.cancel();
        tracing::info!("{signal}, stopping");
        // The daemon ends by itself; a second signal must not kill it in the middle of a flush.
        std::future::pending::<()>().await;
    }
}
