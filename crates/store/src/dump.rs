//! Reading whole tables in one snapshot, in values that mean the same on both engines.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use tokio::sync::mpsc;

mod kinds;

use super::arrays::{Integers, Reals};
use super::migrations::{Direction, SchemaError, revisions};
use super::session::{Open, Session, in_session};
use super::{Engine, Store, StoreError};
use kinds::kind_of;
use linux_api_wire::progress::Progress;
use linux_api_wire::time::Timestamp;

/// What a column holds, whatever the engine. Any of them may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A text; ids too.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// A number, or one of the texts `NaN`, `Infinity` and `-Infinity`.
    Real,
    /// `true` or `false`.
    Bool,
    /// A time as RFC 3339 in UTC with milliseconds.
    Time,
    /// Bytes as base64.
    Bytes,
    /// A list of numbers as of [`Kind::Real`], seven digits each, any of which may be null.
    Reals,
    /// A list of whole numbers, any of which may be null.
    Integers,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// The engine's own word for each column's type.
    pub(super) declared: Vec<String>,
    /// The columns of the primary key, each with its place.
    key: Vec<(i64, String)>,
}

/// Some whole lines of JSON.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: u64,
}

/// Why a table was not read to its end.
#[derive(Debug)]
pub(crate) enum CopyError {
    Store(StoreError),
    /// The receiver of the lines has gone.
    Closed,
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Tables that others refer to come first, so that rows can be restored in this order.
const FIRST: [&str; 3] = ["settings", "users", "alert_messages"];

/// Lines are handed on when they reach this size.
const LINES_BYTES: usize = 256 * 1024;

impl Store {
    /// Opens a view of the database that stands still while others go on writing, on a connection
    /// of its own and without a deadline for its queries.
    pub(crate) async fn snapshot(&self) -> Result<Session, StoreError> {
        Session::reading(&self.inner.options).await
    }

    /// How many rows each table holds, all at one moment. Takes as long as counting takes.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn rows_per_table(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let mut rows = Vec::new();
        for table in snapshot.tables().await? {
            let count = snapshot.count_one(&table).await?;
            rows.push((table.name, count));
        }
        snapshot.rollback().await?;
        Ok(rows)
    }
}

impl Session {
    /// Revision of the schema, 0 when there is none.
    pub(crate) async fn revision(&mut self) -> Result<i64, StoreError> {
        const EXISTS_SQLITE: &str =
            "select count(*) from sqlite_master where name = '_sqlx_migrations'";
        const EXISTS_POSTGRES: &str = "
            select count(*) from pg_catalog.pg_tables
            where schemaname = current_schema() and tablename = '_sqlx_migrations'";
        const NEWEST: &str = "select coalesce(max(version), 0) from _sqlx_migrations";
        if self.number(EXISTS_SQLITE, EXISTS_POSTGRES).await? == 0 {
            return Ok(0);
        }
        self.number(NEWEST, NEWEST).await
    }

    /// Version of the database engine.
    pub(crate) async fn engine_version(&mut self) -> Result<String, StoreError> {
        Ok(match &mut self.open {
            Open::Sqlite(transaction) => {
                let query = sqlx::query_scalar("select sqlite_version()");
                query.fetch_one(&mut **transaction).await?
            }
            Open::Postgres(transaction) => {
                let query = sqlx::query_scalar("select current_setting('server_version')");
                let query = query.persistent(false);
                query.fetch_one(&mut **transaction).await?
            }
        })
    }

    /// Version of TimescaleDB where the database has it.
    pub(crate) async fn timescaledb(&mut self) -> Result<Option<String>, StoreError> {
        const SQL: &str = "select extversion from pg_extension where extname = 'timescaledb'";
        Ok(match &mut self.open {
            Open::Sqlite(_) => None,
            Open::Postgres(transaction) => {
                let query = sqlx::query_scalar(SQL).persistent(false);
                query.fetch_optional(&mut **transaction).await?
            }
        })
    }

    /// How many rows the tables hold together.
    pub(crate) async fn count(&mut self, tables: &[Table]) -> Result<u64, StoreError> {
        let mut rows = 0;
        for table in tables {
            rows += self.count_one(table).await?;
        }
        Ok(rows)
    }

