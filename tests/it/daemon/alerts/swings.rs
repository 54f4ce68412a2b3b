//! What is judged on one host, over swings and restarts.

use std::time::Duration;

use super::*;

on_both_engines!(
    a_value_that_swings_is_sent_once_and_resolved_once,
    a_restart_neither_repeats_nor_forgets,
    a_daemon_that_is_killed_at_any_moment_sends_one_firing_and_one_resolved,
);

async fn a_value_that_swings_is_sent_once_and_resolved_once(database: Database) {
    let (receiver, clock) = (Receiver::start().await, clock());
    let store = open(&database, &clock).await;
    let mut daemon = Daemon::start(&store, &clock, "web-01", &receiver);
    for turn in 0..120 {
        daemon
            .disks
            .set("/", if turn % 2 == 0 { 90.0 } else { 84.0 });
        daemon.turn().await;
    }
    daemon.disks.set("/", 50.0);
    daemon.turns(Duration::from_mins(15)).await;
    let requests = receiver.all();
    assert_eq!(kinds(&requests), ["firing", "resolved"]);
    let firing = &requests[0].alerts()[0];
    assert_eq!(firing["rule"], "root_space");
    assert_eq!(firing["host"], "web-01");
    assert_eq!(firing["labels"]["mount_point"], "/");
    assert_eq!(firing["context"][0], "context of DiskGrowth(\"/\")");
    let health = daemon.alerts.health();
    assert!(
        health.can_send && health.leads && health.waiting == 0,
        "{health:?}"
    );
}

async fn a_restart_neither_repeats_nor_forgets(database: Database) {
    let (receiver, clock) = (Receiver::start().await, clock());
    let store = open(&database, &clock).await;
    let mut daemon = Daemon::start(&store, &clock, "web-01", &receiver);
    daemon.disks.set("/", 90.0);
    // Pending for half of its minute, then a restart; what it had waited counts.
    daemon.turns(Duration::from_secs(40)).await;
    daemon.restart();
    daemon.turns(Duration::from_secs(30)).await;
    let states = daemon.alerts.own_states();
    let root = states.values().next().unwrap();
    assert!(root.fired_at().is_some(), "{root:?}");
    // Firing, and its notice not sent yet.
    assert_eq!(kinds(&receiver.all()), [""; 0]);
    daemon.restart();
    daemon.turns(Duration::from_mins(30)).await;
    daemon.restart();
    daemon.disks.set("/", 50.0);
    daemon.turns(Duration::from_mins(3)).await;
    // Clearing.
    daemon.restart();
    daemon.turns(Duration::from_mins(15)).await;
    assert_eq!(kinds(&receiver.all()), ["firing", "resolved"]);
}

/// Drops the work of a turn after a random time, which is what a kill does to transactions and requests.
async fn turn_and_kill(daemon: &mut Daemon) {
    daemon.clock.advance(TURN);
    let random = uuid::Uuid::new_v4().as_u128() % 20_000;
    let time = Duration::from_micros(u64::try_from(random).unwrap());
    if tokio::time::timeout(time, daemon.work()).await.is_err() {
        daemon.restart();
    }
}

async fn a_daemon_that_is_killed_at_any_moment_sends_one_firing_and_one_resolved(
    database: Database,
) {
    let (receiver, clock) = (Receiver::start().await, clock());
    let store = open(&database, &clock).await;
    let mut daemon = Daemon::start(&store, &clock, "web-01", &receiver);
    daemon.disks.set("/", 90.0);
    for _ in 0..90 {
        turn_and_kill(&mut daemon).await;
    }
    daemon.turns(Duration::from_mins(10)).await;
    daemon.disks.set("/", 50.0);
    for _ in 0..90 {
        turn_and_kill(&mut daemon).await;
    }
    daemon.turns(Duration::from_mins(20)).await;
    assert_eq!(kinds(&receiver.all()), ["firing", "resolved"]);
}
