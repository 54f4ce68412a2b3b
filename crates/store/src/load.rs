//! Writing whole tables from the lines that [`super::dump`] made, on either engine.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite};

use super::StoreError;
use super::arrays::{Integers, Reals};
use super::dump::{Column, Kind, Lines, Table, quoted};
use super::session::{Open, Session};
use linux_api_wire::time::Timestamp;

/// Rows that one statement adds on SQLite.
const SQLITE_ROWS: usize = 200;
/// Values that one statement may hold on SQLite.
const SQLITE_VALUES: usize = 30_000;

/// A row in values, in the order of its columns.
pub(crate) type Values = Vec<Value>;

/// Stands for a set of rows, whatever their order: equal sets have equal sums, and others do not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RowSum {
    rows: u64,
    sum: [u64; 4],
}

impl RowSum {
    /// Takes rows in.
    pub(crate) fn add(&mut self, rows: &[Values]) {
        for row in rows {
            let mut hash = Sha256::new();
            for value in row {
                hash.update(value.to_string());
                // Ends the value: no JSON holds a plain line break.
                hash.update(b"\n");
            }
            let hash = hash.finalize();
            for (part, bytes) in self.sum.iter_mut().zip(hash.chunks_exact(8)) {
                let bytes = bytes.try_into().expect("a chunk of eight bytes");
                *part = part.wrapping_add(u64::from_be_bytes(bytes));
            }
            self.rows += 1;
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }
}

/// Reads whole lines into values; the error names the line and what is wrong with it.
pub(crate) fn parse(columns: &[Column], lines: &[u8]) -> Result<Vec<Values>, String> {
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|line| {
            let mut row: Map<String, Value> = serde_json::from_slice(line)
                .map_err(|error| format!("a line is not what was written: {error}"))?;
            let values = columns.iter().map(|column| {
                row.remove(&column.name)
                    .ok_or_else(|| format!("a line has no {}", column.name))
            });
            let values: Values = values.collect::<Result<_, _>>()?;
            match row.keys().next() {
                Some(other) => Err(format!("a line has {other}, which is no column")),
                None => Ok(values),
            }
        })
        .collect()
}

/// The values of one row, each in the type of its column on SQLite.
enum Cell {
    Text(Option<String>),
    Integer(Option<i64>),
    Real(Option<f64>),
    Bytes(Option<Vec<u8>>),
}

impl Cell {
    fn of(kind: Kind, value: &Value) -> Option<Self> {
        Some(match (kind, value) {
            (Kind::Text | Kind::Reals | Kind::Integers, Value::Null) => Self::Text(None),
            (Kind::Integer | Kind::Bool | Kind::Time, Value::Null) => Self::Integer(None),
            (Kind::Real, Value::Null) => Self::Real(None),
            (Kind::Bytes, Value::Null) => Self::Bytes(None),
            (Kind::Text, Value::String(text)) => Self::Text(Some(text.clone())),
            (Kind::Integer, value) => Self::Integer(Some(value.as_i64()?)),
            (Kind::Bool, value) => Self::Integer(Some(i64::from(value.as_bool()?))),
            (Kind::Time, value) => {
                let time: Timestamp = value.as_str()?.parse().ok()?;
                Self::Integer(Some(time.as_millis()))
            }
            (Kind::Real, Value::String(word)) => Self::Real(Some(match word.as_str() {
                "Infinity" => f64::INFINITY,
                "-Infinity" => f64::NEG_INFINITY,
                "NaN" => f64::NAN,
                _ => return None,
            })),
            (Kind::Real, value) => Self::Real(Some(value.as_f64()?)),
            (Kind::Bytes, value) => Self::Bytes(Some(BASE64.decode(value.as_str()?).ok()?)),
            (Kind::Reals, Value::Array(list)) => Self::Text(Some(reals(list)?.to_json())),
            (Kind::Integers, Value::Array(list)) => Self::Text(Some(integers(list)?.to_json())),
            (Kind::Text | Kind::Reals | Kind::Integers, _) => return None,
        })
    }
}

/// A list of figures, `None` when SQLite can't hold one of them.
fn reals(list: &[Value]) -> Option<Reals> {
    let mut figures = Vec::with_capacity(list.len());
    for value in list {
        figures.push(match value {
            Value::Null => None,
            // Of its decimals: by way of a wider number the last digit could change.
            Value::Number(number) => Some(number.to_string().parse().ok()?),
            _ => return None,
        });
    }
    Some(Reals(figures))
}

/// A list of whole numbers, `None` when one of them is none.
fn integers(list: &[Value]) -> Option<Integers> {
    let mut numbers = Vec::with_capacity(list.len());
    for value in list {
        numbers.push(match value {
            Value::Null => None,
            value => Some(value.as_i64()?),
        });
    }
    Some(Integers(numbers))
}

