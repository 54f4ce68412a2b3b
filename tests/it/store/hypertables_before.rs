//! Hypertables of samples, as earlier versions made them.

use linux_api_daemon::tasks::janitor::sweep;
use linux_api_store::packing::OldRowsPosition;

use crate::store::hypertables::{RETENTION, database};
use crate::store::{no_backup, packing, packing_upgrade};

/// Version 0.1 made hypertables of samples, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hypertables_of_samples_become_plain_tables_and_their_rows_are_packed() {
    let Some(database) = database().await else {
        return;
    };
    let (store, _clock, points) = packing_upgrade::filled_before(&database, 8).await;
    let mut direct = database.direct().await;
    for (table, chunk) in [
        ("", "3 days"),
        ("_hourly", "60 days"),
        ("_daily", "2 years"),
    ] {
        let make = format!(
            "create extension if not exists timescaledb schema public;
            select public.create_hypertable('linux_api.host_samples{table}',
                public.by_range('time', interval '{chunk}'),
                create_default_indexes => false, migrate_data => true);
            alter table linux_api.host_samples{table} set (timescaledb.compress,
                timescaledb.compress_segmentby = 'series_id',
                timescaledb.compress_orderby = 'time desc');
            select public.compress_chunk(c) from public.show_chunks('linux_api.host_samples{table}') c"
        );
        direct.execute(&make).await.unwrap();
    }
    store.migrate(no_backup).await.unwrap();
    let expected = packing_upgrade::rounded(&points);
    assert!(packing_upgrade::are_alike(
        &packing::view(&database).await,
        &expected
    ));
    let hours = packing::rows(&database, "host_samples_hourly").await;
    let used = store.use_timescaledb().await.unwrap();
    assert!(used.is_used(), "{used:?}");
    let plain = "select count(*) from timescaledb_information.hypertables
        where hypertable_schema = 'linux_api' and hypertable_name like 'host_samples_%ly'";
    assert_eq!(direct.number(plain).await, 0);
    let keys = "select count(*) from pg_constraint where contype = 'p' and conrelid in
        ('linux_api.host_samples_hourly'::regclass, 'linux_api.host_samples_daily'::regclass)";
    assert_eq!(direct.number(keys).await, 2);
    assert_eq!(packing::rows(&database, "host_samples_hourly").await, hours);
    let mut position = OldRowsPosition::START;
    while let Some(next) = store.pack_old_rows(position).await.unwrap() {
        position = next;
    }
    assert_eq!(packing::rows(&database, "host_samples_old").await, 0);
    assert!(packing::view(&database).await == expected);
    assert!(sweep(&store, &RETENTION, "a1").await.unwrap().is_some());
    assert!(store.use_timescaledb().await.unwrap().is_used());
    // The way back makes rows of what is packed.
    store.rollback(5, no_backup).await.unwrap();
    let count = i64::try_from(expected.len()).unwrap();
    assert_eq!(packing::rows(&database, "host_samples").await, count);
}
