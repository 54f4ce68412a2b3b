//! The list of hosts: filtered, sorted by any figure of the newest reading, page by page.
//!
//! A fleet is some thousand rows, which both engines filter and sort in a few milliseconds; only a page
//! of them leaves the database.

use crate::codec::Db;
use crate::hosts::{Row, host_columns};

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
    /// Hosts of which each of these figures is within its bounds; not those where it is not known.
    pub bounds: Vec<FigureBound>,
}

/// What a figure of a host must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureBound {
    /// Which figure; the bounds of a name are none.
    pub figure: HostSort,
    /// The least that it may be; of [`HostSort::LastSeen`] in milliseconds since 1970.
    pub least: Option<f64>,
    /// The most that it may be.
    pub most: Option<f64>,
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

/// Adds a figure as a floating-point number, null where it is not known or was true long ago.
macro_rules! push_figure {
    ($query:expr, $engine:expr, $sort:expr, $now:expr) => {{
        let (sort, now): (HostSort, Timestamp) = ($sort, $now);
        if sort == HostSort::Name {
            $query.push("cast(null as double precision)");
        } else {
            $query.push("case when last_seen <= ");
            $query.push_bind(Db(now.saturating_add(AHEAD_MAX)));
            if sort != HostSort::LastSeen {
                $query.push(" and last_seen >= ");
                $query.push_bind(Db(now.saturating_sub(LATE_FOR)));
            }
            $query
                .push(" then ")
                .push(figure($engine, sort))
                .push(" end");
        }
    }};
}

/// Adds the bounds of figures.
macro_rules! push_bounds {
    ($query:expr, $engine:expr, $bounds:expr, $now:expr) => {{
        let bounds: &[FigureBound] = $bounds;
        for bound in bounds {
            for (bound_at, sign) in [(bound.least, ") >= "), (bound.most, ") <= ")] {
                if let Some(bound_at) = bound_at {
                    $query.push(" and (");
                    push_figure!($query, $engine, bound.figure, $now);
                    $query.push(sign).push_bind(bound_at);
                }
            }
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
            let mut query =
                sqlx::QueryBuilder::new(concat!("with listed as (select ", host_columns!(), ", "));
            push_figure!(query, engine, sort, now);
            query.push(" as value from hosts where 1 = 1");
            push_labels!(query, engine, &filter.labels);
            push_states!(query, &filter.states, now);
            push_bounds!(query, engine, &filter.bounds, now);
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
            query.push(concat!(
                ") select ",
                host_columns!(),
                ", value from listed where 1 = 1"
            ));
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
        (Engine::Sqlite, HostSort::LastSeen) => "cast(last_seen as double precision)",
        (Engine::Postgres, HostSort::LastSeen) => {
            "cast(extract(epoch from last_seen) * 1000 as double precision)"
        }
        (_, HostSort::Cpu) => "cpu_usage_percent",
        (_, HostSort::Memory) => {
            "100.0 * cast(memory_used_bytes as double precision)
                / nullif(cast(memory_total_bytes as double precision), 0)"
        }
        (_, HostSort::Disk) => "disk_used_percent",
        (_, HostSort::Load) => "load_one",
        (_, HostSort::Uptime) => "cast(uptime_seconds as double precision)",
    }
}
