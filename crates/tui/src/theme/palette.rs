//! Which colours themes have.

use std::collections::BTreeMap;

use ratatui::style::Color;

use linux_api_wire::tui::ThemeName;

/// The colours of a theme. [`Color::Reset`] is the terminal's own colour of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Palette {
    /// Whether there are none: bold, faint and reversed text says it all.
    pub is_mono: bool,
    /// Behind everything; nothing for what the terminal has there.
    pub background: Option<Color>,
    /// Ordinary text.
    pub text: Color,
    /// What is less important; nothing for faint text.
    pub dim: Option<Color>,
    /// Names of columns and boxes.
    pub title: Color,
    /// What the eye should find first.
    pub accent: Color,
    /// Well.
    pub good: Color,
    /// Needs an eye.
    pub warn: Color,
    /// Needs a hand.
    pub bad: Color,
    /// The chosen row: text and what is behind it; nothing for reversed text.
    pub selected: Option<[Color; 2]>,
    /// The chosen tab and badges: text and what is behind it.
    pub badge: [Color; 2],
    /// Frames; nothing for faint ones.
    pub border: Option<Color>,
    /// Lines behind graphs; nothing for faint ones.
    pub grid: Option<Color>,
    /// Curves of shares, from low over the middle to high.
    pub heat: [Color; 3],
    /// Curves of what comes in, from low to high.
    pub incoming: [Color; 3],
    /// Curves of what goes out, from low to high.
    pub outgoing: [Color; 3],
}

/// A theme of a file, or why it can't be used.
#[derive(Debug, Clone)]
pub struct OwnTheme {
    /// The name of the file without `.toml`.
    pub name: String,
    /// Its colours.
    pub palette: Result<Palette, String>,
}

/// A colour as it is written in style sheets.
const fn rgb(colour: u32) -> Color {
    let [_, red, green, blue] = colour.to_be_bytes();
    Color::Rgb(red, green, blue)
}

const fn rgbs(colours: [u32; 3]) -> [Color; 3] {
    [rgb(colours[0]), rgb(colours[1]), rgb(colours[2])]
}

/// The terminal's own colours; only curves mix others, where the terminal has them.
const DEFAULT: Palette = Palette {
    is_mono: false,
    background: None,
    text: Color::Reset,
    dim: None,
    title: Color::Cyan,
    accent: Color::Cyan,
    good: Color::Green,
    warn: Color::Yellow,
    bad: Color::Red,
    selected: None,
    badge: [Color::Black, Color::Cyan],
    border: None,
    grid: None,
    heat: rgbs([0x004e_b86a, 0x00e0_c04c, 0x00e0_554f]),
    incoming: rgbs([0x002f_7fa8, 0x004c_b0d6, 0x008f_dcf5]),
    outgoing: rgbs([0x008f_57b0, 0x00b9_7cdd, 0x00e0_b3ff]),
};

impl Palette {
    /// The colours of a built-in theme.
    #[must_use]
    pub fn built_in(name: ThemeName) -> Self {
        match name {
            ThemeName::Default => DEFAULT,
            ThemeName::Light => LIGHT,
            ThemeName::Mono => Self {
                is_mono: true,
                ..DEFAULT
            },
            ThemeName::Solarized => SOLARIZED,
            ThemeName::Gruvbox => GRUVBOX,
            ThemeName::Nord => NORD,
            ThemeName::HighContrast => HIGH_CONTRAST,
        }
    }

    /// The theme of that name, of a file before a built-in one; or why there is none.
    ///
    /// # Errors
    /// There is no such theme, or its file can't be used.
    pub fn find(name: &str, own: &[OwnTheme]) -> Result<Self, String> {
        if let Some(theme) = own.iter().find(|theme| theme.name == name) {
            return theme.palette.clone();
        }
        if let Ok(name) = name.parse() {
            return Ok(Self::built_in(name));
        }
        let built_in = ThemeName::WORDS.iter().map(|name| (*name).to_owned());
        let own = own.iter().map(|theme| theme.name.clone());
        let names: Vec<String> = built_in.chain(own).collect();
        Err(format!(
            "there is no theme {name:?}; expected one of {}",
            names.join(", ")
        ))
    }

    /// Where each colour is that a file can set, by its name.
    pub(super) fn colours(&mut self) -> BTreeMap<&'static str, ColourPlace<'_>> {
        use ColourPlace::{Maybe, One, Pair, Three};

        BTreeMap::from([
            ("background", Maybe(&mut self.background)),
            ("text", One(&mut self.text)),
            ("dim", Maybe(&mut self.dim)),
            ("title", One(&mut self.title)),
            ("accent", One(&mut self.accent)),
            ("good", One(&mut self.good)),
            ("warn", One(&mut self.warn)),
            ("bad", One(&mut self.bad)),
            (
                "selected",
                Pair(self.selected.get_or_insert([Color::Black, Color::Cyan])),
            ),
            ("badge", Pair(&mut self.badge)),
            ("border", Maybe(&mut self.border)),
            ("grid", Maybe(&mut self.grid)),
            ("heat", Three(&mut self.heat)),
            ("incoming", Three(&mut self.incoming)),
            ("outgoing", Three(&mut self.outgoing)),
        ])
    }
}

