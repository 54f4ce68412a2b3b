//! The command palette: actions, views, hosts and a few settings by name, with what can follow them.

use std::time::Duration;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};

use super::App;
use crate::keymap::KeyAction;
use crate::message::Effect;
use crate::popups::{Popup, Purpose};
use crate::screen::View;
use crate::screens::overview;
use linux_api_wire::tui::{Preset, ThemeName, TimeZone};
use tui_input::Input;

/// A command that takes a word after it.
struct Command {
    word: &'static str,
    /// What follows it, in the words of its help.
    argument: &'static str,
    help: &'static str,
    /// What can follow it.
    arguments: fn(&App) -> Vec<String>,
    /// Whether anything else can follow it too.
    is_free: bool,
    run: fn(&mut App, &str) -> Vec<Effect>,
}

/// Commands that are no action of a key.
const COMMANDS: &[Command] = &[
    Command {
        word: "host",
        argument: "NAME",
        help: "look at a host",
        arguments: |app| app.hosts.iter().map(|host| host.name.clone()).collect(),
        is_free: false,
        run: |app, name| app.then_none(|app| app.go_to_host(name)),
    },
    Command {
        word: "sort",
        argument: "COLUMN",
        help: "sort by a column",
        arguments: |app| {
            let headings = app.sortable(app.place()).into_iter();
            headings.map(|it| it.title.to_lowercase()).collect()
        },
        is_free: false,
        run: |app, column| app.then_none(|app| app.sort_by_name(column)),
    },
    Command {
        word: "filter",
        argument: "TEXT",
        help: "show only some rows",
        arguments: |app| app.place().screen().filter_examples(),
        is_free: true,
        run: |app, text| app.then_none(|app| app.filter_by_name(text)),
    },
    Command {
        word: "theme",
        argument: "NAME",
        help: "colours",
        arguments: |app| {
            let own = app.settings.display.own_themes.iter();
            let own = own.map(|theme| theme.name.clone());
            words(ThemeName::WORDS).into_iter().chain(own).collect()
        },
        is_free: false,
        run: |app, name| app.then_none(|app| app.set_theme(name)),
    },
    Command {
        word: "keys",
        argument: "PRESET",
        help: "keys as in another program",
        arguments: |_| words(Preset::WORDS),
        is_free: false,
        run: |app, name| app.then_none(|app| app.set_keys(name)),
    },
    Command {
        word: "graph",
        argument: "SHAPE",
        help: "graphs of dots, of blocks, or as a line",
        arguments: |_| words(&["braille", "blocks", "line"]),
        is_free: false,
        run: |app, name| app.then_none(|app| app.set_shape(name)),
    },
    Command {
        word: "layout",
        argument: "1-4",
        help: "how the overview is divided",
        arguments: |_| words(&["1", "2", "3", "4"]),
        is_free: false,
        run: |app, name| app.then_none(|app| overview::set_layout(app, name)),
    },
    Command {
        word: "tz",
        argument: "ZONE",
        help: "of which time zone times are shown",
        arguments: |_| words(TimeZone::WORDS),
        is_free: false,
        run: |app, name| app.then_none(|app| app.set_zone(name)),
    },
    Command {
        word: "rate",
        argument: "TIME",
        help: "how often the host is polled",
        arguments: |_| words(&["1s", "2s", "5s", "10s", "30s", "60s"]),
        is_free: true,
        run: |app, rate| app.then_none(|app| app.set_rate(rate)),
    },
    Command {
        word: "range",
        argument: "TIME",
        help: "how long a past History shows",
        arguments: |_| words(&["15m", "1h", "6h", "1d", "7d", "30d", "365d"]),
        is_free: true,
        run: |app, range| app.then_none(|app| app.range_by_name(range)),
    },
    Command {
        word: "mouse",
        argument: "on|off",
        help: "use the mouse, or leave it to the terminal",
        arguments: |_| words(&["on", "off"]),
        is_free: false,
        run: |app, state| app.set_mouse(state),
    },
];
/// Words of other programs for actions.
const ALIASES: [(&str, &str); 6] = [
    ("q", "quit"),
    ("q!", "quit"),
    ("wq", "quit"),
    ("exit", "quit"),
    ("ctx", "fleet"),
    ("ps", "processes"),
];
/// Most suggestions.
const SUGGESTIONS: usize = 8;
/// Most commands that are remembered.
const REMEMBERED: usize = 50;

