//! Units that are restarted because a rule fires: a real executor with its policy and log, and a fake systemd.

use std::time::Duration;

use linux_api_alerts::brake::ActResult;
use linux_api_alerts::silence::{Matchers, Silence};
use linux_api_wire::audit::Actor;
use uuid::Uuid;

use super::stage::{NGINX, OPEN, Stage};
use super::*;

on_both_engines!(
    a_unit_that_fails_again_is_restarted_three_times_and_given_up,
    a_unit_that_was_helped_is_said_to_run_and_counts_for_an_hour,
    what_the_host_does_not_allow_is_said_once,
    a_silence_and_a_person_keep_a_rule_from_acting,
    without_the_database_no_act_is_forgotten,
);

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    expected.iter().map(owned).collect()
}

async fn a_unit_that_fails_again_is_restarted_three_times_and_given_up(database: Database) {
    let Some(mut stage) = Stage::new(&database, OPEN).await else {
        return;
    };
    stage.failing.set(&[NGINX, "other.service"]);
    let mut restarts = 0;
    // A minute, and then after each three minutes in which it did not get well; with other processes all the time.
    for (minutes, most) in [(2, 1), (2, 1), (3, 2), (3, 3), (2, 3)] {
        stage.minutes(minutes).await;
        restarts += stage.restarts();
        assert_eq!(restarts, most);
        stage.restart();
        stage.start_executor().await;
    }
    stage.minutes(62).await;
    assert_eq!(
        stage.restarts(),
        0,
        "no fourth, also when the acts are hours ago"
    );
    let sent = stage.sent();
    let of = |rule: &str| sent.iter().filter(|one| one[0] == rule).collect::<Vec<_>>();
    let failed = "restarted nginx.service: failed again (exit-code 3)";
    assert_eq!(
        of("web_failed"),
        [&["web_failed", "firing", failed].map(str::to_owned)]
    );
    assert_eq!(
        of("gave_up"),
        [&["gave_up", "gave_up", ""].map(str::to_owned)]
    );
    // The stock rule restarts nothing.
    assert_eq!(of("unit_failed").len(), 1);
    let mut all = stage
        .receiver
        .all()
        .into_iter()
        .flat_map(|one| one.alerts());
    let gave_up = all.find(|one| one["rule"] == "gave_up").unwrap();
    assert_eq!(gave_up["after"], "critical");
    assert_eq!(
        gave_up["text"],
        "3 restarts in an hour did not help: nginx.service"
    );
    let context = gave_up["context"].as_array().unwrap();
    assert_eq!(context.len(), 3);
    assert!(
        context[0]
            .as_str()
            .unwrap()
            .ends_with(&format!("web_failed: {failed}")),
        "{context:?}"
    );
    let row = ("alert:web_failed", "begun");
    let end = ("alert:web_failed", "failed");
    assert_eq!(stage.audit().await, pairs(&[row, end, row, end, row, end]));
    let health = stage.alerts.health();
    assert!(health.gave_up, "{health:?}");

    // An hour after it fires no more, acts are possible again.
    stage.failing.set(&[]);
    stage.minutes(50).await;
    assert!(stage.alerts.health().gave_up);
    stage.restart();
    stage.minutes(20).await;
    assert!(!stage.alerts.health().gave_up);
    assert_eq!(
        stage.kinds().last().unwrap(),
        &("gave_up".to_owned(), "resolved".to_owned())
    );
    stage.failing.set(&[NGINX]);
    stage.minutes(2).await;
    assert_eq!(stage.restarts(), 1);
}

async fn a_unit_that_was_helped_is_said_to_run_and_counts_for_an_hour(database: Database) {
    let Some(mut stage) = Stage::new(&database, OPEN).await else {
        return;
    };
    stage.systemd.change(NGINX, |unit| {
        (unit.job, unit.active, unit.sub) = ("done", "active", "running");
    });
    let text = "restarted nginx.service: running again";
    for number in 1..=3 {
        stage.failing.set(&[NGINX]);
        stage.turns(Duration::from_secs(80)).await;
        assert_eq!(stage.restarts(), 1);
        stage.failing.set(&[]);
        // Not as often as what flaps.
        stage.turns(Duration::from_secs(880)).await;
        let sent = stage.sent();
        assert_eq!(sent.len(), 2 * number, "{sent:?}");
        for (one, kind) in sent[2 * number - 2..].iter().zip(["firing", "resolved"]) {
            assert_eq!(*one, ["web_failed", kind, text].map(str::to_owned));
        }
    }
    stage.failing.set(&[NGINX]);
    stage.minutes(4).await;
    assert_eq!(stage.restarts(), 0);
    assert!(stage.alerts.health().gave_up);
    // An operator looked, and this daemon requests a fourth: the executor counts by itself.
    let actor = Actor::local(0, "olga".to_owned());
    let released = stage
        .store
        .release_alert_brake(&actor, &stage.host.id)
        .await;
    assert_eq!(released.unwrap().gave_up(), None);
    stage.minutes(10).await;
    assert_eq!(stage.restarts(), 0);
    let health = stage.alerts.health();
    assert!(!health.gave_up);
    assert_eq!(health.automatic_acts.get(&ActResult::Refused), Some(&1));
    assert_eq!(health.automatic_acts.get(&ActResult::Done), Some(&3));
    let resolved = ("gave_up".to_owned(), "resolved".to_owned());
    assert!(stage.kinds().contains(&resolved), "{:?}", stage.kinds());
    let brake = stage.store.alert_brake(&stage.host.id).await.unwrap();
    let last = brake.acts().last().unwrap().text();
    assert!(
        last.as_str().contains("3 automatic acts in an hour"),
        "{last}"
    );
    // Its hour is over.
    stage.minutes(8).await;
    assert_eq!(stage.restarts(), 1);
}

