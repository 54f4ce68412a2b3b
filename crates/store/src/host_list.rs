//! The list of hosts: filtered, sorted by any figure of the newest reading, page by page.
//!
//! A fleet is some thousand rows, which both engines filter and sort in a few milliseconds; only a page
//! of them leaves the database.

use crate::codec::Db;
use crate::hosts::Row;

use super::{Engine, Store, StoreError, on_read};
use linux_api_wire::api::fleet::{HostCursor, HostSort, Order};
use linux_api_wire::fleet::{AHEAD_MAX, HostLabel, HostRow, HostState, LATE_FOR, UP_FOR};
use linux_api_wire::time::Timestamp;

/// Which hosts to list. All conditions that are given must hold.
#[derive(Debug, Clone, Default)]
pub struct HostFilter {
    /// Hosts with all of these labels.
    pub labels: Vec<HostLabel>,
    /// Hosts in one of these states; in any when empty.
    pub states: Vec<HostState>,
    /// Hosts with this in their name or id, in upper or lower case (of ASCII letters).
    pub text: Option<String>,
}

/// A host of a sorted list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedHost {
    /// The host.
    pub host: HostRow,
    /// The figure that the list is sorted by; absent when it is not known, and in a list by name.
    pub value: Option<f64>,
}

/// Adds the labels that hosts must have; a macro because the bound types differ per engine.
macro_rules! push_labels {
    ($query:expr, $engine:expr, $labels:expr) => {{
        let labels: &[::linux_api_wire::fleet::HostLabel] = $labels;
        for label in labels {
            match $engine {
                $crate::Engine::Sqlite => {
                    // By name and not by path, which would have a meaning for dots.
                    $query.push(" and exists (select 1 from json_each(labels) where key = ");
                    $query.push_bind(label.name.as_str()).push(" and value = ");
                    $query.push_bind(label.value.as_str()).push(")");
                }
                $crate::Engine::Postgres => {
                    $query.push(" and cast(labels as json) ->> ");
                    $query.push_bind(label.name.as_str()).push(" = ");
                    $query.push_bind(label.value.as_str());
                }
            }
        }
    }};
}

pub(super) use push_labels;

/// Adds which states hosts may be in.
macro_rules! push_states {
    ($query:expr, $states:expr, $now:expr) => {{
        let (states, now): (&[HostState], Timestamp) = ($states, $now);
        let up = now.saturating_sub(UP_FOR);
        let late = now.saturating_sub(LATE_FOR);
        let ahead = now.saturating_add(AHEAD_MAX);
        if !states.is_empty() {
            $query.push(" and (1 = 0");
            for state in states {
                match state {
                    HostState::Up => {
                        $query.push(" or (last_seen >= ").push_bind(Db(up));
                        $query
                            .push(" and last_seen <= ")
                            .push_bind(Db(ahead))
                            .push(")");
                    }
                    HostState::Late => {
                        $query.push(" or (last_seen >= ").push_bind(Db(late));
                        $query.push(" and last_seen < ").push_bind(Db(up)).push(")");
                    }
                    HostState::Down => {
                        $query.push(" or last_seen < ").push_bind(Db(late));
                        $query.push(" or last_seen > ").push_bind(Db(ahead));
                    }
                    HostState::Unknown => {}
                }
            }
            $query.push(")");
        }
    }};
}

/// Adds where a page starts: after the given place.
macro_rules! push_place {
    ($query:expr, $sort:expr, $is_ascending:expr, $place:expr) => {{
        let place: &HostCursor = $place;
        let (after, is_ascending): (&str, bool) = (" > ", $is_ascending);
        match place.value {
            _ if $sort == HostSort::Name => {
                $query.push(" and (name, id)");
                $query.push(if is_ascending { " > " } else { " < " });
            }
            Some(value) => {
                $query.push(" and (value is null or value");
                $query.push(if is_ascending { " > " } else { " < " });
                $query
                    .push_bind(value)
                    .push(" or (value = ")
                    .push_bind(value);
                $query.push(" and (name, id)").push(after);
            }
            None => {
                $query.push(" and value is null and (name, id)").push(after);
            }
        }
        $query.push("(").push_bind(place.name.as_str()).push(", ");
        $query.push_bind(place.id.as_str()).push(")");
        if place.value.is_some() && $sort != HostSort::Name {
            $query.push("))");
        }
    }};
}

