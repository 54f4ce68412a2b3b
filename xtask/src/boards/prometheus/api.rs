//! Requests to the daemons.

use super::{INSTANCES, JOB};
use crate::boards::model::{Board, Column, Kind, Panel, Section, Source, Unit, panel, query};

const ROUTES: &[Column] = &[
    ("method", "Method", Unit::Text),
    ("route", "Route", Unit::Text),
    ("Value #A", "Requests", Unit::RequestsPerSecond),
    ("Value #B", "Median", Unit::Seconds),
    ("Value #C", "p99", Unit::Seconds),
    ("Value #D", "Mean", Unit::Seconds),
];

pub(super) fn board() -> Board {
    Board {
        name: "api",
        title: "API",
        about: "Requests to the daemons, since the start of each.",
        source: Source::Prometheus,
        variables: &[JOB, INSTANCES],
        sections: vec![
            Section {
                title: "Now",
                panels: now(),
            },
            Section {
                title: "Over time",
                panels: over_time(),
            },
            Section {
                title: "Routes",
                panels: routes(),
            },
        ],
    }
}

fn now() -> Vec<Panel> {
    let stat = |title, unit, about, text| {
        panel(Kind::Stat, title, unit, about, &[query(text, "")]).size(6, 4)
    };
    vec![
        stat(
            "Requests",
            Unit::RequestsPerSecond,
            "All routes and methods.",
            r#"sum(rate(linux_api_http_requests_total{job="$job",instance=~"$instance"}[$__rate_interval]))"#,
        ),
        stat(
            "Failures",
            Unit::Share,
            "Responses with a status of 500 or more.",
            r#"(sum(rate(linux_api_http_requests_total{job="$job",instance=~"$instance",status=~"5.."}[$__rate_interval])) or vector(0)) / sum(rate(linux_api_http_requests_total{job="$job",instance=~"$instance"}[$__rate_interval]))"#,
        )
        .limits(0.01, 0.05),
        stat(
            "Median",
            Unit::Seconds,
            "Time from the head of a request to the head of its response.",
            r#"histogram_quantile(0.5, sum by (le) (rate(linux_api_http_request_duration_seconds_bucket{job="$job",instance=~"$instance"}[$__rate_interval])))"#,
        ),
        stat(
            "p99",
            Unit::Seconds,
            "Of a hundred requests 99 took no longer.",
            r#"histogram_quantile(0.99, sum by (le) (rate(linux_api_http_request_duration_seconds_bucket{job="$job",instance=~"$instance"}[$__rate_interval])))"#,
        )
        .limits(0.25, 1.0),
    ]
}

fn over_time() -> Vec<Panel> {
    vec![
        panel(
            Kind::Stacked,
            "Requests by status",
            Unit::RequestsPerSecond,
            "499: the client disconnected before the response.",
            &[query(
                r#"sum by (status) (rate(linux_api_http_requests_total{job="$job",instance=~"$instance"}[$__rate_interval]))"#,
                "{{status}}",
            )],
        ),
        panel(
            Kind::Graph,
            "Durations",
            Unit::Seconds,
            "Percentiles of all requests.",
            &[
                query(
                    r#"histogram_quantile(0.5, sum by (le) (rate(linux_api_http_request_duration_seconds_bucket{job="$job",instance=~"$instance"}[$__rate_interval])))"#,
                    "median",
                ),
                query(
                    r#"histogram_quantile(0.95, sum by (le) (rate(linux_api_http_request_duration_seconds_bucket{job="$job",instance=~"$instance"}[$__rate_interval])))"#,
                    "p95",
                ),
                query(
                    r#"histogram_quantile(0.99, sum by (le) (rate(linux_api_http_request_duration_seconds_bucket{job="$job",instance=~"$instance"}[$__rate_interval])))"#,
                    "p99",
                ),
            ],
        ),
        panel(
            Kind::Heatmap,
            "How long requests took",
            Unit::Seconds,
            "How many fell between two bounds.",
            &[query(
                r#"sum by (le) (increase(linux_api_http_request_duration_seconds_bucket{job="$job",instance=~"$instance"}[$__rate_interval]))"#,
                "{{le}}",
            )],
        ),
        panel(
            Kind::Graph,
            "Refused",
            Unit::RequestsPerSecond,
            "401: no valid key. 403: not with this role or scope. 429: more than the limit allows.",
            &[query(
                r#"sum by (status) (rate(linux_api_http_requests_total{job="$job",instance=~"$instance",status=~"401|403|429"}[$__rate_interval]))"#,
                "{{status}}",
            )],
        ),
    ]
}

fn routes() -> Vec<Panel> {
    vec![
        panel(
            Kind::Table(ROUTES),
            "Routes",
            Unit::Number,
            "By method and template of the route.",
            &[
                query(
                    r#"sum by (method, route) (rate(linux_api_http_request_duration_seconds_count{job="$job",instance=~"$instance"}[$__range]))"#,
                    "",
                ),
                query(
                    r#"histogram_quantile(0.5, sum by (method, route, le) (rate(linux_api_http_request_duration_seconds_bucket{job="$job",instance=~"$instance"}[$__range])))"#,
                    "",
                ),
                query(
                    r#"histogram_quantile(0.99, sum by (method, route, le) (rate(linux_api_http_request_duration_seconds_bucket{job="$job",instance=~"$instance"}[$__range])))"#,
                    "",
                ),
                query(
                    r#"sum by (method, route) (rate(linux_api_http_request_duration_seconds_sum{job="$job",instance=~"$instance"}[$__range])) / sum by (method, route) (rate(linux_api_http_request_duration_seconds_count{job="$job",instance=~"$instance"}[$__range]))"#,
                    "",
                ),
            ],
        ),
        panel(
            Kind::Graph,
            "Busiest routes",
            Unit::RequestsPerSecond,
            "The ten with the most requests.",
            &[query(
                r#"topk(10, sum by (route) (rate(linux_api_http_requests_total{job="$job",instance=~"$instance"}[$__rate_interval])))"#,
                "{{route}}",
            )],
        ),
        panel(
            Kind::Graph,
            "Slowest routes",
            Unit::Seconds,
            "The ten with the highest p99.",
            &[query(
                r#"topk(10, histogram_quantile(0.99, sum by (route, le) (rate(linux_api_http_request_duration_seconds_bucket{job="$job",instance=~"$instance"}[$__rate_interval]))))"#,
                "{{route}}",
            )],
        ),
    ]
}
