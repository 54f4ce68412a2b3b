//! Tab in real shells, in a real terminal: the names are those of a running daemon.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::daemon::{Daemon, program};
use super::left_out;
use super::tmux::Terminal;

/// How a shell is started without the files of this machine, and loads the script.
const SHELLS: [(&str, &str, &str); 3] = [
    (
        "bash",
        "bash --norc -i",
        "source <(linux-api completion bash)",
    ),
    (
        "zsh",
        "zsh -f -i",
        "autoload -Uz compinit && compinit -u -D && source <(linux-api completion zsh)",
    ),
    (
        "fish",
        "fish --no-config -i",
        "linux-api completion fish | source",
    ),
];

#[test]
fn tab_completes_live_names_in_interactive_shells() {
    let daemon = Daemon::start(&[]);
    let added = Command::new(program())
        .env_clear()
        .env("HOME", daemon.home.path())
        .env("LINUX_API_KEY", &daemon.key)
        .args([
            "user",
            "add",
            "grafana",
            "--no-key",
            "--remote",
            &daemon.url,
        ])
        .output()
        .unwrap();
    assert!(added.status.success(), "{added:?}");
    let remotes = daemon.path(".config/linux-api");
    fs::create_dir_all(&remotes).unwrap();
    let text = format!("[remote.here]\nurl = \"{}\"\n", daemon.url);
    fs::write(remotes.join("remotes.toml"), text).unwrap();
    let folder = program();
    let folder = folder.parent().unwrap().display();
    for (shell, start, load) in SHELLS {
        let found = Command::new(shell)
            .args(["-c", "true"])
            .stdin(Stdio::null())
            .status();
        if found.is_err() {
            left_out::for_want_of(shell, &format!("apt-get install {shell}"));
            continue;
        }
        let command = format!(
            "env -i HOME={home} TERM=screen LANG=C.UTF-8 PATH={folder}:/usr/bin:/bin \
             LINUX_API_KEY={key} {start}",
            home = daemon.home.path().display(),
            key = daemon.key,
        );
        let Some(terminal) = Terminal::start(&format!("shell-{shell}"), &command) else {
            return;
        };
        // Written in two parts, so that the line itself does not show it.
        terminal.keys(&[&format!("{load}; echo loa''ded"), "Enter"]);
        terminal.wait_for(&["loaded"]);
        for (typed, completed) in [
            // A command, then a rule and a user that only the daemon knows.
            ("linux-api aler", "linux-api alert "),
            (
                "linux-api -r here alert rule show certificate_",
                "certificate_expires",
            ),
            ("linux-api -r here user show graf", "show grafana"),
        ] {
            terminal.keys(&["C-c", "C-l", typed]);
            // A terminal of 80 columns breaks the line.
            let is_completed = |text: &str| text.replace('\n', "").contains(completed.trim_end());
            // A Tab waits for a second and a half, which is not enough on a machine with other work.
            let found = (0..10).any(|_| {
                terminal.keys(&["Tab"]);
                terminal.becomes(Duration::from_secs(3), is_completed)
            });
            assert!(found, "{shell}: no {completed:?} after {typed:?}");
        }
    }
}
