//! Holds the source to its own rules: who may import whom, how long a file may be, which
//! dependencies are out. `docs/architecture.md` explains them.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "support/scan.rs"]
mod scan;

/// What each top-level module may import of ours. `config::storage` allows that part of it only.
const IMPORTS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("files", &[]),
    ("access_log", &["model"]),
    ("api", &["model"]),
    ("config", &["model", "files"]),
    ("auth", &["model"]),
    ("collector", &["model"]),
    ("recorder", &["model"]),
    ("telemetry", &["model", "config"]),
    ("store", &["model", "config::storage"]),
    ("backup", &["model", "store", "config", "auth"]),
    ("import", &["model", "files", "store", "config", "auth"]),
    (
        "tasks",
        &[
            "model",
            "files",
            "collector",
            "recorder",
            "store",
            "auth",
            "config",
            "backup",
        ],
    ),
    (
        "server",
        &[
            "model",
            "files",
            "api",
            "auth",
            "store",
            "recorder",
            "config",
            "access_log",
            "collector",
            "tasks",
        ],
    ),
    ("client", &["model", "files", "api", "config::remote"]),
    ("tui", &["model", "api", "client", "config::tui"]),
    (
        "setup",
        &["model", "files", "auth", "store", "config", "client"],
    ),
    ("cli", ANYTHING),
    ("main", &["cli", "telemetry"]),
];
const ANYTHING: &[&str] = &["*"];

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

/// The module path of a file below `src`: `src/store/users.rs` is `["store", "users"]`.
fn module_of(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix("src").unwrap().with_extension("");
    inside
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect()
}

/// What `file` imports against the table; `modules` are the top-level modules that there are.
fn import_violations(file: &Path, text: &str, modules: &BTreeSet<String>) -> Vec<String> {
    let module = module_of(file);
    let own = module[0].as_str();
    if own == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == own) else {
        return vec![format!(
            "{}: module {own} is not in the import table",
            file.display()
        )];
    };
    if *allowed == ANYTHING {
        return Vec::new();
    }
    scan::imports(text, module.len())
        .into_iter()
        .filter(|path| modules.contains(&path[0]) && path[0] != own)
        .filter(|path| !allowed.iter().any(|rule| covers(rule, path)))
        .map(|path| {
            format!(
                "{}: {own} may not import {}",
                file.display(),
                path.join("::")
            )
        })
        .collect()
}

fn covers(rule: &str, path: &[String]) -> bool {
    let mut path = path.iter();
    rule.split("::")
        .all(|part| path.next().is_some_and(|own| own == part))
}

fn top_level_modules(files: &[(PathBuf, String)]) -> BTreeSet<String> {
    files
        .iter()
        .map(|(file, _)| module_of(file)[0].clone())
        .collect()
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
fn modules_import_only_what_the_table_allows() {
    let files = rust_files("src");
    assert!(!files.is_empty());
    let modules = top_level_modules(&files);
    let violations: Vec<String> = files
        .iter()
        .flat_map(|(file, text)| import_violations(file, text, &modules))
        .collect();
    assert_none(&violations);
}

#[test]
fn no_file_is_too_long_and_no_module_has_a_vague_name() {
    let files: Vec<_> = ["src", "tests", "benches"]
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

/// What the lockfile holds that it must not, or in another version than it must.
/// Pgpool-II looks for its mark in the very first bytes of a statement, and nowhere else.
#[test]
fn the_mark_that_goes_past_a_query_cache_begins_its_statement() {
    const MARK: &str = "/*NO QUERY CACHE*/";
    let mut violations = Vec::new();
    let mut marks = 0;
    for (file, text) in rust_files("src") {
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

    fn found(file: &str, text: &str) -> Vec<String> {
        let modules = IMPORTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        import_violations(Path::new(file), text, &modules)
    }

    #[test]
    fn notice_a_forbidden_import_however_it_is_written() {
        for text in [
            "use crate::store::Store;",
            "use crate::{model::time::Clock, store::{self, Store}};",
            "fn f() { crate::store::open(); }",
            "use crate::config::tui::Keys;\nuse crate::config::Config;",
            "use super::super::store::Store;",
            "#[cfg(test)] mod tests { use crate::store::Store; }",
            "const A: &str = \"//\"; use crate::store::Store;",
        ] {
            assert!(!found("src/tui/app.rs", text).is_empty(), "{text}");
        }
        assert_eq!(
            found("src/model/user.rs", "use crate::api::problem::Problem;").len(),
            1
        );
        assert_eq!(
            found("src/main.rs", "fn main() { linux_api::store::open(); }").len(),
            1
        );
        assert_eq!(found("src/stuff.rs", "").len(), 1);
    }

    #[test]
    fn leave_allowed_imports_comments_and_strings_alone() {
        for text in [
            "use crate::{api::page::Page, client::Client, model, tui::app};",
            "use crate::config::tui::{Keys, Theme};\nuse crate::config::{tui::Keys, tui};",
            "// crate::store::Store\n/* crate::store /* nested */ crate::store */",
            "const A: &str = \"crate::store::Store\"; const B: &str = r#\"\"crate::store\"#;",
            "fn f<'a>(c: char) -> bool { c == '\"' } // use crate::store",
            "use super::screens::store;",
            "pub(crate) fn mycrate() {}",
            "use other_crate::store::Store;",
        ] {
            assert_eq!(
                found("src/tui/app.rs", text),
                Vec::<String>::new(),
                "{text}"
            );
        }
        assert!(found("src/cli/user.rs", "use crate::store::Store;").is_empty());
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
