//! Where a page is followed: a home with a daemon, another host with TLS, and a path on which
//! nothing is but what the guides may call.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::guides::pages;
use crate::guides::small_program::small_program;

/// How long anything may take to come about.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Stands for the program. Setup works on a directory, its prompts are filled from here, and keys
/// go to files and not to the keyring of the account that runs the tests.
const PROGRAM: &str = r#"#!/bin/bash
case "$1 $2" in
"setup "*)
  shift
  case " $* " in *" --root "*) ;; *) set -- --root "$HOME/root" "$@" ;; esac
  case " $* " in *" --uninstall "*) ;; *) set -- --program "$HOME/program" "$@" ;; esac
  # No server runs in a folder, so of a database on one only the plan is made.
  case " $* " in *" --answers answers.toml "*)
    [[ $(<answers.toml) == *'kind = "local"'* && " $* " != *" --dry-run "* ]] &&
      set -- "$@" --dry-run ;;
  esac
  case " $* " in *" --yes "* | *" --dry-run "*) ;; *) set -- --yes "$@" ;; esac
  set -- setup "$@"
  ;;
"db restore") set -- "$@" --yes ;;
"remote add") set -- "$@" --key-file ;;
esac
exec BUILT "$@"
"#;
const CURL: &str =
    "#!/bin/bash\nPATH=SYSTEM exec curl --fail-with-body --silent --show-error \"$@\"\n";
const SUDO: &str = "#!/bin/bash\nexec \"$@\"\n";

/// A running `serve`, ended on drop.
struct Daemon {
    child: Child,
    /// `127.0.0.1:PORT`
    address: String,
    key: Option<String>,
}

/// A page's home and its hosts.
pub(crate) struct Stage {
    home: TempDir,
    daemon: Option<Daemon>,
    other: Other,
    /// The first admin's key.
    pub(crate) key: String,
    /// Words of the page, and what they mean here.
    stand_ins: Vec<(String, String)>,
}

/// Another host, with a certificate of its own.
struct Other {
    daemon: Daemon,
    _home: TempDir,
}

