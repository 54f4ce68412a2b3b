//! Backups that are taken while others write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use linux_api_store::Store;
use linux_api_store::backup::{BackupInfo, BackupScope};
use linux_api_store::flush::{Batch, HostReport};
use linux_api_wire::fleet::HostIdentity;
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};

use crate::backup::{Fixture, rows};

on_both_engines! {
    a_backup_under_writes_comes_back_with_both_halves_of_each,
}

/// Writers at the same time.
const WRITERS: usize = 4;

/// Writes in a loop, each time requests and as many statuses in one transaction. Returns how long
/// each write took.
async fn write(store: Store, writer: usize, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let host = HostReport {
        identity: HostIdentity {
            id: format!("h{writer}").into(),
            name: "one".to_owned(),
            labels: std::collections::BTreeMap::new(),
            version: "1".to_owned(),
        },
        instance_id: format!("a{writer}").into(),
        facts: None,
        sample: None,
    };
    let time = Resolution::Minute.start_of(store.clock().now());
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut stats = RequestStats::default();
        for request in 0..=took.len() % 7 {
            let code = if request == 3 { 404 } else { 200 };
            stats.add(code, Duration::from_micros(request as u64 + 1));
        }
        let bucket = RequestBucket {
            resolution: Resolution::Minute,
            time,
            host_id: Arc::clone(&host.identity.id),
            instance_id: format!("a{writer}-{}", took.len()).into(),
            key: RequestKey {
                route: Arc::from("/a"),
                method: RequestMethod::Get,
            },
            stats,
        };
        let batch = Batch {
            host: &host,
            buckets: &[bucket],
            samples: &[],
        };
        let begin = Instant::now();
        store.flush(batch).await.unwrap();
        took.push(begin.elapsed());
    }
    took
}

/// Requests and statuses, which are as many when both halves of each write are there.
fn halves(backup: &BackupInfo) -> (i64, i64) {
    let sum = |table: &str, column: &str| {
        let rows = rows(backup, table);
        rows.iter().map(|row| row[column].as_i64().unwrap()).sum()
    };
    (
        sum("request_stats", "requests"),
        sum("request_status", "count"),
    )
}

#[expect(clippy::print_stderr, reason = "tells what was measured")]
async fn a_backup_under_writes_comes_back_with_both_halves_of_each(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    fixture.fill_audit_log().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, stop) = (fixture.store.clone(), Arc::clone(&stop));
            tokio::spawn(write(store, writer, stop))
        })
        .collect();
    let begin = Instant::now();
    let mut backups = Vec::new();
    for _ in 0..3 {
        backups.push(fixture.backup(BackupScope::All).await.unwrap());
        fixture.clock.advance(Duration::from_secs(1));
    }
    let elapsed = begin.elapsed();
    stop.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for writer in writers {
        took.extend(writer.await.unwrap());
    }
    took.sort();
    let slow = took[took.len() * 99 / 100];
    eprintln!(
        "{} writes in {elapsed:?} beside backups, 99 of 100 within {slow:?}",
        took.len()
    );

    let sums: Vec<(i64, i64)> = backups.iter().map(halves).collect();
    assert!(sums.iter().all(|(one, other)| one == other), "{sums:?}");
    let (first, last) = (sums[0].0, sums[2].0);
    assert!(last > first, "nobody wrote meanwhile: {sums:?}");
    for other in [Fixture::sqlite().await, Fixture::postgres().await] {
        let restored = other.restored_from(&backups[1].path).await;
        let again = restored.backup(BackupScope::All).await.unwrap();
        assert_eq!(halves(&again), sums[1]);
        let counts = |backup: &BackupInfo| -> Vec<(String, u64)> {
            let tables = backup.manifest.tables.iter();
            let others = tables.filter(|one| one.name != "audit_log" && one.name != "leases");
            others.map(|one| (one.name.clone(), one.rows)).collect()
        };
        assert_eq!(counts(&again), counts(&backups[1]));
    }
}
