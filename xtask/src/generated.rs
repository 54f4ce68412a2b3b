//! The files of the repository that are made from the program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap_mangen::Man;

use crate::boards;

/// Each by its path in the repository.
pub(crate) fn files() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for (name, script) in linux_api::completion_scripts()? {
        files.insert(PathBuf::from("completions").join(name), script);
    }
    let mut command = linux_api::command();
    command.build();
    man_pages(&command, &mut files)?;
    let openapi = linux_api::openapi().context("write the document as JSON")?;
    files.insert("docs/openapi.json".into(), openapi + "\n");
    let reference = linux_api_config::reference();
    files.insert("docs/configuration.md".into(), reference);
    for picture in linux_api_tui::picture::pictures() {
        let path = PathBuf::from("docs/images").join(&picture.file);
        files.insert(path, picture.svg);
    }
    files.extend(boards::files()?);
    Ok(files)
}

/// One for each command that is not hidden, as `clap_mangen` names them.
fn man_pages(command: &clap::Command, files: &mut BTreeMap<PathBuf, String>) -> anyhow::Result<()> {
    for below in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        man_pages(below, files)?;
    }
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page).context("write a man page")?;
    let path = PathBuf::from("man").join(man.get_filename());
    files.insert(path, String::from_utf8(page).context("write a man page")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_committed_files_are_what_the_program_makes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let files = files().unwrap();
        for (path, text) in &files {
            let committed = fs::read_to_string(root.join(path)).unwrap_or_default();
            assert!(
                committed == *text,
                "{} is stale: run `make generate`",
                path.display()
            );
        }
        for directory in ["completions", "man", "docs/images", boards::DIRECTORY] {
            let committed: BTreeSet<PathBuf> = fs::read_dir(root.join(directory))
                .unwrap()
                .map(|entry| Path::new(directory).join(entry.unwrap().file_name()))
                .collect();
            let is_here = |path: &&PathBuf| path.parent() == Some(Path::new(directory));
            let made: BTreeSet<PathBuf> = files.keys().filter(is_here).cloned().collect();
            assert_eq!(committed, made, "a file is left over or missing");
        }
    }

    #[test]
    fn they_have_the_names_that_packages_expect() {
        let files = files().unwrap();
        for path in [
            "completions/linux-api.bash",
            "completions/_linux-api",
            "completions/linux-api.fish",
            "man/linux-api.1",
            "man/linux-api-config-check.1",
            "docs/configuration.md",
        ] {
            assert!(files.contains_key(Path::new(path)), "{path}");
        }
    }
}
