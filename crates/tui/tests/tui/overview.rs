//! The overview: filled from the past, whole at every width, with rows and boxes to choose.

use std::collections::BTreeSet;
use std::time::Duration;

use crossterm::event::{KeyCode, MouseButton, MouseEventKind};
use linux_api_tui::message::{AppMessage, FeedEvent};
use linux_api_tui::query::{AnyQuery, AnyResponse};
use linux_api_tui::screen::View;
use linux_api_wire::snapshot::{Core, Filesystem, Network};
use ratatui::style::Color;

use super::stage::{Stage, offline, script};

const SIZE: (u16, u16) = (160, 48);

/// Cells of dots in a text.
fn dots(text: &str) -> usize {
    let is_dots = |it: &char| ('\u{2801}'..='\u{28ff}').contains(it);
    text.chars().filter(is_dots).count()
}

/// How many cells of the graph of the processors are not empty: those of the line above its times.
fn lowest_line(text: &str) -> usize {
    let times = text.lines().position(|line| line.contains("now")).unwrap();
    let line = text.lines().nth(times - 1).unwrap();
    dots(line.split('│').nth(2).unwrap())
}

/// A host whose names are short and whose figures need the most room.
fn strained(size: (u16, u16)) -> Stage {
    let script = script();
    let mut stage = Stage::answering(size, move |wanted| {
        // As on a daemon without alerts.
        if matches!(wanted, AnyQuery::HostAlerts(_)) {
            return None;
        }
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Past(past) = &mut data {
            let cpu = past
                .series
                .iter_mut()
                .filter(|it| it.name == "cpu.usage_percent");
            for point in cpu.flat_map(|series| &mut series.points) {
                point[1] = 88.4;
            }
        }
        if let AnyResponse::Snapshot(snapshot) = &mut data {
            let cpu = snapshot.cpu.as_mut().unwrap();
            cpu.usage_percent = 88.4;
            cpu.per_core = (0..24)
                .map(|core| Core {
                    core,
                    usage_percent: 1.1 + 4.1 * f64::from(core),
                    frequency_mhz: Some(3_456.0),
                    ..Core::default()
                })
                .collect();
            let filesystem = |number: u64| Filesystem {
                mount_point: format!("/data/{}", (b'a' + u8::try_from(number).unwrap()) as char),
                used_bytes: Some((number * 97) << 30),
                available_bytes: Some((1_100 - number * 97) << 30),
                ..Filesystem::default()
            };
            snapshot.filesystems = Some((0..11).map(filesystem).collect());
            let interface = |number: u32| Network {
                interface: format!("eth{number}"),
                has_device: true,
                received_bytes_per_second: 987_654_321.0 / f64::from(number + 1),
                sent_bytes_per_second: 123_456_789.0 * f64::from(number + 1),
                received_bytes: 1,
                errors: u64::from(number % 2) * 1_234_567,
                ..Network::default()
            };
            snapshot.networks = Some((0..6).map(interface).collect());
            let units = snapshot.units.as_mut().unwrap();
            units.failed = 23;
            units.failed_names = (0..20).map(|it| format!("unit-{it}.service")).collect();
        }
        Some(Ok(data))
    });
    stage.show(View::Overview);
    stage
}

/// What stands between spaces, frames and bars and holds a figure, above the processes.
fn figures(stage: &Stage) -> BTreeSet<String> {
    let text = stage.text();
    let above = text
        .lines()
        .skip(2)
        .take_while(|line| !line.contains(" USER "));
    let is_border = |it: char| !it.is_ascii() && !it.is_alphabetic() && !"▼▲°…".contains(it);
    above
        .flat_map(|line| line.trim_matches('"').split(is_border))
        .flat_map(|piece| piece.split("  "))
        .map(|piece| piece.trim().to_owned())
        .filter(|piece| piece.chars().any(|it| it.is_ascii_digit()))
        .collect()
}

