//! Lists to choose from: columns to sort by, columns to show, signals.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::SIGNALS;
use crate::app::App;
use crate::change::ProcessRef;
use crate::sanitize::clean;
use crate::screen::View;
use crate::screens::processes::ColumnWish;
use crate::screens::wrap;
use crate::table::Heading;
use crate::widgets::frame::message_box;

/// Most columns of a text in a box.
const WIDTH: usize = 72;
/// Most processes that are named one by one.
const NAMED: usize = 6;

pub(super) fn draw_sort(app: &App, view: View, chosen: usize, area: Rect, frame: &mut Frame<'_>) {
    let headings = app.sortable(view).into_iter();
    let line = |heading: Heading| format!(" {:<14} ", heading.title);
    let lines = rows(app, headings.map(line), chosen, area);
    message_box("sort by", lines, &app.settings.theme, area, frame);
}

pub(super) fn draw_columns(app: &App, chosen: usize, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let columns = app.screens.processes.columns.all().iter();
    let line = |(title, wish): &(&str, ColumnWish)| {
        let (mark, words) = match wish {
            ColumnWish::Auto => ("~", "where there is room and something to show"),
            ColumnWish::Shown => ("x", "always"),
            ColumnWish::Hidden => (" ", "never"),
        };
        format!(" [{mark}] {title:<9} {words:<42}")
    };
    let mut lines = rows(app, columns.map(line), chosen, area);
    lines.push(Line::default());
    let hint = "Space changes, < and > move it, r as it was, Enter closes";
    lines.push(Line::styled(hint, theme.dim));
    message_box("columns of processes", lines, theme, area, frame);
}

/// Texts one below the other, the chosen one marked; those around it, where not all find room.
fn rows(
    app: &App,
    texts: impl Iterator<Item = String>,
    chosen: usize,
    area: Rect,
) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let line = |(place, text): (usize, String)| {
        let style = if place == chosen {
            theme.selected
        } else {
            theme.text
        };
        Line::styled(text, style)
    };
    let mut lines: Vec<Line<'static>> = texts.enumerate().map(line).collect();
    let room = usize::from(area.height).saturating_sub(8).max(1);
    let first = (chosen + 1).saturating_sub(room);
    let mut seen = lines.split_off(first.min(lines.len()));
    seen.truncate(room);
    seen
}

pub(super) fn draw_signals(
    app: &App,
    processes: &[ProcessRef],
    host: usize,
    chosen: usize,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let width = usize::from(area.width).saturating_sub(6).clamp(20, WIDTH);
    let what = processes_in_words(processes);
    let mut lines: Vec<Line<'static>> = wrap(&what, width).into_iter().map(Line::raw).collect();
    lines.push(Line::raw(clean(&format!("on {}", app.hosts[host].name))));
    lines.push(Line::default());
    for (place, (signal, escalate_after)) in SIGNALS.iter().enumerate() {
        let style = if place == chosen {
            theme.selected
        } else {
            theme.text
        };
        let text = match escalate_after {
            None => format!(" {:<6} {:<32} ", signal.as_str(), signal.meaning()),
            Some(after) => {
                let words = format!("end, and after {after} s KILL");
                format!(" {:<6} {words:<32} ", signal.as_str())
            }
        };
        lines.push(Line::from(Span::styled(text, style)));
    }
    message_box("signal", lines, theme, area, frame);
}

/// One process by name, several by number and the first names.
pub(crate) fn processes_in_words(processes: &[ProcessRef]) -> String {
    if let [one] = processes {
        return one.in_words();
    }
    let named: Vec<String> = processes
        .iter()
        .take(NAMED)
        .map(ProcessRef::in_brief)
        .collect();
    let mut text = format!("{} processes: {}", processes.len(), named.join(", "));
    if processes.len() > NAMED {
        let more = processes.len() - NAMED;
        text = format!("{text} and {more} more");
    }
    text
}
