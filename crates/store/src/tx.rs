//! What a query runs on, and the two macros that open it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::database::HasStatementCache;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgQueryResult;
use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::sqlite::SqliteQueryResult;
use sqlx::{
    Connection as _, Database, Executor, FromRow, IntoArguments, PgConnection, Postgres,
    Transaction,
};

use super::pools::{Pool, PostgresPools};
use super::{Store, StoreError};

/// From when on waiting for a connection is a reason to look whether the database is away.
const SLOW_CONNECTION: Duration = Duration::from_millis(250);

/// A connection or transaction that queries run on.
///
/// Whether statements are named and kept is decided here: behind a transaction-pooling proxy a
/// named statement may meet a connection that does not know it.
pub(crate) struct Tx<'c, DB: Database> {
    connection: &'c mut DB::Connection,
    persistent: bool,
}

/// How many rows a statement changed.
pub(crate) trait RowsAffected {
    fn count(&self) -> u64;
}

impl RowsAffected for SqliteQueryResult {
    fn count(&self) -> u64 {
        self.rows_affected()
    }
}

impl RowsAffected for PgQueryResult {
    fn count(&self) -> u64 {
        self.rows_affected()
    }
}

impl<'c, DB> Tx<'c, DB>
where
    DB: Database + HasStatementCache,
    DB::QueryResult: RowsAffected,
    DB::Arguments: IntoArguments<DB>,
    for<'e> &'e mut DB::Connection: Executor<'e, Database = DB>,
{
    pub(crate) fn new(connection: &'c mut DB::Connection, persistent: bool) -> Self {
        Self {
            connection,
            persistent,
        }
    }

    pub(crate) async fn execute(
        &mut self,
        query: Query<'_, DB, DB::Arguments>,
    ) -> Result<u64, sqlx::Error> {
        let done = query
            .persistent(self.persistent)
            .execute(&mut *self.connection)
            .await?;
        Ok(done.count())
    }

    /// A statement with many rows. Only those that are `common` are worth keeping prepared.
    pub(crate) async fn execute_bulk(
        &mut self,
        query: Query<'_, DB, DB::Arguments>,
        common: bool,
    ) -> Result<u64, sqlx::Error> {
        let done = query
            .persistent(self.persistent && common)
            .execute(&mut *self.connection)
            .await?;
        Ok(done.count())
    }

    /// As [`Self::execute_bulk`], for statements that return rows.
    pub(crate) async fn fetch_bulk<O>(
        &mut self,
        query: QueryAs<'_, DB, O, DB::Arguments>,
        common: bool,
    ) -> Result<Vec<O>, sqlx::Error>
    where
        O: for<'r> FromRow<'r, DB::Row> + Send + Unpin,
    {
        query
            .persistent(self.persistent && common)
            .fetch_all(&mut *self.connection)
            .await
    }

    pub(crate) async fn fetch_scalar<O>(
        &mut self,
        query: QueryScalar<'_, DB, O, DB::Arguments>,
    ) -> Result<O, sqlx::Error>
    where
        O: Send + Unpin,
        (O,): for<'r> FromRow<'r, DB::Row> + Send + Unpin,
    {
        query
            .persistent(self.persistent)
            .fetch_one(&mut *self.connection)
            .await
    }

    pub(crate) async fn fetch_optional<O>(
        &mut self,
        query: QueryAs<'_, DB, O, DB::Arguments>,
    ) -> Result<Option<O>, sqlx::Error>
    where
        O: for<'r> FromRow<'r, DB::Row> + Send + Unpin,
    {
        query
            .persistent(self.persistent)
            .fetch_optional(&mut *self.connection)
            .await
    }

    pub(crate) async fn fetch_all<O>(
        &mut self,
        query: QueryAs<'_, DB, O, DB::Arguments>,
    ) -> Result<Vec<O>, sqlx::Error>
    where
        O: for<'r> FromRow<'r, DB::Row> + Send + Unpin,
    {
        query
            .persistent(self.persistent)
            .fetch_all(&mut *self.connection)
            .await
    }
}

