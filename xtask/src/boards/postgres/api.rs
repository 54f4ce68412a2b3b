//! Requests to the daemons.

use crate::boards::model::{Board, Column, Kind, Panel, Section, Source, Unit, panel, query};

const ROUTES: &[Column] = &[
    ("method", "Method", Unit::Text),
    ("route", "Route", Unit::Text),
    ("requests", "Requests", Unit::Number),
    ("mean", "Mean", Unit::Seconds),
    ("slowest", "Slowest", Unit::Seconds),
];
const DAYS: &[Column] = &[
    ("day", "Day", Unit::Text),
    ("requests", "Requests", Unit::Number),
    ("failures", "Failures", Unit::Number),
    ("refused", "Refused", Unit::Number),
];

/// Requests a second of the rows of a table, by something.
macro_rules! rate {
    ($metric:literal, $condition:literal) => {
        concat!(
            "select $__timeGroup(time, $__interval) as time, ",
            $metric,
            " as metric,\n    sum(count) * 1000.0 / $__interval_ms as value\n\
             from linux_api.request_status\nwhere $__timeFilter(time)",
            $condition,
            "\ngroup by 1, 2 order by 1"
        )
    };
}

pub(super) fn board() -> Board {
    Board {
        name: "api",
        title: "API",
        about: "Requests to all daemons of the database. Minutes are kept for 30 days unless retention.minutes says \
                otherwise. Percentiles are in sketches that SQL can't merge: the API and the dashboard show them.",
        source: Source::Postgres,
        variables: &[],
        sections: vec![
            Section {
                title: "In the chosen time",
                panels: totals(),
            },
            Section {
                title: "Over time",
                panels: over_time(),
            },
            Section {
                title: "Routes and days",
                panels: tables(),
            },
        ],
    }
}

fn totals() -> Vec<Panel> {
    let stat = |title, unit, about, text| {
        panel(Kind::Stat, title, unit, about, &[query(text, "")]).size(6, 4)
    };
    vec![
        stat(
            "Requests",
            Unit::Number,
            "All routes and methods.",
            "select coalesce(sum(requests), 0) as requests from linux_api.request_stats where $__timeFilter(time)",
        ),
        stat(
            "Failures",
            Unit::Share,
            "Responses with a status of 500 or more.",
            "select coalesce(sum(count) filter (where status >= 500), 0) / nullif(sum(count), 0) as failures\n\
             from linux_api.request_status where $__timeFilter(time)",
        )
        .limits(0.01, 0.05),
        stat(
            "Mean",
            Unit::Seconds,
            "Of all requests.",
            "select sum(sum) / nullif(sum(requests), 0) as mean from linux_api.request_stats where $__timeFilter(time)",
        ),
        stat(
            "Slowest",
            Unit::Seconds,
            "The longest request.",
            "select max(max) as slowest from linux_api.request_stats where $__timeFilter(time)",
        )
        .limits(1.0, 10.0),
    ]
}

fn over_time() -> Vec<Panel> {
    vec![
        panel(
            Kind::Stacked,
            "Requests by status",
            Unit::RequestsPerSecond,
            "499: the client disconnected before the response.",
            &[query(rate!("cast(status as text)", ""), "")],
        ),
        panel(
            Kind::Graph,
            "Refused",
            Unit::RequestsPerSecond,
            "401: no valid key. 403: not with this role or scope. 429: more than the limit allows.",
            &[query(
                rate!("cast(status as text)", " and status in (401, 403, 429)"),
                "",
            )],
        ),
        panel(
            Kind::Graph,
            "Durations",
            Unit::Seconds,
            "Mean and slowest request.",
            &[query(
                "select $__timeGroup(time, $__interval) as time, sum(sum) / nullif(sum(requests), 0) as \"mean\",\n    \
                 max(max) as \"slowest\"\n\
                 from linux_api.request_stats where $__timeFilter(time) group by 1 order by 1",
                "",
            )],
        ),
        panel(
            Kind::Graph,
            "Requests by host",
            Unit::RequestsPerSecond,
            "Which daemon served them.",
            &[query(
                "select $__timeGroup(r.time, $__interval) as time, coalesce(h.name, r.host_id) as metric,\n    \
                 sum(r.requests) * 1000.0 / $__interval_ms as value\n\
                 from linux_api.request_stats r left join linux_api.hosts h on h.id = r.host_id\n\
                 where $__timeFilter(r.time) group by 1, 2 order by 1",
                "",
            )],
        ),
    ]
}

fn tables() -> Vec<Panel> {
    vec![
        panel(
            Kind::Table(ROUTES),
            "Routes",
            Unit::Number,
            "In the chosen time, most requests first.",
            &[query(
                "select method, route, sum(requests) as requests, sum(sum) / nullif(sum(requests), 0) as mean,\n    \
                 max(max) as slowest\n\
                 from linux_api.request_stats where $__timeFilter(time)\n\
                 group by method, route order by requests desc limit 100",
                "",
            )],
        )
        .size(14, 10),
        panel(
            Kind::Table(DAYS),
            "Days",
            Unit::Number,
            "The last ninety days, whichever time is chosen.",
            &[query(
                "select to_char(time at time zone 'UTC', 'YYYY-MM-DD') as day, sum(count) as requests,\n    \
                 sum(count) filter (where status >= 500) as failures,\n    \
                 sum(count) filter (where status in (401, 403, 429)) as refused\n\
                 from linux_api.request_status_daily where time > now() - interval '90 days'\n\
                 group by 1 order by 1 desc",
                "",
            )],
        )
        .size(10, 10),
    ]
}
