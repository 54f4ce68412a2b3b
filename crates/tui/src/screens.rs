//! The screens: each has a module with all of it. What is drawn around them is in `widgets`.

pub(crate) mod alert;
pub(crate) mod alerts;
pub(crate) mod api;
pub(crate) mod deed;
pub(crate) mod fleet;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod logs;
pub(crate) mod network;
pub(crate) mod overview;
pub(crate) mod process;
pub(crate) mod processes;
pub(crate) mod unit;
pub(crate) mod units;
pub(crate) mod users;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::text::Line;

use super::app::App;
use super::host::{HostState, Link};
use super::keymap::action::FREEZE;
use super::popups;
use super::widgets::frame;
use linux_api_client::error::ClientError;

/// Fewest columns that a screen needs.
const WIDTH_MIN: u16 = 60;
/// Fewest lines that a screen needs.
const HEIGHT_MIN: u16 = 16;

/// Draws everything.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        let text = format!(
            "too small: {}x{}, needs {WIDTH_MIN}x{HEIGHT_MIN}",
            area.width, area.height
        );
        frame.render_widget(Line::raw(text), area);
        return;
    }
    let line = |y| Rect::new(0, y, area.width, 1);
    frame::draw_header(app, line(0), frame);
    frame::draw_tabs(app, line(1), frame);
    app.place().screen().draw(app, app.body(), frame);
    frame::draw_footer(app, line(area.height - 1), frame);
    popups::draw(app, area, frame);
    fill_background(app, area, frame);
}

/// Where a theme has a background of its own, nothing keeps the terminal's.
fn fill_background(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let base = app.settings.theme.base;
    let (Some(text), Some(behind)) = (base.fg, base.bg) else {
        return;
    };
    let buffer = frame.buffer_mut();
    for position in area.positions() {
        let cell = &mut buffer[position];
        if cell.fg == Color::Reset {
            cell.fg = text;
        }
        if cell.bg == Color::Reset {
            cell.bg = behind;
        }
    }
}

/// Why there is nothing to see, and whether that is a failure.
fn absence(app: &App, host: &HostState, error: Option<&ClientError>) -> (String, bool) {
    match (&host.link, error) {
        (_, Some(error)) => (format!("{} - {}", error.in_short(), error.advice()), true),
        (Link::Down { error, .. }, None) => {
            let wait = app.retry_in(&host.link).unwrap_or_default().as_secs();
            let reason = error.in_short();
            (
                format!("{reason}, retry in {wait} s - {}", error.advice()),
                true,
            )
        }
        _ if app.frozen.is_some() => {
            let keys = app.settings.keymap.keys_of(FREEZE);
            let key = keys.first().map_or("", String::as_str);
            (
                format!("frozen before this was loaded; {key} resumes"),
                false,
            )
        }
        (Link::Connecting { since }, None) => {
            let seconds = app.now.since_start.saturating_sub(*since).as_secs();
            (format!("connecting {seconds} s"), false)
        }
        (Link::Up { .. }, None) => ("waiting for the response".to_owned(), false),
    }
}

/// Draws that it is not known yet what the key may do, if so.
fn draw_nobody(app: &App, area: Rect, frame: &mut Frame<'_>) -> bool {
    let me = &app.host().responses.me;
    draw_absence(app, me.value().is_some(), me.error(), area, frame)
}

/// Draws why there is nothing to see, unless there is something.
fn draw_absence(
    app: &App,
    is_there: bool,
    error: Option<&ClientError>,
    area: Rect,
    frame: &mut Frame<'_>,
) -> bool {
    if is_there {
        return false;
    }
    let (text, bad) = absence(app, app.host(), error);
    let theme = &app.settings.theme;
    let style = if bad { theme.bad } else { theme.dim };
    // A long reason needs several lines.
    let width = usize::from(area.width.saturating_sub(4)).max(1);
    let lines = wrap(&text, width);
    let height = u16::try_from(lines.len()).unwrap_or(1);
    let place = frame::centred(area, area.width, height);
    for (row, text) in (0..).zip(lines) {
        let line = Rect::new(place.x, place.y + row, place.width, 1).intersection(area);
        frame::instead(&text, style, theme, line, frame);
    }
    true
}

/// Lines of at most this width, broken between words.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    use unicode_width::UnicodeWidthStr;

    let mut lines: Vec<String> = Vec::new();
    for word in super::sanitize::clean(text).split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.extend(broken(word, width)),
        }
    }
    lines
}

/// A word in parts of at most this width.
fn broken(word: &str, width: usize) -> Vec<String> {
    use unicode_segmentation::UnicodeSegmentation;
    use unicode_width::UnicodeWidthStr;

    let mut parts = vec![String::new()];
    let mut used = 0;
    for grapheme in word.graphemes(true) {
        let own = grapheme.width();
        if used + own > width && used > 0 {
            parts.push(String::new());
            used = 0;
        }
        used += own;
        if let Some(part) = parts.last_mut() {
            part.push_str(grapheme);
        }
    }
    parts
}
