//! What makes work quick: commands with suggestions, a searchable help, searching, copying, results of acts.

use crossterm::event::KeyCode;
use linux_api_client::acts::UnitVerb;
use linux_api_tui::change::{Change, ChangeOutcome};
use linux_api_tui::message::{AppMessage, Effect, FeedEvent};
use linux_api_tui::query::AnyResponse;
use linux_api_tui::screen::View;
use linux_api_wire::api::acts::UnitActResult;
use linux_api_wire::api::units::UnitLogLine;
use linux_api_wire::api_key::Scope;
use ratatui::style::Modifier;

use super::stage::{Stage, script};
use super::truth::{SIZE, lines, table};

pub(crate) fn change(stage: &mut Stage) -> Option<Change> {
    let effects = std::mem::take(&mut stage.effects);
    effects.into_iter().find_map(|effect| match effect {
        Effect::Change(0, change) => Some(change),
        _ => None,
    })
}

pub(crate) fn processes() -> Stage {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Processes);
    stage
}

#[test]
fn a_command_suggests_what_can_follow_it() {
    let mut stage = Stage::fleet(SIZE);
    stage.keys(":host d");
    let text = stage.text();
    assert!(
        text.contains("host db-01") && !text.contains("host cache-01"),
        "{text}"
    );
    stage.key(KeyCode::Tab);
    stage.key(KeyCode::Enter);
    assert_eq!(stage.app.host().name, "db-01");
    stage.show(View::Processes);
    stage.keys(":sort c");
    let text = stage.text();
    assert!(
        text.contains("sort cpu%") && text.contains("sort command"),
        "{text}"
    );
    stage.key(KeyCode::Esc);
    // Alone it is not finished: what must follow is still to be typed.
    stage.keys(":them");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains(":theme ") && text.contains("theme light"),
        "{text}"
    );
    stage.keys("li");
    let before = stage.app.settings.theme.accent;
    stage.key(KeyCode::Enter);
    assert_ne!(stage.app.settings.theme.accent, before);
    stage.keys(":filter cpu > 5");
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains(" filter: cpu > 5 "),
        "{}",
        stage.text()
    );
    stage.keys(":q");
    stage.key(KeyCode::Enter);
    assert_eq!(stage.effects.pop(), Some(Effect::Quit));
}

#[test]
fn commands_come_back_with_up() {
    let mut stage = processes();
    for command in [":sort res", ":sort pid"] {
        stage.keys(command);
        stage.key(KeyCode::Enter);
    }
    stage.keys(":");
    stage.key(KeyCode::Up);
    assert!(
        lines(&stage)[23].starts_with(":sort pid"),
        "{}",
        stage.text()
    );
    stage.key(KeyCode::Up);
    stage.key(KeyCode::Up);
    assert!(
        lines(&stage)[23].starts_with(":sort res"),
        "{}",
        stage.text()
    );
    stage.key(KeyCode::Down);
    stage.key(KeyCode::Down);
    assert_eq!(lines(&stage)[23].trim(), ":");
    stage.key(KeyCode::Up);
    stage.key(KeyCode::Up);
    stage.key(KeyCode::Enter);
    assert!(table(&stage).0.contains("RES▼"), "{}", stage.text());
}

#[test]
fn the_help_is_searched_and_has_more_than_keys() {
    let mut stage = Stage::one((160, 100));
    stage.show(View::Processes);
    stage.keys("?");
    let text = stage.text();
    for part in [
        "colours",
        "click again",
        "cpu > 5 or memory > 1G",
        ":keys htop",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    stage.keys("/nice value");
    let text = stage.text();
    assert!(
        text.contains("nice-lower") && !text.contains("sort-menu"),
        "{text}"
    );
    // Of other views too.
    stage.key(KeyCode::Esc);
    stage.keys("/restart");
    let text = stage.text();
    assert!(
        text.contains("on Units") && text.contains("restart-unit"),
        "{text}"
    );
    stage.key(KeyCode::Esc);
    stage.keys("/qqqq");
    assert!(
        stage.text().contains("no line holds \"qqqq\""),
        "{}",
        stage.text()
    );
    stage.key(KeyCode::Enter);
    stage.key(KeyCode::Esc);
    assert_eq!(stage.app.popups.len(), 1, "Esc ends the search first");
    stage.key(KeyCode::Esc);
    assert!(stage.app.popups.is_empty());
}

#[test]
fn what_became_of_a_unit_comes_with_its_last_log_lines() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Units);
    let log = |message: &str| UnitLogLine {
        time: "2026-11-23T07:02:00Z".to_owned(),
        priority: Some(3),
        message: message.to_owned(),
    };
    let result = UnitActResult {
        unit: "nginx.service".to_owned(),
        job: Some("failed".to_owned()),
        pending: false,
        active: "failed".to_owned(),
        sub: "failed".to_owned(),
        result: Some("exit-code".to_owned()),
        exit_code: Some(1),
        exit_signal: None,
        log: vec![log("bind() failed"), log("emerg: exiting")],
    };
    let change = Change::Unit("nginx.service".to_owned(), UnitVerb::Restart);
    // It does not take the keys of what is being typed.
    stage.keys("/ngi");
    let news = FeedEvent::Changed(change, Ok(ChangeOutcome::Unit(result)));
    stage.send(AppMessage::Host(0, Box::new(news)));
    stage.keys("nx");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("bind() failed") && text.contains("emerg: exiting"),
        "{text}"
    );
    assert!(text.contains("filter: nginx"), "{text}");
    stage.key(KeyCode::Esc);
    assert!(stage.app.popups.is_empty());
}

