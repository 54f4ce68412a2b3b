//! Keys of other programs: where each preset differs from the default one, and what is said of keys that hands
//! of those programs try and that mean nothing here.

use super::action as keys;
use super::{KeyAction, KeyPress};
use crate::screens::users;
use crate::screens::{logs, processes, units};
use linux_api_wire::tui::Preset;

/// An action with its keys; an empty text takes the keys away.
type Difference = (KeyAction, &'static str);

/// As in htop, which takes no letters for moving.
const HTOP: &[Difference] = &[
    (keys::QUIT, "q f10 ctrl-c"),
    (keys::HELP, "h ? f1"),
    (keys::UP, "up alt-k"),
    (keys::DOWN, "down alt-j"),
    (keys::LEFT, "left alt-h"),
    (keys::RIGHT, "right alt-l"),
    (keys::TOP, "home"),
    (keys::PAGE_UP, "pageup"),
    (keys::PAGE_DOWN, "pagedown"),
    (keys::HALF_UP, ""),
    (keys::HALF_DOWN, ""),
    (keys::FILTER, "f4 \\"),
    (keys::FIND, "f3 /"),
    (keys::PREVIOUS_MATCH, "alt-n"),
    (keys::SORT_MENU, "f6 . ,"),
    (keys::FREEZE, "Z"),
    (processes::acts::SIGNAL, "f9 k delete"),
    (processes::acts::NICE_LOWER, "f7 ]"),
    (processes::acts::NICE_HIGHER, "f8 ["),
    (processes::SORT_PID, "N"),
    (processes::COLUMNS, "f2 S C"),
    (logs::LOG_GREP, "f4 \\"),
];

/// As in btop, where Left and Right choose the column to sort by.
const BTOP: &[Difference] = &[
    (keys::HELP, "f1 ? h"),
    (keys::LEFT, "left"),
    (keys::UP, "up"),
    (keys::DOWN, "down"),
    (keys::SORT_LEFT, "left <"),
    (keys::SORT_RIGHT, "right >"),
    (keys::REVERSE, "r I"),
    (keys::FILTER, "f / f4"),
    (keys::FREEZE, "u"),
    (keys::PALETTE, ": m"),
    (keys::SORT_MENU, "f6"),
    (keys::TAG, "insert"),
    (keys::HALF_UP, ""),
    (processes::acts::SIGNAL, "f9 delete k t s"),
    (processes::acts::NICE_LOWER, "f7"),
    (processes::acts::NICE_HIGHER, "f8 N"),
    (processes::TREE, "e f5"),
    (processes::FOLD_TOGGLE, "space z"),
    (processes::FOLD_ALL, "E *"),
    (processes::PERCENT_BASE, "% c"),
    (processes::COLUMNS, "f2 o C"),
    (processes::USER_FILTER, "ctrl-u"),
    (logs::LOG_GREP, "f / f4"),
    (logs::LOG_UNIT, "ctrl-u"),
    (units::acts::RESTART_UNIT, "R"),
    (units::acts::RELOAD_UNIT, "ctrl-o"),
];

/// As in k9s, where a capital letter sorts and Ctrl-D or Ctrl-K ends something.
const K9S: &[Difference] = &[
    (keys::OPEN, "enter d"),
    (keys::TOP, "home g"),
    (keys::HALF_DOWN, ""),
    (keys::PALETTE, ": ctrl-a"),
    (keys::SORT_MENU, "f6 ,"),
    (keys::COPY, "y"),
    (processes::acts::SIGNAL, "f9 delete ctrl-d ctrl-k"),
    (processes::SORT_CPU, "C P"),
    (processes::SORT_TIME, "A T"),
    (processes::COLUMNS, "f2 ctrl-w"),
    (units::acts::STOP_UNIT, "x ctrl-d"),
    (users::REVOKE_KEY, "delete ctrl-d"),
];

/// Where a preset differs from the default one.
pub(super) const fn differences(preset: Preset) -> &'static [Difference] {
    match preset {
        Preset::Default => &[],
        Preset::Htop => HTOP,
        Preset::Btop => BTOP,
        Preset::K9s => K9S,
    }
}

