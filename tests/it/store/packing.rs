//! Minutes of hosts are wide while their hour is open and packed afterwards: nothing is lost or doubled.

use std::collections::BTreeMap;
use std::time::Duration;

use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::host_samples::SampleFilter;
use linux_api_store::{Engine, Store};
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

use crate::store::{Database, Direct};

on_every_engine! {
    every_point_of_a_packed_day_is_what_was_stored,
    what_is_written_twice_counts_once,
    two_starts_in_a_minute_are_read_as_one,
    what_comes_late_is_merged,
    hours_and_days_hold_what_is_not_packed_yet,
    what_a_host_leaves_is_packed_by_others,
    hosts_pack_at_the_same_time_as_others_clean_up,
    what_no_column_can_hold_is_left_out,
}

pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
/// 2027-01-15T00:00:00Z.
pub(crate) const MIDNIGHT: Timestamp = Timestamp::from_millis(1_799_971_200_000);

/// Numbers that look random and are the same each time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn figure(&mut self) -> f64 {
        let whole = f64::from(u32::try_from(self.below(1 << 30)).unwrap());
        whole / [1.0, 97.0, 65_536.0, 0.000_01][usize::try_from(self.below(4)).unwrap()]
    }
}

pub(crate) fn host(id: &str) -> HostReport {
    HostReport {
        identity: HostIdentity {
            id: id.into(),
            name: id.to_owned(),
            labels: BTreeMap::new(),
            version: "1".to_owned(),
        },
        instance_id: format!("{id}0").into(),
        facts: None,
        sample: None,
    }
}

pub(crate) fn sample(name: &str, minute: u32, samples: u64, mean: f64) -> HostSample {
    HostSample {
        name: name.to_owned(),
        labels: String::new(),
        time: MIDNIGHT.saturating_add(MINUTE * minute),
        samples,
        mean,
        max: mean * 2.0,
    }
}

pub(crate) async fn write(store: &Store, id: &str, samples: &[HostSample]) {
    let batch = Batch {
        host: &host(id),
        buckets: &[],
        samples,
    };
    store.flush(batch).await.unwrap();
}

/// A figure as it is stored: seven digits.
pub(crate) fn kept(value: f64) -> f64 {
    let kept: f32 = format!("{value:.6e}").parse().unwrap();
    f64::from(kept)
}

/// Series, milliseconds, readings, mean and largest.
pub(crate) type Point = (String, i64, i64, f64, f64);

pub(crate) fn point(host: &str, sample: &HostSample) -> Point {
    (
        format!("{host} {}", sample.name),
        sample.time.as_millis(),
        i64::try_from(sample.samples).unwrap(),
        kept(sample.mean),
        kept(sample.max),
    )
}

/// What people see who query the table of minutes; SQLite has the figures as decimals.
pub(crate) async fn view(database: &Database) -> Vec<Point> {
    let points: Vec<Point> = match database.direct().await {
        Direct::Sqlite(mut connection) => {
            let sql = "select s.host_id || ' ' || s.name, t.time, t.samples, t.mean, t.max
                from host_samples t join host_series s on s.id = t.series_id order by 1, 2";
            sqlx::query_as(sql).fetch_all(&mut connection).await
        }
        Direct::Postgres(mut connection) => {
            let sql = "select s.host_id || ' ' || s.name,
                    cast(extract(epoch from t.time) * 1000 as bigint), t.samples,
                    cast(t.mean as double precision), cast(t.max as double precision)
                from host_samples t join host_series s on s.id = t.series_id
                order by s.host_id collate \"C\", s.name collate \"C\", t.time";
            let all: Vec<Point> = sqlx::query_as(sql)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            let between = sql.replace(
                "from host_samples t",
                "from host_samples_between('2000-01-01', '2100-01-01') t",
            );
            let between = sqlx::AssertSqlSafe(between);
            let bounded: Vec<Point> = sqlx::query_as(between)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            assert_eq!(all, bounded);
            Ok(all)
        }
    }
    .unwrap();
    let narrow =
        |(name, time, samples, mean, max)| (name, time, samples, single(mean), single(max));
    points.into_iter().map(narrow).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "that is what is wanted")]
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

fn filter(resolution: Resolution, host: &str, name: &str) -> SampleFilter {
    SampleFilter {
        resolution,
        hosts: vec![host.to_owned()],
        name: name.to_owned(),
        labels: None,
        from: MIDNIGHT.saturating_sub(HOUR * 24 * 40),
        to: MIDNIGHT.saturating_add(HOUR * 24 * 40),
    }
}

