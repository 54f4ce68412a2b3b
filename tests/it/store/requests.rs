//! Requests per bucket: what is written twice counts once, and groups are right over daemons.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use linux_api_store::Store;
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::host_samples::SampleFilter;
use linux_api_store::request_queries::{Span, StatsFilter};
use linux_api_store::request_routes::RoutePosition;
use linux_api_wire::fleet::{HostFacts, HostIdentity, HostSample};
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::time::Timestamp;

use crate::store::database::Database;

on_both_engines! {
    a_state_replaces_the_one_before_and_never_a_newer_one,
    groups_join_daemons_and_methods,
    pages_by_position_miss_nothing_and_repeat_nothing,
    a_host_filter_takes_ids_and_names,
    pages_far_from_the_end_are_those_of_the_whole_list,
    hosts_are_listed_by_name_and_keep_their_first_day,
    minutes_of_series_are_summed_up_to_hours_and_days,
    thousands_of_rows_are_one_transaction,
}

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const NEWEST: Span = Span {
    limit: 1_000,
    offset: 0,
    newest_first: true,
};

fn after(minutes: u64) -> Timestamp {
    START.saturating_add(Duration::from_mins(minutes))
}

fn host(id: &str, name: &str) -> HostReport {
    HostReport {
        identity: HostIdentity {
            id: id.into(),
            name: name.to_owned(),
            labels: BTreeMap::from([("role".to_owned(), "web".to_owned())]),
            version: "1.2.3".to_owned(),
        },
        instance_id: format!("{id}0").into(),
        facts: None,
        sample: None,
    }
}

/// A bucket whose requests took the given milliseconds; those of 500 ms and more failed.
fn bucket(
    host: &HostReport,
    minute: u64,
    method: RequestMethod,
    route: &str,
    millis: &[u64],
) -> RequestBucket {
    let mut stats = RequestStats::default();
    for millis in millis {
        let code = if *millis >= 500 { 503 } else { 200 };
        stats.add(code, Duration::from_millis(*millis));
    }
    RequestBucket {
        resolution: Resolution::Minute,
        time: after(minute),
        host_id: host.identity.id.clone(),
        instance_id: host.instance_id.clone(),
        key: RequestKey {
            route: route.into(),
            method,
        },
        stats,
    }
}

async fn write(store: &Store, host: &HostReport, buckets: &[RequestBucket]) {
    let samples = &[];
    let batch = Batch {
        host,
        buckets,
        samples,
    };
    store.flush(batch).await.unwrap();
}

fn all() -> StatsFilter {
    StatsFilter {
        resolution: Resolution::Minute,
        from: START,
        to: after(1_000_000),
        route: None,
        hosts: None,
        by_method: false,
        split: None,
    }
}

async fn a_state_replaces_the_one_before_and_never_a_newer_one(database: Database) {
    let store = database.store().await;
    let host = host("h1", "one");
    let older = bucket(&host, 0, RequestMethod::Get, "/a", &[10, 600]);
    let newer = bucket(&host, 0, RequestMethod::Get, "/a", &[10, 600, 20]);
    for state in [&older, &newer, &newer, &older] {
        write(&store, &host, std::slice::from_ref(state)).await;
    }
    let totals = store.list_totals(&all(), NEWEST).await.unwrap();
    assert_eq!(totals.len(), 1);
    assert_eq!((totals[0].requests, totals[0].errors), (3, 1));
    assert!((totals[0].sum - 0.63).abs() < 1e-9);
    let rows = store.list_route_stats(&all(), None, 10).await.unwrap();
    assert_eq!(rows[0].stats.sketch, newer.stats.sketch);
    let statuses = store
        .list_status_counts(&all(), None, NEWEST)
        .await
        .unwrap();
    let counts: Vec<_> = statuses.iter().map(|row| (row.status, row.count)).collect();
    assert_eq!(counts, [(200, 2), (503, 1)]);
}

