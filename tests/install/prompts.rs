//! The questions of setup, answered in a real terminal.

use std::fs;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::tree::{System, exists};

/// A tmux server of its own, which ends with the test.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(name: &str, setup: &Command) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            crate::left_out::for_want_of("tmux", "apt-get install tmux");
            return None;
        }
        let socket = format!("linux-api-setup-{name}-{}", std::process::id());
        let terminal = Self { socket };
        let words = std::iter::once(setup.get_program()).chain(setup.get_args());
        let words: Vec<_> = words.map(|word| format!("'{}'", word.display())).collect();
        let line = format!("{}; echo ended with $?; exec sleep 60", words.join(" "));
        let started = terminal.tmux(&["new-session", "-d", "-x", "110", "-y", "60", &line]);
        assert!(started.status.success(), "{started:?}");
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .args(["-L", &self.socket, "-f", "/dev/null"])
            .args(arguments)
            .env("LANG", "C.UTF-8")
            .output()
            .unwrap()
    }

    /// Waits for a text and answers it with keys.
    #[track_caller]
    fn answer(&self, question: &str, keys: &[&str]) -> String {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            let text = String::from_utf8_lossy(&screen.stdout).into_owned();
            if text.contains(question) {
                for key in keys {
                    self.tmux(&["send-keys", key]);
                }
                return text;
            }
            assert!(Instant::now() < deadline, "no {question:?} in:\n{text}");
            // A terminal tells nobody that it has changed.
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn the_answers_of_a_person_become_the_configuration() {
    let system = System::new();
    let Some(terminal) = Terminal::start("answers", &system.setup(&[])) else {
        return;
    };
    terminal.answer("Who may reach the daemon?", &["Down", "Enter"]);
    terminal.answer("Networks of the proxy", &["Enter"]);
    terminal.answer("Address and port to listen on", &["Enter"]);
    terminal.answer("Where are users, keys", &["Enter"]);
    let plan = terminal.answer("Do all this?", &["Enter"]);
    assert!(plan.contains("write /etc/linux-api/config.toml"), "{plan}");
    assert!(!exists(&system.path("etc/linux-api")), "before the answer");
    terminal.answer("ended with 0", &[]);
    let written = fs::read_to_string(system.path("etc/linux-api/config.toml")).unwrap();
    assert!(
        written.contains("trusted_proxies = [\"127.0.0.1/32\"]"),
        "{written}"
    );
}

/// Keys of a shell edit the line, and a wrong one is asked for again.
#[test]
fn a_typed_line_can_be_edited() {
    let system = System::new();
    let Some(terminal) = Terminal::start("line", &system.setup(&[])) else {
        return;
    };
    terminal.answer("Who may reach the daemon?", &["Enter"]);
    let keys = ["nonsense", "C-u", "127.0.0.1:", "Enter"];
    terminal.answer("Address and port to listen on", &keys);
    let screen = terminal.answer("an address with a port, such as", &[]);
    assert!(!screen.contains("nonsenseu"), "{screen}");
    // The wrong line comes back to be corrected.
    terminal.answer("an address with a port, such as", &["Up", "9123", "Enter"]);
    terminal.answer("Where are users, keys", &["Enter"]);
    terminal.answer("Do all this?", &["Enter"]);
    terminal.answer("ended with 0", &[]);
    let written = fs::read_to_string(system.path("etc/linux-api/config.toml")).unwrap();
    assert!(written.contains("127.0.0.1:9123"), "{written}");
}

#[test]
fn a_no_changes_nothing() {
    let system = System::new();
    let Some(terminal) = Terminal::start("no", &system.setup(&[])) else {
        return;
    };
    terminal.answer("Who may reach the daemon?", &["Enter"]);
    terminal.answer("Address and port to listen on", &["Enter"]);
    terminal.answer("Where are users, keys", &["Enter"]);
    terminal.answer("Do all this?", &["n", "Enter"]);
    terminal.answer("Nothing was changed.", &[]);
    assert!(system.all().is_empty());
}

#[test]
fn a_password_in_a_url_is_not_on_the_screen() {
    let system = System::new();
    let Some(terminal) = Terminal::start("url", &system.setup(&[])) else {
        return;
    };
    terminal.answer("Who may reach the daemon?", &["Enter"]);
    terminal.answer("Address and port to listen on", &["Enter"]);
    terminal.answer("Where are users, keys", &["Up", "Enter"]);
    let url = "postgres://u:hunter2@h/d";
    terminal.answer("URL, postgres://USER", &[url, "Enter"]);
    let screen = terminal.answer("Do all this?", &["Enter"]);
    assert!(!screen.contains("hunter2"), "{screen}");
    let screen = terminal.answer("ended with 0", &[]);
    assert!(!screen.contains("hunter2"), "{screen}");
    let kept = fs::read_to_string(system.path("etc/linux-api/database_url")).unwrap();
    assert_eq!(kept, format!("{url}\n"));
}

#[test]
fn another_database_that_is_known_is_asked_about() {
    let system = System::new();
    fs::create_dir_all(system.path("etc/linux-api")).unwrap();
    let kept = "postgres://u:wrong@h/d\n";
    fs::write(system.path("etc/linux-api/database_url"), kept).unwrap();
    for (name, keys, expected) in [
        ("keep", &["Enter"][..], "postgres://u:wrong@h/d\n"),
        ("replace", &["Down", "Enter"], "postgres://u:right@h/d\n"),
    ] {
        let Some(terminal) = Terminal::start(name, &system.setup(&[])) else {
            return;
        };
        terminal.answer("Who may reach the daemon?", &["Enter"]);
        terminal.answer("Address and port to listen on", &["Enter"]);
        terminal.answer("Where are users, keys", &["Up", "Enter"]);
        terminal.answer("URL, postgres://USER", &["postgres://u:right@h/d", "Enter"]);
        let screen = terminal.answer("names another database already", keys);
        assert!(!screen.contains("wrong"), "{screen}");
        terminal.answer("Do all this?", &["Enter"]);
        terminal.answer("ended with 0", &[]);
        let url = fs::read_to_string(system.path("etc/linux-api/database_url")).unwrap();
        assert_eq!(url, expected);
        let config = fs::read_to_string(system.path("etc/linux-api/config.toml")).unwrap();
        assert!(config.contains("url_file = "), "{config}");
        // The next round finds no configuration of its own.
        fs::remove_file(system.path("etc/linux-api/config.toml")).unwrap();
    }
}

#[test]
fn a_question_that_is_broken_off_changes_nothing_and_is_no_error() {
    let system = System::new();
    let Some(terminal) = Terminal::start("interrupted", &system.setup(&[])) else {
        return;
    };
    terminal.answer("Who may reach the daemon?", &["C-c"]);
    let screen = terminal.answer("ended with 130", &[]);
    assert!(screen.contains("stopped; nothing was changed"), "{screen}");
    assert!(!screen.contains("error"), "{screen}");
    assert!(system.all().is_empty());
}
