//! The daemon of this machine is found without configuration.

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

use super::daemon::{Daemon, program};

/// `linux-api remote test` in the home of the daemon, with no remotes.
fn test_local(daemon: &Daemon) -> Command {
    let mut command = Command::new(program());
    let listen = daemon.url.strip_prefix("http://").unwrap();
    command
        .env_clear()
        .env("HOME", daemon.home.path())
        .env("LINUX_API__SERVER__LISTEN", listen)
        .current_dir(daemon.home.path())
        .args(["remote", "test"]);
    command
}

#[test]
fn by_the_key_file_that_the_first_start_leaves() {
    use std::os::unix::fs::PermissionsExt;

    let daemon = Daemon::start(&[]);
    let file = daemon.path(".local/share/linux-api/first-admin-key");
    std::fs::write(&file, &daemon.key).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    test_local(&daemon)
        .assert()
        .success()
        .stdout(contains("local").and(contains("ok, as admin (admin)")));
}

#[test]
fn by_the_unix_socket_without_any_key() {
    if !rustix::process::getuid().is_root() {
        // Without configuration the socket knows only root, and members of a Linux group.
        crate::client::left_out::for_want_of("root", "run it as root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    let daemon = Daemon::start(&["--unix", socket.to_str().unwrap()]);
    test_local(&daemon)
        .env("LINUX_API__SERVER__UNIX", &socket)
        .assert()
        .success()
        .stdout(contains("ok, as admin (admin)"));
    test_local(&daemon).assert().code(3);
}

#[test]
fn by_the_key_of_the_environment() {
    let daemon = Daemon::start(&[]);
    test_local(&daemon)
        .env("LINUX_API_KEY", &daemon.key)
        .assert()
        .success();
}

#[test]
fn without_a_key_it_says_how_to_give_one() {
    let daemon = Daemon::start(&[]);
    test_local(&daemon).assert().code(3).stdout(
        contains("LINUX_API_KEY")
            .and(contains("remote add local"))
            .and(contains("--key-file")),
    );
}

#[test]
fn without_a_daemon_it_says_how_to_start_one() {
    let mut daemon = Daemon::start(&[]);
    daemon.url = "http://127.0.0.1:1".to_owned();
    test_local(&daemon)
        .assert()
        .code(4)
        .stdout(contains("linux-api serve"));
}
