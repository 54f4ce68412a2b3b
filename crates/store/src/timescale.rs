//! TimescaleDB: where its extension is to be had, the tables of requests become hypertables. Samples of
//! hosts are packed by the daemon itself, which is smaller than what the extension makes of them.
//!
//! Rows, columns and statements stay the same; what changes is how they lie on disk. Time tables are
//! cut into chunks, chunks that are no longer written to are compressed, and old ones are dropped
//! whole. Everything here can be repeated, and starts from whatever is there.

use crate::codec::Db;
use std::time::Duration;

use sqlx::PgConnection;

use super::session::Session;
use super::{Engine, Store, StoreError, in_write, on_read};
use linux_api_wire::api::health::TimescaleHealth;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// A table of measurements and how it is cut and compressed.
struct TimeTable {
    name: &'static str,
    /// How much time a chunk holds: few chunks make plans cheap, short ones make retention exact.
    chunk: &'static str,
    /// From what age on a chunk is compressed; the buckets that are still written are younger.
    compress_after: &'static str,
    /// What makes a segment of a compressed chunk; one series is read at a time, routes together. What
    /// is queried for a rare status would decompress all of the usual one, were they not separate.
    segment_by: &'static str,
    /// The order of the rows in a compressed chunk: that of the queries.
    order_by: &'static str,
}

const DURATIONS: &str = "time desc, route, method, instance_id";
const STATUSES: &str = "time desc, route, method, instance_id";

macro_rules! time_tables {
    ($suffix:literal, $chunk:literal, $compress_after:literal) => {
        [
            TimeTable {
                name: concat!("request_stats", $suffix),
                chunk: $chunk,
                compress_after: $compress_after,
                segment_by: "",
                order_by: DURATIONS,
            },
            TimeTable {
                name: concat!("request_status", $suffix),
                chunk: $chunk,
                compress_after: $compress_after,
                segment_by: "status",
                order_by: STATUSES,
            },
        ]
    };
}

const fn tables(resolution: Resolution) -> &'static [TimeTable; 2] {
    match resolution {
        Resolution::Minute => &time_tables!("", "3 days", "3 days"),
        Resolution::Hour => &time_tables!("_hourly", "60 days", "30 days"),
        Resolution::Day => &time_tables!("_daily", "2 years", "1 year"),
    }
}

/// How many tables there are.
const TABLES: i64 = 6;

/// Hypertables of earlier programs, which are plain tables now.
const NO_LONGER: [&str; 2] = ["host_samples_hourly", "host_samples_daily"];

/// Lets functions of the extension be found, wherever it was installed.
const FIND_FUNCTIONS: &str = "
    select set_config('search_path', 'linux_api, ' || quote_ident(n.nspname), true)
    from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'timescaledb'";

/// What TimescaleDB is for a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timescale {
    /// Version of the extension in the database; absent when it is not installed there.
    pub version: Option<String>,
    /// Version that the server could install; absent when it has none.
    pub available_version: Option<String>,
    /// Whether the server has loaded its library (`shared_preload_libraries`).
    pub is_loaded: bool,
    /// How many tables of requests are hypertables, 0 to 6.
    pub hypertables: i64,
    /// Their chunks.
    pub chunks: i64,
    /// Those of them that are compressed.
    pub compressed_chunks: i64,
}

impl Timescale {
    /// As responses have it.
    #[must_use]
    pub fn into_health(self) -> TimescaleHealth {
        TimescaleHealth {
            used: self.is_used(),
            available_version: self.available_version,
            loaded: self.is_loaded,
            hypertables: self.hypertables,
            chunks: self.chunks,
            compressed_chunks: self.compressed_chunks,
        }
    }

    /// Whether the tables of measurements are hypertables.
    #[must_use]
    pub const fn is_used(&self) -> bool {
        self.hypertables == TABLES
    }

    /// Whether they are not, but could be.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        !self.is_used()
            && self.is_loaded
            && (self.version.is_some() || self.available_version.is_some())
    }
}

