//! The ways to control the dashboard besides its keys: mouse, commands, presets, memory.

use std::time::Duration;

use crossterm::event::{KeyCode, MouseButton, MouseEventKind};
use linux_api_tui::keymap::Keymap;
use linux_api_tui::message::Effect;
use linux_api_tui::screen::View;
use linux_api_tui::theme::{Depth, Theme};
use linux_api_wire::tui::{Preset, ThemeName};

use super::stage::Stage;

const SIZE: (u16, u16) = (80, 24);

#[test]
fn the_mouse_chooses_opens_sorts_and_zooms() {
    let left = MouseEventKind::Down(MouseButton::Left);
    let mut stage = Stage::fleet(SIZE);
    let text = stage.text();
    let row = text
        .lines()
        .position(|line| line.starts_with("\"db-01"))
        .unwrap();
    let row = u16::try_from(row).unwrap();
    stage.mouse(left, 2, row);
    assert_eq!(stage.app.host().name, "db-01");
    stage.mouse(left, 2, row);
    assert_eq!(stage.app.view, View::Overview, "the chosen row opens");
    // The tab of the processes, and its third row.
    stage.mouse(left, 15, 1);
    assert_eq!(stage.app.view, View::Processes);
    let before = stage.app.screens.processes.table.sort;
    stage.mouse(left, 3, 2);
    assert_ne!(
        stage.app.screens.processes.table.sort, before,
        "the title sorts"
    );
    stage.mouse(left, 20, 4);
    let chosen = stage.app.screens.processes.table.selected.clone();
    stage.mouse(left, 20, 4);
    assert_eq!(stage.app.screens.process.opened, chosen);
    stage.show(View::History);
    let span = stage.app.screens.history.span;
    stage.mouse(MouseEventKind::ScrollUp, 60, 10);
    assert!(stage.app.screens.history.span < span);
    stage.mouse(MouseEventKind::ScrollDown, 5, 10);
    assert_eq!(
        stage.app.screens.history.table.selected,
        Some("cpu.iowait_percent")
    );
    // Over a question the mouse does nothing, over the help it scrolls.
    stage.keys("?");
    stage.mouse(left, 2, 1);
    stage.mouse(MouseEventKind::ScrollDown, 2, 5);
    assert!(
        stage.text().contains("keys of History, 4 to"),
        "{}",
        stage.text()
    );
}

#[test]
fn only_the_sixteen_colours_are_used_and_none_without_colour() {
    use ratatui::style::Color;

    for view in View::ALL {
        for colour in [true, false] {
            let mut stage = Stage::fleet((160, 48));
            stage.app.settings.theme = Theme::new(ThemeName::Default, colour, false);
            stage.show(*view);
            for cell in stage.screen().buffer().content() {
                for used in [cell.fg, cell.bg] {
                    let is_fine = match used {
                        Color::Reset => true,
                        Color::Rgb(..) | Color::Indexed(_) => false,
                        _ => colour,
                    };
                    assert!(is_fine, "{view:?}: {used:?}");
                }
            }
        }
    }
}

#[test]
fn themes_are_changed_by_command_and_without_colour_none_comes_back() {
    let mut stage = Stage::one(SIZE);
    let before = stage.app.settings.theme.accent;
    stage.keys(":theme light");
    stage.key(KeyCode::Enter);
    assert_ne!(stage.app.settings.theme.accent, before);
    stage.app.settings.display.terminal.depth = Depth::Mono;
    stage.keys(":theme default");
    stage.key(KeyCode::Enter);
    assert_eq!(stage.app.settings.theme.accent.fg, None);
    stage.keys(":theme pink");
    stage.key(KeyCode::Enter);
    assert!(stage.text().contains("theme: "), "{}", stage.text());
}

#[test]
fn commands_change_pace_host_mouse_and_order() {
    let mut stage = Stage::fleet(SIZE);
    stage.keys(":rate 7s");
    stage.key(KeyCode::Enter);
    assert_eq!(stage.app.settings.every, Duration::from_secs(7));
    stage.keys(":host db");
    stage.key(KeyCode::Enter);
    assert_eq!(stage.app.host().name, "db-01");
    stage.keys(":mouse off");
    stage.key(KeyCode::Enter);
    assert_eq!(stage.effects.pop(), Some(Effect::Mouse(false)));
    stage.keys(":processes");
    stage.key(KeyCode::Enter);
    stage.keys(":sort mem%");
    stage.key(KeyCode::Enter);
    assert!(stage.text().contains("MEM%▼"), "{}", stage.text());
    stage.keys(":nonsense");
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains("there is no command"),
        "{}",
        stage.text()
    );
}

