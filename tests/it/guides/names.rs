//! What the running text names: commands of the program, routes, files, pages, versions.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::guides::listed::OPTIONS;
use crate::guides::pages::{Page, root};

/// Words that stand for something of the reader's in commands, and what the parser takes for it.
const STAND_INS: &[(&str, &str)] = &[
    ("REVISION", "2"),
    ("TIME", "2030-01-01T00:00:00Z"),
    ("LABELS", "env=dev"),
    ("SCOPE", "host:read"),
    ("ROLE", "operator"),
    ("NAME|URL", "NAME"),
    (
        "NUMBER:HASH",
        "7:0000000000000000000000000000000000000000000000000000000000000000",
    ),
];

/// Subcommands that have subcommands, which tables name without the program.
const GROUPS: &[&str] = &["user", "audit", "policy", "db", "remote", "config"];

pub(crate) fn check(page: &Page) {
    commands(page);
    routes(page);
    files(page);
    versions(page);
    options(page);
    targets(page);
}

/// Options that the running text names by section and key are there.
fn options(page: &Page) {
    let sections: BTreeSet<&str> = OPTIONS
        .iter()
        .filter_map(|it| it.split('.').next())
        .collect();
    for span in page.spans() {
        let name = span.split_whitespace().next().unwrap_or_default();
        let Some((section, key)) = name.split_once('.') else {
            continue;
        };
        let is_file = ["md", "rs", "toml", "json"].contains(&key);
        let is_name = key.chars().all(|it| it.is_ascii_lowercase() || it == '_');
        if !is_file && is_name && sections.contains(section) {
            assert!(OPTIONS.contains(name), "{}: no option {name}", page.path);
        }
    }
}

/// `make` has what the running text has it make.
fn targets(page: &Page) {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    for span in page.spans() {
        if let Some(target) = span.strip_prefix("make ") {
            let target = target.split_whitespace().next().unwrap();
            let is_there = makefile.contains(&format!("\n{target}: "));
            assert!(is_there, "{}: make {target}", page.path);
        }
    }
}

/// Commands between backticks parse: with `--help` the parser reads all the rest and does nothing.
fn commands(page: &Page) {
    for span in page.spans() {
        let words = span.strip_prefix("sudo ").unwrap_or(&span);
        let words = words.strip_prefix("./").unwrap_or(words);
        let is_ours = GROUPS.iter().any(|group| {
            let rest = words.strip_prefix(group);
            rest.is_some_and(|rest| rest.starts_with(' ') && !rest.contains(" = "))
        });
        let arguments = match words.strip_prefix("linux-api ") {
            Some(arguments) => arguments,
            None if is_ours => words,
            None => continue,
        };
        // Brackets and dots say what may be left out or repeated.
        let arguments = arguments.replace(['[', ']', '…'], "");
        let arguments = arguments.split_whitespace().map(|word| {
            let known = STAND_INS.iter().find(|(name, _)| *name == word);
            known.map_or(word, |(_, value)| value)
        });
        let help = Command::new(assert_cmd::cargo::cargo_bin!("linux-api"))
            .env_clear()
            .env("HOME", "/nonexistent")
            .args(arguments)
            .arg("--help")
            .output()
            .unwrap();
        assert!(help.status.success(), "{}: {span}: {help:?}", page.path);
    }
}

static PATHS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let text = linux_api_daemon::server::openapi_document(
        linux_api_legacy::additions().routes(&linux_api_config::Legacy::default()),
    )
    .unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
});

/// Every path of the API that stands anywhere on the page is one that is served.
fn routes(page: &Page) {
    let ends = |it: char| it.is_whitespace() || "`'\"?)|,;".contains(it);
    for (at, _) in page.text.match_indices("/api/") {
        let before = page.text[..at].chars().next_back();
        // A file of the repository, such as `tests/it/api/main.rs`.
        let is_host = page.text[..at].ends_with(":8080");
        if before.is_some_and(char::is_alphanumeric) && !is_host {
            continue;
        }
        let path = page.text[at..].split(ends).next().unwrap();
        let path = path.trim_end_matches(['.', ':']);
        assert!(is_served(path), "{}: no route {path}", page.path);
    }
}

fn is_served(path: &str) -> bool {
    let start = path.strip_suffix('*').map(str::to_owned);
    let start = start.unwrap_or_else(|| format!("{path}/"));
    PATHS.iter().any(|template| {
        let (mut wanted, mut given) = (template.split('/'), path.split('/'));
        let fits = loop {
            match (wanted.next(), given.next()) {
                (None, None) => break true,
                (Some(part), Some(text)) if part == text || part.starts_with('{') => {}
                _ => break false,
            }
        };
        fits || template.starts_with(&start)
    })
}

/// Every file of the repository that the page names is there.
fn files(page: &Page) {
    let folder = root().join(&page.path);
    let folder = folder.parent().unwrap();
    let words = page
        .text
        .split(|it: char| it.is_whitespace() || "`()[],;|'".contains(it));
    for word in words {
        let word = word.trim_end_matches(['.', ':']);
        let word = word.split('#').next().unwrap_or_default();
        let is_ours = [
            "packaging/",
            "tests/",
            "scripts/",
            "docs/",
            "src/",
            "crates/",
        ]
        .iter()
        .any(|folder| word.starts_with(folder));
        let is_there = root().join(word).exists() || folder.join(word).exists();
        assert!(!is_ours || is_there, "{}: no {word}", page.path);
    }
}

/// Packages are named by the version that there is.
fn versions(page: &Page) {
    let version = env!("CARGO_PKG_VERSION");
    let named = page.text.match_indices("linux-api_");
    for (at, _) in named.chain(page.text.match_indices("linux-api-0")) {
        let rest = &page.text[at + "linux-api_".len()..];
        assert!(rest.starts_with(version), "{}: {}", page.path, &rest[..20]);
    }
}

#[test]
fn routes_are_told_from_what_is_none() {
    for path in [
        "/api/v1/system/processes/{pid}",
        "/api/v1/metrics/*",
        "/api/legacy",
        "/api/v1",
    ] {
        assert!(is_served(path), "{path}");
    }
    for path in ["/api/v2", "/api/v1/system/nothing", "/api/v1/nothing/*"] {
        assert!(!is_served(path), "{path}");
    }
}
