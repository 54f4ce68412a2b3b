//! What is kept of the views from one run to the next. No filter: one that is not seen being set hides
//! rows unnoticed.

use super::App;
use crate::screen::View;

impl App {
    /// What to keep, as TOML.
    #[must_use]
    pub fn remember(&self) -> String {
        let mut kept = toml::Table::new();
        kept.insert("view".to_owned(), self.view.title().into());
        for view in View::PLACES {
            view.screen().save(self, &mut kept);
        }
        kept.to_string()
    }

    /// Takes up what was kept. A file of another version, or a broken one, counts as none:
    /// it is only about convenience.
    pub fn recall(&mut self, text: &str) {
        let Ok(kept) = text.parse::<toml::Table>() else {
            return;
        };
        let title = kept.get("view").and_then(toml::Value::as_str);
        let view = View::ALL.iter().find(|view| Some(view.title()) == title);
        // One host has its views at once, a fleet begins with the fleet.
        if self.hosts.len() == 1 {
            self.view = view.copied().unwrap_or(self.view);
        }
        for view in View::PLACES {
            view.screen().restore(self, &kept);
        }
    }

    /// Opens a view.
    pub fn show_view(&mut self, view: View) {
        self.show(view);
    }

    /// Opens a host.
    pub fn open_host(&mut self, index: usize) {
        if index < self.hosts.len() {
            self.current = index;
            self.view = View::Overview;
        }
    }
}
