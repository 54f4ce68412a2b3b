//! The whole program in a real terminal, against a real daemon.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use linux_api_tui::app::DashboardSettings;
use linux_api_tui::display::Display;
use linux_api_tui::keymap::Keymap;
use linux_api_tui::theme::Theme;
use linux_api_tui::{LaunchOptions, RemoteAdder};
use linux_api_wire::time::Clock;
use linux_api_wire::tui::{Preset, ThemeName};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::daemon::{Daemon, program};

/// How long the screen may take to be as a test wants it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal of its own: a tmux server that ends with the test.
pub(crate) struct Terminal {
    socket: String,
}

impl Terminal {
    /// Starts a shell command in a terminal; `None` where tmux is not installed.
    pub(crate) fn start(name: &str, command: &str) -> Option<Self> {
        let found = Command::new("tmux").arg("-V").output();
        if found.is_err() {
            crate::tui::left_out::for_want_of("tmux", "apt-get install tmux");
            return None;
        }
        let socket = format!("linux-api-{name}-{}", std::process::id());
        let terminal = Self { socket };
        // The terminal outlives the program, to see what is left of it.
        let command = format!("{command}; echo ended with $?; exec sleep 60");
        let size = ["-x", "80", "-y", "24"];
        let arguments = [&["new-session", "-d"][..], &size, &[&command]].concat();
        let started = terminal.tmux(&arguments);
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

    fn text(&self) -> String {
        let output = self.tmux(&["capture-pane", "-p"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn keys(&self, keys: &[&str]) {
        for key in keys {
            self.tmux(&["send-keys", "--", key]);
        }
    }

    pub(crate) fn format(&self, format: &str) -> String {
        let output = self.tmux(&["display-message", "-p", format]);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Waits until the screen shows all of these.
    pub(crate) fn wait_for(&self, wanted: &[&str]) -> String {
        let (text, found) = self.watch(PATIENCE, |text| wanted.iter().all(|it| text.contains(it)));
        assert!(found, "no {wanted:?} in:\n{text}");
        text
    }

    /// Waits until the screen is like this.
    pub(crate) fn wait_until(&self, is_so: impl Fn(&str) -> bool) {
        let (text, found) = self.watch(PATIENCE, is_so);
        assert!(found, "{text}");
    }

    /// Whether the screen is like this within that time.
    pub(crate) fn becomes(&self, limit: Duration, is_so: impl Fn(&str) -> bool) -> bool {
        self.watch(limit, is_so).1
    }

    /// The screen as soon as it is like this, else as it is after a while.
    fn watch(&self, limit: Duration, is_so: impl Fn(&str) -> bool) -> (String, bool) {
        let deadline = Instant::now() + limit;
        loop {
            let text = self.text();
            let found = is_so(&text);
            if found || Instant::now() > deadline {
                return (text, found);
            }
            // A terminal sends no event when it has changed.
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

pub(crate) fn dashboard(daemon: &Daemon, arguments: &str) -> String {
    format!(
        "env -i HOME={home} TERM=screen LANG=C.UTF-8 LINUX_API_KEY={key} {program} tui {url} \
         {arguments}",
        home = daemon.home.path().display(),
        key = daemon.key,
        program = program().display(),
        url = daemon.url,
    )
}

#[test]
fn a_tour_through_every_view_and_out_again() {
    let daemon = Daemon::start(&[]);
    let Some(terminal) = Terminal::start("tour", &dashboard(&daemon, "")) else {
        return;
    };
    terminal.wait_for(&["cpu ", "memory ", "swap", "admin (admin)"]);
    terminal.keys(&["3"]);
    terminal.wait_for(&["COMMAND", "processes  acts: "]);
    // The one process that is there at any time.
    terminal.keys(&["/", "pid = 1", "Enter"]);
    terminal.wait_for(&["filter: pid = 1"]);
    terminal.keys(&["p"]);
    let name = std::fs::read_to_string("/proc/1/comm").unwrap();
    terminal.wait_for(&[&format!(" {name}")]);
    terminal.keys(&["M"]);
    terminal.wait_for(&["RES▼"]);
    terminal.keys(&["Enter"]);
    terminal.wait_for(&["open files", "started"]);
    terminal.keys(&["G"]);
    terminal.wait_for(&["Max open files"]);
    // A key right after it would be taken for one with Alt.
    terminal.keys(&["Escape"]);
    terminal.wait_for(&["filter: pid = 1"]);
    terminal.keys(&["4"]);
    terminal.wait_for(&["P99▼"]);
    terminal.keys(&["5"]);
    terminal.wait_for(&["database", "migrations", "ready", "engine"]);
    terminal.keys(&["7"]);
    terminal.wait_for(&["cpu.usage_percent", "1h live"]);
    // What is finer than a minute is there before anything is stored.
    terminal.keys(&["+", "+", "+"]);
    terminal.wait_for(&["5m live", "last "]);
    terminal.keys(&["@", "-2h", "Enter"]);
    terminal.wait_for(&["5m past", "nothing is stored of this time"]);
    terminal.keys(&["L"]);
    terminal.wait_for(&["5m live", "last "]);
    terminal.keys(&["6"]);
    terminal.wait_for(&["protected", "first key"]);

    // A change, with a confirmation first.
    terminal.keys(&["a", "tester", "Enter"]);
    terminal.wait_for(&["Add user tester on", "No", "Yes"]);
    terminal.keys(&["y"]);
    terminal.wait_for(&["first key of tester", "lapi_"]);
    terminal.keys(&["Escape"]);
    terminal.wait_for(&["tester"]);

    terminal.tmux(&["resize-window", "-x", "50", "-y", "12"]);
    terminal.wait_for(&["too small: 50x12"]);
    terminal.tmux(&["resize-window", "-x", "120", "-y", "40"]);
    terminal.wait_for(&["tester", "quit"]);
    // Something else wrote over the screen.
    let tty = terminal.format("#{pane_tty}");
    std::fs::write(&tty, "\u{1b}[9;1Hrubbish from elsewhere").unwrap();
    terminal.wait_for(&["rubbish from elsewhere"]);
    terminal.keys(&["C-l"]);
    terminal.wait_until(|text| text.contains("quit") && !text.contains("rubbish"));
    terminal.keys(&["q"]);
    terminal.wait_for(&["ended with 0"]);
    assert_eq!(
        terminal.format("#{alternate_on}"),
        "0",
        "the screen is given back"
    );
    assert_eq!(terminal.format("#{mouse_any_flag}"), "0", "so is the mouse");
}

#[test]
fn signals_give_the_terminal_back() {
    let daemon = Daemon::start(&[]);
    for (name, signal) in [("TERM", Signal::TERM), ("HUP", Signal::HUP)] {
        let command = format!("sh -c 'echo $$; exec {}'", dashboard(&daemon, ""));
        let Some(terminal) = Terminal::start(name, &command) else {
            return;
        };
        terminal.wait_for(&["swap"]);
        let child = descendants(&terminal.format("#{pane_pid}")).remove(0);
        send(&child, signal);
        terminal.wait_for(&["ended with 0"]);
        assert_eq!(terminal.format("#{alternate_on}"), "0");
    }
}

#[test]
fn a_shell_stops_and_continues_it() {
    let daemon = Daemon::start(&[]);
    let Some(terminal) = Terminal::start("suspend", "env PS1='ready> ' bash --norc -i") else {
        return;
    };
    terminal.wait_for(&["ready>"]);
    terminal.keys(&[&dashboard(&daemon, ""), "Enter"]);
    terminal.wait_for(&["swap"]);
    terminal.keys(&["C-z"]);
    terminal.wait_for(&["Stopped", "ready>"]);
    assert_eq!(terminal.format("#{alternate_on}"), "0");
    assert_eq!(terminal.format("#{mouse_any_flag}"), "0");
    // The shell reads lines: the terminal is as it was.
    terminal.keys(&["echo un''broken", "Enter"]);
    terminal.wait_for(&["unbroken"]);
    terminal.keys(&["fg", "Enter"]);
    terminal.wait_for(&["swap", "quit"]);
    assert_eq!(terminal.format("#{alternate_on}"), "1");
    // Another program stops it, without notice.
    let pane = terminal.format("#{pane_pid}");
    let of_shell = descendants(&pane);
    let shell = of_shell.first().unwrap();
    let child = descendants(shell).first().unwrap().clone();
    send(&child, Signal::TSTP);
    terminal.wait_for(&["Stopped"]);
    assert_eq!(terminal.format("#{alternate_on}"), "0");
    terminal.keys(&["fg", "Enter"]);
    terminal.wait_for(&["swap", "quit"]);
    send(&child, Signal::STOP);
    terminal.wait_for(&["Stopped"]);
    terminal.keys(&["fg", "Enter"]);
    terminal.wait_for(&["swap", "quit"]);
    terminal.keys(&["3"]);
    terminal.wait_for(&["COMMAND", "processes  acts: "]);
    terminal.keys(&["q"]);
    terminal.wait_until(|_| terminal.format("#{alternate_on}") == "0");
    terminal.keys(&["echo re''turned", "Enter"]);
    terminal.wait_for(&["returned"]);
}

fn send(pid: &str, signal: Signal) {
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// The children of a process.
pub(crate) fn descendants(pid: &str) -> Vec<String> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap();
    children.split_whitespace().map(str::to_owned).collect()
}

/// A dashboard one of whose tasks fails: no time lies that far ahead. The configuration refuses
/// such a pace.
#[test]
#[ignore = "run in a terminal by the test below"]
fn a_dashboard_that_breaks() {
    let start = LaunchOptions {
        settings: DashboardSettings {
            theme: Theme::new(ThemeName::Default, true, false),
            keymap: Keymap::built_in(Preset::Default),
            every: Duration::MAX,
            read_only: false,
            display: Display::default(),
        },
        mouse: true,
        first: None,
        state: None,
        add_remote: RemoteAdder::default(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ended = runtime.block_on(linux_api_tui::run_demo(start, Clock::system()));
    let error = ended.unwrap_err().to_string();
    let _ = writeln!(std::io::stderr(), "it says: {error}");
}

#[test]
fn a_part_that_fails_ends_the_whole_and_gives_the_terminal_back() {
    let this = std::env::current_exe().unwrap();
    let command = format!(
        "env -i TERM=screen LANG=C.UTF-8 {} --exact tui::tmux::a_dashboard_that_breaks --ignored \
         --nocapture",
        this.display()
    );
    let Some(terminal) = Terminal::start("broken", &command) else {
        return;
    };
    terminal.wait_for(&["overflow", "it says: a part of the dashboard failed"]);
    terminal.wait_for(&["ended with 0"]);
    assert_eq!(terminal.format("#{alternate_on}"), "0");
    assert_eq!(terminal.format("#{mouse_any_flag}"), "0");
    assert_eq!(terminal.format("#{cursor_flag}"), "1");
}

#[test]
fn read_only_greys_what_it_forbids() {
    let daemon = Daemon::start(&[]);
    let Some(terminal) = Terminal::start("readonly", &dashboard(&daemon, "--read-only")) else {
        return;
    };
    terminal.wait_for(&["READ-ONLY", "swap"]);
    terminal.keys(&["6"]);
    terminal.wait_for(&["protected", "read-only", "READ-ONLY"]);
    terminal.keys(&["a"]);
    terminal.wait_for(&["add a user: read-only"]);
}

/// Ends with the test.
struct Hostile(Child);

impl Drop for Hostile {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_with_a_name_that_means_harm_changes_neither_title_nor_clipboard() {
    let daemon = Daemon::start(&[]);
    // A link whose name is what the process will be called.
    let name = "\u{1b}]0;owned\u{7}\u{1b}]52;c;b3duZWQ=\u{7}\u{1b}[2J";
    let link = daemon.path(name);
    std::os::unix::fs::symlink("/bin/sleep", &link).unwrap();
    let Some(terminal) = Terminal::start("hostile", &dashboard(&daemon, "")) else {
        return;
    };
    let hostile = Hostile(Command::new(&link).arg("60").spawn().unwrap());
    terminal.tmux(&["set-option", "-g", "set-clipboard", "on"]);
    let title = terminal.format("#{pane_title}");
    terminal.wait_for(&["swap"]);
    terminal.keys(&["3", "/"]);
    terminal.keys(&[&format!("pid = {}", hostile.0.id()), "Enter"]);
    let shown = terminal.wait_for(&["1 process  ", "]0;owned]"]);
    terminal.keys(&["Enter"]);
    terminal.wait_for(&["open files", "52;c;b3duZWQ="]);
    assert_eq!(terminal.format("#{pane_title}"), title, "{shown}");
    let clipboard = terminal.tmux(&["show-buffer"]);
    assert!(clipboard.stdout.is_empty(), "{clipboard:?}");
}

#[test]
fn the_demonstration_needs_no_daemon() {
    let home = tempfile::tempdir().unwrap();
    let command = format!(
        "env -i HOME={} TERM=screen LANG=C.UTF-8 {} tui --demo",
        home.path().display(),
        program().display()
    );
    let Some(terminal) = Terminal::start("demo", &command) else {
        return;
    };
    terminal.wait_for(&["6 remotes", "web-01", "db-01"]);
    terminal.keys(&["Enter", "3"]);
    terminal.wait_for(&["COMMAND", "postgres"]);
    terminal.keys(&["C-c"]);
    terminal.wait_for(&["ended with 0"]);
}

/// As when a connection breaks: at a moment when the dashboard is about to read a key.
#[test]
fn it_ends_with_its_terminal() {
    for _ in 0..8 {
        let home = tempfile::tempdir().unwrap();
        let pid = home.path().join("pid");
        let inner = format!(
            "stty cols 80 rows 24; echo $$ > {}; exec env -i HOME={} TERM=screen LANG=C.UTF-8 {} tui --demo",
            pid.display(),
            home.path().display(),
            program().display()
        );
        let spawned = Command::new("script")
            .args(["--quiet", "--flush", "--command", &inner, "/dev/null"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut terminal) = spawned else {
            crate::tui::left_out::for_want_of("script", "apt-get install bsdutils");
            return;
        };
        let mut output = BufReader::new(terminal.stdout.take().unwrap());
        let mut shown = Vec::new();
        while !String::from_utf8_lossy(&shown).contains("web-01") {
            assert!(
                output.read_until(b'1', &mut shown).unwrap() > 0,
                "no web-01"
            );
        }
        let pid = std::fs::read_to_string(pid)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        terminal.kill().unwrap();
        terminal.wait().unwrap();
        let pid = Pid::from_raw(pid).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        // It is not our child, so its end has to be polled.
        while test_kill_process(pid).is_ok() {
            if Instant::now() > deadline {
                let _ = kill_process(pid, Signal::KILL);
                panic!("it goes on without a terminal");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn without_a_terminal_it_says_so() {
    let output = Command::new(program())
        .args(["tui", "--demo"])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("needs a terminal"), "{said}");
}
