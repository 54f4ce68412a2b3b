//! What the keys do, made from the keys in force.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use crate::tui::app::App;
use crate::tui::keymap::Place;
use crate::tui::widgets::frame::{boxed, centred};

pub(super) fn draw(app: &App, scroll: u16, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let place = centred(area, 78, area.height.saturating_sub(2));
    frame.render_widget(Clear, place);
    let title = format!("keys of {}, Esc closes", app.view.title());
    let inner = boxed(&title, theme, place, frame);
    let line = |action: crate::tui::keymap::Action, keys: String| {
        let reason = app.forbidden(action);
        let style = if reason.is_some() {
            theme.dim
        } else {
            theme.text
        };
        let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
        Line::from(vec![
            Span::styled(format!("{keys:>16}  "), theme.key),
            Span::styled(format!("{:<16} ", action.name()), theme.dim),
            Span::styled(format!("{}{reason}", action.help()), style),
        ])
    };
    let help = app.settings.keymap.help(app.view);
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
    let scroll = scroll.min(last.saturating_sub(inner.height));
    frame.render_widget(Paragraph::new(lines).scroll((scroll, 0)), inner);
}
