//! The line at the bottom that is typed into, with what is suggested above it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;
use tui_input::Input;
use unicode_width::UnicodeWidthStr;

use super::Purpose;
use crate::app::{App, Suggestion, suggestions};
use crate::sanitize::clean;
use crate::table::fit;

/// Most columns of suggestions.
const WIDTH: u16 = 78;
/// Columns of what is suggested, before its meaning.
const TEXT: usize = 24;

pub(super) fn draw(
    app: &App,
    purpose: &Purpose,
    input: &Input,
    chosen: usize,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let line = Rect::new(area.x, area.bottom() - 1, area.width, 1);
    let label = match purpose {
        Purpose::Filter => "filter: ".to_owned(),
        Purpose::Find => "find: ".to_owned(),
        Purpose::Palette => ":".to_owned(),
        Purpose::Entry(entry) => clean(&entry.label),
    };
    let label_width = u16::try_from(label.width())
        .unwrap_or(0)
        .min(line.width / 2);
    let room = usize::from(line.width.saturating_sub(label_width + 1));
    let scroll = input.visual_scroll(room);
    let text: String = input.value().chars().skip(scroll).collect();
    frame.render_widget(Clear, line);
    let spans = vec![
        Span::styled(label, theme.key),
        Span::styled(clean(&text), theme.text),
    ];
    frame.render_widget(Line::from(spans), line);
    let cursor = u16::try_from(input.visual_cursor().saturating_sub(scroll)).unwrap_or(0);
    let x = (line.x + label_width + cursor).min(line.right() - 1);
    frame.set_cursor_position((x, line.y));
    let above = Rect::new(area.x, line.y - 1, area.width, 1);
    match purpose {
        Purpose::Filter => {
            if let Some(problem) = app.place().screen().filter_problem(input.value()) {
                frame.render_widget(Clear, above);
                frame.render_widget(Line::styled(clean(&problem), theme.bad), above);
            }
        }
        Purpose::Palette => draw_suggestions(app, input.value(), chosen, line, frame),
        _ => {}
    }
}

fn draw_suggestions(app: &App, typed: &str, chosen: usize, line: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let suggested = suggestions(app, typed);
    let chosen = chosen.min(suggested.len().saturating_sub(1));
    let height = u16::try_from(suggested.len()).unwrap_or(0).min(line.y);
    let top = line.y - height;
    for (place, Suggestion { text, help, .. }) in (0..height).zip(suggested) {
        let spot = Rect::new(line.x, top + place, line.width.min(WIDTH), 1);
        frame.render_widget(Clear, spot);
        let style = if usize::from(place) == chosen {
            theme.selected
        } else {
            theme.text
        };
        // A long name is shown whole, before its meaning.
        let width = TEXT.max(clean(&text).width());
        let text = format!(" {} {help}", fit(&text, width, false, theme));
        let text = fit(&text, usize::from(spot.width), false, theme);
        frame.render_widget(Line::styled(text, style), spot);
    }
}
