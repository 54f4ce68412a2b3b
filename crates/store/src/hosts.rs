//! The daemons that share this database.

use crate::codec::Db;
use std::collections::BTreeMap;

use sqlx_macros::FromRow;

use super::host_list::push_labels;
use super::{Engine, Store, StoreError, on_read};
use linux_api_wire::fleet::{HostFacts, HostLabel, HostRow};
use linux_api_wire::time::Timestamp;

/// How many milliseconds the host's clock is ahead of the database's.
macro_rules! clock_ahead {
    // The daemon and its database have one clock.
    (sqlite) => {
        "null"
    };
    (postgres) => {
        "cast(extract(epoch from cast($6 as timestamptz) - clock_timestamp()) * 1000 as bigint)"
    };
}

/// Keeps the figures that are known when a write brings none.
macro_rules! unless_absent {
    ($($column:literal $parameter:literal),*) => {
        concat!($(
            ", ", $column, " = case when $9 is null then ", $column, " else ", $parameter, " end"
        ),*)
    };
}

macro_rules! update {
    ($engine:ident) => {
        concat!(
            "
    update hosts set name = $2, labels = $3, version = $4, instance_id = $5, last_seen = $6,
        clock_ahead_ms = ",
            clock_ahead!($engine),
            ", sample_time = coalesce($7, sample_time), sample = coalesce($8, sample),
        facts_time = coalesce($9, facts_time)",
            unless_absent!(
                "cpu_usage_percent" "$10",
                "load_one" "$11",
                "memory_used_bytes" "$12",
                "memory_total_bytes" "$13",
                "uptime_seconds" "$14",
                "disk_used_percent" "$15",
                "disk_mount_point" "$16",
                "alerts" "$17",
                "failed_units" "$18",
                "updates" "$19",
                "reboot_required" "$20"
            ),
            "
    where id = $1"
        )
    };
}

macro_rules! insert {
    ($engine:ident) => {
        concat!(
            "
    insert into hosts (id, name, labels, version, instance_id, first_seen, last_seen, clock_ahead_ms,
        sample_time, sample, facts_time, cpu_usage_percent, load_one, memory_used_bytes,
        memory_total_bytes, uptime_seconds, disk_used_percent, disk_mount_point, alerts, failed_units,
        updates, reboot_required)
    values ($1, $2, $3, $4, $5, $6, $6, ",
            clock_ahead!($engine),
            ", $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
    on conflict (id) do nothing"
        )
    };
}

/// Changes the row of a host.
pub(super) const fn update_sql(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => update!(sqlite),
        Engine::Postgres => update!(postgres),
    }
}

/// Adds the row of a host, with the parameters of [`update_sql`].
pub(super) const fn insert_sql(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => insert!(sqlite),
        Engine::Postgres => insert!(postgres),
    }
}

/// Runs a statement with the parameters of a host's row, and returns how many rows changed; a macro because
/// the bound types differ per engine.
macro_rules! write_host {
    ($tx:expr, $sql:expr, $report:expr, $now:expr) => {{
        let report: &$crate::flush::HostReport = $report;
        let facts_time = report.facts.as_ref().map(|(time, _)| *time);
        let none = ::linux_api_wire::fleet::HostFacts::default();
        let facts = report.facts.as_ref().map_or(&none, |(_, facts)| facts);
        $tx.execute(
            sqlx::query($sql)
                .bind(&*report.identity.id)
                .bind(report.identity.name.as_str())
                .bind($crate::hosts::labels_text(&report.identity.labels))
                .bind(report.identity.version.as_str())
                .bind(&*report.instance_id)
                .bind($crate::codec::Db($now))
                .bind($crate::codec::Db(
                    report.sample.as_ref().map(|(time, _)| *time),
                ))
                .bind(report.sample.as_ref().map(|(_, sample)| sample.as_str()))
                .bind($crate::codec::Db(facts_time))
                .bind(facts.cpu_usage_percent.filter(|value| value.is_finite()))
                .bind(facts.load_one.filter(|value| value.is_finite()))
                .bind(facts.memory_used_bytes.map($crate::request_stats::signed))
                .bind(facts.memory_total_bytes.map($crate::request_stats::signed))
                .bind(facts.uptime_seconds.map($crate::request_stats::signed))
                .bind(facts.disk_used_percent.filter(|value| value.is_finite()))
                .bind(facts.disk_mount_point.as_deref())
                .bind(facts.alerts.map($crate::request_stats::signed))
                .bind(facts.failed_units.map($crate::request_stats::signed))
                .bind(facts.updates.map($crate::request_stats::signed))
                .bind(facts.reboot_required),
        )
        .await?
    }};
}

