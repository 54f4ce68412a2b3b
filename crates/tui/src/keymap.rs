//! Which key does what. Help and footer are made from the same list, so they can't differ from it.

pub(crate) mod action;
mod key;
mod presets;

use std::collections::BTreeMap;

pub use action::KeyAction;
pub use key::KeyPress;

use super::screen::View;
use linux_api_wire::tui::Preset;

/// Keys in the order in which they are pressed, one or two.
type Sequence = Vec<KeyPress>;

/// The keys that are in force.
#[derive(Debug, Clone)]
pub struct Keymap {
    preset: Preset,
    bindings: Vec<(Sequence, KeyAction)>,
    /// Keys that the user chose.
    own: Vec<(KeyAction, Vec<Sequence>)>,
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
        if errors.is_empty() {
            Ok(Self::with(preset, changes))
        } else {
            Err(errors)
        }
    }

    /// The keys of a preset.
    #[must_use]
    pub fn built_in(preset: Preset) -> Self {
        Self::with(preset, Vec::new())
    }

    /// The keys of another preset, with the user's own over them.
    #[must_use]
    pub fn in_preset(&self, preset: Preset) -> Self {
        Self::with(preset, self.own.clone())
    }

    /// Which preset it began with.
    #[must_use]
    pub const fn preset(&self) -> Preset {
        self.preset
    }

    fn with(preset: Preset, own: Vec<(KeyAction, Vec<Sequence>)>) -> Self {
        let differs = presets::differences(preset);
        let mut bindings = Vec::new();
        for action in KeyAction::all() {
            let other = differs.iter().find(|(other, _)| *other == action);
            let text = other.map_or(action.keys, |(_, text)| *text);
            // A test reads every built-in key.
            for keys in sequences(text).unwrap_or_default() {
                bindings.push((keys, action));
            }
        }
        let mut keymap = Self {
            preset,
            bindings,
            own: Vec::new(),
        };
        for (action, keys) in &own {
            keymap.rebind(*action, keys.clone());
        }
        keymap.own = own;
        keymap
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

    /// What the pressed keys mean on this view: what the view has them for, else what they are for
    /// everywhere.
    #[must_use]
    pub fn look_up(&self, view: View, pressed: &[KeyPress]) -> Lookup {
        let starts = |(keys, _): &&(Sequence, KeyAction)| keys.starts_with(pressed);
        let matching = self.bindings.iter().filter(starts);
        let (own, rest): (Vec<_>, Vec<_>) =
            matching.partition(|(_, action)| action.is_own_of(view));
        let general = rest.into_iter().filter(|(_, action)| action.is_general());
        for bindings in [own, general.collect()] {
            if let Some((_, action)) = bindings.iter().find(|(keys, _)| keys == pressed) {
                return Lookup::Action(*action);
            }
            if !bindings.is_empty() {
                return Lookup::Pending;
            }
        }
        Lookup::Nothing
    }

    /// The keys of an action as people write them, the first one first.
    #[must_use]
    pub fn keys_of(&self, action: KeyAction) -> Vec<String> {
        let own = self.bindings.iter().filter(|(_, other)| *other == action);
        own.map(|(keys, _)| written(keys)).collect()
    }

    /// The keys of an action that mean it on this view.
    #[must_use]
    pub fn keys_at(&self, view: View, action: KeyAction) -> Vec<String> {
        let own = self.bindings.iter().filter(|(_, other)| *other == action);
        let own = own.filter(|(keys, _)| self.look_up(view, keys) == Lookup::Action(action));
        own.map(|(keys, _)| written(keys)).collect()
    }

    /// What to say of a key that means nothing on this view.
    #[must_use]
    pub fn excuse(&self, view: View, key: KeyPress) -> String {
        if let Some(text) = presets::note_of_preset(self.preset, key) {
            return format!("{key}: {text}");
        }
        let found = |other: &View| match self.look_up(*other, &[key]) {
            Lookup::Action(action) if !action.is_at(view) => Some(action),
            _ => None,
        };
        if let Some(action) = View::ALL.iter().find_map(found) {
            let views = View::ALL
                .iter()
                .filter(|other| found(other) == Some(action));
            let views = views.map(|other| {
                let tab = self.keys_of(other.action()).into_iter().next();
                let tab = tab.map_or_else(String::new, |tab| format!(" ({tab})"));
                format!("{}{tab}", other.title())
            });
            let views: Vec<String> = views.collect();
            let place = match &views[..] {
                [first, _, rest @ ..] if !rest.is_empty() => {
                    format!("{first} and {} more views", rest.len() + 1)
                }
                few => few.join(" and "),
            };
            return format!("{key}: {}, only on {place}", action.help);
        }
        if let Some(text) = presets::note(key) {
            return format!("{key}: {text}");
        }
        let help = self.keys_of(action::HELP).into_iter().next();
        let help = help.unwrap_or_else(|| ":help".to_owned());
        format!("{key} does nothing here; {help} shows what the keys do")
    }
}

/// Keys in a row as people write them.
fn written(keys: &Sequence) -> String {
    keys.iter().map(ToString::to_string).collect()
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
        for action in default {
            assert!(sequences(action.keys).is_ok(), "{action:?}");
        }
        for preset in Preset::ALL.iter().copied() {
            for (action, text) in presets::differences(preset) {
                assert!(sequences(text).is_ok(), "{action:?} {text}");
            }
            let keymap = Keymap::built_in(preset);
            for (index, (keys, action)) in keymap.bindings.iter().enumerate() {
                for (other_keys, other) in &keymap.bindings[index + 1..] {
                    let clash = keys.starts_with(other_keys) || other_keys.starts_with(keys);
                    assert!(
                        !clash || !action.clashes(*other),
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
        let htop = keymap.in_preset(Preset::Htop);
        let freezes = htop.look_up(View::Overview, &keys("q"));
        assert_eq!(freezes, Lookup::Action(action::FREEZE), "own keys stay");
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