async fn groups_join_daemons_and_methods(database: Database) {
    let store = database.store().await;
    let (one, two) = (host("h1", "one"), host("h2", "two"));
    let of_one = [
        bucket(&one, 0, RequestMethod::Get, "/a", &[10, 20]),
        bucket(&one, 0, RequestMethod::Post, "/a", &[900]),
        bucket(&one, 1, RequestMethod::Get, "/b", &[5]),
    ];
    write(&store, &one, &of_one).await;
    let of_two = [bucket(&two, 0, RequestMethod::Get, "/a", &[30])];
    write(&store, &two, &of_two).await;

    let rows = store.list_route_stats(&all(), None, 10).await.unwrap();
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.time, row.route.as_str(), row.stats.requests))
        .collect();
    assert_eq!(seen, [(after(1), "/b", 1), (after(0), "/a", 4)]);
    let mut merged = of_one[0].stats.sketch.clone();
    merged.merge(&of_one[1].stats.sketch);
    merged.merge(&of_two[0].stats.sketch);
    assert_eq!(rows[1].stats.sketch, merged);
    assert_eq!((rows[1].stats.min, rows[1].stats.max), (0.01, 0.9));

    let by_method = StatsFilter {
        by_method: true,
        ..all()
    };
    let rows = store.list_route_stats(&by_method, None, 10).await.unwrap();
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.route.as_str(),
                row.method.as_deref().unwrap(),
                row.stats.requests,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("/b", "GET", 1), ("/a", "GET", 3), ("/a", "POST", 1)]
    );
    let totals = store.list_totals(&by_method, NEWEST).await.unwrap();
    let seen: Vec<_> = totals
        .iter()
        .map(|row| {
            (
                row.time,
                row.method.as_deref().unwrap(),
                row.requests,
                row.errors,
            )
        })
        .collect();
    let expected = [
        (after(1), "GET", 1, 0),
        (after(0), "GET", 3, 0),
        (after(0), "POST", 1, 1),
    ];
    assert_eq!(seen, expected);

    let oldest = Span {
        limit: 1,
        offset: 0,
        newest_first: false,
    };
    assert_eq!(
        store.list_totals(&all(), oldest).await.unwrap()[0].time,
        after(0)
    );
    let second = Span {
        limit: 5,
        offset: 1,
        newest_first: true,
    };
    assert_eq!(store.list_totals(&all(), second).await.unwrap().len(), 1);
    let of_route = StatsFilter {
        route: Some("/b".to_owned()),
        ..all()
    };
    let statuses = store
        .list_status_counts(&of_route, None, NEWEST)
        .await
        .unwrap();
    assert_eq!((statuses.len(), statuses[0].count), (1, 1));
    let failed = store
        .list_status_counts(&all(), Some(503), NEWEST)
        .await
        .unwrap();
    assert_eq!((failed.len(), failed[0].route.as_str()), (1, "/a"));
}

async fn pages_by_position_miss_nothing_and_repeat_nothing(database: Database) {
    // With quiet times in between, longer than any window that a page is read by.
    const MINUTES: [u64; 10] = [0, 1, 2, 40, 41, 500, 3_000, 3_001, 90_000, 90_007];
    let store = database.store().await;
    let hosts = [host("h1", "one"), host("h2", "two"), host("h3", "three")];
    let methods = [RequestMethod::Get, RequestMethod::Other];
    for host in &hosts {
        let mut buckets = Vec::new();
        for minute in MINUTES {
            for route in 0..20 {
                for method in methods {
                    let route = format!("/r{route:02}");
                    buckets.push(bucket(host, minute, method, &route, &[1]));
                }
            }
        }
        write(&store, host, &buckets).await;
    }
    for (by_method, groups) in [(false, 200), (true, 400)] {
        for limit in [1, 7, 30, 199, 1_000] {
            let filter = StatsFilter { by_method, ..all() };
            let mut seen = Vec::new();
            let mut requests = 0;
            let mut position: Option<RoutePosition> = None;
            loop {
                let page = store
                    .list_route_stats(&filter, position.as_ref(), limit)
                    .await
                    .unwrap();
                let Some(last) = page.last() else { break };
                position = Some(RoutePosition {
                    time: last.time,
                    route: last.route.clone(),
                    method: last.method.clone(),
                    host: last.host.clone(),
                    label: None,
                });
                requests += page.iter().map(|row| row.stats.requests).sum::<u64>();
                seen.extend(
                    page.into_iter()
                        .map(|row| (std::cmp::Reverse(row.time), row.route, row.method)),
                );
                if limit == 1 && seen.len() > 50 {
                    break;
                }
            }
            assert!(seen.is_sorted(), "limit {limit}");
            if limit > 1 {
                assert_eq!((seen.len(), requests), (groups, 1_200), "limit {limit}");
                seen.dedup();
                assert_eq!(seen.len(), groups, "limit {limit}");
            }
        }
    }
}

