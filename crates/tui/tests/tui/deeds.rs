//! Signals, nice values and units: the question before, what is sent, and where a key does nothing.

use std::time::Duration;

use crossterm::event::KeyCode;
use linux_api_client::acts::UnitVerb;
use linux_api_client::error::ClientError;
use linux_api_tui::change::{Change, ChangeOutcome};
use linux_api_tui::message::{AppMessage, Effect, FeedEvent};
use linux_api_tui::query::{AnyQuery, AnyResponse};
use linux_api_tui::screen::View;
use linux_api_wire::api::acts::{ActOutcome, ProcessActResult, SignalName, UnitActResult};
use linux_api_wire::api::units::UnitLogLine;

use super::stage::{Stage, script};
use super::truth::{SIZE, lines};

/// The rows of the table that fills the view.
pub(crate) fn rows(stage: &Stage) -> Vec<String> {
    let all = lines(stage);
    all[3..all.len() - 2].to_vec()
}

/// The script, with changes to what it says.
pub(crate) fn changed(change: impl Fn(&mut AnyResponse) + 'static) -> Stage {
    let script = script();
    Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        change(&mut data);
        Some(Ok(data))
    })
}

fn last_change(stage: &mut Stage) -> Option<Change> {
    let effects = std::mem::take(&mut stage.effects);
    effects.into_iter().find_map(|effect| match effect {
        Effect::Change(0, change) => Some(change),
        _ => None,
    })
}

#[test]
fn a_signal_goes_to_the_process_that_was_on_the_row_and_names_it_and_the_host() {
    for key in [KeyCode::F(9), KeyCode::Delete] {
        let mut stage = Stage::one(SIZE);
        stage.show(View::Processes);
        stage.keys("gg");
        let query = stage.app.process_query(false);
        let rows = stage.app.host().responses.processes.of(&query).unwrap();
        let first = rows.items[0].clone();
        stage.key(key);
        let text = stage.text();
        assert!(
            text.contains("signal") && text.contains("TERM   end"),
            "{text}"
        );
        // Time passes, and other rows come first.
        stage.wait(Duration::from_secs(4));
        stage.keys("j");
        stage.keys("k");
        stage.key(KeyCode::Enter);
        let user = first.user.clone().unwrap();
        let question = format!(
            "Send TERM to process {} {} of {user} on web-01?",
            first.pid, first.name
        );
        assert!(
            stage.text().contains(&question),
            "{question}: {}",
            stage.text()
        );
        // No is chosen at first.
        assert!(last_change(&mut stage).is_none());
        stage.keys("y");
        let Some(Change::Signal(process, SignalName::Term, None)) = last_change(&mut stage) else {
            panic!("{:?}", stage.effects);
        };
        assert_eq!(process.identity.pid, first.pid);
        assert_eq!(process.identity.start_ticks, first.start_ticks);
        assert!(first.start_ticks > 0);
    }
}

#[test]
fn other_signals_are_chosen_from_the_menu_and_escape_leaves_it() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Processes);
    stage.keys("dd");
    stage.key(KeyCode::Down);
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains("Send TERM, and after 10 s KILL, to"),
        "{}",
        stage.text()
    );
    stage.keys("n");
    stage.keys("dd");
    // A stray key chooses nothing and closes nothing.
    stage.keys("zx7");
    assert_eq!(stage.app.popups.len(), 1);
    stage.key(KeyCode::Down);
    stage.key(KeyCode::Down);
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("Send KILL to") && text.contains("no time to save"),
        "{text}"
    );
    stage.key(KeyCode::Esc);
    stage.keys("dd");
    stage.key(KeyCode::Esc);
    assert!(stage.app.popups.is_empty() && last_change(&mut stage).is_none());
}

#[test]
fn a_nice_value_is_typed_checked_and_confirmed() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Processes);
    for wrong in ["20", "-21", "low"] {
        stage.key(KeyCode::F(8));
        stage.keys(wrong);
        stage.key(KeyCode::Enter);
        assert!(stage.app.popups.is_empty(), "{wrong}");
        assert!(
            stage.text().contains("a number from -20 to 19"),
            "{}",
            stage.text()
        );
    }
    stage.key(KeyCode::F(7));
    stage.keys("-5");
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains("Set the nice value -5 of process "),
        "{}",
        stage.text()
    );
    stage.keys("y");
    assert!(matches!(
        last_change(&mut stage),
        Some(Change::Renice(_, -5))
    ));
}

