//! All hosts of a database, side by side.

use crate::boards::model::{Board, Column, Kind, Panel, Section, Source, Unit, panel, query};

const HOSTS: &[Column] = &[
    ("name", "Host", Unit::Text),
    ("state", "State", Unit::Text),
    ("version", "Version", Unit::Text),
    ("cpu", "CPU", Unit::Percent),
    ("memory", "Memory", Unit::Percent),
    ("disk", "Fullest file system", Unit::Percent),
    ("mount_point", "Its mount point", Unit::Text),
    ("load", "Load", Unit::Number),
    ("failed_units", "Failed units", Unit::Number),
    ("alerts", "Alerts", Unit::Number),
    ("uptime", "Uptime", Unit::Duration),
    ("last_seen", "Last seen", Unit::Ago),
];
const FIRING: &[Column] = &[
    ("severity", "Severity", Unit::Text),
    ("host", "Host", Unit::Text),
    ("rule", "Rule", Unit::Text),
    ("labels", "Of", Unit::Text),
    ("fired_at", "Since", Unit::Ago),
];

/// A value of each host over time, of the series that are named; the condition narrows them further.
macro_rules! by_host {
    ($value:literal, $names:literal) => {
        by_host!($value, $names, "")
    };
    ($value:literal, $names:literal, $condition:literal) => {
        concat!(
            "select $__timeGroup(t.time, $__interval) as time, h.name as metric, ",
            $value,
            " as value\n\
             from linux_api.host_samples_between($__timeFrom(), $__timeTo()) t\n\
             join linux_api.host_series s on s.id = t.series_id\n\
             join linux_api.hosts h on h.id = s.host_id\n\
             where s.name in (",
            $names,
            ")",
            $condition,
            "\ngroup by 1, 2 order by 1"
        )
    };
}

pub(super) fn board() -> Board {
    Board {
        name: "fleet",
        title: "Fleet",
        about: "All hosts that write to this database.",
        source: Source::Postgres,
        variables: &[],
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
            "Up",
            "Hosts whose daemon wrote within the last 90 seconds.",
            "select count(*) from linux_api.hosts where last_seen > now() - interval '90 seconds'",
        ),
        stat(
            "Late",
            "Hosts whose daemon wrote within the last five minutes.",
            "select count(*) from linux_api.hosts\n\
             where last_seen between now() - interval '5 minutes' and now() - interval '90 seconds'",
        )
        .limits(1.0, 10.0),
        stat(
            "Down",
            "Hosts whose daemon has not written for five minutes.",
            "select count(*) from linux_api.hosts where last_seen < now() - interval '5 minutes'",
        )
        .limits(1.0, 1.0),
        stat(
            "Critical alerts",
            "Firing now.",
            "select count(*) from linux_api.alert_states where status = 'firing' and severity = 'critical'",
        )
        .limits(1.0, 1.0),
        stat(
            "Warnings",
            "Firing now.",
            "select count(*) from linux_api.alert_states where status = 'firing' and severity = 'warning'",
        )
        .limits(1.0, 100.0),
        stat(
            "Failed units",
            "Of hosts with systemd.",
            "select coalesce(sum(failed_units), 0) as failed_units from linux_api.hosts",
        )
        .limits(1.0, 10.0),
        panel(
            Kind::Table(HOSTS),
            "Hosts",
            Unit::Number,
            "Figures are ten seconds old at most while a host is up.",
            &[query(
                "select h.name,\n    \
                 case when h.last_seen > now() - interval '90 seconds' then 'up'\n        \
                 when h.last_seen > now() - interval '5 minutes' then 'late' else 'down' end as state,\n    \
                 h.version, h.cpu_usage_percent as cpu,\n    \
                 100.0 * h.memory_used_bytes / nullif(h.memory_total_bytes, 0) as memory,\n    \
                 h.disk_used_percent as disk, h.disk_mount_point as mount_point, h.load_one as load,\n    \
                 h.failed_units,\n    \
                 (select count(*) from linux_api.alert_states a\n        \
                 where a.host_id = h.id and a.status = 'firing') as alerts,\n    \
                 h.uptime_seconds as uptime, h.last_seen\n\
                 from linux_api.hosts h order by h.name",
                "",
            )],
        ),
        panel(
            Kind::Table(FIRING),
            "Firing alerts",
            Unit::Number,
            "Of all hosts, critical ones first.",
            &[query(
                "select a.severity, h.name as host, a.rule,\n    \
                 cast(a.instance as jsonb) -> 'labels' as labels, a.fired_at\n\
                 from linux_api.alert_states a left join linux_api.hosts h on h.id = a.host_id\n\
                 where a.status = 'firing'\n\
                 order by a.severity, a.fired_at desc limit 200",
                "",
            )],
        )
        .size(24, 7),
    ]
}

fn processors() -> Vec<Panel> {
    let graph =
        |title, unit, about, text| panel(Kind::Graph, title, unit, about, &[query(text, "")]);
    vec![
        graph(
            "CPU",
            Unit::Percent,
            "Processor time spent on work.",
            by_host!("avg(t.mean)", "'cpu.usage_percent'"),
        ),
        graph(
            "Memory",
            Unit::Percent,
            "Memory that is not available.",
            by_host!(
                "100 * avg(t.mean) filter (where s.name = 'memory.used_bytes')\n    \
                 / nullif(avg(t.mean) filter (where s.name = 'memory.total_bytes'), 0)",
                "'memory.used_bytes', 'memory.total_bytes'"
            ),
        )
        .limits(90.0, 95.0),
        graph(
            "Load",
            Unit::Number,
            "Load average over one minute.",
            by_host!("avg(t.mean)", "'load.one'"),
        ),
        graph(
            "Wait for disks",
            Unit::Percent,
            "Share of the time in which some task waited.",
            by_host!("avg(t.mean)", "'pressure.io.some.avg10'"),
        ),
    ]
}

fn devices() -> Vec<Panel> {
    let graph =
        |title, unit, about, text| panel(Kind::Graph, title, unit, about, &[query(text, "")]);
    vec![
        graph(
            "Fullest file system",
            Unit::Percent,
            "As df shows it.",
            by_host!("max(t.max)", "'filesystem.used_percent'"),
        )
        .limits(85.0, 95.0),
        graph(
            "Busiest disk",
            Unit::Percent,
            "Time in which the disk had something to do.",
            by_host!("max(t.mean)", "'disk.busy_percent'"),
        ),
        graph(
            "Received",
            Unit::BytesPerSecond,
            "All interfaces but loopback.",
            by_host!(
                "sum(t.mean) / count(distinct t.time)",
                "'network.received_bytes_per_second'",
                " and s.labels <> '{interface=\"lo\"}'"
            ),
        ),
        graph(
            "Sent",
            Unit::BytesPerSecond,
            "All interfaces but loopback.",
            by_host!(
                "sum(t.mean) / count(distinct t.time)",
                "'network.sent_bytes_per_second'",
                " and s.labels <> '{interface=\"lo\"}'"
            ),
        ),
    ]
}