async fn a_host_filter_takes_ids_and_names(database: Database) {
    let store = database.store().await;
    let (one, two) = (host("h1", "one"), host("h2", "two"));
    for host in [&one, &two] {
        write(
            &store,
            host,
            &[bucket(host, 0, RequestMethod::Get, "/a", &[600])],
        )
        .await;
    }
    for (name, hosts) in [("h1", 1), ("two", 1), ("none", 0)] {
        let named = [name.to_owned()];
        let found = store.select_hosts(Some(&named), &[], None, 10).await;
        let found = found.unwrap();
        let filter = StatsFilter {
            hosts: Some(found.into_iter().map(|host| host.id).collect()),
            ..all()
        };
        let totals = store.list_totals(&filter, NEWEST).await.unwrap();
        let requests: i64 = totals.iter().map(|row| row.requests).sum();
        let errors: i64 = totals.iter().map(|row| row.errors).sum();
        assert_eq!((requests, errors), (hosts, hosts), "{name}");
        let rows = store.list_route_stats(&filter, None, 10).await.unwrap();
        assert_eq!(i64::try_from(rows.len()), Ok(hosts), "{name}");
        let statuses = store
            .list_status_counts(&filter, None, NEWEST)
            .await
            .unwrap();
        assert_eq!(i64::try_from(statuses.len()), Ok(hosts), "{name}");
    }
}

async fn hosts_are_listed_by_name_and_keep_their_first_day(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let mut one = host("h2", "alpha");
    one.facts = Some((START, HostFacts::default()));
    one.sample = Some((START, "{\"load\":1}".to_owned()));
    write(&store, &one, &[]).await;
    write(&store, &host("h1", "beta"), &[]).await;
    write(&store, &host("h0", "alpha"), &[]).await;
    clock.advance(Duration::from_hours(1));
    (one.facts, one.sample) = (None, None);
    write(&store, &one, &[]).await;

    let hosts = store.list_hosts(None, 10).await.unwrap();
    let ids: Vec<&str> = hosts.iter().map(|host| host.id.as_str()).collect();
    assert_eq!(ids, ["h0", "h2", "h1"]);
    assert_eq!(hosts[1].first_seen, after(0));
    assert_eq!(hosts[1].last_seen, after(60));
    assert!(hosts[1].facts.is_some() && hosts[0].facts.is_none());
    let sql = "select count(*) from hosts where sample = '{\"load\":1}' and id = 'h2'";
    assert_eq!(database.direct().await.number(sql).await, 1);
    assert_eq!(hosts[1].labels["role"], "web");
    let rest = store.list_hosts(Some(("alpha", "h0")), 1).await.unwrap();
    assert_eq!(rest[0].id, "h2");
}