#[test]
fn a_text_is_searched_for_highlighted_and_found_again() {
    let mut stage = processes();
    stage.keys("n");
    assert!(stage.text().contains("F3 finds a text"), "{}", stage.text());
    stage.key(KeyCode::F(3));
    stage.keys("nginx");
    stage.key(KeyCode::Esc);
    let chosen = |stage: &Stage| stage.app.screens.processes.table.selected.clone();
    let first = chosen(&stage);
    stage.keys("n");
    let second = chosen(&stage);
    assert_ne!(first, second);
    stage.keys("N");
    assert_eq!(chosen(&stage), first);
    let marked = |stage: &Stage| {
        let screen = stage.screen();
        let cells = screen.buffer().content().iter();
        cells
            .filter(|cell| cell.modifier.contains(Modifier::UNDERLINED))
            .count()
    };
    assert!(marked(&stage) >= 3 * 5, "{}", stage.text());
    stage.key(KeyCode::Esc);
    assert_eq!((marked(&stage), stage.app.view), (0, View::Processes));
    // What a filter picked is marked too.
    stage.keys("/name = postgres");
    stage.key(KeyCode::Enter);
    assert!(marked(&stage) >= 3 * 8, "{}", stage.text());
}

#[test]
fn the_chosen_row_is_copied() {
    for (view, wanted) in [(View::Units, "certbot.service"), (View::Users, "admin")] {
        let mut stage = Stage::one(SIZE);
        stage.show(view);
        stage.keys("y");
        assert_eq!(
            stage.effects.pop(),
            Some(Effect::Copy(wanted.to_owned())),
            "{view:?}"
        );
        assert!(stage.text().contains("clipboard"), "{}", stage.text());
    }
    let mut stage = processes();
    stage.keys("y");
    let row = stage.app.host().responses.processes.value().unwrap().items[0]
        .command
        .clone();
    assert_eq!(stage.effects.pop(), Some(Effect::Copy(row)));
}

#[test]
fn a_new_key_has_the_scopes_and_the_end_that_were_chosen() {
    let mut stage = Stage::one((100, 30));
    stage.show(View::Users);
    stage.key(KeyCode::Down);
    stage.keys("c");
    let text = stage.text();
    assert!(text.contains("new key of grafana on web-01"), "{text}");
    // A viewer may not act on units.
    assert!(
        text.contains("host:read") && !text.contains("units:act"),
        "{text}"
    );
    stage.keys("laptop");
    stage.key(KeyCode::Down);
    stage.key(KeyCode::Right);
    stage.key(KeyCode::Right);
    stage.key(KeyCode::Down);
    stage.keys(" ");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("Create the key laptop of grafana on web-01?"),
        "{text}"
    );
    assert!(
        text.contains("It may do host:read, until 2026-11-30 07:02 UTC."),
        "{text}"
    );
    stage.keys("y");
    let Some(Change::CreateKey(_, key)) = change(&mut stage) else {
        panic!("{:?}", stage.effects);
    };
    assert_eq!(
        (key.name.as_str(), key.scopes),
        ("laptop", vec![Scope::HostRead])
    );
}

#[test]
fn long_lines_of_the_journal_are_wrapped_on_demand() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Logs(page) = &mut data
            && let Some(last) = page.items.last_mut()
        {
            last.message = format!("begin {} end-of-it", "word ".repeat(40));
        }
        Some(Ok(data))
    });
    stage.show(View::Logs);
    assert!(!stage.text().contains("end-of-it"), "{}", stage.text());
    stage.keys("w");
    let text = stage.text();
    assert!(
        text.contains("begin") && text.contains("end-of-it"),
        "{text}"
    );
}
