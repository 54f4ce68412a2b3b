//! Boxes in the middle: a question, a new key, what became of acts.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::App;
use crate::sanitize::clean;
use crate::screens::wrap;
use crate::widgets::frame::message_box;

/// Most columns of a text in a box.
const WIDTH: usize = 100;

pub(super) fn draw_confirm(
    app: &App,
    lines: &[String],
    yes: bool,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let mut shown: Vec<Line<'static>> = lines.iter().map(|it| Line::raw(clean(it))).collect();
    shown.push(Line::default());
    let style = |chosen: bool| if chosen { theme.selected } else { theme.text };
    shown.push(Line::from(vec![
        Span::styled("  No  ", style(!yes)),
        Span::raw("   "),
        Span::styled("  Yes  ", style(yes)),
        Span::styled("   y yes, n or Esc no", theme.dim),
    ]));
    message_box("confirm [y/N]", shown, theme, area, frame);
}

pub(super) fn draw_secret(
    app: &App,
    title: &str,
    key: &str,
    is_copied: bool,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let copy = if is_copied {
        "Sent to the terminal's clipboard (OSC 52), if it allows that."
    } else {
        "y copies it to the terminal's clipboard (OSC 52)."
    };
    let lines = vec![
        Line::default(),
        Line::styled(clean(key), theme.accent),
        Line::default(),
        Line::styled("It is shown this once. Esc or Enter closes.", theme.dim),
        Line::styled(copy, if is_copied { theme.good } else { theme.dim }),
    ];
    message_box(&clean(title), lines, theme, area, frame);
}

pub(super) fn draw_outcome(
    app: &App,
    title: &str,
    lines: &[(String, bool)],
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let width = usize::from(area.width).saturating_sub(6).clamp(20, WIDTH);
    let mut shown = Vec::new();
    for (text, is_bad) in lines {
        let style = if *is_bad { theme.bad } else { theme.text };
        let parts = wrap(text, width).into_iter();
        shown.extend(parts.map(|part| Line::styled(part, style)));
    }
    // The newest lines say most.
    let room = usize::from(area.height).saturating_sub(5).max(1);
    let above = shown.len().saturating_sub(room);
    let mut shown = shown.split_off(above);
    shown.push(Line::default());
    let close = if above > 0 {
        format!("{above} lines above these find no room. Esc or Enter closes.")
    } else {
        "Esc or Enter closes.".to_owned()
    };
    shown.push(Line::styled(close, theme.dim));
    message_box(&clean(title), shown, theme, area, frame);
}
