//! A bar with its number.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::sanitize::clean;
use crate::table::fit;
use crate::theme::Theme;

/// Columns of the name.
const NAME: usize = 5;
/// Fewest cells of a bar.
const BAR: usize = 3;

/// `cpu  ━━━━──── 45.2%` in this width: a name, a bar, and a text that says the same. The text is never cut:
/// where there is no room the bar goes first, then the name.
#[must_use]
pub(crate) fn meter(
    name: &str,
    percent: Option<f64>,
    text: &str,
    width: u16,
    theme: &Theme,
) -> Line<'static> {
    let width = usize::from(width);
    let text = clean(text);
    let name_width = name.width().clamp(1, NAME);
    let Some(percent) = percent else {
        let room = width.saturating_sub(name_width + 1);
        return Line::from(vec![
            Span::styled(fit(name, name_width.min(width), false, theme), theme.dim),
            Span::styled(
                format!(" {}", fit(&text, room.min(text.width()), false, theme)),
                theme.dim,
            ),
        ]);
    };
    let percent = if percent.is_finite() { percent } else { 0.0 };
    let mark = theme.level_mark(percent);
    let needed = text.width() + mark.width();
    if needed > width {
        return Line::default();
    }
    let mut left = width - needed;
    let style = theme.share(percent);
    let mut spans = Vec::new();
    if left > name_width {
        spans.push(Span::styled(fit(name, name_width, false, theme), theme.dim));
        spans.push(Span::raw(" "));
        left -= name_width + 1;
        if left > BAR {
            let bar = left - 1;
            let full = portion(percent, bar);
            let [on, off] = theme.glyphs.meter;
            spans.push(Span::styled(on.repeat(full), style));
            spans.push(Span::styled(off.repeat(bar - full), theme.dim));
            spans.push(Span::raw(" "));
            left = 0;
        }
    }
    spans.push(Span::raw(" ".repeat(left)));
    spans.push(Span::styled(text, theme.text));
    spans.push(Span::styled(mark, style));
    Line::from(spans)
}

/// How many of `cells` a share fills.
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

/// A share from 0 to 1 as one cell.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between 0 and the number of levels"
)]
pub(crate) fn level(share: f64, theme: &Theme) -> &'static str {
    let levels = theme.glyphs.levels;
    let place = share.clamp(0.0, 1.0) * (levels.len() - 1) as f64;
    levels[(place.round() as usize).min(levels.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_whole_or_not_there() {
        let theme = Theme::plain();
        for width in 0..40 {
            let line = meter("mem", Some(45.2), "5.0 Gi of 16 Gi", width, &theme);
            assert!(line.width() <= usize::from(width), "{width}: {line}");
            let text = line.to_string();
            assert!(
                text.contains("5.0 Gi of 16 Gi") || text.trim().is_empty(),
                "{width}: {text}"
            );
        }
        let strained = meter("mem", Some(91.0), "91.0%", 20, &theme).to_string();
        assert!(strained.ends_with("91.0%!!"), "without colours: {strained}");
    }

    #[test]
    fn nonsense_is_an_empty_bar() {
        assert_eq!(portion(f64::NAN, 8), 0);
        assert_eq!(portion(1e300, 8), 8);
        let theme = Theme::plain();
        assert_eq!(level(f64::NAN, &theme), theme.glyphs.levels[0]);
    }
}
