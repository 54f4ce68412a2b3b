//! `linux-api tui`: the dashboard.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::remote::parse_label;
use super::{Context, completion, here};
use linux_api_client::error::ClientError;
use linux_api_client::local::LocalError;
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
    /// Names of remotes, or URLs
    #[arg(add = completion::remotes())]
    remotes: Vec<String>,
    /// Only remotes that carry this label; may be given several times
    #[arg(short, long = "label", value_name = "LABEL=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// Show a scripted fleet, without any daemon
    #[arg(long, conflicts_with_all = ["remotes", "labels"])]
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
        let ascii = self.ascii || options.ascii || !speaks_utf8(ctx);
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
            first: remotes.default.clone().filter(|_| self.remotes.is_empty()),
            state: state.and_then(|path| linux_api_files::read_text(&path).ok()),
        })
    }

    /// The hosts to show, and the daemon of this process where this host has no other.
    async fn targets(
        &self,
        ctx: &Context,
        remotes: &Remotes,
    ) -> anyhow::Result<(Vec<HostTarget>, Option<Ephemeral>)> {
        let names: Vec<String> = if !self.remotes.is_empty() {
            let fitting = remotes.with_labels(&self.labels);
            let named = self.remotes.iter().filter(|name| {
                // A URL has no labels, and a name that is unknown is to be complained about.
                let known = remotes.remotes.contains_key(*name);
                self.labels.is_empty() || !known || fitting.contains(&name.as_str())
            });
            named.cloned().collect()
        } else if self.labels.is_empty() && remotes.remotes.is_empty() {
            return local(ctx).await;
        } else {
            let fitting = remotes.with_labels(&self.labels).into_iter();
            fitting.map(str::to_owned).collect()
        };
        if names.is_empty() {
            bail!("no remote carries these labels; linux-api remote list shows them");
        }
        let found = names.into_iter().map(|name| find(ctx, remotes, name));
        let found = futures_util::future::join_all(found).await;
        let found: anyhow::Result<Vec<HostTarget>> = found.into_iter().collect();
        Ok((found?, None))
    }
}

/// This host: its daemon, else one of this process for this session only.
async fn local(ctx: &Context) -> anyhow::Result<(Vec<HostTarget>, Option<Ephemeral>)> {
    let (target, daemon) = match ctx.local_target().await {
        Ok(target) => (target, None),
        // A daemon that is there and wants a key is not passed over in silence.
        Err(error) if is_there(&error) => return Err(error),
        Err(_) => {
            let daemon = here::start(ctx).await?;
            (here::target(&daemon), Some(daemon))
        }
    };
    let host = HostTarget {
        name: "local".to_owned(),
        labels: BTreeMap::new(),
        target: Ok(target),
    };
    Ok((vec![host], daemon))
}

fn is_there(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(LocalError::NoKey { .. }))
}

/// One host. A name that is unknown is an error at once; a key that can't be had now must not hide
/// the other hosts.
async fn find(ctx: &Context, remotes: &Remotes, name: String) -> anyhow::Result<HostTarget> {
    let known = remotes.remotes.get(&name);
    let target = match (ctx.target(&name).await, known) {
        (Ok(target), _) => Ok(target),
        (Err(error), None) => return Err(error),
        (Err(error), Some(remote)) => Err(ClientError::Unsafe {
            address: remote.url.clone(),
            reason: format!("{error:#}"),
        }),
    };
    // What every URL begins with would be all that a narrow column shows of it.
    let bare = name
        .split_once("://")
        .map_or(name.as_str(), |(_, rest)| rest);
    Ok(HostTarget {
        labels: known.map(|it| it.labels.clone()).unwrap_or_default(),
        name: bare.trim_end_matches('/').to_owned(),
        target,
    })
}

fn state_file(ctx: &Context) -> Option<PathBuf> {
    let folder = ctx.environment.user_state.as_deref()?;
    Some(folder.join("tui.toml"))
}

/// Whether the locale says that the terminal reads UTF-8; the first variable that is set decides.
fn speaks_utf8(ctx: &Context) -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let locale = names
        .into_iter()
        .find_map(|name| ctx.environment.text(name));
    // Without a locale it is the C locale (POSIX), and a terminal that was started with it reads
    // bytes above 0x7F as characters of their own, some of which steer it.
    let Some(locale) = locale else {
        return false;
    };
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