/// Writes a host's row inside a transaction. It is there but for the first time, and an insertion that meets
/// it writes to the log of the server that it locks the row, before it changes it.
macro_rules! upsert_host {
    ($tx:expr, $engine:expr, $report:expr, $now:expr) => {{
        use $crate::hosts::{insert_sql, update_sql, write_host};
        // The second change is for a row that came between the two statements.
        if write_host!($tx, update_sql($engine), $report, $now) == 0
            && write_host!($tx, insert_sql($engine), $report, $now) == 0
        {
            write_host!($tx, update_sql($engine), $report, $now);
        }
    }};
}

pub(super) use {upsert_host, write_host};

pub(super) fn labels_text(labels: &BTreeMap<String, String>) -> String {
    // A map of texts is always an object.
    serde_json::to_string(labels).unwrap_or_else(|_| "{}".to_owned())
}

/// The columns of a [`Row`], in the order in which it reads them.
macro_rules! host_columns {
    () => {
        "id, name, labels, version, instance_id, first_seen, last_seen, clock_ahead_ms, facts_time,
        cpu_usage_percent, load_one, memory_used_bytes, memory_total_bytes, uptime_seconds,
        disk_used_percent, disk_mount_point, alerts, failed_units, updates, reboot_required"
    };
}
pub(super) use host_columns;

pub(super) struct Row {
    id: String,
    name: String,
    labels: String,
    version: String,
    instance_id: String,
    first_seen: Timestamp,
    last_seen: Timestamp,
    clock_ahead_ms: Option<i64>,
    facts_time: Option<Timestamp>,
    facts: FactsRow,
}

/// Reads the columns by their place: a fleet has many rows, and each look-up of a name takes time.
macro_rules! in_order {
    ($row:ty) => {
        impl sqlx::FromRow<'_, $row> for Row {
            fn from_row(row: &$row) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                Ok(Self {
                    id: row.try_get(0)?,
                    name: row.try_get(1)?,
                    labels: row.try_get(2)?,
                    version: row.try_get(3)?,
                    instance_id: row.try_get(4)?,
                    first_seen: row.try_get::<Db<Timestamp>, _>(5)?.0,
                    last_seen: row.try_get::<Db<Timestamp>, _>(6)?.0,
                    clock_ahead_ms: row.try_get(7)?,
                    facts_time: row.try_get::<Db<Option<Timestamp>>, _>(8)?.0,
                    facts: FactsRow {
                        cpu_usage_percent: row.try_get(9)?,
                        load_one: row.try_get(10)?,
                        memory_used_bytes: row.try_get(11)?,
                        memory_total_bytes: row.try_get(12)?,
                        uptime_seconds: row.try_get(13)?,
                        disk_used_percent: row.try_get(14)?,
                        disk_mount_point: row.try_get(15)?,
                        alerts: row.try_get(16)?,
                        failed_units: row.try_get(17)?,
                        updates: row.try_get(18)?,
                        reboot_required: row.try_get(19)?,
                    },
                })
            }
        }
    };
}

in_order!(sqlx::sqlite::SqliteRow);
in_order!(sqlx::postgres::PgRow);

struct FactsRow {
    cpu_usage_percent: Option<f64>,
    load_one: Option<f64>,
    memory_used_bytes: Option<i64>,
    memory_total_bytes: Option<i64>,
    uptime_seconds: Option<i64>,
    disk_used_percent: Option<f64>,
    disk_mount_point: Option<String>,
    alerts: Option<i64>,
    failed_units: Option<i64>,
    updates: Option<i64>,
    reboot_required: Option<bool>,
}

