//! `cargo xtask fleet`: plays the daemons of a fleet on one PostgreSQL, and measures what they cost it.
//!
//! Each played daemon runs the tasks of a real one that reach its database, with pools of the real sizes,
//! on a host that is made up. [`report::NOT_PLAYED`] says what is left out.

mod alerts;
mod crowd;
mod history;
mod host;
mod keys;
mod played;
mod pooler;
mod questions;
mod report;
mod requests;
mod retention;
mod revocation;
mod site;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use tokio::time::sleep;

use alerts::Receiver;
use crowd::Crowd;
use keys::Keys;
use report::{Report, Row};
use requests::Traffic;
use site::Site;

/// From the last start to the first measurement: the flushes of all daemons have found their places.
const SETTLE: Duration = Duration::from_secs(90);
/// From the first use of all daemons to the measurement.
const WARM_UP: Duration = Duration::from_secs(15);

/// How large a fleet is played, for how long, on which database.
#[derive(Debug, Args)]
pub(crate) struct Fleet {
    /// How many daemons are played
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    hosts: u32,
    /// For how long they are measured: three quarters of the time idle, then in use
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    minutes: u32,
    /// How many of them are in use in the last quarter; all of them without it
    #[arg(long, value_name = "N")]
    used: Option<u32>,
    /// Under how many routes a daemon in use counts requests
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    routes: u32,
    /// Requests to each of these routes a minute
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=6_000))]
    requests: u32,
    /// How many days are written before the daemons start; 0 leaves out the size on disk, the questions and
    /// retention
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=365))]
    days: u32,
    /// How many hosts have all their series in these days; requests of the last ten are those of all hosts
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    full_hosts: u32,
    /// An empty database to use in place of a private server; through a pooler when --direct-url is given too
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The server behind the pooler of --url
    #[arg(long, value_name = "URL", requires = "url")]
    direct_url: Option<String>,
    /// No PgBouncer between the daemons and the private server
    #[arg(long, conflicts_with = "url")]
    direct: bool,
    /// Use TimescaleDB, which the server must have
    #[arg(long)]
    timescaledb: bool,
    /// The linux-api program that the questions are sent to, best as it is released and of this source
    #[arg(
        long,
        value_name = "BINARY",
        default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/linux-api")
    )]
    program: PathBuf,
}

impl Fleet {
    /// Prints a table of figures beside those of `docs/fleet.md`; the exit code is 0 when all bars are met.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if self.days > 0 && !self.program.exists() {
            bail!(
                "{} is missing: run `make release`, name another with --program, or leave the questions out \
                 with --days 0",
                self.program.display()
            );
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let report = runtime.block_on(async {
            // What was started ends when its future is dropped.
            tokio::select! {
                report = self.play() => report,
                signal = tokio::signal::ctrl_c() => {
                    signal?;
                    bail!("interrupted")
                }
            }
        })?;
        Ok(report.print(self.hosts))
    }

    async fn play(&self) -> anyhow::Result<Report> {
        let mut report = Report::new();
        let site = Site::prepare(self).await?;
        println!("{}", site.describe());
        let traffic = Traffic {
            routes: self.routes,
            each: self.requests,
        };
        if self.days > 0 {
            let on_disk = history::fill_series(&site, self.full_hosts, self.days).await?;
            report.note(Row::Disk, on_disk);
            history::fill_requests(&site, self.hosts, traffic).await?;
            site.analyze().await?;
        }
        let keys = Keys::create(&site).await?;
        let receiver = Receiver::start(site.path("receiver")).await?;
        let crowd = Crowd::start(&site, &receiver, self.hosts, traffic).await?;
        println!("{} daemons run", crowd.len());
        sleep(SETTLE).await;

        let idle = Duration::from_secs(u64::from(self.minutes) * 45);
        usage::measure_idle(&site, &crowd, idle, &mut report).await?;
        let used = self.used.unwrap_or(self.hosts).min(self.hosts);
        let in_use = crowd.use_some(used, &keys).await?;
        println!("{used} of them are in use");
        sleep(WARM_UP).await;
        let time = Duration::from_secs(u64::from(self.minutes) * 15);
        usage::measure_used(&site, time, &mut report).await?;
        revocation::of_used(&site, &crowd, &mut report).await?;
        in_use.stop().await;
        revocation::of_idle(&site, &crowd, &mut report).await?;

        receiver.note_quiet(&mut report);
        if self.days > 0 {
            questions::measure(self, &site, &keys, &mut report).await?;
        }
        receiver.watch_failing(&crowd, &mut report).await?;
        crowd.stop().await;
        if self.days > 0 {
            retention::measure(&site, self.days, &mut report).await?;
        }
        Ok(report)
    }
}
