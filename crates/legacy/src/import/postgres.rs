//! The users of the v1 routes and all measurements, in PostgreSQL.

use std::str::FromStr;

use chrono::NaiveDateTime;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use sqlx_macros::FromRow;
use uuid::Uuid;

use super::ImportError;
use super::source::{Origin, SourceUser};
use linux_api_config::{ConfigValue, DatabaseUrl};
use linux_api_wire::api_key::HMAC_SCHEME;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::{Role, UserId};

/// The database of the Python program, as it was at one moment. It is only read.
#[derive(Debug)]
pub struct PythonPostgres {
    connection: PgConnection,
}

/// How much there is to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Counts {
    /// Rows of requests by route.
    pub routes: i64,
    /// Rows of statuses by route.
    pub statuses: i64,
}

/// Requests to one route in one minute. The Python program always sets all of it.
#[derive(Debug, FromRow)]
pub(super) struct RouteRow {
    time: NaiveDateTime,
    pub(super) route: String,
    pub(super) requests: i64,
    pub(super) avg: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl RouteRow {
    pub(super) fn time(&self) -> Timestamp {
        self.time.and_utc().into()
    }
}

/// How often one status was answered in one minute.
#[derive(Debug, FromRow)]
pub(super) struct StatusRow {
    time: NaiveDateTime,
    pub(super) route: String,
    pub(super) status_code: i32,
    pub(super) count: i64,
}

impl StatusRow {
    pub(super) fn time(&self) -> Timestamp {
        self.time.and_utc().into()
    }
}

/// Minutes of which the total says more than the routes do.
#[derive(Debug, Clone, Copy, FromRow)]
pub(super) struct UnexplainedMinutes {
    pub(super) minutes: i64,
    pub(super) requests: i64,
}

#[derive(FromRow)]
struct UserRow {
    user_id: Uuid,
    username: String,
    created_at: Option<NaiveDateTime>,
    last_login: Option<NaiveDateTime>,
    immutable: bool,
    api_key_hash: Option<String>,
    is_admin: Option<bool>,
    activated: Option<bool>,
}

impl PythonPostgres {
    /// Opens the database and holds on to this moment, whatever others write.
    ///
    /// # Errors
    /// When it can't be reached or is another database.
    pub async fn open(url: &SecretString) -> Result<Self, ImportError> {
        const BEGIN: &str = "begin isolation level repeatable read, read only";
        const TABLE: &str = "select to_regclass($1) is not null";
        // The driver logs parameters that it does not know, with their values.
        let url = DatabaseUrl::from_text(url.expose_secret()).map_err(ImportError::Url)?;
        let options = PgConnectOptions::from_str(url.expose())
            .map_err(|error| ImportError::Url(error.to_string()))?
            .application_name("linux-api import");
        let connect = options.connect().await;
        let mut connection = connect.map_err(ImportError::Postgres)?;
        sqlx::raw_sql(BEGIN)
            .execute(&mut connection)
            .await
            .map_err(ImportError::Postgres)?;
        for table in [
            "users.user",
            "users.user_auth",
            "users.user_perm",
            "metrics.route_metrics",
            "metrics.route_status_codes",
            "metrics.global_metrics",
        ] {
            // Unnamed statements, because Pgpool may stand in between.
            let there: bool = sqlx::query_scalar(TABLE)
                .bind(table)
                .persistent(false)
                .fetch_one(&mut connection)
                .await
                .map_err(ImportError::Postgres)?;
            if !there {
                return Err(ImportError::NoTable(table));
            }
        }
        Ok(Self { connection })
    }

    /// All users, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&mut self) -> Result<Vec<SourceUser>, ImportError> {
        const SQL: &str = r#"
            select u.user_id, u.username, u.created_at, u.last_login, u.immutable,
                a.api_key_hash, p.is_admin, p.activated
            from users."user" u
                left join users.user_auth a on a.user_id = u.user_id
                left join users.user_perm p on p.user_id = u.user_id
            order by u.created_at, u.user_id"#;
        let rows: Vec<UserRow> = sqlx::query_as(SQL)
            .persistent(false)
            .fetch_all(&mut self.connection)
            .await
            .map_err(ImportError::Postgres)?;
        Ok(rows.into_iter().map(UserRow::into_user).collect())
    }