impl From<FactsRow> for HostFacts {
    fn from(row: FactsRow) -> Self {
        let count = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        Self {
            cpu_usage_percent: row.cpu_usage_percent,
            load_one: row.load_one,
            memory_used_bytes: count(row.memory_used_bytes),
            memory_total_bytes: count(row.memory_total_bytes),
            uptime_seconds: count(row.uptime_seconds),
            disk_used_percent: row.disk_used_percent,
            disk_mount_point: row.disk_mount_point,
            alerts: count(row.alerts),
            // Counted from the states of alerts where hosts are listed.
            alerts_critical: None,
            alerts_warning: None,
            failed_units: count(row.failed_units),
            updates: count(row.updates),
            reboot_required: row.reboot_required,
        }
    }
}

impl TryFrom<Row> for HostRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let labels = serde_json::from_str(&row.labels).map_err(|_| StoreError::Corrupt {
            table: "hosts",
            column: "labels",
        })?;
        Ok(Self {
            id: row.id,
            name: row.name,
            labels,
            version: row.version,
            instance_id: row.instance_id,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            facts: row.facts_time.map(|time| (time, row.facts.into())),
            clock_ahead: row.clock_ahead_ms,
        })
    }
}

/// A host in short.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct HostName {
    /// The same for every start on the same host.
    pub id: String,
    /// The host's name, for people.
    pub name: String,
}

impl Store {
    /// The hosts that have one of these ids or names, or any without them, and all of these labels: by
    /// name, those with the same name by id, at most `limit` after the one with the given name and id.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn select_hosts(
        &self,
        named: Option<&[String]>,
        labels: &[HostLabel],
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<HostName>, StoreError> {
        let engine = self.engine();
        on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new("select id, name from hosts where 1 = 1");
            if let Some(named) = named {
                // No host has an empty id or name; without any text the list would be no SQL.
                for column in [" and (id in (''", " or name in (''"] {
                    query.push(column);
                    for text in named {
                        query.push(", ").push_bind(text.as_str());
                    }
                    query.push(")");
                }
                query.push(")");
            }
            push_labels!(query, engine, labels);
            if let Some((name, id)) = after {
                query.push(" and (name, id) > (").push_bind(name);
                query.push(", ").push_bind(id).push(")");
            }
            query
                .push(" order by name, id limit ")
                .push_bind(i64::from(limit));
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })
    }

    /// The hosts with these ids, as far as there are any.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn name_hosts(&self, ids: &[&str]) -> Result<Vec<HostName>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new("select id, name from hosts where id in (");
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(*id);
            }
            query.push(")");
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })
    }

    /// The name and the labels of each of the hosts with these ids, as far as there are any.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or a row can't be read.
    pub async fn label_hosts(
        &self,
        ids: &[&str],
    ) -> Result<BTreeMap<String, (String, BTreeMap<String, String>)>, StoreError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows: Vec<(String, String, String)> = on_read!(self, |tx| {
            let sql = "select id, name, labels from hosts where id in (";
            let mut query = sqlx::QueryBuilder::new(sql);
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(*id);
            }
            query.push(")");
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })?;
        let rows = rows.into_iter().map(|(id, name, labels)| {
            let labels = serde_json::from_str(&labels).map_err(|_| StoreError::Corrupt {
                table: "hosts",
                column: "labels",
            })?;
            Ok((id, (name, labels)))
        });
        rows.collect()
    }

    /// The hosts of this database by name, those with the same name by id, at most `limit` after
    /// the one with the given name and id.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn list_hosts(
        &self,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<HostRow>, StoreError> {
        const SQL: &str = concat!(
            "select ",
            host_columns!(),
            " from hosts where (name, id) > ($1, $2) order by name, id limit $3"
        );
        let (name, id) = after.unwrap_or_default();
        let rows: Vec<Row> = on_read!(self, |tx| Ok(tx
            .fetch_all(
                sqlx::query_as(SQL)
                    .bind(name)
                    .bind(id)
                    .bind(i64::from(limit)),
            )
            .await?))?;
        rows.into_iter().map(HostRow::try_from).collect()
    }
}
