//! A bar with its number.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::table::fit;
use crate::theme::{Theme, level_letter};

/// `CPU ━━━━──── 45.2% C` in this width: a name, a bar, a text that says the same, and a letter for
/// those who see no colours.
#[must_use]
pub(crate) fn meter(
    name: &str,
    percent: Option<f64>,
    text: &str,
    width: u16,
    theme: &Theme,
) -> Line<'static> {
    let width = usize::from(width);
    let name_width = 5.min(width);
    let text_width = text.chars().count().max(6);
    let bar = width.saturating_sub(name_width + text_width + 4);
    let mut spans = vec![Span::styled(
        fit(name, name_width, false, theme),
        theme.title,
    )];
    match percent {
        Some(percent) => {
            let percent = if percent.is_finite() { percent } else { 0.0 };
            let full = portion(percent, bar);
            let style = theme.share(percent);
            let [on, off] = theme.glyphs.meter;
            spans.push(Span::raw(" "));
            spans.push(Span::styled(on.repeat(full), style));
            spans.push(Span::styled(off.repeat(bar - full), theme.dim));
            spans.push(Span::raw(" "));
            spans.push(Span::styled(fit(text, text_width, true, theme), theme.text));
            spans.push(Span::styled(format!(" {}", level_letter(percent)), style));
        }
        None => {
            spans.push(Span::styled(format!(" {text}"), theme.dim));
        }
    }
    Line::from(spans)
}

/// How many of `cells` a share fills; something small but present fills one.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the value is between 0 and a few hundred cells"
)]
pub(crate) fn portion(percent: f64, cells: usize) -> usize {
    let part = percent.clamp(0.0, 100.0) / 100.0 * cells as f64;
    (part.round() as usize).min(cells)
}

/// A name and a value, the value in its own style.
#[must_use]
pub(crate) fn pair(
    name: &str,
    value: impl Into<String>,
    style: Style,
    theme: &Theme,
) -> Vec<Span<'static>> {
    vec![
        Span::styled(format!("{name} "), theme.dim),
        Span::styled(value.into(), style),
        Span::raw("  "),
    ]
}
