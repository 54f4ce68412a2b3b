use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::recorder::Recorder;
use linux_api_host::metrics::MetricsOptions;
use linux_api_host::{Collector, HostReader, HostRoots};
use linux_api_wire::request_stats::RequestMethod;

const TIME: Timestamp = Timestamp::from_millis(1_800_000_000_250);

/// The exposition of a recorded host, with a few requests.
async fn of_host(host: &str) -> Exposition {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/host")
        .join(host);
    of_tree(&tree).await
}

/// The same of the host whose trees are here.
pub(super) async fn of_tree(tree: &Path) -> Exposition {
    let roots = HostRoots {
        procfs: tree.join("proc"),
        sysfs: tree.join("sys"),
        rootfs: tree.to_owned(),
    };
    of_roots(roots, MetricsOptions::default()).await
}

/// The same of any host, with these collectors.
pub(super) async fn of_roots(roots: HostRoots, options: MetricsOptions) -> Exposition {
    let snapshot = HostReader::new(roots.clone()).read(TIME).await;
    let collector = Collector::new(roots);
    collector.set_metrics(options);
    let metrics = collector.metrics().await;
    let (host, process) = collector.counters();
    let recorder = Recorder::with_shards(1);
    let milliseconds = |millis| std::time::Duration::from_millis(millis);
    recorder.record(RequestMethod::Get, "/a", 200, milliseconds(3), TIME);
    recorder.record(RequestMethod::Get, "/a", 404, milliseconds(700), TIME);
    recorder.record(
        RequestMethod::Post,
        "/b/{\"}\\\n",
        200,
        milliseconds(20),
        TIME,
    );
    Exposition {
        time: TIME,
        host,
        metrics,
        snapshot: Some(Arc::new(snapshot)),
        process,
        requests: recorder.totals(),
        flusher: FlusherHealth::default(),
        dropped_minutes: 0,
        left_out_series: 0,
        engine: Engine::Sqlite,
        pool: PoolState {
            open: 3,
            idle: 2,
            max: 5,
        },
        alerts: Arc::default(),
        alerts_health: AlertsHealth::default(),
    }
}

/// The lines that begin with one of these names, heads included.
fn lines<'a>(text: &'a str, names: &[&str]) -> Vec<&'a str> {
    let is_wanted = |line: &&str| {
        let line = line.trim_start_matches("# TYPE ");
        names.iter().any(|name| line.starts_with(name))
    };
    text.lines().filter(is_wanted).collect()
}

#[tokio::test]
async fn a_recorded_host_is_told_by_node_exporters_names() {
    let text = of_host("kernel-6.18-cgroup-v2").await.render(Format::Text);
    let has = |line: &str| assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    for line in [
        "# TYPE node_cpu_seconds_total counter",
        "node_cpu_seconds_total{cpu=\"3\",mode=\"steal\"} 1.0",
        "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 232.5",
        "node_cpu_guest_seconds_total{cpu=\"1\",mode=\"user\"} 2.5",
        "# TYPE node_memory_MemTotal_bytes gauge",
        "node_memory_MemTotal_bytes 33554432000",
        "node_memory_Zswap_bytes 0",
        // Without what the kernel can reclaim, which `memory.cached_bytes` of the API includes.
        "node_memory_Cached_bytes 12288000000",
        "node_memory_SReclaimable_bytes 1536000000",
        "# TYPE node_load1 gauge",
        "node_load1 1.25",
        "node_load15 0.5",
        "# TYPE node_disk_read_bytes_total counter",
        "node_disk_read_bytes_total{device=\"nvme0n1\"} 56122266624",
        "node_disk_discard_time_seconds_total{device=\"nvme0n1\"} 29.45",
        "# TYPE node_disk_io_now gauge",
        "node_disk_io_now{device=\"md0\"} 0",
        "node_disk_flush_requests_time_seconds_total{device=\"nvme0n1\"} 0.81",
        "# TYPE node_network_receive_bytes_total counter",
        "node_network_receive_bytes_total{device=\"enp5s0\"} 8000000000",
        "node_network_transmit_drop_total{device=\"wg0\"} 8",
        "node_network_receive_drop_total{device=\"enp5s0\"} 12",
        "# TYPE node_network_receive_nohandler_total counter",
        "node_network_receive_nohandler_total{device=\"enp5s0\"} 7",
        "# TYPE node_time_clocksource_available_info gauge",
        "node_time_clocksource_available_info{clocksource=\"hpet\",device=\"0\"} 1",
        "node_time_clocksource_current_info{clocksource=\"tsc\",device=\"0\"} 1",
        "# TYPE node_time_zone_offset_seconds gauge",
        "# TYPE node_pressure_cpu_waiting_seconds_total counter",
        "node_pressure_cpu_waiting_seconds_total 1.0",
        "node_pressure_io_stalled_seconds_total 0.0007",
        "# TYPE node_time_seconds gauge",
        "node_time_seconds 1800000000.25",
        "node_scrape_collector_success{collector=\"pressure\"} 1",
        "# TYPE node_uname_info gauge",
    ] {
        has(line);
    }
    assert!(!text.contains("device=\"nvme0n1p1\"") && !text.contains("device=\"loop0\""));
    assert!(text.contains("nodename=\"metal-01\""));
    assert!(text.contains("\nnode_time_zone_offset_seconds{time_zone=\""));
    let root = "{device=\"/dev/nvme0n1p2\",fstype=\"btrfs\",mountpoint=\"/\"}";
    for name in [
        "size_bytes",
        "free_bytes",
        "avail_bytes",
        "files",
        "files_free",
    ] {
        assert!(
            text.contains(&format!("node_filesystem_{name}{root} ")),
            "{name}"
        );
    }
    has(&format!("node_filesystem_readonly{root} 0"));
    has(&format!("node_filesystem_device_error{root} 0"));
}