/// A time below a graph, a number of things that are left out, or a number of the value axis.
fn is_scale(figure: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|it| it.is_ascii_digit());
    let bare = figure
        .trim_start_matches('-')
        .trim_end_matches(['s', 'm', 'h', 'd']);
    let axis = bare
        .trim_end_matches("Ki")
        .trim_end_matches("Mi")
        .trim_end_matches("Gi");
    let more = figure
        .strip_prefix('+')
        .and_then(|rest| rest.split(' ').next());
    is_number(bare) || is_number(axis) || more.is_some_and(is_number)
}

#[test]
fn no_value_is_cut_at_any_width() {
    for height in [16, 24, 40, 48] {
        let wide = [
            figures(&strained((240, height))),
            figures(&strained((240, 80))),
            figures(&strained((240, 18))),
            figures(&strained((240, 32))),
            figures(&strained((180, height))),
            figures(&strained((100, 60))),
        ];
        let whole: BTreeSet<String> = wide.into_iter().flatten().collect();
        let mut stage = strained((60, height));
        for width in 60..=240 {
            stage.send(AppMessage::Resize(width, height));
            for figure in figures(&stage) {
                assert!(
                    whole.contains(&figure) || is_scale(&figure),
                    "{width}x{height}: {figure:?}\n{}",
                    stage.text()
                );
            }
        }
    }
}

#[test]
fn what_finds_no_room_is_counted() {
    let text = strained((80, 24)).text();
    assert!(text.contains(" more"), "{text}");
    let text = strained((160, 48)).text();
    let attention = text.lines().find(|line| line.contains("attention 2"));
    assert!(attention.is_some(), "{text}");
    assert!(text.contains('+'), "{text}");
}

#[test]
fn the_first_frame_shows_the_past() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Overview);
    let text = stage.text();
    assert!(lowest_line(&text) > 50, "{text}");
    assert!(text.contains("-10m") && text.contains("now"), "{text}");
}

#[test]
fn without_a_past_the_graph_begins_at_its_right_edge() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        Some(match wanted {
            AnyQuery::Past(_) => Err(super::stage::refused()),
            other => script.respond(other),
        })
    });
    stage.show(View::Overview);
    let text = stage.text();
    let newest: Vec<usize> = text
        .lines()
        .filter(|line| line.contains("┤") || line.contains("│"))
        .filter_map(|line| {
            line.chars()
                .position(|it| ('\u{2801}'..='\u{28ff}').contains(&it))
        })
        .collect();
    assert!(newest.iter().all(|column| *column > 30), "{text}");
    assert!(!text.contains("STALE"), "the past is no reading: {text}");
}

#[test]
fn a_time_without_readings_is_as_wide_as_it_was_long() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Overview);
    let before = lowest_line(&stage.text());
    stage.send(AppMessage::Host(
        0,
        Box::new(FeedEvent::Down {
            error: offline(),
            retry_in: Duration::from_secs(8),
        }),
    ));
    stage.wait(Duration::from_mins(5));
    let after = lowest_line(&stage.text());
    // Half of ten minutes.
    assert!(
        after.abs_diff(before / 2) <= 2,
        "{before} {after}\n{}",
        stage.text()
    );
}

#[test]
fn rows_are_chosen_and_enter_opens_the_process() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Overview);
    stage.key(KeyCode::Down);
    stage.key(KeyCode::Down);
    stage.key(KeyCode::Enter);
    assert_eq!(stage.app.place(), View::Process);
    assert!(
        stage.text().contains("process 384 on web-01"),
        "{}",
        stage.text()
    );
    stage.keys("q");
    assert_eq!(
        (stage.app.place(), stage.app.view),
        (View::Overview, View::Overview)
    );
    // Without a chosen row it leads to all of them.
    stage.key(KeyCode::Esc);
    stage.key(KeyCode::Enter);
    assert_eq!(stage.app.view, View::Processes);
}

#[test]
fn a_click_chooses_a_row_and_a_second_one_opens_it() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Overview);
    let text = stage.text();
    let row = text
        .lines()
        .position(|line| line.contains(" 384 shop"))
        .unwrap();
    let row = u16::try_from(row).unwrap();
    let click = MouseEventKind::Down(MouseButton::Left);
    stage.mouse(click, 10, row);
    assert_eq!(stage.app.place(), View::Overview);
    stage.mouse(click, 10, row);
    assert!(
        stage.text().contains("process 384 on web-01"),
        "{}",
        stage.text()
    );
}

