//! Several hosts and several daemons on one database.

use std::time::Duration;

use super::*;

on_both_engines!(
    two_hundred_hosts_that_fail_at_once_are_one_message,
    a_host_that_is_down_holds_back_its_other_alerts,
    another_daemon_sends_when_the_one_that_did_was_killed,
    only_a_daemon_that_can_send_leads_beside_one_that_can_not,
);

fn names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("node-{number:03}"))
}

async fn two_hundred_hosts_that_fail_at_once_are_one_message(database: Database) {
    let (receiver, clock) = (Receiver::start().await, clock());
    let store = open(&database, &clock).await;
    let mut daemon = Daemon::start(&store, &clock, "web-01", &receiver);
    seen(&store, names(200)).await;
    daemon.turns(Duration::from_mins(1)).await;
    seen(&store, names(200)).await;
    daemon.turns(Duration::from_mins(6)).await;
    let requests = receiver.all();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].json()["data"]["total"], 200);
    let text = requests[0].json()["data"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(text.contains("and 180 more, 200 in all"), "{text}");
    // All of them come back.
    for _ in 0..12 {
        seen(&store, names(200)).await;
        daemon.turns(Duration::from_secs(30)).await;
    }
    assert_eq!(receiver.all().len(), 2);
    assert_eq!(receiver.all()[1].json()["data"]["status"], "resolved");
}

async fn a_host_that_is_down_holds_back_its_other_alerts(database: Database) {
    let (receiver, clock) = (Receiver::start().await, clock());
    let store = open(&database, &clock).await;
    let mut leader = Daemon::start(&store, &clock, "web-01", &receiver);
    leader.turn().await;
    let mut other = Daemon::start(&store, &clock, "db-01", &receiver);
    other.disks.set("/", 90.0);
    let down_at = store.clock().now();
    seen(&store, ["db-01".to_owned()].into_iter()).await;
    // It fires on the host just before the host is lost.
    let mut delivered = None;
    for turn in 0..27 {
        clock.advance(TURN);
        if turn < 8 {
            other.evaluator.turn().await;
        }
        leader.work().await;
        if delivered.is_none() && !receiver.all().is_empty() {
            delivered = Some(store.clock().now().since(down_at));
        }
    }
    let requests = receiver.all();
    assert_eq!(kinds(&requests), ["firing"]);
    assert_eq!(requests[0].alerts()[0]["rule"], "host_down");
    let fired = requests[0].alerts()[0]["time"]
        .as_str()
        .unwrap()
        .parse::<Timestamp>();
    let fired = fired.unwrap().since(down_at);
    assert!(fired <= Duration::from_secs(170), "{fired:?}");
    assert!(
        delivered.unwrap() <= Duration::from_secs(210),
        "{delivered:?}"
    );
}

async fn another_daemon_sends_when_the_one_that_did_was_killed(database: Database) {
    let (receiver, clock) = (Receiver::start().await, clock());
    let store = open(&database, &clock).await;
    let mut first = Daemon::start(&store, &clock, "web-01", &receiver);
    first.turn().await;
    assert!(first.alerts.health().leads);
    let second_store = open(&database, &clock).await;
    let mut second = Daemon::start(&second_store, &clock, "web-02", &receiver);
    second.disks.set("/", 90.0);
    second.turn().await;
    assert!(!second.alerts.health().leads);
    drop(first);
    let killed = store.clock().now();
    while !second.alerts.health().leads {
        second.turn().await;
    }
    let taken = store.clock().now().since(killed);
    assert!(taken <= Duration::from_secs(90), "{taken:?}");
    second.turns(Duration::from_mins(2)).await;
    assert_eq!(kinds(&receiver.all()), ["firing"]);
}

async fn only_a_daemon_that_can_send_leads_beside_one_that_can_not(database: Database) {
    let (receiver, clock) = (Receiver::start().await, clock());
    let store = open(&database, &clock).await;
    let folder = tempfile::tempdir().unwrap();
    let without = settings(folder.path(), Vec::new());
    let mut shows = Daemon::with(&store, &clock, "web-01", folder, without);
    shows.disks.set("/", 90.0);
    shows.turns(Duration::from_mins(2)).await;
    // Alone it judges the fleet, and what it finds waits for one that can send.
    assert!(shows.alerts.health().leads);
    let second_store = open(&database, &clock).await;
    let mut sends = Daemon::start(&second_store, &clock, "web-02", &receiver);
    sends.turn().await;
    assert!(sends.alerts.health().leads);
    for _ in 0..6 {
        shows.turn().await;
        sends.work().await;
    }
    assert!(!shows.alerts.health().leads);
    assert!(sends.alerts.health().leads);
    assert_eq!(kinds(&receiver.all()), ["firing"]);
}
