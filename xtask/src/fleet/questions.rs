//! What people want to know of a fleet, over HTTP from a real daemon on the same database.

use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use secrecy::ExposeSecret as _;
use tokio::time::sleep;

use super::Fleet;
use super::host::identity;
use super::keys::Keys;
use super::report::{Measured, Report, Row};
use super::site::{Site, free_port};
use crate::process::Process;
use crate::prove_metrics::load::percentile;
use linux_api_auth::key::PlainKey;
use linux_api_wire::time::Clock;

const PATIENCE: Duration = Duration::from_mins(1);
/// Each question is repeated this often, or for this long when that takes longer.
const REPEATS: usize = 100;
const TIME: Duration = Duration::from_secs(20);
/// Before those that count.
const WARM_UP: usize = 3;

struct Reader {
    process: Process,
    url: String,
    key: PlainKey,
    http: reqwest::Client,
}

pub(super) async fn measure(
    fleet: &Fleet,
    site: &Site,
    keys: &Keys,
    report: &mut Report,
) -> anyhow::Result<()> {
    let reader = Reader::start(fleet, site, keys.of_client(0)).await?;
    let now = Clock::system().now();
    let ago = |hours: u64| now.saturating_sub(Duration::from_hours(hours));
    let days = u64::from(fleet.days.min(30)) * 24;
    let host = identity(0).id;
    let questions: [(Row, String); 5] = [
        (
            Row::History,
            format!(
                "/api/v1/system/history?series=cpu.usage_percent&step=60&host={host}&from={}",
                ago(days)
            ),
        ),
        (
            Row::RoutesLastHour,
            format!("/api/v1/metrics/routes?limit=100&start={}", ago(1)),
        ),
        (
            Row::RoutesByHour,
            format!(
                "/api/v1/metrics/routes?bucket=1h&limit=1000&start={}",
                ago(240)
            ),
        ),
        (Row::Hosts, "/api/v1/fleet/hosts?limit=1000".to_owned()),
        (
            Row::ByHost,
            format!(
                "/api/v1/metrics/global?bucket=1h&by=host&limit=1000&start_time={}",
                ago(24)
            ),
        ),
    ];
    for (row, path) in questions {
        let (durations, bytes) = reader.time(&path).await?;
        println!("{}: {} times, {bytes} bytes", row.name(), durations.len());
        report.note(row, middle_and_end(durations));
    }
    reader.process.signal(rustix::process::Signal::TERM)?;
    let mut process = reader.process;
    process.wait().await?;
    Ok(())
}

/// Both percentiles; the bar is for the middle.
fn middle_and_end(mut durations: Vec<f64>) -> Measured {
    let [middle, end] = [50, 99].map(|percent| 1e3 * percentile(&mut durations, percent));
    let digits = usize::from(middle < 10.0);
    Measured::new(middle, format!("{middle:.digits$} / {end:.digits$} ms"))
}

impl Reader {
    async fn start(fleet: &Fleet, site: &Site, key: &PlainKey) -> anyhow::Result<Self> {
        let home = site.path("reader");
        fs::create_dir(&home)?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new(fleet.program.canonicalize()?);
        command
            .args(["serve", "--listen", &address])
            .current_dir(&home)
            .env_clear()
            .env("HOME", &home)
            .env("LINUX_API__DATABASE__URL", site.options.url.expose_secret())
            .env("LINUX_API__RATE_LIMIT__ENABLED", "false")
            .env("LINUX_API__HOST__ID", "reader");
        if let Some(direct_url) = &site.options.direct_url {
            command.env("LINUX_API__DATABASE__POOLER", "true").env(
                "LINUX_API__DATABASE__DIRECT_URL",
                direct_url.expose_secret(),
            );
        }
        let log = File::create(home.join("log"))?;
        command.stdout(log.try_clone()?).stderr(log);
        let reader = Self {
            process: Process::start(&mut command, "linux-api")?,
            url: format!("http://{address}"),
            key: key.clone(),
            http: client()?,
        };
        let begin = Instant::now();
        loop {
            let ready = reader
                .http
                .get(format!("{}/readyz", reader.url))
                .send()
                .await;
            if ready.is_ok_and(|response| response.status().is_success()) {
                return Ok(reader);
            }
            let log = || fs::read_to_string(home.join("log")).unwrap_or_default();
            ensure!(
                begin.elapsed() < PATIENCE,
                "the reader is not ready:\n{}",
                log()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// How long the responses to a request took, each read to its end, and how large the last one was.
    async fn time(&self, path: &str) -> anyhow::Result<(Vec<f64>, usize)> {
        let (mut durations, mut bytes) = (Vec::new(), 0);
        let mut begin = Instant::now();
        for number in 0..WARM_UP + REPEATS {
            if number == WARM_UP {
                begin = Instant::now();
            }
            let sent = Instant::now();
            let request = self.http.get(format!("{}{path}", self.url));
            let request = request.header("X-API-Key", self.key.expose());
            let response = request.send().await?;
            let status = response.status();
            let body = response.bytes().await.context(path.to_owned())?;
            let text = || String::from_utf8_lossy(&body);
            ensure!(status.is_success(), "{path}: {status} {}", text());
            bytes = body.len();
            if number >= WARM_UP {
                durations.push(sent.elapsed().as_secs_f64());
                if begin.elapsed() > TIME {
                    break;
                }
            }
        }
        Ok((durations, bytes))
    }
}

fn client() -> anyhow::Result<reqwest::Client> {
    // The client wants a provider of cryptography even when all it reads is plain HTTP.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy();
    Ok(client.timeout(PATIENCE).build()?)
}