impl Session {
    /// Adds rows to a table. `rows` are the same as `lines`, parsed.
    pub(crate) async fn load(
        &mut self,
        table: &Table,
        lines: &Lines,
        rows: &[Values],
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        match &mut self.open {
            Open::Sqlite(transaction) => {
                let columns = table.columns.len().max(1);
                let many = SQLITE_ROWS.min(SQLITE_VALUES / columns).max(1);
                for some in rows.chunks(many) {
                    let mut query = sqlite_insert(table, some)?;
                    // Only the full ones come again.
                    let query = query.build().persistent(some.len() == many);
                    query.execute(&mut **transaction).await?;
                }
            }
            Open::Postgres(transaction) => {
                // The server reads the lines itself: they are joined to a list.
                let mut list = Vec::with_capacity(lines.bytes.len() + 1);
                list.push(b'[');
                list.extend_from_slice(lines.bytes.trim_ascii_end());
                for byte in &mut list {
                    if *byte == b'\n' {
                        *byte = b',';
                    }
                }
                list.push(b']');
                let list = String::from_utf8(list).map_err(|_| unreadable(table))?;
                // Safe: made of the catalog's own names, quoted.
                let query = sqlx::query(AssertSqlSafe(postgres_insert(table))).bind(list);
                query.persistent(false).execute(&mut **transaction).await?;
            }
        }
        Ok(())
    }

    /// Empties every table, also of what the migrations put there.
    pub(super) async fn clear(&mut self, tables: &[Table]) -> Result<(), StoreError> {
        match &mut self.open {
            Open::Sqlite(_) => {
                // Those that refer to others first.
                for table in tables.iter().rev() {
                    if self.count_one(table).await? > 0 {
                        self.run(format!("delete from {}", quoted(&table.name)))
                            .await?;
                    }
                }
                Ok(())
            }
            Open::Postgres(_) => self.truncate(tables).await,
        }
    }

    /// Only triggers against truncating are switched off, and only for this transaction.
    async fn truncate(&mut self, tables: &[Table]) -> Result<(), StoreError> {
        const GUARDS: &str = "
            select c.relname::text, t.tgname::text
            from pg_catalog.pg_trigger t
            join pg_catalog.pg_class c on c.oid = t.tgrelid
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where n.nspname = current_schema() and not t.tgisinternal and t.tgtype::int & 32 <> 0
            order by 1, 2";
        let Open::Postgres(transaction) = &mut self.open else {
            return Ok(());
        };
        let query = sqlx::query_as(GUARDS).persistent(false);
        let guards: Vec<(String, String)> = query.fetch_all(&mut **transaction).await?;
        let switch = |word: &str| {
            let statements = guards.iter().map(|(table, trigger)| {
                format!(
                    "alter table {} {word} trigger {};",
                    quoted(table),
                    quoted(trigger)
                )
            });
            statements.collect::<String>()
        };
        let names: Vec<String> = tables.iter().map(|table| quoted(&table.name)).collect();
        let sql = format!(
            "{} truncate {}; {}",
            switch("disable"),
            names.join(", "),
            switch("enable")
        );
        self.run(sql).await
    }

    /// Lets ids that the database gives continue after those that were loaded, and returns whether
    /// every reference leads somewhere.
    pub(super) async fn finish_loading(&mut self) -> Result<(), StoreError> {
        const BROKEN: &str = "select count(*) from pragma_foreign_key_check";
        const COUNTED: &str = "
            select c.relname::text, a.attname::text
            from pg_catalog.pg_attribute a
            join pg_catalog.pg_class c on c.oid = a.attrelid
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where n.nspname = current_schema() and c.relkind in ('r', 'p')
                and a.attidentity <> '' and not a.attisdropped
            order by 1, 2";
        match &mut self.open {
            // SQLite counts on from the largest id by itself.
            Open::Sqlite(transaction) => {
                let query = sqlx::query_scalar(BROKEN);
                let broken: i64 = query.fetch_one(&mut **transaction).await?;
                if broken > 0 {
                    return Err(StoreError::Unusable(format!(
                        "{broken} rows refer to rows that are not in the backup"
                    )));
                }
                Ok(())
            }
            Open::Postgres(transaction) => {
                let query = sqlx::query_as(COUNTED).persistent(false);
                let counted: Vec<(String, String)> = query.fetch_all(&mut **transaction).await?;
                for (table, column) in counted {
                    let (table, column) = (quoted(&table), quoted(&column));
                    let sql = format!("select coalesce(max({column}), 0) + 1 from {table}");
                    let query = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false);
                    let Open::Postgres(transaction) = &mut self.open else {
                        return Ok(());
                    };
                    let next: i64 = query.fetch_one(&mut **transaction).await?;
                    self.run(format!(
                        "alter table {table} alter column {column} restart with {next}"
                    ))
                    .await?;
                }
                Ok(())
            }
        }
    }
}

