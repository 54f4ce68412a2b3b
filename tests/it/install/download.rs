//! `install.sh`: what it installs, and what it refuses to.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::install::file_server::FileServer;
use crate::install::left_out;
use crate::install::tree::{good, make_executable, refused};

const SCRIPT: &str = include_str!("../../../install.sh");
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the script needs of a machine beside minisign and openssl.
const TOOLS: &[&str] = &[
    "awk",
    "chmod",
    "cp",
    "curl",
    "cut",
    "gzip",
    "head",
    "id",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "tail",
    "tar",
];

/// A release on a web server, and a machine that has exactly the programs that are named.
struct Release {
    directory: TempDir,
    key: String,
}

fn tarball(machine: &str) -> String {
    format!("linux-api-{VERSION}-{machine}-unknown-linux-musl.tar.gz")
}

/// Where a program of this machine is.
fn found(program: &str) -> Option<PathBuf> {
    let directories = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
    let mut paths = directories
        .map(|it| Path::new(it).join(program))
        .into_iter();
    paths.find(|path| path.exists())
}

/// The programs of a release, or what this machine lacks to make one.
fn release() -> Option<Release> {
    for program in ["minisign", "curl"] {
        if found(program).is_none() {
            left_out::for_want_of(program, &format!("apt-get install {program}"));
            return None;
        }
    }
    let directory = TempDir::new().unwrap();
    let release = Release {
        key: new_key(directory.path(), "release"),
        directory,
    };
    fs::create_dir(release.path("files")).unwrap();
    for machine in ["x86_64", "aarch64"] {
        let name = tarball(machine);
        let stem = name.strip_suffix(".tar.gz").unwrap();
        let program = release.path(stem).join("linux-api");
        fs::create_dir(release.path(stem)).unwrap();
        fs::write(
            &program,
            format!("#!/bin/sh\necho linux-api {VERSION} {machine}\n"),
        )
        .unwrap();
        make_executable(&program);
        let mut tar = Command::new("tar");
        tar.arg("-czf").arg(release.path("files").join(&name));
        tar.arg("-C").arg(release.directory.path()).arg(stem);
        good(&tar.output().unwrap());
    }
    release.sign("release");
    Some(release)
}

/// Makes a key of minisign without a password; returns its public part.
fn new_key(directory: &Path, name: &str) -> String {
    let public = directory.join(format!("{name}.pub"));
    let mut command = Command::new("minisign");
    command.args(["-G", "-W", "-f", "-p"]).arg(&public);
    command.arg("-s").arg(directory.join(format!("{name}.key")));
    good(&command.output().unwrap());
    let text = fs::read_to_string(public).unwrap();
    text.lines().nth(1).unwrap().to_owned()
}

impl Release {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn sum(&self, machine: &str) -> String {
        let content = fs::read(self.path("files").join(tarball(machine))).unwrap();
        let digest = Sha256::digest(content);
        digest.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    /// Writes the checksums as they are, signed by this key.
    fn sign(&self, key: &str) {
        let line = |machine| format!("{}  {}\n", self.sum(machine), tarball(machine));
        let sums = self.path("files/SHA256SUMS");
        fs::write(&sums, line("x86_64") + &line("aarch64")).unwrap();
        let mut command = Command::new("minisign");
        command
            .args(["-S", "-s"])
            .arg(self.path(&format!("{key}.key")));
        good(&command.arg("-m").arg(sums).output().unwrap());
    }

    /// The script as a release has it, on a machine with these programs beside the usual ones. `machine`
    /// is what `uname -m` prints there.
    fn install(
        &self,
        url: &str,
        machine: &str,
        more: &[&str],
        variables: &[(&str, &str)],
    ) -> Output {
        let script = self.path("install.sh");
        let text = SCRIPT.replace("\nPUBLIC_KEY=\n", &format!("\nPUBLIC_KEY={}\n", self.key));
        assert_ne!(text, SCRIPT);
        fs::write(&script, text).unwrap();
        let programs = TempDir::new().unwrap();
        for program in TOOLS.iter().chain(more) {
            let path = found(program).unwrap_or_else(|| panic!("{program} is missing"));
            symlink(path, programs.path().join(program)).unwrap();
        }
        let uname = programs.path().join("uname");
        let answer = format!("#!/bin/sh\n[ \"$1\" = -s ] && echo Linux || echo {machine}\n");
        fs::write(&uname, answer).unwrap();
        make_executable(&uname);
        let mut command = Command::new("/bin/sh");
        command
            .arg(script)
            .env_clear()
            .env("PATH", programs.path())
            .env("HOME", self.directory.path())
            .env("BIN_DIR", self.path("bin"))
            .env("BASE_URL", url)
            .envs(variables.iter().copied());
        command.output().unwrap()
    }

