//! `linux-api remote` as a person uses it.

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

use super::daemon::{Daemon, program};

/// `linux-api remote …` in the home of the daemon.
fn remote(daemon: &Daemon, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .env_clear()
        .env("HOME", daemon.home.path())
        .current_dir(daemon.home.path())
        .arg("remote")
        .args(arguments);
    command
}

#[test]
fn a_remote_is_tested_before_it_is_saved_and_its_key_stays_out_of_the_list() {
    let daemon = Daemon::start(&[]);
    let wrong = ["add", "web", daemon.url.as_str(), "--key-file"];
    remote(&daemon, &wrong)
        .write_stdin("lapi_wrong\n")
        .assert()
        .code(3)
        .stderr(contains("nothing was saved").and(contains("401")));
    remote(&daemon, &["list"])
        .assert()
        .success()
        .stdout(contains("No remotes yet"));

    let add = ["add", "web", &daemon.url, "--key-file", "-l", "env=prod"];
    remote(&daemon, &add)
        .write_stdin(format!("{}\n", daemon.key))
        .assert()
        .success()
        .stdout(contains("web added").and(contains("admin (admin)")));
    let file = daemon.path(".config/linux-api/remotes.toml");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(
        text.contains(&daemon.url) && !text.contains(&daemon.key),
        "{text}"
    );

    remote(&daemon, &["default", "web"]).assert().success();
    remote(&daemon, &["list", "--json"])
        .assert()
        .success()
        .stdout(contains("\"env\": \"prod\"").and(contains("\"default\": true")));
    remote(&daemon, &["test"])
        .assert()
        .success()
        .stdout(contains("ok, as admin (admin)"));
    remote(&daemon, &["remove", "web"]).assert().success();
    remote(&daemon, &["default"])
        .assert()
        .success()
        .stdout(contains("no default"));
    assert!(!daemon.path(".config/linux-api/keys/web.key").exists());
}

/// A host that is down for the night can be added all the same, but no key that is refused.
#[test]
fn a_remote_that_is_down_is_saved_when_that_is_asked_for() {
    let daemon = Daemon::start(&[]);
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let add = ["add", "night", url.as_str(), "--key-file"];
    remote(&daemon, &add)
        .write_stdin("lapi_later\n")
        .assert()
        .code(4)
        .stderr(contains("nothing was saved").and(contains("--offline")));
    let offline = [&add[..], &["--offline"]].concat();
    remote(&daemon, &offline)
        .write_stdin("lapi_later\n")
        .assert()
        .success()
        .stdout(contains("night added, unchecked").and(contains("can't be reached now")));
    remote(&daemon, &["list"])
        .assert()
        .success()
        .stdout(contains(&url));
    let wrong = ["add", "web", daemon.url.as_str(), "--key-file", "--offline"];
    remote(&daemon, &wrong)
        .write_stdin("lapi_wrong\n")
        .assert()
        .code(3)
        .stderr(contains("401").and(contains("--offline").not()));
}

#[test]
fn the_environment_gives_the_key_to_scripts() {
    let daemon = Daemon::start(&[]);
    remote(&daemon, &["add", "web", &daemon.url, "--key-file"])
        .env("LINUX_API_KEY", &daemon.key)
        .assert()
        .success();
}

#[test]
fn bad_names_addresses_and_unknown_remotes_say_so() {
    let daemon = Daemon::start(&[]);
    for (arguments, code, said) in [
        (
            ["add", "../web", "https://a"].as_slice(),
            2,
            "can't be a name",
        ),
        (&["add", "web", "ftp://a"], 2, "scheme ftp"),
        (&["add", "web", "http://web-03.example"], 1, "use https"),
        (
            &["add", "web", "http://127.0.0.1:1"],
            1,
            "no key; set LINUX_API_KEY",
        ),
        (&["test", "nobody"], 2, "no remote nobody"),
        (&["remove", "nobody"], 2, "no remote nobody"),
        (&["default", "nobody"], 2, "no remote nobody"),
    ] {
        remote(&daemon, arguments)
            .write_stdin("")
            .assert()
            .code(code)
            .stderr(contains(said));
    }
}

#[test]
fn an_offline_remote_fails_the_test_with_advice() {
    let daemon = Daemon::start(&[]);
    remote(&daemon, &["add", "web", &daemon.url, "--key-file"])
        .env("LINUX_API_KEY", &daemon.key)
        .assert()
        .success();
    let file = daemon.path(".config/linux-api/remotes.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&daemon.url, "http://127.0.0.1:1")).unwrap();
    remote(&daemon, &["test", "web"])
        .assert()
        .code(4)
        .stdout(contains("refused").and(contains("check that the daemon runs")));
}

/// The kernel's keyring of this user, where there is one: containers may forbid it.
#[tokio::test]
async fn the_kernel_keyring_keeps_a_key_or_says_why_not() {
    use linux_api_client::keys::{KeyError, KeyPlace, Keys};
    use secrecy::ExposeSecret;

    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::new(folder.path().to_owned(), false);
    let name = format!("test-{}", std::process::id());
    match keys.keep(&name, &"lapi_secret".into()).await {
        Ok(place) => {
            assert_eq!(place, KeyPlace::Kernel);
            let key = keys.find(&name).await.unwrap();
            assert_eq!(key.expose_secret(), "lapi_secret");
            keys.forget(place, &name).await.unwrap();
        }
        Err(error) => {
            assert!(matches!(error, KeyError::Neither { .. }), "{error}");
            assert!(error.to_string().contains("--key-file"), "{error}");
        }
    }
    let missing = keys.get(KeyPlace::Kernel, "nobody-has-this-name").await;
    assert!(missing.is_err());
}