fn unreadable(table: &Table) -> StoreError {
    StoreError::Unusable(format!(
        "the backup has a value in {} that its column can't hold",
        table.name
    ))
}

fn column_names(table: &Table) -> String {
    let names: Vec<String> = table.columns.iter().map(|one| quoted(&one.name)).collect();
    names.join(", ")
}

fn sqlite_insert(table: &Table, rows: &[Values]) -> Result<QueryBuilder<Sqlite>, StoreError> {
    let mut query = QueryBuilder::new(format!(
        "insert into {} ({}) values ",
        quoted(&table.name),
        column_names(table)
    ));
    for (at, row) in rows.iter().enumerate() {
        query.push(if at == 0 { "(" } else { ", (" });
        let mut values = query.separated(", ");
        for (column, value) in table.columns.iter().zip(row) {
            match Cell::of(column.kind, value).ok_or_else(|| unreadable(table))? {
                Cell::Text(value) => values.push_bind(value),
                Cell::Integer(value) => values.push_bind(value),
                Cell::Real(value) => values.push_bind(value),
                Cell::Bytes(value) => values.push_bind(value),
            };
        }
        query.push(")");
    }
    Ok(query)
}

/// Takes a JSON list of rows as its only value.
fn postgres_insert(table: &Table) -> String {
    let (mut values, mut declared) = (String::new(), String::new());
    for (at, (column, own)) in table.columns.iter().zip(&table.declared).enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let name = quoted(&column.name);
        // Writing to a string never fails.
        let _ = match column.kind {
            Kind::Bytes => write!(values, "{comma}decode(r.{name}, 'base64')"),
            _ => write!(values, "{comma}r.{name}"),
        };
        let kind = if column.kind == Kind::Bytes {
            "text"
        } else {
            own.as_str()
        };
        let _ = write!(declared, "{comma}{name} {kind}");
    }
    format!(
        "insert into {} ({}) overriding system value select {values} \
         from json_to_recordset($1::json) as r({declared})",
        quoted(&table.name),
        column_names(table)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            kind,
        };
        vec![column("b", Kind::Integer), column("a", Kind::Text)]
    }

    #[test]
    fn lines_are_read_in_the_order_of_the_columns_and_must_have_all_of_them() {
        let lines = b"{\"a\":\"x\",\"b\":1}\n{\"b\":2,\"a\":null}\n";
        let rows = parse(&columns(), lines).unwrap();
        assert_eq!(rows[0], [Value::from(1), Value::from("x")]);
        assert_eq!(rows[1], [Value::from(2), Value::Null]);
        for (line, expected) in [
            ("{\"a\":\"x\"}\n", "no b"),
            ("{\"a\":\"x\",\"b\":1,\"c\":1}\n", "has c"),
            ("{\"a\":\n", "not what was written"),
        ] {
            let error = parse(&columns(), line.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn sums_tell_sets_of_rows_apart_but_not_their_order() {
        let sum = |rows: &[&Values]| {
            let mut sum = RowSum::default();
            let rows: Vec<Values> = rows.iter().map(|row| (*row).clone()).collect();
            sum.add(&rows);
            sum
        };
        let (one, two) = (vec![Value::from(1), Value::from("2")], vec![Value::Null]);
        assert_eq!(sum(&[&one, &two]), sum(&[&two, &one]));
        assert_ne!(sum(&[&one]), sum(&[&two]));
        assert_ne!(sum(&[&one, &one]), sum(&[&one]));
        let joined = vec![Value::from("1\n2")];
        let parts = vec![Value::from("1"), Value::from("2")];
        assert_ne!(sum(&[&joined]), sum(&[&parts]));
        assert_ne!(sum(&[&two, &two]), RowSum::default());
    }

    #[test]
    fn a_value_that_its_column_cannot_hold_is_none() {
        assert!(Cell::of(Kind::Integer, &Value::from("x")).is_none());
        assert!(Cell::of(Kind::Real, &Value::from("x")).is_none());
        assert!(Cell::of(Kind::Time, &Value::from("yesterday")).is_none());
        assert!(Cell::of(Kind::Bytes, &Value::from("?")).is_none());
        assert!(Cell::of(Kind::Bool, &Value::from(1)).is_none());
        assert!(Cell::of(Kind::Text, &Value::from(1)).is_none());
        for list in ["1", "[true]", "[[1]]", "[\"NaN\"]", "{}"] {
            let list = serde_json::from_str(list).unwrap();
            assert!(Cell::of(Kind::Reals, &list).is_none(), "{list}");
        }
        assert!(Cell::of(Kind::Integers, &serde_json::json!([1.5])).is_none());
    }
}
