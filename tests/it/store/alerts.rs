//! Alerts in the database: a state is stored with its notice, a notice leaves the queue with its message.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::store::database::Database;
use crate::store::{actor, add_user};
use linux_api_alerts::labels::Labels;
use linux_api_alerts::notice::{Host, InstanceKey, Notice, NoticeKind};
use linux_api_alerts::plan::{Holding, Plan, plan};
use linux_api_alerts::reading::{Measure, Value};
use linux_api_alerts::rules::{Rule, RuleDefinition, RuleSource, compile};
use linux_api_alerts::severity::Severity;
use linux_api_alerts::silence::{Matchers, Silence};
use linux_api_alerts::state::{Moment, Status, Subjected, step};
use linux_api_store::alerts::deliveries::{Attempt, NextStep};
use linux_api_store::alerts::history::NoticeFilter;
use linux_api_store::alerts::outbox::{Outgoing, Planned};
use linux_api_store::alerts::states::{Saved, StateChange, StateFilter, StoredState};
use linux_api_store::audit::AuditFilter;
use linux_api_store::{Refusal, Store, StoreError};
use linux_api_wire::audit::Actor;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;
use uuid::Uuid;

on_every_engine! {
    a_state_is_stored_with_its_notice_and_goes_on_after_a_restart,
    an_evaluation_never_undoes_an_acknowledgement,
    rules_are_made_changed_and_deleted,
    silences_end_and_are_forgotten,
    a_notice_leaves_the_queue_with_its_message,
    only_the_holder_of_the_lease_sends,
    a_delivery_is_tried_until_it_is_taken,
    old_messages_go_and_those_on_their_way_stay,
}

const RULE: &str = "
    name = \"disk\"
    check = \"disk_space\"
    warning = 85
    for = \"0s\"
    keep_firing = \"0s\"";

fn rule() -> Rule {
    compile(toml::from_str(RULE).unwrap(), RuleSource::Stored).unwrap()
}

fn host() -> Host {
    Host {
        id: "h1".to_owned(),
        name: "web-01".to_owned(),
        ..Host::default()
    }
}

fn key(mount_point: &str) -> InstanceKey {
    InstanceKey {
        rule: "disk".parse().unwrap(),
        host: "h1".to_owned(),
        labels: Labels::one("mount_point", mount_point),
    }
}

/// Evaluates one instance and stores what follows, as a daemon does.
async fn evaluate(
    store: &Store,
    mount_point: &str,
    stored: Option<&StoredState>,
    percent: f64,
) -> (Saved, Option<Notice>) {
    let (rule, host, key) = (rule(), host(), key(mount_point));
    let of = Subjected {
        rule: &rule,
        key: &key,
        host: &host,
    };
    let value = Value {
        main: percent,
        text: "used".into(),
        ..Value::default()
    };
    let moment = Moment {
        now: store.clock().now(),
        booted_at: None,
    };
    let state = stored.map(|stored| &stored.state);
    let step = step(of, state, &Measure::Value(value), moment);
    let change = StateChange {
        instance: key,
        state: step.state,
        follows: stored.map(|stored| stored.version),
    };
    let notices: Vec<Notice> = step.notice.iter().cloned().collect();
    let saved = store.save_evaluation(&[change], &notices).await.unwrap();
    (saved, step.notice)
}

async fn stored(store: &Store) -> Vec<StoredState> {
    store.alert_states(&StateFilter::default()).await.unwrap()
}

async fn waiting(store: &Store) -> Vec<NoticeKind> {
    let notices = store.waiting_notices(100).await.unwrap();
    notices.iter().map(|notice| notice.kind).collect()
}

async fn admin(store: &Store) -> Actor {
    actor(&add_user(store, "alice", Role::Admin).await)
}

/// The newest rows of the audit log about alerts, the oldest first: action and result.
async fn audited(store: &Store) -> Vec<(String, String)> {
    let rows = store
        .list_audit(&AuditFilter::default(), 100)
        .await
        .unwrap();
    let rows = rows
        .into_iter()
        .rev()
        .filter(|row| row.action.starts_with("alert."));
    rows.map(|row| (row.action, row.result)).collect()
}

fn rows(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(action, result): &(&str, &str)| ((*action).to_owned(), (*result).to_owned());
    expected.iter().map(owned).collect()
}

