use super::*;
use crate::labels::Labels;
use crate::testing::{at, host, key, rule};

fn web() -> Rule {
    rule(
        "name = \"web\"\ncheck = \"unit_failed\"\nwarning = 1\nfor = \"1min\"\nkeep_firing = \"2min\"\n\
         restart = \"$unit\"",
    )
}

fn of(unit: &str) -> InstanceKey {
    key(&web(), &host("web-01"), Labels::one("unit", unit))
}

fn decide(brake: &mut Brake, seconds: u64) -> char {
    match brake.decide(&of("a.service"), &"a.service".into(), at(seconds)) {
        Decision::Act(_) => 'a',
        Decision::GiveUp => 'g',
        Decision::Nothing => '-',
    }
}

#[test]
fn there_is_no_fourth_act_within_an_hour() {
    let mut brake = Brake::default();
    let decided: String = (0..6)
        .map(|number| decide(&mut brake, number * 300))
        .collect();
    assert_eq!(decided, "aaag--");
    let stored = serde_json::to_string(&brake).unwrap();
    let mut brake: Brake = serde_json::from_str(&stored).unwrap();
    let (_, text) = brake.gave_up().unwrap();
    assert_eq!(
        text.as_str(),
        "3 restarts in an hour did not help: a.service"
    );
    // The acts are more than an hour ago, and it still fires: giving up lasts.
    brake.note(true, at(9_000));
    assert_eq!(decide(&mut brake, 9_000), '-');
    brake.note(false, at(9_000 + 3_599));
    assert!(brake.gave_up().is_some());
    brake.note(false, at(9_000 + 3_600));
    assert_eq!(decide(&mut brake, 20_000), 'a');
}

#[test]
fn acts_far_apart_do_not_count_together() {
    let mut brake = Brake::default();
    for number in 0..40 {
        assert_eq!(decide(&mut brake, number * 1_801), 'a');
    }
    let late: String = (0..3)
        .map(|number| decide(&mut brake, 80_000 + number))
        .collect();
    assert_eq!(late, "aaa");
    assert_eq!(decide(&mut brake, 80_010), 'g');
    brake.release(Some("olga"), at(80_020));
    assert_eq!(brake.released_by(), Some("olga"));
    let again: String = (0..4)
        .map(|number| decide(&mut brake, 80_030 + number))
        .collect();
    assert_eq!(again, "aaag");
    assert!(brake.acts().len() <= SHOWN);
}

#[test]
fn a_clock_that_is_set_back_frees_nothing() {
    let mut brake = Brake::default();
    let ahead: String = (0..3)
        .map(|number| decide(&mut brake, 500_000 + number))
        .collect();
    assert_eq!(ahead, "aaa");
    assert_eq!(decide(&mut brake, 1_000), 'g');
    assert!(brake.acts().iter().all(|act| act.at <= at(1_000)));
}

#[test]
fn what_the_host_refused_does_not_count_and_is_noted_once() {
    let mut brake = Brake::default();
    for seconds in 0..100 {
        let text = HostText::new("automatic acts are not allowed");
        brake.note_refused(&of("a.service"), &"a.service".into(), text, at(seconds));
    }
    assert_eq!(brake.acts().len(), 1);
    assert!(!brake.is_in_use(at(100)));
    let decided: String = (0..4)
        .map(|number| decide(&mut brake, 200 + number))
        .collect();
    assert_eq!(decided, "aaag");
    for number in 0..50 {
        let unit = format!("u{number}.service");
        brake.note_refused(&of(&unit), &"x".into(), "no".into(), at(300));
    }
    let counted = brake.acts().iter().filter(|act| act.counts()).count();
    assert_eq!((brake.acts().len(), counted), (SHOWN, 3));
}

#[test]
fn an_act_is_due_once_and_again_when_it_did_not_help() {
    use crate::state::LevelState;
    let (rule, instance) = (web(), of("a.service"));
    let fires = |since| InstanceState {
        warning: LevelState::On {
            since: at(since),
            fired_at: at(since + 60),
        },
        ..InstanceState::default()
    };
    let mut brake = Brake::default();
    let due = |brake: &Brake, state: &InstanceState, seconds| {
        brake.is_due(&rule, &instance, state, at(seconds))
    };
    assert!(!due(&brake, &InstanceState::default(), 60));
    assert!(due(&brake, &fires(0), 60));
    decide(&mut brake, 60);
    assert!(!due(&brake, &fires(0), 60 + 179));
    assert!(due(&brake, &fires(0), 60 + 180));
    // It was well, and fires again.
    assert!(!due(&brake, &fires(0), 70) && due(&brake, &fires(10), 75));
    // Another one has nothing to do with it.
    let other = of("b.service");
    assert!(brake.is_due(&rule, &other, &fires(0), at(61)));
}

#[test]
fn what_was_done_apart_counts_together() {
    let mut stored = Brake::default();
    assert_eq!(decide(&mut stored, 0), 'a');
    let mut own = stored.clone();
    let id = own.acts()[0].id;
    let outcome = ActOutcome {
        result: ActResult::Done,
        text: "restarted".into(),
    };
    own.finish(id, outcome.clone());
    assert_eq!((decide(&mut own, 10), decide(&mut own, 20)), ('a', 'a'));
    for _ in 0..2 {
        stored.merge(&own);
    }
    assert_eq!(stored, own);
    assert_eq!(stored.acts()[0].outcome, Some(outcome));
    assert_eq!(decide(&mut own, 30), 'g');
    // An operator released it while this daemon did not see that.
    let mut released = stored.clone();
    assert_eq!(decide(&mut released, 31), 'g');
    released.release(Some("olga"), at(40));
    own.merge(&released);
    assert_eq!(own.gave_up(), None);
    assert_eq!(decide(&mut own, 50), 'a');
    // One from before does not release what gave up later.
    assert_eq!(
        [51, 52].map(|seconds| decide(&mut own, seconds)),
        ['a', 'a']
    );
    assert_eq!(decide(&mut own, 53), 'g');
    own.merge(&released);
    assert!(own.gave_up().is_some());
}