#[test]
fn the_keys_of_htop_are_those_of_htop() {
    let mut stage = Stage::one(SIZE);
    stage.app.settings.keymap = Keymap::built_in(Preset::Htop);
    stage.show(View::Processes);
    stage.key(KeyCode::F(5));
    assert!(stage.app.screens.processes.tree);
    let chosen = stage.app.screens.processes.table.selected.clone();
    stage.keys("j");
    assert_eq!(
        stage.app.screens.processes.table.selected, chosen,
        "j means nothing"
    );
    stage.keys("h");
    assert!(
        stage.text().contains("keys of Processes"),
        "{}",
        stage.text()
    );
    stage.key(KeyCode::Esc);
    stage.key(KeyCode::F(10));
    assert_eq!(stage.effects.pop(), Some(Effect::Quit));
}

#[test]
fn sorting_and_range_are_remembered_too() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Api);
    stage.keys("<I");
    stage.show(View::History);
    stage.keys("-");
    stage.key(KeyCode::Down);
    let memory = stage.app.remember();
    let mut next = Stage::one(SIZE);
    next.app.recall(&memory);
    assert_eq!(
        next.app.screens.api.table.sort,
        stage.app.screens.api.table.sort
    );
    assert_eq!(
        next.app.screens.history.span,
        stage.app.screens.history.span
    );
    let series = |stage: &Stage| stage.app.history_query(stage.app.host()).series;
    assert_eq!(series(&next), series(&stage));
}

#[test]
fn views_are_remembered_from_run_to_run() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Processes);
    stage.keys("Mt");
    let memory = stage.app.remember();
    let mut next = Stage::one(SIZE);
    next.app.recall(&memory);
    assert_eq!(next.app.view, View::Processes);
    assert!(next.app.screens.processes.tree);
    assert_eq!(
        next.app.screens.processes.table.sort,
        stage.app.screens.processes.table.sort
    );
    next.app.recall("nonsense = [");
    assert_eq!(next.app.view, View::Processes);
}

/// The titles in the heading of the table, with where each ends; a title may have one space.
fn titles(stage: &Stage) -> Vec<(String, u16)> {
    let text = stage.text();
    let heading = text.lines().nth(2).unwrap().trim_matches('"');
    let heading = heading.replace("BY MINUTE", "BY_MINUTE");
    let mut titles: Vec<(String, u16)> = Vec::new();
    let mut is_within = false;
    for (x, character) in (0..).zip(heading.chars()) {
        match titles.last_mut() {
            _ if character == ' ' => is_within = false,
            Some((title, end)) if is_within => {
                title.push(character);
                *end = x;
            }
            _ => {
                titles.push((character.to_string(), x));
                is_within = true;
            }
        }
    }
    titles
}

/// Columns are as wide as the terminal has room for; a click meets the one that is drawn there.
#[test]
fn a_click_on_a_heading_sorts_by_what_stands_there() {
    let left = MouseEventKind::Down(MouseButton::Left);
    for width in [60, 71, 80, 112, 160] {
        for (view, others) in [
            (View::Fleet, &["20m", "FULLEST", "LABELS"][..]),
            (View::Processes, &["TREND"]),
            (View::Api, &["BY_MINUTE"]),
        ] {
            let mut stage = Stage::fleet((width, 24));
            stage.show(view);
            for place in 0..titles(&stage).len() {
                let (title, end) = titles(&stage).remove(place);
                let title = title.trim_end_matches(['▲', '▼', '…']).to_owned();
                stage.mouse(left, end, 2);
                let (after, _) = titles(&stage).remove(place);
                let is_marked = after.contains(['▲', '▼', '…']);
                let can_sort = !others.contains(&title.as_str());
                assert_eq!(is_marked, can_sort, "{view:?} {width} {title}: {after}");
            }
        }
    }
}
