//! A directory with a system in it, and setup run on that.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::install::small_program::small_program;

/// The program, away from the configuration and the environment of this machine.
pub(crate) fn linux_api(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("linux-api"));
    command
        .env_clear()
        .env("HOME", "/nonexistent")
        .args(arguments);
    command
}

/// A system that does not run, and a small program to install in it.
pub(crate) struct System {
    folder: TempDir,
}

/// What is at a path: mode and content, or where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathContent {
    Directory(u32),
    File(u32, Vec<u8>),
    Link(PathBuf),
}

impl System {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        fs::write(folder.path().join("program"), small_program()).unwrap();
        make_executable(&folder.path().join("program"));
        Self { folder }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A path of the system.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// A file beside the system.
    pub(crate) fn beside(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        // The file of answers may hold a password.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn setup(&self, arguments: &[&str]) -> Command {
        let mut command = linux_api(&["setup", "--root"]);
        command.arg(self.root());
        let is_packaged = self.path("usr/bin/linux-api").exists();
        if !arguments.contains(&"--uninstall") && !is_packaged {
            command
                .arg("--program")
                .arg(self.folder.path().join("program"));
        }
        command.args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.setup(arguments).output().unwrap()
    }

    /// Everything that is there, by its path.
    pub(crate) fn all(&self) -> BTreeMap<PathBuf, PathContent> {
        let mut found = BTreeMap::new();
        let root = self.root();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                let mode = metadata.mode() & 0o7777;
                let what = if metadata.is_symlink() {
                    PathContent::Link(fs::read_link(&path).unwrap())
                } else if metadata.is_dir() {
                    folders.push(path.clone());
                    PathContent::Directory(mode)
                } else {
                    PathContent::File(mode, fs::read(&path).unwrap())
                };
                found.insert(path.strip_prefix(&root).unwrap().to_owned(), what);
            }
        }
        found
    }

    pub(crate) fn mode(&self, path: &str) -> u32 {
        let metadata = fs::metadata(self.path(path)).unwrap();
        metadata.permissions().mode() & 0o7777
    }

    /// Brings what a package brings, so that setup leaves it alone.
    pub(crate) fn install_package(&self) {
        for (path, text) in [
            ("usr/bin/linux-api", "program"),
            ("usr/lib/systemd/system/linux-api.service", "unit"),
        ] {
            let path = self.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
}

pub(crate) fn make_executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

/// It succeeded; returns its output.
#[track_caller]
pub(crate) fn good(output: &Output) -> String {
    let errors = text(&output.stderr);
    assert!(output.status.success(), "{}{errors}", text(&output.stdout));
    text(&output.stdout)
}

/// It failed; returns the reason it gave.
#[track_caller]
pub(crate) fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    text(&output.stderr)
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether a test may mount something that no one else sees, and says so where it may not: as an
/// ordinary account, in most containers, below a changed root.
pub(crate) fn may_mount() -> bool {
    let folder = TempDir::new().unwrap();
    let mounted = Command::new("unshare")
        .args(["--mount", "mount", "-t", "tmpfs", "tmpfs"])
        .arg(folder.path())
        .output()
        .is_ok_and(|done| done.status.success());
    if !mounted {
        crate::install::left_out::for_want_of(
            "the right to mount",
            "run it as root, outside of a container",
        );
    }
    mounted
}

pub(crate) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