#[test]
fn a_box_is_chosen_and_enlarged() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Overview);
    stage.key(KeyCode::Right);
    stage.keys("e");
    let text = stage.text();
    assert!(
        text.contains("┌ cpu ") && !text.contains("┌ memory "),
        "{text}"
    );
    assert!(!text.contains("PID"), "{text}");
    stage.key(KeyCode::Right);
    assert!(stage.text().contains("┌ cores 8"), "{}", stage.text());
    stage.key(KeyCode::Esc);
    assert!(stage.text().contains("┌ network "), "{}", stage.text());
    let mut shown = BTreeSet::new();
    for layout in 1..=4 {
        stage.keys(&format!(":layout {layout}"));
        stage.key(KeyCode::Enter);
        shown.insert(stage.text());
    }
    assert_eq!(shown.len(), 4);
    stage.keys(":layout 5");
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains("layout: expected 1 to 4"),
        "{}",
        stage.text()
    );
}

#[test]
fn the_time_of_the_graphs_is_changed_and_the_past_polled_again() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Overview);
    stage.keys("-");
    assert!(stage.text().contains("-30m"), "{}", stage.text());
    stage.keys("++");
    let text = stage.text();
    assert!(text.contains("-5m") && !text.contains("-10m"), "{text}");
}

#[test]
fn interfaces_that_are_idle_are_hidden_and_the_others_can_be_gone_through() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Overview);
    let title = |stage: &Stage| {
        let text = stage.text();
        let line = text
            .lines()
            .find(|line| line.contains("┌ network"))
            .unwrap();
        line.split("┌ ").nth(1).unwrap().to_owned()
    };
    assert!(
        title(&stage).starts_with("network total"),
        "{}",
        title(&stage)
    );
    assert!(stage.text().contains("2 idle"), "{}", stage.text());
    stage.keys("b");
    assert!(
        title(&stage).starts_with("network eth0"),
        "{}",
        title(&stage)
    );
    stage.keys("b");
    assert!(title(&stage).starts_with("network lo"), "{}", title(&stage));
    stage.keys("b");
    assert!(
        title(&stage).starts_with("network total"),
        "{}",
        title(&stage)
    );
    stage.keys("B");
    assert!(title(&stage).starts_with("network lo"), "{}", title(&stage));
}

#[test]
fn what_needs_attention_is_said_with_its_reason() {
    let mut stage = Stage::fleet(SIZE);
    stage.keys(":host db-01");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("warning disk_space: /srv 93.0% used, 11 GiB free of 160 GiB"),
        "{text}"
    );
    let mut well = Stage::one(SIZE);
    well.show(View::Overview);
    assert!(!well.text().contains("attention"), "{}", well.text());
}

#[test]
fn graphs_are_made_of_dots_of_blocks_or_of_lines() {
    use crossterm::event::{KeyEvent, KeyModifiers};

    let mut stage = Stage::one(SIZE);
    stage.show(View::Overview);
    let whole = dots(&stage.text());
    let next = |stage: &mut Stage| {
        let key = KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL);
        stage.send(AppMessage::Key(key));
    };
    next(&mut stage);
    assert_eq!(dots(&stage.text()), 0);
    assert!(stage.text().contains('█'), "{}", stage.text());
    next(&mut stage);
    let line = dots(&stage.text());
    assert!(line > 50 && line < whole, "{line} of {whole}");
    next(&mut stage);
    assert_eq!(dots(&stage.text()), whole);
}

#[test]
fn high_values_have_the_colours_of_high_values() {
    let stage = strained(SIZE);
    let screen = stage.screen();
    let colours: BTreeSet<String> = screen
        .buffer()
        .content()
        .iter()
        .filter(|cell| dots(cell.symbol()) > 0)
        .map(|cell| format!("{:?}", cell.fg))
        .collect();
    for colour in [Color::Green, Color::Yellow] {
        assert!(colours.contains(&format!("{colour:?}")), "{colours:?}");
    }
}
