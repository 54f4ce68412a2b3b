//! The program as people call it: output, exit codes and files.

mod acting;

use crate::support::left_out;
use std::fs;
use std::os::unix::fs::PermissionsExt;

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
        .stdout(contains("config"));
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
    let arguments = ["config", "init", "new.toml"];
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

/// What a shell offers at a Tab after `line`, whose last word is being written.
fn offered(home: &TempDir, shell: &str, line: &str) -> Option<Vec<String>> {
    let program = assert_cmd::cargo::cargo_bin!("linux-api");
    let folder = program
        .parent()
        .expect("the program lies in a directory")
        .display();
    let words: Vec<&str> = line.split(' ').collect();
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let (quoted, last) = (quoted.join(" "), words.len() - 1);
    let script = match shell {
        "bash" => format!(
            "source <(linux-api completion bash); COMP_WORDS=({quoted}); COMP_CWORD={last}; \
             COMP_TYPE=9; _clap_complete_linux_api linux-api '{}' '{}'; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words[last],
            words[last - 1]
        ),
        // What the script hands to zsh's own display, value by value.
        "zsh" => format!(
            "compdef() {{ }}; _describe() {{ local name=$@[-1]; [[ $3 == dirs || $3 == other ]] && name=$3; \
             print -rl -- ${{(P)name%%:*}}; }}; source <(linux-api completion zsh); \
             words=({quoted}); CURRENT={}; _clap_dynamic_completer_linux_api",
            last + 1
        ),
        _ => format!("linux-api completion fish | source; complete --do-complete '{line}'"),
    };
    let output = std::process::Command::new(shell)
        .args(["-c", &script])
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", format!("{folder}:/usr/bin:/bin"))
        .current_dir(home.path())
        .output();
    let Ok(output) = output else {
        left_out::for_want_of(shell, &format!("install {shell}"));
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let values = text
        .lines()
        .map(|line| line.split('\t').next().unwrap_or_default().to_owned());
    Some(values.filter(|value| !value.is_empty()).collect())
}

#[test]
fn shells_complete_commands_options_and_names() {
    let home = TempDir::new().unwrap();
    let remotes = home.path().join(".config/linux-api");
    fs::create_dir_all(&remotes).unwrap();
    let text = "[remote.web-01]\nurl = \"https://web-01.example\"\nlabels = { env = \"prod\" }\n";
    fs::write(remotes.join("remotes.toml"), text).unwrap();
    let migrate = linux_api(&home, &["db", "migrate"]).output().unwrap();
    assert!(migrate.status.success(), "{migrate:?}");
    linux_api(&home, &["user", "add", "grafana", "--no-key"])
        .assert()
        .success()
        .stdout(contains("without a key").and(contains("lapi_").not()));
    for shell in ["bash", "zsh", "fish"] {
        for (line, expected, unexpected) in [
            ("linux-api us", "user", "serve"),
            ("linux-api user ke", "key", "list"),
            ("linux-api user key create --sc", "--scope", "--name"),
            (
                "linux-api user key create --scope ho",
                "host:read",
                "users:admin",
            ),
            ("linux-api user show gr", "grafana", "admin"),
            ("linux-api remote test w", "web-01", "web-02"),
            ("linux-api user list --remote we", "web-01", "--json"),
            ("linux-api host show -r we", "web-01", "--json"),
            ("linux-api status --label en", "env=prod", "env"),
            ("linux-api process list --sort cp", "cpu_percent", "pid"),
            ("linux-api history load.o", "load.one", "load.five"),
            ("linux-api serve --", "--detach", "--remote"),
            ("linux-api serve --de", "--detach", "--detached"),
            ("linux-api --", "--config", "--acting-uid"),
        ] {
            let Some(offered) = offered(&home, shell, line) else {
                break;
            };
            // zsh and bash may escape the colon of a scope.
            let offered: Vec<String> = offered.iter().map(|it| it.replace('\\', "")).collect();
            let has = |wanted: &str| offered.iter().any(|it| it.trim() == wanted);
            let zsh_cuts = shell == "zsh" && expected.contains(':') && has("host");
            assert!(has(expected) || zsh_cuts, "{shell}: {line}: {offered:?}");
            assert!(!has(unexpected), "{shell}: {line}: {offered:?}");
        }
    }
}

#[test]
fn times_are_written_in_one_way_everywhere() {
    let home = TempDir::new().unwrap();
    linux_api(&home, &["db", "migrate"]).assert().success();
    linux_api(&home, &["user", "add", "alice"])
        .assert()
        .success();
    for time in ["30d", "2036-01-01", "2036-01-01T08:00:00Z"] {
        linux_api(
            &home,
            &["user", "key", "create", "alice", "--expires", time],
        )
        .assert()
        .success();
    }
    for time in ["12h", "2020-01-01", "2020-01-01T08:00:00Z"] {
        linux_api(&home, &["audit", "list", "--from", time])
            .assert()
            .success()
            .stdout(contains("key.create"));
        linux_api(&home, &["db", "prune", "--dry-run", "--older-than", time])
            .assert()
            .success();
    }
    let made = linux_api(&home, &["user", "key", "create", "alice"]).output();
    let made = String::from_utf8(made.unwrap().stdout).unwrap();
    let (_, key) = made.split_once("lapi_").expect("a key");
    let rotate = ["user", "key", "rotate", "alice", &key[..12]];
    linux_api(&home, &[&rotate[..], &["--overlap", "1h"]].concat())
        .assert()
        .success()
        .stdout(contains("ends in 1h"));
    linux_api(
        &home,
        &["user", "key", "create", "alice", "--expires", "tomorrow"],
    )
    .assert()
    .code(2)
    .stderr(contains("30d").and(contains("2036-01-01")));
}

#[test]
fn a_new_database_is_made_by_a_migration() {
    let home = TempDir::new().unwrap();
    let file = home.path().join(".local/share/linux-api/linux-api.db");
    linux_api(&home, &["db", "migrate", "--dry-run"])
        .assert()
        .success()
        .stdout(contains("would create the database"));
    assert!(!file.exists());
    linux_api(&home, &["db", "migrate"])
        .assert()
        .success()
        .stdout(contains("migrated from revision 0"));
    assert!(file.exists());
}

#[test]
fn a_command_says_what_it_did_once() {
    let home = TempDir::new().unwrap();
    linux_api(&home, &["db", "migrate"]).assert().success();
    let quiet = linux_api(&home, &["user", "add", "alice", "--scope", "stats:read"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&quiet.stderr).into_owned();
    assert!(
        !text.contains("INFO") && !text.contains("action="),
        "{text}"
    );
    linux_api(&home, &["user", "show", "alice"])
        .assert()
        .success()
        .stdout(contains("stats:read"));
    linux_api(&home, &["-v", "user", "add", "bob"])
        .assert()
        .success()
        .stderr(contains("action=\"user.create\"").or(contains("action=user.create")));
}

#[test]
fn messages_name_the_cause_and_what_to_do() {
    let home = TempDir::new().unwrap();
    linux_api(&home, &["db", "migrate"]).assert().success();
    linux_api(&home, &["db", "import", "--from", "/nonexistent"])
        .assert()
        .failure()
        .stderr(contains("--from: look at /nonexistent"));
    linux_api(
        &home,
        &["db", "import", "--from", home.path().to_str().unwrap()],
    )
    .assert()
    .failure()
    .stderr(contains("neither an .env").and(contains("name the directory").not()));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    linux_api(&home, &["serve", "--listen", &address])
        .assert()
        .failure()
        .stderr(contains("another program listens there").and(contains("--listen")));
    let mut check = linux_api(&home, &["config", "check"]);
    check
        .env("LINUX_API_SERVER_LISTEN", "127.0.0.1:1")
        .assert()
        .success()
        .stderr(contains("did you mean LINUX_API__SERVER__LISTEN?"));
    for (name, value, part) in [
        ("LINUX_API__RETENTION__MAX_SIZE", "0B", "at least \"16MiB\""),
        (
            "LINUX_API__HOST__LABELS",
            "a b=c",
            "letters, digits and -_./",
        ),
    ] {
        let mut check = linux_api(&home, &["config", "check"]);
        check
            .env(name, value)
            .assert()
            .code(78)
            .stderr(contains(part));
    }
}
