//! The questions of setup, answered in a real terminal.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::install::tree::{System, exists, is_root, linux_api, may_mount};

/// A tmux server of its own, which ends with the test.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(name: &str, setup: &Command) -> Option<Self> {
        let words = std::iter::once(setup.get_program()).chain(setup.get_args());
        let words: Vec<_> = words.map(|word| format!("'{}'", word.display())).collect();
        Self::start_line(name, &words.join(" "))
    }

    fn start_line(name: &str, line: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            crate::install::left_out::for_want_of("tmux", "apt-get install tmux");
            return None;
        }
        let socket = format!("linux-api-setup-{name}-{}", std::process::id());
        let terminal = Self { socket };
        let line = format!("{line}; echo ended with $?; exec sleep 60");
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

    /// Waits for a prompt and types keys.
    #[track_caller]
    fn answer(&self, question: &str, keys: &[&str]) -> String {
        self.answer_nth(1, question, keys)
    }

    /// The same for a text that was on the screen before: waits until it is there so many times.
    #[track_caller]
    fn answer_nth(&self, times: usize, question: &str, keys: &[&str]) -> String {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            let text = String::from_utf8_lossy(&screen.stdout).into_owned();
            if text.matches(question).count() >= times {
                for key in keys {
                    self.tmux(&["send-keys", key]);
                }
                return text;
            }
            assert!(Instant::now() < deadline, "no {question:?} in:\n{text}");
            // A terminal sends no event when it has changed.
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
    fs::create_dir_all(system.path("etc")).unwrap();
    fs::write(system.path("etc/group"), "systemd-journal:x:999:\n").unwrap();
    let Some(terminal) = Terminal::start("answers", &system.setup(&[])) else {
        return;
    };
    terminal.answer("Who may reach the daemon?", &["Down", "Enter"]);
    terminal.answer("Networks of the proxy", &["Enter"]);
    terminal.answer("Address and port to listen on", &["Enter"]);
    terminal.answer("Where are users, keys", &["Enter"]);
    terminal.answer("What may be done on this host", &["Down", "Enter"]);
    terminal.answer("Units, such as", &["nginx.service", "Enter"]);
    terminal.answer("May operators read the logs", &["Enter"]);
    let plan = terminal.answer("Do all this?", &["Enter"]);
    assert!(plan.contains("write /etc/linux-api/config.toml"), "{plan}");
    assert!(!exists(&system.path("etc/linux-api")), "before the answer");
    terminal.answer("ended with 0", &[]);
    let written = fs::read_to_string(system.path("etc/linux-api/config.toml")).unwrap();
    assert!(
        written.contains("trusted_proxies = [\"127.0.0.1/32\"]"),
        "{written}"
    );
    let policy = fs::read_to_string(system.path("etc/linux-api/policy.toml")).unwrap();
    assert!(policy.contains("allow = [\"nginx.service\"]"), "{policy}");
    let link = "etc/systemd/system/sockets.target.wants/linux-api-executor.socket";
    assert!(exists(&system.path(link)));
    let drop_in = "etc/systemd/system/linux-api.service.d/journal.conf";
    assert!(exists(&system.path(drop_in)));
}

/// Keys of a shell edit the line, and a wrong value is prompted for again.
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
    terminal.answer_nth(2, "Address and port to listen on", &["Up", "9123", "Enter"]);
    terminal.answer("Where are users, keys", &["Enter"]);
    terminal.answer("What may be done on this host", &["Enter"]);
    terminal.answer("Do all this?", &["Enter"]);
    terminal.answer("ended with 0", &[]);
    let written = fs::read_to_string(system.path("etc/linux-api/config.toml")).unwrap();
    assert!(written.contains("127.0.0.1:9123"), "{written}");
}

/// On a running system that only looks like one: systemd's directory is there, and its network is its own.
#[test]
fn what_is_in_the_way_is_said_before_the_question_and_at_it() {
    if !is_root() || !may_mount() || !Path::new("/usr/sbin/ip").exists() {
        return;
    }
    let program = linux_api(&[]);
    let program = program.get_program().to_str().unwrap();
    let script = format!(
        "mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/system /run/home
         /usr/sbin/ip link set lo up
         HOME=/run/home {program} serve --detach >/run/log 2>&1
         {program} setup"
    );
    let isolated =
        format!("unshare --mount --net --pid --fork --kill-child --mount-proc sh -c '{script}'");
    let Some(terminal) = Terminal::start_line("way", &isolated) else {
        return;
    };
    let screen = terminal.answer("Who may reach the daemon?", &["Enter"]);
    let taken = "another program listens on 127.0.0.1:8080";
    let (said, question) = (screen.find(taken), screen.find("Who may reach"));
    assert!(said.is_some() && said < question, "{screen}");
    // The next free port is the default; what can't be had is refused at once.
    let refused = [
        ("127.0.0.1:8080", "listens on 127.0.0.1:8080 already"),
        ("192.0.2.1:8081", "nothing can listen on 192.0.2.1:8081"),
        ("0.0.0.0:8081", "0.0.0.0:8081 can be reached from other"),
        ("127.0.0.1:80", "only root may listen on port 80"),
    ];
    let question = "listen on: [127.0.0.1:8081]";
    for (times, (typed, why)) in (1..).zip(refused) {
        terminal.answer_nth(times, question, &[typed, "Enter"]);
        let screen = terminal.answer_nth(times + 1, question, &[]);
        assert!(screen.contains(why), "{screen}");
    }
    terminal.answer(question, &["Enter"]);
    terminal.answer("Where are users, keys", &["C-c"]);
    terminal.answer("stopped; nothing was changed", &[]);
}

#[test]
fn a_certificate_is_looked_at_as_soon_as_it_is_named() {
    let system = System::new();
    let make = |name: &str| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = made.signing_key.serialize_pem();
        let certificate = system.beside(&format!("{name}.pem"), &made.cert.pem());
        let key = system.beside(&format!("{name}.key"), &key);
        (
            certificate.to_str().unwrap().to_owned(),
            key.to_str().unwrap().to_owned(),
        )
    };
    let ((certificate, key), (_, other)) = (make("one"), make("other"));
    let Some(terminal) = Terminal::start("tls", &system.setup(&[])) else {
        return;
    };
    terminal.answer("Who may reach the daemon?", &["Up", "Enter"]);
    terminal.answer("Certificate chain (PEM):", &[&certificate, "Enter"]);
    terminal.answer("File with its key (PEM):", &[&other, "Enter"]);
    // What was typed is the default now.
    terminal.answer_nth(2, "Certificate chain (PEM):", &["Enter"]);
    terminal.answer("does not fit the certificate", &[]);
    terminal.answer(&format!("key (PEM): [{other}]"), &[&key, "Enter"]);
    terminal.answer("listen on: [0.0.0.0:8443]", &["C-c"]);
    terminal.answer("stopped; nothing was changed", &[]);
    assert!(system.all().is_empty());
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
    terminal.answer("What may be done on this host", &["Enter"]);
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
    terminal.answer("What may be done on this host", &["Enter"]);
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
        terminal.answer("What may be done on this host", &["Enter"]);
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
