//! `linux-api tui`: the dashboard.

mod look;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::exit::UsageError;
use super::hosts::{HostError, HostPlace};
use super::{Context, completion};
use linux_api_client::error::ClientError;
use linux_api_client::remotes::{Remote, Remotes, check_name};
use linux_api_client::{Address, AddressError, Target};
use linux_api_config::tui::Tui;
use linux_api_daemon::run::ephemeral::Ephemeral;
use linux_api_files::write_whole;
use linux_api_tui::app::DashboardSettings;
use linux_api_tui::display::{Display, LocalOffset, Shape};
use linux_api_tui::keymap::Keymap;
use linux_api_tui::theme::Charset;
use linux_api_tui::{HostTarget, LaunchOptions, RemoteAdder};
use linux_api_wire::time::Clock;
use linux_api_wire::tui::Preset;

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
    /// Use these colours: default, light, mono, solarized, gruvbox, nord, high-contrast, or a file of themes/
    #[arg(long, value_name = "NAME")]
    theme: Option<String>,
    /// Begin with the keys of another program, in place of preset in tui.toml
    #[arg(long, value_name = "PRESET", value_parser = preset())]
    keys: Option<Preset>,
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
        let preset = self.keys.unwrap_or(options.preset);
        let keymap = Keymap::new(preset, &options.keys).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let path = path.as_deref().unwrap_or(Path::new("tui.toml"));
            anyhow::anyhow!("{}: {}", path.display(), lines.join("; "))
        })?;
        let is_ascii = self.ascii || options.ascii || !ctx.speaks_utf8();
        let terminal = look::terminal(&ctx.environment, is_ascii);
        let themes = path
            .as_deref()
            .and_then(Path::parent)
            .map(|it| it.join("themes"));
        let display = Display {
            terminal,
            own_themes: look::own_themes(themes.as_deref())?,
            // A font without dots shows boxes in their place.
            shape: match terminal.charset {
                Charset::Unicode => Shape::Braille,
                Charset::Console | Charset::Ascii => Shape::Blocks,
            },
            zone: options.tz,
            local: LocalOffset::System,
        };
        let name = self.theme.as_ref().unwrap_or(&options.theme);
        let theme = display.theme(name).map_err(UsageError)?;
        let state = state_file(ctx).filter(|_| !self.demo);
        Ok(LaunchOptions {
            settings: DashboardSettings {
                theme,
                keymap,
                every: options.interval,
                read_only: self.read_only,
                display,
            },
            mouse: options.mouse && !self.no_mouse,
            first: remotes
                .default
                .clone()
                .filter(|_| self.named(ctx).next().is_none()),
            state: state.and_then(|path| linux_api_files::read_text(&path).ok()),
            add_remote: remote_adder(ctx),
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

/// Adds remotes to the user's list, as `remote add` does.
fn remote_adder(ctx: &Context) -> RemoteAdder {
    let Ok(path) = ctx.remotes_file() else {
        return RemoteAdder::default();
    };
    RemoteAdder::new(move |new| {
        let address: Address = new
            .address
            .parse()
            .map_err(|error: AddressError| error.to_string())?;
        // Only what needs no key is added here: a key is entered by a person, for an address of a person.
        let Address::Ssh(host) = address else {
            return Err(format!("use linux-api remote add for {}", new.address));
        };
        check_name(&new.name).map_err(|error| error.to_string())?;
        let mut remotes = Remotes::load(&path).map_err(|error| error.to_string())?;
        if remotes.remotes.contains_key(&new.name) {
            return Err(format!("there is a remote {} already", new.name));
        }
        let remote = Remote {
            url: new.address.clone(),
            labels: BTreeMap::new(),
            ca_file: None,
            push: false,
            key: None,
        };
        remotes.remotes.insert(new.name.clone(), remote);
        remotes.save(&path).map_err(|error| error.to_string())?;
        Ok(HostTarget {
            name: new.name.clone(),
            labels: BTreeMap::new(),
            target: Ok(Target::ssh(host, false)),
        })
    })
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

/// Reads a preset, and offers their names to shells.
fn preset() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new(Preset::WORDS).try_map(|word| word.parse::<Preset>())
}

fn state_file(ctx: &Context) -> Option<PathBuf> {
    let folder = ctx.environment.user_state.as_deref()?;
    Some(folder.join("tui.toml"))
}