async fn a_state_is_stored_with_its_notice_and_goes_on_after_a_restart(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let (saved, _) = evaluate(&store, "/", None, 90.0).await;
    assert_eq!(saved, Saved::Stored(BTreeMap::from([(key("/"), 1)])));
    // A path longer than an index of PostgreSQL can hold.
    let long = format!("/{}", "ä".repeat(4_000));
    evaluate(&store, &long, None, 90.0).await;
    let states = stored(&store).await;
    assert_eq!(states.len(), 2);
    let root = states.iter().find(|one| one.instance == key("/")).unwrap();
    assert_eq!(root.state.status(), Status::Firing);
    assert_eq!(
        waiting(&store).await,
        [NoticeKind::Firing, NoticeKind::Firing]
    );
    // A second attempt to store the same, whose first one was not seen to end.
    let (saved, notice) = evaluate(&store, "/", None, 90.0).await;
    assert_eq!(saved, Saved::Outdated(vec![key("/")]));
    assert!(notice.is_some());
    assert_eq!(waiting(&store).await.len(), 2);

    clock.advance(Duration::from_secs(10));
    let (saved, notice) = evaluate(&store, "/", Some(root), 90.0).await;
    assert_eq!(saved, Saved::Stored(BTreeMap::from([(key("/"), 2)])));
    assert_eq!(notice, None);
    // What an evaluation of an older state made is not stored over a newer one.
    let (saved, _) = evaluate(&store, "/", Some(root), 50.0).await;
    assert_eq!(saved, Saved::Outdated(vec![key("/")]));
    let filter = StateFilter {
        host: Some("h1".to_owned()),
        rule: Some("disk".to_owned()),
        active: true,
    };
    assert_eq!(store.alert_states(&filter).await.unwrap().len(), 2);
    let none = StateFilter {
        host: Some("h2".to_owned()),
        ..filter
    };
    assert_eq!(store.alert_states(&none).await.unwrap(), []);
    let of_host = NoticeFilter {
        hosts: Some(vec!["h1".to_owned()]),
        ..NoticeFilter::default()
    };
    let history = store.alert_history(&of_host, 10).await.unwrap();
    assert_eq!(history.len(), 2);
    let after_first = NoticeFilter {
        before: Some((history[0].time, history[0].id.to_string())),
        ..NoticeFilter::default()
    };
    let rest = store.alert_history(&after_first, 10).await.unwrap();
    assert_eq!(rest, history[1..]);
    let none = NoticeFilter {
        severity: Some(Severity::Critical),
        ..NoticeFilter::default()
    };
    assert_eq!(store.alert_history(&none, 10).await.unwrap(), []);
}

async fn an_evaluation_never_undoes_an_acknowledgement(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let actor = admin(&store).await;
    let refused = store.acknowledge_alert(&actor, key("/").id(), "").await;
    let not_firing =
        |error: StoreError| matches!(error, StoreError::Refused(Refusal::AlertNotFiring));
    assert!(not_firing(refused.unwrap_err()));
    evaluate(&store, "/", None, 90.0).await;
    let known = stored(&store).await.remove(0);
    let seen = store
        .acknowledge_alert(&actor, key("/").id(), "disk is ordered")
        .await
        .unwrap();
    assert_eq!(seen.version, 2);
    clock.advance(Duration::from_secs(10));
    let (saved, _) = evaluate(&store, "/", Some(&known), 91.0).await;
    assert_eq!(saved, Saved::Outdated(vec![key("/")]));
    let again = stored(&store).await.remove(0);
    assert_eq!(
        again.state.acknowledged.as_ref().unwrap().comment,
        "disk is ordered"
    );
    let (saved, _) = evaluate(&store, "/", Some(&again), 91.0).await;
    assert!(matches!(saved, Saved::Stored(_)));
    let kept = stored(&store).await.remove(0);
    assert!(kept.state.acknowledged.is_some());
    // Resolved: nothing is remembered but when it changed.
    evaluate(&store, "/", Some(&kept), 50.0).await;
    assert_eq!(
        waiting(&store).await,
        [NoticeKind::Firing, NoticeKind::Resolved]
    );
    let refused = store.acknowledge_alert(&actor, key("/").id(), "").await;
    assert!(not_firing(refused.unwrap_err()));
    let acknowledge = "alert.acknowledge";
    let expected = [
        (acknowledge, "refused"),
        (acknowledge, "done"),
        (acknowledge, "refused"),
    ];
    assert_eq!(audited(&store).await, rows(&expected));
}

