//! What an ordinary account sees on a host where root and the group may read the configuration.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::install::tree::{linux_api, may_mount, text};

/// The program as such an account calls it. It sees an /etc of its own, in a mount namespace that
/// ends with it; this machine's is left alone.
fn as_ordinary(home: &TempDir, program: &File, arguments: &str) -> Command {
    rustix::io::fcntl_setfd(program, rustix::io::FdFlags::empty()).unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let script = format!(
        "set -e; mount -t tmpfs tmpfs /etc; mkdir -m 750 /etc/linux-api; \
         echo > /etc/linux-api/config.toml; chmod 640 /etc/linux-api/config.toml; \
         exec setpriv --reuid=65534 --regid=65534 --clear-groups -- /proc/self/fd/3 {arguments}"
    );
    let mut command = Command::new("bash");
    let line = format!(
        "exec 3<&{}; exec unshare --mount bash -c '{script}'",
        program.as_raw_fd()
    );
    command.args(["-c", &line]).env("HOME", home.path());
    command
}

fn program() -> Option<File> {
    may_mount().then(|| File::open(linux_api(&[]).get_program()).unwrap())
}

#[test]
fn it_is_told_who_may_read_the_configuration_and_not_that_it_is_broken() {
    let Some(program) = program() else { return };
    for arguments in [
        "",
        "config check",
        "status",
        "doctor",
        "serve --listen 127.0.0.1:0",
    ] {
        let home = TempDir::new().unwrap();
        let output = as_ordinary(&home, &program, arguments).output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!output.status.success(), "{arguments}: {said}");
        assert!(said.contains("sudo"), "{arguments}: {said}");
        assert!(
            said.contains("usermod -aG linux-api"),
            "{arguments}: {said}"
        );
        assert!(!said.contains("can't be used"), "{arguments}: {said}");
        assert!(!said.contains("fix it"), "{arguments}: {said}");
    }
}

#[test]
fn a_demo_takes_no_configuration_and_shows_its_key_once() {
    let Some(program) = program() else { return };
    let home = TempDir::new().unwrap();
    let mut demo = as_ordinary(&home, &program, "serve --demo --listen 127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut said = String::new();
    for line in lines {
        said = said + &line.unwrap() + "\n";
        if said.contains("curl") {
            break;
        }
    }
    demo.kill().unwrap();
    demo.wait().unwrap();
    assert_eq!(said.matches("lapi_").count(), 1, "{said}");
    assert!(said.contains("curl -H @- http://127.0.0.1:"), "{said}");
}
