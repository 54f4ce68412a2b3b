//! Pictures of the screens for the documentation, drawn by the dashboard itself from its script.

use std::fmt::Write as _;
use std::time::Duration;

use crossterm::event::KeyCode;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::app::{App, DashboardSettings};
use super::demo::{self, DemoHost};
use super::display::{Display, LocalOffset};
use super::keymap::Keymap;
use super::message::{AppMessage, ClockReading, Effect, FeedEvent};
use super::query::{AnyQuery, SnapshotQuery};
use super::sanitize::CleanBackend;
use super::screen::View;
use super::screens;
use super::theme::{Charset, Depth, Palette, Theme, colour_of_index};
use linux_api_wire::time::{ManualClock, Timestamp};
use linux_api_wire::tui::{Preset, ThemeName};

/// How many readings fill the graphs.
const READINGS: u32 = 110;
/// How often the script is read.
const EVERY: Duration = Duration::from_secs(2);
/// Width and height of a character in the picture.
const CHARACTER: (f64, f64) = (8.4, 18.0);
/// The first of the characters that are made of dots (Unicode block U+2800), and which bits are the
/// left and right dot of each of their lines.
const BRAILLE: u32 = 0x2800;
const DOTS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// Views of which the page that Enter opens is a picture too.
const PAGES: [(View, bool); 2] = [(View::Processes, true), (View::Units, true)];
const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#d5d8de";

/// A picture: the name of its file, and what is in it.
#[derive(Debug)]
pub struct Picture {
    /// Without a directory.
    pub file: String,
    /// As SVG.
    pub svg: String,
}

/// What a picture is of.
#[derive(Debug, Clone, Copy)]
struct Shot {
    /// The view, or the page that Enter opens over one.
    view: View,
    is_page: bool,
    /// Columns and lines.
    size: (u16, u16),
    depth: Depth,
}

/// The pictures of the documentation, one of each view and of the pages that Enter opens; the same ones
/// every time.
#[must_use]
pub fn pictures() -> Vec<Picture> {
    let views = View::ALL.iter().map(|view| (*view, false)).chain(PAGES);
    views
        .map(|(view, is_page)| {
            let size = match view {
                View::Overview => (160, 48),
                _ => (120, 36),
            };
            let page = if is_page { "-page" } else { "" };
            Picture {
                file: format!("{}{page}.svg", view.title().to_lowercase()),
                svg: svg(&taken(Shot {
                    view,
                    is_page,
                    size,
                    depth: Depth::True,
                })),
            }
        })
        .collect()
}

/// Every view in the usual sizes of terminals, in 16, 256 and all colours, one after the other.
pub fn every_picture() -> impl Iterator<Item = Picture> {
    const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (160, 48), (220, 60)];
    const DEPTHS: [(Depth, &str); 3] = [
        (Depth::Sixteen, "16"),
        (Depth::Indexed, "256"),
        (Depth::True, "true"),
    ];
    let views = View::ALL.iter().map(|view| (*view, false)).chain(PAGES);
    views.flat_map(|(view, is_page)| {
        SIZES.into_iter().flat_map(move |size| {
            DEPTHS.into_iter().map(move |(depth, colours)| {
                let name = view.title().to_lowercase();
                let page = if is_page { "-page" } else { "" };
                let (width, height) = size;
                Picture {
                    file: format!("{name}{page}-{width}x{height}-{colours}.svg"),
                    svg: svg(&taken(Shot {
                        view,
                        is_page,
                        size,
                        depth,
                    })),
                }
            })
        })
    })
}