#[test]
fn the_page_of_a_process_has_the_same_keys() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Processes);
    stage.key(KeyCode::Enter);
    assert!(
        lines(&stage).pop().unwrap().contains("F9 signal"),
        "{}",
        stage.text()
    );
    stage.key(KeyCode::F(9));
    stage.key(KeyCode::Enter);
    stage.keys("y");
    assert!(matches!(last_change(&mut stage), Some(Change::Signal(..))));
}

#[test]
fn where_nothing_can_be_done_a_key_says_which_command_changes_it() {
    let without_executor = |data: &mut AnyResponse| {
        if let AnyResponse::Acts(state) = data {
            state.available = false;
            state.reason = Some("nothing acts on this host".to_owned());
            state.remedy = Some("sudo systemctl enable --now linux-api-executor.socket".to_owned());
        }
    };
    let without_units = |data: &mut AnyResponse| {
        if let AnyResponse::Acts(state) = data {
            state.units = false;
        }
    };
    let viewer = |data: &mut AnyResponse| {
        if let AnyResponse::Me(me) = data {
            me.user_perm.role = "viewer".to_owned();
        }
    };
    let narrow = |data: &mut AnyResponse| {
        if let AnyResponse::Me(me) = data {
            me.user_perm.scopes = vec!["host:read".to_owned()];
        }
    };
    let cases: Vec<(Stage, &[View], &str)> = vec![
        (
            changed(without_executor),
            &[View::Processes, View::Units],
            "enable --now linux-api-executor.socket",
        ),
        (
            changed(without_units),
            &[View::Units],
            "the policy of this host does not allow it",
        ),
        (
            changed(viewer),
            &[View::Processes, View::Units],
            "needs operator",
        ),
        (
            changed(narrow),
            &[View::Processes, View::Units],
            "needs scope ",
        ),
    ];
    for (mut stage, views, reason) in cases {
        stage.send(AppMessage::Resize(160, 48));
        for view in views {
            stage.show(*view);
            let keys = match view {
                View::Processes => [KeyCode::F(9), KeyCode::F(8)],
                _ => [KeyCode::Char('r'), KeyCode::Char('x')],
            };
            for key in keys {
                stage.key(key);
                assert!(stage.app.popups.is_empty(), "{view:?} {key:?}");
                assert!(stage.text().contains(reason), "{reason}: {}", stage.text());
            }
            stage.keys("?");
            assert!(stage.text().contains(reason), "{reason}: {}", stage.text());
            stage.key(KeyCode::Esc);
        }
        assert!(last_change(&mut stage).is_none());
    }
    let mut stage = Stage::one(SIZE);
    stage.app.settings.read_only = true;
    stage.show(View::Units);
    stage.keys("r");
    assert!(stage.app.popups.is_empty() && stage.text().contains("read-only"));
    // An older daemon does not know the route.
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| match wanted {
        AnyQuery::Acts(_) => Some(Err(ClientError::Refused {
            address: String::new(),
            status: 404,
            code: "not_found".to_owned(),
            detail: "Not Found".to_owned(),
            retry_after: None,
        })),
        other => Some(script.respond(other)),
    });
    stage.show(View::Processes);
    let [header, ..] = &lines(&stage)[..] else {
        panic!()
    };
    assert!(header.contains('●'), "{header}");
    stage.key(KeyCode::F(9));
    assert!(
        stage.text().contains("this daemon is older"),
        "{}",
        stage.text()
    );
}

fn process_result(outcome: ActOutcome) -> ProcessActResult {
    ProcessActResult {
        pid: 342,
        start_ticks: 9,
        outcome,
        ended: (outcome == ActOutcome::Done).then_some(true),
        killed: None,
        nice_before: None,
        code: None,
        message: None,
        remedy: None,
    }
}

