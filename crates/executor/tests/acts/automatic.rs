//! Acts of rules of alerts: what the executor refuses and counts, whatever the daemon says.

use std::time::Duration;

use linux_api_acts::protocol::{Effect, Outcome, Refusal, RefusalCode, Request};
use linux_api_wire::time::{Clock, ManualClock, Timestamp};

use super::bus::{FakeUnit, unit};
use super::support::{Sleeper, refusal, request, verb};
use super::units::Stage;

const OPEN: &str =
    "automatic = true\nunits.allow = [\"*\"]\nunits.protect = [\"app-db.service\"]\n";

fn words(request: &mut Request, name: &str, role: Option<&str>) {
    request.actor.name = name.to_owned().try_into().unwrap();
    request.actor.role = role.map(|role| role.to_owned().try_into().unwrap());
    (request.actor.key, request.actor.address) = (None, None);
}

/// What the daemon sends for the rule `web`.
fn automatic(json: &str) -> Request {
    let mut request = request(verb(json));
    request.automatic = true;
    words(&mut request, "alert:web", Some("automatic"));
    request
}

fn restart(unit: &str) -> Request {
    automatic(&format!(r#"{{"unit.restart":{{"unit":"{unit}"}}}}"#))
}

async fn stage(policy: &str, units: Vec<FakeUnit>) -> Option<Stage> {
    Stage::new(policy, units).await
}

async fn refused(stage: &Stage, request: Request) -> Refusal {
    // A test decides the same.
    let tested = stage.running.client.test(request.clone()).await.unwrap();
    let acted = refusal(stage.running.client.act(request).await.unwrap().outcome);
    if acted.code != RefusalCode::Rate {
        assert_eq!(refusal(tested), acted);
    }
    assert_eq!(restarts(stage), 0);
    acted
}

async fn done(stage: &Stage, request: Request) {
    let outcome = stage.running.client.act(request).await.unwrap().outcome;
    assert!(
        matches!(outcome, Outcome::Done(Effect::Unit { .. })),
        "{outcome:?}"
    );
}

fn restarts(stage: &Stage) -> usize {
    let calls = stage.systemd.calls();
    let changes = calls.iter().filter(|call| call.contains(" replace"));
    changes.count()
}

#[tokio::test]
async fn a_fourth_act_in_an_hour_is_refused_over_restarts_and_whatever_the_clock_shows() {
    let units = vec![unit("a.service"), unit("b.service")];
    let Some(mut stage) = stage(OPEN, units).await else {
        return;
    };
    let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
    stage.place.clock = clock.clock();
    let restart = |unit: &str, clock: &Clock| {
        let mut request = restart(unit);
        request.not_after = clock.now().saturating_add(Duration::from_secs(30));
        request
    };
    let mut stage = stage.restarted().await;
    for unit in ["a.service", "b.service"] {
        done(&stage, restart(unit, &stage.place.clock)).await;
    }
    // The same request again is no other act.
    let third = restart("a.service", &stage.place.clock);
    done(&stage, third.clone()).await;
    assert!(stage.running.client.act(third).await.unwrap().replayed);
    assert_eq!(restarts(&stage), 3);
    for ahead in [0, 59, 24 * 60, 400 * 24 * 60] {
        clock.advance(Duration::from_mins(ahead));
        stage = stage.restarted().await;
        // A daemon that lies about the rule or the unit gets no more.
        for unit in ["a.service", "b.service"] {
            let mut fourth = restart(unit, &stage.place.clock);
            words(&mut fourth, "alert:other", Some("automatic"));
            let found = refused(&stage, fourth).await;
            assert_eq!(found.code, RefusalCode::Rate, "{found:?}");
            assert!(
                found.message.contains("3 automatic acts in an hour"),
                "{found:?}"
            );
            assert!(
                found.retry_after.is_some_and(|wait| wait > 3_000),
                "{found:?}"
            );
        }
    }
    let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
    stage.place.clock = clock.clock();
    stage = stage.restarted().await;
    let back = refused(&stage, restart("a.service", &stage.place.clock)).await;
    assert_eq!(back.code, RefusalCode::Rate);
    // People are not kept from it.
    let mut person = request(verb(r#"{"unit.restart":{"unit":"a.service"}}"#));
    person.not_after = clock.clock().now().saturating_add(Duration::from_secs(30));
    done(&stage, person).await;
    let lines = stage.place.lines("act");
    let counted = lines
        .iter()
        .filter(|line| line["automatic"]["uptime"].is_u64());
    assert_eq!((lines.len(), counted.count()), (4, 3));
}

#[tokio::test]
async fn an_hour_of_the_host_makes_acts_possible_again() {
    let Some(mut stage) = stage(OPEN, vec![unit("a.service")]).await else {
        return;
    };
    let kernel = stage.place.path("proc/sys/kernel/random");
    std::fs::create_dir_all(&kernel).unwrap();
    std::fs::write(kernel.join("boot_id"), "first\n").unwrap();
    let uptime = stage.place.path("proc/uptime");
    stage.place.procfs = stage.place.path("proc");
    let mut stage = stage.restarted().await;
    // What can't be counted is not done.
    let uncounted = stage
        .running
        .client
        .act(restart("a.service"))
        .await
        .unwrap();
    assert_eq!(refusal(uncounted.outcome).code, RefusalCode::Log);
    for seconds in [1_000, 1_100, 1_200] {
        std::fs::write(&uptime, format!("{seconds}.50 1.00\n")).unwrap();
        done(&stage, restart("a.service")).await;
        stage = stage.restarted().await;
    }
    std::fs::write(&uptime, "4599.99 1.00\n").unwrap();
    let early = stage
        .running
        .client
        .act(restart("a.service"))
        .await
        .unwrap();
    assert_eq!(refusal(early.outcome).retry_after, Some(2));
    std::fs::write(&uptime, "4600.00 1.00\n").unwrap();
    done(&stage, restart("a.service")).await;
    // A boot forgets none of them.
    std::fs::write(kernel.join("boot_id"), "second\n").unwrap();
    std::fs::write(&uptime, "30.00 1.00\n").unwrap();
    stage = stage.restarted().await;
    let early = stage
        .running
        .client
        .act(restart("a.service"))
        .await
        .unwrap();
    assert_eq!(refusal(early.outcome).code, RefusalCode::Rate);
}

#[tokio::test]
async fn nothing_but_a_restart_of_an_allowed_unit_is_automatic() {
    let mut web = unit("web.service");
    web.required_by = vec!["sshd.service".to_owned()];
    let units = [
        "a.service",
        "app-db.service",
        "sshd.service",
        "postgresql.service",
    ];
    let mut units: Vec<FakeUnit> = units.map(unit).into();
    units.push(web);
    let Some(stage) = stage(OPEN, units).await else {
        return;
    };
    for name in [
        "start",
        "stop",
        "reload",
        "reset-failed",
        "enable",
        "disable",
    ] {
        let request = automatic(&format!(r#"{{"unit.{name}":{{"unit":"a.service"}}}}"#));
        let found = refused(&stage, request).await;
        assert_eq!(
            found.rule.as_deref(),
            Some("built in: only unit.restart is automatic")
        );
    }
    let limits = r#"{"unit.limits":{"unit":"a.service","memory_max":1073741824}}"#;
    assert_eq!(
        refused(&stage, automatic(limits)).await.code,
        RefusalCode::Policy
    );
    let mut sleeper = Sleeper::start();
    let mut kill = automatic(limits);
    kill.verb = sleeper.verb("KILL");
    assert_eq!(refused(&stage, kill).await.code, RefusalCode::Policy);
    assert!(sleeper.lives());
    // Protected by the policy, built in, and by what would be restarted with it.
    for unit in [
        "app-db.service",
        "systemd-logind.service",
        "linux-api.service",
        "sshd.service",
        "postgresql.service",
        "web.service",
    ] {
        let found = refused(&stage, restart(unit)).await;
        assert!(found.message.contains("protected"), "{unit}: {found:?}");
    }
    // There is no verb for power, and no such unit.
    for json in [
        r#"{"power.reboot":{}}"#,
        r#"{"unit.restart":{"unit":"reboot.target"}}"#,
    ] {
        assert!(serde_json::from_str::<linux_api_acts::protocol::Verb>(json).is_err());
    }
    done(&stage, restart("a.service")).await;
}

#[tokio::test]
async fn without_automatic_nothing_is_and_units_must_be_allowed_besides() {
    let shut = [
        ("units.allow = [\"*\"]", "there is no automatic = true"),
        (
            "automatic = false\nunits.allow = [\"*\"]",
            ":1: automatic = false",
        ),
        (
            "automatic = true\nunits.allow = [\"b.service\"]",
            "no pattern of units.allow matches",
        ),
        (
            "automatic = true\nunits.allow = [\"*\"]\nunits.verbs = [\"start\"]",
            "units.verbs",
        ),
    ];
    let Some(stage) = stage("", vec![unit("a.service")]).await else {
        return;
    };
    for (policy, rule) in shut {
        stage.place.write_policy(policy);
        let found = refused(&stage, restart("a.service")).await;
        assert_eq!(found.code, RefusalCode::Policy);
        assert!(found.rule.as_ref().unwrap().contains(rule), "{found:?}");
        assert!(found.remedy.is_some(), "{found:?}");
    }
    stage
        .place
        .write_policy("automatic = \"yes\"\nunits.allow = [\"*\"]");
    assert_eq!(
        refused(&stage, restart("a.service")).await.code,
        RefusalCode::Closed
    );
    stage
        .place
        .write_policy("automatic = true\nunits.allow = [\"*\"]");
    done(&stage, restart("a.service")).await;
}

#[tokio::test]
async fn no_one_gets_around_actors_as_a_rule_nor_a_rule_as_a_person() {
    let narrow = |actors: &str| format!("actors = [{actors}]\n{OPEN}");
    let Some(stage) = stage(
        &narrow("\"alice\", \"role:admin\""),
        vec![unit("a.service")],
    )
    .await
    else {
        return;
    };
    // A rule is none of those who are named.
    let found = refused(&stage, restart("a.service")).await;
    assert_eq!(found.code, RefusalCode::Policy);
    assert!(
        found
            .message
            .contains("alert:web (role automatic) is not in actors"),
        "{found:?}"
    );
    // Who says it is automatic is a rule, and who says it is a rule is automatic.
    let mut bob = restart("a.service");
    words(&mut bob, "bob", Some("operator"));
    assert_eq!(
        refused(&stage, bob.clone()).await.code,
        RefusalCode::Invalid
    );
    bob.automatic = false;
    assert_eq!(refused(&stage, bob).await.code, RefusalCode::Policy);
    for (name, role) in [
        ("alert:web", Some("admin")),
        ("alice", Some("automatic")),
        ("alert:web", None),
    ] {
        let mut person = restart("a.service");
        words(&mut person, name, role);
        person.automatic = false;
        assert_eq!(refused(&stage, person).await.code, RefusalCode::Invalid);
    }
    for actors in ["\"role:automatic\"", "\"alert:web\""] {
        stage.place.write_policy(&narrow(actors));
        done(&stage, restart("a.service")).await;
        assert_eq!(restarts(&stage), 1);
    }
    stage.place.write_policy(&narrow("\"alert:other\""));
    assert_eq!(
        refused(&stage, restart("a.service")).await.code,
        RefusalCode::Policy
    );
}
