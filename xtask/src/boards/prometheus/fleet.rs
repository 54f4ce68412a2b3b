//! All hosts of a job, side by side.

use super::JOB;
use crate::boards::model::{Board, Column, Kind, Panel, Section, Source, Unit, panel, query};

const HOSTS: &[Column] = &[
    ("instance", "Host", Unit::Text),
    ("Value #A", "Up", Unit::Number),
    ("Value #B", "CPU", Unit::Percent),
    ("Value #C", "Memory", Unit::Percent),
    ("Value #D", "Fullest file system", Unit::Percent),
    ("Value #E", "Load per processor", Unit::Number),
    ("Value #F", "Uptime", Unit::Duration),
    ("Value #G", "Alerts", Unit::Number),
];

const UP: &str = r#"sum by (instance) (up{job="$job"})"#;
const CPU: &str = r#"100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{job="$job",mode="idle"}[$__rate_interval])))"#;
const MEMORY: &str = r#"100 * (1 - sum by (instance) (node_memory_MemAvailable_bytes{job="$job"}) / sum by (instance) (node_memory_MemTotal_bytes{job="$job"}))"#;
const FULLEST: &str = r#"max by (instance) (100 * (1 - node_filesystem_avail_bytes{job="$job"} / (node_filesystem_size_bytes{job="$job"} - node_filesystem_free_bytes{job="$job"} + node_filesystem_avail_bytes{job="$job"})))"#;
const LOAD: &str = r#"sum by (instance) (node_load1{job="$job"}) / count by (instance) (node_cpu_seconds_total{job="$job",mode="idle"})"#;
const UPTIME: &str =
    r#"max by (instance) (node_time_seconds{job="$job"} - node_boot_time_seconds{job="$job"})"#;
const ALERTS: &str = r#"sum by (instance) (linux_api_alerts{job="$job",state="firing"}) or 0 * sum by (instance) (up{job="$job"})"#;

pub(super) fn board() -> Board {
    Board {
        name: "fleet",
        title: "Fleet",
        about: "All hosts whose linux-api is scraped by one job.",
        source: Source::Prometheus,
        variables: &[JOB],
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
                title: "Disks and network",
                panels: devices(),
            },
        ],
    }
}

fn now() -> Vec<Panel> {
    let stat =
        |title, about, text| panel(Kind::Stat, title, Unit::Number, about, &[query(text, "")]);
    vec![
        stat(
            "Hosts up",
            "Daemons that the last scrape reached.",
            r#"count(up{job="$job"} == 1)"#,
        ),
        stat(
            "Hosts down",
            "Daemons that it did not reach.",
            r#"count(up{job="$job"} == 0) or vector(0)"#,
        )
        .limits(1.0, 1.0),
        stat(
            "Critical alerts",
            "Firing by the rules of the daemons.",
            r#"sum(linux_api_alerts{job="$job",state="firing",severity="critical"}) or vector(0)"#,
        )
        .limits(1.0, 1.0),
        stat(
            "Warnings",
            "Firing by the rules of the daemons.",
            r#"sum(linux_api_alerts{job="$job",state="firing",severity="warning"}) or vector(0)"#,
        )
        .limits(1.0, 100.0),
        stat(
            "Failed units",
            "Of hosts with systemd.",
            r#"sum(node_systemd_units{job="$job",state="failed"})"#,
        )
        .limits(1.0, 10.0),
        stat(
            "Versions",
            "How many versions of linux-api are running.",
            r#"count(count by (version) (linux_api_build_info{job="$job"}))"#,
        )
        .limits(2.0, 4.0),
        panel(
            Kind::Table(HOSTS),
            "Hosts",
            Unit::Number,
            "One row for each host.",
            &[UP, CPU, MEMORY, FULLEST, LOAD, UPTIME, ALERTS].map(|text| query(text, "")),
        ),
    ]
}

fn processors() -> Vec<Panel> {
    let waiting = |resource| {
        let text = match resource {
            "cpu" => {
                r#"sum by (instance) (rate(node_pressure_cpu_waiting_seconds_total{job="$job"}[$__rate_interval]))"#
            }
            "io" => {
                r#"sum by (instance) (rate(node_pressure_io_waiting_seconds_total{job="$job"}[$__rate_interval]))"#
            }
            _ => {
                r#"sum by (instance) (rate(node_pressure_memory_waiting_seconds_total{job="$job"}[$__rate_interval]))"#
            }
        };
        [query(text, "{{instance}}")]
    };
    let graph = |title, unit, about, text| {
        panel(
            Kind::Graph,
            title,
            unit,
            about,
            &[query(text, "{{instance}}")],
        )
    };
    let pressure = |title, about, resource| {
        panel(Kind::Graph, title, Unit::Share, about, &waiting(resource)).size(8, 8)
    };
    vec![
        graph(
            "CPU",
            Unit::Percent,
            "Processor time that was not idle.",
            CPU,
        ),
        graph(
            "Memory",
            Unit::Percent,
            "Memory that programs could not get without swapping.",
            MEMORY,
        )
        .limits(90.0, 95.0),
        graph(
            "Load per processor",
            Unit::Number,
            "Load average over one minute.",
            LOAD,
        )
        .limits(2.0, 4.0),
        graph(
            "Uptime",
            Unit::Duration,
            "A step back is a restart.",
            UPTIME,
        ),
        pressure(
            "Wait for processors",
            "Share of the time in which some task waited.",
            "cpu",
        ),
        pressure(
            "Wait for disks",
            "Share of the time in which some task waited.",
            "io",
        ),
        pressure(
            "Wait for memory",
            "Share of the time in which some task waited.",
            "memory",
        ),
    ]
}

fn devices() -> Vec<Panel> {
    let graph = |title, unit, about, text| {
        panel(
            Kind::Graph,
            title,
            unit,
            about,
            &[query(text, "{{instance}}")],
        )
    };
    vec![
        graph(
            "Fullest file system",
            Unit::Percent,
            "Used, of used and available, as df counts.",
            FULLEST,
        )
        .limits(85.0, 95.0),
        graph(
            "Busiest disk",
            Unit::Share,
            "Share of the time in which the disk had something to do.",
            r#"max by (instance) (rate(node_disk_io_time_seconds_total{job="$job"}[$__rate_interval]))"#,
        ),
        graph(
            "Received",
            Unit::BitsPerSecond,
            "All interfaces but loopback.",
            r#"8 * sum by (instance) (rate(node_network_receive_bytes_total{job="$job",device!="lo"}[$__rate_interval]))"#,
        ),
        graph(
            "Sent",
            Unit::BitsPerSecond,
            "All interfaces but loopback.",
            r#"8 * sum by (instance) (rate(node_network_transmit_bytes_total{job="$job",device!="lo"}[$__rate_interval]))"#,
        ),
    ]
}
