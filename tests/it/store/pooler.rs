//! Many stores behind PgBouncer with the settings that the packages ship.

use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Row};

use crate::store::database::{Database, no_backup};
use crate::support::pgbouncer;
use linux_api_store::Store;
use linux_api_wire::time::Clock;

/// More than the example lets through to the server.
const DAEMONS: usize = 60;
const MOST: i64 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_settings_serve_more_daemons_than_the_server_has_connections() {
    let database = Database::postgres();
    let Some(url) = pgbouncer::pooled_by_example(&database.url) else {
        return;
    };
    let database = Database {
        pooler: Some(url.clone()),
        ..database
    };
    let stores = (0..DAEMONS).map(|_| Store::open(database.options(), Clock::system()));
    let stores: Vec<Store> = join_all(stores)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    stores[0].migrate(no_backup).await.unwrap();

    // Writes and polls side by side, several of each daemon.
    let work = stores.iter().enumerate().map(|(number, store)| async move {
        let name = format!("daemon-{number}");
        for _ in 0..5 {
            let (said, ping, revision) = tokio::join!(
                store.say_present(&name, &name),
                store.ping(),
                store.refresh_auth_revision()
            );
            said.unwrap();
            ping.unwrap();
            revision.unwrap();
        }
    });
    join_all(work).await;

    let direct: PgConnectOptions = database.url.parse().unwrap();
    let sql = "select count(*) from pg_stat_activity where datname = current_database() \
               and backend_type = 'client backend' and pid <> pg_backend_pid()";
    let mut direct = direct.connect().await.unwrap();
    let row = sqlx::query(sql).fetch_one(&mut direct).await.unwrap();
    let connections: i64 = row.get(0);
    assert!(connections <= MOST, "{connections} connections");

    // The role of the example's stats_users may read the figures, and every daemon is still connected.
    let console = url.rsplit_once('/').unwrap().0.to_owned() + "/pgbouncer";
    let console: PgConnectOptions = console.parse().unwrap();
    let mut console = console.extra_float_digits(None).connect().await.unwrap();
    let pools = sqlx::raw_sql("show pools")
        .fetch_all(&mut console)
        .await
        .unwrap();
    let text = |row: &sqlx::postgres::PgRow, name: &str| {
        row.try_get_raw(name).unwrap().as_str().unwrap().to_owned()
    };
    let name = database.url.rsplit_once('/').unwrap().1;
    let pool = pools
        .iter()
        .find(|row| text(row, "database") == name)
        .unwrap();
    assert_eq!(text(pool, "pool_mode"), "transaction");
    let clients: usize = text(pool, "cl_active").parse().unwrap();
    assert!(clients >= DAEMONS, "{clients} clients");
    for store in stores {
        store.close().await;
    }
}