    /// How many rows the table holds.
    pub(crate) async fn count_one(&mut self, table: &Table) -> Result<u64, StoreError> {
        // Safe: made of the catalog's own name, quoted.
        let sql = AssertSqlSafe(format!("select count(*) from {}", quoted(&table.name)));
        let rows: i64 = match &mut self.open {
            Open::Sqlite(transaction) => {
                let query = sqlx::query_scalar(sql);
                query.fetch_one(&mut **transaction).await?
            }
            Open::Postgres(transaction) => {
                let query = sqlx::query_scalar(sql).persistent(false);
                query.fetch_one(&mut **transaction).await?
            }
        };
        Ok(u64::try_from(rows).unwrap_or(0))
    }

    /// The program's tables with their columns, those that others refer to first.
    pub(crate) async fn tables(&mut self) -> Result<Vec<Table>, StoreError> {
        const SQLITE: &str = "
            select t.name, c.name, lower(c.type), c.pk
            from pragma_table_list t join pragma_table_info(t.name) c
            where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite\\_%' escape '\\'
                and t.name <> '_sqlx_migrations'
            order by t.name, c.cid";
        const POSTGRES: &str = "
            select c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, null),
                coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)::bigint
            from pg_catalog.pg_class c
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            join pg_catalog.pg_attribute a on a.attrelid = c.oid
            left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary
            where n.nspname = current_schema() and c.relkind in ('r', 'p') and not c.relispartition
                and a.attnum > 0 and not a.attisdropped and c.relname <> '_sqlx_migrations'
            order by c.relname collate \"C\", a.attnum";
        type ColumnRow = (String, String, String, i64);
        let found: Vec<ColumnRow> = match &mut self.open {
            Open::Sqlite(transaction) => {
                let query = sqlx::query_as(SQLITE);
                query.fetch_all(&mut **transaction).await?
            }
            Open::Postgres(transaction) => {
                let query = sqlx::query_as(POSTGRES).persistent(false);
                query.fetch_all(&mut **transaction).await?
            }
        };
        let own = own_tables(self.revision().await?).await?;
        let mut tables: Vec<Table> = Vec::new();
        for (table, name, declared, key) in found {
            if !own.contains(&table) {
                continue;
            }
            let kind = kind_of(&table, &name, &declared).ok_or_else(|| {
                StoreError::Unusable(format!(
                    "{table}.{name} has the type {declared}, which this program can't copy"
                ))
            })?;
            if tables.last().is_none_or(|last| last.name != table) {
                tables.push(Table {
                    name: table,
                    columns: Vec::new(),
                    declared: Vec::new(),
                    key: Vec::new(),
                });
            }
            if let Some(last) = tables.last_mut() {
                if key > 0 {
                    last.key.push((key, name.clone()));
                }
                last.columns.push(Column { name, kind });
                last.declared.push(declared);
            }
        }
        for table in &mut tables {
            table.key.sort();
        }
        let place = |table: &Table| FIRST.iter().position(|first| *first == table.name);
        tables.sort_by_key(|table| place(table).unwrap_or(FIRST.len()));
        Ok(tables)
    }

    /// Sends every row of the table as a line of JSON, in the order of its primary key.
    pub(crate) async fn copy(
        &mut self,
        table: &Table,
        to: &mpsc::Sender<Lines>,
        progress: &dyn Progress,
    ) -> Result<(), CopyError> {
        let mut lines = Batch::new(to, progress);
        // Safe: made of the catalog's own names, quoted.
        match &mut self.open {
            Open::Sqlite(transaction) => {
                let sql = AssertSqlSafe(select(table, |_, name| name.to_owned()));
                let mut rows = sqlx::query(sql).fetch(&mut **transaction);
                while let Some(row) = rows.try_next().await? {
                    lines.push(sqlite_row(table, &row)?).await?;
                }
            }
            Open::Postgres(transaction) => {
                let sql = AssertSqlSafe(select(table, postgres_value));
                let query = sqlx::query(sql).persistent(false);
                let mut rows = query.fetch(&mut **transaction);
                while let Some(row) = rows.try_next().await? {
                    lines.push(postgres_row(table, &row)?).await?;
                }
            }
        }
        lines.send().await
    }
}

/// Names of the tables that the migrations make, so that others in the same schema are left alone.
/// Both engines have the same; a database in memory is made in a few milliseconds.
async fn own_tables(revision: i64) -> Result<BTreeSet<String>, StoreError> {
    const SQL: &str = "select name from sqlite_master where type = 'table'";
    let mut session = Session::in_memory().await?;
    let known = revisions(Engine::Sqlite);
    for revision in known.into_iter().filter(|one| *one <= revision) {
        let done = session.step(Direction::Up, revision).await;
        done.map_err(|message| SchemaError::Failed { revision, message })?;
    }
    let names: Vec<(String,)> =
        in_session!(&mut session, |tx| tx.fetch_all(sqlx::query_as(SQL)).await?);
    session.rollback().await?;
    Ok(names.into_iter().map(|(name,)| name).collect())
}

