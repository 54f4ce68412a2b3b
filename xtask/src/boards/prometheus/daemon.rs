//! linux-api itself: whether it measures, stores and judges.

use super::{INSTANCES, JOB};
use crate::boards::model::{
    Board, Column, Kind, Panel, Query, Section, Source, Unit, panel, query,
};

const DAEMONS: &[Column] = &[
    ("instance", "Host", Unit::Text),
    ("version", "Version", Unit::Text),
    ("Value #A", "Resident", Unit::Bytes),
    ("Value #B", "CPU", Unit::Share),
    ("Value #C", "Last write", Unit::Seconds),
    ("Value #D", "Last evaluation", Unit::Seconds),
    ("Value #E", "Leads", Unit::Number),
    ("Value #F", "Up for", Unit::Duration),
];

pub(super) fn board() -> Board {
    Board {
        name: "daemon",
        title: "linux-api itself",
        about: "Whether the daemons measure, store and judge, and what they cost.",
        source: Source::Prometheus,
        variables: &[JOB, INSTANCES],
        sections: vec![
            Section {
                title: "Daemons",
                panels: daemons(),
            },
            Section {
                title: "What they cost",
                panels: costs(),
            },
            Section {
                title: "Measurements on their way to the database",
                panels: flusher(),
            },
            Section {
                title: "Readings and alerts",
                panels: readings(),
            },
        ],
    }
}

fn daemons() -> Vec<Panel> {
    vec![panel(
        Kind::Table(DAEMONS),
        "Daemons",
        Unit::Number,
        "Last write and last evaluation: how long ago, in seconds. Leads: judges the fleet and sends for all.",
        &[
            r#"sum by (instance, version) (process_resident_memory_bytes{job="$job",instance=~"$instance"} * on (instance, job) group_left (version) linux_api_build_info{job="$job"})"#,
            r#"sum by (instance, version) (rate(process_cpu_seconds_total{job="$job",instance=~"$instance"}[$__rate_interval]) * on (instance, job) group_left (version) linux_api_build_info{job="$job"})"#,
            r#"sum by (instance, version) ((time() - linux_api_flusher_last_success_timestamp_seconds{job="$job",instance=~"$instance"}) * on (instance, job) group_left (version) linux_api_build_info{job="$job"})"#,
            r#"sum by (instance, version) ((time() - linux_api_alerts_last_evaluation_timestamp_seconds{job="$job",instance=~"$instance"}) * on (instance, job) group_left (version) linux_api_build_info{job="$job"})"#,
            r#"sum by (instance, version) (linux_api_alerts_leader{job="$job",instance=~"$instance"} * on (instance, job) group_left (version) linux_api_build_info{job="$job"})"#,
            r#"sum by (instance, version) ((time() - process_start_time_seconds{job="$job",instance=~"$instance"}) * on (instance, job) group_left (version) linux_api_build_info{job="$job"})"#,
        ]
        .map(|text| query(text, "")),
    )]
}

fn graph(title: &'static str, unit: Unit, about: &'static str, queries: &[Query]) -> Panel {
    panel(Kind::Graph, title, unit, about, queries).size(8, 8)
}

fn costs() -> Vec<Panel> {
    vec![
        graph(
            "Processor time",
            Unit::Share,
            "Of one core.",
            &[query(
                r#"rate(process_cpu_seconds_total{job="$job",instance=~"$instance"}[$__rate_interval])"#,
                "{{instance}}",
            )],
        ),
        graph(
            "Resident memory",
            Unit::Bytes,
            "Includes pages of the program's file.",
            &[query(
                r#"process_resident_memory_bytes{job="$job",instance=~"$instance"}"#,
                "{{instance}}",
            )],
        ),
        graph(
            "Open files and threads",
            Unit::Number,
            "File descriptors include connections of clients.",
            &[
                query(
                    r#"process_open_fds{job="$job",instance=~"$instance"}"#,
                    "{{instance}} files",
                ),
                query(
                    r#"process_threads{job="$job",instance=~"$instance"}"#,
                    "{{instance}} threads",
                ),
            ],
        ),
        graph(
            "Duration of a scrape",
            Unit::Seconds,
            "As Prometheus measures it.",
            &[query(
                r#"scrape_duration_seconds{job="$job",instance=~"$instance"}"#,
                "{{instance}}",
            )],
        ),
        graph(
            "Samples of a scrape",
            Unit::Number,
            "What a host adds to Prometheus.",
            &[query(
                r#"scrape_samples_scraped{job="$job",instance=~"$instance"}"#,
                "{{instance}}",
            )],
        ),
        graph(
            "Connections to the database",
            Unit::Number,
            "Open ones; the daemon keeps one when it is idle.",
            &[
                query(
                    r#"sum by (instance, state) (linux_api_database_connections{job="$job",instance=~"$instance"})"#,
                    "{{instance}} {{state}}",
                ),
                query(
                    r#"linux_api_database_connections_max{job="$job",instance=~"$instance"}"#,
                    "{{instance}} at most",
                ),
            ],
        ),
    ]
}

