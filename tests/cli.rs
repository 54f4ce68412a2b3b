//! The program as people call it: output, exit codes and files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, is_empty, starts_with};
use tempfile::TempDir;

/// The program in a home of its own, untouched by the configuration of this machine.
fn linux_api(home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("linux-api"));
    command
        .env_clear()
        .env("HOME", home.path())
        .current_dir(home.path())
        .args(arguments);
    command
}

/// A configuration file in the user's directory.
fn configure(home: &TempDir, text: &str) {
    let folder = home.path().join(".config/linux-api");
    fs::create_dir_all(&folder).expect("write the configuration");
    fs::write(folder.join("config.toml"), text).expect("write the configuration");
}

#[test]
fn without_a_command_it_says_what_next() {
    let home = TempDir::new().unwrap();
    linux_api(&home, &[])
        .assert()
        .code(2)
        .stdout(is_empty())
        .stderr(
            contains("Nothing is set up here yet. What next?").and(contains("linux-api serve")),
        );
    configure(&home, "[server]\nlisten = 1\n");
    linux_api(&home, &[])
        .assert()
        .code(2)
        .stderr(contains("linux-api config check").and(contains("serve").not()));
}

#[test]
fn wrong_usage_exits_2_and_help_0() {
    let home = TempDir::new().unwrap();
    linux_api(&home, &["nonsense"]).assert().code(2);
    linux_api(&home, &["config", "show", "--nonsense"])
        .assert()
        .code(2);
    linux_api(&home, &["--log-format", "xml", "config", "check"])
        .assert()
        .code(2);
    linux_api(&home, &["--help"])
        .assert()
        .success()
        .stdout(contains("config").and(contains("generate").not()));
    linux_api(&home, &["--version"])
        .assert()
        .success()
        .stdout(starts_with("linux-api 0."));
}

#[test]
fn check_names_the_file_or_its_problems() {
    let home = TempDir::new().unwrap();
    linux_api(&home, &["config", "check"])
        .assert()
        .success()
        .stdout("ok: no configuration file\n");
    configure(&home, "[server]\nlisten = '127.0.0.1:80'\n");
    linux_api(&home, &["config", "check"])
        .assert()
        .success()
        .stdout(starts_with("ok: ").and(contains(".config/linux-api/config.toml")));
    configure(&home, "[server]\nlisten = 1\nlisen = 1\n");
    linux_api(&home, &["config", "check"])
        .env("LINUX_API__DOCS__ENABLED", "maybe")
        .assert()
        .code(78)
        .stdout(is_empty())
        .stderr(
            starts_with("error: ")
                .and(contains("config.toml: server.listen: expected an address"))
                .and(contains(
                    "config.toml: server.lisen: unknown key, did you mean listen?",
                ))
                .and(contains(
                    "environment LINUX_API__DOCS__ENABLED: expected true or false",
                )),
        );
}

#[test]
fn a_problem_can_not_steer_the_terminal() {
    let home = TempDir::new().unwrap();
    configure(&home, "[server]\n\"a\\u001b[31m\\u202e\" = 1\n");
    linux_api(&home, &["config", "check"])
        .assert()
        .code(78)
        .stderr(contains(r"server.a\u{1b}[31m\u{202e}: unknown key").and(contains("\u{1b}").not()));
}

#[test]
fn show_gives_values_with_their_origin_and_no_secrets() {
    let home = TempDir::new().unwrap();
    let shown = linux_api(&home, &["-v", "config", "show"])
        .env("LINUX_API__DATABASE__URL", "postgres://u:hunter2@h/db")
        .assert()
        .success()
        .stdout(
            contains(
                "url = \"postgres://u:[redacted]@h/db\"  # environment LINUX_API__DATABASE__URL\n",
            )
            .and(contains("level = \"info,linux_api=debug\"  # flag -v\n"))
            .and(contains("hunter2").not()),
        );
    let text = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    text.parse::<toml::Table>().unwrap();

    let shown = linux_api(&home, &["config", "show", "--json"])
        .assert()
        .success();
    let json: serde_json::Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
    assert_eq!(
        json["options"]["server"]["listen"]["value"],
        "127.0.0.1:8080"
    );
    assert_eq!(json["options"]["server"]["listen"]["origin"], "default");
    assert!(json["file"].is_null());
}

#[test]
fn init_writes_a_new_private_file_only() {
    let home = TempDir::new().unwrap();
    linux_api(&home, &["config", "init"])
        .assert()
        .success()
        .stdout(contains("\n[server]\n"));
    let arguments = ["config", "init", "--output", "new.toml"];
    linux_api(&home, &arguments)
        .assert()
        .success()
        .stdout("new.toml written\n");
    let path = home.path().join("new.toml");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0);
    fs::write(&path, "").unwrap();
    linux_api(&home, &arguments)
        .assert()
        .code(1)
        .stderr("error: write new.toml: File exists (os error 17)\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let home = TempDir::new().unwrap();
    let program = assert_cmd::cargo::cargo_bin!("linux-api");
    let line = format!(
        "{} config init | true; exit ${{PIPESTATUS[0]}}",
        program.display()
    );
    Command::new("bash")
        .args(["-c", &line])
        .env("HOME", home.path())
        .assert()
        .success()
        .stderr(is_empty());
}

#[test]
fn generated_files_have_the_names_that_packages_expect() {
    let home = TempDir::new().unwrap();
    for kind in ["completions", "man", "config-reference"] {
        linux_api(&home, &["generate", kind]).assert().success();
    }
    let exists = |path: &str| assert!(home.path().join(Path::new(path)).exists(), "{path}");
    exists("completions/linux-api.bash");
    exists("completions/_linux-api");
    exists("completions/linux-api.fish");
    exists("man/linux-api.1");
    exists("man/linux-api-config-check.1");
    exists("docs/configuration.md");
    assert!(!home.path().join("man/linux-api-generate.1").exists());
}
