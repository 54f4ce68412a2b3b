//! The daemons that share this database.

use crate::codec::stored_row;
use std::collections::BTreeMap;

use sqlx_macros::FromRow;

use super::host_list::push_labels;
use super::{Store, StoreError, on_read};
use linux_api_wire::fleet::{HostLabel, HostRow};
use linux_api_wire::time::Timestamp;

pub(super) const UPSERT: &str = "
    insert into hosts (id, name, labels, version, instance_id, first_seen, last_seen, sample_time,
        sample)
    values ($1, $2, $3, $4, $5, $6, $6, $7, $8)
    on conflict (id) do update set
        name = excluded.name, labels = excluded.labels, version = excluded.version,
        instance_id = excluded.instance_id, last_seen = excluded.last_seen,
        sample_time = coalesce(excluded.sample_time, hosts.sample_time),
        sample = coalesce(excluded.sample, hosts.sample)";

/// Writes a host's row inside a transaction; a macro because the bound types differ per engine.
macro_rules! upsert_host {
    ($tx:expr, $report:expr, $now:expr) => {{
        let report: &$crate::flush::HostReport = $report;
        $tx.execute(
            sqlx::query($crate::hosts::UPSERT)
                .bind(&*report.identity.id)
                .bind(report.identity.name.as_str())
                .bind($crate::hosts::labels_text(&report.identity.labels))
                .bind(report.identity.version.as_str())
                .bind(&*report.instance_id)
                .bind($crate::codec::Db($now))
                .bind($crate::codec::Db(
                    report.sample.as_ref().map(|(time, _)| *time),
                ))
                .bind(report.sample.as_ref().map(|(_, sample)| sample.as_str())),
        )
        .await?
    }};
}

pub(super) use upsert_host;

pub(super) fn labels_text(labels: &BTreeMap<String, String>) -> String {
    // A map of texts is always an object.
    serde_json::to_string(labels).unwrap_or_else(|_| "{}".to_owned())
}

pub(super) struct Row {
    id: String,
    name: String,
    labels: String,
    version: String,
    instance_id: String,
    first_seen: Timestamp,
    last_seen: Timestamp,
    sample_time: Option<Timestamp>,
    sample: Option<String>,
}

stored_row!(Row { id, name, labels, version, instance_id, sample; db first_seen: Timestamp, last_seen: Timestamp, sample_time: Option<Timestamp> });

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
            sample_time: row.sample_time,
            sample: row.sample,
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
    /// name, at most `limit`.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn select_hosts(
        &self,
        named: Option<&[String]>,
        labels: &[HostLabel],
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
        const SQL: &str = "
            select id, name, labels, version, instance_id, first_seen, last_seen, sample_time,
                sample
            from hosts
            where (name, id) > ($1, $2)
            order by name, id
            limit $3";
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