/// Something that could be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suggestion {
    /// The whole command; one that needs a word after it ends with a space.
    pub(crate) text: String,
    /// What it does.
    pub(crate) help: String,
    /// Whether something must follow.
    pub(crate) is_begun: bool,
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn command(typed: &str) -> Option<(&'static Command, &str)> {
    let (word, rest) = typed.split_once(' ')?;
    let found = COMMANDS.iter().find(|command| command.word == word)?;
    Some((found, rest.trim()))
}

/// The best of these for what was typed; all of them for nothing.
fn best<'a>(names: impl Iterator<Item = &'a str>, typed: &str) -> Vec<&'a str> {
    if typed.is_empty() {
        return names.take(SUGGESTIONS).collect();
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let found = pattern.match_list(names, &mut matcher);
    let best = found.into_iter().map(|(name, _)| name);
    best.take(SUGGESTIONS).collect()
}

/// What was typed, or the word that it is the beginning of.
fn whole(arguments: &[String], typed: &str) -> String {
    let is_it = |word: &&String| word.eq_ignore_ascii_case(typed);
    let begins = |word: &&String| word.to_lowercase().starts_with(&typed.to_lowercase());
    let mut all = arguments.iter();
    let found = all.clone().find(is_it).or_else(|| all.find(begins));
    found.map_or_else(|| typed.to_owned(), Clone::clone)
}

/// The commands that fit what was typed, the best first.
#[must_use]
pub(crate) fn suggestions(app: &App, typed: &str) -> Vec<Suggestion> {
    let typed = typed.trim_start();
    if let Some((command, argument)) = command(typed) {
        let arguments = (command.arguments)(app);
        let found = best(arguments.iter().map(String::as_str), argument);
        return found
            .into_iter()
            .map(|argument| Suggestion {
                text: format!("{} {argument}", command.word),
                help: command.help.to_owned(),
                is_begun: false,
            })
            .collect();
    }
    let actions = KeyAction::all();
    let place = app.place();
    let here = actions.iter().filter(|action| action.is_at(place));
    let names = here.map(|action| action.name);
    let is_command = |name: &&str| COMMANDS.iter().any(|command| command.word == *name);
    let names = names
        .filter(|name| !is_command(name))
        .chain(COMMANDS.iter().map(|command| command.word));
    let found = best(names, typed.trim());
    found
        .into_iter()
        .map(|name| match COMMANDS.iter().find(|it| it.word == name) {
            Some(command) => Suggestion {
                text: format!("{name} "),
                help: format!("{}: {}", command.argument, command.help),
                is_begun: true,
            },
            None => Suggestion {
                text: name.to_owned(),
                help: KeyAction::named(name).map_or("", |it| it.help).to_owned(),
                is_begun: false,
            },
        })
        .collect()
}

