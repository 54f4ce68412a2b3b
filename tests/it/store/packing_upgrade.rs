//! Rows that an earlier program wrote are packed, and a way back makes rows again.

use std::collections::BTreeMap;

use linux_api_store::packing::OldRowsPosition;
use linux_api_store::{Engine, Store};
use linux_api_wire::fleet::HostSample;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::ManualClock;

use crate::store::packing::{
    HOUR, MIDNIGHT, MINUTE, Point, kept, point, read, rows, sample, summed_up, view, write,
};
use crate::store::{Database, no_backup};

on_both_engines! {
    rows_of_an_earlier_program_are_packed,
    an_hour_that_was_begun_by_an_earlier_program_is_one,
    a_way_back_unpacks_everything,
}

/// Points that are the same but for the last of seven digits: those of an earlier program have more.
pub(crate) fn are_alike(found: &[Point], expected: &[Point]) -> bool {
    let is_near = |one: f64, other: f64| (one - other).abs() <= other.abs() * 1e-6;
    let is_alike = |(one, other): (&Point, &Point)| {
        (&one.0, one.1, one.2) == (&other.0, other.1, other.2)
            && is_near(one.3, other.3)
            && is_near(one.4, other.4)
    };
    found.len() == expected.len() && found.iter().zip(expected).all(is_alike)
}

/// Fills the database as a program of revision 5 does, and brings it to the newest one. Returns the points.
pub(crate) async fn upgraded(database: &Database, days: u32) -> (Store, ManualClock, Vec<Point>) {
    let (store, clock, points) = filled_before(database, days).await;
    store.migrate(no_backup).await.unwrap();
    (store, clock, points)
}

/// Fills the database as a program of revision 5 does, and leaves it there.
pub(crate) async fn filled_before(
    database: &Database,
    days: u32,
) -> (Store, ManualClock, Vec<Point>) {
    let (store, clock) = database.store_with_clock().await;
    for name in ["a.b", "c.d"] {
        write(&store, "h1", &[sample(name, 0, 1, 0.0)]).await;
    }
    store.rollback(5, no_backup).await.unwrap();
    let mut direct = database.direct().await;
    for table in ["host_samples", "host_samples_hourly", "host_samples_daily"] {
        direct
            .execute(&format!("delete from {table}"))
            .await
            .unwrap();
    }
    let (numbers, time) = match database.engine {
        Engine::Sqlite => (
            "with recursive m(m) as (select 0 union all select m + 1 from m where m < LAST)",
            "1799971200000 - (1 + m) * 60000",
        ),
        Engine::Postgres => (
            "with m as (select generate_series(0, LAST) as m)",
            "to_timestamp(1799971200) - (1 + m) * interval '1 minute'",
        ),
    };
    let numbers = numbers.replace("LAST", &(days * 1_440 - 1).to_string());
    let fill = format!(
        "insert into host_samples (series_id, time, samples, mean, max) {numbers}
        select s.id, {time}, 30 - m % 50 / 49, m / 7.0, m / 3.0 from m, host_series s
        where m % 11 <> 3"
    );
    direct.execute(&fill).await.unwrap();
    for (table, from, unit, millis) in [
        ("hourly", "host_samples", "hour", 3_600_000),
        ("daily", "host_samples_hourly", "day", 86_400_000),
    ] {
        let start = match database.engine {
            Engine::Sqlite => format!("time - time % {millis}"),
            Engine::Postgres => format!("date_trunc('{unit}', time, 'UTC')"),
        };
        let roll_up = format!(
            "insert into host_samples_{table} (series_id, time, samples, mean, max)
            select series_id, {start}, cast(sum(samples) as bigint),
                sum(mean * samples) / sum(samples), max(max)
            from {from} group by 1, 2"
        );
        direct.execute(&roll_up).await.unwrap();
    }
    let mut points = Vec::new();
    for name in ["h1 a.b", "h1 c.d"] {
        for m in (0..days * 1_440).rev().filter(|m| m % 11 != 3) {
            let time = MIDNIGHT.saturating_sub(MINUTE * (1 + m));
            let (mean, max) = (f64::from(m) / 7.0, f64::from(m) / 3.0);
            let samples = 30 - i64::from(m % 50 / 49);
            points.push((name.to_owned(), time.as_millis(), samples, mean, max));
        }
    }
    (store, clock, points)
}

/// The points with their figures as they are stored.
pub(crate) fn rounded(points: &[Point]) -> Vec<Point> {
    let round = |(name, time, samples, mean, max): &Point| {
        (name.clone(), *time, *samples, kept(*mean), kept(*max))
    };
    points.iter().map(round).collect()
}