/// Keys that hands of other programs try, and what to do here in their place.
const NOTES: &[(&str, &str)] = &[
    ("H", "threads are not listed; THR counts them"),
    ("f2", "settings are in tui.toml, commands behind :"),
    ("w", "lines are wrapped on Logs; a page wraps always"),
    (
        "ctrl-s",
        "nothing is saved from here; linux-api process list --json prints rows",
    ),
    ("ctrl-e", "header and tabs always stay"),
    ("ctrl-w", "C chooses the columns of processes"),
    ("ctrl-x", "nothing to cut; q quits"),
    ("ctrl-q", "q quits"),
    ("ctrl-o", "y copies the chosen row"),
    ("f5", "the tree is on Processes; ctrl-r polls at once"),
    ("f11", "your terminal's own key; nothing here"),
    ("f12", "nothing here; ? shows what the keys do"),
    (
        "insert",
        "nothing here; Space tags rows of processes and units",
    ),
    ("d", "Enter shows all of the chosen row"),
    ("o", "settings are in tui.toml, commands behind :"),
    ("a", "nothing here: affinity is not changed from here"),
    (
        "i",
        "I turns the order round; I/O is in the columns READ/s and WRITE/s",
    ),
    (
        "v",
        "nothing to mark here; Space tags rows of processes and units",
    ),
    (
        "e",
        "nothing is edited from here; Enter shows all of the chosen row",
    ),
    ("s", "no shell from here: leave with q, and ssh to the host"),
    ("c", "y copies the chosen row"),
    ("p", "P sorts processes by CPU; : takes commands"),
    ("m", "M sorts processes by memory; : takes commands"),
    ("O", "u narrows processes to a user"),
    ("J", "j or Down moves"),
    ("K", "k or Up moves"),
    (
        "V",
        "nothing to mark here; Space tags rows of processes and units",
    ),
    ("X", "nothing is deleted by X"),
    ("_", "+ and - zoom on History, and fold on Processes"),
    ("\\", "/ filters"),
    ("\"", "nothing here; ? shows what the keys do"),
    ("'", "nothing here; ? shows what the keys do"),
];

/// The same where a preset has another key for it.
const PRESET_NOTES: &[(Preset, &str, &str)] = &[
    (Preset::Htop, "a", "the affinity is not changed from here"),
    (Preset::Htop, "s", "system calls are not traced from here"),
    (
        Preset::Htop,
        "l",
        "Enter shows what is open, as far as it may be read",
    ),
    (
        Preset::Htop,
        "c",
        "Space tags; a process is tagged without its children",
    ),
    (
        Preset::Htop,
        "j",
        "arrows move; :keys default moves by j and k",
    ),
    (
        Preset::Htop,
        "i",
        "the I/O priority is not changed from here",
    ),
    (Preset::Htop, "w", "Enter shows the whole command line"),
    (Preset::Htop, "x", "locks of files are not listed"),
    (
        Preset::Htop,
        "e",
        "the environment of a process is not shown",
    ),
    (
        Preset::Btop,
        "j",
        "arrows move; :keys default moves by j and k",
    ),
    (Preset::Btop, "d", "disks are on Overview"),
    (
        Preset::Btop,
        "i",
        "disk traffic is on Overview, and in READ/s and WRITE/s",
    ),
    (
        Preset::Btop,
        "p",
        "layouts are not switched by p; : takes commands",
    ),
    (
        Preset::Btop,
        "P",
        "layouts are not switched by P; : takes commands",
    ),
    (Preset::Btop, "a", "every graph fits its own scale"),
    (Preset::Btop, "z", "totals count from the boot of the host"),
    (
        Preset::K9s,
        "e",
        "nothing is edited from here; Enter shows all of the chosen row",
    ),
    (Preset::K9s, "l", "l shows the log of a unit, on Units"),
    (Preset::K9s, "-", ": with Up brings the last command back"),
];

/// What to say of a key that hands of the program of a preset try.
pub(super) fn note_of_preset(preset: Preset, key: KeyPress) -> Option<&'static str> {
    let is_it = |text: &str| KeyPress::parse(text) == Some(key);
    let mut notes = PRESET_NOTES.iter();
    let found = notes.find(|(of, text, _)| *of == preset && is_it(text));
    found.map(|(_, _, note)| *note)
}

/// What to say of a key that hands of other programs try.
pub(super) fn note(key: KeyPress) -> Option<&'static str> {
    let found = NOTES
        .iter()
        .find(|(text, _)| KeyPress::parse(text) == Some(key));
    found.map(|(_, note)| *note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_note_is_about_a_key_and_no_key_has_two() {
        let all = NOTES.iter().map(|(key, _)| (None, *key));
        let of_presets = PRESET_NOTES
            .iter()
            .map(|(preset, key, _)| (Some(*preset), *key));
        let mut seen = Vec::new();
        for it in all.chain(of_presets) {
            assert!(KeyPress::parse(it.1).is_some(), "{it:?}");
            assert!(!seen.contains(&it), "{it:?}");
            seen.push(it);
        }
    }
}