fn flusher() -> Vec<Panel> {
    vec![
        graph(
            "Writes",
            Unit::PerSecond,
            "Attempts to write to the database, by result.",
            &[query(r#"sum by (instance, result) (rate(linux_api_flusher_attempts_total{job="$job",instance=~"$instance"}[$__rate_interval]))"#, "{{instance}} {{result}}")],
        ),
        graph(
            "Time since the last write",
            Unit::Seconds,
            "Grows while the database is away.",
            &[query(r#"time() - linux_api_flusher_last_success_timestamp_seconds{job="$job",instance=~"$instance"}"#, "{{instance}}")],
        )
        .limits(60.0, 600.0),
        graph(
            "Failures in a row",
            Unit::Number,
            "0 while all is well.",
            &[query(r#"linux_api_flusher_consecutive_failures{job="$job",instance=~"$instance"}"#, "{{instance}}")],
        )
        .limits(1.0, 3.0),
        graph(
            "Waiting",
            Unit::Number,
            "Requests and samples of the host that are not written yet.",
            &[
                query(r#"linux_api_flusher_queued_requests{job="$job",instance=~"$instance"}"#, "{{instance}} requests"),
                query(r#"linux_api_flusher_queued_samples{job="$job",instance=~"$instance"}"#, "{{instance}} samples"),
            ],
        ),
        graph(
            "Memory of what waits",
            Unit::Bytes,
            "At most 64 MiB; beyond that the oldest is dropped.",
            &[query(r#"linux_api_flusher_queue_bytes{job="$job",instance=~"$instance"}"#, "{{instance}}")],
        ),
        graph(
            "Dropped",
            Unit::PerSecond,
            "Lost because the database was away for too long.",
            &[
                query(r#"rate(linux_api_flusher_requests_total{job="$job",instance=~"$instance",state="dropped"}[$__rate_interval])"#, "{{instance}} requests"),
                query(r#"rate(linux_api_flusher_dropped_samples_total{job="$job",instance=~"$instance"}[$__rate_interval])"#, "{{instance}} samples"),
                query(r#"rate(linux_api_sampler_dropped_aggregates_total{job="$job",instance=~"$instance"}[$__rate_interval])"#, "{{instance}} minutes"),
            ],
        ),
    ]
}

fn readings() -> Vec<Panel> {
    vec![
        graph(
            "Age of readings",
            Unit::Seconds,
            "By part of the host; grows where a reading hangs.",
            &[query(r#"max by (family) (linux_api_sampler_age_seconds{job="$job",instance=~"$instance"})"#, "{{family}}")],
        ),
        graph(
            "Parts that can't be read",
            Unit::Number,
            "How many parts of each host.",
            &[query(r#"sum by (instance) (linux_api_sampler_failing{job="$job",instance=~"$instance"})"#, "{{instance}}")],
        ),
        graph(
            "Series without room",
            Unit::Number,
            "Series of a host for which the history has no room.",
            &[query(r#"linux_api_sampler_left_out_series{job="$job",instance=~"$instance"}"#, "{{instance}}")],
        ),
        graph(
            "Time since the last evaluation",
            Unit::Seconds,
            "Rules are judged every ten seconds.",
            &[query(r#"time() - linux_api_alerts_last_evaluation_timestamp_seconds{job="$job",instance=~"$instance"}"#, "{{instance}}")],
        )
        .limits(30.0, 60.0),
        graph(
            "Notices that wait",
            Unit::Number,
            "For the database.",
            &[query(r#"linux_api_alerts_waiting_notices{job="$job",instance=~"$instance"}"#, "{{instance}}")],
        ),
        graph(
            "Senders",
            Unit::Number,
            "Daemons that have channels and can use all of them, and the one that judges for all.",
            &[
                query(r#"sum(linux_api_alerts_can_send{job="$job",instance=~"$instance"})"#, "can send"),
                query(r#"sum(linux_api_alerts_leader{job="$job",instance=~"$instance"})"#, "lead"),
            ],
        ),
    ]
}
