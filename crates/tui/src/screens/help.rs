//! What the keys do, made from the keys in force.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use unicode_width::UnicodeWidthStr;

use crate::app::App;
use crate::keymap::Place;
use crate::widgets::frame::{boxed, centred};

/// Most columns of the box.
const WIDTH: u16 = 84;

pub(super) fn draw(app: &App, scroll: u16, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let place = centred(area, WIDTH, area.height.saturating_sub(2));
    let help = app.settings.keymap.help(app.place());
    let widest = help.iter().map(|(_, keys)| keys.width()).max().unwrap_or(0);
    let line = |action: crate::keymap::Action, keys: String| {
        let reason = app.forbidden(action);
        let style = if reason.is_some() {
            theme.dim
        } else {
            theme.text
        };
        let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
        Line::from(vec![
            Span::styled(format!("{keys:>widest$} "), theme.key),
            Span::styled(format!("{:<15} ", action.name()), theme.dim),
            Span::styled(format!("{}{reason}", action.help()), style),
        ])
    };
    let (everywhere, here): (Vec<_>, Vec<_>) = help
        .into_iter()
        .partition(|(action, _)| action.place() == Place::Everywhere);
    let mut lines = vec![Line::styled("on this view", theme.title)];
    lines.extend(here.into_iter().map(|(action, keys)| line(action, keys)));
    lines.push(Line::styled("everywhere", theme.title));
    lines.extend(
        everywhere
            .into_iter()
            .map(|(action, keys)| line(action, keys)),
    );
    let last = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let room = place.height.saturating_sub(2);
    let scroll = scroll.min(last.saturating_sub(room));
    let title = format!(
        "keys of {}, {} to {} of {last}, Esc closes",
        app.place().title(),
        scroll + 1,
        last.min(scroll + room)
    );
    frame.render_widget(Clear, place);
    let inner = boxed(&title, theme, place, frame);
    frame.render_widget(Paragraph::new(lines).scroll((scroll, 0)), inner);
}
