use std::time::Duration;

use super::*;
use crate::notice::NoticeKind::{
    Ended, Escalated, Firing, Flapping, Lowered, Repeated, Resolved, Settled,
};
use crate::reading::Measure;
use crate::testing::{Run, at, value};

const DISK: &str = "
    name = \"d\"
    check = \"disk_space\"
    warning = 85
    critical = 95
    hysteresis = 3";

const QUICK: &str = "
    name = \"q\"
    series = \"sessions.count\"
    warning = 10
    for = \"0s\"
    keep_firing = \"0s\"";

fn no_data() -> Measure {
    Measure::NoData("stuck".into())
}

#[test]
fn twenty_minutes_around_the_threshold_are_one_firing_and_one_resolved() {
    // One value a little above, one a little below; then above and far below.
    let narrow = |now: u64| if now.is_multiple_of(20) { 86.0 } else { 83.0 };
    let wide = |now: u64| if now % 120 < 60 { 90.0 } else { 70.0 };
    let mut run = Run::of(DISK);
    run.every_ten(0, 600, narrow);
    run.every_ten(600, 1_200, wide);
    assert_eq!(run.kinds(), [Firing]);
    run.every_ten(1_200, 3_600, |_| 50.0);
    assert_eq!(run.kinds(), [Firing, Resolved]);
    assert_eq!(run.notices[0].since, at(0));
    assert_eq!(run.notices[0].time, at(300));
    assert_eq!(run.notices[1].since, at(0));
    assert_eq!(run.notices[1].time, at(1_140 + 300));
    assert_eq!(run.state, None);
}

#[test]
fn a_value_must_be_bad_for_long_enough() {
    let mut run = Run::of(DISK);
    run.every_ten(0, 300, |_| 90.0);
    assert_eq!(run.state.as_ref().unwrap().status(), Status::Pending);
    run.every_ten(300, 310, |_| 50.0);
    run.every_ten(310, 600, |_| 90.0);
    assert_eq!(run.kinds(), []);
    run.every_ten(600, 620, |_| 90.0);
    assert_eq!(run.kinds(), [Firing]);
    assert_eq!(run.notices[0].since, at(310));
    // One spike that stays within the hysteresis is not bad for five minutes.
    let mut run = Run::of(DISK);
    run.every_ten(0, 10, |_| 86.0);
    run.every_ten(10, 3_600, |_| 83.0);
    assert_eq!(run.kinds(), []);
}

#[test]
fn a_restart_neither_repeats_nor_loses() {
    let of = |restart: bool| {
        let mut run = Run::of(DISK);
        for now in (0..1_800).step_by(10) {
            if restart && now % 50 == 0 {
                run.restart();
            }
            // A restart takes two minutes once while it is pending, and once while it fires.
            let is_away = (100..220).contains(&now) || (700..820).contains(&now);
            if !is_away {
                run.step(now, &value(if now < 1_000 { 90.0 } else { 50.0 }));
            }
        }
        run.notices
    };
    let notices = of(true);
    assert_eq!(notices, of(false));
    let kinds: Vec<_> = notices.iter().map(|it| (it.kind, it.time)).collect();
    assert_eq!(kinds, [(Firing, at(300)), (Resolved, at(1_300))]);
}

#[test]
fn after_a_long_gap_what_is_pending_begins_again_and_what_fires_goes_on() {
    let mut run = Run::of(DISK);
    run.every_ten(0, 200, |_| 90.0);
    run.every_ten(10_000, 10_300, |_| 90.0);
    assert_eq!(run.kinds(), []);
    run.every_ten(10_300, 10_310, |_| 90.0);
    assert_eq!(run.kinds(), [Firing]);
    run.every_ten(20_000, 20_100, |_| 90.0);
    assert_eq!(run.kinds(), [Firing]);
    run.every_ten(20_100, 20_200, |_| 50.0);
    run.every_ten(30_000, 30_300, |_| 50.0);
    assert_eq!(run.kinds(), [Firing]);
    run.every_ten(30_300, 30_310, |_| 50.0);
    assert_eq!(run.kinds(), [Firing, Resolved]);
}

