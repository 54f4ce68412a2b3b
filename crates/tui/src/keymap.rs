//! Which key does what. Help and footer are made from the same list, so they can't differ from it.

pub(crate) mod action;
mod key;

use std::collections::BTreeMap;

pub use action::KeyAction;
pub use key::KeyPress;

use super::screen::View;
use super::screens::{logs, processes};
use linux_api_wire::tui::Preset;

/// Keys in the order in which they are pressed, one or two.
type Sequence = Vec<KeyPress>;

/// The keys that are in force.
#[derive(Debug, Clone)]
pub struct Keymap {
    bindings: Vec<(Sequence, KeyAction)>,
}

/// What a key press means so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It does this.
    Action(KeyAction),
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

/// Where htop's keys differ from the default; an empty text takes the keys away.
const HTOP: &[(KeyAction, &str)] = &[
    (action::QUIT, "q f10 ctrl-c"),
    (action::HELP, "h ? f1"),
    (action::UP, "up alt-k"),
    (action::DOWN, "down alt-j"),
    (action::LEFT, "left alt-h"),
    (action::RIGHT, "right alt-l"),
    (action::TOP, "home"),
    (action::PAGE_UP, "pageup"),
    (action::PAGE_DOWN, "pagedown"),
    (action::HALF_UP, ""),
    (action::HALF_DOWN, ""),
    (action::FILTER, "f4 \\"),
    (action::FIND, "f3 /"),
    (action::SORT_MENU, "f6 . ,"),
    (action::FREEZE, "Z"),
    (action::SORT_LEFT, "<"),
    (action::SORT_RIGHT, ">"),
    (processes::acts::SIGNAL, "f9 k delete"),
    (logs::LOG_GREP, "f4 \\"),
];

impl Keymap {
    /// The keys of a preset with those of the user over them: the name of an action, then keys
    /// with spaces between them; two keys in a row have a comma.
    ///
    /// # Errors
    /// Names the actions and keys that there are not.
    pub fn new(preset: Preset, own: &BTreeMap<String, String>) -> Result<Self, Vec<KeymapError>> {
        let mut errors = Vec::new();
        let mut changes: Vec<(KeyAction, Vec<Sequence>)> = Vec::new();
        for (name, text) in own {
            let Some(action) = KeyAction::named(name) else {
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
        let differs: &[(KeyAction, &str)] = match preset {
            Preset::Default => &[],
            Preset::Htop => HTOP,
        };
        let mut bindings = Vec::new();
        for action in KeyAction::all() {
            let other = differs.iter().find(|(other, _)| *other == action);
            let text = other.map_or(action.keys, |(_, text)| *text);
            // A test reads every built-in key.
            for keys in sequences(text).unwrap_or_default() {
                bindings.push((keys, action));
            }
        }
        Self { bindings }
    }

    /// Gives an action these keys alone, and takes them from those that have them in the same
    /// place.
    fn rebind(&mut self, action: KeyAction, keys: Vec<Sequence>) {
        self.bindings.retain(|(sequence, other)| {
            let taken = keys.contains(sequence) && other.overlaps(action);
            *other != action && !taken
        });
        self.bindings
            .extend(keys.into_iter().map(|keys| (keys, action)));
    }

    /// What the pressed keys mean on this view.
    #[must_use]
    pub fn look_up(&self, view: View, pressed: &[KeyPress]) -> Lookup {
        let here = || {
            let all = self.bindings.iter();
            all.filter(|(_, action)| action.is_at(view))
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
    pub fn keys_of(&self, action: KeyAction) -> Vec<String> {
        let own = self.bindings.iter().filter(|(_, other)| *other == action);
        own.map(|(keys, _)| keys.iter().map(ToString::to_string).collect())
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
            let keys: Option<Sequence> = parts.into_iter().map(KeyPress::parse).collect();
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

    fn named(name: &str) -> KeyAction {
        KeyAction::named(name).unwrap()
    }

    fn keys(text: &str) -> Sequence {
        sequences(text).unwrap().remove(0)
    }

    #[test]
    fn every_built_in_key_can_be_read_and_means_one_thing() {
        let default = KeyAction::all();
        let default = default.iter().map(|action| (*action, action.keys));
        for (action, text) in default.chain(HTOP.iter().copied()) {
            assert!(sequences(text).is_ok(), "{action:?} {text}");
        }
        for preset in [Preset::Default, Preset::Htop] {
            let keymap = Keymap::built_in(preset);
            for (index, (keys, action)) in keymap.bindings.iter().enumerate() {
                for (other_keys, other) in &keymap.bindings[index + 1..] {
                    let clash = keys.starts_with(other_keys) || other_keys.starts_with(keys);
                    assert!(
                        !clash || !action.overlaps(*other),
                        "{preset}: {action:?} and {other:?} share {keys:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_action_has_a_key_in_the_default_preset_and_a_name_of_its_own() {
        let keymap = Keymap::built_in(Preset::Default);
        for action in KeyAction::all() {
            assert!(!keymap.keys_of(action).is_empty(), "{action:?}");
            assert_eq!(KeyAction::named(action.name), Some(action));
        }
    }

    #[test]
    fn a_second_key_completes_the_first() {
        let keymap = Keymap::built_in(Preset::Default);
        let look_up = |text: &str| keymap.look_up(View::Processes, &keys(text));
        assert_eq!(look_up("g"), Lookup::Pending);
        assert_eq!(look_up("g,g"), Lookup::Action(action::TOP));
        assert_eq!(look_up("g,x"), Lookup::Nothing);
        assert_eq!(look_up("!"), Lookup::Action(named("invert-filter")));
        let fleet = keymap.look_up(View::Fleet, &keys("!"));
        assert_eq!(fleet, Lookup::Action(named("faults-only")));
    }

    #[test]
    fn own_keys_take_the_place_of_others() {
        let own = |pairs: &[(&str, &str)]| {
            let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
            Keymap::new(Preset::Default, &pairs.iter().map(own).collect())
        };
        let keymap = own(&[("freeze", "q ctrl-s")]).unwrap();
        let look_up = |text: &str| keymap.look_up(View::Overview, &keys(text));
        assert_eq!(look_up("q"), Lookup::Action(action::FREEZE));
        assert_eq!(look_up("f"), Lookup::Nothing);
        assert_eq!(look_up("ctrl-c"), Lookup::Action(action::QUIT));
        let errors = own(&[("fly", "x"), ("quit", "nonsense-key")]).unwrap_err();
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn in_htop_k_signals_and_h_helps() {
        let keymap = Keymap::built_in(Preset::Htop);
        let look_up = |text: &str| keymap.look_up(View::Processes, &keys(text));
        assert_eq!(look_up("k"), Lookup::Action(named("signal")));
        assert_eq!(look_up("h"), Lookup::Action(action::HELP));
        assert_eq!(look_up("f10"), Lookup::Action(action::QUIT));
    }
}