    /// What identifies this installation: its first user can't be deleted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn installation(&mut self) -> Result<String, ImportError> {
        const SQL: &str = r#"
            select coalesce(
                (select cast(user_id as text) from users."user"
                    order by immutable desc, created_at, user_id limit 1),
                current_database())"#;
        let origin: String = sqlx::query_scalar(SQL)
            .persistent(false)
            .fetch_one(&mut self.connection)
            .await
            .map_err(ImportError::Postgres)?;
        let digest = Sha256::digest(format!("linux-api import {origin}"));
        let short = digest.iter().take(16);
        Ok(short.fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
    }

    /// How much there is to import.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&mut self) -> Result<Counts, ImportError> {
        const SQL: &str = "
            select (select count(*) from metrics.route_metrics) as routes,
                (select count(*) from metrics.route_status_codes) as statuses";
        sqlx::query_as(SQL)
            .persistent(false)
            .fetch_one(&mut self.connection)
            .await
            .map_err(ImportError::Postgres)
    }

    /// Minutes of which the total says more than the routes do.
    pub(super) async fn unexplained(&mut self) -> Result<UnexplainedMinutes, ImportError> {
        const SQL: &str = "
            select count(*) as minutes,
                cast(coalesce(sum(g.total_requests - coalesce(r.requests, 0)), 0) as bigint)
                    as requests
            from metrics.global_metrics g
                left join (
                    select time, sum(requests) as requests from metrics.route_metrics group by time
                ) r on r.time = g.time
            where g.total_requests > coalesce(r.requests, 0)";
        sqlx::query_as(SQL)
            .persistent(false)
            .fetch_one(&mut self.connection)
            .await
            .map_err(ImportError::Postgres)
    }

    /// All requests by route, in the order of their time.
    pub(super) fn routes(&mut self) -> BoxStream<'_, Result<RouteRow, ImportError>> {
        const SQL: &str = "
            select time, route, cast(requests as bigint) as requests,
                cast(avg_response_time as double precision) as avg,
                cast(min_response_time as double precision) as min,
                cast(max_response_time as double precision) as max,
                cast(p50 as double precision) as p50, cast(p95 as double precision) as p95,
                cast(p99 as double precision) as p99
            from metrics.route_metrics order by time";
        sqlx::query_as(SQL)
            .persistent(false)
            .fetch(&mut self.connection)
            .map_err(ImportError::Postgres)
            .boxed()
    }

    /// All statuses by route, in the order of their time.
    pub(super) fn statuses(&mut self) -> BoxStream<'_, Result<StatusRow, ImportError>> {
        const SQL: &str = "
            select time, route, status_code, cast(count as bigint) as count
            from metrics.route_status_codes order by time";
        sqlx::query_as(SQL)
            .persistent(false)
            .fetch(&mut self.connection)
            .map_err(ImportError::Postgres)
            .boxed()
    }

    /// Lets go of the database.
    pub async fn close(self) {
        // Nothing was changed, so nothing can be lost.
        let _ = self.connection.close().await;
    }
}

impl UserRow {
    fn into_user(self) -> SourceUser {
        let time = |naive: NaiveDateTime| Timestamp::from(naive.and_utc());
        SourceUser {
            origin: Origin::V1,
            source: format!("v1:{}", self.user_id),
            id: Some(UserId(self.user_id)),
            name: self.username,
            role: if self.is_admin.unwrap_or(false) {
                Role::Admin
            } else {
                Role::Viewer
            },
            active: self.activated.unwrap_or(false),
            immutable: self.immutable,
            created_at: self.created_at.map(time).unwrap_or_default(),
            last_login: self.last_login.map(time),
            key_hash: self
                .api_key_hash
                .map(|hex| format!("{HMAC_SCHEME}{}", hex.to_ascii_lowercase())),
        }
    }
}
