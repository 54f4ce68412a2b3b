//! `linux-api generate`: the files of the repository that are made from the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory, Subcommand};

use super::completion::Shell;
use super::{Cli, output};
use linux_api_daemon::server;

/// Make completions, man pages and documentation
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Completions for bash, zsh and fish
    Completions {
        /// Folder to write to
        #[arg(long, value_name = "DIR", default_value = "completions")]
        out: PathBuf,
    },
    /// A man page for each command
    Man {
        /// Folder to write to
        #[arg(long, value_name = "DIR", default_value = "man")]
        out: PathBuf,
    },
    /// The API's description, openapi.json
    Openapi {
        /// Folder to write to
        #[arg(long, value_name = "DIR", default_value = "docs")]
        out: PathBuf,
    },
    /// Pictures of the dashboard, as SVG
    Screenshots {
        /// Folder to write to
        #[arg(long, value_name = "DIR", default_value = "docs/images")]
        out: PathBuf,
    },
    /// The reference of the configuration, configuration.md
    ConfigReference {
        /// Folder to write to
        #[arg(long, value_name = "DIR", default_value = "docs")]
        out: PathBuf,
    },
}

impl Options {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (Command::Completions { out }
        | Command::Man { out }
        | Command::Openapi { out }
        | Command::Screenshots { out }
        | Command::ConfigReference { out }) = &self.command;
        fs::create_dir_all(out).with_context(|| format!("make the folder {}", out.display()))?;
        match &self.command {
            Command::Completions { out } => completions(out),
            Command::Man { out } => man(out),
            Command::Openapi { out } => openapi(out),
            Command::Screenshots { out } => screenshots(out),
            Command::ConfigReference { out } => config_reference(out),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

fn completions(out: &Path) -> anyhow::Result<()> {
    for shell in Shell::ALL {
        let path = out.join(shell.file());
        // By name: where a package puts the program is in everybody's PATH.
        fs::write(&path, shell.script("linux-api")?)
            .with_context(|| format!("write {}", path.display()))?;
        output::written(&path)?;
    }
    Ok(())
}

fn man(out: &Path) -> anyhow::Result<()> {
    clap_mangen::generate_to(Cli::command(), out).context("write the man pages")?;
    output::text(&format!("man pages written to {}", out.display()))
}

fn openapi(out: &Path) -> anyhow::Result<()> {
    let path = out.join("openapi.json");
    let document = server::openapi_document().context("write the document as JSON")? + "\n";
    fs::write(&path, document).with_context(|| format!("write {}", path.display()))?;
    output::written(&path)
}

fn screenshots(out: &Path) -> anyhow::Result<()> {
    for picture in linux_api_tui::picture::pictures() {
        let path = out.join(picture.file);
        fs::write(&path, picture.svg).with_context(|| format!("write {}", path.display()))?;
        output::written(&path)?;
    }
    Ok(())
}

fn config_reference(out: &Path) -> anyhow::Result<()> {
    let path = out.join("configuration.md");
    fs::write(&path, linux_api_config::reference())
        .with_context(|| format!("write {}", path.display()))?;
    output::written(&path)
}
