//! `cargo xtask`: tasks of this repository that are more than a line of the Makefile.

#![expect(clippy::print_stdout, reason = "it reports on the terminal")]

mod boards;
mod fleet;
mod generated;
mod postgres;
mod process;
mod prove_metrics;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use fleet::Fleet;
use prove_metrics::ProveMetrics;

#[derive(Debug, Parser)]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Write completions, man pages, OpenAPI, the configuration reference, the pictures and the boards of Grafana
    Generate {
        /// The directory to write below, as the repository is laid out
        #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."))]
        root: PathBuf,
    },
    /// Write pictures of every view of the dashboard, in the usual sizes and numbers of colours
    Pictures {
        /// The directory to write into
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
    /// Prove on a given program that measurements are exact, through load, outages and restarts
    ProveMetrics(ProveMetrics),
    /// Play the daemons of a fleet on one PostgreSQL, and measure what they cost it
    Fleet(Fleet),
}

fn main() -> anyhow::Result<ExitCode> {
    match Xtask::parse().task {
        Task::Generate { root } => generate(&root).map(|()| ExitCode::SUCCESS),
        Task::Pictures { into } => pictures(&into).map(|()| ExitCode::SUCCESS),
        Task::ProveMetrics(task) => task.run(),
        Task::Fleet(task) => task.run(),
    }
}

fn pictures(into: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(into).with_context(|| format!("create {}", into.display()))?;
    let mut count = 0;
    for picture in linux_api_tui::picture::every_picture() {
        let path = into.join(&picture.file);
        fs::write(&path, picture.svg).with_context(|| format!("write {}", path.display()))?;
        count += 1;
    }
    println!("{count} pictures written into {}", into.display());
    Ok(())
}

fn generate(root: &Path) -> anyhow::Result<()> {
    for (path, text) in generated::files()? {
        let path = root.join(path);
        if fs::read_to_string(&path).is_ok_and(|current| current == text) {
            continue;
        }
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("create {}", directory.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        println!("{} written", path.display());
    }
    Ok(())
}
