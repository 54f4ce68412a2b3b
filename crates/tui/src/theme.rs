//! Colours and glyphs. Only the terminal's own sixteen colours are used, so that every theme of a
//! terminal, tmux and a console without more colours show what was meant.

use ratatui::style::{Color, Modifier, Style};

use linux_api_wire::tui::ThemeName;

/// How the parts of a screen look.
#[derive(Debug, Clone)]
pub struct Theme {
    /// Ordinary text.
    pub text: Style,
    /// What is less important, and data that is old.
    pub dim: Style,
    /// Names of columns and boxes.
    pub title: Style,
    /// What the eye should find first.
    pub accent: Style,
    /// Well.
    pub good: Style,
    /// Needs an eye.
    pub warn: Style,
    /// Needs a hand.
    pub bad: Style,
    /// The chosen row.
    pub selected: Style,
    /// The line at the top.
    pub header: Style,
    /// The chosen tab, and badges.
    pub badge: Style,
    /// Keys in hints.
    pub key: Style,
    /// Frames.
    pub border: Style,
    /// The first curve of a graph.
    pub graph: Style,
    /// The second curve of a graph.
    pub second: Style,
    /// What shapes to draw with.
    pub glyphs: Glyphs,
}

/// Shapes that the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// Whether only ASCII may be used.
    pub ascii: bool,
    /// Ascending and descending.
    pub sort: [&'static str; 2],
    /// A connection: up, waiting, down.
    pub dots: [&'static str; 3],
    /// Between the steps of a path.
    pub step: &'static str,
    /// A meter's full and empty part.
    pub meter: [&'static str; 2],
    /// Tree: branch, last branch, line, collapsed.
    pub tree: [&'static str; 4],
    /// A value between, and the end of what does not fit.
    pub ellipsis: &'static str,
    /// A list of levels from low to high.
    pub levels: &'static [&'static str],
}

const UNICODE: Glyphs = Glyphs {
    ascii: false,
    sort: ["▲", "▼"],
    dots: ["●", "◌", "○"],
    step: " › ",
    meter: ["━", "─"],
    tree: ["├─", "└─", "│ ", "+ "],
    ellipsis: "…",
    levels: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
};

const ASCII: Glyphs = Glyphs {
    ascii: true,
    sort: ["^", "v"],
    dots: ["*", "~", "o"],
    step: " > ",
    meter: ["|", " "],
    tree: ["|-", "`-", "| ", "+ "],
    ellipsis: "~",
    levels: &["_", ".", ":", "-", "=", "+", "*", "#"],
};

impl Theme {
    /// The theme of that name; without `colour` only bold, dim and reversed text.
    #[must_use]
    pub fn new(name: ThemeName, colour: bool, ascii: bool) -> Self {
        let glyphs = if ascii { ASCII } else { UNICODE };
        match name {
            _ if !colour => Self::mono(glyphs),
            ThemeName::Mono => Self::mono(glyphs),
            ThemeName::Default => Self::coloured(glyphs, Color::Cyan, Color::Yellow),
            // Yellow and cyan can't be read on white.
            ThemeName::Light => Self::coloured(glyphs, Color::Blue, Color::Magenta),
        }
    }

    fn mono(glyphs: Glyphs) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let reversed = plain.add_modifier(Modifier::REVERSED);
        Self {
            text: plain,
            dim: plain.add_modifier(Modifier::DIM),
            title: bold,
            accent: bold,
            good: plain,
            warn: bold,
            bad: bold.add_modifier(Modifier::REVERSED),
            selected: reversed,
            header: reversed,
            badge: reversed.add_modifier(Modifier::BOLD),
            key: bold,
            border: plain,
            graph: plain,
            second: plain.add_modifier(Modifier::DIM),
            glyphs,
        }
    }

    fn coloured(glyphs: Glyphs, accent: Color, warn: Color) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        Self {
            text: plain,
            dim: plain.fg(Color::DarkGray),
            title: bold.fg(accent),
            accent: plain.fg(accent),
            good: plain.fg(Color::Green),
            warn: plain.fg(warn),
            bad: bold.fg(Color::Red),
            selected: bold.add_modifier(Modifier::REVERSED),
            header: bold,
            badge: bold.fg(Color::Black).bg(accent),
            key: bold.fg(accent),
            border: plain.fg(Color::DarkGray),
            graph: plain.fg(accent),
            second: plain.fg(warn),
            glyphs,
        }
    }

    /// The style of a share: well below 70 %, to be watched below 90 %.
    #[must_use]
    pub fn share(&self, percent: f64) -> Style {
        match percent {
            percent if percent >= 90.0 => self.bad,
            percent if percent >= 70.0 => self.warn,
            _ => self.good,
        }
    }
}

/// A letter that says the level without colour: nothing, `W` or `C`.
#[must_use]
pub fn level_letter(percent: f64) -> &'static str {
    match percent {
        percent if percent >= 90.0 => "C",
        percent if percent >= 70.0 => "W",
        _ => " ",
    }
}
