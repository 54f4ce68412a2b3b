//! What the keys do, made from the keys in force.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use unicode_width::UnicodeWidthStr;

use crate::app::App;
use crate::keymap::KeyAction;
use crate::widgets::frame::{boxed, centred};

/// Most columns of the box.
const WIDTH: u16 = 84;

pub(super) fn draw(app: &App, scroll: u16, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let place = centred(area, WIDTH, area.height.saturating_sub(2));
    let screen = app.place().screen();
    let sections = [
        ("on this view", KeyAction::here(app.place()).collect()),
        ("everywhere", KeyAction::everywhere().collect::<Vec<_>>()),
    ];
    let keys = |action: &KeyAction| app.settings.keymap.keys_of(*action).join(" ");
    let all = sections.iter().flat_map(|(_, actions)| actions);
    let widest = all.map(|action| keys(action).width()).max().unwrap_or(0);
    let line = |action: &KeyAction| {
        let reason = screen.forbidden(app, *action);
        let style = if reason.is_some() {
            theme.dim
        } else {
            theme.text
        };
        let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
        Line::from(vec![
            Span::styled(format!("{:>widest$} ", keys(action)), theme.key),
            Span::styled(format!("{:<15} ", action.name), theme.dim),
            Span::styled(format!("{}{reason}", action.help), style),
        ])
    };
    let mut lines = Vec::new();
    for (title, actions) in &sections {
        lines.push(Line::styled(*title, theme.title));
        lines.extend(actions.iter().map(line));
    }
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
