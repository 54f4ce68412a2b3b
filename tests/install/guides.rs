//! The guides: every command of the program in them exists, and every file in them is valid.
//! `scripts/try-on-debian` runs the installation by hand as it stands there.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::tree::{System, good, linux_api};

const GUIDES: [(&str, &str); 5] = [
    ("quick-start", include_str!("../../docs/quick-start.md")),
    ("installation", include_str!("../../docs/installation.md")),
    (
        "server-preparation",
        include_str!("../../docs/server-preparation.md"),
    ),
    ("postgresql", include_str!("../../docs/postgresql.md")),
    ("containers", include_str!("../../docs/containers.md")),
];

/// The fenced blocks of one language.
fn blocks<'a>(guide: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let parts: Vec<&str> = guide.split(fence.as_str()).skip(1).collect();
    parts
        .into_iter()
        .filter_map(|rest| Some(rest.split_once("\n```")?.0))
        .collect()
}

/// The arguments of the program in a line of shell, when it calls it.
fn call(line: &str) -> Option<Vec<&str>> {
    let line = line.split(" #").next()?.trim_end_matches('&').trim();
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    let line = line.strip_prefix("./").unwrap_or(line);
    line.strip_prefix("linux-api ")
        .map(|arguments| arguments.split_whitespace().collect())
}

#[test]
fn every_command_of_the_program_exists_with_its_flags() {
    let mut calls = 0;
    for (name, guide) in GUIDES {
        let lines = blocks(guide, "sh").into_iter().flat_map(str::lines);
        let table = guide.split('`').filter(|span| !span.contains('\n'));
        for line in lines.chain(table) {
            let Some(mut arguments) = call(line) else {
                continue;
            };
            calls += 1;
            // With it the parser reads all the rest and nothing is done.
            arguments.push("--help");
            let help = linux_api(&arguments).output().unwrap();
            assert!(help.status.success(), "{name}: {line}: {help:?}");
        }
    }
    assert!(calls >= 25, "only {calls} were found");
}

/// What setup reads is told from what the daemon reads by its options.
fn is_answers(block: &str) -> bool {
    block.contains("kind = ")
}

#[test]
fn every_configuration_and_every_file_of_answers_is_valid() {
    let folder = TempDir::new().unwrap();
    let (mut configurations, mut answers) = (0, 0);
    for (name, guide) in GUIDES {
        for block in blocks(guide, "toml") {
            if is_answers(block) {
                answers += 1;
                let system = System::new();
                let path = system.beside("answers.toml", block);
                good(&system.run(&["--dry-run", "--answers", path.to_str().unwrap()]));
                continue;
            }
            configurations += 1;
            // The files that are named are not here.
            let secret = folder.path().join("url");
            fs::write(&secret, "postgres://u@h/d").unwrap();
            let text = ["database_url", "database_direct_url"].into_iter().fold(
                block.to_owned(),
                |text, name| {
                    text.replace(&format!("/etc/linux-api/{name}"), secret.to_str().unwrap())
                },
            );
            let path = folder.path().join("config.toml");
            fs::write(&path, text).unwrap();
            let checked = linux_api(&["config", "check", "--config"])
                .arg(&path)
                .output()
                .unwrap();
            assert!(checked.status.success(), "{name}: {block}\n{checked:?}");
        }
    }
    assert!(configurations >= 4, "{configurations}");
    assert!(answers >= 2, "{answers}");
}

#[test]
fn every_file_of_the_repository_that_they_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    for (name, guide) in GUIDES {
        let words = guide.split(|it: char| it.is_whitespace() || "`()[],;|".contains(it));
        for word in words {
            let path = match word {
                word if word.starts_with("packaging/") => root.join(word),
                word if Path::new(word).extension().is_some_and(|it| it == "md") => {
                    root.join("docs").join(word)
                }
                _ => continue,
            };
            found += 1;
            let path = path.to_str().unwrap().trim_end_matches('.');
            assert!(Path::new(path).exists(), "{name}: {word}");
        }
    }
    assert!(found >= 20, "only {found} were found");
}

#[test]
fn packages_and_guides_tell_the_same_version() {
    let version = env!("CARGO_PKG_VERSION");
    for (name, guide) in GUIDES {
        for (at, _) in guide
            .match_indices("linux-api_")
            .chain(guide.match_indices("linux-api-0"))
        {
            let rest = &guide[at..];
            assert!(
                rest.starts_with(&format!("linux-api_{version}"))
                    || rest.starts_with(&format!("linux-api-{version}")),
                "{name}: {}",
                &rest[..30]
            );
        }
    }
}