/// What the daemon reads of a series.
pub(crate) async fn read(
    store: &Store,
    resolution: Resolution,
    host: &str,
    name: &str,
) -> Vec<Point> {
    let step = resolution.length().as_secs();
    let rows = store
        .list_host_samples(&filter(resolution, host, name), step, 100_000)
        .await
        .unwrap();
    let rows = rows.into_iter().map(|row| {
        let name = format!("{host} {name}");
        (name, row.time.as_millis(), row.samples, row.mean, row.max)
    });
    rows.collect()
}

pub(crate) async fn rows(database: &Database, table: &str) -> i64 {
    let sql = format!("select count(*) from {table}");
    database.direct().await.number(&sql).await
}

/// Sums up points by buckets.
pub(crate) fn summed_up(points: &[Point], resolution: Resolution) -> Vec<Point> {
    let mut buckets: BTreeMap<(String, i64), (i64, f64, f64)> = BTreeMap::new();
    for (name, time, samples, mean, max) in points {
        let start = resolution.start_of(Timestamp::from_millis(*time));
        let bucket = buckets
            .entry((name.clone(), start.as_millis()))
            .or_insert((0, 0.0, f64::MIN));
        bucket.0 += samples;
        bucket.1 += mean * f64::from(i32::try_from(*samples).unwrap());
        bucket.2 = bucket.2.max(*max);
    }
    let point = |((name, time), (samples, sum, max))| {
        let count = f64::from(i32::try_from(samples).unwrap());
        (name, time, samples, sum / count, max)
    };
    buckets.into_iter().map(point).collect()
}

/// Means of sums that were added up in another order.
#[track_caller]
fn assert_close(found: &[Point], expected: &[Point]) {
    assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
    for (one, other) in found.iter().zip(expected) {
        let exact = |point: &Point| (point.0.clone(), point.1, point.2, point.4.to_bits());
        assert_eq!(exact(one), exact(other));
        let difference = (one.3 - other.3).abs();
        assert!(difference <= other.3.abs() * 1e-9, "{one:?} {other:?}");
    }
}

async fn every_point_of_a_packed_day_is_what_was_stored(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let passed = clock.clock().now().since(MIDNIGHT);
    clock.advance((HOUR * 24).saturating_sub(passed));
    let start = clock.clock().now().since(MIDNIGHT).as_secs() / 60;
    let start = u32::try_from(start).unwrap();
    let mut numbers = Numbers(42);
    let mut expected: Vec<Point> = Vec::new();
    let names = ["load.one", "cpu.usage_percent", "swap.used_bytes"];
    let mut most_open = 0;
    for minute in start..start + 24 * 60 {
        let mut samples = Vec::new();
        for (number, name) in (0..).zip(names) {
            // Some minutes are missing, some have fewer readings, one series is mostly nothing.
            if numbers.below(20) == 0 {
                continue;
            }
            let count = if numbers.below(10) == 0 {
                1 + numbers.below(60)
            } else {
                30
            };
            let mean = if number == 2 { 0.0 } else { numbers.figure() };
            let max = mean + if number == 2 { 0.0 } else { numbers.figure() };
            samples.push(HostSample {
                max,
                ..sample(name, minute, count, mean)
            });
        }
        clock.advance(MINUTE);
        write(&store, "h1", &samples).await;
        expected.extend(samples.iter().map(|one| point("h1", one)));
        if minute % 30 == 0 {
            most_open = most_open.max(rows(&database, "host_minutes").await);
        }
    }
    assert!(most_open <= 120, "{most_open}");
    clock.advance(HOUR * 3);
    while store.pack_left_minutes().await.unwrap() > 0 {}
    assert_eq!(rows(&database, "host_minutes").await, 0);
    assert_eq!(rows(&database, "host_hours").await, 3 * 24);

    expected.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    assert!(view(&database).await == expected);
    for name in names {
        let of_series: Vec<Point> = expected
            .iter()
            .filter(|one| one.0.ends_with(name))
            .cloned()
            .collect();
        assert!(read(&store, Resolution::Minute, "h1", name).await == of_series);
        for resolution in [Resolution::Hour, Resolution::Day] {
            let found = read(&store, resolution, "h1", name).await;
            assert_close(&found, &summed_up(&of_series, resolution));
        }
        let filter = filter(Resolution::Minute, "h1", name);
        let three = store.list_host_samples(&filter, 10_800, 100).await.unwrap();
        let readings: i64 = of_series.iter().map(|one| one.2).sum();
        assert_eq!(three.iter().map(|row| row.samples).sum::<i64>(), readings);
        assert_eq!(three.len(), 8, "three hours each");
    }
}

