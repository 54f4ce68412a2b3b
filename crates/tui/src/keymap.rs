//! Which key does what. Help and footer are made from the same list, so they can't differ from it.

mod action;
mod key;

use std::collections::BTreeMap;

pub use action::{Action, Place};
pub use key::Key;

use super::view::View;
use linux_api_wire::tui::Preset;

/// Keys in the order in which they are pressed, one or two.
type Sequence = Vec<Key>;

/// The keys that are in force.
#[derive(Debug, Clone)]
pub struct Keymap {
    bindings: Vec<(Sequence, Action)>,
}

/// What a key press means so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It does this.
    Action(Action),
    /// A second key is needed.
    Pending,
    /// Nothing.
    Nothing,
}

/// Why the configured keys can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// No action has that name.
    #[error("keys.{0}: there is no such action; the help (?) shows their names")]
    Action(String),
    /// A text names no key.
    #[error("keys.{action}: {text:?} is no key such as j, G, ctrl-r, f5, space or \"g g\"")]
    Key {
        /// Of which action.
        action: String,
        /// The text.
        text: String,
    },
}

const DEFAULT: &[(Action, &str)] = &[
    (Action::Quit, "q ctrl-c"),
    (Action::Back, "esc"),
    (Action::Help, "? f1"),
    (Action::Palette, ":"),
    (Action::NextView, "tab"),
    (Action::PreviousView, "backtab"),
    (Action::Fleet, "1"),
    (Action::Overview, "2"),
    (Action::Processes, "3"),
    (Action::Api, "4"),
    (Action::Health, "5"),
    (Action::Users, "6"),
    (Action::History, "7"),
    (Action::NextHost, "ctrl-n"),
    (Action::PreviousHost, "ctrl-p"),
    (Action::Up, "up k"),
    (Action::Down, "down j"),
    (Action::Left, "left h"),
    (Action::Right, "right l"),
    (Action::Top, "home g,g"),
    (Action::Bottom, "end G"),
    (Action::PageUp, "pageup ctrl-b"),
    (Action::PageDown, "pagedown ctrl-f"),
    (Action::HalfUp, "ctrl-u"),
    (Action::HalfDown, "ctrl-d"),
    (Action::Open, "enter"),
    (Action::Filter, "/"),
    (Action::Find, "f3"),
    (Action::SortMenu, "s f6"),
    (Action::SortLeft, "<"),
    (Action::SortRight, ">"),
    (Action::Reverse, "I"),
    (Action::SortPid, "N"),
    (Action::SortMemory, "M"),
    (Action::SortCpu, "P"),
    (Action::SortTime, "T"),
    (Action::Tree, "t f5"),
    (Action::FullCommand, "p"),
    (Action::PercentBase, "%"),
    (Action::UserFilter, "u"),
    (Action::KernelThreads, "K"),
    (Action::InvertFilter, "!"),
    (Action::FaultsOnly, "!"),
    (Action::Freeze, "f"),
    (Action::ZoomIn, "+ ="),
    (Action::ZoomOut, "-"),
    (Action::Earlier, "["),
    (Action::Later, "]"),
    (Action::MuchEarlier, "{"),
    (Action::MuchLater, "}"),
    (Action::Live, "L"),
    (Action::Jump, "@"),
    (Action::AddUser, "a"),
    (Action::ToggleActive, "A"),
    (Action::ToggleRole, "r"),
    (Action::DeleteUser, "D"),
    (Action::NewKey, "n"),
    (Action::RotateKey, "o"),
    (Action::RevokeKey, "d,d delete"),
    (Action::Redraw, "ctrl-l"),
    (Action::Reload, "ctrl-r"),
    (Action::Suspend, "ctrl-z"),
];

