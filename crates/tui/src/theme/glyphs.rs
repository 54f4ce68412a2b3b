//! Shapes that a terminal can show.

/// Which characters a terminal has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Charset {
    /// All of them.
    #[default]
    Unicode,
    /// Those of the Linux console, whose font has lines and blocks, but neither dots nor eighths.
    Console,
    /// ASCII alone.
    Ascii,
}

impl Charset {
    /// Its shapes.
    #[must_use]
    pub const fn glyphs(self) -> Glyphs {
        match self {
            Self::Unicode => UNICODE,
            Self::Console => CONSOLE,
            Self::Ascii => ASCII,
        }
    }
}

/// Shapes that the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// Whether only ASCII may be used.
    pub ascii: bool,
    /// Whether there are characters of dots.
    pub has_braille: bool,
    /// Ascending and descending.
    pub sort: [&'static str; 2],
    /// A connection: up, waiting, down.
    pub dots: [&'static str; 3],
    /// Between the steps of a path.
    pub step: &'static str,
    /// A meter's full and empty part.
    pub meter: [&'static str; 2],
    /// Parts of a bar that has several: full, middle, light.
    pub shades: [&'static str; 3],
    /// Tree: branch, last branch, line, collapsed.
    pub tree: [&'static str; 4],
    /// A value between, and the end of what does not fit.
    pub ellipsis: &'static str,
    /// A list of levels from low to high.
    pub levels: &'static [&'static str],
    /// Parts of a cell that are filled from below, from nothing to all of it.
    pub bars: &'static [&'static str],
    /// The lines of a grid: across and down.
    pub grid: [&'static str; 2],
    /// The line of an axis, and a value on it.
    pub axis: [&'static str; 2],
    /// One point of a curve.
    pub point: &'static str,
    /// Down and up: what comes in, and what goes out.
    pub ways: [&'static str; 2],
}

const UNICODE: Glyphs = Glyphs {
    ascii: false,
    has_braille: true,
    sort: ["▲", "▼"],
    dots: ["●", "◌", "○"],
    step: " › ",
    meter: ["━", "─"],
    shades: ["█", "▒", "░"],
    tree: ["├─", "└─", "│ ", "+ "],
    ellipsis: "…",
    levels: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    bars: &[" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    grid: ["┈", "┊"],
    axis: ["│", "┤"],
    point: "•",
    ways: ["▼", "▲"],
};

const CONSOLE: Glyphs = Glyphs {
    ascii: false,
    has_braille: false,
    dots: ["*", "~", "o"],
    step: " > ",
    meter: ["=", "-"],
    ellipsis: "~",
    levels: &[" ", "▄", "█"],
    bars: &[" ", "▄", "█"],
    grid: ["-", ":"],
    point: "*",
    ..UNICODE
};

const ASCII: Glyphs = Glyphs {
    ascii: true,
    has_braille: false,
    sort: ["^", "v"],
    dots: ["*", "~", "o"],
    step: " > ",
    meter: ["|", " "],
    shades: ["#", "=", "."],
    tree: ["|-", "`-", "| ", "+ "],
    ellipsis: "~",
    levels: &["_", ".", ":", "-", "=", "+", "*", "#"],
    bars: &[" ", ".", ":", "|", "#"],
    grid: ["-", " "],
    axis: ["|", "+"],
    point: "*",
    ways: ["v", "^"],
};
