//! `cargo xtask prove-metrics`: proves on a given program that measurements are exact, and that they
//! survive what happens to a database.

mod daemon;
mod database;
mod fleet;
mod full;
pub(crate) mod load;
mod options;
mod outage;
mod prometheus;
mod restart;
mod run;
mod year;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};

use options::{Options, setting};
use run::Run;

/// What is proven, on which program.
#[derive(Debug, Args)]
pub(crate) struct ProveMetrics {
    /// The linux-api program, best as it is released
    #[arg(value_name = "BINARY")]
    program: PathBuf,
    #[arg(value_name = "PROOF")]
    proof: Proof,
    /// Numbers to use instead of the default ones; a proof uses those that its description names, and
    /// port=21120, the first of ten ports on loopback
    #[arg(value_name = "OPTION=NUMBER", value_parser = setting)]
    settings: Vec<(String, u32)>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Proof {
    /// Four daemons on one PostgreSQL under load: stored counts and percentiles against what the clients
    /// counted and the access logs have (requests=200000 connections=64)
    Fleet,
    /// PostgreSQL is killed, later stopped by SIGSTOP, under requests; times in seconds
    /// (kill=300 stop=120 rate=200)
    Outage,
    /// A stop and a kill -9 while the database is down
    Restart,
    /// SQLite on a disk that fills up and gets room again; mounts a tmpfs, as root (filled=60 rate=200)
    Full,
    /// Retention of a simulated year of minutes, on SQLite and PostgreSQL (routes=5)
    Year,
    /// A real Prometheus scrapes, then the queries of a node dashboard; needs Debian's package prometheus
    /// (seconds=120)
    Prometheus,
}

impl ProveMetrics {
    /// Prints a line for each check; the exit code is 0 when all of them hold.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let options = Options::with(self.settings)?;
        let mut run = Run::new(&self.program, options)?;
        runtime.block_on(async {
            // What a proof has started ends when its future is dropped.
            tokio::select! {
                result = self.proof.run(&mut run) => result,
                signal = tokio::signal::ctrl_c() => {
                    signal?;
                    bail!("interrupted")
                }
            }
        })?;
        Ok(run.finish())
    }
}

impl Proof {
    async fn run(self, run: &mut Run) -> anyhow::Result<()> {
        match self {
            Self::Fleet => fleet::prove(run).await,
            Self::Outage => outage::prove(run).await,
            Self::Restart => restart::prove(run).await,
            Self::Full => full::prove(run).await,
            Self::Year => year::prove(run).await,
            Self::Prometheus => prometheus::prove(run).await,
        }
    }
}