/// Lines on their way out.
struct Batch<'a> {
    lines: Lines,
    to: &'a mpsc::Sender<Lines>,
    progress: &'a dyn Progress,
}

impl<'a> Batch<'a> {
    fn new(to: &'a mpsc::Sender<Lines>, progress: &'a dyn Progress) -> Self {
        Self {
            lines: Lines::default(),
            to,
            progress,
        }
    }

    async fn push(&mut self, row: Map<String, Value>) -> Result<(), CopyError> {
        let text = Value::Object(row).to_string();
        self.lines.bytes.extend_from_slice(text.as_bytes());
        self.lines.bytes.push(b'\n');
        self.lines.rows += 1;
        if self.lines.bytes.len() >= LINES_BYTES {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), CopyError> {
        let full = std::mem::take(&mut self.lines);
        self.progress.advance(full.rows);
        self.to.send(full).await.map_err(|_| CopyError::Closed)
    }
}

fn select(table: &Table, value: impl Fn(Kind, &str) -> String) -> String {
    let columns = table
        .columns
        .iter()
        .map(|one| value(one.kind, &quoted(&one.name)));
    let columns: Vec<String> = columns.collect();
    let mut sql = format!("select {} from {}", columns.join(", "), quoted(&table.name));
    for (at, (_, column)) in table.key.iter().enumerate() {
        let word = if at == 0 { " order by" } else { "," };
        let _ = write!(sql, "{word} {}", quoted(column));
    }
    sql
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Each kind as the one PostgreSQL type that it is read from.
fn postgres_value(kind: Kind, name: &str) -> String {
    let cast = match kind {
        Kind::Text => "::text",
        Kind::Integer => "::bigint",
        Kind::Real => "::double precision",
        Kind::Reals => "::real[]",
        Kind::Integers => "::bigint[]",
        Kind::Bool | Kind::Time | Kind::Bytes => "",
    };
    format!("{name}{cast}")
}

macro_rules! row_to_json {
    ($table:expr, $row:expr) => {{
        let mut line = Map::new();
        for (at, column) in $table.columns.iter().enumerate() {
            let value = match column.kind {
                Kind::Text => $row.try_get::<Option<String>, _>(at)?.map(Value::from),
                Kind::Integer => $row.try_get::<Option<i64>, _>(at)?.map(Value::from),
                Kind::Real => $row.try_get::<Option<f64>, _>(at)?.map(real),
                Kind::Bool => $row.try_get::<Option<bool>, _>(at)?.map(Value::from),
                Kind::Time => $row
                    .try_get::<$crate::codec::Db<Option<Timestamp>>, _>(at)?
                    .0
                    .map(time),
                Kind::Bytes => $row
                    .try_get::<Option<Vec<u8>>, _>(at)?
                    .map(|bytes| Value::from(BASE64.encode(bytes))),
                Kind::Reals => $row
                    .try_get::<Option<Reals>, _>(at)?
                    .map(|list| Value::from_iter(list.0.into_iter().map(figure))),
                Kind::Integers => $row
                    .try_get::<Option<Integers>, _>(at)?
                    .map(|list| Value::from_iter(list.0)),
            };
            line.insert(column.name.clone(), value.unwrap_or(Value::Null));
        }
        Ok(line)
    }};
}

fn sqlite_row(table: &Table, row: &SqliteRow) -> Result<Map<String, Value>, sqlx::Error> {
    row_to_json!(table, row)
}

fn postgres_row(table: &Table, row: &PgRow) -> Result<Map<String, Value>, sqlx::Error> {
    row_to_json!(table, row)
}

/// Always with milliseconds, so that lines of equal rows are equal.
fn time(time: Timestamp) -> Value {
    let time = DateTime::<Utc>::from(time);
    Value::from(time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// The shortest number that stands for a figure of a list.
fn figure(number: Option<f32>) -> Value {
    // Its decimals, which mean the same as a wider number.
    number.map_or(Value::Null, |number| match number.to_string().parse() {
        Ok(decimals) if number.is_finite() => real(decimals),
        _ => real(number.into()),
    })
}

/// JSON has no word for what is not a finite number; these are PostgreSQL's.
fn real(number: f64) -> Value {
    if number.is_finite() {
        Value::from(number)
    } else if number.is_nan() {
        Value::from("NaN")
    } else if number > 0.0 {
        Value::from("Infinity")
    } else {
        Value::from("-Infinity")
    }
}
