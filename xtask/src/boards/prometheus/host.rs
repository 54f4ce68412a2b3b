//! One host.

use super::{INSTANCE, JOB};
use crate::boards::model::{Board, Column, Kind, Panel, Section, Source, Unit, panel, query};

const ALERTS: &[Column] = &[
    ("rule", "Rule", Unit::Text),
    ("severity", "Severity", Unit::Text),
    ("state", "State", Unit::Text),
    ("Value", "Instances", Unit::Number),
];

pub(super) fn board() -> Board {
    Board {
        name: "host",
        title: "Host",
        about: "One host, by the metrics that linux-api exposes under node_exporter's names.",
        source: Source::Prometheus,
        variables: &[JOB, INSTANCE],
        sections: vec![
            Section {
                title: "Now",
                panels: now(),
            },
            Section {
                title: "Processors",
                panels: [processors(), tasks()].concat(),
            },
            Section {
                title: "Memory",
                panels: memory(),
            },
            Section {
                title: "Disks",
                panels: disks(),
            },
            Section {
                title: "Network",
                panels: network(),
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
            r#"node_time_seconds{job="$job",instance=~"$instance"} - node_boot_time_seconds{job="$job",instance=~"$instance"}"#,
        ),
        stat(
            "CPU",
            Unit::Percent,
            "Processor time that was not idle.",
            r#"100 * (1 - avg(rate(node_cpu_seconds_total{job="$job",instance=~"$instance",mode="idle"}[$__rate_interval])))"#,
        )
        .limits(80.0, 95.0),
        stat(
            "Memory in use",
            Unit::Percent,
            "Memory that programs could not get without swapping.",
            r#"100 * (1 - node_memory_MemAvailable_bytes{job="$job",instance=~"$instance"} / node_memory_MemTotal_bytes{job="$job",instance=~"$instance"})"#,
        )
        .limits(90.0, 95.0),
        stat(
            "Fullest file system",
            Unit::Percent,
            "Used, of used and available, as df counts.",
            r#"max(100 * (1 - node_filesystem_avail_bytes{job="$job",instance=~"$instance"} / (node_filesystem_size_bytes{job="$job",instance=~"$instance"} - node_filesystem_free_bytes{job="$job",instance=~"$instance"} + node_filesystem_avail_bytes{job="$job",instance=~"$instance"})))"#,
        )
        .limits(85.0, 95.0),
        stat(
            "Failed units",
            Unit::Number,
            "Units of systemd.",
            r#"node_systemd_units{job="$job",instance=~"$instance",state="failed"}"#,
        )
        .limits(1.0, 10.0),
        panel(
            Kind::Stat,
            "Kernel",
            Unit::Number,
            "Its release.",
            &[query(
                r#"node_uname_info{job="$job",instance=~"$instance"}"#,
                "{{release}}",
            )],
        ),
        panel(
            Kind::Table(ALERTS),
            "Alerts",
            Unit::Number,
            "Instances of rules that are not well: pending, firing, clearing, or without data.",
            &[query(
                r#"sum by (rule, severity, state) (linux_api_alerts{job="$job",instance=~"$instance"})"#,
                "",
            )],
        )
        .size(24, 6),
    ]
}

fn processors() -> Vec<Panel> {
    vec![
        panel(
            Kind::Stacked,
            "Processor time",
            Unit::Percent,
            "Of all processors together, by what it was spent on.",
            &[query(
                r#"100 * avg by (mode) (rate(node_cpu_seconds_total{job="$job",instance=~"$instance",mode!="idle"}[$__rate_interval]))"#,
                "{{mode}}",
            )],
        ),
        panel(
            Kind::Graph,
            "Each processor",
            Unit::Percent,
            "Time that was not idle.",
            &[query(
                r#"100 * (1 - avg by (cpu) (rate(node_cpu_seconds_total{job="$job",instance=~"$instance",mode="idle"}[$__rate_interval])))"#,
                "CPU {{cpu}}",
            )],
        ),
        panel(
            Kind::Graph,
            "Load",
            Unit::Number,
            "Load averages.",
            &[
                query(
                    r#"node_load1{job="$job",instance=~"$instance"}"#,
                    "1 minute",
                ),
                query(
                    r#"node_load5{job="$job",instance=~"$instance"}"#,
                    "5 minutes",
                ),
                query(
                    r#"node_load15{job="$job",instance=~"$instance"}"#,
                    "15 minutes",
                ),
            ],
        ),
        panel(
            Kind::Graph,
            "Pressure",
            Unit::Share,
            "Share of the time in which some task waited, or all of them were stalled.",
            &[
                query(
                    r#"rate(node_pressure_cpu_waiting_seconds_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "processors, some",
                ),
                query(
                    r#"rate(node_pressure_io_waiting_seconds_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "disks, some",
                ),
                query(
                    r#"rate(node_pressure_io_stalled_seconds_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "disks, all",
                ),
                query(
                    r#"rate(node_pressure_memory_waiting_seconds_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "memory, some",
                ),
                query(
                    r#"rate(node_pressure_memory_stalled_seconds_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "memory, all",
                ),
            ],
        ),
    ]
}

fn tasks() -> Vec<Panel> {
    vec![
        panel(
            Kind::Graph,
            "Processes",
            Unit::Number,
            "Those that run or are ready to, and those that wait for a disk.",
            &[
                query(
                    r#"node_procs_running{job="$job",instance=~"$instance"}"#,
                    "running",
                ),
                query(
                    r#"node_procs_blocked{job="$job",instance=~"$instance"}"#,
                    "blocked",
                ),
            ],
        ),
        panel(
            Kind::Graph,
            "Kernel at work",
            Unit::PerSecond,
            "What the kernel does for programs and devices.",
            &[
                query(
                    r#"rate(node_context_switches_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "context switches",
                ),
                query(
                    r#"rate(node_intr_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "interrupts",
                ),
                query(
                    r#"rate(node_forks_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "forks",
                ),
            ],
        ),
    ]
}

fn memory() -> Vec<Panel> {
    vec![
        panel(
            Kind::Stacked,
            "Memory",
            Unit::Bytes,
            "What programs hold, what the kernel can drop when they need more, and what is free.",
            &[
                query(
                    r#"node_memory_MemTotal_bytes{job="$job",instance=~"$instance"} - node_memory_MemAvailable_bytes{job="$job",instance=~"$instance"}"#,
                    "not available",
                ),
                query(
                    r#"node_memory_MemAvailable_bytes{job="$job",instance=~"$instance"} - node_memory_MemFree_bytes{job="$job",instance=~"$instance"}"#,
                    "can be dropped",
                ),
                query(
                    r#"node_memory_MemFree_bytes{job="$job",instance=~"$instance"}"#,
                    "free",
                ),
            ],
        ),
        panel(
            Kind::Graph,
            "Swap",
            Unit::Bytes,
            "Swap space, and what is used of it.",
            &[
                query(
                    r#"node_memory_SwapTotal_bytes{job="$job",instance=~"$instance"}"#,
                    "size",
                ),
                query(
                    r#"node_memory_SwapTotal_bytes{job="$job",instance=~"$instance"} - node_memory_SwapFree_bytes{job="$job",instance=~"$instance"}"#,
                    "used",
                ),
            ],
        ),
    ]
}

fn disks() -> Vec<Panel> {
    vec![
        panel(
            Kind::Bars,
            "File systems",
            Unit::Percent,
            "Used, of used and available, as df counts.",
            &[query(
                r#"100 * (1 - node_filesystem_avail_bytes{job="$job",instance=~"$instance"} / (node_filesystem_size_bytes{job="$job",instance=~"$instance"} - node_filesystem_free_bytes{job="$job",instance=~"$instance"} + node_filesystem_avail_bytes{job="$job",instance=~"$instance"}))"#,
                "{{mountpoint}}",
            )],
        )
        .limits(85.0, 95.0),
        panel(
            Kind::Graph,
            "Available",
            Unit::Bytes,
            "What an ordinary user can still write.",
            &[query(r#"node_filesystem_avail_bytes{job="$job",instance=~"$instance"}"#, "{{mountpoint}}")],
        ),
        panel(
            Kind::Graph,
            "Bytes",
            Unit::BytesPerSecond,
            "Read from and written to each disk.",
            &[
                query(r#"rate(node_disk_read_bytes_total{job="$job",instance=~"$instance"}[$__rate_interval])"#, "{{device}} read"),
                query(r#"rate(node_disk_written_bytes_total{job="$job",instance=~"$instance"}[$__rate_interval])"#, "{{device}} written"),
            ],
        ),
        panel(
            Kind::Graph,
            "Busy",
            Unit::Share,
            "Share of the time in which a disk had something to do.",
            &[query(r#"rate(node_disk_io_time_seconds_total{job="$job",instance=~"$instance"}[$__rate_interval])"#, "{{device}}")],
        ),
        panel(
            Kind::Graph,
            "Operations",
            Unit::PerSecond,
            "Completed by each disk.",
            &[
                query(r#"rate(node_disk_reads_completed_total{job="$job",instance=~"$instance"}[$__rate_interval])"#, "{{device}} reads"),
                query(r#"rate(node_disk_writes_completed_total{job="$job",instance=~"$instance"}[$__rate_interval])"#, "{{device}} writes"),
            ],
        ),
        panel(
            Kind::Graph,
            "Inodes",
            Unit::Percent,
            "Of those that a file system can hold.",
            &[query(
                r#"100 * (1 - node_filesystem_files_free{job="$job",instance=~"$instance"} / (node_filesystem_files{job="$job",instance=~"$instance"} > 0))"#,
                "{{mountpoint}}",
            )],
        )
        .limits(85.0, 95.0),
    ]
}

fn network() -> Vec<Panel> {
    vec![
        panel(
            Kind::Graph,
            "Received",
            Unit::BitsPerSecond,
            "By interface, loopback left out.",
            &[query(
                r#"8 * rate(node_network_receive_bytes_total{job="$job",instance=~"$instance",device!="lo"}[$__rate_interval])"#,
                "{{device}}",
            )],
        ),
        panel(
            Kind::Graph,
            "Sent",
            Unit::BitsPerSecond,
            "By interface, loopback left out.",
            &[query(
                r#"8 * rate(node_network_transmit_bytes_total{job="$job",instance=~"$instance",device!="lo"}[$__rate_interval])"#,
                "{{device}}",
            )],
        ),
        panel(
            Kind::Graph,
            "Packets",
            Unit::PerSecond,
            "By interface and direction.",
            &[
                query(
                    r#"rate(node_network_receive_packets_total{job="$job",instance=~"$instance",device!="lo"}[$__rate_interval])"#,
                    "{{device}} received",
                ),
                query(
                    r#"rate(node_network_transmit_packets_total{job="$job",instance=~"$instance",device!="lo"}[$__rate_interval])"#,
                    "{{device}} sent",
                ),
            ],
        ),
        panel(
            Kind::Graph,
            "Faults",
            Unit::PerSecond,
            "Packets with errors, and packets that were dropped.",
            &[
                query(
                    r#"rate(node_network_receive_errs_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "{{device}} received with errors",
                ),
                query(
                    r#"rate(node_network_transmit_errs_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "{{device}} sent with errors",
                ),
                query(
                    r#"rate(node_network_receive_drop_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "{{device}} received and dropped",
                ),
                query(
                    r#"rate(node_network_transmit_drop_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                    "{{device}} not sent",
                ),
            ],
        ),
    ]
}
