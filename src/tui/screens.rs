//! The screens. They read the dashboard's state and change nothing.

mod api;
mod fleet;
mod health;
mod help;
mod history;
mod overview;
mod popups;
mod process;
mod processes;
mod users;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::app::App;
use super::host::{Fresh, Host, Link};
use super::view::View;
use super::widgets::{frame, table};

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
    let body = Rect::new(0, 2, area.width, area.height - 3);
    match app.view {
        View::Fleet => fleet::draw(app, body, frame),
        View::Overview => overview::draw(app, body, frame),
        View::Processes if app.processes.opened.is_some() => process::draw(app, body, frame),
        View::Processes => processes::draw(app, body, frame),
        View::Api => api::draw(app, body, frame),
        View::History => history::draw(app, body, frame),
        View::Health => health::draw(app, body, frame),
        View::Users => users::draw(app, body, frame),
    }
    frame::draw_footer(app, line(area.height - 1), frame);
    popups::draw(app, area, frame);
}

/// The view whose tab is there.
#[must_use]
pub fn tab_at(width: u16, column: u16) -> Option<View> {
    let tabs = frame::tabs(width);
    let found = tabs
        .into_iter()
        .find(|(start, end, _)| (*start..*end).contains(&column));
    found.map(|(_, _, view)| view)
}

/// The column in which the keys begin beside the users.
#[must_use]
pub const fn keys_begin(width: u16) -> u16 {
    width * 9 / 20
}

/// The place of the column that can be sorted by and stands there.
#[must_use]
pub fn column_at(app: &App, x: u16) -> Option<usize> {
    let (columns, places) = match app.view {
        View::Fleet => fleet::columns(app.size.0),
        View::Processes => processes::columns(app),
        View::Api => api::columns(app.size.0),
        _ => return None,
    };
    let mut start = 0;
    for (index, width) in table::widths(&columns, app.size.0).into_iter().enumerate() {
        if width > 0 && (start..=start + width).contains(&x) {
            return places.get(index).copied().flatten();
        }
        start += width + 1;
    }
    None
}

/// Why there is nothing to see; nothing when there is.
fn absence<T>(app: &App, host: &Host, fresh: &Fresh<T>) -> Option<(String, bool)> {
    if fresh.value().is_some() {
        return None;
    }
    let (text, bad) = match (&host.link, fresh.error()) {
        (_, Some(error)) => (format!("{} - {}", error.in_short(), error.advice()), true),
        (Link::Down { error, .. }, None) => {
            let wait = app.retry_in(&host.link).unwrap_or_default().as_secs();
            let reason = error.in_short();
            (
                format!("{reason}, retry in {wait} s - {}", error.advice()),
                true,
            )
        }
        (Link::Connecting { since }, None) => {
            let seconds = app.now.since_start.saturating_sub(*since).as_secs();
            (format!("connecting {seconds} s"), false)
        }
        (Link::Up { .. }, None) => ("asking the host".to_owned(), false),
    };
    Some((text, bad))
}

/// Draws that it is not known yet what the key may do, if so.
fn draw_nobody(app: &App, area: Rect, frame: &mut Frame<'_>) -> bool {
    let host = app.host();
    draw_absence(app, host, &host.me, area, frame)
}

/// Draws why there is nothing to see, if so.
fn draw_absence<T>(
    app: &App,
    host: &Host,
    fresh: &Fresh<T>,
    area: Rect,
    frame: &mut Frame<'_>,
) -> bool {
    let Some((text, bad)) = absence(app, host, fresh) else {
        return false;
    };
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
fn wrap(text: &str, width: usize) -> Vec<String> {
    use unicode_width::UnicodeWidthStr;

    let mut lines: Vec<String> = Vec::new();
    for word in super::sanitize::clean(text).split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
