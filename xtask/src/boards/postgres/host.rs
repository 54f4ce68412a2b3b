//! One host.

use super::HOST;
use crate::boards::model::{Board, Kind, Panel, Section, Source, Unit, panel, query};

/// Series of the chosen host over time, each by a name for the legend.
macro_rules! over_time {
    ($value:literal, $legend:literal, $condition:literal) => {
        concat!(
            "select $__timeGroup(t.time, $__interval) as time, ",
            $legend,
            " as metric, ",
            $value,
            " as value\n\
             from linux_api.host_samples_between($__timeFrom(), $__timeTo()) t\n\
             join linux_api.host_series s on s.id = t.series_id\n\
             where s.host_id = '$host' and ",
            $condition,
            "\ngroup by 1, 2 order by 1"
        )
    };
}

/// The value of a label, without its name.
macro_rules! labelled {
    ($name:literal) => {
        over_time!("avg(t.mean)", "substring(s.labels from '\"(.*)\"')", $name)
    };
}

pub(super) fn board() -> Board {
    Board {
        name: "host",
        title: "Host",
        about: "One host, by what its daemon stored.",
        source: Source::Postgres,
        variables: &[HOST],
        sections: vec![
            Section {
                title: "Now",
                panels: now(),
            },
            Section {
                title: "Processors and memory",
                panels: processors(),
            },
            Section {
                title: "Disks",
                panels: disks(),
            },
            Section {
                title: "Network and more",
                panels: more(),
            },
        ],
    }
}

fn now() -> Vec<Panel> {
    let stat = |title, unit, about, text| panel(Kind::Stat, title, unit, about, &[query(text, "")]);
    vec![
        stat(
            "Uptime",
            Unit::Duration,
            "Since the host started.",
            "select uptime_seconds from linux_api.hosts where id = '$host'",
        ),
        stat(
            "CPU",
            Unit::Percent,
            "Processor time spent on work.",
            "select cpu_usage_percent from linux_api.hosts where id = '$host'",
        )
        .limits(80.0, 95.0),
        stat(
            "Memory in use",
            Unit::Percent,
            "Memory that is not available.",
            "select 100.0 * memory_used_bytes / nullif(memory_total_bytes, 0) as memory\n\
             from linux_api.hosts where id = '$host'",
        )
        .limits(90.0, 95.0),
        stat(
            "Fullest file system",
            Unit::Percent,
            "As df shows it.",
            "select disk_used_percent from linux_api.hosts where id = '$host'",
        )
        .limits(85.0, 95.0),
        stat(
            "Firing alerts",
            Unit::Number,
            "Of this host.",
            "select count(*) from linux_api.alert_states where host_id = '$host' and status = 'firing'",
        )
        .limits(1.0, 10.0),
        stat(
            "Not seen for",
            Unit::Seconds,
            "Since the daemon wrote last.",
            "select extract(epoch from now() - last_seen) as age from linux_api.hosts where id = '$host'",
        )
        .limits(90.0, 300.0),
    ]
}

fn graph(title: &'static str, unit: Unit, about: &'static str, text: &'static str) -> Panel {
    panel(Kind::Graph, title, unit, about, &[query(text, "")])
}

fn processors() -> Vec<Panel> {
    vec![
        panel(
            Kind::Stacked,
            "Processor time",
            Unit::Percent,
            "Of all processors together, by what it was spent on.",
            &[query(
                over_time!(
                    "avg(t.mean)",
                    "replace(replace(s.name, 'cpu.', ''), '_percent', '')",
                    "s.name in ('cpu.user_percent', 'cpu.system_percent', 'cpu.iowait_percent', 'cpu.irq_percent',\n    \
                     'cpu.softirq_percent', 'cpu.steal_percent')"
                ),
                "",
            )],
        ),
        graph(
            "Load",
            Unit::Number,
            "Load averages over one, five and fifteen minutes.",
            over_time!(
                "avg(t.mean)",
                "replace(s.name, 'load.', '')",
                "s.name like 'load.%'"
            ),
        ),
        graph(
            "Memory",
            Unit::Bytes,
            "Size, what is used, and what could be had without swapping.",
            over_time!(
                "avg(t.mean)",
                "replace(replace(s.name, 'memory.', ''), '_bytes', '')",
                "s.name in ('memory.total_bytes', 'memory.used_bytes', 'memory.available_bytes',\n    \
                 'memory.cached_bytes')"
            ),
        ),
        graph(
            "Swap",
            Unit::Bytes,
            "Swap space, and what is used of it; empty on a host without any.",
            over_time!(
                "avg(t.mean)",
                "replace(replace(s.name, 'swap.', ''), '_bytes', '')",
                "s.name like 'swap.%'"
            ),
        ),
        graph(
            "Pressure",
            Unit::Percent,
            "Share of the time in which some or all tasks waited.",
            over_time!(
                "avg(t.mean)",
                "replace(replace(s.name, 'pressure.', ''), '.avg10', '')",
                "s.name like 'pressure.%'"
            ),
        ),
        graph(
            "Processes",
            Unit::Number,
            "All of them, and by what they do.",
            over_time!(
                "avg(t.mean)",
                "replace(s.name, 'processes.', '')",
                "s.name like 'processes.%'"
            ),
        ),
    ]
}

fn disks() -> Vec<Panel> {
    vec![
        graph(
            "File systems",
            Unit::Percent,
            "As df shows it.",
            labelled!("s.name = 'filesystem.used_percent'"),
        )
        .limits(85.0, 95.0),
        graph(
            "Available",
            Unit::Bytes,
            "What an ordinary user can still write.",
            labelled!("s.name = 'filesystem.available_bytes'"),
        ),
        graph(
            "Read",
            Unit::BytesPerSecond,
            "By disk.",
            labelled!("s.name = 'disk.read_bytes_per_second'"),
        ),
        graph(
            "Written",
            Unit::BytesPerSecond,
            "By disk.",
            labelled!("s.name = 'disk.written_bytes_per_second'"),
        ),
        graph(
            "Busy",
            Unit::Percent,
            "Time in which a disk had something to do.",
            labelled!("s.name = 'disk.busy_percent'"),
        ),
        graph(
            "Inodes in use",
            Unit::Number,
            "Files and directories that each file system holds.",
            labelled!("s.name = 'filesystem.inodes_used'"),
        ),
    ]
}

fn more() -> Vec<Panel> {
    vec![
        graph(
            "Received",
            Unit::BytesPerSecond,
            "By interface.",
            labelled!("s.name = 'network.received_bytes_per_second'"),
        ),
        graph(
            "Sent",
            Unit::BytesPerSecond,
            "By interface.",
            labelled!("s.name = 'network.sent_bytes_per_second'"),
        ),
        graph(
            "Temperatures",
            Unit::Celsius,
            "By sensor; empty in most virtual machines.",
            labelled!("s.name = 'sensor.celsius'"),
        ),
        graph(
            "Failed units",
            Unit::Number,
            "Units of systemd; empty without it.",
            over_time!("max(t.max)", "'failed'", "s.name = 'units.failed'"),
        ),
    ]
}
