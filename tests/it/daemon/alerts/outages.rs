//! The database is away.

use std::time::Duration;

use linux_api_wire::audit::Actor;

use super::*;

on_both_engines!(
    a_database_that_was_away_makes_no_host_look_down,
    what_happens_without_the_database_is_sent_with_its_time,
);

async fn a_database_that_was_away_makes_no_host_look_down(database: Database) {
    let (receiver, clock) = (Receiver::start().await, clock());
    let store = open(&database, &clock).await;
    let names = || (0..200).map(|number| format!("node-{number:03}"));
    let mut daemon = Daemon::start(&store, &clock, "web-01", &receiver);
    seen(&store, names()).await;
    daemon.turns(Duration::from_mins(1)).await;
    away(&store);
    daemon.turns(Duration::from_mins(10)).await;
    // Only that the database is away was sent, once, and by the one that sends for all.
    assert_eq!(kinds(&receiver.all()), ["firing"]);
    let only = &receiver.all()[0].alerts()[0];
    assert_eq!(
        (&only["rule"], &only["labels"]["part"]),
        (&"linux_api".into(), &"database".into())
    );
    store.set_availability(Availability::Ready);
    daemon.turn().await;
    daemon.turn().await;
    // Within half a minute each host has written.
    seen(&store, names()).await;
    for _ in 0..20 {
        daemon.turns(Duration::from_secs(30)).await;
        seen(&store, names()).await;
    }
    assert_eq!(kinds(&receiver.all()), ["firing", "resolved"]);
    assert_eq!(receiver.all()[1].alerts()[0]["rule"], "linux_api");
}

async fn what_happens_without_the_database_is_sent_with_its_time(database: Database) {
    let (receiver, clock) = (Receiver::start().await, clock());
    let store = open(&database, &clock).await;
    let mut daemon = Daemon::start(&store, &clock, "web-01", &receiver);
    daemon.turns(Duration::from_secs(30)).await;
    away(&store);
    daemon.disks.set("/", 90.0);
    daemon.turns(Duration::from_secs(90)).await;
    assert_eq!(daemon.alerts.health().waiting, 1);
    let fired = daemon
        .alerts
        .own_states()
        .values()
        .next()
        .unwrap()
        .fired_at()
        .unwrap();
    // The daemon is killed as well; the file has it.
    daemon.restart();
    daemon.turns(Duration::from_mins(2)).await;
    assert_eq!(daemon.alerts.health().waiting, 1);
    store.set_availability(Availability::Ready);
    daemon.turns(Duration::from_mins(5)).await;
    let requests = receiver.all();
    assert_eq!(kinds(&requests), ["firing"]);
    let time = requests[0].alerts()[0]["time"]
        .as_str()
        .unwrap()
        .parse::<Timestamp>();
    assert_eq!(time.unwrap(), fired);
    assert!(
        !daemon
            .folder
            .path()
            .join("state/alerts-spool.json")
            .exists()
    );
    daemon.disks.set("/", 50.0);
    daemon.turns(Duration::from_mins(15)).await;
    assert_eq!(kinds(&receiver.all()), ["firing", "resolved"]);
}

#[tokio::test]
async fn a_start_without_the_database_does_not_fire_again_what_is_stored() {
    let (receiver, database, clock) = (Receiver::start().await, Database::sqlite(), clock());
    let store = open(&database, &clock).await;
    let mut daemon = Daemon::start(&store, &clock, "web-01", &receiver);
    daemon.disks.set("/", 90.0);
    daemon.turns(Duration::from_mins(3)).await;
    assert_eq!(kinds(&receiver.all()), ["firing"]);
    away(&store);
    let state = daemon.folder.path().join("state");
    let _ = std::fs::remove_dir_all(&state);
    daemon.restart();
    daemon.turns(Duration::from_mins(2)).await;
    // As when it was killed before anything was written beside the database.
    let _ = std::fs::remove_file(state.join("alerts-spool.json"));
    store.set_availability(Availability::Ready);
    daemon.turns(Duration::from_mins(10)).await;
    assert_eq!(kinds(&receiver.all()), ["firing"]);
}

#[tokio::test]
async fn a_rule_of_the_database_counts_while_the_database_is_away() {
    let (receiver, database, clock) = (Receiver::start().await, Database::sqlite(), clock());
    let store = open(&database, &clock).await;
    let mut daemon = Daemon::start(&store, &clock, "web-01", &receiver);
    let rule = "name = \"stored\"\ncheck = \"disk_space\"\nwarning = 60\nfor = \"0s\"
        labels = { mount_point = \"/data\" }";
    let definition = toml::from_str(rule).unwrap();
    let name = "stored".parse().unwrap();
    store
        .put_alert_rule(&Actor::system(), &name, &definition)
        .await
        .unwrap();
    daemon.disks.set("/data", 70.0);
    daemon.turns(Duration::from_mins(2)).await;
    assert_eq!(kinds(&receiver.all()), ["firing"]);
    away(&store);
    daemon.restart();
    daemon.turns(Duration::from_mins(2)).await;
    let states = daemon.alerts.own_states();
    assert_eq!(states.keys().next().unwrap().rule.as_str(), "stored");
    store.set_availability(Availability::Ready);
    daemon.turns(Duration::from_mins(5)).await;
    assert_eq!(kinds(&receiver.all()), ["firing"]);
    store
        .delete_alert_rule(&Actor::system(), &name)
        .await
        .unwrap();
    daemon.alerts.note_rules_changed();
    daemon.turns(Duration::from_mins(6)).await;
    assert_eq!(kinds(&receiver.all()), ["firing", "ended"]);
}