async fn what_is_written_twice_counts_once(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let at = u32::try_from(clock.clock().now().since(MIDNIGHT).as_secs() / 60).unwrap();
    let samples: Vec<HostSample> = (0..3)
        .flat_map(|minute| {
            ["a.b", "c.d"].map(|name| sample(name, at - 200 + minute, 30, f64::from(minute)))
        })
        .collect();
    // All, half a minute, and all again when part of it is packed.
    for some in [&samples[..], &samples[..3], &samples[..]] {
        write(&store, "h1", some).await;
    }
    let mut expected: Vec<Point> = samples.iter().map(|one| point("h1", one)).collect();
    expected.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    assert_eq!(view(&database).await, expected);
    while store.pack_left_minutes().await.unwrap() > 0 {}
    for some in [&samples[..], &samples[3..]] {
        write(&store, "h1", some).await;
        assert_eq!(view(&database).await, expected);
        while store.pack_left_minutes().await.unwrap() > 0 {}
        assert_eq!(view(&database).await, expected);
    }
    assert_eq!(rows(&database, "host_samples_hourly").await, 2);
}

async fn two_starts_in_a_minute_are_read_as_one(database: Database) {
    let (store, _clock) = database.store_with_clock().await;
    let (other, _) = database.store_with_clock().await;
    let at = 8 * 60 - 1;
    // The first has more readings of one series, the second of the other, at the same time.
    let first = [sample("a.b", at, 20, 1.0), sample("c.d", at, 10, 2.0)];
    let second = [
        sample("a.b", at, 10, 3.0),
        sample("c.d", at, 20, 4.0),
        sample("e.f", at, 1, 5.0),
    ];
    tokio::join!(write(&store, "h1", &first), write(&other, "h1", &second));
    let expected = [
        point("h1", &first[0]),
        point("h1", &second[1]),
        point("h1", &second[2]),
    ];
    assert_eq!(view(&database).await, expected);
    assert_eq!(
        read(&store, Resolution::Minute, "h1", "a.b").await,
        expected[..1]
    );
    assert_eq!(rows(&database, "host_minutes").await, 1);
}

async fn what_comes_late_is_merged(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let begun = [sample("a.b", 0, 30, 1.0), sample("a.b", 2, 20, 2.0)];
    write(&store, "h1", &begun).await;
    while store.pack_left_minutes().await.unwrap() > 0 {}
    assert_eq!(rows(&database, "host_hours").await, 1);
    // A new minute, one with more readings, one with fewer, and a series that is new.
    let late = [
        sample("a.b", 0, 10, 9.0),
        sample("a.b", 1, 5, 3.0),
        sample("a.b", 2, 30, 4.0),
        sample("c.d", 1, 30, 7.0),
    ];
    let expected = [
        point("h1", &begun[0]),
        point("h1", &late[1]),
        point("h1", &late[2]),
    ];
    write(&store, "h1", &late).await;
    for is_packed in [false, true] {
        if is_packed {
            while store.pack_left_minutes().await.unwrap() > 0 {}
            assert_eq!(rows(&database, "host_minutes").await, 0);
            assert_eq!(rows(&database, "host_hours").await, 2);
            assert_eq!(view(&database).await[..3], expected);
        }
        assert_eq!(
            read(&store, Resolution::Minute, "h1", "a.b").await,
            expected
        );
        for resolution in [Resolution::Hour, Resolution::Day] {
            let found = read(&store, resolution, "h1", "a.b").await;
            assert_close(&found, &summed_up(&expected, resolution));
        }
        let found = read(&store, Resolution::Hour, "h1", "c.d").await;
        assert_close(
            &found,
            &summed_up(&[point("h1", &late[3])], Resolution::Hour),
        );
    }
    // The daemon itself merges what comes late, with the minute that it writes.
    clock.advance(HOUR);
    write(&store, "h1", &[sample("a.b", 3, 30, 1.0)]).await;
    assert_eq!(rows(&database, "host_minutes").await, 0);
    assert_eq!(view(&database).await.len(), 5);
}