impl Store {
    /// The hosts of this database that a filter selects, sorted, at most `limit` after a place.
    ///
    /// Figures are those of the newest reading. A host that is down has none that is true now, nor has
    /// one whose clock is wrong a time at which it was last seen: they come last, in either direction.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn filter_hosts(
        &self,
        filter: &HostFilter,
        (sort, order): (HostSort, Order),
        place: Option<&HostCursor>,
        limit: u32,
    ) -> Result<Vec<ListedHost>, StoreError> {
        let (engine, now) = (self.engine(), self.clock().now());
        let is_ascending = order == Order::Ascending;
        // Databases compare by bytes here, and know no other letters.
        let text = filter.text.as_ref().map(|text| text.to_ascii_lowercase());
        let rows: Vec<ListedRow> = on_read!(self, |tx| {
            // Once: the figure is read out of JSON, and is needed for the place and the order.
            let mut query =
                sqlx::QueryBuilder::new("with listed as materialized (select hosts.*, ");
            if sort == HostSort::Name {
                query.push("cast(null as double precision)");
            } else {
                query.push("case when last_seen <= ");
                query.push_bind(Db(now.saturating_add(AHEAD_MAX)));
                if sort != HostSort::LastSeen {
                    query.push(" and last_seen >= ");
                    query.push_bind(Db(now.saturating_sub(LATE_FOR)));
                }
                query.push(" then ").push(figure(engine, sort)).push(" end");
            }
            query.push(" as value from hosts where 1 = 1");
            push_labels!(query, engine, &filter.labels);
            push_states!(query, &filter.states, now);
            if let Some(text) = text.as_deref() {
                let find = match engine {
                    Engine::Sqlite => "instr(lower(",
                    Engine::Postgres => "strpos(lower(",
                };
                query
                    .push(" and (")
                    .push(find)
                    .push("name), ")
                    .push_bind(text);
                query
                    .push(") > 0 or ")
                    .push(find)
                    .push("id), ")
                    .push_bind(text);
                query.push(") > 0)");
            }
            query.push(
                ") select id, name, labels, version, instance_id, first_seen, last_seen,
                    sample_time, sample, value from listed where 1 = 1",
            );
            if let Some(place) = place {
                push_place!(query, sort, is_ascending, place);
            }
            query.push(match (sort, is_ascending) {
                (HostSort::Name, true) => " order by name, id limit ",
                (HostSort::Name, false) => " order by name desc, id desc limit ",
                (_, true) => " order by value is null, value, name, id limit ",
                (_, false) => " order by value is null, value desc, name, id limit ",
            });
            query.push_bind(i64::from(limit));
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })?;
        let listed = |row: ListedRow| {
            let host = HostRow::try_from(row.host)?;
            let value = row.value;
            Ok(ListedHost { host, value })
        };
        rows.into_iter().map(listed).collect()
    }
}

struct ListedRow {
    host: Row,
    value: Option<f64>,
}

impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for ListedRow
where
    Row: sqlx::FromRow<'r, R>,
    &'static str: sqlx::ColumnIndex<R>,
    Option<f64>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            host: Row::from_row(row)?,
            value: row.try_get("value")?,
        })
    }
}

/// What hosts are sorted by, as a floating-point number or null.
const fn figure(engine: Engine, sort: HostSort) -> &'static str {
    match (engine, sort) {
        (_, HostSort::Name) => "null",
        (Engine::Sqlite, HostSort::LastSeen) => "cast(last_seen as real)",
        (Engine::Sqlite, HostSort::Cpu) => {
            "cast(json_extract(sample, '$.cpu_usage_percent') as real)"
        }
        (Engine::Sqlite, HostSort::Memory) => {
            "100.0 * json_extract(sample, '$.memory_used_bytes')
                / nullif(json_extract(sample, '$.memory_total_bytes'), 0)"
        }
        (Engine::Sqlite, HostSort::Disk) => {
            "cast(json_extract(sample, '$.disk_used_percent') as real)"
        }
        (Engine::Sqlite, HostSort::Load) => "cast(json_extract(sample, '$.load_one') as real)",
        (Engine::Sqlite, HostSort::Uptime) => {
            "cast(json_extract(sample, '$.uptime_seconds') as real)"
        }
        (Engine::Postgres, HostSort::LastSeen) => {
            "cast(extract(epoch from last_seen) * 1000 as double precision)"
        }
        (Engine::Postgres, HostSort::Cpu) => {
            "cast(cast(sample as json) ->> 'cpu_usage_percent' as double precision)"
        }
        (Engine::Postgres, HostSort::Memory) => {
            "100 * cast(cast(sample as json) ->> 'memory_used_bytes' as double precision)
                / nullif(cast(cast(sample as json) ->> 'memory_total_bytes' as double precision), 0)"
        }
        (Engine::Postgres, HostSort::Disk) => {
            "cast(cast(sample as json) ->> 'disk_used_percent' as double precision)"
        }
        (Engine::Postgres, HostSort::Load) => {
            "cast(cast(sample as json) ->> 'load_one' as double precision)"
        }
        (Engine::Postgres, HostSort::Uptime) => {
            "cast(cast(sample as json) ->> 'uptime_seconds' as double precision)"
        }
    }
}
