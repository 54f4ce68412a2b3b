//! Series of the daemon itself.

use std::time::Duration;

use super::Exposition;
use super::writer::{Distribution, Writer};
use crate::tasks::flusher::FlusherHealth;
use linux_api_wire::request_stats::{RequestKey, RequestStats};
use linux_api_wire::snapshot::{Family, Snapshot};
use linux_api_wire::time::Timestamp;

/// Upper bounds of the histogram of durations, in seconds.
const BOUNDS: [f64; 14] = [
    0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

pub(super) fn write(writer: &mut Writer, all: &Exposition) {
    let build = [("version", env!("CARGO_PKG_VERSION"))];
    let help = "The program, by its version; always 1";
    writer.gauges(("linux_api_build_info", help), [(build, 1_u64)]);
    requests(writer, all);
    flusher(writer, &all.flusher);
    sampler(writer, all);
    database(writer, all);
    process(writer, all);
}

fn requests(writer: &mut Writer, all: &Exposition) {
    let mut requests: Vec<(&RequestKey, &RequestStats)> = all.requests.iter().collect();
    requests.sort_unstable_by_key(|(key, _)| *key);
    let statuses = requests.iter().flat_map(|(key, stats)| {
        stats.statuses.iter().map(move |(status, count)| {
            let labels = [
                ("method", key.method.as_str().to_owned()),
                ("route", key.route.to_string()),
                ("status", status.to_string()),
            ];
            (labels, *count)
        })
    });
    let help = "Requests served, by method, template of the route and status";
    writer.counters(("linux_api_http_requests", help), statuses);
    let durations = requests.iter().map(|(key, stats)| {
        let labels = [("method", key.method.as_str()), ("route", &*key.route)];
        let counts = stats.sketch.histogram(&BOUNDS);
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        let distribution = Distribution {
            sum: stats.sum,
            buckets: bounds.zip(counts).collect(),
        };
        (labels, distribution)
    });
    let help = "Time from the head of a request to the head of its response; bounds are within 1 %";
    writer.histograms(("linux_api_http_request_duration_seconds", help), durations);
}

fn flusher(writer: &mut Writer, health: &FlusherHealth) {
    let counters = &health.counters;
    let attempts = [
        ([("result", "success")], health.success_count),
        ([("result", "error")], health.error_count),
    ];
    let help = "Attempts to write measurements to the database";
    writer.counters(("linux_api_flusher_attempts", help), attempts);
    let help = "Attempts that failed since the last that succeeded";
    let failures = health.consecutive_failures;
    writer.gauge(
        ("linux_api_flusher_consecutive_failures", help),
        Some(failures),
    );
    let help = "When an attempt last succeeded";
    let last = health.last_success.map(seconds);
    writer.gauge(
        ("linux_api_flusher_last_success_timestamp_seconds", help),
        last,
    );
    let requests = [
        ([("state", "recorded")], counters.recorded),
        ([("state", "recovered")], counters.recovered),
        ([("state", "stored")], counters.stored),
        ([("state", "dropped")], counters.dropped),
    ];
    let help = "Requests by where they went: recorded and recovered are stored, dropped and queued";
    writer.counters(("linux_api_flusher_requests", help), requests);
    let help = "Samples of the host that were given up because too many waited";
    let dropped = counters.dropped_samples;
    writer.counter(("linux_api_flusher_dropped_samples", help), Some(dropped));
    let queue = [
        (
            "linux_api_flusher_queued_requests",
            "Requests that wait to be written",
            counters.queued,
        ),
        (
            "linux_api_flusher_queued_buckets",
            "Buckets that wait to be written",
            counters.queued_buckets,
        ),
        (
            "linux_api_flusher_queued_samples",
            "Samples of the host that wait to be written",
            counters.queued_samples,
        ),
        (
            "linux_api_flusher_queue_bytes",
            "About how much memory takes what waits to be written",
            counters.queued_bytes,
        ),
    ];
    for (name, help, value) in queue {
        writer.gauge((name, help), Some(value));
    }
}

fn sampler(writer: &mut Writer, all: &Exposition) {
    let snapshot = all.snapshot.as_deref();
    let since = snapshot.map_or(Duration::ZERO, Snapshot::since_taken);
    let families = || snapshot.into_iter().flat_map(|one| one.status.iter());
    let label = |family: &Family| [("family", family.as_str())];
    let ages = families().filter_map(|(family, status)| {
        let age = status.age?.saturating_add(since);
        Some((label(family), age.as_secs_f64()))
    });
    let help = "Age of the newest reading of each part of the host";
    writer.gauges(("linux_api_sampler_age_seconds", help), ages);
    let failing = families().map(|(family, status)| (label(family), status.error.is_some()));
    let help = "Whether a part of the host can't be read now";
    writer.gauges(("linux_api_sampler_failing", help), failing);
    let help = "Minutes of the host's series that were dropped because they could not be stored";
    writer.counter(
        ("linux_api_sampler_dropped_aggregates", help),
        Some(all.dropped_minutes),
    );
    let help = "Series of the host for which the history has no room";
    writer.gauge(
        ("linux_api_sampler_left_out_series", help),
        Some(all.left_out_series),
    );
}

fn database(writer: &mut Writer, all: &Exposition) {
    let pool = &all.pool;
    let idle = u64::try_from(pool.idle).unwrap_or(u64::MAX);
    let open = u64::from(pool.open);
    let engine = [("engine", all.engine.as_str())];
    let help = "The database, by its engine; always 1";
    writer.gauges(("linux_api_database_info", help), [(engine, 1_u64)]);
    let connections = [
        ([("state", "idle")], idle),
        ([("state", "used")], open.saturating_sub(idle)),
    ];
    let help = "Open connections to the database";
    writer.gauges(("linux_api_database_connections", help), connections);
    let help = "The most connections to the database that may be open";
    writer.gauge(
        ("linux_api_database_connections_max", help),
        Some(u64::from(pool.max)),
    );
}

/// By the names that every Prometheus client library uses.
fn process(writer: &mut Writer, all: &Exposition) {
    let Some(process) = &all.process else {
        return;
    };
    let help = "Total user and system CPU time spent in seconds.";
    writer.counter(("process_cpu_seconds", help), Some(process.cpu_seconds));
    let help = "Resident memory size in bytes.";
    writer.gauge(
        ("process_resident_memory_bytes", help),
        Some(process.resident_bytes),
    );
    let help = "Virtual memory size in bytes.";
    writer.gauge(
        ("process_virtual_memory_bytes", help),
        Some(process.virtual_bytes),
    );
    let help = "The most virtual memory in bytes; the largest number where there is no limit.";
    let most = process.max_virtual_bytes.unwrap_or(u64::MAX);
    writer.gauge(("process_virtual_memory_max_bytes", help), Some(most));
    let help = "Number of open file descriptors.";
    writer.gauge(("process_open_fds", help), Some(process.open_fds));
    let help = "Maximum number of open file descriptors.";
    writer.gauge(("process_max_fds", help), process.max_fds);
    let help = "Number of OS threads in the process.";
    writer.gauge(("process_threads", help), Some(process.threads));
    let help = "Start time of the process since unix epoch in seconds.";
    writer.gauge(
        ("process_start_time_seconds", help),
        Some(seconds(process.started)),
    );
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of any year that clocks show fit a float"
)]
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_millis() as f64 / 1000.0
}
