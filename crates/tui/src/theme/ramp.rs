//! Colours that change with a value.

use ratatui::style::{Color, Style};

use super::Depth;
use super::depth::of_index;

/// How many steps there are between colours that can be mixed.
const STEPS: u8 = 24;
/// Where the middle one of three colours is.
const MIDDLE: f64 = 0.6;
/// Steps of colours that can't be mixed: the middle and the last one of three begin where a share needs an
/// eye and a hand.
const PLAIN: [usize; 10] = [0, 0, 0, 0, 0, 0, 0, 1, 1, 2];

/// Styles from low to high.
#[derive(Debug, Clone)]
pub struct Ramp {
    /// At least one.
    steps: Vec<Style>,
}

impl Ramp {
    /// One style for every value.
    #[must_use]
    pub fn plain(style: Style) -> Self {
        Self { steps: vec![style] }
    }

    /// From the first colour to the last one. Colours that only the terminal knows can't be mixed: then
    /// there are only those, or the usual ones.
    #[must_use]
    pub fn between(colours: &[Color; 3], usual: [Color; 3], depth: Depth) -> Self {
        let mixed: Option<Vec<[u8; 3]>> = colours.iter().copied().map(parts).collect();
        let style = |colour: Color, usual| Style::new().fg(depth.nearest(colour, usual));
        let Some(mixed) = mixed.filter(|_| depth != Depth::Sixteen) else {
            return Self {
                steps: PLAIN
                    .map(|place| style(colours[place], usual[place]))
                    .to_vec(),
            };
        };
        let steps = (0..STEPS).map(|step| {
            let share = f64::from(step) / f64::from(STEPS - 1);
            let (from, to, part) = if share < MIDDLE {
                (mixed[0], mixed[1], share / MIDDLE)
            } else {
                (mixed[1], mixed[2], (share - MIDDLE) / (1.0 - MIDDLE))
            };
            let [red, green, blue] = [0, 1, 2].map(|place| mix(from[place], to[place], part));
            style(Color::Rgb(red, green, blue), Color::Reset)
        });
        Self {
            steps: steps.collect(),
        }
    }

    /// The style of a value from 0 to 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "between 0 and the number of steps"
    )]
    pub fn at(&self, share: f64) -> Style {
        let place = (share.clamp(0.0, 1.0) * self.steps.len() as f64) as usize;
        let last = self.steps.len().saturating_sub(1);
        self.steps.get(place.min(last)).copied().unwrap_or_default()
    }
}

/// Red, green and blue of a colour that is the same on every terminal.
fn parts(colour: Color) -> Option<[u8; 3]> {
    match colour {
        Color::Rgb(red, green, blue) => Some([red, green, blue]),
        Color::Indexed(number @ 16..) => Some(of_index(number)),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between two bytes"
)]
fn mix(from: u8, to: u8, part: f64) -> u8 {
    (f64::from(from) + (f64::from(to) - f64::from(from)) * part).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAT: [Color; 3] = [
        Color::Rgb(0, 200, 0),
        Color::Rgb(200, 200, 0),
        Color::Rgb(200, 0, 0),
    ];

    #[test]
    fn colours_are_mixed_where_the_terminal_can_and_named_where_not() {
        let named = [Color::Green, Color::Yellow, Color::Red];
        let of = |depth, share| Ramp::between(&HEAT, named, depth).at(share).fg;
        assert_eq!(of(Depth::True, 0.0), Some(HEAT[0]));
        assert_eq!(of(Depth::True, 1.0), Some(HEAT[2]));
        assert!(matches!(
            of(Depth::Indexed, 0.5),
            Some(Color::Indexed(16..))
        ));
        assert_eq!(of(Depth::Sixteen, 0.69), Some(Color::Green));
        assert_eq!(of(Depth::Sixteen, 0.71), Some(Color::Yellow));
        assert_eq!(of(Depth::Sixteen, 0.95), Some(Color::Red));
        let ramp = Ramp::between(&named, named, Depth::True);
        assert_eq!(ramp.at(0.95).fg, Some(Color::Red));
    }

    #[test]
    fn nonsense_is_the_lowest_value() {
        let ramp = Ramp::between(&HEAT, [Color::Reset; 3], Depth::True);
        for share in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            assert_eq!(ramp.at(share), ramp.at(0.0));
        }
        assert_eq!(ramp.at(f64::INFINITY), ramp.at(1.0));
    }
}
