//! The committed files that the program makes are what it makes now.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assert_cmd::Command;

/// Every file of a folder with its text; what is below it counts on its own.
fn files(folder: &Path) -> BTreeMap<String, String> {
    fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// Makes one kind of file again and compares each with the committed one.
fn assert_fresh(kind: &str, committed: &str, all: bool) {
    let made = tempfile::tempdir().unwrap();
    Command::cargo_bin("linux-api")
        .unwrap()
        .args(["generate", kind, "--out"])
        .arg(made.path())
        .assert()
        .success();
    let made = files(made.path());
    let mut committed = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(committed));
    committed.retain(|name, _| all || made.contains_key(name));
    assert!(!made.is_empty(), "{kind} made nothing");
    for (name, text) in &made {
        assert!(
            committed.get(name) == Some(text),
            "{name} is stale: run `make generate`"
        );
    }
    assert_eq!(
        made.len(),
        committed.len(),
        "{kind}: a file is left over or missing"
    );
}

#[test]
fn completions_are_fresh() {
    assert_fresh("completions", "completions", true);
}

#[test]
fn man_pages_are_fresh() {
    assert_fresh("man", "man", true);
}

#[test]
fn the_openapi_document_is_fresh() {
    assert_fresh("openapi", "docs", false);
}

#[test]
fn the_pictures_of_the_dashboard_are_fresh() {
    assert_fresh("screenshots", "docs/images", true);
}

#[test]
fn the_configuration_reference_is_fresh() {
    assert_fresh("config-reference", "docs", false);
}
