//! The widely used board for node_exporter finds all that its queries name.

use std::collections::BTreeSet;
use std::path::Path;

use super::tests::of_roots;
use super::{Format, parser};
use linux_api_host::HostRoots;
use linux_api_host::metrics::MetricsOptions;
use linux_api_wire::metrics_collector::{MetricsCollector, MetricsCollectors};

/// A family a line, with labels.
const NAMES: &str = include_str!("board.txt");

/// Small files of a host that has everything.
const FILES: &[(&str, &str)] = &[
    (
        "proc/stat",
        "cpu 1 1 1 1 1 1 1 1 1 1\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 1\nctxt 1\nbtime 1\nprocesses 1\nprocs_running 1\nprocs_blocked 1\n",
    ),
    ("proc/loadavg", "1.25 1.0 0.5 2/500 700\n"),
    (
        "proc/diskstats",
        "259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n",
    ),
    (
        "proc/1/net/dev",
        "a\nb\neth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
    ),
    ("sys/class/net/eth0/statistics/rx_nohandler", "1\n"),
    ("sys/class/net/eth0/carrier", "1\n"),
    ("sys/class/net/eth0/mtu", "1500\n"),
    ("sys/class/net/eth0/speed", "1000\n"),
    ("sys/class/net/eth0/operstate", "up\n"),
    (
        "proc/pressure/cpu",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    ),
    (
        "proc/pressure/io",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    ),
    (
        "proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    ),
    (
        "proc/pressure/irq",
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    ),
    (
        "proc/net/arp",
        "heading\n10.0.0.1 0x1 0x2 00:00:00:00:00:01 * eth0\n",
    ),
    (
        "proc/net/netstat",
        "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed ListenOverflows ListenDrops TCPTimeouts TCPSynRetrans TCPOFOQueue TCPRcvQDrop\nTcpExt: 1 1 1 1 1 1 1 1 1\nIpExt: InOctets OutOctets\nIpExt: 1 1\n",
    ),
    (
        "proc/net/snmp",
        "Tcp: ActiveOpens PassiveOpens CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts\nTcp: 1 1 1 1 1 1 1 1\nIcmp: InMsgs InErrors OutMsgs\nIcmp: 1 1 1\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\nUdp: 1 1 1 1 1 1\nUdpLite: InErrors\nUdpLite: 1\n",
    ),
    (
        "proc/net/sockstat",
        "sockets: used 9\nTCP: inuse 1 orphan 1 tw 1 alloc 1 mem 1\nUDP: inuse 1 mem 1\nUDPLITE: inuse 1\nRAW: inuse 1\nFRAG: inuse 1 memory 1\n",
    ),
    ("proc/net/softnet_stat", "1 1 1 0 0 0 0 0 0 1 1 0 0\n"),
    ("proc/net/tcp", "heading\n0: 0:0 0:0 01 0:0 0\n"),
    ("proc/net/udp", "heading\n0: 0:0 0:0 07 0:0 0\n"),
    ("proc/sys/net/netfilter/nf_conntrack_count", "1\n"),
    ("proc/sys/net/netfilter/nf_conntrack_max", "1\n"),
    ("proc/net/stat/nf_conntrack", "found\n1\n"),
    ("proc/sys/fs/file-nr", "1 0 2\n"),
    ("proc/sys/kernel/random/entropy_avail", "1\n"),
    ("proc/sys/kernel/random/poolsize", "1\n"),
    ("proc/sys/kernel/pid_max", "1\n"),
    ("proc/sys/kernel/threads-max", "1\n"),
    (
        "proc/1/stat",
        "1 (init) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0 0\n",
    ),
    (
        "proc/vmstat",
        "pgpgin 1\npgpgout 1\npswpin 1\npswpout 1\npgfault 1\npgmajfault 1\noom_kill 1\n",
    ),
    ("proc/schedstat", "cpu0 0 0 0 0 0 0 1 1 1\n"),
    ("proc/interrupts", "CPU0\n8: 1 IO-APIC 8-edge rtc0\n"),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
        "1\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq",
        "1\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq",
        "1\n",
    ),
    ("sys/class/thermal/cooling_device0/type", "Fan\n"),
    ("sys/class/thermal/cooling_device0/cur_state", "1\n"),
    ("sys/class/thermal/cooling_device0/max_state", "1\n"),
    ("sys/class/power_supply/AC/online", "1\n"),
    ("sys/class/hwmon/hwmon0/name", "chip\n"),
    ("sys/class/hwmon/hwmon0/temp1_input", "1\n"),
    ("sys/class/hwmon/hwmon0/temp1_max", "1\n"),
    ("sys/class/hwmon/hwmon0/temp1_crit", "1\n"),
    ("sys/class/hwmon/hwmon0/temp1_crit_alarm", "1\n"),
    ("sys/class/hwmon/hwmon0/temp1_crit_hyst", "1\n"),
    ("sys/class/hwmon/hwmon0/fan1_input", "1\n"),
    ("sys/class/hwmon/hwmon0/fan1_min", "1\n"),
];

/// The kernel's field for the name of a family of memory, such as `Active(anon)` for `Active_anon_bytes`.
fn field(family: &str) -> Option<String> {
    let name = family.strip_prefix("node_memory_")?;
    let (name, unit) = match name.strip_suffix("_bytes") {
        Some(name) => (name, " kB"),
        None => (name, ""),
    };
    let name = match name.split_once('_') {
        Some((of, part @ ("anon" | "file"))) => format!("{of}({part})"),
        _ => name.to_owned(),
    };
    Some(format!("{name}: 1{unit}\n"))
}

fn write(tree: &Path) {
    let families = NAMES.lines().filter_map(|line| line.split(' ').next());
    let memory: String = families.filter_map(field).collect();
    // One that is at hand, so that its size can be read.
    let mounts = format!("20 1 8:0 / {} rw - ext4 /dev/sda1 rw\n", tree.display());
    let more = [
        ("proc/meminfo", memory.as_str()),
        ("proc/self/mountinfo", &mounts),
    ];
    for (path, text) in FILES.iter().copied().chain(more) {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[tokio::test]
async fn a_host_that_has_everything_fills_the_board() {
    let tree = tempfile::tempdir().unwrap();
    write(tree.path());
    let roots = HostRoots {
        procfs: tree.path().join("proc"),
        sysfs: tree.path().join("sys"),
        rootfs: "/".into(),
    };
    let options = MetricsOptions {
        collectors: MetricsCollector::ALL
            .iter()
            .copied()
            .collect::<MetricsCollectors>(),
        textfile_dir: None,
    };
    let exposition = of_roots(roots, options).await;
    for format in [Format::Text, Format::OpenMetrics] {
        let text = exposition.render(format);
        parser::check(&text, format);
        let shown: Vec<(&str, BTreeSet<&str>)> = text.lines().filter_map(series).collect();
        for line in NAMES.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let name = words.next().unwrap();
            let labels: BTreeSet<&str> = words.collect();
            let is_shown = |one: &(&str, BTreeSet<&str>)| one.0 == name && labels.is_subset(&one.1);
            assert!(shown.iter().any(is_shown), "{line}\n{text}");
        }
    }
}

/// Name and labels of a line; no value here has a comma or a quote.
fn series(line: &str) -> Option<(&str, BTreeSet<&str>)> {
    if line.starts_with('#') {
        return None;
    }
    let (series, _) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split(',');
    Some((
        name,
        labels
            .filter_map(|label| Some(label.split_once('=')?.0))
            .collect(),
    ))
}
