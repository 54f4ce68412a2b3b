//! The units of systemd: sound, hardened, and in step with the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const SERVICE: &str = include_str!("../../../packaging/systemd/linux-api.service");
const SOCKET: &str = include_str!("../../../packaging/systemd/linux-api.socket");
const EXECUTOR: &str = include_str!("../../../packaging/systemd/linux-api-executor.service");
const EXECUTOR_SOCKET: &str = include_str!("../../../packaging/systemd/linux-api-executor.socket");
const ANALYZE: &str = "/usr/bin/systemd-analyze";

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(file)
}

/// The value of a setting that stands once in a unit.
fn setting<'a>(unit: &'a str, name: &str) -> &'a str {
    let values: Vec<_> = unit
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .collect();
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values[0]
}

#[test]
fn the_service_tells_when_it_is_ready_and_is_not_restarted_in_vain() {
    assert_eq!(setting(SERVICE, "Type"), "notify");
    assert_eq!(setting(SERVICE, "Restart"), "on-failure");
    assert_eq!(
        setting(SERVICE, "RestartPreventExitStatus"),
        linux_api::cli::BAD_CONFIGURATION.to_string()
    );
    assert_eq!(setting(SERVICE, "WatchdogSec"), "30s");
    assert_eq!(setting(SERVICE, "StateDirectory"), "linux-api");
    assert_eq!(setting(SERVICE, "CapabilityBoundingSet"), "");
    assert_eq!(setting(SOCKET, "ListenStream"), "/run/linux-api/api.sock");
    assert_eq!(setting(SOCKET, "SocketMode"), "0660");
    assert_eq!(setting(SOCKET, "SocketGroup"), "linux-api");
}

#[test]
fn the_executor_is_for_the_daemon_alone_and_ends_by_itself() {
    let path = setting(EXECUTOR_SOCKET, "ListenStream");
    assert_eq!(path, linux_api_acts::SOCKET);
    assert_eq!(setting(EXECUTOR_SOCKET, "SocketMode"), "0600");
    assert_eq!(
        setting(EXECUTOR_SOCKET, "SocketUser"),
        linux_api_acts::ACCOUNT
    );
    // Nothing but its socket starts it.
    assert!(!EXECUTOR.contains("[Install]") && !EXECUTOR.contains("Restart="));
    assert_eq!(
        setting(EXECUTOR, "CapabilityBoundingSet"),
        "CAP_KILL CAP_SYS_NICE CAP_DAC_READ_SEARCH"
    );
    assert_eq!(setting(EXECUTOR, "RestrictAddressFamilies"), "AF_UNIX");
    let log = std::path::Path::new(linux_api_acts::LOG);
    let folder = Path::new("/var/log").join(setting(EXECUTOR, "LogsDirectory"));
    assert_eq!(log.parent(), Some(&*folder));
}

#[test]
fn the_packaged_policy_allows_nothing() {
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("policy.toml");
    fs::copy(packaging("policy.toml"), &policy).unwrap();
    let run = |arguments: &[&str]| {
        Command::new(assert_cmd::cargo::cargo_bin!("linux-api"))
            .arg("policy")
            .args(arguments)
            .arg("--policy")
            .arg(&policy)
            .env_clear()
            .output()
            .unwrap()
    };
    assert!(run(&["show"]).status.success());
    let tested = run(&["test", "restart", "nginx.service", "--as", "alice"]);
    assert_eq!(tested.status.code(), Some(3), "{tested:?}");
}

#[test]
fn files_that_only_root_may_read_are_handed_over_when_they_are_there() {
    for name in [
        "database_url",
        "database_direct_url",
        "database_admin_url",
        "database_owner_url",
    ] {
        let lines = [
            format!("LoadCredential={name}:/etc/linux-api/{name}"),
            format!("SetCredential={name}:\\n"),
        ];
        for line in lines {
            assert!(SERVICE.lines().any(|it| it == line), "{line}");
        }
    }
}

#[test]
fn proxies_pass_on_no_address_that_a_client_claims() {
    for (file, line) in [
        ("examples/nginx.conf", "proxy_set_header Forwarded \"\";"),
        ("examples/Caddyfile", "header_up -Forwarded"),
    ] {
        let text = fs::read_to_string(packaging(file)).unwrap();
        assert!(text.lines().any(|it| it.trim() == line), "{file}");
    }
}

