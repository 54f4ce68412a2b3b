//! Rows of processes and units: columns of one's own, calm, following, tags.

use std::cell::Cell;
use std::time::Duration;

use crossterm::event::KeyCode;
use linux_api_client::acts::UnitVerb;
use linux_api_tui::change::{Change, ChangeOutcome};
use linux_api_tui::message::{AppMessage, Effect, FeedEvent};
use linux_api_tui::query::{AnyQuery, AnyResponse, ProcessRows};
use linux_api_tui::screen::View;
use linux_api_wire::api::acts::{ActOutcome, ProcessActResult, ProcessActResults, SignalName};
use linux_api_wire::api::processes::Process;

use super::handling::{change, processes};
use super::stage::{Stage, script};
use super::truth::{SIZE, lines, table};

#[test]
fn columns_are_chosen_ordered_and_kept() {
    let mut stage = Stage::one((120, 30));
    stage.show(View::Processes);
    stage.key(KeyCode::F(2));
    assert!(
        stage.text().contains("columns of processes"),
        "{}",
        stage.text()
    );
    // USER before PID, and PRI always.
    stage.keys("j<");
    stage.keys("jj ");
    stage.key(KeyCode::Enter);
    let (heading, _) = heading(&stage);
    assert!(heading.starts_with("USER "), "{heading}");
    assert!(heading.contains(" PRI "), "{heading}");
    let memory = stage.app.remember();
    let mut next = Stage::one((120, 30));
    next.show(View::Processes);
    next.app.recall(&memory);
    next.key(KeyCode::Down);
    assert_eq!(self::heading(&next).0, heading);
    // And back.
    next.keys("Cr");
    next.key(KeyCode::Enter);
    assert!(self::heading(&next).0.trim_start().starts_with("PID USER"));
}

/// The heading of the table that fills the view, and the first row.
fn heading(stage: &Stage) -> (String, String) {
    let lines = lines(stage);
    (lines[2].clone(), lines[3].clone())
}

#[test]
fn name_and_command_stand_side_by_side_and_empty_columns_are_hidden() {
    let script = script();
    let mut stage = Stage::answering((160, 48), move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Processes(rows) = &mut data {
            for process in &mut rows.items {
                process.read_bytes_per_second = None;
            }
        }
        Some(Ok(data))
    });
    stage.show(View::Processes);
    let (heading, _) = heading(&stage);
    for title in ["NAME", "COMMAND", "TREND", "VIRT", "WRITE/s"] {
        assert!(heading.contains(title), "{title}: {heading}");
    }
    assert!(!heading.contains("READ/s"), "{heading}");
}

/// A host whose processes have other values each time it is polled.
fn changing(readings: &'static [&'static [(u32, f64)]]) -> Stage {
    let script = script();
    let polls = Cell::new(0);
    let mut stage = Stage::answering(SIZE, move |wanted| match wanted {
        AnyQuery::Processes(query) if query.limit >= 100 => {
            let reading = readings[polls.get().min(readings.len() - 1)];
            polls.set(polls.get() + 1);
            let items = reading.iter().map(|(pid, cpu)| Process {
                pid: *pid,
                name: format!("program-{pid}"),
                cpu_percent: Some(*cpu),
                start_time: "2026-11-23T06:00:00Z".to_owned(),
                ..Process::default()
            });
            let mut items: Vec<Process> = items.collect();
            items.sort_by(|one, other| other.cpu_percent.partial_cmp(&one.cpu_percent).unwrap());
            let total = items.len();
            Some(Ok(AnyResponse::Processes(ProcessRows { total, items })))
        }
        other => Some(script.respond(other)),
    });
    stage.show(View::Processes);
    stage
}

fn next_reading(stage: &mut Stage) {
    stage.wait(Duration::from_secs(2));
    stage.poll(0);
}

#[test]
fn rows_stay_where_they_are_when_hardly_anything_changes() {
    let mut stage = changing(&[
        &[(1, 5.2), (2, 5.1), (3, 90.0)],
        &[(1, 5.1), (2, 5.4), (3, 0.0)],
        &[(1, 5.2), (2, 5.3), (3, 0.0)],
        &[(1, 5.2), (2, 60.0), (3, 0.0)],
    ]);
    assert_eq!(table(&stage).1, [3, 1, 2]);
    next_reading(&mut stage);
    assert_eq!(
        table(&stage).1,
        [3, 1, 2],
        "0.2 % more is no reason to move"
    );
    let text = stage.text();
    assert!(
        text.contains(" 45.0 ") && text.contains("mean of 2 readings"),
        "{text}"
    );
    next_reading(&mut stage);
    let text = stage.text();
    assert!(
        text.contains(" 30.0 ") && text.contains("mean of 3 readings"),
        "{text}"
    );
    next_reading(&mut stage);
    assert_eq!(table(&stage).1, [2, 1, 3], "{}", stage.text());
}