#[tokio::test]
async fn an_old_kernel_tells_less_and_nothing_is_made_up() {
    let text = of_host("kernel-3.10-cgroup-v1").await.render(Format::Text);
    assert!(text.contains("\nnode_boot_time_seconds 1700000000\n"));
    assert!(
        text.contains("\nnode_intr_total 12345\n") && text.contains("\nnode_forks_total 4321\n")
    );
    assert!(text.contains("\nnode_disk_io_time_seconds_total{device=\"sda\"} 1.5\n"));
    assert!(!text.contains("node_pressure_") && !text.contains("node_disk_discard"));
    assert!(text.contains("node_scrape_collector_success{collector=\"pressure\"} 0\n"));
}

#[tokio::test]
async fn the_daemons_own_series_add_up() {
    let text = of_host("tiny").await.render(Format::Text);
    let requests = lines(&text, &["linux_api_http_requests_total"]);
    let expected = [
        "linux_api_http_requests_total counter",
        "linux_api_http_requests_total{method=\"GET\",route=\"/a\",status=\"200\"} 1",
        "linux_api_http_requests_total{method=\"GET\",route=\"/a\",status=\"404\"} 1",
        "linux_api_http_requests_total{method=\"POST\",route=\"/b/{\\\"}\\\\\\n\",status=\"200\"} 1",
    ];
    let stripped: Vec<&str> = requests
        .iter()
        .map(|line| line.trim_start_matches("# TYPE "))
        .collect();
    assert_eq!(stripped, expected);
    let name = "linux_api_http_request_duration_seconds";
    for line in [
        format!("# TYPE {name} histogram"),
        format!("{name}_sum{{method=\"GET\",route=\"/a\"}} 0.703"),
        format!("{name}_count{{method=\"GET\",route=\"/a\"}} 2"),
        format!("{name}_bucket{{le=\"0.0025\",method=\"GET\",route=\"/a\"}} 0"),
        format!("{name}_bucket{{le=\"0.005\",method=\"GET\",route=\"/a\"}} 1"),
        format!("{name}_bucket{{le=\"1.0\",method=\"GET\",route=\"/a\"}} 2"),
        format!("{name}_bucket{{le=\"+Inf\",method=\"GET\",route=\"/a\"}} 2"),
        "linux_api_database_connections{state=\"used\"} 1".to_owned(),
        "linux_api_database_connections_max 5".to_owned(),
        "linux_api_flusher_requests_total{state=\"stored\"} 0".to_owned(),
        "linux_api_sampler_failing{family=\"load\"} 0".to_owned(),
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    let process = [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_threads",
    ];
    for name in process {
        assert!(text.contains(&format!("\n{name} ")), "{name}");
    }
    assert!(!text.contains("linux_api_flusher_last_success_timestamp_seconds"));
}

#[tokio::test]
async fn both_formats_hold_the_same_series() {
    let series = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
            .collect()
    };
    let text = of_host("many-cores").await.render(Format::Text);
    let open_metrics = of_host("many-cores").await.render(Format::OpenMetrics);
    assert_eq!(series(&text), series(&open_metrics));
    assert!(series(&text).len() > 1_200);
    assert!(open_metrics.ends_with("# EOF\n") && !text.contains("# EOF"));
    assert!(open_metrics.contains("# TYPE node_cpu_seconds counter\n"));
    parser::check(&text, Format::Text);
    parser::check(&open_metrics, Format::OpenMetrics);
}

/// What promtool says of a text, nothing where it is not installed.
fn promtool(text: &str) -> Option<String> {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some(String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn promtool_finds_nothing_but_the_kernels_names() {
    for host in
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/host"))
            .unwrap()
    {
        let host = host.unwrap().file_name().into_string().unwrap();
        let text = of_host(&host).await.render(Format::Text);
        let Some(said) = promtool(&text) else {
            let _ = writeln!(
                std::io::stderr(),
                "skipped: promtool is not installed (Debian: prometheus)"
            );
            return;
        };
        // It says the same of node_exporter, whose names these are.
        let is_known = |line: &&str| {
            parser::KERNEL_NAMES
                .iter()
                .any(|name| line.starts_with(name))
                && line.ends_with("not 'camelCase'")
        };
        let rest: Vec<&str> = said.lines().filter(|line| !is_known(line)).collect();
        assert_eq!(rest, Vec::<&str>::new(), "{host}");
    }
}

#[tokio::test]
async fn alerts_are_counted_by_rule_severity_and_state() {
    use linux_api_alerts::labels::Labels;
    use linux_api_alerts::notice::InstanceKey;
    use linux_api_alerts::state::{InstanceState, LevelState};
    let mut all = of_host("tiny").await;
    let on = LevelState::On {
        since: TIME,
        fired_at: TIME,
    };
    let state = InstanceState {
        warning: on,
        ..InstanceState::default()
    };
    let key = |mount_point| InstanceKey {
        rule: "disk_space".parse().unwrap(),
        host: "a".to_owned(),
        labels: Labels::one("mount_point", mount_point),
    };
    let states = [(key("/"), state.clone()), (key("/data"), state)];
    all.alerts = Arc::new(states.into_iter().collect());
    let text = all.render(Format::Text);
    let expected = [
        "# TYPE linux_api_alerts gauge",
        "linux_api_alerts{rule=\"disk_space\",severity=\"warning\",state=\"firing\"} 2",
    ];
    assert_eq!(
        lines(&text, &["linux_api_alerts ", "linux_api_alerts{"]),
        expected
    );
}
