//! How many colours a terminal has, and the nearest ones of those.

use ratatui::style::Color;

use super::Charset;

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// How many colours.
    pub depth: Depth,
    /// Which characters.
    pub charset: Charset,
}

/// How many colours a terminal has, the fewest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None.
    Mono,
    /// Those that it calls red, green and so on, whatever they look like.
    Sixteen,
    /// 256, of which the upper 240 are the same everywhere.
    Indexed,
    /// All of them.
    True,
}

/// The steps of a colour in the cube of the 256 colours.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Depth {
    /// What `COLORTERM`, `TERM` and the terminal's description (terminfo) say, in this order; the last is
    /// how many colours it names.
    #[must_use]
    pub fn detect(colorterm: Option<&str>, term: Option<&str>, described: Option<u32>) -> Self {
        if matches!(colorterm, Some("truecolor" | "24bit")) {
            return Self::True;
        }
        let term = term.unwrap_or_default();
        match term {
            "dumb" => Self::Mono,
            _ if term.ends_with("-direct") => Self::True,
            _ if described.is_some_and(|count| count > 256) => Self::True,
            _ if described == Some(256) || term.ends_with("-256color") => Self::Indexed,
            _ => Self::Sixteen,
        }
    }

    /// The colour, or the nearest one that there is; of sixteen, which look different on every terminal, none
    /// is near another: there the one that has this part in the default theme is taken.
    #[must_use]
    pub fn nearest(self, colour: Color, usual: Color) -> Color {
        match (self, colour) {
            (Self::Indexed, Color::Rgb(red, green, blue)) => indexed([red, green, blue]),
            (Self::Sixteen | Self::Mono, Color::Rgb(..) | Color::Indexed(16..)) => usual,
            _ => colour,
        }
    }
}

/// The number of colours in a compiled description of a terminal (term(5)); nothing where it is none or
/// does not say.
#[must_use]
pub fn described_colours(description: &[u8]) -> Option<u32> {
    /// Which of the numbers it is.
    const MAX_COLORS: usize = 13;
    let word = |place: usize| -> Option<u16> {
        let bytes = description.get(place..place + 2)?;
        Some(u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    // Numbers of 16 bits, or of 32 in the newer format.
    let width = match word(0)? {
        0o432 => 2,
        0o1036 => 4,
        _ => return None,
    };
    let (names, flags, numbers) = (usize::from(word(2)?), usize::from(word(4)?), word(6)?);
    if usize::from(numbers) <= MAX_COLORS {
        return None;
    }
    let start = (12 + names + flags).next_multiple_of(2) + MAX_COLORS * width;
    let bytes = description.get(start..start + width)?;
    let number = match bytes {
        [low, high] => i32::from(i16::from_le_bytes([*low, *high])),
        [one, two, three, four] => i32::from_le_bytes([*one, *two, *three, *four]),
        _ => return None,
    };
    u32::try_from(number).ok()
}

fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    let parts = one.into_iter().zip(other);
    parts
        .map(|(one, other)| u32::from(one.abs_diff(other)).pow(2))
        .sum()
}

/// Red, green and blue of one of the upper 240 colours.
pub(crate) fn of_index(number: u8) -> [u8; 3] {
    let place = usize::from(number.saturating_sub(16));
    if number < 232 {
        [CUBE[place / 36], CUBE[place / 6 % 6], CUBE[place % 6]]
    } else {
        [8 + 10 * (number - 232); 3]
    }
}

fn indexed(colour: [u8; 3]) -> Color {
    let near = (16..=u8::MAX).min_by_key(|number| distance(of_index(*number), colour));
    near.map_or(Color::Reset, Color::Indexed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_says_how_many_colours_it_has() {
        let of = |colorterm, term, described| Depth::detect(colorterm, Some(term), described);
        assert_eq!(of(Some("truecolor"), "xterm", None), Depth::True);
        assert_eq!(of(None, "xterm-256color", None), Depth::Indexed);
        assert_eq!(of(None, "xterm-direct", None), Depth::True);
        assert_eq!(of(None, "screen", Some(8)), Depth::Sixteen);
        assert_eq!(of(None, "foot", Some(256)), Depth::Indexed);
        assert_eq!(of(None, "foot-x", Some(0x0100_0000)), Depth::True);
        assert_eq!(of(Some("yes"), "linux", Some(8)), Depth::Sixteen);
        assert_eq!(Depth::detect(None, None, None), Depth::Sixteen);
    }

    #[test]
    fn a_description_is_read_or_is_none() {
        let mut old = vec![0x1a, 0x01, 4, 0, 3, 0, 14, 0, 0, 0, 0, 0];
        old.extend(b"vt\0\0");
        old.extend([0; 3]);
        old.push(0);
        for number in 0..14_i16 {
            let value: i16 = if number == 13 { 256 } else { -1 };
            old.extend(value.to_le_bytes());
        }
        assert_eq!(described_colours(&old), Some(256));
        for end in 0..old.len() {
            assert_eq!(described_colours(&old[..end]), None, "{end}");
        }
        assert_eq!(described_colours(b"\x1e\x02"), None);
        assert_eq!(described_colours(&[0xff; 64]), None);
    }

    #[test]
    fn colours_become_the_nearest_ones() {
        let red = Color::Rgb(250, 4, 3);
        let near = |depth: Depth, colour| depth.nearest(colour, Color::Magenta);
        assert_eq!(near(Depth::True, red), red);
        assert_eq!(near(Depth::Indexed, red), Color::Indexed(196));
        assert_eq!(
            near(Depth::Indexed, Color::Rgb(60, 60, 60)),
            Color::Indexed(237)
        );
        assert_eq!(near(Depth::Sixteen, red), Color::Magenta);
        assert_eq!(near(Depth::Sixteen, Color::Indexed(196)), Color::Magenta);
        assert_eq!(near(Depth::Sixteen, Color::Cyan), Color::Cyan);
        assert_eq!(near(Depth::Indexed, Color::Reset), Color::Reset);
    }
}