#[test]
fn a_process_is_followed_until_it_ends() {
    let mut stage = changing(&[
        &[(1, 50.0), (2, 20.0)],
        &[(1, 0.0), (2, 90.0)],
        &[(2, 90.0)],
    ]);
    stage.keys("F");
    assert!(
        stage.text().contains(" following 1 program-1 "),
        "{}",
        stage.text()
    );
    next_reading(&mut stage);
    let chosen = |stage: &Stage| {
        stage
            .app
            .screens
            .processes
            .table
            .selected
            .clone()
            .unwrap()
            .pid
    };
    assert_eq!((table(&stage).1, chosen(&stage)), (vec![2, 1], 1));
    next_reading(&mut stage);
    assert!(
        stage.text().contains(" 1 program-1 is not in this list "),
        "{}",
        stage.text()
    );
    stage.key(KeyCode::F(9));
    assert!(stage.app.popups.is_empty(), "no other process is meant");
    assert!(
        stage.text().contains("choose a process first"),
        "{}",
        stage.text()
    );
    stage.key(KeyCode::Up);
    assert!(
        !stage.text().contains("program-1 is not"),
        "{}",
        stage.text()
    );
}

#[test]
fn the_first_row_is_chosen_until_a_person_chooses_another() {
    let mut stage = changing(&[&[(1, 50.0), (2, 20.0)], &[(1, 0.0), (2, 90.0)]]);
    let chosen = |stage: &Stage| {
        stage
            .app
            .screens
            .processes
            .table
            .selected
            .clone()
            .unwrap()
            .pid
    };
    assert_eq!(chosen(&stage), 1);
    next_reading(&mut stage);
    assert_eq!((table(&stage).1, chosen(&stage)), (vec![2, 1], 2));
}

#[test]
fn an_act_is_about_all_that_are_tagged_and_names_each() {
    let mut stage = processes();
    stage.keys("gg  ");
    assert!(stage.text().contains("2 tagged of "), "{}", stage.text());
    stage.key(KeyCode::F(9));
    assert!(stage.text().contains("2 processes: "), "{}", stage.text());
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("Send TERM to 2 processes (") && text.contains("on web-01?"),
        "{text}"
    );
    stage.keys("y");
    let Some(sent @ Change::SignalAll(..)) = change(&mut stage) else {
        panic!("{:?}", stage.effects);
    };
    let Change::SignalAll(processes, SignalName::Term, None) = &sent else {
        panic!("{sent:?}");
    };
    let result = |place: usize, outcome| ProcessActResult {
        pid: processes[place].identity.pid,
        start_ticks: processes[place].identity.start_ticks,
        outcome,
        ended: Some(true),
        killed: None,
        nice_before: None,
        code: None,
        message: (outcome == ActOutcome::Refused).then(|| "the policy forbids it".to_owned()),
        remedy: None,
    };
    let results = vec![result(0, ActOutcome::Done), result(1, ActOutcome::Refused)];
    let outcome = Ok(ChangeOutcome::Processes(ProcessActResults { results }));
    let news = FeedEvent::Changed(sent.clone(), outcome);
    stage.send(AppMessage::Host(0, Box::new(news)));
    let text = stage.text();
    for part in ["result on web-01", "it has ended", "the policy forbids it"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    stage.keys("jx");
    assert_eq!(stage.app.popups.len(), 1, "a stray key does not close it");
    stage.key(KeyCode::Esc);
    stage.keys("U");
    assert!(!stage.text().contains("tagged of"), "{}", stage.text());
}

#[test]
fn tagged_units_are_acted_on_one_by_one_after_one_question() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Units);
    stage.keys("  r");
    let text = stage.text();
    assert!(
        text.contains("Restart 2 units (") && text.contains("certbot.service"),
        "{text}"
    );
    stage.keys("y");
    let sent = stage.effects.iter();
    let sent =
        sent.filter(|it| matches!(it, Effect::Change(0, Change::Unit(_, UnitVerb::Restart))));
    assert_eq!(sent.count(), 2);
}