impl Store {
    /// What TimescaleDB is for this database; nothing on SQLite.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn timescale(&self) -> Result<Timescale, StoreError> {
        // The library's setting exists while it is loaded; listing loaded libraries needs privileges.
        const EXTENSION: &str = "
            select (select extversion from pg_catalog.pg_extension where extname = 'timescaledb'),
                (select default_version from pg_catalog.pg_available_extensions
                    where name = 'timescaledb'),
                current_setting('timescaledb.disable_load', true) is not null";
        const USE: &str = "
            select (select count(*) from timescaledb_information.hypertables
                    where hypertable_schema = 'linux_api' and hypertable_name like 'request%'),
                count(*), count(*) filter (where is_compressed)
            from timescaledb_information.chunks
            where hypertable_schema = 'linux_api' and hypertable_name like 'request%'";
        if self.engine() == Engine::Sqlite {
            return Ok(Timescale::default());
        }
        on_read!(self, |tx| {
            let found: Option<(Option<String>, Option<String>, bool)> =
                tx.fetch_optional(sqlx::query_as(EXTENSION)).await?;
            let (version, available_version, is_loaded) = found.unwrap_or_default();
            let mut timescale = Timescale {
                version,
                available_version,
                is_loaded,
                ..Timescale::default()
            };
            if timescale.version.is_some() {
                let used: Option<(i64, i64, i64)> = tx.fetch_optional(sqlx::query_as(USE)).await?;
                let (hypertables, chunks, compressed_chunks) = used.unwrap_or_default();
                timescale.hypertables = hypertables;
                timescale.chunks = chunks;
                timescale.compressed_chunks = compressed_chunks;
            }
            Ok(timescale)
        })
    }

    /// Makes the tables of requests hypertables with compression, where the server offers
    /// TimescaleDB. What they hold moves along, table by table; others wait meanwhile to write to
    /// the table that moves. Does nothing where that is not to be had or was done before.
    ///
    /// # Errors
    /// When the server refuses it or fails; the tables that were not done yet are then as before.
    pub async fn use_timescaledb(&self) -> Result<Timescale, StoreError> {
        let found = self.timescale().await?;
        let is_idle = !found.is_usable() || self.schema_state().await?.current == 0;
        // Another account can't do that to tables of the owner, who does it when it migrates.
        if is_idle && found.version.is_none() || self.require_owner(0).await.is_err() {
            return Ok(found);
        }
        if found.version.is_some() {
            for table in NO_LONGER {
                self.directly(async |connection| make_plain(connection, table).await)
                    .await?;
            }
        }
        if is_idle {
            return Ok(found);
        }
        if found.version.is_none() {
            self.directly(async |connection| {
                // Not into our own schema, which a restore may replace.
                let sql = "create extension if not exists timescaledb schema public";
                sqlx::raw_sql(sql).execute(connection).await.map(drop)
            })
            .await?;
        }
        for resolution in Resolution::ALL {
            for table in tables(resolution) {
                self.directly(async |connection| make_hypertable(connection, table).await)
                    .await?;
            }
        }
        self.timescale().await
    }

    /// Runs statements in one transaction past any pooler, without a deadline, while no other
    /// program does the same or migrates.
    async fn directly(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<(), sqlx::Error>,
    ) -> Result<(), StoreError> {
        let mut session = Session::migrating(&*self.pool()?, &self.inner.options).await?;
        if let Some(connection) = session.postgres() {
            work(connection).await?;
        }
        session.commit().await
    }

    /// Sets for how long TimescaleDB itself keeps the chunks of a resolution.
    ///
    /// # Errors
    /// When the database fails, or the tables are no hypertables.
    pub async fn keep_chunks(
        &self,
        resolution: Resolution,
        keep: Duration,
    ) -> Result<(), StoreError> {
        const KEPT: &str = "
            select cast(extract(epoch from cast(config ->> 'drop_after' as interval)) as bigint)
            from timescaledb_information.jobs
            where proc_name = 'policy_retention' and hypertable_schema = 'linux_api'
                and hypertable_name = $1";
        const REMOVE: &str = "
            select remove_retention_policy(cast(cast($1 as text) as regclass), if_exists => true)";
        const ADD: &str = "
            select add_retention_policy(cast(cast($1 as text) as regclass),
                drop_after => make_interval(secs => cast($2 as bigint)))";
        let seconds = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX);
        in_write!(self, |tx| {
            tx.execute(sqlx::query(FIND_FUNCTIONS)).await?;
            for table in tables(resolution) {
                let kept: Option<(i64,)> = tx
                    .fetch_optional(sqlx::query_as(KEPT).bind(table.name))
                    .await?;
                if kept != Some((seconds,)) {
                    tx.execute(sqlx::query(REMOVE).bind(table.name)).await?;
                    tx.execute(sqlx::query(ADD).bind(table.name).bind(seconds))
                        .await?;
                }
            }
            Ok(())
        })
    }

    /// Drops the chunks of a resolution that hold nothing from `cutoff` on, and returns how many.
    ///
    /// # Errors
    /// When the database fails, or the tables are no hypertables.
    pub async fn drop_old_chunks(
        &self,
        resolution: Resolution,
        cutoff: Timestamp,
    ) -> Result<u64, StoreError> {
        const DROP: &str = "
            select count(*) from drop_chunks(cast(cast($1 as text) as regclass),
                older_than => cast($2 as timestamptz))";
        in_write!(self, |tx| {
            tx.execute(sqlx::query(FIND_FUNCTIONS)).await?;
            let mut dropped = 0;
            for table in tables(resolution) {
                let query = sqlx::query_scalar(DROP).bind(table.name).bind(Db(cutoff));
                let count: i64 = tx.fetch_scalar(query).await?;
                dropped += u64::try_from(count).unwrap_or(0);
            }
            Ok(dropped)
        })
    }

    /// Compresses chunks that TimescaleDB's own jobs should have compressed a day before `now`, the
    /// oldest first and at most `most`, and returns how many. Servers are known on which these jobs
    /// fail each time, for a fault between versions of the extension and of PostgreSQL.
    ///
    /// # Errors
    /// When the database fails; chunks that were compressed before stay so.
    pub async fn compress_late_chunks(&self, now: Timestamp, most: u32) -> Result<u64, StoreError> {
        const LATE: &str = "
            select format('%I.%I', c.chunk_schema, c.chunk_name)
            from timescaledb_information.chunks c
            join timescaledb_information.jobs j using (hypertable_schema, hypertable_name)
            where c.hypertable_schema = 'linux_api' and j.proc_name = 'policy_compression'
                and not c.is_compressed and c.range_end < cast($1 as timestamptz)
                    - interval '1 day' - cast(j.config ->> 'compress_after' as interval)
            order by c.range_end limit $2";
        const COMPRESS: &str = "
            select count(compress_chunk(cast(cast($1 as text) as regclass), true))";
        let late: Vec<(String,)> = on_read!(self, |tx| Ok(tx
            .fetch_all(sqlx::query_as(LATE).bind(Db(now)).bind(i64::from(most)))
            .await?))?;
        let mut compressed = 0;
        for (chunk,) in late {
            let done = self.directly(async |connection| {
                for statement in [
                    sqlx::query(FIND_FUNCTIONS),
                    sqlx::query(COMPRESS).bind(&chunk),
                ] {
                    let statement = statement.persistent(false);
                    statement.execute(&mut *connection).await?;
                }
                Ok(())
            });
            let Err(error) = done.await else {
                compressed += 1;
                continue;
            };
            // TimescaleDB's own job may have been at it meanwhile.
            if !self.is_compressed(&chunk).await? {
                return Err(error);
            }
        }
        Ok(compressed)
    }

    async fn is_compressed(&self, chunk: &str) -> Result<bool, StoreError> {
        const SQL: &str = "
            select count(*) from timescaledb_information.chunks
            where format('%I.%I', chunk_schema, chunk_name) = $1 and is_compressed";
        let found: i64 = on_read!(self, |tx| Ok(tx
            .fetch_scalar(sqlx::query_scalar(SQL).bind(chunk))
            .await?))?;
        Ok(found > 0)
    }

    /// How many bytes the hypertables take on disk.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn hypertable_bytes(&self) -> Result<i64, StoreError> {
        const SQL: &str = "
            select cast(coalesce(sum(hypertable_size(cast(
                format('%I.%I', hypertable_schema, hypertable_name) as regclass))), 0) as bigint)
            from timescaledb_information.hypertables where hypertable_schema = 'linux_api'";
        in_write!(self, |tx| {
            tx.execute(sqlx::query(FIND_FUNCTIONS)).await?;
            Ok(tx.fetch_scalar(sqlx::query_scalar(SQL)).await?)
        })
    }
}