async fn rules_are_made_changed_and_deleted(database: Database) {
    let (store, _) = database.store_with_clock().await;
    let actor = admin(&store).await;
    let name = "disk".parse().unwrap();
    let mut definition: RuleDefinition = toml::from_str(RULE).unwrap();
    store
        .put_alert_rule(&actor, &name, &definition)
        .await
        .unwrap();
    definition.repeat = Some("never".to_owned());
    store
        .put_alert_rule(&actor, &name, &definition)
        .await
        .unwrap();
    let rules = store.alert_rules().await.unwrap();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].definition, definition);
    assert_eq!(rules[0].updated_at, store.clock().now());
    store.delete_alert_rule(&actor, &name).await.unwrap();
    assert_eq!(store.alert_rules().await.unwrap(), []);
    let again = store.delete_alert_rule(&actor, &name).await.unwrap_err();
    assert!(matches!(again, StoreError::Refused(Refusal::RuleNotFound)));
    let expected = [
        ("alert.rule", "done"),
        ("alert.rule", "done"),
        ("alert.rule-delete", "done"),
        ("alert.rule-delete", "refused"),
    ];
    assert_eq!(audited(&store).await, rows(&expected));
}

async fn silences_end_and_are_forgotten(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let actor = admin(&store).await;
    let now = store.clock().now();
    let silence = |number: u128, hours: u64| Silence {
        id: Uuid::from_u128(number),
        matchers: Matchers {
            host: Some("web-*".into()),
            ..Matchers::default()
        },
        from: now,
        until: Some(now.saturating_add(Duration::from_hours(hours))),
        weekly: None,
        comment: "new disk".to_owned(),
        created_by: "alice".to_owned(),
    };
    let (short, long) = (silence(1, 1), silence(2, 2));
    store.add_silence(&actor, &short).await.unwrap();
    store.add_silence(&actor, &long).await.unwrap();
    assert_eq!(
        store.alert_silences(now).await.unwrap(),
        [short.clone(), long.clone()]
    );
    clock.advance(Duration::from_hours(1));
    let later = store.clock().now();
    assert_eq!(
        store.alert_silences(later).await.unwrap(),
        std::slice::from_ref(&long)
    );
    let not_found =
        |error: StoreError| matches!(error, StoreError::Refused(Refusal::SilenceNotFound));
    assert!(not_found(
        store.end_silence(&actor, short.id).await.unwrap_err()
    ));
    assert!(not_found(
        store.end_silence(&actor, Uuid::max()).await.unwrap_err()
    ));
    store.end_silence(&actor, long.id).await.unwrap();
    assert_eq!(store.alert_silences(later).await.unwrap(), []);
    clock.advance(Duration::from_secs(1));
    let deleted = store.delete_silences_over(store.clock().now()).await;
    assert_eq!(deleted.unwrap(), 2);
}

/// What the daemon that sends would do now, with all channels.
async fn planned(store: &Store) -> (Plan, Vec<Outgoing>) {
    let now = store.clock().now();
    let waiting = store.waiting_notices(1_000).await.unwrap();
    let day = Timestamp::from_millis(now.as_millis() - 86_400_000);
    let groups = store.alert_groups(day).await.unwrap();
    let down = BTreeSet::new();
    let holding = Holding {
        silences: &[],
        quiet: &[],
        down: &down,
    };
    let plan = plan(&waiting, &groups, &holding, now);
    let outgoing = plan.bundles.iter().map(|bundle| Outgoing {
        bundle: bundle.clone(),
        channels: vec!["chat".parse().unwrap(), "mail".parse().unwrap()],
    });
    let outgoing = outgoing.collect();
    (plan, outgoing)
}

async fn a_notice_leaves_the_queue_with_its_message(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    evaluate(&store, "/", None, 90.0).await;
    evaluate(&store, "/data", None, 90.0).await;
    assert_eq!(planned(&store).await.1, []);
    clock.advance(Duration::from_secs(30));
    let (plan, outgoing) = planned(&store).await;
    assert_eq!(outgoing.len(), 1);
    assert_eq!(outgoing[0].bundle.covers.len(), 2);
    let stored = store.store_plan("a", &plan, &outgoing).await.unwrap();
    assert_eq!(stored, Planned::Stored(1));
    assert_eq!(waiting(&store).await, []);
    // A retry of the same plan makes no second message.
    let again = store.store_plan("a", &plan, &outgoing).await.unwrap();
    assert_eq!(again, Planned::Stored(0));
    assert_eq!(waiting(&store).await, []);
    let due = store.due_deliveries(store.clock().now(), 10).await.unwrap();
    let channels: Vec<&str> = due.iter().map(|one| one.channel.as_str()).collect();
    assert_eq!(channels, ["chat", "mail"]);
    assert!(due.iter().all(|one| one.bundle == outgoing[0].bundle));
    let groups = store.alert_groups(Timestamp::from_millis(0)).await.unwrap();
    assert_eq!(
        groups.get(&outgoing[0].bundle.key),
        Some(&store.clock().now())
    );
    // A bundle with a notice that was sent leaves its others in the queue.
    evaluate(&store, "/srv", None, 90.0).await;
    clock.advance(Duration::from_mins(6));
    let (plan, mut outgoing) = planned(&store).await;
    outgoing[0].bundle.covers.push(due[0].bundle.covers[0]);
    let stored = store.store_plan("a", &plan, &outgoing).await.unwrap();
    assert_eq!(stored, Planned::Stored(0));
    assert_eq!(waiting(&store).await, [NoticeKind::Firing]);
}