/// A view of the scripted fleet after a few minutes.
fn taken(shot: Shot) -> Buffer {
    let start = Timestamp::from_millis(1_795_417_320_000);
    let clock = ManualClock::at(start);
    let (hosts, scripts): (Vec<_>, Vec<DemoHost>) = demo::fleet(&clock.clock()).into_iter().unzip();
    let terminal = super::theme::Terminal {
        depth: shot.depth,
        charset: Charset::Unicode,
    };
    let settings = DashboardSettings {
        theme: Theme::of(&Palette::built_in(ThemeName::Default), terminal),
        keymap: Keymap::built_in(Preset::Default),
        every: EVERY,
        read_only: false,
        display: Display {
            terminal,
            // The same on every machine.
            local: LocalOffset::Fixed(0),
            ..Display::default()
        },
    };
    let mut app = App::new(hosts, settings, shot.size);
    if shot.view != View::Fleet {
        // The busiest one has the most to show.
        app.open_host(2);
        app.recall("tree = true\nprocess_sort = 'PID'\nprocess_descending = false\nhistory_seconds = 10800\n");
        app.show_view(shot.view);
    }
    let mut elapsed = Duration::ZERO;
    let mut wanted = vec![vec![AnyQuery::Snapshot(SnapshotQuery)]; scripts.len()];
    for reading in 0..=READINGS {
        let now = ClockReading {
            since_start: elapsed,
            wall: clock.clock().now(),
        };
        let mut messages = vec![AppMessage::Resize(shot.size.0, shot.size.1)];
        if shot.is_page && reading == READINGS {
            messages.push(AppMessage::Key(KeyCode::Enter.into()));
        }
        for (index, script) in scripts.iter().enumerate() {
            let wanted = wanted[index].iter();
            messages.extend(wanted.flat_map(|it| news(index, script, it)));
        }
        while let Some(message) = messages.pop() {
            for effect in app.update(now, message) {
                if let Effect::Poll(host, plan) = effect {
                    wanted[host].clone_from(&plan.queries);
                    let wanted = plan.queries.iter();
                    messages.extend(wanted.flat_map(|it| news(host, &scripts[host], it)));
                }
            }
        }
        elapsed += EVERY;
        clock.advance(EVERY);
    }
    let backend = CleanBackend::new(TestBackend::new(shot.size.0, shot.size.1), false);
    // A terminal made of memory has no errors.
    let Ok(mut terminal) = Terminal::new(backend);
    let Ok(_) = terminal.draw(|frame| screens::draw(&app, frame));
    terminal.backend().inner().buffer().clone()
}

fn news(host: usize, script: &DemoHost, wanted: &AnyQuery) -> [AppMessage; 2] {
    let result = script.respond(wanted);
    let link = match &result {
        Ok(_) => FeedEvent::Up(script.latency()),
        Err(error) => FeedEvent::Down {
            error: error.clone(),
            retry_in: Duration::from_secs(8),
        },
    };
    let answer = FeedEvent::Response(wanted.clone(), result);
    [
        AppMessage::Host(host, Box::new(answer)),
        AppMessage::Host(host, Box::new(link)),
    ]
}

