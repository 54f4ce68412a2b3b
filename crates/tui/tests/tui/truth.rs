//! What the dashboard says is so: heading, badge and rows fit together, and so do the header, the
//! dimming and the badge of old data, whatever comes late, fails, or is held still.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use linux_api_client::error::ClientError;
use linux_api_tui::demo;
use linux_api_tui::message::{AppMessage, Effect, FeedEvent};
use linux_api_tui::query::{
    AnyQuery, AnyResponse, ProcessDetailQuery, ProcessQuery, ProcessRows, SnapshotQuery,
};
use linux_api_tui::screen::View;
use linux_api_wire::api::processes::Process;
use ratatui::style::Color;

use super::stage::{Responder, Stage, offline, refused, script};

pub(crate) const SIZE: (u16, u16) = (80, 24);
const HOST_VIEWS: [View; 6] = [
    View::Overview,
    View::Processes,
    View::Api,
    View::Health,
    View::Users,
    View::History,
];

/// A script that can be made to fall silent, or to fail.
#[derive(Clone, Default)]
struct Switch {
    is_silent: Rc<Cell<bool>>,
    error: Rc<RefCell<Option<ClientError>>>,
}

impl Switch {
    fn answer(&self) -> impl Fn(&AnyQuery) -> Option<Result<AnyResponse, ClientError>> + 'static {
        let this = self.clone();
        let script = script();
        move |wanted| {
            if this.is_silent.get() {
                return None;
            }
            let error = this.error.borrow().clone();
            Some(error.map_or_else(|| script.respond(wanted), Err))
        }
    }
}

pub(crate) fn ctrl(stage: &mut Stage, letter: char) {
    let event = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    stage.send(AppMessage::Key(event));
}

fn answer(stage: &mut Stage, wanted: AnyQuery, result: Result<AnyResponse, ClientError>) {
    stage.send(AppMessage::Host(
        0,
        Box::new(FeedEvent::Response(wanted, result)),
    ));
}

/// The lines of the screen, without the quotes around them.
pub(crate) fn lines(stage: &Stage) -> Vec<String> {
    let text = stage.text();
    text.lines()
        .map(|it| it.trim_matches('"').to_owned())
        .collect()
}

/// The heading of the process table and the numbers of its rows, down to the summary.
pub(crate) fn table(stage: &Stage) -> (String, Vec<u32>) {
    let lines = lines(stage);
    let start = lines.iter().position(|it| it.contains("PID USER")).unwrap();
    let numbers = lines[start + 1..].iter();
    let numbers = numbers.map_while(|line| line.split_whitespace().next()?.parse().ok());
    (lines[start].clone(), numbers.collect())
}

fn process(pid: u32, cpu: f64, memory: u64, user: &str) -> Process {
    Process {
        pid,
        name: format!("program-{pid}"),
        command: format!("program-{pid}"),
        user: Some(user.to_owned()),
        state: "sleeping".to_owned(),
        cpu_percent: Some(cpu),
        memory_bytes: memory << 20,
        start_time: "2026-11-23T06:00:00Z".to_owned(),
        ..Process::default()
    }
}

/// Three processes: by CPU 11 12 13, by memory 13 11 12.
fn three() -> Vec<Process> {
    vec![
        process(11, 90.0, 20, "root"),
        process(12, 50.0, 10, "alice"),
        process(13, 10.0, 30, "alice"),
    ]
}

/// A host whose first response to a list of processes is the last one.
fn with_three(total: usize) -> Stage {
    let script = script();
    let asked = Cell::new(false);
    let mut stage = Stage::answering(SIZE, move |wanted| match wanted {
        AnyQuery::Processes(_) if asked.replace(true) => None,
        AnyQuery::Processes(_) => Some(Ok(rows(three(), total))),
        other => Some(script.respond(other)),
    });
    stage.show(View::Processes);
    stage
}

fn rows(items: Vec<Process>, total: usize) -> AnyResponse {
    AnyResponse::Processes(ProcessRows { total, items })
}

fn query(stage: &Stage) -> ProcessQuery {
    stage.app.process_query(false)
}