#[test]
fn what_became_of_an_act_is_said() {
    let mut stage = Stage::one((160, 48));
    stage.show(View::Processes);
    stage.key(KeyCode::F(9));
    stage.key(KeyCode::Enter);
    stage.keys("y");
    let change = last_change(&mut stage).unwrap();
    let respond = |stage: &mut Stage, result: ProcessActResult| {
        let result = Ok(ChangeOutcome::Process(result));
        let event = FeedEvent::Changed(change.clone(), result);
        stage.send(AppMessage::Host(0, Box::new(event)));
        stage.app.note.clone().unwrap()
    };
    let note = respond(&mut stage, process_result(ActOutcome::Done));
    assert!(!note.bad && note.text.contains("it has ended"), "{note:?}");
    let refused = ProcessActResult {
        message: Some("processes.min_uid does not allow it".to_owned()),
        remedy: Some("sudo linux-api policy allow --processes 0".to_owned()),
        ..process_result(ActOutcome::Refused)
    };
    let note = respond(&mut stage, refused);
    assert!(
        note.bad && note.text.contains("policy allow --processes 0"),
        "{note:?}"
    );

    let change = Change::Unit("nginx.service".to_owned(), UnitVerb::Restart);
    let failed = UnitActResult {
        unit: "nginx.service".to_owned(),
        job: Some("failed".to_owned()),
        pending: false,
        active: "failed".to_owned(),
        sub: "failed".to_owned(),
        result: Some("exit-code".to_owned()),
        exit_code: Some(1),
        exit_signal: None,
        log: vec![UnitLogLine {
            time: "2026-11-23T07:02:00Z".to_owned(),
            priority: Some(3),
            message: "bind() to 0.0.0.0:80 failed".to_owned(),
        }],
    };
    let event = FeedEvent::Changed(change, Ok(ChangeOutcome::Unit(failed)));
    stage.send(AppMessage::Host(0, Box::new(event)));
    let note = stage.app.note.clone().unwrap();
    assert!(
        note.bad
            && note
                .text
                .contains("exit code 1, bind() to 0.0.0.0:80 failed"),
        "{note:?}"
    );
}

#[test]
fn units_that_have_failed_come_first_and_are_filtered_by_text() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Units);
    let rows = rows(&stage);
    assert!(rows[0].contains("certbot.service"), "{rows:?}");
    assert!(rows[1].contains("shop-worker.service"), "{rows:?}");
    stage.keys("/WEB SERVER");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("nginx.service") && !text.contains("cron.service"),
        "{text}"
    );
    stage.key(KeyCode::Esc);
    stage.keys("!");
    let text = stage.text();
    assert!(
        text.contains("certbot.service") && !text.contains("nginx.service"),
        "{text}"
    );
    stage.key(KeyCode::Esc);
    assert!(stage.text().contains("nginx.service"), "{}", stage.text());
}

#[test]
fn a_unit_is_acted_on_after_a_question_that_names_it_and_the_host() {
    for (key, verb, question) in [
        ("S", UnitVerb::Start, "Start certbot.service on web-01?"),
        ("x", UnitVerb::Stop, "Stop certbot.service on web-01?"),
        ("r", UnitVerb::Restart, "Restart certbot.service on web-01?"),
        ("R", UnitVerb::Reload, "Reload certbot.service on web-01?"),
        (
            "c",
            UnitVerb::ResetFailed,
            "Reset the failed state of certbot.service on web-01?",
        ),
        ("E", UnitVerb::Enable, "Enable certbot.service on web-01?"),
        ("D", UnitVerb::Disable, "Disable certbot.service on web-01?"),
    ] {
        for on_page in [false, true] {
            let mut stage = Stage::one(SIZE);
            stage.show(View::Units);
            if on_page {
                stage.key(KeyCode::Enter);
                assert!(
                    stage.text().contains("certbot.service on web-01"),
                    "{}",
                    stage.text()
                );
            }
            stage.keys(key);
            assert!(
                stage.text().contains(question),
                "{question}: {}",
                stage.text()
            );
            stage.keys("y");
            let expected = Change::Unit("certbot.service".to_owned(), verb);
            assert_eq!(last_change(&mut stage), Some(expected));
        }
    }
}

#[test]
fn a_long_name_hides_neither_the_rest_of_it_nor_the_host() {
    let mut stage = changed(|data| {
        if let AnyResponse::Units(list) = data {
            for unit in &mut list.items {
                unit.name = format!("{}{}", "a".repeat(50), unit.name);
            }
        }
    });
    stage.show(View::Units);
    stage.keys("r");
    let text = stage.text();
    assert!(
        text.contains("acertbot.service") && text.contains("web-01?"),
        "{text}"
    );
}