#[test]
fn packages_bring_the_pages_that_hints_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let metadata = &manifest["package"]["metadata"];
    for kind in ["deb", "generate-rpm"] {
        let assets = metadata[kind]["assets"].as_array().unwrap();
        let ships = assets.iter().any(|asset| {
            let source = asset.get("source").or_else(|| asset.get(0));
            source.and_then(toml::Value::as_str) == Some("docs/*.md")
        });
        assert!(ships, "{kind}");
    }
}

#[test]
fn a_build_that_can_not_be_done_leaves_what_an_earlier_one_made() {
    let folder = TempDir::new().unwrap();
    let place = folder.path();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in ["scripts/package", "Cargo.toml"] {
        let to = place.join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(root.join(path), to).unwrap();
    }
    let tools = place.join("tools");
    fs::create_dir(&tools).unwrap();
    for tool in [
        "bash", "sed", "head", "uname", "dirname", "mkdir", "rm", "git",
    ] {
        let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
        if let Some(found) = found.iter().find(|path| path.exists()) {
            std::os::unix::fs::symlink(found, tools.join(tool)).unwrap();
        }
    }
    fs::create_dir(place.join("dist")).unwrap();
    fs::write(place.join("dist/earlier"), "").unwrap();
    let run = |target: Option<&str>| {
        let mut command = Command::new("/bin/bash");
        command.arg(place.join("scripts/package")).env_clear();
        command.env("PATH", &tools);
        if let Some(target) = target {
            command.env("TARGET", target);
        }
        command.output().unwrap()
    };
    // Without cargo nothing can be built, and that is found out first.
    let output = run(None);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("skipped: static binary"), "{said}");
    assert!(said.contains("musl-tools"), "{said}");
    let output = run(Some("x86_64-unknown-linux-musl"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("musl-gcc is missing"), "{said}");
    assert!(place.join("dist/earlier").exists());
}

/// systemd-analyze is a part of systemd; a container may well be without it.
fn has_analyze() -> bool {
    let there = Path::new(ANALYZE).exists();
    if !there {
        crate::install::left_out::for_want_of("systemd-analyze", "apt-get install systemd");
    }
    there
}

#[test]
fn systemd_finds_nothing_to_complain_about() {
    if !has_analyze() {
        return;
    }
    let folder = TempDir::new().unwrap();
    // It looks for the program, which need not be installed here.
    let there = |text: &str| text.replace("/usr/bin/linux-api", "/bin/sh");
    let (service, executor) = (there(SERVICE), there(EXECUTOR));
    let units = [
        ("linux-api.service", &*service),
        ("linux-api.socket", SOCKET),
        ("linux-api-executor.service", &*executor),
        ("linux-api-executor.socket", EXECUTOR_SOCKET),
    ];
    for (name, text) in units {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let checked = Command::new(ANALYZE)
        .args(["verify", "--man=no"])
        .args(units.map(|(name, _)| folder.path().join(name)))
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&checked.stderr);
    // It succeeds also when it ignores a line, so its words count.
    let about_these: Vec<_> = complaints
        .lines()
        .filter(|line| line.contains("linux-api"))
        .collect();
    assert!(checked.status.success(), "{complaints}");
    assert!(about_these.is_empty(), "{complaints}");
}

#[test]
fn the_services_are_exposed_by_no_more_than_two_of_ten() {
    if !has_analyze() {
        return;
    }
    for service in ["linux-api", "linux-api-executor"] {
        let rated = Command::new(ANALYZE)
            .args(["security", "--offline=true", "--threshold=20"])
            .arg(packaging(&format!("systemd/{service}.service")))
            .output()
            .unwrap();
        assert!(rated.status.success(), "{rated:?}");
        let table = String::from_utf8_lossy(&rated.stdout);
        assert!(table.contains("Overall exposure level"), "{table}");
    }
}

#[test]
fn the_packaged_configuration_is_valid() {
    let home = TempDir::new().unwrap();
    let checked = Command::new(assert_cmd::cargo::cargo_bin!("linux-api"))
        .args(["config", "check", "--config"])
        .arg(packaging("config.toml"))
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
}