    /// What is in the directory of programs.
    fn installed(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("bin")) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

#[test]
fn the_script_installs_nothing_until_it_has_the_release_key() {
    let directory = TempDir::new().unwrap();
    let mut command = Command::new("/bin/sh");
    command
        .arg("-s")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", directory.path())
        .env("BIN_DIR", directory.path())
        .env("BASE_URL", "http://127.0.0.1:1")
        .stdin(fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh")).unwrap());
    let reason = refused(&command.output().unwrap());
    assert!(reason.contains("has no release key yet"), "{reason}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    // It is pinned to the version that it comes with.
    assert!(SCRIPT.contains(&format!("\nVERSION=${{VERSION:-{VERSION}}}\n")));
}

#[test]
fn a_signed_release_is_installed_for_the_machine_that_it_is_for() {
    let Some(release) = release() else { return };
    let server = FileServer::start(&release.path("files"));
    let mut verifiers = vec!["minisign"];
    if found("openssl").is_some() {
        verifiers.push("openssl");
    } else {
        left_out::for_want_of("openssl", "apt-get install openssl");
    }
    for verifier in verifiers {
        for (machine, expected) in [
            ("x86_64", "x86_64"),
            ("aarch64", "aarch64"),
            ("arm64", "aarch64"),
        ] {
            let said = good(&release.install(&server.url(), machine, &[verifier], &[]));
            for words in [
                "SHA256SUMS is signed by the release key",
                &format!("has the checksum {}", release.sum(expected)),
                &format!("linux-api {VERSION} {expected}"),
            ] {
                assert!(said.contains(words), "{verifier}: no {words:?} in {said}");
            }
            assert_eq!(release.installed(), ["linux-api"]);
            let program = fs::read_to_string(release.path("bin/linux-api")).unwrap();
            assert!(program.contains(expected), "{program}");
        }
    }
}

#[test]
fn a_wrong_signature_or_checksum_installs_nothing() {
    let Some(release) = release() else { return };
    let server = FileServer::start(&release.path("files"));
    let verifiers = ["minisign", "openssl"].into_iter();
    let verifiers: Vec<_> = verifiers.filter(|it| found(it).is_some()).collect();
    let refuses = |words: &str, variables: &[(&str, &str)]| {
        for verifier in &verifiers {
            let output = release.install(&server.url(), "x86_64", &[verifier], variables);
            let reason = refused(&output);
            assert!(
                reason.contains(words),
                "{verifier}: no {words:?} in {reason}"
            );
            assert!(release.installed().is_empty(), "{:?}", release.installed());
        }
    };
    // Another key.
    new_key(release.directory.path(), "other");
    release.sign("other");
    refuses("is not signed by the release key", &[]);
    // The right key, and checksums that it did not sign.
    release.sign("release");
    let sums = release.path("files/SHA256SUMS");
    let text = fs::read_to_string(&sums).unwrap();
    fs::write(&sums, text.replace(&release.sum("x86_64"), &"0".repeat(64))).unwrap();
    refuses("is not signed by the release key", &[]);
    // A signature of minisign that is none.
    fs::write(
        release.path("files/SHA256SUMS.minisig"),
        "untrusted comment: x\nRUQ=\n",
    )
    .unwrap();
    refuses("is not signed by the release key", &[]);
    // All signed, and another tarball.
    release.sign("release");
    let path = release.path("files").join(tarball("x86_64"));
    let whole = fs::read(&path).unwrap();
    let mut content = whole.clone();
    content[20] ^= 1;
    fs::write(&path, content).unwrap();
    refuses("does not have the checksum", &[]);
    fs::write(&path, whole).unwrap();
    // A version that this release does not have.
    refuses(
        "the signed SHA256SUMS has no linux-api-9.9.9-",
        &[("VERSION", "9.9.9")],
    );
}

#[test]
fn without_a_verifier_the_checksum_has_to_be_passed() {
    let Some(release) = release() else { return };
    let server = FileServer::start(&release.path("files"));
    let install =
        |variables: &[(&str, &str)]| release.install(&server.url(), "x86_64", &[], variables);
    let reason = refused(&install(&[]));
    assert!(
        reason.contains("neither minisign nor OpenSSL 3"),
        "{reason}"
    );
    let reason = refused(&install(&[("SHA256", &"0".repeat(64))]));
    assert!(reason.contains("does not have the checksum"), "{reason}");
    assert!(release.installed().is_empty());
    let said = good(&install(&[("SHA256", &release.sum("x86_64"))]));
    assert!(said.contains("the signature is not verified"), "{said}");
    assert_eq!(release.installed(), ["linux-api"]);
}

#[test]
fn an_interrupted_download_leaves_the_program_that_was_there() {
    let Some(release) = release() else { return };
    let whole = FileServer::start(&release.path("files"));
    good(&release.install(&whole.url(), "x86_64", &["minisign"], &[]));
    let before = fs::read(release.path("bin/linux-api")).unwrap();
    for end in ["SHA256SUMS", "SHA256SUMS.minisig", ".tar.gz"] {
        let server = FileServer::start_with(&release.path("files"), Some(end));
        let output = release.install(&server.url(), "aarch64", &["minisign"], &[]);
        let reason = refused(&output);
        assert!(
            reason.contains("could not be downloaded whole"),
            "{end}: {reason}"
        );
        assert_eq!(fs::read(release.path("bin/linux-api")).unwrap(), before);
        assert_eq!(release.installed(), ["linux-api"]);
    }
    // Of a script that was downloaded in part nothing runs.
    let half = SCRIPT.find("# At the end, so that").unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &SCRIPT[..half]]).env_clear();
    assert_eq!(good(&command.output().unwrap()), "");
}

#[test]
fn other_machines_and_addresses_are_refused() {
    let Some(release) = release() else { return };
    let reason = refused(&release.install("http://127.0.0.1:1", "riscv64", &["minisign"], &[]));
    assert!(reason.contains("no build for riscv64"), "{reason}");
    for url in [
        "http://example.org/x",
        "http://127.0.0.1.example.org/",
        "ftp://x",
        "https://",
    ] {
        let reason = refused(&release.install(url, "x86_64", &["minisign"], &[]));
        assert!(
            reason.contains("has to begin with https://"),
            "{url}: {reason}"
        );
    }
    let reason = refused(&release.install("", "x86_64", &["minisign"], &[]));
    assert!(reason.contains("BASE_URL is missing"), "{reason}");
}