fn svg(buffer: &Buffer) -> String {
    let area = buffer.area;
    let (width, height) = CHARACTER;
    let (total_width, total_height) = (
        f64::from(area.width) * width + 16.0,
        f64::from(area.height) * height + 16.0,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {total_width:.0} \
         {total_height:.0}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, \
         monospace\" font-size=\"14\" fill=\"{FOREGROUND}\">\n<rect width=\"100%\" \
         height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for y in 0..area.height {
        for run in runs(buffer, y) {
            let x = f64::from(run.start) * width + 8.0;
            let top = f64::from(y) * height + 8.0;
            let long = f64::from(run.cells) * width;
            let look = Look::of(&run.style);
            if let Some(background) = &look.background {
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{long:.1}\" height=\"{height:.1}\" \
                     fill=\"{background}\"/>"
                );
            }
            if run.text.trim().is_empty() {
                continue;
            }
            let shapes = dots(&run, top);
            if !shapes.is_empty() {
                let _ = writeln!(svg, "<path fill=\"{}\" d=\"{shapes}\"/>", look.foreground);
                continue;
            }
            let weight = if look.bold {
                " font-weight=\"bold\""
            } else {
                ""
            };
            let baseline = top + height * 0.75;
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{baseline:.1}\" textLength=\"{long:.1}\" \
                 lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" fill=\"{}\"{weight}>{}\
                 </text>",
                look.foreground,
                escape(&run.text)
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// The dots of a graph as shapes: fonts that have these characters have them in widths of their
/// own. Dots beside each other are one shape.
fn dots(run: &StyleRun, top: f64) -> String {
    let (width, height) = (CHARACTER.0 / 2.0, CHARACTER.1 / 4.0);
    let left = f64::from(run.start) * CHARACTER.0 + 8.0;
    let mut path = String::new();
    for (row, bits) in (0_u8..).zip(DOTS) {
        let y = top + f64::from(row) * height + 0.6;
        let cells = run
            .text
            .chars()
            .map(|it| u32::from(it).wrapping_sub(BRAILLE));
        let cells = cells.map(|it| if it < 256 { it } else { 0 });
        let columns = cells.flat_map(|cell| bits.map(|bit| cell & bit != 0));
        let mut begun: Option<f64> = None;
        for (column, is_set) in (0_u16..).zip(columns.chain([false])) {
            let x = left + f64::from(column) * width;
            match (begun, is_set) {
                (None, true) => begun = Some(x),
                (Some(from), false) => {
                    let long = x - from;
                    let _ = write!(path, "M{from:.1} {y:.1}h{long:.1}v3.3h-{long:.1}z");
                    begun = None;
                }
                _ => {}
            }
        }
    }
    path
}

fn has_dots(cell: &Cell) -> bool {
    let mut characters = cell.symbol().chars();
    characters.any(|it| u32::from(it).wrapping_sub(BRAILLE) < 256)
}

/// Neighbouring cells that look the same, all of them dots of a graph or none.
struct StyleRun {
    start: u16,
    cells: u16,
    text: String,
    style: Cell,
}

fn runs(buffer: &Buffer, y: u16) -> Vec<StyleRun> {
    let mut runs: Vec<StyleRun> = Vec::new();
    let mut x = 0;
    while x < buffer.area.width {
        let cell = &buffer[(x, y)];
        let wide = u16::try_from(cell.symbol().width().max(1)).unwrap_or(1);
        match runs.last_mut() {
            // Dots are drawn and letters are set, so a run is one or the other.
            Some(run)
                if run.style.style() == cell.style() && has_dots(&run.style) == has_dots(cell) =>
            {
                run.cells += wide;
                run.text.push_str(cell.symbol());
            }
            _ => runs.push(StyleRun {
                start: x,
                cells: wide,
                text: cell.symbol().to_owned(),
                style: cell.clone(),
            }),
        }
        x += wide;
    }
    runs
}

struct Look {
    foreground: String,
    background: Option<String>,
    bold: bool,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let foreground = colour(cell.fg).unwrap_or_else(|| FOREGROUND.to_owned());
        let background = colour(cell.bg);
        let is = |modifier| cell.modifier.contains(modifier);
        let foreground = if is(Modifier::DIM) {
            faint(&foreground)
        } else {
            foreground
        };
        let bold = is(Modifier::BOLD);
        if is(Modifier::REVERSED) {
            Self {
                foreground: background.unwrap_or_else(|| BACKGROUND.to_owned()),
                background: Some(foreground),
                bold,
            }
        } else {
            Self {
                foreground,
                background,
                bold,
            }
        }
    }
}

/// A colour half way to the background, as terminals show faint text.
fn faint(colour: &str) -> String {
    let parts = |text: &str| {
        let number = u32::from_str_radix(text.trim_start_matches('#'), 16).unwrap_or(0);
        let [_, red, green, blue] = number.to_be_bytes();
        [red, green, blue]
    };
    let mixed: Vec<String> = parts(colour)
        .into_iter()
        .zip(parts(BACKGROUND))
        .map(|(one, other)| format!("{:02x}", one.midpoint(other)))
        .collect();
    format!("#{}", mixed.concat())
}

/// A colour of the terminal, its own as many terminals have them.
fn colour(colour: Color) -> Option<String> {
    let text = match colour {
        Color::Black => "#16181d",
        Color::Red => "#ef6b73",
        Color::Green => "#8fc77c",
        Color::Yellow => "#e5c07b",
        Color::Blue => "#61afef",
        Color::Magenta => "#c678dd",
        Color::Cyan => "#56b6c2",
        Color::Gray | Color::White => FOREGROUND,
        Color::DarkGray => "#7a818e",
        Color::Rgb(red, green, blue) => return Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        Color::Indexed(number) => {
            let [red, green, blue] = colour_of_index(number);
            return Some(format!("#{red:02x}{green:02x}{blue:02x}"));
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn pictures_are_whole_and_the_same_every_time() {
        let first = pictures();
        for (picture, again) in first.iter().zip(pictures()) {
            assert_eq!(picture.svg, again.svg);
            assert!(picture.svg.contains("db-01"), "{}", picture.file);
            assert!(picture.svg.ends_with("</svg>\n"));
            let text = picture.svg.matches("<text").count();
            assert_eq!(text, picture.svg.matches("</text>").count());
        }
    }

    #[test]
    fn an_axis_beside_dots_of_its_colour_is_set() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 7, 1));
        buffer.set_string(0, 0, "50┤⣿⣶ x", Style::new().dim());
        let svg = svg(&buffer);
        assert!(svg.contains(">50┤</text>"), "{svg}");
        assert!(svg.contains("> x</text>"), "{svg}");
        assert_eq!(svg.matches("<path").count(), 1, "{svg}");
    }
}