async fn minutes_of_series_are_summed_up_to_hours_and_days(database: Database) {
    let store = database.store().await;
    let (one, two) = (host("h1", "one"), host("h2", "two"));
    let sample = |minute: u64, labels: &str, mean: f64| HostSample {
        name: "filesystem.used_bytes".to_owned(),
        labels: labels.to_owned(),
        time: after(minute),
        samples: 30,
        mean,
        max: mean * 2.0,
    };
    // START is at eight in the morning.
    let samples = [
        sample(0, "{a=\"1\"}", 1.0),
        sample(59, "{a=\"1\"}", 3.0),
        sample(60, "{a=\"1\"}", 8.0),
        sample(0, "{a=\"2\"}", 7.0),
    ];
    for _ in 0..2 {
        store
            .flush(Batch {
                host: &one,
                buckets: &[],
                samples: &samples,
            })
            .await
            .unwrap();
    }
    // After a restart the same hour goes on.
    let late = [sample(30, "{a=\"1\"}", 5.0)];
    store
        .flush(Batch {
            host: &one,
            buckets: &[],
            samples: &late,
        })
        .await
        .unwrap();
    store
        .flush(Batch {
            host: &two,
            buckets: &[],
            samples: &late,
        })
        .await
        .unwrap();

    let read = async |resolution: Resolution| {
        let filter = SampleFilter {
            resolution,
            hosts: vec!["h1".to_owned()],
            name: "filesystem.used_bytes".to_owned(),
            labels: None,
            from: Timestamp::from_millis(0),
            to: after(1_000_000),
        };
        let step = resolution.length().as_secs();
        let rows = store.list_host_samples(&filter, step, 1_000).await.unwrap();
        let rows = rows
            .into_iter()
            .map(|row| (row.labels, row.time, row.samples, row.mean, row.max));
        rows.collect::<Vec<_>>()
    };
    let first = || Arc::<str>::from("{a=\"1\"}");
    let second = || Arc::<str>::from("{a=\"2\"}");
    assert_eq!(read(Resolution::Minute).await.len(), 5);
    assert_eq!(
        read(Resolution::Hour).await,
        [
            (first(), after(0), 90, 3.0, 10.0),
            (first(), after(60), 30, 8.0, 16.0),
            (second(), after(0), 30, 7.0, 14.0),
        ]
    );
    let day = Resolution::Day.start_of(START);
    assert_eq!(
        read(Resolution::Day).await,
        [
            (first(), day, 120, 4.25, 16.0),
            (second(), day, 30, 7.0, 14.0)
        ]
    );
}

async fn thousands_of_rows_are_one_transaction(database: Database) {
    let store = database.store().await;
    let host = host("h1", "one");
    let buckets: Vec<RequestBucket> = (0..2_501)
        .map(|minute| bucket(&host, minute, RequestMethod::Get, "/a", &[1, 600]))
        .collect();
    write(&store, &host, &buckets).await;
    let mut direct = database.direct().await;
    assert_eq!(
        direct.number("select count(*) from request_stats").await,
        2_501
    );
    assert_eq!(
        direct.number("select count(*) from request_status").await,
        5_002
    );
}

async fn pages_far_from_the_end_are_those_of_the_whole_list(database: Database) {
    let store = database.store().await;
    let host = host("h1", "one");
    // Five days of minutes with gaps, two routes and two statuses each.
    let minutes: Vec<u64> = (0..5 * 1_440).filter(|minute| minute % 7 > 0).collect();
    for some in minutes.chunks(2_000) {
        let buckets: Vec<RequestBucket> = some
            .iter()
            .flat_map(|minute| {
                ["/a", "/b"]
                    .map(|route| bucket(&host, *minute, RequestMethod::Get, route, &[1, 600]))
            })
            .collect();
        write(&store, &host, &buckets).await;
    }
    let filter = all();
    for newest_first in [true, false] {
        let mut times: Vec<Timestamp> = minutes.iter().map(|minute| after(*minute)).collect();
        if newest_first {
            times.reverse();
        }
        for offset in [5_500_usize, 6_100, times.len() - 3, times.len()] {
            let span = Span {
                limit: 10,
                offset: i64::try_from(offset).unwrap(),
                newest_first,
            };
            let rows = store.list_totals(&filter, span).await.unwrap();
            let found: Vec<Timestamp> = rows.iter().map(|row| row.time).collect();
            assert_eq!(
                found,
                times[offset..times.len().min(offset + 10)],
                "{offset}"
            );
            let groups = Span {
                offset: i64::try_from(4 * offset).unwrap() + 1,
                ..span
            };
            let rows = store
                .list_status_counts(&filter, None, groups)
                .await
                .unwrap();
            let found: Vec<_> = rows
                .iter()
                .map(|row| (row.time, row.route.as_str(), row.status))
                .collect();
            let expected = times.iter().flat_map(|time| {
                [("/a", 200), ("/a", 503), ("/b", 200), ("/b", 503)]
                    .map(|(route, status)| (*time, route, status))
            });
            let expected: Vec<_> = expected.skip(4 * offset + 1).take(10).collect();
            assert_eq!(found, expected, "{offset}");
            let only = Span {
                offset: i64::try_from(2 * offset).unwrap(),
                ..span
            };
            let rows = store
                .list_status_counts(&filter, Some(503), only)
                .await
                .unwrap();
            assert!(rows.iter().all(|row| row.status == 503));
            assert_eq!(rows.first().map(|row| row.time), times.get(offset).copied());
        }
    }
}
