//! `linux-api tui`: the dashboard.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::exit::UsageError;
use super::hosts::{HostError, HostPlace};
use super::{Context, completion};
use linux_api_client::error::ClientError;
use linux_api_client::remotes::Remotes;
use linux_api_config::tui::Tui;
use linux_api_daemon::run::ephemeral::Ephemeral;
use linux_api_files::write_whole;
use linux_api_tui::app::DashboardSettings;
use linux_api_tui::keymap::Keymap;
use linux_api_tui::theme::Theme;
use linux_api_tui::{HostTarget, LaunchOptions};
use linux_api_wire::time::Clock;
use linux_api_wire::tui::ThemeName;

/// Monitor one or many hosts in the terminal
///
/// Shows all remotes, or the given ones; without remotes, the daemon of this machine. Keys, colours and
/// interval are set in tui.toml beside remotes.toml.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub(super) struct Options {
    /// Names of remotes, or URLs, as with --remote
    #[arg(value_name = "NAME|URL", add = completion::remotes())]
    hosts: Vec<String>,
    /// Show a scripted fleet, without any daemon
    #[arg(long)]
    demo: bool,
    /// Change nothing on any host
    #[arg(long)]
    read_only: bool,
    /// Use ASCII characters only
    #[arg(long)]
    ascii: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    no_mouse: bool,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        if self.demo && (ctx.means_many() || self.named(ctx).next().is_some()) {
            let problem = "--demo shows a scripted fleet: name no host beside it";
            return Err(UsageError(problem.to_owned()).into());
        }
        if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            bail!("the dashboard needs a terminal for input and output");
        }
        let remotes = ctx.remotes()?;
        let start = self.start(ctx, &remotes)?;
        let clock = Clock::system();
        let memory = if self.demo {
            linux_api_tui::run_demo(start, clock).await
        } else {
            let (targets, _daemon) = self.targets(ctx, &remotes).await?;
            linux_api_tui::run(targets, start, clock).await
        };
        let memory = memory.context("use the terminal")?;
        if let Some(path) = state_file(ctx).filter(|_| !self.demo) {
            // Remembering is a convenience: a read-only home must not make quitting an error.
            if let Err(error) = write_whole(&path, &memory) {
                tracing::debug!(%error, path = %path.display(), "views are not remembered");
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn start(&self, ctx: &Context, remotes: &Remotes) -> anyhow::Result<LaunchOptions> {
        let path = ctx.environment.config_dir().map(|it| it.join("tui.toml"));
        let options = Tui::load(path.as_deref())?;
        let keymap = Keymap::new(options.preset, &options.keys).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let path = path.as_deref().unwrap_or(Path::new("tui.toml"));
            anyhow::anyhow!("{}: {}", path.display(), lines.join("; "))
        })?;
        let environment = &ctx.environment;
        let colour = environment.text("NO_COLOR").is_none()
            && environment.text("TERM").is_none_or(|term| term != "dumb");
        let ascii = self.ascii || options.ascii || !ctx.speaks_utf8();
        let theme = Theme::new(options.theme, colour, ascii);
        let state = state_file(ctx).filter(|_| !self.demo);
        Ok(LaunchOptions {
            settings: DashboardSettings {
                theme,
                keymap,
                every: options.interval,
                read_only: self.read_only,
                colour: colour && options.theme != ThemeName::Mono,
            },
            mouse: options.mouse && !self.no_mouse,
            first: remotes
                .default
                .clone()
                .filter(|_| self.named(ctx).next().is_none()),
            state: state.and_then(|path| linux_api_files::read_text(&path).ok()),
        })
    }

    /// The hosts to show, and the daemon of this process where this host has no other.
    async fn targets(
        &self,
        ctx: &Context,
        remotes: &Remotes,
    ) -> anyhow::Result<(Vec<HostTarget>, Option<Ephemeral>)> {
        let given: Vec<String> = self.named(ctx).cloned().collect();
        let (places, daemon) =
            if given.is_empty() && remotes.remotes.is_empty() && !ctx.means_many() {
                let (local, daemon) = ctx.host_places().await?;
                // Without any host there is nothing to show.
                let found: Result<Vec<HostPlace>, HostError> =
                    local.into_iter().map(HostPlace::found).collect();
                (found?, daemon)
            } else {
                let names = ctx.chosen(remotes, &given)?;
                (ctx.find_all(remotes, names).await?, None)
            };
        Ok((places.into_iter().map(host_target).collect(), daemon))
    }

    /// The hosts that are named, with --remote or without.
    fn named<'a>(&'a self, ctx: &'a Context) -> impl Iterator<Item = &'a String> {
        ctx.options.remotes.iter().chain(&self.hosts)
    }
}

/// As the dashboard takes it.
fn host_target(place: HostPlace) -> HostTarget {
    let target = place.target.map_err(|error| match error {
        HostError::Client(error) => error,
        other => ClientError::Unsafe {
            address: place.name.clone(),
            reason: other.to_string(),
        },
    });
    HostTarget {
        name: place.name,
        labels: place.labels,
        target,
    }
}

fn state_file(ctx: &Context) -> Option<PathBuf> {
    let folder = ctx.environment.user_state.as_deref()?;
    Some(folder.join("tui.toml"))
}
