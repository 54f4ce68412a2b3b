//! The scripts behind `make test`: what is installed, and what is said of tests that were left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::install::left_out;
use crate::install::tree::{make_executable, text};

fn script(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scripts")
        .join(name);
    let mut command = Command::new("sh");
    command.arg(path).env_remove("TEST_ALL").env_remove("CI");
    command
}

/// `scripts/require-test-programs` as root, on a machine without `absent-program` whose apt-get runs
/// this script. It finds its directory in `$HERE`.
fn require(apt_get: &str, test_all: bool) -> (Output, TempDir) {
    let folder = TempDir::new().unwrap();
    for (name, body) in [("apt-get", apt_get), ("id", "echo 0")] {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        make_executable(&path);
    }
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let mut command = script("require-test-programs");
    command
        .args(["absent-program:absent-package", "sh:dash"])
        .env("PATH", path)
        .env("HERE", folder.path())
        .env("APT_RETRY_SECONDS", "0")
        .env(
            "LINUX_API_TEST_POSTGRES_URL",
            "postgres://user@127.0.0.1:1/x",
        );
    if test_all {
        command.env("TEST_ALL", "1");
    }
    (command.output().unwrap(), folder)
}

/// On its first calls another apt has the lock; an installation brings the program.
const LOCKED_AT_FIRST: &str = r#"
echo "$@" >> "$HERE/calls"
if [ "$(wc -l < "$HERE/calls")" -le 3 ]; then
  echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)" >&2
  exit 100
fi
case "$*" in *" install "*)
  printf '#!/bin/sh\n' > "$HERE/absent-program"
  chmod 755 "$HERE/absent-program" ;;
esac"#;

#[test]
fn an_apt_that_has_the_lock_is_waited_for() {
    let (output, folder) = require(LOCKED_AT_FIRST, true);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("another apt is running"), "{said}");
    assert!(!said.contains("not installed"), "{said}");
    let calls = fs::read_to_string(folder.path().join("calls")).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert_eq!(calls.len(), 5, "{calls:?}");
    assert!(calls[3].ends_with(" update"), "{calls:?}");
    assert!(calls[4].ends_with(" absent-package"), "{calls:?}");
    for call in calls {
        assert!(call.contains("DPkg::Lock::Timeout="), "{call}");
        assert!(!call.contains("dash"), "{call}");
    }
}

#[test]
fn what_apt_can_not_install_is_said_and_under_test_all_it_fails() {
    let apt_get =
        "case \"$*\" in *install*) echo 'E: Unable to locate package' >&2; exit 100;; esac";
    for (test_all, code) in [(false, 0), (true, 1)] {
        let (output, _folder) = require(apt_get, test_all);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for words in [
            "E: Unable to locate package",
            "could not install absent-package",
            "not installed: absent-package",
        ] {
            assert!(said.contains(words), "no {words:?} in {said}");
        }
    }
}

/// `scripts/run-tests` with this in place of the tests.
fn run_tests(tests: &str, test_all: bool) -> (Option<i32>, String) {
    let mut command = script("run-tests");
    command.args(["sh", "-c", tests]);
    if test_all {
        command.env("TEST_ALL", "1");
    }
    let output = command.output().unwrap();
    (
        output.status.code(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

#[test]
fn tests_that_were_left_out_are_in_a_table_at_the_end() {
    let none = run_tests("echo test result: ok", true);
    assert_eq!(none.0, Some(0), "{}", none.1);
    assert!(none.1.ends_with("No test was left out.\n"), "{}", none.1);
    assert_eq!(run_tests("exit 101", false).0, Some(101));

    let timescale = r#"printf '%s\tTimescaleDB\tdocs/postgresql.md\n' a::one a::two a::one \
        >> "$LINUX_API_TEST_LEFT_OUT""#;
    let tmux = r#"printf 'b::three\ttmux\tapt-get install tmux\n' >> "$LINUX_API_TEST_LEFT_OUT""#;
    // No registry has TimescaleDB, so CI goes on without it.
    for (test_all, code) in [(false, 0), (true, 0)] {
        let (status, said) = run_tests(timescale, test_all);
        assert_eq!(status, Some(code), "{said}");
        let row = said.lines().find(|line| line.contains("TimescaleDB"));
        let words: Vec<&str> = row.unwrap().split_whitespace().collect();
        assert_eq!(words, ["TimescaleDB", "2", "docs/postgresql.md"]);
    }
    for (test_all, code) in [(false, 0), (true, 1)] {
        let (status, said) = run_tests(&format!("{timescale}; {tmux}"), test_all);
        assert_eq!(status, Some(code), "{said}");
        assert!(said.contains("apt-get install tmux"), "{said}");
        assert_eq!(said.contains("b::three needs tmux"), test_all, "{said}");
        assert!(!said.contains("a::one needs"), "{said}");
    }
}

/// Every script of a shell that the repository has.
fn shell_scripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["", ".ci", "scripts", "packaging/container", "packaging/deb"];
    let mut scripts = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read(&path).unwrap_or_default();
            let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let starts = [
                "#!/bin/sh",
                "#!/usr/bin/env bash",
                "# shellcheck shell=bash",
            ];
            if starts.iter().any(|start| first == start.as_bytes()) {
                scripts.push(path);
            }
        }
    }
    scripts
}

#[test]
fn shellcheck_finds_nothing_in_the_scripts() {
    let scripts = shell_scripts();
    assert!(scripts.len() > 20, "{scripts:?}");
    let mut check = Command::new("shellcheck");
    check.args(["--external-sources", "--severity=warning"]);
    check.args(&scripts).current_dir(env!("CARGO_MANIFEST_DIR"));
    match check.output() {
        Ok(output) => assert!(output.status.success(), "{}", text(&output.stdout)),
        Err(_) => left_out::for_want_of("shellcheck", "apt-get install shellcheck"),
    }
}