#[test]
fn a_host_that_is_switched_to_is_polled_at_once_and_old_until_it_responds() {
    let switch = Switch::default();
    let start = "2026-11-23T07:02:00Z".parse().unwrap();
    let clock = linux_api_wire::time::ManualClock::at(start);
    let hosts = demo::fleet(&clock.clock()).into_iter().take(2);
    let hosts = hosts.map(|(host, _)| (host, Box::new(switch.answer()) as Responder));
    let mut stage = Stage::new(hosts.collect(), SIZE);
    stage.key(KeyCode::Enter);
    switch.is_silent.set(true);
    stage.wait(Duration::from_secs(30));
    stage.effects.clear();
    ctrl(&mut stage, 'n');
    assert!(
        stage.effects.contains(&Effect::Reload(1)),
        "{:?}",
        stage.effects
    );
    let header = lines(&stage).remove(0);
    assert!(
        header.contains("web-02") && !header.contains('●'),
        "{header}"
    );
    assert!(stage.text().contains("STALE 30 s"), "{}", stage.text());
    // The response to that.
    let snapshot = script().respond(&AnyQuery::Snapshot(SnapshotQuery));
    for news in [
        FeedEvent::Up(Duration::from_millis(5)),
        FeedEvent::Response(AnyQuery::Snapshot(SnapshotQuery), snapshot),
    ] {
        stage.send(AppMessage::Host(1, Box::new(news)));
    }
    let header = lines(&stage).remove(0);
    assert!(header.contains("● 5 ms"), "{header}");
    assert!(!stage.text().contains("STALE"), "{}", stage.text());
}

/// Header, dimming and badge come from one value, at any age and in any state.
#[test]
fn what_is_old_is_old_everywhere() {
    for (seconds, is_down) in [(1, false), (7, false), (9, false), (3, true), (60, true)] {
        for view in HOST_VIEWS {
            let switch = Switch::default();
            let mut stage = Stage::answering(SIZE, switch.answer());
            stage.show(view);
            switch.is_silent.set(true);
            if is_down {
                let news = FeedEvent::Down {
                    error: offline(),
                    retry_in: Duration::from_secs(8),
                };
                stage.send(AppMessage::Host(0, Box::new(news)));
            }
            stage.wait(Duration::from_secs(seconds));
            let text = stage.text();
            let is_green = text.lines().next().unwrap().contains('●');
            assert_eq!(
                is_green,
                !text.contains("STALE"),
                "{view:?} {seconds}: {text}"
            );
            assert_eq!(
                is_green,
                !is_down && seconds <= 8,
                "{view:?} {seconds}: {text}"
            );
        }
    }
}

fn status(status: u16, code: &str, detail: &str) -> ClientError {
    ClientError::Refused {
        address: "https://web-01.example:8443".to_owned(),
        status,
        code: code.to_owned(),
        detail: detail.to_owned(),
        retry_after: None,
    }
}

#[test]
fn a_key_that_is_revoked_is_said_in_red_on_every_view() {
    for error in [
        refused(),
        status(403, "user_inactive", "The user is not active."),
        status(503, "database_unavailable", "The database is away."),
        offline(),
    ] {
        let switch = Switch::default();
        for view in HOST_VIEWS {
            let mut stage = Stage::answering(SIZE, switch.answer());
            stage.show(view);
            assert!(lines(&stage)[0].contains('●'), "{}", stage.text());
            if matches!(error, ClientError::Offline { .. }) {
                let retry_in = Duration::from_secs(8);
                let error = error.clone();
                stage.send(AppMessage::Host(
                    0,
                    Box::new(FeedEvent::Down { error, retry_in }),
                ));
            } else {
                answer(
                    &mut stage,
                    AnyQuery::Snapshot(SnapshotQuery),
                    Err(error.clone()),
                );
            }
            let header = lines(&stage).remove(0);
            assert!(header.contains(&error.in_short()), "{view:?}: {header}");
            assert!(!header.contains('●'), "{view:?}: {header}");
            assert!(stage.text().contains("STALE 0 s"), "{}", stage.text());
            let screen = stage.screen();
            let first = &screen.buffer()[(0, 0)];
            assert_eq!(first.fg, Color::Red, "{view:?}");
        }
    }
    let mut stage = Stage::fleet(SIZE);
    answer(
        &mut stage,
        AnyQuery::Snapshot(SnapshotQuery),
        Err(refused()),
    );
    let header = lines(&stage).remove(0);
    assert!(header.contains("2 down: web-01 401 The key"), "{header}");
}

