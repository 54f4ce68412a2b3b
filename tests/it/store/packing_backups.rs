//! Packed history in backups: it moves between the engines as it is, and rows of earlier backups are packed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use linux_api_store::backup::{self, BackupOrder, BackupScope, Kind, Reason, RestoreOrder};
use linux_api_store::packing::OldRowsPosition;
use linux_api_store::{Options, Store};
use linux_api_wire::audit::Actor;
use linux_api_wire::fleet::HostSample;
use linux_api_wire::progress::NoProgress;
use linux_api_wire::time::{ManualClock, Timestamp};

use crate::store::packing::{MIDNIGHT, MINUTE, Numbers, Point, point, rows, view, write};
use crate::store::packing_upgrade::{are_alike, filled_before, rounded};
use crate::store::{Database, no_backup};

on_both_engines! {
    packed_history_moves_to_the_other_engine_and_back,
    rows_of_an_earlier_backup_are_packed,
}

fn other(database: &Database) -> Database {
    match database.engine {
        linux_api_store::Engine::Sqlite => Database::postgres(),
        linux_api_store::Engine::Postgres => Database::sqlite(),
    }
}

fn options(database: &Database) -> Options {
    let mut options = Options::new(database.url.as_str());
    options.deadline = Duration::from_secs(30);
    options
}

async fn save(store: &Store, folder: &Path) -> PathBuf {
    let order = BackupOrder {
        folder,
        scope: BackupScope::All,
        reason: Reason::Command,
        progress: &NoProgress,
    };
    backup::create(store, order).await.unwrap().path
}

/// The lock on a file goes with the last handle.
async fn close(store: Store) {
    store.close().await;
}

async fn restore(path: &Path, into: &Database) {
    let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
    let copies = into.folder.path().join("copies");
    // As `db verify --restore` does it, and then in earnest.
    backup::try_restore(path, &options(into), &copies, &clock.clock(), &NoProgress)
        .await
        .unwrap();
    let order = RestoreOrder {
        backup: path,
        target: options(into),
        copies: &copies,
        actor: &Actor::system(),
        clock: &clock.clock(),
        progress: &NoProgress,
    };
    backup::restore(order).await.unwrap();
}

/// Hours that are packed, some with minutes that have fewer readings, and an hour that is not.
async fn history(database: &Database) -> Vec<Point> {
    let (store, _clock) = database.store_with_clock().await;
    let mut numbers = Numbers(3);
    let mut samples = Vec::new();
    for name in ["a.b", "c.d"] {
        for minute in (0..480).filter(|minute| minute % 13 != 5) {
            let whole = f64::from(u32::try_from(numbers.below(1 << 30)).unwrap());
            let mean = whole / [1.0, 977.0, 1e9][usize::try_from(minute % 3).unwrap()];
            samples.push(HostSample {
                name: name.to_owned(),
                labels: String::new(),
                time: MIDNIGHT.saturating_add(MINUTE * minute),
                samples: if minute < 60 {
                    30
                } else {
                    1 + numbers.below(40)
                },
                mean,
                max: mean * 1.5,
            });
        }
    }
    write(&store, "h1", &samples).await;
    while store.pack_left_minutes().await.unwrap() > 0 {}
    assert!(rows(database, "host_minutes").await > 0);
    store.close().await;
    samples.iter().map(|one| point("h1", one)).collect()
}

async fn packed_history_moves_to_the_other_engine_and_back(database: Database) {
    let expected = history(&database).await;
    assert!(view(&database).await == expected);
    let backups = database.folder.path().join("backups");
    let store = database.open().await;
    let saved = save(&store, &backups).await;
    close(store).await;
    let manifest = backup::check(&saved).unwrap();
    let hours = manifest.tables.iter().find(|one| one.name == "host_hours");
    let kinds: Vec<Kind> = hours.unwrap().columns.iter().map(|one| one.kind).collect();
    let expected_kinds = [
        Kind::Integer,
        Kind::Time,
        Kind::Integer,
        Kind::Integers,
        Kind::Reals,
        Kind::Reals,
    ];
    assert_eq!(kinds, expected_kinds);
    let other = other(&database);
    restore(&saved, &other).await;
    assert!(view(&other).await == expected);
    for table in ["host_hours", "host_minutes", "host_samples_hourly"] {
        assert_eq!(
            rows(&other, table).await,
            rows(&database, table).await,
            "{table}"
        );
    }
    // And back, over what was there.
    let store = other.open().await;
    let saved = save(&store, &backups).await;
    close(store).await;
    restore(&saved, &database).await;
    assert!(view(&database).await == expected);
    let (store, clock) = database.store_with_clock().await;
    clock.advance(Duration::from_hours(4));
    while store.pack_left_minutes().await.unwrap() > 0 {}
    assert!(view(&database).await == expected, "it goes on as before");
}

async fn rows_of_an_earlier_backup_are_packed(database: Database) {
    let (store, _clock, points) = filled_before(&database, 2).await;
    let expected = rounded(&points);
    let saved = save(&store, &database.folder.path().join("backups")).await;
    close(store).await;
    let other = other(&database);
    history(&other).await;
    restore(&saved, &other).await;
    let store = other.open().await;
    assert_eq!(store.schema_state().await.unwrap().current, 5);
    store.migrate(no_backup).await.unwrap();
    assert!(are_alike(&view(&other).await, &expected));
    let mut position = OldRowsPosition::START;
    while let Some(next) = store.pack_old_rows(position).await.unwrap() {
        position = next;
    }
    assert!(view(&other).await == expected);
    assert_eq!(rows(&other, "host_samples_old").await, 0);
}