/// A PostgreSQL connection that is in use, and closed unless [`PooledConnection::settle`] says that the server
/// has responded to all queries.
///
/// The pool waits, with no bound, for a connection that it gets back in the middle of a query to
/// respond to that query. After an outage some never do, and each takes a place in the pool for good.
pub(crate) struct PooledConnection {
    connection: PoolConnection<Postgres>,
    settled: bool,
    /// It may lead through a pooler.
    is_pooled: bool,
}

impl PooledConnection {
    /// Whether statements on it may be named and kept.
    pub(crate) const fn keeps_statements(&self) -> bool {
        !self.is_pooled
    }

    /// It may go back to the pool.
    pub(crate) fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if !self.settled {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for PooledConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// A PostgreSQL connection for reading: bare, or inside a transaction behind a pooler.
pub(crate) enum PgRead<'c> {
    Bare(&'c mut PgConnection),
    Transaction(Transaction<'c, Postgres>),
}

impl PgRead<'_> {
    pub(crate) async fn finish(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Bare(_) => Ok(()),
            Self::Transaction(transaction) => transaction.commit().await,
        }
    }
}

impl Deref for PgRead<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Bare(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl DerefMut for PgRead<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Bare(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl Store {
    /// The connections, unless the database can't be used now.
    ///
    /// # Errors
    /// [`StoreError::NotReady`], at once.
    pub(super) fn pool(&self) -> Result<Arc<Pool>, StoreError> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let pool = self.current_pool();
        let pool = pool.ok_or(StoreError::Unavailable(sqlx::Error::PoolClosed))?;
        if let Pool::Sqlite(files) = &*pool {
            files
                .check()
                .inspect_err(|error| self.note_lost_file(error))?;
        }
        Ok(pool)
    }

    pub(super) fn keeps_statements(&self) -> bool {
        !self.inner.options.pooler
    }

    /// The statement that opens a PostgreSQL transaction; behind a pooler it also sets what can't
    /// be set for the session there.
    pub(super) fn begin_postgres(&self, keeps_statements: bool) -> String {
        if keeps_statements {
            return "begin".to_owned();
        }
        let millis = self.deadline().as_millis();
        format!("begin; set local search_path = linux_api; set local statement_timeout = {millis}")
    }

    pub(super) async fn hold_postgres(
        &self,
        pools: &PostgresPools,
    ) -> Result<PooledConnection, sqlx::Error> {
        let wait = async {
            tokio::time::sleep(SLOW_CONNECTION).await;
            self.suspect();
            std::future::pending::<()>().await;
        };
        let connection = tokio::select! {
            biased;
            // Boxed, or every call would carry the room for opening a connection.
            connection = Box::pin(pools.acquire()) => connection?,
            () = wait => return Err(sqlx::Error::PoolTimedOut),
        };
        Ok(PooledConnection {
            connection,
            settled: false,
            is_pooled: self.inner.options.pooler,
        })
    }

    /// A connection whose account may change users, keys and settings, as far as is known.
    pub(super) async fn hold_administrator(
        &self,
        pools: &PostgresPools,
    ) -> Result<PooledConnection, sqlx::Error> {
        match &pools.administration {
            None => self.hold_postgres(pools).await,
            Some(pool) => Ok(PooledConnection {
                connection: Box::pin(pool.acquire()).await?,
                settled: false,
                // It is not said where its URL leads, and what works behind a pooler works without.
                is_pooled: true,
            }),
        }
    }

    pub(super) async fn read_postgres<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> Result<PgRead<'c>, sqlx::Error> {
        if self.inner.options.pooler {
            // Safe: the text holds nothing but a number of our own.
            let begin = sqlx::AssertSqlSafe(self.begin_postgres(false));
            let transaction = connection.begin_with(begin).await?;
            Ok(PgRead::Transaction(transaction))
        } else {
            Ok(PgRead::Bare(connection))
        }
    }

    /// Gives up when the database does not respond in time, and as soon as it is known to be away.
    pub(super) async fn within_deadline<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let outcome = tokio::select! {
            biased;
            done = tokio::time::timeout(self.deadline(), work) => {
                done.unwrap_or(Err(StoreError::DeadlineExceeded(self.deadline())))
            }
            refusal = self.left_ready() => Err(refusal),
        };
        outcome.inspect_err(|error| self.observe(error))
    }
}