/// Makes a hypertable a plain table again, unless it is one.
async fn make_plain(connection: &mut PgConnection, table: &str) -> Result<(), sqlx::Error> {
    // Names of tables can't be bound as values.
    const MAKE: &str = "
        do $do$
        declare name text := current_setting('linux_api.table');
            held record;
        begin
            execute format('lock table %I in access exclusive mode', name);
            execute format('create table %I (like %I including defaults)', name || '_plain', name);
            execute format('insert into %I select * from %I', name || '_plain', name);
            for held in
                select r.rolname, a.privilege_type from pg_catalog.pg_class c
                cross join lateral aclexplode(c.relacl) a
                join pg_catalog.pg_roles r on r.oid = a.grantee
                where c.oid = to_regclass(quote_ident(name)) and r.oid <> c.relowner
            loop
                execute format('grant %s on %I to %I', held.privilege_type, name || '_plain',
                    held.rolname);
            end loop;
            execute format('drop table %I', name);
            execute format('alter table %I rename to %I', name || '_plain', name);
            execute format('alter table %I add primary key (series_id, time)', name);
        end $do$";
    const NAME: &str = "select set_config('linux_api.table', $1, true)";
    if !is_hypertable(connection, table).await? {
        return Ok(());
    }
    tracing::debug!(table, "makes a hypertable a plain table");
    for statement in [
        sqlx::query(FIND_FUNCTIONS),
        sqlx::query(NAME).bind(table),
        sqlx::query(MAKE),
    ] {
        statement
            .persistent(false)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn is_hypertable(connection: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    const SQL: &str = "
        select count(*) from timescaledb_information.hypertables
        where hypertable_schema = 'linux_api' and hypertable_name = $1";
    let found: i64 = sqlx::query_scalar(SQL)
        .bind(table)
        .persistent(false)
        .fetch_one(connection)
        .await?;
    Ok(found > 0)
}

/// Makes one table a hypertable and lets it be compressed, unless that was done.
async fn make_hypertable(
    connection: &mut PgConnection,
    table: &TimeTable,
) -> Result<(), sqlx::Error> {
    const MAKE: &str = "
        select create_hypertable(cast(cast($1 as text) as regclass),
            by_range('time', cast(cast($2 as text) as interval)),
            create_default_indexes => false, migrate_data => true)";
    // Settings of a table can't be bound as values.
    const COMPRESS: &str = "
        do $do$ begin
            execute format(
                'alter table %I set (timescaledb.compress, timescaledb.compress_segmentby = %L, '
                    'timescaledb.compress_orderby = %L)',
                current_setting('linux_api.table'), current_setting('linux_api.segment_by'),
                current_setting('linux_api.order_by'));
        end $do$";
    const COMPRESS_WITH: &str = "
        select set_config('linux_api.table', $1, true),
            set_config('linux_api.segment_by', $2, true), set_config('linux_api.order_by', $3, true)";
    const POLICY: &str = "
        select add_compression_policy(cast(cast($1 as text) as regclass),
            compress_after => cast(cast($2 as text) as interval), if_not_exists => true)";
    sqlx::query(FIND_FUNCTIONS)
        .persistent(false)
        .execute(&mut *connection)
        .await?;
    if is_hypertable(connection, table.name).await? {
        return Ok(());
    }
    tracing::debug!(table = table.name, "makes a table a hypertable");
    let statements = [
        sqlx::query(MAKE).bind(table.name).bind(table.chunk),
        sqlx::query(COMPRESS_WITH)
            .bind(table.name)
            .bind(table.segment_by)
            .bind(table.order_by),
        sqlx::query(COMPRESS),
        sqlx::query(POLICY)
            .bind(table.name)
            .bind(table.compress_after),
    ];
    for statement in statements {
        statement
            .persistent(false)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
