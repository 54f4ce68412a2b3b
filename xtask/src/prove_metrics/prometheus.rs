//! Dashboards that are made for node_exporter show this host.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::daemon::Daemon;
use super::load::{KINDS, Load};
use super::run::Run;
use crate::process::{Process, missing};

const PACKAGE: &str = "prometheus";

/// Beginnings of names that are the kernel's own, or node_exporter's against its own advice.
const KERNEL_NAMES: [&str; 3] = ["node_entropy_", "node_memory_", "node_netstat_"];

/// Name and query of each panel of a dashboard, one a line.
const QUERIES: &str = r#"
CPU: 100 * (1 - avg(rate(node_cpu_seconds_total{mode="idle"}[1m])))
CPU by mode: sum by (mode) (rate(node_cpu_seconds_total[1m]))
load: node_load1 + node_load5 + node_load15
memory: 100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)
cache: node_memory_Cached_bytes + node_memory_Buffers_bytes + node_memory_SReclaimable_bytes
disk space: 100 - (node_filesystem_avail_bytes{mountpoint="/"} * 100) / node_filesystem_size_bytes{mountpoint="/"}
disk io: rate(node_disk_read_bytes_total[1m]) + rate(node_disk_written_bytes_total[1m])
disk busy: rate(node_disk_io_time_seconds_total[1m])
network in: rate(node_network_receive_bytes_total{device!="lo"}[1m]) * 8
network out: rate(node_network_transmit_bytes_total{device!="lo"}[1m]) * 8
uptime: node_time_seconds - node_boot_time_seconds
kernel: node_uname_info
pressure: rate(node_pressure_cpu_waiting_seconds_total[1m])
requests: sum by (route, status) (rate(linux_api_http_requests_total[1m]))
p99: histogram_quantile(0.99, sum by (le) (rate(linux_api_http_request_duration_seconds_bucket[1m])))
target up: up{job="node"} == 1
"#;

pub(super) async fn prove(run: &mut Run) -> anyhow::Result<()> {
    let url = format!("sqlite://{}", run.path("p.db").display());
    let networks = [("LINUX_API__METRICS__NETWORKS", "127.0.0.1")];
    let daemon = Daemon::start(run, 1, "host", &url, &networks).await?;
    check_format(run, &daemon).await?;
    let address = format!("127.0.0.1:{}", run.port(2));
    let _server = serve(run, &daemon, &address)?;
    let load = Load::paced(&daemon, KINDS, Duration::from_millis(200));
    load.last(4, Duration::from_secs(run.options.seconds.into()))
        .await;
    for (name, query) in QUERIES.lines().filter_map(|line| line.split_once(": ")) {
        let url = format!("http://{address}/api/v1/query");
        let request = run.http.get(url).query(&[("query", query)]);
        let response: Value = request.send().await?.error_for_status()?.json().await?;
        let results = response["data"]["result"].as_array().context("no result")?;
        let first = results
            .first()
            .and_then(|result| result["value"][1].as_str());
        run.check(
            first.is_some_and(|first| first != "NaN"),
            format_args!(
                "{name} has values: {}, first {}",
                results.len(),
                first.unwrap_or("none")
            ),
        );
    }
    Ok(())
}

/// Has Prometheus' own tool look at the exposition.
async fn check_format(run: &mut Run, daemon: &Daemon) -> anyhow::Result<()> {
    let path = run.path("exposition");
    let response = daemon.request(Method::GET, "/metrics").send().await?;
    fs::write(&path, response.error_for_status()?.bytes().await?)?;
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(File::open(path)?);
    let output = command
        .output()
        .with_context(|| missing(&command, PACKAGE))?;
    let output = String::from_utf8([output.stdout, output.stderr].concat())?;
    let rest: Vec<&str> = output
        .lines()
        .filter(|line| !KERNEL_NAMES.iter().any(|name| line.starts_with(name)))
        .collect();
    run.check(
        rest.is_empty(),
        format_args!("promtool check metrics finds nothing but the kernel's own names: {rest:?}"),
    );
    Ok(())
}

/// Starts a Prometheus that scrapes the daemon.
fn serve(run: &Run, daemon: &Daemon, address: &str) -> anyhow::Result<Process> {
    let target = daemon.url.trim_start_matches("http://");
    let scrape = json!({
        "job_name": "node",
        "scrape_interval": "5s",
        "static_configs": [{ "targets": [target] }],
    });
    // JSON is YAML.
    let config = run.path("prometheus.yml");
    fs::write(&config, json!({ "scrape_configs": [scrape] }).to_string())?;
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            run.path("tsdb").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(File::create(run.path("prometheus.log"))?);
    Process::start(&mut command, PACKAGE)
}
