//! How the terminal and the user want things to be shown.

use super::theme::{Charset, Depth, OwnTheme, Palette, Terminal, Theme};
pub use super::widgets::graph::Shape;
use linux_api_wire::time::Timestamp;
use linux_api_wire::tui::TimeZone;

/// Where the time zone of this machine comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LocalOffset {
    /// The system.
    #[default]
    System,
    /// It is always so many seconds ahead of UTC.
    Fixed(i32),
}

/// What does not belong to a view: colours, shapes, time zone.
#[derive(Debug, Clone)]
pub struct Display {
    /// What the terminal can show.
    pub terminal: Terminal,
    /// The themes of the user's own.
    pub own_themes: Vec<OwnTheme>,
    /// What graphs are made of.
    pub shape: Shape,
    /// Of which time zone times are shown.
    pub zone: TimeZone,
    /// The time zone of this machine.
    pub local: LocalOffset,
}

impl Default for Display {
    /// A terminal of sixteen colours, and UTC.
    fn default() -> Self {
        Self {
            terminal: Terminal {
                depth: Depth::Sixteen,
                charset: Charset::Unicode,
            },
            own_themes: Vec::new(),
            shape: Shape::default(),
            zone: TimeZone::default(),
            local: LocalOffset::default(),
        }
    }
}

impl Display {
    /// The theme of that name, as this terminal can show it.
    ///
    /// # Errors
    /// There is none of that name, or its file can't be used: what is wrong, for people.
    pub fn theme(&self, name: &str) -> Result<Theme, String> {
        let palette = Palette::find(name, &self.own_themes)?;
        Ok(Theme::of(&palette, self.terminal))
    }

    /// How far the clock of this machine is ahead of UTC at a time, in seconds.
    #[must_use]
    pub fn local_offset(&self, time: Timestamp) -> i32 {
        match self.local {
            LocalOffset::System => time.local_offset(),
            LocalOffset::Fixed(offset) => offset,
        }
    }
}

/// Hours and minutes on a clock that is so many seconds ahead of UTC.
#[must_use]
pub(crate) fn clock(time: Timestamp, offset: i32) -> String {
    let shifted = time.as_millis().saturating_add(i64::from(offset) * 1000);
    let text = Timestamp::from_millis(shifted).to_string();
    text.get(11..16).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_other_zones() {
        let time = "2026-11-23T23:32:00Z".parse().unwrap();
        assert_eq!(clock(time, 0), "23:32");
        assert_eq!(clock(time, 7_200), "01:32");
        assert_eq!(clock(time, -19_800), "18:02");
    }

    #[test]
    fn a_theme_that_is_not_there_is_named() {
        let display = Display::default();
        assert!(display.theme("nord").is_ok());
        let problem = display.theme("nrod").unwrap_err();
        assert!(
            problem.starts_with("there is no theme \"nrod\""),
            "{problem}"
        );
    }
}
