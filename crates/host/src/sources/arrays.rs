//! Arrays of disks (md): which of them miss disks or don't run; see Documentation/admin-guide/md.rst of the
//! kernel.

use std::path::Path;
use std::{fs, io};

use super::read_number;
use crate::{CollectError, read_text};

/// What is wrong with an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArrayTrouble {
    /// It works, but so many of its disks are missing or being rebuilt.
    Degraded(u32),
    /// It does not work. The word is the kernel's for its state: `inactive` or `broken`.
    NotRunning(String),
}

/// An array with which something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultyArray {
    /// The kernel's name for it, such as `md0`.
    pub name: String,
    /// What is wrong.
    pub trouble: ArrayTrouble,
}

/// The arrays with which something is wrong, by name.
///
/// # Errors
/// When the devices can't be listed.
pub(crate) fn faulty_arrays(sysfs: &Path) -> Result<Vec<FaultyArray>, CollectError> {
    let blocks = sysfs.join("block");
    let devices = match fs::read_dir(&blocks) {
        Ok(devices) => devices,
        // A kernel without block devices, or a container that does not see them.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            let path = blocks;
            return Err(CollectError::Read { path, source });
        }
    };
    let mut found = Vec::new();
    for device in devices.flatten() {
        let name = device.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with("md")) else {
            continue;
        };
        if let Some(trouble) = trouble(&blocks.join(name).join("md")) {
            found.push(FaultyArray {
                name: name.to_owned(),
                trouble,
            });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// What is wrong with the array of this directory; nothing also where it was stopped meanwhile.
fn trouble(array: &Path) -> Option<ArrayTrouble> {
    let state = read_text(&array.join("array_state")).ok()?;
    match state.trim() {
        state @ ("inactive" | "broken") if !is_container(array) => {
            Some(ArrayTrouble::NotRunning(state.to_owned()))
        }
        // A stopped array has neither disks nor faults. Only levels with redundancy have the file.
        "clear" | "inactive" => None,
        _ => read_number(&array.join("degraded"))
            .filter(|missing| *missing > 0)
            .map(ArrayTrouble::Degraded),
    }
}

/// Whether it only holds the metadata of others: those of firmware are in an array of their own, which never
/// runs.
fn is_container(array: &Path) -> bool {
    let version = read_text(&array.join("metadata_version")).unwrap_or_default();
    let external = version.trim().strip_prefix("external:");
    external.is_some_and(|of| !of.starts_with(['/', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    fn array(tree: &Tree, name: &str, files: &[(&str, &str)]) {
        for (file, text) in files {
            tree.write(&format!("sys/block/{name}/md/{file}"), text);
        }
    }

    fn shown(tree: &Tree) -> Vec<String> {
        let found = faulty_arrays(&tree.roots().sysfs).unwrap();
        let shown = found.iter().map(|one| match &one.trouble {
            ArrayTrouble::Degraded(missing) => format!("{} {missing}", one.name),
            ArrayTrouble::NotRunning(state) => format!("{} {state}", one.name),
        });
        shown.collect()
    }

    #[test]
    fn arrays_that_miss_disks_or_do_not_run_are_found() {
        let tree = Tree::new();
        assert_eq!(shown(&tree), [""; 0], "there is no list");
        tree.write("sys/block/sda/size", "1\n");
        array(
            &tree,
            "md0",
            &[("array_state", "clean\n"), ("degraded", "0\n")],
        );
        array(
            &tree,
            "md1",
            &[("array_state", "active\n"), ("degraded", "1\n")],
        );
        array(
            &tree,
            "md_home",
            &[("array_state", "read-auto\n"), ("degraded", "2\n")],
        );
        // A stripe has no redundancy; one of its disks is gone.
        array(&tree, "md2", &[("array_state", "broken\n")]);
        array(&tree, "md3", &[("array_state", "clean\n")]);
        let inactive = ("array_state", "inactive\n");
        array(&tree, "md4", &[inactive, ("metadata_version", "1.2\n")]);
        assert_eq!(
            shown(&tree),
            ["md1 1", "md2 broken", "md4 inactive", "md_home 2"]
        );
    }

    #[test]
    fn stopped_arrays_and_containers_of_firmware_are_well() {
        let tree = Tree::new();
        let inactive = ("array_state", "inactive\n");
        array(
            &tree,
            "md127",
            &[inactive, ("metadata_version", "external:imsm\n")],
        );
        // Members of such a container are arrays as others.
        let member = ("metadata_version", "external:/md127/0\n");
        array(&tree, "md126", &[inactive, member]);
        array(
            &tree,
            "md0",
            &[("array_state", "clear\n"), ("degraded", "2\n")],
        );
        assert_eq!(shown(&tree), ["md126 inactive"]);
    }

    #[test]
    fn what_is_malformed_is_no_fault() {
        let tree = Tree::new();
        for (name, state, degraded) in [
            ("md0", "", "1\n"),
            ("md1", "clean\n", "-1\n"),
            ("md2", "clean\n", "99999999999\n"),
            ("md3", "clean\n", "many\n"),
            ("md4", "\u{fffd}\n", ""),
        ] {
            array(
                &tree,
                name,
                &[("array_state", state), ("degraded", degraded)],
            );
        }
        tree.write("sys/block/mdx", "a file");
        assert_eq!(shown(&tree), ["md0 1"]);
        let tree = Tree::new();
        tree.write("sys/block", "no directory");
        assert!(faulty_arrays(&tree.roots().sysfs).is_err());
    }
}
