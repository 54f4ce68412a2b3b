//! A real sshd on loopback with keys of its own, and an account with an empty home behind it.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::daemon::program;
use super::left_out;

/// Debian keeps servers out of an ordinary account's PATH.
const PROGRAM: &str = "/usr/sbin/sshd";

/// Ends with the test.
pub(crate) struct Sshd {
    child: Child,
    directory: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Sshd {
    /// Starts one; `settings` are lines of its configuration. `None` where there is no sshd.
    pub(crate) fn start(settings: &str) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            left_out::for_want_of("sshd", "apt-get install openssh-server");
            return None;
        }
        if rustix::process::geteuid().is_root() {
            // It changes to this directory before each login.
            let _ = std::fs::create_dir_all("/run/sshd");
        }
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["home", "client", "programs", "bin"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        for name in ["host-key", "user-key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(at(name))
                .status();
            assert!(made.unwrap().success());
        }
        std::fs::copy(at("user-key.pub"), at("authorized")).unwrap();
        std::os::unix::fs::symlink(program(), at("programs/linux-api")).unwrap();
        let port = free_port();
        let host_key = std::fs::read_to_string(at("host-key.pub")).unwrap();
        std::fs::write(at("known"), format!("[127.0.0.1]:{port} {host_key}")).unwrap();
        let root = directory.path().display();
        let configuration = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {root}/host-key\n\
             AuthorizedKeysFile {root}/authorized\nStrictModes no\nUsePAM no\nPidFile none\n\
             PasswordAuthentication no\nMaxStartups 200\nMaxSessions 200\n{settings}\n\
             SetEnv HOME={root}/home XDG_CACHE_HOME={root}/home/.cache PATH={root}/programs:/usr/bin:/bin \
             LINUX_API__SERVER__UNIX={root}/api.sock\n"
        );
        std::fs::write(at("sshd_config"), configuration).unwrap();
        let log = std::fs::File::create(at("sshd.log")).unwrap();
        let child = Command::new(PROGRAM)
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let sshd = Self {
            child,
            directory,
            port,
        };
        sshd.write_client(&sshd.host_lines("web-*", "known"));
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = std::fs::read_to_string(sshd.path("sshd.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "sshd does not start: {log}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(sshd)
    }

    /// Below the directory of this sshd: `home` is the account's, `client` the user's.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A `Host` of the client's configuration, with this file of known hosts.
    pub(crate) fn host_lines(&self, names: &str, known: &str) -> String {
        format!(
            "Host {names}\n  HostName 127.0.0.1\n  Port {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  \
             UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n",
            self.port,
            self.path("user-key").display(),
            self.path(known).display(),
        )
    }

    /// Writes the user's configuration of ssh, which the program `ssh` of these tests reads in place of the
    /// real one.
    pub(crate) fn write_client(&self, configuration: &str) {
        let path = self.path("ssh_config");
        std::fs::write(&path, configuration).unwrap();
        let script = format!(
            "#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n",
            path.display()
        );
        self.write_program("bin/ssh", &script);
    }

    /// Writes a program for one of the two sides.
    pub(crate) fn write_program(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        // Never written in place: another thread that starts a child holds it open for a moment.
        let temporary = self.path("program.new");
        std::fs::write(&temporary, text).unwrap();
        std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(&temporary, self.path(name)).unwrap();
    }

    /// Puts a shell script in the place of linux-api on the other host.
    pub(crate) fn replace_program(&self, text: &str) {
        std::fs::remove_file(self.path("programs/linux-api")).unwrap();
        self.write_program("programs/linux-api", text);
    }

    /// Writes a static program beside the client's own, as for hosts of another kind: it can say its version, and
    /// greets as a proxy of a protocol to come.
    pub(crate) fn write_static_program(&self) -> bool {
        let program = self.path(&format!("client/linux-api-{}", std::env::consts::ARCH));
        let source = program.with_extension("c");
        let text = "#include <stdio.h>\n#include <string.h>\nint main(int n, char **a) {\
                    if (n > 1 && !strcmp(a[1], \"proxy\")) puts(\"linux-api-proxy/7 {}\");\
                    return 0; }\n";
        std::fs::write(&source, text).unwrap();
        let compiled = Command::new("cc")
            .args(["-static", "-o"])
            .args([&program, &source])
            .output();
        compiled.is_ok_and(|output| output.status.success())
    }

    /// The account that is logged in to: the one that runs the tests.
    #[expect(clippy::unused_self, reason = "it is the account of this sshd")]
    pub(crate) fn account(&self) -> String {
        let output = Command::new("id").arg("-un").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The program as the user runs it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&program(), arguments)
    }

    /// Another file of the program as the user runs it.
    pub(crate) fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.path("bin").display()),
            )
            .env("HOME", self.path("client"))
            .env("LANG", "C")
            .current_dir(self.path("client"))
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What was left in the account's home, sorted.
    pub(crate) fn left_at_home(&self) -> Vec<PathBuf> {
        let mut left = Vec::new();
        let mut directories = vec![self.path("home")];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path.clone());
                }
                left.push(path.strip_prefix(self.path("home")).unwrap().to_owned());
            }
        }
        left.sort();
        left
    }

    /// Processes of the other host: proxies that this sshd started.
    pub(crate) fn proxies(&self) -> Vec<u32> {
        let home = format!("HOME={}\0", self.path("home").display());
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let pid: Option<u32> = entry.file_name().to_str().and_then(|it| it.parse().ok());
            let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
            let Some(pid) = pid else { continue };
            let command = read("cmdline");
            if !command.ends_with(b"\0proxy\0") {
                continue;
            }
            let environment = String::from_utf8_lossy(&read("environ")).into_owned();
            if environment.contains(&home) {
                found.push(pid);
            }
        }
        found
    }

    /// Waits until no proxy is left.
    pub(crate) fn wait_for_no_proxy(&self, within: Duration) {
        let deadline = Instant::now() + within;
        loop {
            let left = self.proxies();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "still there: {left:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nothing listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
