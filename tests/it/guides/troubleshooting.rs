//! `docs/troubleshooting.md` has a heading for each check of `doctor`.

use std::collections::BTreeSet;
use std::fs;

use crate::guides::pages::{page, root};

/// The names of checks in the source: constants of the files, and those that findings are given in place.
fn checks() -> BTreeSet<String> {
    let mut checks = BTreeSet::new();
    for entry in fs::read_dir(root().join("src/cli/doctor")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
        let findings: Vec<&str> = ["Finding::ok(", "Finding::warn(", "Finding::fail("]
            .iter()
            .flat_map(|begin| text.split(begin).skip(1))
            .map(|after| after.trim_start().split(',').next().unwrap().trim())
            .collect();
        for name in findings {
            let literal = name.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
            let constant = format!("const {name}: &str = \"");
            let value = text
                .split_once(&constant)
                .and_then(|(_, rest)| rest.split('"').next());
            let check = literal
                .or(value)
                .unwrap_or_else(|| panic!("what is {name}?"));
            checks.insert(check.to_owned());
        }
    }
    checks
}

#[test]
fn every_check_of_doctor_is_explained() {
    let text = page("docs/troubleshooting.md").text;
    let explained: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(str::to_owned)
        .collect();
    let checks = checks();
    assert!(checks.len() > 15, "{checks:?}");
    assert_eq!(explained, checks);
}