#[test]
fn severities_rise_and_fall() {
    let mut run = Run::of(DISK);
    run.every_ten(0, 400, |_| 90.0);
    run.every_ten(400, 800, |_| 96.0);
    assert_eq!(run.kinds(), [Firing, Escalated]);
    assert_eq!(run.notices[1].after, Some(Severity::Critical));
    assert_eq!(run.notices[1].threshold, "95% or more");
    run.every_ten(800, 1_200, |_| 90.0);
    assert_eq!(run.kinds(), [Firing, Escalated, Lowered]);
    assert_eq!(run.notices[2].time, at(1_100));
    run.every_ten(1_200, 1_600, |_| 50.0);
    assert_eq!(run.kinds(), [Firing, Escalated, Lowered, Resolved]);
    assert!(run.notices.iter().all(|notice| notice.since == at(0)));
    // Critical at once is one notice, and falls to a warning before it ends.
    let mut run = Run::of(DISK);
    run.every_ten(0, 400, |_| 97.0);
    run.every_ten(400, 800, |_| 90.0);
    let kinds: Vec<_> = run.notices.iter().map(|it| (it.kind, it.after)).collect();
    let (critical, warning) = (Some(Severity::Critical), Some(Severity::Warning));
    assert_eq!(kinds, [(Firing, critical), (Lowered, warning)]);
}