impl App {
    /// Runs what was typed, or the suggestion that was chosen for it.
    pub(super) fn run_command(&mut self, typed: &str, chosen: usize) -> Vec<Effect> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Vec::new();
        }
        let suggested = suggestions(self, typed);
        let suggested = suggested.get(chosen.min(suggested.len().saturating_sub(1)));
        let alias = ALIASES.iter().find(|(word, _)| *word == typed);
        let exact = alias.map_or(typed, |(_, name)| *name);
        if let Some((command, argument)) = command(typed).filter(|(_, it)| !it.is_empty()) {
            // What was chosen below it, else what was typed.
            let chosen = suggested.filter(|_| chosen > 0);
            let argument = match chosen.and_then(|it| it.text.split_once(' ')) {
                Some((_, argument)) => argument.to_owned(),
                None if command.is_free => argument.to_owned(),
                None => whole(&(command.arguments)(self), argument),
            };
            self.keep_command(format!("{} {argument}", command.word));
            return (command.run)(self, &argument);
        }
        if let Some(action) = KeyAction::named(exact).filter(|_| chosen == 0) {
            return self.run_action(action);
        }
        match suggested {
            Some(Suggestion {
                text,
                is_begun: true,
                ..
            }) => {
                // What must follow it is still to be typed.
                self.prompt(Purpose::Palette, text);
                Vec::new()
            }
            Some(Suggestion { text, .. }) => match (KeyAction::named(text), command(text)) {
                (Some(action), _) => self.run_action(action),
                (None, Some((command, argument))) => {
                    let argument = argument.to_owned();
                    self.keep_command(text.clone());
                    (command.run)(self, &argument)
                }
                (None, None) => Vec::new(),
            },
            None => {
                let other = KeyAction::all().into_iter().map(|action| action.name);
                let near = best(other, typed).into_iter().next();
                match near.and_then(KeyAction::named) {
                    Some(action) => return self.run_action(action),
                    None => self.complain(format!("there is no command {typed:?}")),
                }
                Vec::new()
            }
        }
    }

    fn run_action(&mut self, action: KeyAction) -> Vec<Effect> {
        self.keep_command(action.name.to_owned());
        if action.is_at(self.place()) {
            return self.act(action);
        }
        self.complain(format!("{}: not on this view", action.name));
        Vec::new()
    }

    /// Remembers a command, the newest one once.
    fn keep_command(&mut self, text: String) {
        self.commands.retain(|other| *other != text);
        self.commands.push(text);
        let excess = self.commands.len().saturating_sub(REMEMBERED);
        self.commands.drain(..excess);
    }

    /// Goes through what was typed before, or through the suggestions; whether it was one of these.
    pub(super) fn recall_command(&mut self, is_older: bool) {
        let count = self.commands.len();
        let Some(Popup::Prompt {
            input,
            chosen,
            recalled,
            ..
        }) = self.popups.last_mut()
        else {
            return;
        };
        let is_recalling = recalled.is_some() || input.value().is_empty();
        let next = match (*recalled, is_older) {
            (None, true) if is_recalling && count > 0 && *chosen == 0 => Some(0),
            (Some(place), true) => Some((place + 1).min(count.saturating_sub(1))),
            (Some(place), false) => place.checked_sub(1),
            _ => {
                *chosen = if is_older {
                    chosen.saturating_sub(1)
                } else {
                    chosen.saturating_add(1)
                };
                return;
            }
        };
        *recalled = next;
        *chosen = 0;
        let text = next.and_then(|place| self.commands.get(count - 1 - place));
        **input = Input::new(text.cloned().unwrap_or_default());
    }

    fn then_none(&mut self, act: impl FnOnce(&mut Self)) -> Vec<Effect> {
        act(self);
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

    fn set_keys(&mut self, name: &str) {
        match name.parse::<Preset>() {
            Ok(preset) => {
                self.settings.keymap = self.settings.keymap.in_preset(preset);
                self.say(format!("keys as in {preset}; those in tui.toml stay"));
            }
            Err(problem) => self.complain(format!("keys: {problem}")),
        }
    }

    fn set_mouse(&mut self, state: &str) -> Vec<Effect> {
        match state {
            "on" => vec![Effect::Mouse(true)],
            "off" => vec![Effect::Mouse(false)],
            _ => {
                self.complain("mouse: expected on or off");
                Vec::new()
            }
        }
    }

    fn filter_by_name(&mut self, text: &str) {
        let screen = self.place().screen();
        if screen.table(self).is_none() {
            self.complain("filter: not on this view");
        } else if let Some(problem) = screen.filter_problem(text) {
            self.complain(problem);
        } else {
            screen.set_filter(self, text);
        }
    }

    fn sort_by_name(&mut self, name: &str) {
        let headings = self.sortable(self.place());
        let titles: Vec<&str> = headings.iter().map(|heading| heading.title).collect();
        let mut all = titles.iter();
        match all.find(|title| title.eq_ignore_ascii_case(name)) {
            Some(title) => self.sort_by_title(title),
            None if titles.is_empty() => self.complain("sort: not on this view"),
            None => self.complain(format!("sort: expected one of {}", titles.join(", "))),
        }
    }
}
