//! The log of a host: the newest line, older pages, and which lines are shown.

use std::time::Duration;

use crossterm::event::KeyCode;
use linux_api_tui::demo;
use linux_api_tui::query::AnyResponse;
use linux_api_tui::screen::View;
use linux_api_wire::api::units::UnitLogLine;
use linux_api_wire::time::ManualClock;

use super::deeds::{changed, rows};
use super::stage::{Stage, scripted};
use super::truth::SIZE;

#[test]
fn the_log_of_a_unit_is_one_key_away() {
    for (on_page, key) in [(false, "l"), (true, "l")] {
        let mut stage = Stage::one(SIZE);
        stage.show(View::Units);
        stage.keys("/nginx");
        stage.key(KeyCode::Enter);
        if on_page {
            stage.key(KeyCode::Enter);
        }
        stage.keys(key);
        assert_eq!(stage.app.view, View::Logs);
        let text = stage.text();
        assert!(
            text.contains(" filter: nginx.service ") && text.contains("nginx[342]"),
            "{text}"
        );
        assert!(!text.contains("sshd"), "{text}");
        stage.key(KeyCode::Esc);
        assert!(stage.text().contains("sshd"), "{}", stage.text());
    }
}

#[test]
fn the_page_of_a_unit_ends_with_the_newest_line_of_its_log() {
    let mut stage = changed(|data| {
        if let AnyResponse::Unit(unit) = data {
            let line = |number: u32| UnitLogLine {
                time: "2026-11-23T07:02:00Z".to_owned(),
                priority: Some(6),
                message: format!("line {number}."),
            };
            unit.log = Some((0..100).map(line).collect());
        }
    });
    stage.show(View::Units);
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("line 99.") && !text.contains("line 1."),
        "{text}"
    );
}

#[test]
fn the_newest_line_is_at_the_bottom_and_older_pages_come_on_the_way_up() {
    let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
    let (host, source) = demo::fleet(&clock.clock()).remove(0);
    let mut stage = Stage::new(vec![(host, scripted(source))], SIZE);
    stage.show(View::Logs);
    let newest = |stage: &Stage| rows(stage).pop().unwrap();
    let chosen = |stage: &Stage| stage.app.screens.logs.table.selected.clone();
    assert!(
        stage.text().contains("200 lines, follows the newest"),
        "{}",
        stage.text()
    );
    let first = newest(&stage);
    // New lines come, each once.
    let poll_again = |stage: &mut Stage| {
        clock.advance(Duration::from_secs(14));
        stage.show(View::Overview);
        stage.show(View::Logs);
    };
    poll_again(&mut stage);
    assert!(
        stage.text().contains("202 lines, follows"),
        "{}",
        stage.text()
    );
    assert_ne!(newest(&stage), first);
    // On the way up it stays, and older pages are put before what is held.
    for _ in 0..10 {
        stage.key(KeyCode::PageUp);
    }
    assert!(
        stage.text().contains("402 lines, stays here"),
        "{}",
        stage.text()
    );
    let before = (chosen(&stage), rows(&stage));
    poll_again(&mut stage);
    assert_eq!((chosen(&stage), rows(&stage)), before);
    for _ in 0..200 {
        stage.key(KeyCode::PageUp);
    }
    let text = stage.text();
    assert!(text.contains("1998 lines, stays here"), "{text}");
    assert!(text.contains("from the first one on"), "{text}");
    stage.key(KeyCode::End);
    poll_again(&mut stage);
    let text = stage.text();
    assert!(text.contains("2002 lines, follows the newest"), "{text}");
}

#[test]
fn lines_are_narrowed_by_unit_priority_and_pattern() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Logs);
    stage.keys("p");
    let text = stage.text();
    assert!(
        text.contains(" filter: errors ") && !text.contains(" info "),
        "{text}"
    );
    stage.keys("u");
    stage.keys("nginx");
    stage.key(KeyCode::Enter);
    stage.keys("/timed out");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains(" filter: nginx.service, errors, grep timed out "),
        "{text}"
    );
    assert!(
        text.contains("upstream timed out") && !text.contains("certbot["),
        "{text}"
    );
    stage.key(KeyCode::Esc);
    assert!(!stage.text().contains(" filter: "), "{}", stage.text());
}

#[test]
fn who_may_not_read_logs_is_told_why() {
    let mut stage = changed(|data| {
        if let AnyResponse::Me(me) = data {
            me.user_perm.scopes = vec!["host:read".to_owned()];
        }
    });
    stage.show(View::Logs);
    assert!(
        stage.text().contains("needs scope logs:read"),
        "{}",
        stage.text()
    );
    stage.show(View::Units);
    stage.keys("l");
    assert_eq!(stage.app.view, View::Units);
    assert!(
        stage.text().contains("unit-log: needs scope logs:read"),
        "{}",
        stage.text()
    );
}
