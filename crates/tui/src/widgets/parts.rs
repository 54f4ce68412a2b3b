//! Texts beside each other that are shown whole or not at all: a number of which a part is missing is another
//! number.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::sanitize::clean;
use crate::table::fit;
use crate::theme::Theme;

/// A text that is shown whole or not at all, in pieces that look different.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    spans: Vec<Span<'static>>,
}

impl Part {
    /// A text in one style.
    pub(crate) fn new(text: impl AsRef<str>, style: Style) -> Self {
        Self::default().and(text, style)
    }

    /// A name, and a value in its own style.
    pub(crate) fn pair(name: &str, value: impl AsRef<str>, style: Style, theme: &Theme) -> Self {
        Self::new(format!("{name} "), theme.dim).and(value, style)
    }

    /// The same with another piece.
    pub(crate) fn and(mut self, text: impl AsRef<str>, style: Style) -> Self {
        self.spans.push(Span::styled(clean(text.as_ref()), style));
        self
    }

    pub(crate) fn width(&self) -> usize {
        self.spans.iter().map(|span| span.content.width()).sum()
    }
}

/// Space between two parts.
const GAP: &str = "  ";

/// As many parts as fit into so many columns, the first ones first; and how many are left out.
pub(crate) fn fitting(parts: Vec<Part>, width: usize) -> (Line<'static>, usize) {
    let mut line = Line::default();
    let (mut used, mut left) = (0, 0);
    for part in parts {
        let gap = if used > 0 { GAP.width() } else { 0 };
        let needed = gap + part.width();
        // What comes later is less important: it does not take the place of what came before.
        if left > 0 || used + needed > width {
            left += 1;
            continue;
        }
        if used > 0 {
            line.push_span(Span::raw(GAP));
        }
        line.spans.extend(part.spans);
        used += needed;
    }
    (line, left)
}

/// What is said below a table: what it holds, why nothing can be done where that is so, and as much else as there is
/// room for, the most important first. A reason is cut, all else is whole.
pub(crate) fn summary(
    held: &str,
    reason: Option<String>,
    more: impl IntoIterator<Item = String>,
    width: u16,
    (style, theme): (Style, &Theme),
) -> Line<'static> {
    let width = usize::from(width);
    let mut parts = vec![Part::new(held, style)];
    if let Some(reason) = reason {
        let room = width.saturating_sub(held.width() + GAP.width());
        let reason = fit(&format!("acts: {reason}"), room, false, theme);
        parts.push(Part::new(reason.trim_end(), style));
    }
    parts.extend(more.into_iter().map(|text| Part::new(text, style)));
    fitting(parts, width).0
}

/// The same, which says how many are left out.
pub(crate) fn fitting_or_more(parts: Vec<Part>, width: usize, theme: &Theme) -> Line<'static> {
    let count = parts.len();
    let (line, left) = fitting(parts.clone(), width);
    if left == 0 {
        return line;
    }
    // Room for the longest that may have to be said.
    let room = GAP.width() + more(count).width();
    let (mut line, left) = fitting(parts, width.saturating_sub(room));
    if line.width() > 0 {
        line.push_span(Span::raw(GAP));
    }
    if line.width() + more(left).width() <= width {
        line.push_span(Span::styled(more(left), theme.dim));
    }
    line
}

/// That so many are left out.
pub(crate) fn more(count: usize) -> String {
    format!("+{count} more")
}

/// Parts in as many lines as they need, at most so many; the last one says how many are left out.
pub(crate) fn wrapped(
    parts: Vec<Part>,
    width: usize,
    most: usize,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut rest = parts;
    while !rest.is_empty() && lines.len() < most {
        if lines.len() + 1 == most {
            lines.push(fitting_or_more(std::mem::take(&mut rest), width, theme));
            break;
        }
        let (line, left) = fitting(rest.clone(), width);
        // One that is wider than the line is never shown: it counts as left out.
        if left == rest.len() {
            lines.push(fitting_or_more(std::mem::take(&mut rest), width, theme));
            break;
        }
        rest.drain(..rest.len() - left);
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Vec<Part> {
        ["load 2.00", "tasks 213", "psi 1.2%"]
            .map(|text| Part::new(text, Style::new()))
            .to_vec()
    }

    #[test]
    fn a_part_is_whole_or_not_there_and_the_rest_is_counted() {
        let theme = Theme::plain();
        for width in 0..40 {
            let line = fitting_or_more(parts(), width, &theme);
            assert!(line.width() <= width, "{width}: {line}");
            let text = line.to_string();
            for word in text.split("  ").filter(|word| !word.is_empty()) {
                let is_part = parts().iter().any(|part| part.spans[0].content == word);
                assert!(is_part || word.ends_with(" more"), "{width}: {text}");
            }
            let shown = text.matches(|it: char| it.is_alphabetic()).count();
            assert!(width < 9 || shown > 0, "{width}");
        }
        let text = fitting_or_more(parts(), 20, &theme).to_string();
        assert_eq!(text, "load 2.00  +2 more");
    }

    #[test]
    fn lines_hold_all_parts_or_say_what_is_left_out() {
        let theme = Theme::plain();
        let lines = |most| {
            let lines = wrapped(parts(), 20, most, &theme).into_iter();
            lines.map(|line| line.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(lines(2), ["load 2.00  tasks 213", "psi 1.2%"]);
        assert_eq!(lines(1), ["load 2.00  +2 more"]);
        assert_eq!(wrapped(parts(), 4, 3, &theme).len(), 1);
    }
}