/// Runs queries that change nothing, within the deadline, on whichever engine is open.
macro_rules! on_read {
    ($store:expr, |$tx:ident| $body:expr) => {{
        let store: &$crate::Store = $store;
        store
            .within_deadline(async {
                let pool = store.pool()?;
                match &*pool {
                    $crate::pools::Pool::Sqlite(files) => {
                        let mut connection = files.reader.acquire().await?;
                        let mut $tx = $crate::Tx::<sqlx::Sqlite>::new(&mut connection, true);
                        async { $body }.await
                    }
                    $crate::pools::Pool::Postgres(pools) => {
                        let mut held = store.hold_postgres(pools).await?;
                        let mut connection = store.read_postgres(&mut held).await?;
                        let mut $tx = $crate::Tx::<sqlx::Postgres>::new(
                            &mut connection,
                            store.keeps_statements(),
                        );
                        let answer: Result<_, $crate::StoreError> = async { $body }.await;
                        if answer.is_ok() {
                            connection.finish().await?;
                        } else {
                            drop(connection);
                        }
                        held.settle();
                        answer
                    }
                }
            })
            .await
    }};
}

/// Runs queries in one write transaction, within the deadline: committed when the body returns
/// `Ok`, rolled back otherwise.
macro_rules! in_write {
    ($store:expr, |$tx:ident| $body:expr) => {
        $crate::tx::in_write_by!(
            $store,
            hold_postgres,
            $crate::StoreError::unchanged,
            |$tx| { $body }
        )
    };
}

/// As `in_write!`, for changes of users, keys and settings: by the account of `database.admin_url` where
/// there is one, and [`StoreError::AdminRequired`] when the server refuses it to the account in use.
macro_rules! in_admin_write {
    ($store:expr, |$tx:ident| $body:expr) => {
        $crate::tx::in_write_by!(
            $store,
            hold_administrator,
            $crate::StoreError::or_admin_required,
            |$tx| $body
        )
    };
}

macro_rules! in_write_by {
    ($store:expr, $hold:ident, $explain:expr, |$tx:ident| $body:expr) => {{
        let store: &$crate::Store = $store;
        store
            .within_deadline(async {
                let pool = store.pool()?;
                match &*pool {
                    $crate::pools::Pool::Sqlite(files) => {
                        // Immediate: a transaction that upgrades from reading may be refused.
                        let mut transaction = files.writer.begin_with("begin immediate").await?;
                        let answer: Result<_, $crate::StoreError> = {
                            let mut $tx = $crate::Tx::<sqlx::Sqlite>::new(&mut transaction, true);
                            async { $body }.await
                        };
                        let answer = answer?;
                        transaction.commit().await?;
                        Ok(answer)
                    }
                    $crate::pools::Pool::Postgres(pools) => {
                        let mut held = store.$hold(pools).await?;
                        let keeps_statements = held.keeps_statements();
                        let begin = store.begin_postgres(keeps_statements);
                        let begin = sqlx::AssertSqlSafe(begin);
                        let mut transaction =
                            sqlx::Connection::begin_with(&mut *held, begin).await?;
                        let answer: Result<_, $crate::StoreError> = {
                            let mut $tx = $crate::Tx::<sqlx::Postgres>::new(
                                &mut transaction,
                                keeps_statements,
                            );
                            async { $body }.await
                        };
                        let answer = answer.map_err($explain);
                        if answer.is_ok() {
                            transaction.commit().await?;
                        } else {
                            drop(transaction);
                        }
                        held.settle();
                        answer
                    }
                }
            })
            .await
    }};
}

pub(crate) use {in_admin_write, in_write, in_write_by, on_read};
