//! Real keyrings: the desktop's in a session bus of its own, the kernel's, and none. Recorded as
//! left out where the programs that they need are not installed.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::daemon::{Daemon, program};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether all of these programs are installed.
fn are_there(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|name| {
        let mut folders = PATH.split(':').map(Path::new);
        !folders.any(|folder| folder.join(name).exists())
    });
    if let Some(missing) = missing {
        let remedy = "apt-get install dbus gnome-keyring keyutils";
        crate::client::left_out::for_want_of(missing, remedy);
    }
    missing.is_none()
}

/// The output of a shell in which `add` adds the daemon and `test` polls it, and how long it took.
fn said(daemon: &Daemon, wrapper: &[&str], script: &str) -> (String, Duration) {
    let script = format!(
        "add() {{ echo {key} | {program} remote add web {url}; echo added with $?; }}; \
         test() {{ {program} remote test web; echo tested with $?; }}; {script}",
        key = daemon.key,
        url = daemon.url,
        program = program().display(),
    );
    let start = Instant::now();
    let output = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .args(["bash", "-c", &script])
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", daemon.home.path())
        .env("LANG", "C.UTF-8")
        .current_dir(daemon.home.path())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), start.elapsed())
}

/// No file of the home holds the key.
fn assert_not_in_files(daemon: &Daemon) {
    let secret = daemon.key.rsplit('_').next().unwrap();
    let found = Command::new("grep")
        .args(["-rlF", "--", secret, "."])
        .current_dir(daemon.home.path())
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(found.is_empty(), "{found}");
}

const BUS: &[&str] = &["dbus-run-session", "--"];

#[test]
fn the_desktops_keyring_keeps_the_key() {
    if !are_there(&["dbus-run-session", "gnome-keyring-daemon"]) {
        return;
    }
    let daemon = Daemon::start(&[]);
    let unlock = "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null; \
                  add; test";
    let (text, _) = said(&daemon, BUS, unlock);
    assert!(
        text.contains("The key is in the desktop's keyring"),
        "{text}"
    );
    assert!(text.contains("ok, as admin (admin)"), "{text}");
    assert!(text.contains("tested with 0"), "{text}");
    assert_not_in_files(&daemon);
}

#[test]
fn the_first_start_leaves_its_key_for_the_dashboard() {
    if !are_there(&["dbus-run-session", "gnome-keyring-daemon"]) {
        return;
    }
    let other = Daemon::start(&[]);
    let home = tempfile::tempdir().unwrap();
    // The key is only kept for an address that stays.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let script = format!(
        "export HOME={home} LINUX_API__SERVER__LISTEN={address}; \
         printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null; \
         {program} serve > serve.log 2>&1 & served=$!; \
         for i in $(seq 300); do grep -q 'Try it' serve.log && break; sleep 0.1; done; \
         cat serve.log; {program} remote test; kill $served; wait $served",
        home = home.path().display(),
        program = program().display(),
    );
    let (text, _) = said(&other, BUS, &script);
    assert!(
        text.contains("It is kept in the desktop's keyring"),
        "{text}"
    );
    assert!(text.contains("ok, as admin (admin)"), "{text}");
}

#[test]
fn a_locked_keyring_is_said_to_be_locked_in_time() {
    if !are_there(&["dbus-run-session", "gnome-keyring-daemon"]) {
        return;
    }
    let daemon = Daemon::start(&[]);
    let locked = "gnome-keyring-daemon --start --components=secrets >/dev/null; add";
    let (text, took) = said(&daemon, BUS, locked);
    let says = text.contains("the desktop's keyring (Secret Service) is closed")
        || text.contains("the desktop's keyring (Secret Service) did not answer");
    assert!(says && text.contains("--key-file"), "{text}");
    assert!(text.contains("added with 1"), "{text}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_not_in_files(&daemon);
}

#[test]
fn the_kernels_keyring_keeps_the_key_and_says_what_it_forgets() {
    if !are_there(&["keyctl"]) {
        return;
    }
    let daemon = Daemon::start(&[]);
    let (text, _) = said(&daemon, &["keyctl", "session", "-"], "add; test");
    if text.contains("this session has no keyring") || text.contains("keyctl_join") {
        // Some containers forbid the system call.
        crate::client::left_out::for_want_of("a kernel keyring", "a container may forbid it");
        return;
    }
    assert!(
        text.contains("The key is in the kernel's keyring"),
        "{text}"
    );
    assert!(text.contains("forgets at reboot"), "{text}");
    assert!(text.contains("--key-file"), "{text}");
    assert!(text.contains("tested with 0"), "{text}");
    assert_not_in_files(&daemon);
}

#[test]
fn without_any_keyring_it_says_so_and_keeps_nothing() {
    let daemon = Daemon::start(&[]);
    // A bus without a listener, and no session keyring where the kernel allows to leave it.
    let (text, took) = said(
        &daemon,
        &["env", "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent/bus"],
        "add",
    );
    assert!(took < Duration::from_secs(10), "{took:?}");
    if text.contains("added with 0") {
        assert!(
            text.contains("The key is in the kernel's keyring"),
            "{text}"
        );
    } else {
        assert!(text.contains("no keyring can be used"), "{text}");
        assert!(text.contains("--key-file"), "{text}");
        assert!(
            !daemon.path(".config/linux-api/remotes.toml").exists(),
            "{text}"
        );
    }
    assert_not_in_files(&daemon);
}
