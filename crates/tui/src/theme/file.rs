//! Themes of files: TOML with a built-in theme to begin with, and colours over it.

use std::ops::Range;

use ratatui::style::Color;
use toml::Value;

use super::palette::ColourPlace;
use super::{OwnTheme, Palette};
use linux_api_wire::tui::ThemeName;

/// The key that names the theme to begin with.
const BASE: &str = "base";

/// What is wrong with a theme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: line {line}: {}{message}", key.as_ref().map_or_else(String::new, |key| format!("{key}: ")))]
pub struct ThemeFileError {
    /// Its file.
    pub file: String,
    /// Which line, from 1.
    pub line: usize,
    /// Of which key; nothing where it is no TOML.
    pub key: Option<String>,
    /// What.
    pub message: String,
}

impl OwnTheme {
    /// The theme of a file.
    #[must_use]
    pub fn read(name: String, file: &str, text: &str) -> Self {
        let palette = Palette::of_text(file, text).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            lines.join("; ")
        });
        Self { name, palette }
    }
}

impl Palette {
    /// The colours that a text sets.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn of_text(file: &str, text: &str) -> Result<Self, Vec<ThemeFileError>> {
        let problem = |line, key: Option<&str>, message: String| ThemeFileError {
            file: file.to_owned(),
            line,
            key: key.map(str::to_owned),
            message,
        };
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| line_at(text, &span));
            vec![problem(line, None, error.message().to_owned())]
        })?;
        let mut problems = Vec::new();
        let mut palette = Self::built_in(ThemeName::Default);
        if let Some(base) = table.get(BASE) {
            let name = base.as_str().unwrap_or_default();
            match name.parse() {
                Ok(name) => palette = Self::built_in(name),
                Err(error) => problems.push(problem(line_of(text, BASE), Some(BASE), error)),
            }
        }
        // A theme that sets colours has some, also one that begins with a theme without.
        palette.is_mono &= table.keys().all(|key| key == BASE);
        let had_selected = palette.selected.is_some();
        let mut places = palette.colours();
        for (key, value) in table.iter().filter(|(key, _)| *key != BASE) {
            let names = || places.keys().copied().collect::<Vec<&str>>().join(", ");
            let unknown = || format!("there is no such colour; expected one of {}", names());
            let result = if places.contains_key(key.as_str()) {
                places
                    .get_mut(key.as_str())
                    .map_or(Ok(()), |place| set(place, value))
            } else {
                Err(unknown())
            };
            if let Err(message) = result {
                problems.push(problem(line_of(text, key), Some(key), message));
            }
        }
        drop(places);
        if !had_selected && !table.contains_key("selected") {
            palette.selected = None;
        }
        if problems.is_empty() {
            Ok(palette)
        } else {
            Err(problems)
        }
    }
}

fn set(place: &mut ColourPlace<'_>, value: &Value) -> Result<(), String> {
    match place {
        ColourPlace::One(place) => **place = colour(value)?,
        ColourPlace::Maybe(place) => **place = Some(colour(value)?),
        ColourPlace::Pair(place) => **place = colours(value)?,
        ColourPlace::Three(place) => **place = colours(value)?,
    }
    Ok(())
}

fn colours<const COUNT: usize>(value: &Value) -> Result<[Color; COUNT], String> {
    let expected = || format!("expected a list of {COUNT} colours");
    let values = value.as_array().ok_or_else(expected)?;
    let all: Result<Vec<Color>, String> = values.iter().map(colour).collect();
    <[Color; COUNT]>::try_from(all?).map_err(|_| expected())
}

/// A colour: `"#88c0d0"`, a number of the 256 colours, or a name that the terminal knows.
fn colour(value: &Value) -> Result<Color, String> {
    const EXPECTED: &str = "expected a colour: \"#88c0d0\", 0 to 255, \"default\", or a name such as \
                            \"cyan\" or \"light-blue\"";
    if let Some(number) = value.as_integer() {
        let number = u8::try_from(number).map_err(|_| EXPECTED.to_owned())?;
        return Ok(Color::Indexed(number));
    }
    let text = value.as_str().ok_or(EXPECTED)?;
    match text {
        "default" => Ok(Color::Reset),
        _ => text
            .parse()
            .map_err(|_| format!("{text:?} is no colour; {EXPECTED}")),
    }
}

/// The line of a key, from 1.
fn line_of(text: &str, key: &str) -> usize {
    let is_key = |line: &str| {
        let name = line.split('=').next().unwrap_or_default().trim();
        name.trim_matches(['"', '\'']) == key || line.trim().trim_matches(['[', ']']) == key
    };
    text.lines().position(is_key).map_or(1, |place| place + 1)
}

fn line_at(text: &str, span: &Range<usize>) -> usize {
    let before = text.get(..span.start).unwrap_or(text);
    before.matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_sets_colours_over_a_built_in_theme() {
        let text = "base = 'nord'\naccent = '#ff8800'\ndim = 244\nheat = ['green', 'yellow', 'red']\n\
                    selected = ['black', 'default']\n";
        let palette = Palette::of_text("mine.toml", text).unwrap();
        let nord = Palette::built_in(ThemeName::Nord);
        assert_eq!(palette.accent, Color::Rgb(255, 136, 0));
        assert_eq!(palette.dim, Some(Color::Indexed(244)));
        assert_eq!(palette.heat[2], Color::Red);
        assert_eq!(palette.selected, Some([Color::Black, Color::Reset]));
        assert_eq!(palette.good, nord.good);
        let nothing = Palette::of_text("mine.toml", "").unwrap();
        assert_eq!(nothing, Palette::built_in(ThemeName::Default));
    }

    #[test]
    fn what_is_wrong_is_named_with_file_line_and_key() {
        let said = |text: &str| -> Vec<String> {
            let problems = Palette::of_text("mine.toml", text).unwrap_err();
            problems.iter().map(ToString::to_string).collect()
        };
        let all = said("base = 'nrod'\n\naccent = 'blurple'\nheat = ['red']\nfoo = 1\ndim = 900\n");
        assert_eq!(all.len(), 5, "{all:?}");
        for part in [
            "mine.toml: line 1: base: expected one of default, ",
            "mine.toml: line 3: accent: \"blurple\" is no colour; expected a colour: ",
            "mine.toml: line 4: heat: expected a list of 3 colours",
            "mine.toml: line 5: foo: there is no such colour; expected one of accent, background, ",
            "mine.toml: line 6: dim: expected a colour: ",
        ] {
            assert!(
                all.iter().any(|line| line.starts_with(part)),
                "{part}: {all:?}"
            );
        }
        let broken = said("accent = 'red'\ntitle = \n");
        assert!(broken[0].starts_with("mine.toml: line 2: "), "{broken:?}");
    }

    #[test]
    fn a_theme_is_found_by_its_name() {
        let own = [
            OwnTheme::read("mine".to_owned(), "mine.toml", "accent = 'red'"),
            OwnTheme::read("broken".to_owned(), "broken.toml", "accent = 7.5"),
        ];
        assert_eq!(Palette::find("mine", &own).unwrap().accent, Color::Red);
        let broken = Palette::find("broken", &own).unwrap_err();
        assert!(
            broken.starts_with("broken.toml: line 1: accent: "),
            "{broken}"
        );
        let missing = Palette::find("pink", &own).unwrap_err();
        assert!(
            missing.contains("gruvbox") && missing.contains("mine"),
            "{missing}"
        );
        for name in ThemeName::WORDS {
            assert!(Palette::find(name, &[]).is_ok(), "{name}");
        }
    }
}