/// What one view may not read says nothing about the others.
#[test]
fn a_scope_that_is_missing_is_said_where_it_is_missed() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| match wanted {
        AnyQuery::Snapshot(SnapshotQuery) | AnyQuery::Processes(_) => Some(Err(status(
            403,
            "scope_missing",
            "This key lacks the scope host:read",
        ))),
        other => Some(script.respond(other)),
    });
    stage.show(View::Api);
    assert!(lines(&stage)[0].contains('●'), "{}", stage.text());
    stage.show(View::Overview);
    assert!(
        lines(&stage)[0].contains("lacks the scope"),
        "{}",
        stage.text()
    );
}

#[test]
fn what_is_held_is_sorted_and_filtered_before_the_response_comes() {
    let mut stage = with_three(3);
    assert_eq!(table(&stage).1, [11, 12, 13]);
    stage.keys("M");
    let (heading, numbers) = table(&stage);
    assert!(
        heading.contains("RES▼") && !heading.contains("CPU%▼"),
        "{heading}"
    );
    assert_eq!(numbers, [13, 11, 12]);
    stage.keys("I");
    assert_eq!(table(&stage).1, [12, 11, 13]);
    stage.keys("/user = alice");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert_eq!(table(&stage).1, [12, 13], "{text}");
    assert!(
        text.contains(" filter: user = alice ") && text.contains("2 processes"),
        "{text}"
    );
}

#[test]
fn a_list_that_was_cut_says_what_its_order_covers() {
    let mut stage = with_three(340);
    assert!(stage.text().contains("340 processes"), "{}", stage.text());
    stage.keys("M");
    let text = stage.text();
    assert!(text.contains("3 processes held, 340 on the host"), "{text}");
    stage.keys("/user = alice");
    let text = stage.text();
    assert!(
        text.contains("2 of 3 processes held, 340 on the host"),
        "{text}"
    );
}

#[test]
fn frozen_rows_are_sorted_and_filtered_where_they_are() {
    let mut stage = with_three(3);
    stage.keys("fM");
    let (heading, numbers) = table(&stage);
    assert!(heading.contains("RES▼"), "{heading}");
    assert_eq!(numbers, [13, 11, 12]);
    stage.keys("/user = root");
    stage.key(KeyCode::Enter);
    assert_eq!(table(&stage).1, [11]);
    // Another filter than the one that the held rows were picked by.
    stage.keys("/");
    for _ in 0..20 {
        stage.key(KeyCode::Backspace);
    }
    stage.keys("cgroup = \"/init.scope\"");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert_eq!(table(&stage).1, [13, 11, 12], "{text}");
    assert!(
        text.contains("not filtered") && !text.contains(" filter: "),
        "{text}"
    );
}

#[test]
fn rows_that_were_picked_by_the_host_say_so_when_the_filter_goes() {
    let script = script();
    let asked = Cell::new(false);
    let mut stage = Stage::answering(SIZE, move |wanted| match wanted {
        AnyQuery::Processes(query) if query.filter.contains("alice") => {
            asked.set(true);
            Some(Ok(rows(three().split_off(1), 2)))
        }
        AnyQuery::Processes(_) => (!asked.get()).then(|| Ok(rows(three(), 3))),
        other => Some(script.respond(other)),
    });
    stage.show(View::Processes);
    stage.keys("/user = alice");
    stage.key(KeyCode::Enter);
    assert!(stage.text().contains("2 processes"), "{}", stage.text());
    stage.keys("f");
    stage.key(KeyCode::Esc);
    let text = stage.text();
    assert_eq!(table(&stage).1, [12, 13], "{text}");
    assert!(text.contains("picked by: user = alice"), "{text}");
}

#[test]
fn frozen_views_never_wait() {
    for view in HOST_VIEWS {
        let mut stage = Stage::one(SIZE);
        stage.show(View::Processes);
        stage.keys("f");
        stage.show(view);
        stage.wait(Duration::from_secs(20));
        let text = stage.text();
        let waits = ["asking", "waiting", "connecting", "nothing is stored"];
        let waits = waits.into_iter().find(|it| text.contains(it));
        assert_eq!(waits, None, "{view:?}: {text}");
        assert!(
            text.contains("FROZEN") && !text.contains("STALE"),
            "{view:?}: {text}"
        );
    }
    // Of another series nothing is held.
    let mut stage = Stage::one(SIZE);
    stage.show(View::History);
    stage.keys("fjj");
    assert!(
        stage.text().contains("frozen before this was loaded"),
        "{}",
        stage.text()
    );
}

