//! The README's commands, run as they stand there.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::process::{Daemon, linux_api};

const README: &str = include_str!("../../README.md");
const MAKEFILE: &str = include_str!("../../Makefile");

/// The fenced blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks: Vec<_> = README
        .split(fence.as_str())
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned()))
        .collect();
    assert!(!blocks.is_empty(), "the README has no {language} block");
    blocks
}

#[test]
fn its_curl_lines_are_answered() {
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], &[]);
    let key = daemon.key.clone().unwrap();
    let scripts: Vec<_> = blocks("sh")
        .into_iter()
        .filter(|script| script.contains("8080/"))
        .collect();
    assert!(!scripts.is_empty());
    for script in scripts {
        let script = script.replace("127.0.0.1:8080", &daemon.address);
        let mut shell = Command::new("bash")
            .args([
                "-e",
                "-c",
                &script.replace("curl ", "curl --fail --silent --show-error "),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the README names bash and curl");
        writeln!(shell.stdin.take().unwrap(), "{key}").unwrap();
        let done = shell.wait_with_output().unwrap();
        assert!(done.status.success(), "{script}");
        let answer: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        assert!(answer.is_object(), "{answer}");
    }
}

#[test]
fn its_configuration_is_valid() {
    let home = TempDir::new().unwrap();
    for (number, block) in blocks("toml").iter().enumerate() {
        let path = home.path().join(format!("{number}.toml"));
        fs::write(&path, block).unwrap();
        let checked = linux_api(home.path(), &["config", "check", "--config"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(checked.status.success(), "{block}\n{checked:?}");
    }
}

#[test]
fn its_make_targets_and_subcommands_exist() {
    let words = |before: &str| -> BTreeSet<String> {
        README
            .split(before)
            .skip(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_lowercase).collect())
            .filter(|word: &String| !word.is_empty())
            .collect()
    };
    let targets: BTreeSet<String> = README
        .lines()
        .filter_map(|line| line.strip_prefix("make "))
        .filter_map(|rest| rest.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(targets.contains("run") && targets.contains("test"));
    for target in targets {
        assert!(MAKEFILE.contains(&format!("\n{target}: ")), "make {target}");
    }
    let subcommands = words("`linux-api ");
    assert!(!subcommands.is_empty());
    for subcommand in subcommands {
        let help = linux_api(Path::new("/"), &[&subcommand, "--help"])
            .output()
            .unwrap();
        assert!(help.status.success(), "linux-api {subcommand}");
    }
}
