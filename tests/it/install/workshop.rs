//! A key, packages, the repository that is built of them, and a system that installs from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::install::left_out;
use crate::install::tree::good;

/// Directories of programs, whatever this process has in its PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Packages, a key, the repository that is built of them, and a system that installs from it.
pub(crate) struct Workshop {
    directory: TempDir,
    key: String,
}

/// Whether the programs are there that a test needs, and says so where they are not.
pub(crate) fn has(programs: &[(&str, &str)]) -> bool {
    let missing = programs.iter().find(|(program, _)| {
        !PATH
            .split(':')
            .any(|directory| Path::new(directory).join(program).exists())
    });
    if let Some((program, package)) = missing {
        left_out::for_want_of(program, &format!("apt-get install {package}"));
    }
    missing.is_none()
}

pub(crate) fn has_tools_of_apt() -> bool {
    has(&[
        ("apt-get", "apt"),
        ("apt-ftparchive", "apt-utils"),
        ("dpkg-deb", "dpkg"),
        ("gpg", "gpg"),
    ])
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let mut workshop = Self {
            directory,
            key: String::new(),
        };
        for name in ["packages", "gnupg"] {
            fs::create_dir(workshop.path(name)).unwrap();
        }
        workshop.key = workshop.new_key("gnupg");
        workshop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A command without the environment of this machine.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", self.directory.path())
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .current_dir(self.directory.path());
        command
    }

    /// Makes a key without a password; returns its fingerprint.
    pub(crate) fn new_key(&self, home: &str) -> String {
        let gpg = |arguments: &[&str]| {
            let mut command = self.command("gpg");
            command.env("GNUPGHOME", self.path(home)).arg("--batch");
            good(&command.args(arguments).output().unwrap())
        };
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(self.path(home), private).unwrap();
        let of = "Packages <packages@linux-api.invalid>";
        gpg(&["--passphrase", "", "--quick-gen-key", of, "ed25519", "sign"]);
        let listed = gpg(&["--with-colons", "--list-keys"]);
        let line = listed.lines().find(|line| line.starts_with("fpr:"));
        line.unwrap().split(':').nth(9).unwrap().to_owned()
    }

    /// Adds a deb that has nothing but its version.
    pub(crate) fn add_deb(&self, version: &str, content: &str) {
        let tree = self.path(&format!("deb-{version}"));
        fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        fs::create_dir_all(tree.join("usr/share/tiny")).unwrap();
        fs::write(tree.join("usr/share/tiny/version"), content).unwrap();
        let control = format!(
            "Package: tiny\nVersion: {version}\nArchitecture: amd64\n\
             Maintainer: Packages <packages@linux-api.invalid>\nDescription: nothing\n"
        );
        fs::write(tree.join("DEBIAN/control"), control).unwrap();
        let mut build = self.command("dpkg-deb");
        build.args(["--root-owner-group", "--build"]).arg(&tree);
        build.arg(self.path(&format!("packages/any-name-{version}.deb")));
        good(&build.output().unwrap());
    }

    pub(crate) fn build(&self, base: &str, more: &[(&str, &str)]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/make-repository");
        let mut command = self.command("bash");
        command
            .arg(script)
            .args(["packages", "site"])
            .env("GNUPGHOME", self.path("gnupg"))
            .env("SIGNING_KEY_ID", &self.key)
            .env("BASE_URL", base)
            .envs(more.iter().copied());
        command.output().unwrap()
    }

    /// The system of apt, which knows the repository by the files that this one offers.
    pub(crate) fn prepare_apt(&self) {
        for name in [
            "etc/apt/sources.list.d",
            "etc/apt/keyrings",
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "etc/apt/trusted.gpg.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/lib/dpkg",
            "var/log/apt",
        ] {
            fs::create_dir_all(self.path("root").join(name)).unwrap();
        }
        fs::write(self.path("root/var/lib/dpkg/status"), "").unwrap();
        let keyring = self.path("root/etc/apt/keyrings/linux-api.asc");
        fs::copy(self.path("site/linux-api.asc"), &keyring).unwrap();
        let source = fs::read_to_string(self.path("site/linux-api.sources")).unwrap();
        let source = source.replace("/etc/apt/keyrings/linux-api.asc", keyring.to_str().unwrap());
        let path = self.path("root/etc/apt/sources.list.d/linux-api.sources");
        fs::write(path, source).unwrap();
    }

    /// apt-get on that system.
    pub(crate) fn apt(&self, arguments: &[&str]) -> Output {
        let root = self.path("root");
        let status = root.join("var/lib/dpkg/status");
        // Named by the variable, the directory is in force before any file is read: what this machine
        // configures for its own apt, such as not to look at Valid-Until, is not read.
        let config = root.join("apt.conf");
        fs::write(&config, format!("Dir \"{}\";\n", root.display())).unwrap();
        let mut command = self.command("apt-get");
        command
            .env("APT_CONFIG", config)
            .args(["--yes", "-o", "APT::Sandbox::User=", "-o"])
            .args(["APT::Architecture=amd64", "-o", "Acquire::Retries=0", "-o"])
            .arg(format!("Dir::State::status={}", status.display()))
            // A line of warning for an index that is not accepted is a failure.
            .args(["-o", "APT::Update::Error-Mode=any"])
            .args(arguments);
        command.output().unwrap()
    }

    /// The version that apt would install, by downloading it.
    pub(crate) fn downloaded(&self, package: &str) -> String {
        let archives = self.path("root/var/cache/apt/archives");
        let debs = || {
            let entries = fs::read_dir(&archives).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            paths.filter(|path| path.extension().is_some_and(|it| it == "deb"))
        };
        for old in debs() {
            fs::remove_file(old).unwrap();
        }
        good(&self.apt(&["install", "--download-only", package]));
        let mut field = self.command("dpkg-deb");
        field.arg("--field").arg(debs().next().unwrap());
        let version = good(&field.arg("Version").output().unwrap());
        version.trim().to_owned()
    }

    /// Forgets what apt has of the repository.
    pub(crate) fn forget_lists(&self) {
        let lists = self.path("root/var/lib/apt/lists");
        fs::remove_dir_all(&lists).unwrap();
        fs::create_dir_all(lists.join("partial")).unwrap();
    }

    pub(crate) fn generation(&self) -> PathBuf {
        fs::read_link(self.path("site")).unwrap()
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // The agent of gpg outlives it.
        let mut stop = self.command("gpgconf");
        stop.args(["--kill", "gpg-agent"]);
        let _ = stop.env("GNUPGHOME", self.path("gnupg")).output();
    }
}
