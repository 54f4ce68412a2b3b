//! The private PostgreSQL that the other tests rely on.

use crate::support::postgres;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};

#[tokio::test]
async fn every_fresh_database_is_empty_and_apart_from_the_others() {
    let (first, second) = (postgres::fresh_database(), postgres::fresh_database());
    assert_ne!(first, second);

    let mut connection = PgConnection::connect(&first).await.unwrap();
    connection
        .execute("create table notes (id bigint primary key)")
        .await
        .unwrap();

    for (url, expected) in [(&first, 1_i64), (&second, 0)] {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let sql = "select count(*) from pg_tables where schemaname = 'public'";
        let tables: i64 = connection.fetch_one(sql).await.unwrap().get(0);
        assert_eq!(tables, expected, "{url}");
    }
}
