//! linux-api itself: whether the daemons write, how large the tables are, what was sent.

use crate::boards::model::{Board, Column, Kind, Panel, Section, Source, Unit, panel, query};

const DAEMONS: &[Column] = &[
    ("name", "Host", Unit::Text),
    ("version", "Version", Unit::Text),
    ("last_seen", "Last seen", Unit::Ago),
    ("first_seen", "First seen", Unit::Ago),
    ("clock_ahead", "Clock ahead", Unit::Milliseconds),
    ("series", "Series", Unit::Number),
];
const LEASES: &[Column] = &[
    ("name", "For", Unit::Text),
    ("holder", "Held by", Unit::Text),
    ("expires_at", "Until", Unit::Ago),
];
const MIGRATIONS: &[Column] = &[
    ("finished_at", "When", Unit::Ago),
    ("revision", "Revision", Unit::Text),
    ("direction", "Direction", Unit::Text),
    ("status", "Result", Unit::Text),
    ("program_version", "By version", Unit::Text),
];
const DELIVERIES: &[Column] = &[
    ("channel", "Channel", Unit::Text),
    ("state", "State", Unit::Text),
    ("messages", "Messages", Unit::Number),
    ("attempts", "Attempts", Unit::Number),
    ("newest", "Newest", Unit::Ago),
];

pub(super) fn board() -> Board {
    Board {
        name: "daemon",
        title: "linux-api itself",
        about: "Whether the daemons write, how large the tables are, and what became of notices.",
        source: Source::Postgres,
        variables: &[],
        sections: vec![
            Section {
                title: "Daemons",
                panels: daemons(),
            },
            Section {
                title: "Database",
                panels: database(),
            },
            Section {
                title: "Notices",
                panels: notices(),
            },
        ],
    }
}

fn daemons() -> Vec<Panel> {
    vec![
        panel(
            Kind::Table(DAEMONS),
            "Daemons",
            Unit::Number,
            "Clock ahead: of that of the database, when the daemon last wrote; negative is behind.",
            &[query(
                "select h.name, h.version, h.last_seen, h.first_seen, h.clock_ahead_ms as clock_ahead,\n    \
                 (select count(*) from linux_api.host_series s where s.host_id = h.id) as series\n\
                 from linux_api.hosts h order by h.name",
                "",
            )],
        ),
        panel(
            Kind::Graph,
            "Minutes stored",
            Unit::Number,
            "Of each host in each hour; fewer than sixty is a gap.",
            &[query(
                "select date_trunc('hour', t.time) as time, h.name as metric, count(distinct t.time) as value\n\
                 from linux_api.host_samples_between($__timeFrom(), $__timeTo()) t\n\
                 join linux_api.host_series s on s.id = t.series_id\n\
                 join linux_api.hosts h on h.id = s.host_id\n\
                 where s.name = 'uptime.seconds'\ngroup by 1, 2 order by 1",
                "",
            )],
        ),
        panel(
            Kind::Table(LEASES),
            "Who does what for all",
            Unit::Number,
            "One daemon at a time holds each of these.",
            &[query(
                "select name, holder, expires_at from linux_api.leases order by name",
                "",
            )],
        )
        .size(12, 8),
    ]
}

fn database() -> Vec<Panel> {
    let stat = |title, unit, about, text| {
        panel(Kind::Stat, title, unit, about, &[query(text, "")]).size(6, 4)
    };
    vec![
        stat(
            "Size",
            Unit::Bytes,
            "Of all tables of linux-api, with their indexes.",
            "select sum(pg_total_relation_size(c.oid)) as bytes\n\
             from pg_class c join pg_namespace n on n.oid = c.relnamespace\n\
             where n.nspname = 'linux_api' and c.relkind in ('r', 'p')",
        ),
        stat(
            "Connections",
            Unit::Number,
            "To this database, of all programs.",
            "select count(*) from pg_stat_activity where datname = current_database()",
        ),
        stat(
            "Hosts",
            Unit::Number,
            "That wrote to this database and were not forgotten.",
            "select count(*) from linux_api.hosts",
        ),
        stat(
            "Series",
            Unit::Number,
            "Of all hosts, with those of containers that are gone.",
            "select count(*) from linux_api.host_series",
        ),
        panel(
            Kind::Bars,
            "Tables",
            Unit::Bytes,
            "The largest ten, with their indexes.",
            &[query(
                "select c.relname as metric, pg_total_relation_size(c.oid) as value\n\
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace\n\
                 where n.nspname = 'linux_api' and c.relkind in ('r', 'p')\n\
                 order by 2 desc limit 10",
                "",
            )],
        ),
        panel(
            Kind::Table(MIGRATIONS),
            "Migrations",
            Unit::Number,
            "Newest first.",
            &[query(
                "select finished_at, cast(revision as text) as revision, direction, status, program_version\n\
                 from linux_api.migration_log order by id desc limit 20",
                "",
            )],
        )
        .size(12, 8),
    ]
}

fn notices() -> Vec<Panel> {
    vec![
        panel(
            Kind::Stacked,
            "Notices",
            Unit::Number,
            "What changed of alerts, by kind.",
            &[query(
                "select $__timeGroup(time, $__interval) as time, kind as metric, count(*) as value\n\
                 from linux_api.alert_notices where $__timeFilter(time) group by 1, 2 order by 1",
                "",
            )],
        ),
        panel(
            Kind::Table(DELIVERIES),
            "Deliveries",
            Unit::Number,
            "Messages to each channel in the last week; given up after a day.",
            &[query(
                "select channel, state, count(*) as messages, sum(attempts) as attempts, max(updated_at) as newest\n\
                 from linux_api.alert_deliveries where updated_at > now() - interval '7 days'\n\
                 group by channel, state order by channel, state",
                "",
            )],
        )
        .size(12, 8),
    ]
}