#[test]
fn a_host_that_fails_while_frozen_says_so() {
    let mut stage = Stage::one(SIZE);
    stage.keys("f");
    let cpu = |stage: &Stage| lines(stage)[2].clone();
    let before = cpu(&stage);
    answer(
        &mut stage,
        AnyQuery::Snapshot(SnapshotQuery),
        Err(refused()),
    );
    assert!(lines(&stage)[0].contains("401"), "{}", stage.text());
    assert_eq!(cpu(&stage), before, "the readings stay");
    assert_eq!(stage.app.host().trail.len(), 1, "and so does the graph");
}

#[test]
fn a_late_response_is_never_shown_for_a_newer_query() {
    let mut stage = with_three(3);
    let old = query(&stage);
    stage.keys("M");
    let new = query(&stage);
    let other = || rows(vec![process(77, 1.0, 1, "root")], 1);
    answer(&mut stage, AnyQuery::Processes(old.clone()), Ok(other()));
    assert_eq!(
        table(&stage).1,
        [13, 11, 12],
        "it answers what is no longer asked"
    );
    answer(&mut stage, AnyQuery::Processes(old.clone()), Err(refused()));
    assert!(!stage.text().contains("401"), "{}", stage.text());
    answer(&mut stage, AnyQuery::Processes(new), Ok(rows(three(), 3)));
    answer(&mut stage, AnyQuery::Processes(old), Ok(other()));
    assert_eq!(table(&stage).1, [11, 12, 13], "in the order of the host");
}

#[test]
fn that_one_process_ended_says_nothing_about_another() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| match wanted {
        AnyQuery::Processes(_) => Some(Ok(rows(three(), 3))),
        AnyQuery::Process(ProcessDetailQuery(11)) => {
            Some(Err(status(404, "process_not_found", "There is none.")))
        }
        AnyQuery::Process(_) => None,
        other => Some(script.respond(other)),
    });
    stage.show(View::Processes);
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("has ended") && lines(&stage)[0].contains('●'),
        "{text}"
    );
    stage.key(KeyCode::Esc);
    stage.key(KeyCode::Down);
    stage.key(KeyCode::Enter);
    assert!(!stage.text().contains("has ended"), "{}", stage.text());
}

#[test]
fn the_overview_shows_its_rows_by_cpu_or_says_what_they_are() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| match wanted {
        AnyQuery::Processes(query) if query.sort == "memory_bytes" => {
            let mut by_memory = three();
            by_memory.sort_by_key(|it| std::cmp::Reverse(it.memory_bytes));
            Some(Ok(rows(by_memory, 340)))
        }
        AnyQuery::Processes(_) => None,
        other => Some(script.respond(other)),
    });
    stage.show(View::Processes);
    stage.keys("M");
    assert_eq!(table(&stage).1, [13, 11, 12]);
    stage.show(View::Overview);
    let (heading, numbers) = table(&stage);
    assert!(heading.contains("CPU%▼"), "{heading}");
    assert_eq!(numbers[..3], [11, 12, 13]);
    assert!(
        stage.text().contains("held, 340 on the host"),
        "{}",
        stage.text()
    );
}

/// The next minute, or a longer page, meets the same error: it does not come and go.
#[test]
fn an_error_stays_while_nothing_better_is_known() {
    let script = script();
    let asked = Cell::new(0);
    let mut stage = Stage::answering(SIZE, move |wanted| match wanted {
        AnyQuery::History(_) => {
            asked.set(asked.get() + 1);
            let error = status(503, "database_unavailable", "The database is away.");
            (asked.get() == 1).then_some(Err(error))
        }
        other => Some(script.respond(other)),
    });
    stage.show(View::History);
    assert!(lines(&stage)[0].contains("503"), "{}", stage.text());
    stage.keys("-");
    assert!(lines(&stage)[0].contains("503"), "{}", stage.text());
    // Another series may be well.
    stage.key(KeyCode::Down);
    assert!(!lines(&stage)[0].contains("503"), "{}", stage.text());
}
