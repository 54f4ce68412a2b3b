//! Holds the source to what Cargo can't say: that the graph of crates is the one in
//! `docs/architecture.md`, how long a file may be, which dependencies are out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What must stay out of the dashboard and its client, whatever they come to depend on: they run where
/// there is no database and no daemon.
const NOT_IN_THE_DASHBOARD: [&str; 4] = ["sqlx", "axum", "linux-api-store", "linux-api-daemon"];

const VAGUE_NAMES: [&str; 5] = ["utils", "helpers", "common", "manager", "misc"];
const MAX_LINES: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, as (path from the package's root, text).
fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    files.sort();
    files
}

/// The direct dependencies of each member of the workspace, tests left out, by the member's name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let mut folders: Vec<PathBuf> = crates.map(|entry| entry.unwrap().path()).collect();
    folders.extend([root().to_owned(), root().join("xtask")]);
    let read = |folder: PathBuf| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&manifest).unwrap();
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        let names = manifest["dependencies"].as_table().unwrap().keys();
        (name, names.cloned().collect())
    };
    folders.into_iter().map(read).collect()
}

/// The rows of the table of crates in a text: name of the package, and the members it depends on.
fn documented(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let words = |cell: &str| -> BTreeSet<String> {
        let parts = cell.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("| Crate | For | Depends on |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let name = words(cells[1]).pop_first().unwrap();
        (name, words(cells[3]))
    })
    .collect()
}

/// What `of` depends on, directly or by another member.
fn reach(graph: &BTreeMap<String, BTreeSet<String>>, of: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![of.to_owned()];
    while let Some(name) = open.pop() {
        for next in graph.get(&name).into_iter().flatten() {
            if found.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    found
}

fn name_violations(file: &Path) -> Option<String> {
    let name = file.file_stem()?.to_str()?;
    let vague = VAGUE_NAMES.contains(&name);
    (name == "mod" || vague).then(|| format!("{}: choose another name", file.display()))
}

fn length_violation(file: &Path, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MAX_LINES).then(|| format!("{}: {lines} lines, {MAX_LINES} at most", file.display()))
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn the_graph_of_crates_is_the_documented_one() {
    let short = |name: &str| name.trim_start_matches("linux-api-").to_owned();
    let graph = dependencies();
    let ours: BTreeSet<&String> = graph.keys().collect();
    let actual: BTreeMap<String, BTreeSet<String>> = graph
        .iter()
        .map(|(name, all)| {
            let members = all.iter().filter(|one| ours.contains(one));
            (short(name), members.map(|one| short(one)).collect())
        })
        .collect();
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    assert_eq!(actual, documented(&text));
}

#[test]
fn the_dashboard_reaches_no_database_and_no_server() {
    let reached = reach(&dependencies(), "linux-api-tui");
    assert!(reached.contains("linux-api-client"), "{reached:?}");
    for name in NOT_IN_THE_DASHBOARD {
        assert!(!reached.contains(name), "{name}");
    }
}

#[test]
fn no_file_is_too_long_and_no_module_has_a_vague_name() {
    let files: Vec<_> = ["src", "crates", "xtask", "tests", "benches"]
        .into_iter()
        .flat_map(rust_files)
        .collect();
    let violations: Vec<String> = files
        .iter()
        .flat_map(|(file, text)| [name_violations(file), length_violation(file, text)])
        .flatten()
        .collect();
    assert_none(&violations);
}

#[test]
fn both_engines_have_the_same_migrations() {
    let names = |engine: &str| -> BTreeSet<String> {
        let Ok(entries) = fs::read_dir(root().join("migrations").join(engine)) else {
            return BTreeSet::new();
        };
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

/// Pgpool-II looks for its mark in the very first bytes of a statement, and nowhere else.
#[test]
fn the_mark_that_goes_past_a_query_cache_begins_its_statement() {
    const MARK: &str = "/*NO QUERY CACHE*/";
    let mut violations = Vec::new();
    let mut marks = 0;
    for (file, text) in rust_files("crates") {
        for (place, _) in text.match_indices(MARK) {
            marks += 1;
            let before = text[..place].trim_end();
            let begins = text[..place].ends_with('"') || before.ends_with("\"\\");
            if !begins {
                violations.push(format!("{}: byte {place}", file.display()));
            }
        }
    }
    assert_none(&violations);
    assert!(marks > 10);
}

/// What the lockfile holds that it must not, or in another version than it must.
fn lockfile_violations(lockfile: &str) -> Vec<String> {
    let lockfile: toml::Table = toml::from_str(lockfile).unwrap();
    let packages = lockfile["package"].as_array().unwrap();
    let mut violations = Vec::new();
    let mut sqlite = Vec::new();
    for package in packages {
        let (name, version) = (package["name"].as_str().unwrap(), &package["version"]);
        match name {
            "openssl-sys" | "aws-lc-rs" | "aws-lc-sys" => {
                violations.push(format!(
                    "{name} is in the lockfile; TLS is rustls with ring"
                ));
            }
            "libsqlite3-sys" => sqlite.push(version.as_str().unwrap()),
            _ => {}
        }
    }
    // 0.37.0 carries SQLite 3.51.3, the first with the WAL fix.
    if sqlite != ["0.37.0"] {
        violations.push(format!("libsqlite3-sys must be 0.37.0, found {sqlite:?}"));
    }
    violations
}

#[test]
fn the_lockfile_has_one_tls_provider_and_the_right_sqlite() {
    let lockfile = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    assert_none(&lockfile_violations(&lockfile));
}

mod the_checks_themselves {
    use super::*;

    #[test]
    fn read_the_table_and_follow_the_graph() {
        let text = "| Crate | For | Depends on |\n| --- | --- | --- |\n\
            | `a` | `x` first | `b` |\n| `b` | second | |\n\nmore";
        let graph = documented(text);
        assert_eq!(graph.len(), 2);
        assert_eq!(graph["a"], BTreeSet::from(["b".to_owned()]));
        assert!(graph["b"].is_empty());
        let graph = BTreeMap::from([
            ("a".to_owned(), BTreeSet::from(["b".to_owned()])),
            ("b".to_owned(), BTreeSet::from(["sqlx".to_owned()])),
        ]);
        assert!(reach(&graph, "a").contains("sqlx"));
    }

    #[test]
    fn notice_names_lengths_and_packages() {
        assert!(name_violations(Path::new("src/store/mod.rs")).is_some());
        assert!(name_violations(Path::new("src/utils.rs")).is_some());
        assert!(name_violations(Path::new("src/model.rs")).is_none());
        assert!(length_violation(Path::new("a.rs"), &"\n".repeat(501)).is_some());
        assert!(length_violation(Path::new("a.rs"), &"\n".repeat(500)).is_none());
        let package = |name: &str, version: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
        };
        let right = package("libsqlite3-sys", "0.37.0");
        assert!(lockfile_violations(&right).is_empty());
        assert_eq!(
            lockfile_violations(&package("libsqlite3-sys", "0.36.0")).len(),
            1
        );
        assert_eq!(
            lockfile_violations(&(right + &package("openssl-sys", "0.9.0"))).len(),
            1
        );
    }
}