#[test]
fn critical_before_the_warning_is_due_falls_to_a_warning() {
    let mut run = Run::of(
        "name = \"m\"\ncheck = \"memory_low\"
         warning = { at = 10, clear = 15, for = \"10min\" }
         critical = { at = 5, clear = 8, for = \"5min\" }",
    );
    run.every_ten(0, 310, |_| 4.0);
    run.every_ten(310, 700, |_| 9.0);
    let kinds: Vec<_> = run.notices.iter().map(|it| (it.kind, it.time)).collect();
    assert_eq!(kinds, [(Firing, at(300)), (Lowered, at(610))]);
}

#[test]
fn without_data_it_is_neither_well_nor_firing() {
    let mut run = Run::of(DISK);
    run.step(0, &no_data());
    assert_eq!(run.state.as_ref().unwrap().status(), Status::Unknown);
    run.every_ten(10, 400, |_| 90.0);
    assert_eq!(run.kinds(), [Firing]);
    run.step(400, &no_data());
    let state = run.state.clone().unwrap();
    assert_eq!(state.status(), Status::Unknown);
    assert_eq!(state.severity(), Some(Severity::Warning));
    assert_eq!(state.text.as_str(), "stuck");
    for now in (410..80_000).step_by(10) {
        run.step(now, &no_data());
    }
    // Neither resolved nor repeated; with data it goes on where it was.
    assert_eq!(run.kinds(), [Firing]);
    run.every_ten(80_000, 80_100, |_| 90.0);
    assert_eq!(run.state.as_ref().unwrap().status(), Status::Firing);
    assert_eq!(run.kinds(), [Firing, Repeated]);
    for now in (80_100..180_000).step_by(10) {
        run.step(now, &no_data());
    }
    assert_eq!(run.kinds(), [Firing, Repeated, Ended]);
    assert_eq!(run.notices[2].time, at(80_100 + 86_400));
    assert_eq!(run.notices[2].text.as_str(), "no data for a day: stuck");
    assert_eq!(run.notices[2].after, None);
}

#[test]
fn a_gap_in_the_data_has_what_is_pending_begin_again() {
    let mut run = Run::of(DISK);
    run.every_ten(0, 200, |_| 90.0);
    for now in (200..500).step_by(10) {
        run.step(now, &no_data());
    }
    run.every_ten(500, 800, |_| 90.0);
    assert_eq!(run.kinds(), []);
    run.every_ten(800, 810, |_| 90.0);
    assert_eq!(run.kinds(), [Firing]);
}

#[test]
fn what_changes_too_often_is_sent_once_until_it_is_calm() {
    let mut run = Run::of(QUICK);
    run.every_ten(0, 3_600, |now| if now % 120 < 60 { 12.0 } else { 5.0 });
    assert_eq!(run.kinds(), [Firing, Resolved, Firing, Resolved, Flapping]);
    assert_eq!(run.notices[4].time, at(240));
    // It has been well since 3 540; after a quarter of an hour that is sent.
    run.every_ten(3_600, 7_200, |_| 5.0);
    assert_eq!(run.kinds().len(), 6);
    let settled = run.notices.last().unwrap();
    assert_eq!((settled.kind, settled.time), (Settled, at(3_540 + 900)));
    assert_eq!(
        (settled.before, settled.after),
        (Some(Severity::Warning), None)
    );
    assert_eq!(run.state, None);
    // And it fires as before.
    run.every_ten(7_200, 7_210, |_| 12.0);
    assert_eq!(run.kinds().last(), Some(&Firing));
}

#[test]
fn four_changes_in_half_an_hour_are_sent_one_by_one() {
    let mut run = Run::of(QUICK);
    run.every_ten(0, 7_200, |now| if now % 900 < 450 { 12.0 } else { 5.0 });
    assert_eq!(run.kinds().len(), 16);
    assert!(!run.kinds().contains(&Flapping));
}

#[test]
fn a_notice_is_repeated_until_a_person_has_seen_it() {
    let hours = |count: u64| count * 3_600;
    let mut run = Run::of(DISK);
    run.every_ten(0, hours(25), |_| 90.0);
    assert_eq!(run.kinds(), [Firing, Repeated, Repeated]);
    assert_eq!(run.notices[1].time, at(300 + hours(12)));
    let seen = Acknowledgement {
        by: "alice".to_owned(),
        at: at(hours(25)),
        comment: "disk is ordered".to_owned(),
    };
    assert!(run.state.as_mut().unwrap().acknowledge(seen.clone()));
    run.restart();
    run.every_ten(hours(25), hours(60), |_| 90.0);
    assert_eq!(run.kinds().len(), 3);
    // What gets worse is new, and is repeated again.
    run.every_ten(hours(60), hours(73), |_| 97.0);
    assert_eq!(run.kinds()[3..], [Escalated, Repeated]);
    assert_eq!(run.state.as_ref().unwrap().acknowledged, None);
    assert!(!InstanceState::default().acknowledge(seen));
    let mut run = Run::of(&format!("{DISK}\nrepeat = \"never\""));
    run.every_ten(0, hours(50), |_| 90.0);
    assert_eq!(run.kinds(), [Firing]);
}

#[test]
fn a_host_that_starts_is_not_judged_by_its_processors() {
    let rule = "name = \"l\"\nseries = \"load.one\"\nwarning = 10\nfor = \"0s\"";
    let mut run = Run::of(rule);
    run.booted_at = Some(at(0));
    run.every_ten(10, 300, |_| 50.0);
    assert_eq!(run.kinds(), []);
    run.every_ten(300, 310, |_| 50.0);
    assert_eq!(run.kinds(), [Firing]);
    let mut run = Run::of(QUICK);
    run.booted_at = Some(at(0));
    run.every_ten(10, 20, |_| 50.0);
    assert_eq!(run.kinds(), [Firing]);
}

#[test]
fn a_clock_that_is_set_back_delays_and_repeats_nothing() {
    let mut run = Run::of(DISK);
    run.every_ten(100_000, 100_200, |_| 90.0);
    run.every_ten(0, 300, |_| 90.0);
    assert_eq!(run.kinds(), []);
    run.every_ten(300, 310, |_| 90.0);
    assert_eq!(run.kinds(), [Firing]);
    let mut run = Run::of(DISK);
    run.every_ten(100_000, 100_400, |_| 90.0);
    run.every_ten(0, 600, |_| 90.0);
    assert_eq!(run.kinds(), [Firing]);
    run.every_ten(600, 910, |_| 50.0);
    assert_eq!(run.kinds(), [Firing, Resolved]);
    assert_eq!(run.notices[1].time, at(900));
}

#[test]
fn a_state_is_stored_when_it_changes_and_each_minute() {
    let mut run = Run::of(DISK);
    run.every_ten(0, 400, |_| 90.0);
    let stored = run.state.clone().unwrap();
    run.every_ten(400, 440, |_| 91.0);
    assert!(!run.state.as_ref().unwrap().has_to_replace(&stored));
    run.every_ten(440, 460, |_| 91.0);
    assert!(run.state.as_ref().unwrap().has_to_replace(&stored));
    let mut seen = stored.clone();
    seen.acknowledge(Acknowledgement {
        by: "alice".to_owned(),
        at: at(400),
        comment: String::new(),
    });
    assert!(seen.has_to_replace(&stored));
    assert_eq!(stored.fired_at(), Some(at(300)));
    assert!(Duration::from_mins(1) < GAP_MAX);
}