/// Where colours of a palette are.
pub(super) enum ColourPlace<'a> {
    One(&'a mut Color),
    Maybe(&'a mut Option<Color>),
    Pair(&'a mut [Color; 2]),
    Three(&'a mut [Color; 3]),
}

/// Yellow and cyan can't be read on white.
const LIGHT: Palette = Palette {
    title: Color::Blue,
    accent: Color::Blue,
    warn: Color::Magenta,
    badge: [Color::White, Color::Blue],
    heat: rgbs([0x001e_7f3c, 0x00b0_7000, 0x00c0_2222]),
    incoming: rgbs([0x005a_9bc8, 0x0022_6fa8, 0x000b_4a78]),
    outgoing: rgbs([0x00b0_88cc, 0x007d_45a5, 0x0056_1f80]),
    ..DEFAULT
};

const SOLARIZED: Palette = Palette {
    background: Some(rgb(0x0000_2b36)),
    text: rgb(0x0093_a1a1),
    dim: Some(rgb(0x0065_7b83)),
    title: rgb(0x0026_8bd2),
    accent: rgb(0x002a_a198),
    good: rgb(0x0085_9900),
    warn: rgb(0x00b5_8900),
    bad: rgb(0x00dc_322f),
    selected: Some([rgb(0x0000_2b36), rgb(0x002a_a198)]),
    badge: [rgb(0x0000_2b36), rgb(0x0026_8bd2)],
    border: Some(rgb(0x0058_6e75)),
    grid: Some(rgb(0x002f_525c)),
    heat: rgbs([0x0085_9900, 0x00b5_8900, 0x00dc_322f]),
    incoming: rgbs([0x001d_6a9f, 0x0026_8bd2, 0x006c_b8e8]),
    outgoing: rgbs([0x009c_2a62, 0x00d3_3682, 0x00e8_7cb0]),
    ..DEFAULT
};

const GRUVBOX: Palette = Palette {
    background: Some(rgb(0x0028_2828)),
    text: rgb(0x00eb_dbb2),
    dim: Some(rgb(0x00a8_9984)),
    title: rgb(0x00fa_bd2f),
    accent: rgb(0x008e_c07c),
    good: rgb(0x00b8_bb26),
    warn: rgb(0x00fe_8019),
    bad: rgb(0x00fb_4934),
    selected: Some([rgb(0x0028_2828), rgb(0x008e_c07c)]),
    badge: [rgb(0x0028_2828), rgb(0x00fa_bd2f)],
    border: Some(rgb(0x007c_6f64)),
    grid: Some(rgb(0x0050_4945)),
    heat: rgbs([0x00b8_bb26, 0x00fa_bd2f, 0x00fb_4934]),
    incoming: rgbs([0x0045_8588, 0x0083_a598, 0x00b5_cfc5]),
    outgoing: rgbs([0x00b1_6286, 0x00d3_869b, 0x00ea_b8c6]),
    ..DEFAULT
};

const NORD: Palette = Palette {
    background: Some(rgb(0x002e_3440)),
    text: rgb(0x00d8_dee9),
    dim: Some(rgb(0x008b_97ad)),
    title: rgb(0x0088_c0d0),
    accent: rgb(0x0081_a1c1),
    good: rgb(0x00a3_be8c),
    warn: rgb(0x00eb_cb8b),
    bad: rgb(0x00d0_6f79),
    selected: Some([rgb(0x002e_3440), rgb(0x0088_c0d0)]),
    badge: [rgb(0x002e_3440), rgb(0x0081_a1c1)],
    border: Some(rgb(0x0061_6e88)),
    grid: Some(rgb(0x004c_566a)),
    heat: rgbs([0x00a3_be8c, 0x00eb_cb8b, 0x00bf_616a]),
    incoming: rgbs([0x005e_81ac, 0x0081_a1c1, 0x0088_c0d0]),
    outgoing: rgbs([0x008a_6886, 0x00b4_8ead, 0x00d4_b8d0]),
    ..DEFAULT
};

const HIGH_CONTRAST: Palette = Palette {
    background: Some(rgb(0x0000_0000)),
    text: rgb(0x00ff_ffff),
    dim: Some(rgb(0x00d0_d0d0)),
    title: rgb(0x00ff_ffff),
    accent: rgb(0x0000_ffff),
    good: rgb(0x0000_ff00),
    warn: rgb(0x00ff_ff00),
    bad: rgb(0x00ff_5050),
    selected: Some([rgb(0x0000_0000), rgb(0x00ff_ff00)]),
    badge: [rgb(0x0000_0000), rgb(0x00ff_ffff)],
    border: Some(rgb(0x00ff_ffff)),
    grid: Some(rgb(0x0080_8080)),
    heat: rgbs([0x0000_ff00, 0x00ff_ff00, 0x00ff_4040]),
    incoming: rgbs([0x0000_d0ff, 0x0000_ffff, 0x00a0_ffff]),
    outgoing: rgbs([0x00ff_a000, 0x00ff_c040, 0x00ff_e0a0]),
    ..DEFAULT
};
