//! The command palette: actions, views, hosts and a few settings by name.

use std::time::Duration;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};

use super::App;
use crate::keymap::KeyAction;
use crate::message::Effect;
use crate::screen::View;
use crate::theme::Theme;
use linux_api_wire::tui::ThemeName;

/// Commands that are no action of a key.
const EXTRA: [&str; 9] = [
    "host NAME",
    "rate 5s",
    "theme default",
    "theme light",
    "theme mono",
    "mouse on",
    "mouse off",
    "sort COLUMN",
    "range 6h",
];
/// Most suggestions.
const SUGGESTIONS: usize = 8;

/// The commands that fit what was typed, the best first.
#[must_use]
pub(crate) fn suggestions(typed: &str) -> Vec<&'static str> {
    let actions = KeyAction::all().into_iter();
    let names = actions.map(|action| action.name).chain(EXTRA);
    let typed = typed.trim();
    if typed.is_empty() {
        return names.take(SUGGESTIONS).collect();
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let found = pattern.match_list(names, &mut matcher);
    let best = found.into_iter().map(|(name, _)| name);
    best.take(SUGGESTIONS).collect()
}

impl App {
    pub(super) fn run_command(&mut self, typed: &str, chosen: usize) -> Vec<Effect> {
        let typed = typed.trim();
        let (word, rest) = typed.split_once(' ').unwrap_or((typed, ""));
        match (word, rest.trim()) {
            ("host", name) if !name.is_empty() => self.go_to_host(name),
            ("rate", rate) => self.set_rate(rate),
            ("theme", name) => self.set_theme(name),
            ("mouse", "on") => return vec![Effect::Mouse(true)],
            ("mouse", "off") => return vec![Effect::Mouse(false)],
            ("range", range) if !range.is_empty() => self.range_by_name(range),
            ("sort", column) if !column.is_empty() => self.sort_by_name(column),
            _ => {
                let suggested = suggestions(typed).get(chosen).copied();
                let action =
                    KeyAction::named(typed).or_else(|| suggested.and_then(KeyAction::named));
                match action {
                    Some(action) if !typed.is_empty() => {
                        if action.is_at(self.place()) {
                            return self.act(action);
                        }
                        self.complain(format!("{}: not on this view", action.name));
                    }
                    _ if typed.is_empty() => {}
                    _ => self.complain(format!("there is no command {typed:?}")),
                }
            }
        }
        Vec::new()
    }

    fn go_to_host(&mut self, name: &str) {
        let exact = self.hosts.iter().position(|host| host.name == name);
        let begins = || {
            self.hosts
                .iter()
                .position(|host| host.name.starts_with(name))
        };
        match exact.or_else(begins) {
            Some(index) => {
                self.current = index;
                if self.view == View::Fleet {
                    self.show(View::Overview);
                }
            }
            None => self.complain(format!("there is no host {name:?}")),
        }
    }

    fn set_rate(&mut self, text: &str) {
        let number: Option<u64> = text.trim_end_matches('s').trim().parse().ok();
        match number {
            Some(seconds @ 1..=3600) => {
                self.settings.every = Duration::from_secs(seconds);
                self.say(format!("polling every {seconds} s"));
            }
            _ => self.complain("rate: expected 1s to 3600s"),
        }
    }

    fn set_theme(&mut self, name: &str) {
        match name.parse::<ThemeName>() {
            Ok(theme) => {
                let ascii = self.settings.theme.glyphs.ascii;
                self.settings.theme = Theme::new(theme, self.settings.colour, ascii);
            }
            Err(problem) => self.complain(format!("theme: {problem}")),
        }
    }

    fn sort_by_name(&mut self, name: &str) {
        let headings = Self::sortable(self.place());
        let titles: Vec<&str> = headings.iter().map(|heading| heading.title).collect();
        let mut all = titles.iter();
        match all.find(|title| title.eq_ignore_ascii_case(name)) {
            Some(title) => self.sort_by_title(title),
            None if titles.is_empty() => self.complain("sort: not on this view"),
            None => self.complain(format!("sort: expected one of {}", titles.join(", "))),
        }
    }
}