/// How a command ended.
pub(crate) struct CommandResult {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A group of processes, ended on drop.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Processes that a terminal has started, killed on drop where they outlive it.
struct Session(Pid);

impl Session {
    /// Waits until none is left.
    fn wait(self) {
        let deadline = Instant::now() + PATIENCE;
        // They are not our children, so their end has to be polled.
        while kill_process_group(self.0, Signal::CONT).is_ok() {
            assert!(Instant::now() < deadline, "it outlives its terminal");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built program.
fn program() -> &'static Path {
    assert_cmd::cargo::cargo_bin!("linux-api")
}

impl Daemon {
    fn start(home: &Path, variables: &[(&str, &Path)]) -> Self {
        let mut child = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--unix"])
            .arg(home.join("api.sock"))
            .env_clear()
            .env("HOME", home)
            .env("LINUX_API__LOG__ACCESS", "off")
            .envs(variables.iter().copied())
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(home.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line
            .trim()
            .rsplit_once("://")
            .expect("it says where it listens")
            .1;
        // All is written at once, so what follows the first line has arrived with it.
        let more = String::from_utf8_lossy(stdout.buffer()).into_owned();
        let key = more.lines().find(|line| line.starts_with("lapi_"));
        Self {
            address: address.to_owned(),
            key: key.map(str::to_owned),
            child,
        }
    }

    fn end(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Other {
    /// Its authority is `ca.pem` in the directory.
    fn start(folder: &Path) -> Self {
        let home = TempDir::new().unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let paths = (home.path().join("cert.pem"), home.path().join("key.pem"));
        fs::write(&paths.0, &certificate).unwrap();
        write(&paths.1, "", 0o600);
        fs::write(&paths.1, key.serialize_pem()).unwrap();
        fs::write(folder.join("ca.pem"), certificate).unwrap();
        let daemon = Daemon::start(
            home.path(),
            &[
                ("LINUX_API__SERVER__TLS_CERTIFICATE", &paths.0),
                ("LINUX_API__SERVER__TLS_KEY", &paths.1),
            ],
        );
        Self {
            daemon,
            _home: home,
        }
    }

    fn url(&self) -> String {
        let port = self.daemon.address.rsplit_once(':').unwrap().1;
        format!("https://localhost:{port}")
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

impl Stage {
    pub(crate) fn new() -> Self {
        let home = TempDir::new().unwrap();
        let path = |name: &str| home.path().join(name);
        for folder in ["bin", "root"] {
            fs::create_dir(path(folder)).unwrap();
        }
        let built = program().to_str().unwrap();
        write(
            &path("bin/linux-api"),
            &PROGRAM.replace("BUILT", built),
            0o755,
        );
        write(
            &path("bin/curl"),
            &CURL.replace("SYSTEM", SYSTEM_PATH),
            0o755,
        );
        write(&path("bin/sudo"), SUDO, 0o755);
        symlink("bin/linux-api", path("linux-api")).unwrap();
        fs::write(path("program"), small_program()).unwrap();
        fs::set_permissions(path("program"), fs::Permissions::from_mode(0o755)).unwrap();
        let other = Other::start(home.path());
        let daemon = Daemon::start(home.path(), &[]);
        let key = daemon.key.clone().expect("a first start prints a key");
        Self {
            home,
            daemon: Some(daemon),
            other,
            key,
            stand_ins: Vec::new(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The database of the daemon.
    pub(crate) fn database(&self) -> PathBuf {
        self.path(".local/share/linux-api/linux-api.db")
    }

    pub(crate) fn address(&self) -> &str {
        self.daemon
            .as_ref()
            .map_or("127.0.0.1:9", |daemon| &daemon.address)
    }

    pub(crate) fn stop(&mut self) {
        self.daemon.take().expect("the daemon runs").end();
    }

    pub(crate) fn start(&mut self) {
        assert!(self.daemon.is_none(), "the daemon runs");
        self.daemon = Some(Daemon::start(self.home.path(), &[]));
    }

    /// Starts the daemon again on a recorded host, which has every kind of device, unlike the
    /// container or the bare directory in which the tests may run.
    pub(crate) fn start_on_recorded_host(&mut self) {
        self.stop();
        let host = pages::root().join("tests/fixtures/host/kernel-6.18-cgroup-v2");
        let (procfs, sysfs) = (host.join("proc"), host.join("sys"));
        let variables = [
            ("LINUX_API__HOST__PROCFS", procfs.as_path()),
            ("LINUX_API__HOST__SYSFS", &sysfs),
        ];
        self.daemon = Some(Daemon::start(self.home.path(), &variables));
    }

    /// Adds what a page takes to be known already.
    pub(crate) fn know(&self, name: &str) {
        let command = format!(
            "linux-api remote add {name} {} -l env=prod --ca-file ca.pem",
            self.other.url()
        );
        let ended = self.run(&command);
        assert!(ended.success, "{}", ended.stderr);
    }

    /// What a page means by these words, from now on.
    pub(crate) fn stand_in(&mut self, words: &str, meaning: &str) {
        self.stand_ins.push((words.to_owned(), meaning.to_owned()));
    }

    /// What stands for hosts and keys in the guides becomes what is here.
    pub(crate) fn here(&self, command: &str) -> String {
        let other = self.other.daemon.key.as_deref().unwrap();
        let key = if command.contains("web-03.example") {
            other
        } else {
            &self.key
        };
        let stand_ins = self.stand_ins.iter().rev();
        let command = stand_ins.fold(command.to_owned(), |command, (words, meaning)| {
            command.replace(words, meaning)
        });
        command
            .replace("127.0.0.1:8080", self.address())
            .replace("127.0.0.1:8081", self.address())
            .replace("https://web-03.example:8443", &self.other.url())
            .replace("LINUX_API_KEY=lapi_…", &format!("LINUX_API_KEY={key}"))
            .replace("LINUX_API_KEY=…", &format!("LINUX_API_KEY={key}"))
            .replace("/mnt", self.path("root").to_str().unwrap())
    }

    /// What a user would type: the key, or the header with it that curl waits for.
    fn typed(&self, command: &str) -> String {
        let is_other = command.contains("https://");
        let other = self.other.daemon.key.as_ref().filter(|_| is_other);
        let key = other.unwrap_or(&self.key);
        if command.contains("curl -H @- ") {
            format!("X-API-Key: {key}")
        } else {
            key.clone()
        }
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/bash");
        command
            .args([
                "-e",
                "-c",
                &format!("shopt -s expand_aliases\n{}", self.here(script)),
            ])
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", self.path("bin"))
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .env("OLD_KEY", crate::guides::python::OLD_KEY)
            .env("SSL_CERT_FILE", self.path("ca.pem"))
            .env("LINUX_API__SERVER__LISTEN", self.address())
            .env("LINUX_API__SERVER__UNIX", self.path("api.sock"))
            .current_dir(self.home.path())
            .process_group(0);
        command.env("KEY", &self.key);
        command
    }

    /// Runs a script to its end; the key is on its standard input.
    pub(crate) fn run(&self, script: &str) -> CommandResult {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let (mut errors, error_writer) = std::io::pipe().unwrap();
        let mut command = self.shell(script);
        command
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(error_writer);
        let mut group = Group(command.spawn().unwrap());
        drop(command);
        // A program that reads no input may have ended before.
        let _ = writeln!(
            group.0.stdin.take().unwrap(),
            "{}",
            self.typed(&self.here(script))
        );
        let (sender, receiver) = mpsc::sync_channel(1);
        thread::scope(|scope| {
            let stderr = scope.spawn(move || text(&mut errors));
            scope.spawn(move || sender.send(text(&mut reader)));
            let stdout = receiver.recv_timeout(PATIENCE);
            let success = stdout.is_ok() && group.0.wait().unwrap().success();
            drop(group);
            CommandResult {
                success,
                stdout: stdout.unwrap_or_else(|_| "it did not end".to_owned()),
                stderr: stderr.join().unwrap(),
            }
        })
    }

    /// Runs a script until it has printed all of these, then does `then`, and ends it. Returns its
    /// output until it was ended, or, when `then` ends it, all.
    pub(crate) fn watch(&mut self, script: &str, wanted: &[String], then: NextStep) -> String {
        let home = TempDir::new_in(self.home.path()).unwrap();
        let mut command = self.shell(script);
        if script.contains("linux-api serve") {
            // A daemon of its own beside the one of the page.
            command
                .env("HOME", home.path())
                .env("LINUX_API__SERVER__LISTEN", "127.0.0.1:0")
                .env("XDG_RUNTIME_DIR", home.path())
                .env("LINUX_API__SERVER__UNIX", home.path().join("api.sock"));
        }
        if then == NextStep::Quit {
            command.env("LINUX_API_KEY", &self.key);
        }
        let (reader, writer) = std::io::pipe().unwrap();
        command
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::null());
        let group = Group(command.spawn().unwrap());
        drop(command);
        let (sender, receiver) = mpsc::sync_channel(64);
        let reading = thread::spawn(move || {
            let mut reader = reader;
            let mut buffer = [0; 16384];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                let _ = sender.send(buffer[..length].to_vec());
            }
        });
        let deadline = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        let mut seen = false;
        let mut group = Some(group);
        while let Ok(more) =
            receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            said.extend(more);
            let text = String::from_utf8_lossy(&said);
            if !seen && wanted.iter().all(|it| text.contains(it)) {
                seen = true;
                match then {
                    NextStep::StopTheDaemon => self.stop(),
                    NextStep::End | NextStep::Quit => drop(group.take()),
                }
            }
        }
        drop((group, receiver));
        reading.join().unwrap();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(seen, "{script}: no {wanted:?} in:\n{said}");
        if then == NextStep::StopTheDaemon {
            self.start();
        }
        said
    }

    /// Runs a script in a terminal until that has shown all of these; the dashboard has to end with
    /// its terminal.
    pub(crate) fn show(&mut self, script: &str, wanted: &[String]) {
        let (path, pid) = (self.path("in-terminal"), self.path("in-terminal.pid"));
        let inner = format!(
            "stty cols 100 rows 30\nPATH={}\necho $$ > {}\n{}\n",
            self.path("bin").display(),
            pid.display(),
            self.here(script)
        );
        fs::write(&path, inner).unwrap();
        let script = format!(
            "PATH={SYSTEM_PATH} script --quiet --flush --command 'exec bash {}' /dev/null",
            path.display()
        );
        self.watch(&script, wanted, NextStep::Quit);
        let pid: i32 = fs::read_to_string(pid).unwrap().trim().parse().unwrap();
        Session(Pid::from_raw(pid).unwrap()).wait();
    }

    /// One request; the body, whatever the status.
    pub(crate) fn ask(&self, path: &str) -> String {
        let command = format!("curl --header \"X-API-Key: $KEY\" 'http://127.0.0.1:8080{path}'");
        self.run(&command).stdout
    }

    /// Requests a change without a key, which is refused and audited.
    pub(crate) fn refuse(&self) {
        let user = "00000000-0000-4000-8000-000000000000";
        let url = format!("http://127.0.0.1:8080/api/v1/admin/users/{user}/activate");
        let refused = self.run(&format!("curl --request PATCH {url}"));
        assert!(refused.stdout.contains("401"), "{}", refused.stdout);
    }
}

/// What is done with a script that goes on when it has said what it should.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextStep {
    End,
    /// It is a dashboard.
    Quit,
    /// It ends by itself when its daemon does.
    StopTheDaemon,
}

fn text(reader: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = reader.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
