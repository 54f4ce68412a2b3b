//! What hands of other programs try, and what it does here: each key does what its program does, or says what to do
//! in its place. The table of it is in docs/tui.md.

use std::fmt::Write as _;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use linux_api_tui::keymap::{KeyAction, KeyPress, Keymap, Lookup};
use linux_api_tui::message::AppMessage;
use linux_api_tui::screen::View;
use linux_api_wire::tui::Preset;
use unicode_width::UnicodeWidthStr;

use super::stage::Stage;
use super::truth::lines;

/// The documentation, which has the table.
const DOCS: &str = include_str!("../../../../docs/tui.md");

/// What a key does.
#[derive(Clone, Copy)]
enum Does {
    /// The action of this name.
    Act(&'static str),
    /// Nothing, and the line at the bottom says this.
    Say(&'static str),
    /// It leads to the past.
    Past,
}

use Does::{Act, Past, Say};

/// A program, whose preset, the view, and keys with what they do there.
type Hands = (&'static str, Preset, View, &'static [(&'static str, Does)]);

const HANDS: &[Hands] = &[
    (
        "htop",
        Preset::Htop,
        View::Processes,
        &[
            ("F1", Act("help")),
            ("F2", Act("columns")),
            ("F3", Act("find")),
            ("/", Act("find")),
            ("F4", Act("filter")),
            ("\\", Act("filter")),
            ("F5", Act("tree")),
            ("t", Act("tree")),
            ("F6", Act("sort-menu")),
            ("F7", Act("nice-lower")),
            ("F8", Act("nice-higher")),
            ("F9", Act("signal")),
            ("k", Act("signal")),
            ("F10", Act("quit")),
            ("Space", Act("tag")),
            ("U", Act("untag")),
            ("u", Act("user-filter")),
            ("K", Act("kernel-threads")),
            ("p", Act("full-command")),
            ("P", Act("sort-cpu")),
            ("M", Act("sort-memory")),
            ("T", Act("sort-time")),
            ("N", Act("sort-pid")),
            ("I", Act("reverse")),
            ("F", Act("follow-process")),
            ("Z", Act("freeze")),
            ("h", Act("help")),
            ("S", Act("columns")),
            ("*", Act("fold-all")),
            ("ctrl-l", Act("redraw")),
            ("H", Say("threads are not listed")),
            ("s", Say("system calls are not traced")),
            ("l", Say("Enter shows what is open")),
            ("c", Say("Space tags")),
            ("a", Say("affinity")),
            ("i", Say("I/O priority")),
            ("w", Say("Enter shows the whole command line")),
            ("e", Say("environment")),
            ("x", Say("locks")),
        ],
    ),
    (
        "btop",
        Preset::Btop,
        View::Processes,
        &[
            ("F1", Act("help")),
            ("h", Act("help")),
            ("F2", Act("columns")),
            ("o", Act("columns")),
            ("m", Act("palette")),
            ("Left", Act("sort-left")),
            ("Right", Act("sort-right")),
            ("r", Act("reverse")),
            ("f", Act("filter")),
            ("/", Act("filter")),
            ("e", Act("tree")),
            ("Space", Act("fold-toggle")),
            ("+", Act("unfold")),
            ("-", Act("fold")),
            ("E", Act("fold-all")),
            ("Enter", Act("open")),
            ("t", Act("signal")),
            ("k", Act("signal")),
            ("s", Act("signal")),
            ("N", Act("nice-higher")),
            ("F", Act("follow-process")),
            ("u", Act("freeze")),
            ("c", Act("percent-base")),
            ("%", Act("percent-base")),
            ("Esc", Act("back")),
            ("d", Say("disks are on Overview")),
            ("i", Say("disk traffic is on Overview")),
            ("a", Say("own scale")),
        ],
    ),
    (
        "k9s",
        Preset::K9s,
        View::Processes,
        &[
            (":", Act("palette")),
            ("ctrl-a", Act("palette")),
            ("?", Act("help")),
            ("d", Act("open")),
            ("y", Act("copy")),
            ("Space", Act("tag")),
            ("g", Act("top")),
            ("G", Act("bottom")),
            ("ctrl-f", Act("page-down")),
            ("ctrl-b", Act("page-up")),
            ("C", Act("sort-cpu")),
            ("M", Act("sort-memory")),
            ("A", Act("sort-time")),
            ("ctrl-d", Act("signal")),
            ("ctrl-k", Act("signal")),
            ("ctrl-r", Act("reload")),
            ("ctrl-w", Act("columns")),
            ("s", Say("no shell from here")),
            ("e", Say("nothing is edited")),
            ("ctrl-e", Say("header and tabs always stay")),
            ("ctrl-s", Say("nothing is saved from here")),
        ],
    ),
    (
        "k9s",
        Preset::K9s,
        View::Units,
        &[
            ("d", Act("open")),
            ("l", Act("unit-log")),
            ("r", Act("restart-unit")),
            ("ctrl-d", Act("stop-unit")),
        ],
    ),
    ("k9s", Preset::K9s, View::Logs, &[("w", Act("wrap"))]),
    (
        "lazygit",
        Preset::Default,
        View::Processes,
        &[
            ("Tab", Act("next-view")),
            ("Space", Act("tag")),
            ("Enter", Act("open")),
            ("n", Act("next-match")),
            ("N", Act("previous-match")),
            ("z", Act("fold-toggle")),
            ("F2", Act("columns")),
            ("Backspace", Act("back")),
            ("q", Act("quit")),
            ("[", Past),
            ("{", Past),
            ("@", Past),
            ("]", Say("this is live")),
            ("L", Say("this is live")),
            ("x", Say("only on Fleet (1) and Units (8)")),
            ("R", Say("only on Fleet (1) and Units (8)")),
            ("w", Say("only on Logs (9)")),
            ("J", Say("j or Down moves")),
            ("c", Say("only on Fleet (1) and Units (8)")),
            ("ctrl-o", Say("y copies")),
            ("ctrl-s", Say("nothing is saved from here")),
            ("_", Say("+ and - zoom on History")),
        ],
    ),
];

fn event(key: &str) -> KeyEvent {
    if let Some(letter) = key.strip_prefix("ctrl-") {
        let code = KeyCode::Char(letter.chars().next().unwrap());
        return KeyEvent::new(code, KeyModifiers::CONTROL);
    }
    let code = match key {
        "Space" => KeyCode::Char(' '),
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Backspace" => KeyCode::Backspace,
        _ => match key.strip_prefix('F').and_then(|number| number.parse().ok()) {
            Some(number) => KeyCode::F(number),
            None => KeyCode::Char(key.chars().next().unwrap()),
        },
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// A view with the keys of a preset, where every action has something to do: the tree is open, a process
/// with children is chosen, and a text was searched for.
fn stage(preset: Preset, view: View) -> Stage {
    let mut stage = Stage::one((80, 24));
    stage.show(view);
    match view {
        View::Processes => {
            stage.keys("t");
            stage.key(KeyCode::F(3));
            stage.keys("nginx");
            stage.key(KeyCode::Esc);
            stage.keys(" Uk");
        }
        View::Units => stage.key(KeyCode::Down),
        _ => {}
    }
    stage.app.settings.keymap = Keymap::built_in(preset);
    stage.effects.clear();
    stage
}

#[test]
fn every_key_that_hands_try_does_what_they_expect_or_says_what_to_do() {
    let mut tried = 0;
    for (program, preset, view, keys) in HANDS {
        for (key, does) in *keys {
            tried += 1;
            let mut stage = stage(*preset, *view);
            let before = stage.screen();
            stage.send(AppMessage::Key(event(key)));
            let text = stage.text();
            let is_seen = stage.screen().buffer() != before.buffer() || !stage.effects.is_empty();
            assert!(is_seen, "{program} {key}: nothing happens\n{text}");
            let pressed = [KeyPress::of(&event(key))];
            let found = stage.app.settings.keymap.look_up(*view, &pressed);
            match does {
                Act(name) => {
                    let action = KeyAction::named(name).expect("an action");
                    assert_eq!(found, Lookup::Action(action), "{program} {key}");
                }
                Say(words) => {
                    let last = lines(&stage).split_off(20).join(" ");
                    assert!(last.contains(words), "{program} {key}: {last}");
                    assert_eq!(found, Lookup::Nothing, "{program} {key}");
                }
                Past => assert_eq!(stage.app.view, View::History, "{program} {key}"),
            }
        }
    }
    assert!(tried >= 60, "{tried}");
}

/// No key at all is silent where it means nothing.
#[test]
fn a_key_that_means_nothing_says_so_on_every_view() {
    for preset in Preset::ALL.iter().copied() {
        for view in View::ALL.iter().copied() {
            for letter in ('!'..='~').chain(['\u{e4}', ' ']) {
                let keymap = Keymap::built_in(preset);
                let event = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
                let key = KeyPress::of(&event);
                if keymap.look_up(view, &[key]) != Lookup::Nothing {
                    continue;
                }
                let excuse = keymap.excuse(view, key);
                assert!(excuse.starts_with(&key.to_string()), "{excuse}");
                assert!(excuse.width() <= 120, "{preset} {view:?}: {excuse}");
            }
        }
    }
}

/// The rows of the table in the documentation.
fn table() -> String {
    let mut table = String::from("| Hands of | Key | View | Here |\n| --- | --- | --- | --- |\n");
    for (program, preset, view, keys) in HANDS {
        for (key, does) in *keys {
            let (title, key) = (view.title(), key.replace('|', "\\|"));
            let here = match does {
                Act(name) => KeyAction::named(name).unwrap().help.to_owned(),
                Past => "goes into the past, on History".to_owned(),
                Say(_) => {
                    let excuse = excuse(*preset, *view, &key);
                    format!("says: {excuse}")
                }
            };
            writeln!(table, "| {program} | `{key}` | {title} | {here} |").unwrap();
        }
    }
    table
}

fn excuse(preset: Preset, view: View, key: &str) -> String {
    if matches!(key, "]" | "L") {
        return "this is live, there is nothing newer".to_owned();
    }
    let keymap = Keymap::built_in(preset);
    let excuse = keymap.excuse(view, KeyPress::of(&event(key)));
    let (_, rest) = excuse.split_once(": ").unwrap();
    rest.to_owned()
}

#[test]
fn the_table_in_the_documentation_is_that_of_the_keys() {
    let table = table();
    assert!(
        DOCS.contains(&table),
        "docs/tui.md needs this table:\n{table}"
    );
}

#[test]
fn presets_are_switched_by_command_and_keep_the_own_keys() {
    let mut stage = Stage::one((80, 24));
    let own = [("freeze".to_owned(), "F12".to_owned())].into();
    stage.app.settings.keymap = Keymap::new(Preset::Default, &own).unwrap();
    stage.keys(":keys htop");
    stage.key(KeyCode::Enter);
    assert_eq!(stage.app.settings.keymap.preset(), Preset::Htop);
    stage.key(KeyCode::F(12));
    assert!(stage.app.frozen.is_some());
    stage.keys(":keys vi");
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains("keys: expected one of default"),
        "{}",
        stage.text()
    );
}
