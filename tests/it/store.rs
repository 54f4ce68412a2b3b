//! What every method of the store promises, on both engines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{database, pgpool, timescale};
use linux_api_store::api_keys::NewKey;
use linux_api_store::users::NewUser;
use linux_api_store::{Engine, Refusal, Store, StoreError};
use linux_api_wire::api_key::{KeyId, Scope, Scopes};
use linux_api_wire::audit::{Actor, Origin, Via};
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::time::{Clock, ManualClock, Timestamp};
use linux_api_wire::user::{Role, User};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, SqliteConnection};

use database::{Database, no_backup};

/// Tests on both engines, and on PostgreSQL behind each pooler too.
macro_rules! on_every_engine {
    ($($name:ident),* $(,)?) => {
        on_both_engines!($($name),*);
        mod pgbouncer {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = $crate::support::database::Database::postgres();
                if let Some(url) = $crate::support::pgbouncer::pooled(&database.url) {
                    super::$name($crate::support::database::Database { pooler: Some(url), ..database }).await;
                }
            })*
        }
        mod pgpool {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = $crate::support::database::Database::postgres();
                if let Some(url) = $crate::support::pgpool::pooled(&database.url) {
                    super::$name($crate::support::database::Database { pooler: Some(url), ..database }).await;
                }
            })*
        }
    };
}

mod actors;
mod alerts;
mod audit;
mod cache;
mod daemon_role;
mod deadlines;
mod forget;
mod hypertables;
mod hypertables_before;
mod imports;
mod keys;
mod leases;
mod merging;
mod migrations;
mod operators;
mod packing;
mod packing_backups;
mod packing_kills;
mod packing_sizes;
mod packing_upgrade;
mod pooler;
mod requests;
mod retention;
mod roles;
mod series_ends;
mod users;

/// A connection of the test's own, past the store.
enum Direct {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Until a session of this database waits for a lock.
async fn until_something_waits(direct: &mut Direct) {
    let sql = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    let start = Instant::now();
    while direct.number(sql).await == 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "nothing waits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Database {
    async fn open(&self) -> Store {
        Store::open(self.options(), Clock::system()).await.unwrap()
    }

    /// A store with the newest schema.
    async fn store(&self) -> Store {
        let store = self.open().await;
        store.migrate(no_backup).await.unwrap();
        store
    }

    /// A store with the newest schema and a clock that the test moves.
    async fn store_with_clock(&self) -> (Store, ManualClock) {
        let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let store = Store::open(self.options(), clock.clock()).await.unwrap();
        store.migrate(no_backup).await.unwrap();
        (store, clock)
    }

    async fn direct(&self) -> Direct {
        match self.engine {
            Engine::Sqlite => {
                let path = self.url.trim_start_matches("sqlite://");
                let options = SqliteConnectOptions::new().filename(path);
                Direct::Sqlite(options.connect().await.unwrap())
            }
            Engine::Postgres => {
                let options: PgConnectOptions = self.url.parse().unwrap();
                let options = options.options([("search_path", "linux_api")]);
                Direct::Postgres(options.connect().await.unwrap())
            }
        }
    }
}

impl Direct {
    async fn execute(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(connection) => query.execute(connection).await.map(drop),
            Self::Postgres(connection) => query.execute(connection).await.map(drop),
        }
    }

    async fn number(&mut self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        let number = match self {
            Self::Sqlite(connection) => sqlx::query_scalar(sql).fetch_one(connection).await,
            Self::Postgres(connection) => sqlx::query_scalar(sql).fetch_one(connection).await,
        };
        number.unwrap()
    }
}

async fn failing_backup(_: &Store) -> Result<(), &'static str> {
    Err("the disk is full")
}

fn new_user(name: &str, role: Role) -> NewUser {
    NewUser {
        name: name.to_owned(),
        role,
        active: true,
        immutable: false,
        hosts: linux_api_wire::host_selector::HostSelector::default(),
    }
}

fn new_key(id: &str) -> NewKey {
    NewKey {
        id: KeyId(id.to_owned()),
        hash: format!("hash of {id}"),
        name: format!("name of {id}"),
        scopes: Scopes::ALL,
        expires_at: None,
        hosts: linux_api_wire::host_selector::HostSelector::default(),
    }
}

/// Creates a user whose first key is `key_NAME`.
async fn add_user(store: &Store, name: &str, role: Role) -> User {
    let key = new_key(&format!("key_{name}"));
    let user = new_user(name, role);
    let made = store.create_user(&Actor::system(), &user, &key).await;
    made.unwrap()
}

/// An actor with the database itself that counts as this user: for rules about its own account.
fn actor(user: &User) -> Actor {
    let mut actor = Actor::local(1000, user.name.clone());
    actor.origin.user_id = Some(user.id);
    actor.origin.address = Some([192, 0, 2, 7].into());
    actor.origin.request_id = Some("request-1".to_owned());
    actor
}

/// A caller over HTTP by the user's key with this id, for a change that takes `scope`.
fn by_key(user: &User, id: &str, scope: Scope) -> Actor {
    let origin = Origin {
        via: Via::Key(KeyId(id.to_owned())),
        ..actor(user).origin
    };
    Actor::of_caller(origin, scope).unwrap()
}

/// The rule that refused a change.
#[track_caller]
fn refusal<T>(result: Result<T, StoreError>) -> Refusal {
    match result {
        Err(StoreError::Refused(refusal)) => refusal,
        Err(error) => panic!("not refused but failed: {error}"),
        Ok(_) => panic!("not refused"),
    }
}

/// One request to one route, in the buckets of each length.
fn buckets(id: &str, time: Timestamp) -> Vec<RequestBucket> {
    let mut stats = RequestStats::default();
    stats.add(200, Duration::from_millis(1));
    let bucket = |resolution: Resolution| RequestBucket {
        resolution,
        time: resolution.start_of(time),
        host_id: id.into(),
        instance_id: format!("{id}0").into(),
        key: RequestKey {
            route: Arc::from("/a"),
            method: RequestMethod::Get,
        },
        stats: stats.clone(),
    };
    Resolution::ALL.map(bucket).to_vec()
}