async fn hours_and_days_hold_what_is_not_packed_yet(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let minutes: Vec<HostSample> = (0..480)
        .map(|minute| sample("a.b", minute, 30, f64::from(minute % 7)))
        .collect();
    write(&store, "h1", &minutes).await;
    let points: Vec<Point> = minutes.iter().map(|one| point("h1", one)).collect();
    let extent = async |resolution| {
        let found = store
            .extent_of_host_samples(&filter(resolution, "h1", "a.b"))
            .await
            .unwrap();
        (found.series, found.first, found.oldest)
    };
    for packed in 0..12 {
        for resolution in [Resolution::Hour, Resolution::Day] {
            let found = read(&store, resolution, "h1", "a.b").await;
            assert_close(&found, &summed_up(&points, resolution));
            let start = Some(MIDNIGHT);
            assert_eq!(extent(resolution).await, (1, start, start), "{packed}");
        }
        let start = Some(MIDNIGHT);
        assert_eq!(extent(Resolution::Minute).await, (1, start, start));
        // One host has one hour packed at a time.
        store.pack_left_minutes().await.unwrap();
        clock.advance(MINUTE * 10);
    }
    assert_eq!(rows(&database, "host_samples_hourly").await, 7);
    let none = filter(Resolution::Minute, "h1", "c.d");
    let nothing = store.extent_of_host_samples(&none).await.unwrap();
    assert_eq!((nothing.series, nothing.first), (0, None));
}

async fn what_a_host_leaves_is_packed_by_others(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    for number in 0..12 {
        let at = 8 * 60 - 30;
        let id = format!("h{number:02}");
        write(&store, &id, &[sample("a.b", at, 30, 1.0)]).await;
    }
    // No daemon takes the work from a host that may do it itself.
    assert_eq!(store.pack_left_minutes().await.unwrap(), 0);
    clock.advance(HOUR * 2);
    let mut packed = Vec::new();
    loop {
        match store.pack_left_minutes().await.unwrap() {
            0 => break,
            some => packed.push(some),
        }
    }
    assert_eq!(packed.iter().sum::<u64>(), 12);
    let most = if database.engine == Engine::Sqlite {
        1
    } else {
        10
    };
    assert!(packed.iter().all(|some| *some <= most), "{packed:?}");
    assert_eq!(rows(&database, "host_minutes").await, 0);
    assert_eq!(view(&database).await.len(), 12);
}

async fn hosts_pack_at_the_same_time_as_others_clean_up(database: Database) {
    let (store, _) = database.store_with_clock().await;
    let mut expected = Vec::new();
    for id in ["h1", "h2"] {
        let samples: Vec<HostSample> = (0..240)
            .map(|minute| sample("a.b", minute, 30, f64::from(minute)))
            .collect();
        write(&store, id, &samples).await;
        expected.extend(samples.iter().map(|one| point(id, one)));
    }
    let work = (0..4).map(async |number| {
        let (own, _) = database.store_with_clock().await;
        for minute in 0..20 {
            let id = if number % 2 == 0 { "h1" } else { "h2" };
            // The same again, and packing what is due; the janitors of both.
            write(&own, id, &[sample("a.b", minute, 30, f64::from(minute))]).await;
            own.pack_left_minutes().await.unwrap();
        }
    });
    futures_util::future::join_all(work).await;
    while store.pack_left_minutes().await.unwrap() > 0 {}
    assert_eq!(rows(&database, "host_minutes").await, 0);
    assert!(view(&database).await == expected);
}

async fn what_no_column_can_hold_is_left_out(database: Database) {
    let (store, _clock) = database.store_with_clock().await;
    let samples = [
        sample("a.b", 0, 30, f64::NAN),
        sample("a.b", 1, 0, 1.0),
        sample("a.b", 2, u64::MAX, 1e300),
        sample("a.b", 3, 30, -0.0),
    ];
    write(&store, "h1", &samples).await;
    for is_packed in [false, true] {
        if is_packed {
            while store.pack_left_minutes().await.unwrap() > 0 {}
        }
        let found = view(&database).await;
        assert_eq!(found.len(), 2, "{found:?}");
        let largest = f64::from(3.402_823e38_f32);
        assert_eq!((found[0].2, found[0].3), (i64::from(i16::MAX), largest));
        assert_eq!(found[1].3.to_bits(), 0);
    }
}
