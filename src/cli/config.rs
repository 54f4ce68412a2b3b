//! `linux-api config`: look at the configuration, check it, start one.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

use super::{Context, output};

/// Show, check or create the configuration
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is in effect and where each value comes from
    Show,
    /// List everything that is wrong with the configuration
    Check,
    /// Print a commented example with every option and its default
    Init {
        /// Write it to this new file instead
        file: Option<PathBuf>,
    },
}

impl Options {
    pub(super) fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Show => show(ctx),
            Command::Check => check(ctx),
            Command::Init { file: Some(path) } => write_example(&path),
            Command::Init { file: None } => output::text(&linux_api_config::example()),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

fn show(ctx: &Context) -> anyhow::Result<()> {
    let loaded = ctx.load(Vec::new())?;
    output::document(ctx, &loaded.to_json(), || loaded.to_toml())
}

fn check(ctx: &Context) -> anyhow::Result<()> {
    let loaded = ctx.load(Vec::new())?;
    linux_api_daemon::run::check::check(&loaded, &super::additions::additions())?;
    for name in &loaded.misspelt {
        output::note(&format!("warning: {name}"));
    }
    match loaded.file {
        Some(path) => output::text(&format!("ok: {}", path.display())),
        None => output::text("ok: no configuration file"),
    }
}

/// Others may not read it, because a database password may be written into it later.
fn write_example(path: &Path) -> anyhow::Result<()> {
    let options = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(path);
    options
        .and_then(|mut file| file.write_all(linux_api_config::example().as_bytes()))
        .with_context(|| format!("write {}", path.display()))?;
    output::written(path)
}
