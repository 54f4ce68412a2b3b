//! How things look, changed while it runs: theme, shape of graphs, time zone.

use super::App;
use crate::display::{Shape, clock};
use crate::host::HostState;
use linux_api_wire::time::Timestamp;
use linux_api_wire::tui::TimeZone;

impl App {
    /// Takes the theme of that name.
    pub(super) fn set_theme(&mut self, name: &str) {
        match self.settings.display.theme(name) {
            Ok(theme) => self.settings.theme = theme,
            Err(problem) => self.complain(format!("theme: {problem}")),
        }
    }

    /// Takes the next shape of graphs.
    pub(super) fn next_shape(&mut self) {
        let shape = self.settings.display.shape.next();
        self.settings.display.shape = shape;
        self.say(format!("graphs: {}", shape.name()));
    }

    /// Takes the shape of graphs of that name.
    pub(crate) fn set_shape(&mut self, name: &str) {
        match Shape::named(name) {
            Some(shape) => self.settings.display.shape = shape,
            None => self.complain("graph: expected braille, blocks or line"),
        }
    }

    /// Takes the time zone in which times are shown.
    pub(super) fn set_zone(&mut self, name: &str) {
        match name.parse::<TimeZone>() {
            Ok(zone) => self.settings.display.zone = zone,
            Err(problem) => self.complain(format!("tz: {problem}")),
        }
    }

    /// How far the clock is ahead of UTC on which times of a host are shown, in seconds.
    pub(crate) fn offset_of(&self, host: &HostState, time: Timestamp) -> i32 {
        let display = &self.settings.display;
        match display.zone {
            TimeZone::Utc => 0,
            TimeZone::Local => display.local_offset(time),
            TimeZone::Host => host.utc_offset().unwrap_or(0),
        }
    }

    /// The time on the clock of a host: in UTC, there, and here, as far as these differ.
    pub(crate) fn clocks_of(&self, host: &HostState) -> Vec<String> {
        let time = self.time_of(host);
        let mut clocks = vec![format!("{} UTC", clock(time, 0))];
        let here = self.settings.display.local_offset(time);
        let there = host
            .utc_offset()
            .filter(|there| *there != 0 && *there != here);
        if let Some(there) = there {
            clocks.push(format!("{} there", clock(time, there)));
        }
        if here != 0 {
            clocks.push(format!("{} here", clock(time, here)));
        }
        clocks
    }
}
