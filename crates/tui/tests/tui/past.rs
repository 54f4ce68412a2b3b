//! The past: several series and hosts on one axis, an earlier time behind it, a cursor, starts of the host.

use std::time::Duration;

use crossterm::event::{KeyCode, MouseButton, MouseEventKind};
use linux_api_tui::screen::View;

use super::stage::Stage;

const SIZE: (u16, u16) = (160, 48);

fn past() -> Stage {
    let mut stage = Stage::one(SIZE);
    stage.show(View::History);
    stage
}

fn title(stage: &Stage) -> String {
    let text = stage.text();
    text.lines().nth(2).unwrap().to_owned()
}

#[test]
fn tagged_series_of_one_unit_are_on_one_axis_and_others_on_their_own() {
    let mut stage = past();
    // The chosen one goes on, and stays with the tagged ones.
    stage.keys("  ");
    let text = stage.text();
    assert!(title(&stage).contains("┌ 3 curves"), "{text}");
    assert!(text.contains("━━ cpu.user_percent"), "{text}");
    stage.keys("/load.one");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(title(&stage).contains("┌ 2 curves"), "{text}");
    let boxes = text
        .lines()
        .filter(|line| line.contains("┌ load.one"))
        .count();
    assert_eq!(boxes, 1, "{text}");
    let query = stage.app.history_query(stage.app.host());
    assert_eq!(
        query.series,
        ["cpu.usage_percent", "cpu.user_percent", "load.one"]
    );
    stage.keys("U");
    let query = stage.app.history_query(stage.app.host());
    assert_eq!(query.series, ["load.one"]);
}

#[test]
fn hosts_that_are_tagged_in_the_fleet_are_on_one_axis() {
    let mut stage = Stage::fleet(SIZE);
    stage.keys("/web-0");
    stage.key(KeyCode::Enter);
    stage.keys("gg    ");
    stage.key(KeyCode::Esc);
    stage.show(View::History);
    let text = stage.text();
    assert!(title(&stage).contains("cpu.usage_percent"), "{text}");
    for name in ["web-01", "web-02"] {
        assert!(text.contains(&format!("━━ {name} ")), "{name}: {text}");
    }
}

#[test]
fn the_cursor_says_time_and_value_and_enter_zooms_there() {
    let mut stage = past();
    stage.key(KeyCode::Left);
    let first = title(&stage);
    assert!(first.contains(" at 2026-11-23 07:0"), "{first}");
    for _ in 0..30 {
        stage.keys("h");
    }
    let earlier = title(&stage);
    assert!(earlier.contains(" at 2026-11-23 06:4"), "{earlier}");
    assert!(stage.text().contains("max "), "{}", stage.text());
    stage.keys("l");
    assert_ne!(title(&stage), earlier);
    stage.key(KeyCode::Enter);
    assert_eq!(stage.app.screens.history.span, Duration::from_mins(30));
    let query = stage.app.history_query(stage.app.host());
    let middle = query.from.saturating_add(Duration::from_mins(15));
    let text = middle.to_string();
    assert!(text.starts_with("2026-11-23T06:4"), "{text}");
    stage.key(KeyCode::Esc);
    assert!(!title(&stage).contains(" at "), "{}", title(&stage));
    assert_eq!(stage.app.view, View::History, "Esc ends the cursor first");
    // A click points at the column that it meets.
    stage.mouse(MouseEventKind::Down(MouseButton::Left), 100, 20);
    assert!(
        title(&stage).contains(" at 2026-11-23 06:"),
        "{}",
        title(&stage)
    );
    // Where nothing is stored, nothing is said to be there.
    let mut stage = past();
    stage.keys("-");
    // Of three hours up to 07:02 the column of about 06:36.
    stage.mouse(MouseEventKind::Down(MouseButton::Left), 141, 20);
    assert!(stage.text().contains("nothing stored"), "{}", stage.text());
}

#[test]
fn an_earlier_time_can_be_laid_behind() {
    let mut stage = past();
    stage.keys("=");
    let text = stage.text();
    assert!(text.contains("a day before"), "{text}");
    stage.key(KeyCode::Left);
    let text = stage.text();
    assert!(
        text.contains("% a day before)"),
        "the value of then: {text}"
    );
    stage.keys("=");
    assert!(stage.text().contains("a week before"), "{}", stage.text());
    stage.keys("=");
    assert!(!stage.text().contains(" before"), "{}", stage.text());
}

#[test]
fn a_start_of_the_host_is_marked() {
    let stage = past();
    let text = stage.text();
    let marks: Vec<usize> = text
        .lines()
        .filter(|line| line.contains('│'))
        .filter_map(|line| line.find('▲'))
        .collect();
    assert_eq!(marks.len(), 1, "{text}");
    assert!(text.contains("▲ a start"), "{text}");
}

#[test]
fn names_are_searched_and_grouped() {
    let mut stage = past();
    let text = stage.text();
    assert!(text.contains("\"cpu.usage_percent"), "{text}");
    assert!(text.contains("\"    user_percent"), "{text}");
    stage.keys("/waited");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("pressure.cpu.some.avg10"),
        "by its meaning: {text}"
    );
    assert!(!text.contains("load.one"), "{text}");
    stage.key(KeyCode::Esc);
    assert!(stage.text().contains("load.one"), "{}", stage.text());
}
