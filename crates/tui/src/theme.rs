//! Colours and glyphs. A [`Palette`] says which colours a theme has; here they become styles, in as many
//! colours as the terminal can show.

mod depth;
mod file;
mod glyphs;
mod palette;
mod ramp;

use ratatui::style::{Color, Modifier, Style};

use linux_api_wire::tui::ThemeName;

pub(crate) use depth::of_index as colour_of_index;
pub use depth::{Depth, Terminal, described_colours};
pub use file::ThemeFileError;
pub use glyphs::{Charset, Glyphs};
pub use palette::{OwnTheme, Palette};
pub use ramp::Ramp;

/// From how many percent on something needs an eye, and from how many on a hand.
const LEVELS: [f64; 2] = [70.0, 90.0];

/// How the parts of a screen look.
#[derive(Debug, Clone)]
pub struct Theme {
    /// What is behind everything.
    pub base: Style,
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
    /// Lines behind the curves of a graph.
    pub grid: Style,
    /// Curves of shares, by height: well, needs an eye, needs a hand.
    pub heat: Ramp,
    /// Curves of what comes in: received, read.
    pub incoming: Ramp,
    /// Curves of what goes out: sent, written.
    pub outgoing: Ramp,
    /// Whether there are no colours.
    pub is_mono: bool,
    /// What shapes to draw with.
    pub glyphs: Glyphs,
}

impl Theme {
    /// The built-in theme of that name in sixteen colours; without `colour` only bold, faint and reversed
    /// text.
    #[must_use]
    pub fn new(name: ThemeName, colour: bool, ascii: bool) -> Self {
        let depth = if colour { Depth::Sixteen } else { Depth::Mono };
        let charset = if ascii {
            Charset::Ascii
        } else {
            Charset::Unicode
        };
        Self::of(&Palette::built_in(name), Terminal { depth, charset })
    }

    /// A theme as this terminal can show it.
    #[must_use]
    pub fn of(palette: &Palette, terminal: Terminal) -> Self {
        if terminal.depth == Depth::Mono || palette.is_mono {
            return Self::mono(terminal.charset);
        }
        let depth = terminal.depth;
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let faint = plain.add_modifier(Modifier::DIM);
        let usual = Palette::built_in(ThemeName::Default);
        let of = |colour: Color, usual: Color| match depth.nearest(colour, usual) {
            // The terminal's own colour needs no command.
            Color::Reset => plain,
            near => plain.fg(near),
        };
        let or_faint = |colour: Option<Color>| match colour.filter(|_| depth != Depth::Sixteen) {
            Some(colour) => of(colour, Color::Reset),
            None => faint,
        };
        let pair = |[text, behind]: [Color; 2], usual: [Color; 2]| {
            of(text, usual[0]).bg(depth.nearest(behind, usual[1]))
        };
        // Of sixteen colours none is the background that was meant.
        let base = match palette.background.filter(|_| depth != Depth::Sixteen) {
            Some(behind) => pair([palette.text, behind], [Color::Reset; 2]),
            None => plain,
        };
        let text = of(palette.text, usual.text);
        let title = of(palette.title, usual.title);
        let accent = of(palette.accent, usual.accent);
        let warn = of(palette.warn, usual.warn);
        let levels = [
            depth.nearest(palette.good, usual.good),
            depth.nearest(palette.warn, usual.warn),
            depth.nearest(palette.bad, usual.bad),
        ];
        let incoming = [depth.nearest(palette.accent, usual.accent); 3];
        Self {
            base,
            text,
            dim: or_faint(palette.dim),
            title: title.patch(bold),
            accent,
            good: of(palette.good, usual.good),
            warn,
            bad: of(palette.bad, usual.bad).patch(bold),
            selected: match palette.selected {
                Some(selected) => pair(selected, [Color::Black, Color::Cyan]).patch(bold),
                None => bold.add_modifier(Modifier::REVERSED),
            },
            header: text.patch(bold),
            badge: pair(palette.badge, usual.badge).patch(bold),
            key: accent.patch(bold),
            border: or_faint(palette.border),
            graph: accent,
            second: warn,
            grid: or_faint(palette.grid),
            heat: Ramp::between(&palette.heat, levels, depth),
            incoming: Ramp::between(&palette.incoming, incoming, depth),
            outgoing: Ramp::between(&palette.outgoing, [Color::Magenta; 3], depth),
            is_mono: false,
            glyphs: terminal.charset.glyphs(),
        }
    }

    fn mono(charset: Charset) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let faint = plain.add_modifier(Modifier::DIM);
        let reversed = plain.add_modifier(Modifier::REVERSED);
        Self {
            base: plain,
            text: plain,
            dim: faint,
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
            second: faint,
            grid: faint,
            heat: Ramp::plain(plain),
            incoming: Ramp::plain(plain),
            outgoing: Ramp::plain(bold),
            is_mono: true,
            glyphs: charset.glyphs(),
        }
    }

    /// What is laid over a row that is tagged.
    #[must_use]
    pub fn tagged(&self) -> Style {
        self.warn
            .add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    /// The style of a share: well below 70 %, to be watched below 90 %.
    #[must_use]
    pub fn share(&self, percent: f64) -> Style {
        match percent {
            percent if percent >= LEVELS[1] => self.bad,
            percent if percent >= LEVELS[0] => self.warn,
            _ => self.good,
        }
    }

    /// What says the level of a share where there are no colours: nothing, `!` or `!!`.
    #[must_use]
    pub fn level_mark(&self, percent: f64) -> &'static str {
        match percent {
            _ if !self.is_mono => "",
            percent if percent >= LEVELS[1] => "!!",
            percent if percent >= LEVELS[0] => "!",
            _ => "",
        }
    }

    /// A theme without colours, for tests.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self::new(ThemeName::Mono, true, false)
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