async fn what_the_host_does_not_allow_is_said_once(database: Database) {
    let shut = "units.allow = [\"nginx.service\"]\n";
    let Some(mut stage) = Stage::new(&database, shut).await else {
        return;
    };
    stage.failing.set(&[NGINX]);
    stage.minutes(40).await;
    stage.restart();
    stage.minutes(40).await;
    let sent = stage.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let [rule, kind, act] = &sent[0];
    assert_eq!((&**rule, &**kind), ("web_failed", "firing"));
    assert!(
        act.starts_with("nginx.service is not restarted: automatic acts are not allowed"),
        "{act}"
    );
    assert!(
        act.ends_with("to change that: sudo linux-api policy allow --automatic"),
        "{act}"
    );
    // No storm in the logs: it was only tested.
    let log = std::fs::read_to_string(stage.folder.path().join("acts.jsonl")).unwrap_or_default();
    assert!(!log.contains("\"event\":\"act\""), "{log}");
    assert_eq!(stage.audit().await, []);
    assert!(!stage.alerts.health().gave_up);
    // Protected, though it is allowed.
    let path = stage.folder.path().join("policy.toml");
    let protected = format!("{OPEN}units.protect = [\"nginx*\"]\n");
    std::fs::write(&path, protected).unwrap();
    stage.minutes(10).await;
    assert_eq!(stage.restarts(), 0);
    // It still fires, and the host allows it now.
    std::fs::write(&path, OPEN).unwrap();
    stage.minutes(3).await;
    assert_eq!(stage.restarts(), 1);
    // And no more: what a person needs the policy for, too.
    std::fs::write(&path, "").unwrap();
    stage.minutes(30).await;
    assert_eq!(stage.restarts(), 0);
}

async fn a_silence_and_a_person_keep_a_rule_from_acting(database: Database) {
    let Some(mut stage) = Stage::new(&database, OPEN).await else {
        return;
    };
    let actor = Actor::local(0, "olga".to_owned());
    let now = stage.clock.clock().now();
    let silence = Silence {
        id: Uuid::new_v4(),
        matchers: Matchers {
            rule: Some("web_*".into()),
            ..Matchers::default()
        },
        from: now,
        until: Some(now.saturating_add(Duration::from_mins(20))),
        weekly: None,
        comment: String::new(),
        created_by: "olga".to_owned(),
    };
    stage.store.add_silence(&actor, &silence).await.unwrap();
    stage.failing.set(&[NGINX]);
    stage.minutes(19).await;
    assert_eq!(stage.restarts(), 0);
    stage.minutes(3).await;
    assert_eq!(stage.restarts(), 1);
    let states = stage.alerts.own_states();
    let alert = states
        .keys()
        .find(|key| key.rule.as_str() == "web_failed")
        .unwrap()
        .id();
    stage
        .store
        .acknowledge_alert(&actor, alert, "on it")
        .await
        .unwrap();
    stage.minutes(30).await;
    assert_eq!(stage.restarts(), 0);
    // It was well, and fails again: no one has seen that.
    stage.failing.set(&[]);
    stage.minutes(5).await;
    stage.failing.set(&[NGINX]);
    stage.minutes(2).await;
    assert_eq!(stage.restarts(), 1);
    // A rule that is gone restarts nothing.
    std::fs::remove_file(stage.folder.path().join("alerts.d/own.toml")).unwrap();
    stage.minutes(10).await;
    assert_eq!(stage.restarts(), 0);
}

async fn without_the_database_no_act_is_forgotten(database: Database) {
    let Some(mut stage) = Stage::new(&database, OPEN).await else {
        return;
    };
    stage.failing.set(&[NGINX]);
    stage.minutes(2).await;
    assert_eq!(stage.restarts(), 1);
    away(&stage.store);
    stage.minutes(3).await;
    assert_eq!(stage.restarts(), 1);
    // What it knows is in its file.
    stage.restart();
    stage.minutes(3).await;
    assert_eq!(stage.restarts(), 1);
    stage.restart();
    stage.minutes(8).await;
    assert_eq!(stage.restarts(), 0);
    assert!(stage.alerts.health().gave_up);
    stage.store.set_availability(Availability::Ready);
    stage.minutes(10).await;
    assert_eq!(stage.restarts(), 0);
    let brake = stage.store.alert_brake(&stage.host.id).await.unwrap();
    assert_eq!(brake.acts().len(), 3);
    assert!(brake.gave_up().is_some());
    let gave_up = ("gave_up".to_owned(), "gave_up".to_owned());
    let count = stage.kinds().iter().filter(|one| **one == gave_up).count();
    assert_eq!(count, 1, "{:?}", stage.kinds());
}

#[tokio::test]
async fn a_unit_that_runs_again_meanwhile_is_left_alone() {
    let database = Database::sqlite();
    let Some(mut stage) = Stage::new(&database, OPEN).await else {
        return;
    };
    stage.units.failed().await.unwrap();
    assert_eq!(*stage.units.failed_names(), [NGINX.to_owned()]);
    stage.systemd.change(NGINX, |unit| {
        (unit.active, unit.sub) = ("active", "running");
    });
    // The reading is of before, in the turn in which it fires.
    stage.failing.set(&[NGINX]);
    stage.turns(Duration::from_secs(70)).await;
    let states = stage.alerts.own_states();
    assert!(states.values().any(|state| state.fired_at().is_some()));
    assert_eq!(stage.restarts(), 0);
}
