//! What the program is made of: known sources, known licences, no version with a known fault.
//!
//! The rules are those of `deny.toml`, which `cargo deny` reads where it is installed; here they are
//! held to without it and without a network.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn toml_file(path: &str) -> toml::Table {
    let text = fs::read_to_string(root().join(path)).unwrap();
    toml::from_str(&text).unwrap()
}

fn texts(value: &toml::Value) -> Vec<String> {
    let list = value.as_array().unwrap().iter();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Name, version and source of every package in the lockfile.
fn locked() -> Vec<(String, String, Option<String>)> {
    let lockfile = toml_file("Cargo.lock");
    let packages = lockfile["package"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let text = |key: &str| package.get(key).and_then(|it| it.as_str());
            (
                text("name").unwrap().to_owned(),
                text("version").unwrap().to_owned(),
                text("source").map(str::to_owned),
            )
        })
        .collect()
}

/// A version as numbers; what follows a `-` or `+` does not count.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap();
    plain.split('.').map(|part| part.parse().unwrap()).collect()
}

#[test]
fn no_crate_is_older_than_its_last_known_fault() {
    let floors = toml_file(".ci/advisories.toml");
    assert!(floors.len() > 10);
    let mut used = 0;
    for (name, version, _) in locked() {
        let Some(floor) = floors.get(&name) else {
            continue;
        };
        used += 1;
        let least = floor["at-least"].as_str().unwrap();
        assert!(
            numbers(&version) >= numbers(least),
            "{name} {version} is older than {least}: {}",
            floor["because"]
        );
    }
    assert!(used > 10, "the list is about other crates than these");
}

#[test]
fn every_crate_comes_from_the_registry_and_none_is_banned() {
    let deny = toml_file("deny.toml");
    let registries = texts(&deny["sources"]["allow-registry"]);
    let bans = deny["bans"]["deny"].as_array().unwrap();
    let banned: Vec<_> = bans
        .iter()
        .map(|ban| ban["crate"].as_str().unwrap())
        .collect();
    assert!(banned.contains(&"openssl-sys"));
    for (name, version, source) in locked() {
        assert!(!banned.contains(&name.as_str()), "{name} is banned");
        let Some(source) = source else {
            let is_member =
                matches!(&*name, "linux-api" | "xtask") || name.starts_with("linux-api-");
            assert!(is_member, "{name} comes from nowhere");
            continue;
        };
        let registry = source.strip_prefix("registry+").unwrap_or(&source);
        assert!(
            registries.iter().any(|known| known == registry),
            "{name} {version} comes from {source}"
        );
    }
}

/// Whether an SPDX expression is met by some choice of allowed licences.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    // The old way of writing OR.
    let spaced = spaced.replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any(&words, &mut at, allowed);
    assert_eq!(at, words.len(), "{expression}");
    met
}

fn any(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(words, at, allowed);
    }
    met
}

fn all(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let word = words[*at];
    *at += 1;
    if word == "(" {
        let met = any(words, at, allowed);
        assert_eq!(words[*at], ")");
        *at += 1;
        return met;
    }
    let mut licence = word.to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = format!("{word} WITH {}", words[*at + 1]);
        *at += 2;
    }
    allowed.contains(&licence)
}

#[test]
fn every_licence_is_one_of_the_allowed() {
    let deny = toml_file("deny.toml");
    let allowed = texts(&deny["licenses"]["allow"]);
    let exceptions: BTreeMap<String, Vec<String>> = deny["licenses"]
        .get("exceptions")
        .and_then(|list| list.as_array())
        .into_iter()
        .flatten()
        .map(|entry| {
            let name = entry["crate"].as_str().unwrap().to_owned();
            (name, texts(&entry["allow"]))
        })
        .collect();
    // Those of this platform have been downloaded to build this test.
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version=1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{metadata:?}");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str();
        let licence = licence.unwrap_or_else(|| panic!("{name} names no licence"));
        let mut here = allowed.clone();
        here.extend(exceptions.get(name).into_iter().flatten().cloned());
        assert!(is_allowed(licence, &here), "{name}: {licence}");
    }
}

#[test]
fn every_call_of_cargo_keeps_to_the_lockfile() {
    let mut files = vec![root().join("Makefile"), root().join(".ci/run")];
    let scripts = fs::read_dir(root().join("scripts")).unwrap();
    let scripts = scripts.map(|entry| entry.unwrap().path());
    files.extend(scripts.filter(|path| path.is_file()));
    let mut calls = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().map(str::trim) {
            if resolves(line) {
                calls += 1;
                assert!(line.contains("--locked"), "{}: {line}", shown(&file));
            }
        }
    }
    assert!(calls >= 6, "only {calls} calls were found");
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Whether a line has cargo choose versions.
fn resolves(line: &str) -> bool {
    let commands = [
        "build", "test", "run", "clippy", "doc", "bench", "metadata", "deb", "install",
    ];
    let starts = ["cargo ", "$(CARGO) ", "exec cargo "];
    let line = line.trim_start_matches('@');
    let call = line
        .split_once("$(CARGO) ")
        .or_else(|| {
            let start = starts.iter().find(|start| line.starts_with(**start))?;
            line.split_once(start)
        })
        .map(|(_, call)| call);
    call.is_some_and(|call| commands.contains(&call.split(' ').next().unwrap_or_default()))
}

mod the_checks_themselves {
    use super::*;

    #[test]
    fn read_expressions_as_spdx_means_them() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "GPL-3.0/MIT",
            "(GPL-3.0 OR MIT) AND ISC",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "Apache-2.0",
            "(MIT OR ISC) AND GPL-3.0",
        ] {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn compare_versions_by_number() {
        assert!(numbers("0.10.0") > numbers("0.9.9"));
        assert!(numbers("1.2.3-rc.1+x") == numbers("1.2.3"));
    }

    #[test]
    fn tell_calls_that_choose_versions_from_others() {
        for line in [
            "$(CARGO) test",
            "cargo build --release",
            "RUSTDOCFLAGS=x $(CARGO) doc",
        ] {
            assert!(resolves(line), "{line}");
        }
        for line in ["cargo fmt --check", "# cargo test", "echo cargo"] {
            assert!(!resolves(line), "{line}");
        }
    }
}