/// Where htop's keys differ from the default; an empty text takes the keys away.
const HTOP: &[(Action, &str)] = &[
    (Action::Quit, "q f10 ctrl-c"),
    (Action::Help, "h ? f1"),
    (Action::Up, "up alt-k"),
    (Action::Down, "down alt-j"),
    (Action::Left, "left alt-h"),
    (Action::Right, "right alt-l"),
    (Action::Top, "home"),
    (Action::PageUp, "pageup"),
    (Action::PageDown, "pagedown"),
    (Action::HalfUp, ""),
    (Action::HalfDown, ""),
    (Action::Filter, "f4 \\"),
    (Action::Find, "f3 /"),
    (Action::SortMenu, "f6 . ,"),
    (Action::Freeze, "Z"),
    (Action::SortLeft, "<"),
    (Action::SortRight, ">"),
];

impl Keymap {
    /// The keys of a preset with those of the user over them: the name of an action, then keys
    /// with spaces between them; two keys in a row have a comma.
    ///
    /// # Errors
    /// Names the actions and keys that there are not.
    pub fn new(preset: Preset, own: &BTreeMap<String, String>) -> Result<Self, Vec<KeymapError>> {
        let mut errors = Vec::new();
        let mut changes: Vec<(Action, Vec<Sequence>)> = Vec::new();
        for (name, text) in own {
            let Some(action) = Action::named(name) else {
                errors.push(KeymapError::Action(name.clone()));
                continue;
            };
            match sequences(text) {
                Ok(keys) => changes.push((action, keys)),
                Err(text) => errors.push(KeymapError::Key {
                    action: name.clone(),
                    text,
                }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut keymap = Self::built_in(preset);
        for (action, keys) in changes {
            keymap.rebind(action, keys);
        }
        Ok(keymap)
    }

    /// The keys of a preset.
    #[must_use]
    pub fn built_in(preset: Preset) -> Self {
        let differs: &[(Action, &str)] = match preset {
            Preset::Default => &[],
            Preset::Htop => HTOP,
        };
        let mut bindings = Vec::new();
        for (action, text) in DEFAULT {
            let other = differs.iter().find(|(other, _)| other == action);
            let text = other.map_or(*text, |(_, text)| *text);
            // A test reads every built-in key.
            for keys in sequences(text).unwrap_or_default() {
                bindings.push((keys, *action));
            }
        }
        Self { bindings }
    }

    /// Gives an action these keys alone, and takes them from those that have them in the same
    /// place.
    fn rebind(&mut self, action: Action, keys: Vec<Sequence>) {
        self.bindings.retain(|(sequence, other)| {
            let taken = keys.contains(sequence) && other.place().overlaps(action.place());
            *other != action && !taken
        });
        self.bindings
            .extend(keys.into_iter().map(|keys| (keys, action)));
    }

    /// What the pressed keys mean on this view.
    #[must_use]
    pub fn look_up(&self, view: View, pressed: &[Key]) -> Lookup {
        let here = || {
            let all = self.bindings.iter();
            all.filter(|(_, action)| action.place().is_at(view))
        };
        if let Some((_, action)) = here().find(|(keys, _)| keys == pressed) {
            return Lookup::Action(*action);
        }
        if here().any(|(keys, _)| keys.len() > pressed.len() && keys.starts_with(pressed)) {
            return Lookup::Pending;
        }
        Lookup::Nothing
    }

    /// The keys of an action as people write them, the first one first.
    #[must_use]
    pub fn keys_of(&self, action: Action) -> Vec<String> {
        let own = self.bindings.iter().filter(|(_, other)| *other == action);
        own.map(|(keys, _)| keys.iter().map(ToString::to_string).collect())
            .collect()
    }

    /// Everything that can be done on a view, in the order of the list, with its keys.
    #[must_use]
    pub fn help(&self, view: View) -> Vec<(Action, String)> {
        let here = Action::ALL.iter().filter(|it| it.place().is_at(view));
        here.map(|action| (*action, self.keys_of(*action).join(" ")))
            .collect()
    }

    /// The hints for the line at the bottom, the most useful ones first.
    #[must_use]
    pub fn hints(&self, view: View) -> Vec<(Action, String, &'static str)> {
        let here = Action::ALL.iter().filter(|it| it.place().is_at(view));
        here.filter_map(|action| {
            let hint = action.hint()?;
            let key = self.keys_of(*action).into_iter().next()?;
            Some((*action, key, hint))
        })
        .collect()
    }
}

fn sequences(text: &str) -> Result<Vec<Sequence>, String> {
    text.split_whitespace()
        .map(|word| {
            // A comma alone is the key.
            let parts: Vec<&str> = if word == "," {
                vec![word]
            } else {
                word.split(',').collect()
            };
            let keys: Option<Sequence> = parts.into_iter().map(Key::parse).collect();
            match keys {
                Some(keys) if keys.len() <= 2 => Ok(keys),
                _ => Err(word.to_owned()),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Sequence {
        sequences(text).unwrap().remove(0)
    }

    #[test]
    fn every_built_in_key_can_be_read_and_means_one_thing() {
        for (preset, texts) in [(Preset::Default, DEFAULT), (Preset::Htop, HTOP)] {
            for (action, text) in texts {
                assert!(sequences(text).is_ok(), "{action:?} {text}");
            }
            let keymap = Keymap::built_in(preset);
            for (index, (keys, action)) in keymap.bindings.iter().enumerate() {
                for (other_keys, other) in &keymap.bindings[index + 1..] {
                    let clash = keys.starts_with(other_keys) || other_keys.starts_with(keys);
                    assert!(
                        !clash || !action.place().overlaps(other.place()),
                        "{preset}: {action:?} and {other:?} share {keys:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_action_has_a_key_in_the_default_preset_and_stands_in_the_help() {
        let keymap = Keymap::built_in(Preset::Default);
        for action in Action::ALL {
            assert!(!keymap.keys_of(*action).is_empty(), "{action:?}");
            let views = View::ALL.iter();
            let shown = views
                .filter(|view| keymap.help(**view).iter().any(|(it, _)| it == action))
                .count();
            assert!(shown > 0, "{action:?}");
        }
        assert_eq!(Action::ALL.len(), DEFAULT.len());
    }

    #[test]
    fn a_second_key_completes_the_first() {
        let keymap = Keymap::built_in(Preset::Default);
        let look_up = |text: &str| keymap.look_up(View::Processes, &keys(text));
        assert_eq!(look_up("g"), Lookup::Pending);
        assert_eq!(look_up("g,g"), Lookup::Action(Action::Top));
        assert_eq!(look_up("g,x"), Lookup::Nothing);
        assert_eq!(look_up("!"), Lookup::Action(Action::InvertFilter));
        let fleet = keymap.look_up(View::Fleet, &keys("!"));
        assert_eq!(fleet, Lookup::Action(Action::FaultsOnly));
    }

    #[test]
    fn own_keys_take_the_place_of_others() {
        let own = |pairs: &[(&str, &str)]| {
            let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
            Keymap::new(Preset::Default, &pairs.iter().map(own).collect())
        };
        let keymap = own(&[("freeze", "q ctrl-s")]).unwrap();
        let look_up = |text: &str| keymap.look_up(View::Overview, &keys(text));
        assert_eq!(look_up("q"), Lookup::Action(Action::Freeze));
        assert_eq!(look_up("f"), Lookup::Nothing);
        assert_eq!(look_up("ctrl-c"), Lookup::Action(Action::Quit));
        let errors = own(&[("fly", "x"), ("quit", "nonsense-key")]).unwrap_err();
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn in_htop_k_is_free_and_h_helps() {
        let keymap = Keymap::built_in(Preset::Htop);
        let look_up = |text: &str| keymap.look_up(View::Processes, &keys(text));
        assert_eq!(look_up("k"), Lookup::Nothing);
        assert_eq!(look_up("h"), Lookup::Action(Action::Help));
        assert_eq!(look_up("f10"), Lookup::Action(Action::Quit));
    }
}
