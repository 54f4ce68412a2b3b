//! Peers, the heartbeat, and rules that change.

use std::time::Duration;

use linux_api_config as config;
use linux_api_config::{Channels, Element as _, List, Network};
use linux_api_daemon::alerts::heartbeat::Heartbeat;

use super::*;

/// A daemon whose settings come from a configuration.
async fn configured(
    receiver: &Receiver,
    change: impl FnOnce(&Path, &mut config::Alerts),
) -> (Daemon, Database) {
    let (database, clock) = (Database::sqlite(), clock());
    let store = open(&database, &clock).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut options = config::Alerts {
        rules_dir: settings(path, Vec::new()).rules_dir,
        channels: Channels(vec![generic(path, "ops", &receiver.url)]),
        networks: List(vec![Network::read("127.0.0.0/8").unwrap()]),
        ..config::Alerts::default()
    };
    change(path, &mut options);
    let settings = Settings::new(&options).unwrap();
    (
        Daemon::with(&store, &clock, "web-01", folder, settings),
        database,
    )
}

#[tokio::test]
async fn a_peer_that_does_not_respond_is_a_host_that_is_down() {
    let (receiver, peer) = (Receiver::start().await, Receiver::start().await);
    let address = peer
        .url
        .strip_suffix("/hook/secret-path")
        .unwrap()
        .to_owned();
    let name = address.strip_prefix("http://").unwrap().to_owned();
    let (mut daemon, _database) =
        configured(&receiver, |_, options| options.peers = vec![address]).await;
    daemon.turns(Duration::from_mins(5)).await;
    assert!(peer.all().len() >= 9, "{}", peer.all().len());
    assert_eq!(receiver.all().len(), 0);
    peer.respond_with(503);
    daemon.turns(Duration::from_mins(4)).await;
    assert_eq!(kinds(&receiver.all()), ["firing"]);
    let alert = &receiver.all()[0].alerts()[0];
    assert_eq!(
        (&alert["rule"], &alert["host"]),
        (&"host_down".into(), &name.into())
    );
    // Another start knows that it was down, and waits for it to respond.
    daemon.restart();
    daemon.turns(Duration::from_mins(6)).await;
    assert_eq!(kinds(&receiver.all()), ["firing"]);
    peer.respond_with(204);
    daemon.turns(Duration::from_mins(8)).await;
    assert_eq!(kinds(&receiver.all()), ["firing", "resolved"]);
}

#[tokio::test]
async fn the_heartbeat_stops_when_nothing_is_judged_or_the_database_stays_away() {
    let (receiver, watcher) = (Receiver::start().await, Receiver::start().await);
    let (mut daemon, _database) = configured(&receiver, |path, options| {
        let file = path.join("heartbeat");
        std::fs::write(&file, format!("{}\n", watcher.url)).unwrap();
        options.heartbeat_file = Some(file);
    })
    .await;
    let mut heartbeat = Heartbeat::new(daemon.alerts.clone());
    heartbeat.turn().await;
    assert_eq!(watcher.all().len(), 0);
    daemon.turn().await;
    heartbeat.turn().await;
    assert_eq!(watcher.all().len(), 1);
    // Nothing is judged for a minute.
    daemon.clock.advance(Duration::from_mins(1));
    heartbeat.turn().await;
    assert_eq!(watcher.all().len(), 1);
    away(&daemon.store);
    for _ in 0..8 {
        daemon.turns(Duration::from_mins(1)).await;
        heartbeat.turn().await;
    }
    assert_eq!(watcher.all().len(), 6);
}

#[tokio::test]
async fn rules_of_files_count_from_the_next_evaluation_on() {
    let receiver = Receiver::start().await;
    let (mut daemon, _database) = configured(&receiver, |_, _| {}).await;
    daemon.disks.set("/", 90.0);
    daemon.turns(Duration::from_mins(2)).await;
    assert_eq!(kinds(&receiver.all()), ["firing"]);
    let file = daemon.folder.path().join("alerts.d/own.toml");
    let higher = RULE.replace("at = 85, clear = 80", "at = 95, clear = 93");
    std::fs::write(
        &file,
        format!("{higher}\n[[rule]]\nname = \"Bad\"\ncheck = \"disk_space\"\nwarning = 90\n"),
    )
    .unwrap();
    daemon.turn().await;
    let problems = daemon.alerts.health().rule_problems;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("own.toml: line "), "{problems:?}");
    daemon.turns(Duration::from_mins(12)).await;
    assert_eq!(kinds(&receiver.all()), ["firing", "resolved"]);
    // Without the file the stock rule counts for `/` again.
    std::fs::remove_file(&file).unwrap();
    daemon.turns(Duration::from_mins(7)).await;
    let states = daemon.alerts.own_states();
    let rules: Vec<&str> = states.keys().map(|key| key.rule.as_str()).collect();
    assert_eq!(rules, ["disk_space"]);
}