async fn rows_of_an_earlier_program_are_packed(database: Database) {
    let (store, _clock, points) = upgraded(&database, 3).await;
    let expected = rounded(&points);
    assert_eq!(
        rows(&database, "host_samples_old").await,
        i64::try_from(points.len()).unwrap()
    );
    let mut position = OldRowsPosition::START;
    let mut steps = 0;
    loop {
        let visible = view(&database).await;
        assert!(are_alike(&visible, &expected), "after {steps}");
        for name in ["a.b", "c.d"] {
            let series = format!("h1 {name}");
            let of_series: Vec<Point> = points
                .iter()
                .filter(|one| one.0 == series)
                .cloned()
                .collect();
            for resolution in Resolution::ALL {
                let found = read(&store, resolution, "h1", name).await;
                let summed_up = summed_up(&of_series, resolution);
                assert!(
                    are_alike(&found, &summed_up),
                    "{resolution:?} after {steps}"
                );
            }
        }
        let Some(next) = store.pack_old_rows(position).await.unwrap() else {
            break;
        };
        (position, steps) = (next, steps + 1);
    }
    assert_eq!(steps, 6, "a day of a series each");
    assert!(view(&database).await == expected);
    assert_eq!(rows(&database, "host_samples_old").await, 0);
    assert_eq!(rows(&database, "host_hours").await, 2 * 72);
    assert_eq!(rows(&database, "host_samples_hourly").await, 2 * 72);
}

async fn an_hour_that_was_begun_by_an_earlier_program_is_one(database: Database) {
    let (store, clock, points) = upgraded(&database, 1).await;
    // The last minute again, with fewer readings and with more, and one before that was missing.
    let before = |minutes: u32| MIDNIGHT.saturating_sub(MINUTE * minutes);
    let later = [
        HostSample {
            time: before(1),
            ..sample("a.b", 0, 10, 1.0)
        },
        HostSample {
            time: before(4),
            ..sample("a.b", 0, 10, 2.0)
        },
        HostSample {
            time: before(2),
            ..sample("a.b", 0, 60, 3.0)
        },
    ];
    write(&store, "h1", &later).await;
    let mut expected: BTreeMap<(String, i64), Point> = rounded(&points)
        .into_iter()
        .map(|one| ((one.0.clone(), one.1), one))
        .collect();
    for one in &later[1..] {
        let one = point("h1", one);
        expected.insert((one.0.clone(), one.1), one);
    }
    let expected: Vec<Point> = expected.into_values().collect();
    let of_series: Vec<Point> = expected
        .iter()
        .filter(|one| one.0 == "h1 a.b")
        .cloned()
        .collect();
    clock.advance(HOUR * 3);
    for is_packed in [false, true] {
        if is_packed {
            while store.pack_left_minutes().await.unwrap() > 0 {}
        }
        for resolution in Resolution::ALL {
            let found = read(&store, resolution, "h1", "a.b").await;
            let summed_up = summed_up(&of_series, resolution);
            assert!(are_alike(&found, &summed_up), "{resolution:?}");
        }
    }
    let mut position = OldRowsPosition::START;
    while let Some(next) = store.pack_old_rows(position).await.unwrap() {
        position = next;
    }
    assert!(view(&database).await == expected);
}

async fn a_way_back_unpacks_everything(database: Database) {
    let (store, _clock, points) = upgraded(&database, 2).await;
    let mut expected = rounded(&points);
    // Some is packed, some is of the earlier program, some is open.
    store
        .pack_old_rows(OldRowsPosition::START)
        .await
        .unwrap()
        .unwrap();
    let open: Vec<HostSample> = (0..90)
        .map(|minute| sample("a.b", minute, 30, 1.5))
        .collect();
    write(&store, "h1", &open).await;
    expected.extend(open.iter().map(|one| point("h1", one)));
    expected.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    let hours = read(&store, Resolution::Hour, "h1", "a.b").await;
    let days = read(&store, Resolution::Day, "h1", "a.b").await;
    let mut direct = database.direct().await;
    let lowest = "select cast(value as bigint) from settings where name = 'min_compatible'";
    let newest = direct.number(lowest).await;
    assert!(newest >= 6, "{newest}");
    store.rollback(5, no_backup).await.unwrap();
    let table = match database.engine {
        Engine::Sqlite => {
            "select count(*) from sqlite_master where name = 'host_samples' and type = 'table'"
        }
        Engine::Postgres => {
            "select count(*) from pg_tables where schemaname = 'linux_api' and tablename = 'host_samples'"
        }
    };
    assert_eq!(direct.number(table).await, 1);
    let count = i64::try_from(expected.len()).unwrap();
    assert_eq!(rows(&database, "host_samples").await, count);
    assert_eq!(direct.number(lowest).await, 1);
    store.migrate(no_backup).await.unwrap();
    assert_eq!(direct.number(lowest).await, newest);
    assert!(are_alike(&view(&database).await, &expected));
    // The way back summed up what was open.
    let again = read(&store, Resolution::Hour, "h1", "a.b").await;
    assert!(are_alike(&again, &hours));
    let again = read(&store, Resolution::Day, "h1", "a.b").await;
    assert!(are_alike(&again, &days));
}