async fn only_the_holder_of_the_lease_sends(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    evaluate(&store, "/", None, 90.0).await;
    clock.advance(Duration::from_secs(30));
    let (plan, outgoing) = planned(&store).await;
    let minute = Duration::from_mins(1);
    assert!(store.hold_lease("alerts", "a", minute).await.unwrap());
    let other = store.store_plan("b", &plan, &outgoing).await.unwrap();
    assert_eq!(other, Planned::NotLeader);
    assert_eq!(waiting(&store).await, [NoticeKind::Firing]);
    // Its holder was killed: another one sends, and the first one, should it come back, does not.
    clock.advance(Duration::from_secs(61));
    let other = store.store_plan("b", &plan, &outgoing).await.unwrap();
    assert_eq!(other, Planned::Stored(1));
    let first = store.store_plan("a", &plan, &outgoing).await.unwrap();
    assert_eq!(first, Planned::NotLeader);
}

async fn a_delivery_is_tried_until_it_is_taken(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    evaluate(&store, "/", None, 90.0).await;
    clock.advance(Duration::from_secs(30));
    let (plan, outgoing) = planned(&store).await;
    store.store_plan("a", &plan, &outgoing).await.unwrap();
    let due = store.due_deliveries(store.clock().now(), 10).await.unwrap();
    let (id, chat, mail) = (due[0].bundle.id, &due[0].channel, &due[1].channel);
    let next = store.clock().now().saturating_add(Duration::from_secs(10));
    let failed = Attempt {
        status: Some(500),
        error: Some("x".repeat(10_000)),
        next: NextStep::Retry(next),
    };
    store.record_attempt(id, chat, &failed).await.unwrap();
    let taken = Attempt {
        status: Some(204),
        error: None,
        next: NextStep::Delivered,
    };
    store.record_attempt(id, mail, &taken).await.unwrap();
    assert_eq!(
        store.due_deliveries(store.clock().now(), 10).await.unwrap(),
        []
    );
    clock.advance(Duration::from_secs(10));
    let due = store.due_deliveries(store.clock().now(), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].channel.as_str(), due[0].attempts), ("chat", 1));
    assert_eq!(due[0].bundle.id, id);
    store.record_attempt(id, chat, &taken).await.unwrap();
    // What was delivered stays so, whatever another attempt says.
    store.record_attempt(id, chat, &failed).await.unwrap();
    let log = store.delivery_log(10).await.unwrap();
    let states: Vec<_> = log
        .iter()
        .map(|line| (&*line.state, line.attempts, line.status))
        .collect();
    assert_eq!(
        states,
        [("delivered", 2, Some(204)), ("delivered", 1, Some(204))]
    );
    assert!(
        log.iter()
            .all(|line| line.error.is_none() && line.next_attempt.is_none())
    );
}

async fn old_messages_go_and_those_on_their_way_stay(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    evaluate(&store, "/", None, 90.0).await;
    clock.advance(Duration::from_secs(30));
    let (plan, outgoing) = planned(&store).await;
    store.store_plan("a", &plan, &outgoing).await.unwrap();
    evaluate(&store, "/data", None, 90.0).await;
    clock.advance(Duration::from_hours(24 * 100));
    let now = store.clock().now();
    // The notice that became part of a message goes, the one that waits stays.
    assert_eq!(store.delete_old_alerts(now, 100).await.unwrap(), 1);
    let given_up = Attempt {
        status: None,
        error: Some("no route".to_owned()),
        next: NextStep::GivenUp,
    };
    for delivery in store.due_deliveries(now, 10).await.unwrap() {
        let id = delivery.bundle.id;
        store
            .record_attempt(id, &delivery.channel, &given_up)
            .await
            .unwrap();
    }
    assert_eq!(store.delete_old_alerts(now, 100).await.unwrap(), 1);
    assert_eq!(store.delivery_log(10).await.unwrap(), []);
    assert_eq!(waiting(&store).await, [NoticeKind::Firing]);
}
