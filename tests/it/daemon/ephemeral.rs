//! A daemon that keeps nothing: inside a process, and as `serve --ephemeral`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use linux_api_config::Config;
use linux_api_daemon::run::ephemeral::{Ephemeral, EphemeralConnector};
use rustix::process::{Gid, Pid, Signal, Uid};
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::left_out;
use crate::daemon::process::{eventually, linux_api};

/// How long a test waits for a response.
const PATIENCE: Duration = Duration::from_secs(20);
/// An account that no host has.
const STRANGER: u32 = 54_321;

fn send(mut stream: UnixStream, method: &str, path: &str, body: &str) -> (u16, Value) {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        // A body that was refused unread resets the connection, after the response.
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole response");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Gets a path until there is what the test waits for: the sampler has just begun.
fn get_until(
    connect: impl Fn() -> UnixStream,
    path: &str,
    is_there: impl Fn(&Value) -> bool,
) -> Value {
    let mut found = Value::Null;
    eventually(|| {
        let (status, body) = send(connect(), "GET", path, "");
        found = body;
        status == 200 && is_there(&found)
    });
    found
}

fn connect(connector: &EphemeralConnector) -> UnixStream {
    connector.connect().unwrap().into_std().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_serves_itself_without_a_key() {
    let daemon = Ephemeral::start(&Config::default()).await.unwrap();
    let connector = daemon.connector();
    let runtime = tokio::runtime::Handle::current();
    let check = move || {
        let _runtime = runtime.enter();
        let get = |path| send(connect(&connector), "GET", path, "");
        let ready = get("/readyz").1;
        assert_eq!(
            (&ready["status"], &ready["ephemeral"]),
            (&"ready".into(), &true.into())
        );
        let since = ready["history_since"].as_str().expect("it says since when");
        let me = get("/api/v1/user/me").1;
        assert_eq!(me["user_perm"]["role"], "viewer");
        let snapshot = get_until(
            || connect(&connector),
            "/api/v1/system/snapshot",
            |body| body["uptime_seconds"].is_number(),
        );
        assert!(snapshot["memory"]["total_bytes"].as_u64() > Some(0));
        let own = format!("/api/v1/system/processes/{}", std::process::id());
        assert_eq!(get(&own).1["pid"], std::process::id());
        let history = get_until(
            || connect(&connector),
            "/api/v1/system/history?series=load.one&step=2",
            |body| body["series"][0]["points"][0].is_array(),
        );
        assert_eq!(history["history_since"], since);
        // A stream, two events of it.
        let mut stream = connect(&connector);
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET /api/v1/system/stream?interval=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        .unwrap();
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        let events = lines.filter(|line| line == "event: snapshot");
        assert_eq!(events.take(2).count(), 2);
        // A viewer changes nothing, and there are no pages to read.
        let body = r#"{"username":"alice1"}"#;
        let made = send(connect(&connector), "POST", "/api/v1/user/register", body);
        assert_eq!((made.0, &made.1["code"]), (403, &"admin_required".into()));
        assert_eq!(get("/openapi.json").0, 404);
        assert_eq!(get("/docs").0, 404);
        connector
    };
    let connector = tokio::task::spawn_blocking(check).await.unwrap();
    daemon.stop().await.unwrap();
    let refused = connector.connect().unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_in_one_process_share_nothing_and_one_that_is_dropped_ends() {
    let one = Ephemeral::start(&Config::default()).await.unwrap();
    let other = Ephemeral::start(&Config::default()).await.unwrap();
    let dropped = one.connector();
    drop(one);
    eventually_async(|| dropped.connect().is_err()).await;
    let ready = other.connector();
    let runtime = tokio::runtime::Handle::current();
    let status = tokio::task::spawn_blocking(move || {
        let _runtime = runtime.enter();
        send(connect(&ready), "GET", "/readyz", "").0
    });
    assert_eq!(status.await.unwrap(), 200);
    other.stop().await.unwrap();
}

async fn eventually_async(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

/// Runs in a thread of another account, which only root can; the kernel notes the account of the thread
/// that connects.
fn as_stranger<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let work = move || {
        rustix::thread::set_thread_groups(&[]).unwrap();
        rustix::thread::set_thread_gid(Gid::from_raw(STRANGER)).unwrap();
        rustix::thread::set_thread_uid(Uid::from_raw(STRANGER)).unwrap();
        work()
    };
    std::thread::spawn(work).join().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_is_refused() {
    if !rustix::process::geteuid().is_root() {
        left_out::for_want_of("root", "run it as root");
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("api.sock");
    let daemon = Ephemeral::start_at(&Config::default(), &path)
        .await
        .unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let (connector, runtime) = (daemon.connector(), tokio::runtime::Handle::current());
    let at = path.clone();
    let check = move || {
        // Neither the rights of the file nor those of its directory are what keeps it out.
        let denied = as_stranger({
            let at = at.clone();
            move || UnixStream::connect(at).unwrap_err().kind()
        });
        assert_eq!(denied, std::io::ErrorKind::PermissionDenied);
        fs::set_permissions(at.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&at, fs::Permissions::from_mode(0o666)).unwrap();
        let socket = as_stranger({
            let at = at.clone();
            move || UnixStream::connect(at).unwrap()
        });
        let pair = as_stranger(move || {
            let _runtime = runtime.enter();
            connect(&connector)
        });
        for stream in [socket, pair] {
            let (status, body) = send(stream, "GET", "/api/v1/system/snapshot", "");
            assert_eq!(
                (status, &body["code"]),
                (401, &"peer_unknown".into()),
                "{body}"
            );
        }
        let own = UnixStream::connect(&at).unwrap();
        assert_eq!(send(own, "GET", "/api/v1/user/me", "").0, 200);
    };
    tokio::task::spawn_blocking(check).await.unwrap();
    daemon.stop().await.unwrap();
    assert!(!path.exists());
}

/// `serve --ephemeral` with every directory that a program may write in below `home`.
struct Served {
    child: Child,
    path: PathBuf,
    _stdout: BufReader<ChildStdout>,
}

const DIRECTORIES: [(&str, &str); 7] = [
    ("TMPDIR", "tmp"),
    ("XDG_RUNTIME_DIR", "run"),
    ("XDG_CONFIG_HOME", "config"),
    ("XDG_DATA_HOME", "data"),
    ("XDG_STATE_HOME", "state"),
    ("XDG_CACHE_HOME", "cache"),
    ("STATE_DIRECTORY", "lib"),
];

fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = linux_api(home, &["serve", "--ephemeral"]);
    command.args(arguments);
    for (variable, name) in DIRECTORIES {
        command.env(variable, home.join(name));
    }
    command
}

impl Served {
    fn start(home: &Path) -> Self {
        for (_, name) in DIRECTORIES {
            fs::create_dir_all(home.join(name)).unwrap();
        }
        let mut child = command(home, &[])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let path = home.join("run/linux-api/api.sock");
        let address = format!("unix:{}", path.display());
        assert_eq!(
            line,
            format!("linux-api listens on {address}; look with: linux-api tui {address}\n")
        );
        Self {
            child,
            path,
            _stdout: stdout,
        }
    }

    fn signal(&mut self, signal: Signal) -> std::process::ExitStatus {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap()
    }

    /// The regular files that it has open for writing.
    fn written(&self) -> Vec<String> {
        let folder = format!("/proc/{}/fd", self.child.id());
        let open = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let regular = open.filter(|path| {
            let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
            let link = fs::symlink_metadata(path);
            is_file && link.is_ok_and(|link| link.mode() & 0o200 != 0)
        });
        let name = |path: PathBuf| fs::read_link(path).unwrap().display().to_string();
        regular.map(name).collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything below a directory, with what it is.
fn listing(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            }
            found.insert(entry.path(), format!("{kind:?}"));
        }
    }
    found
}

#[test]
fn it_leaves_nothing_behind_when_it_is_stopped() {
    let home = TempDir::new().unwrap();
    drop(Served::start(home.path()));
    fs::remove_dir_all(home.path().join("run/linux-api")).unwrap();
    let before = listing(home.path());
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut served = Served::start(home.path());
        let connect = || UnixStream::connect(&served.path).unwrap();
        // Long enough for something to be written, had it a place.
        get_until(connect, "/api/v1/system/snapshot", |body| {
            body["uptime_seconds"].is_number()
        });
        get_until(connect, "/readyz", |body| {
            body["checks"]["flusher"]["detail"] == "the last write succeeded"
        });
        assert_eq!(served.written(), Vec::<String>::new());
        assert!(served.signal(signal).success(), "{signal:?}");
        assert_eq!(listing(home.path()), before, "{signal:?}");
    }
}

#[test]
fn only_a_socket_is_left_when_it_is_killed_and_the_next_start_replaces_it() {
    let home = TempDir::new().unwrap();
    let mut served = Served::start(home.path());
    let path = served.path.clone();
    served.signal(Signal::KILL);
    let mut left = listing(home.path());
    left.retain(|path, _| path.starts_with(home.path().join("run")) || path.is_file());
    let names: Vec<PathBuf> = left.into_keys().collect();
    let run = home.path().join("run");
    assert_eq!(names, [run.clone(), run.join("linux-api"), path.clone()]);

    let mut again = Served::start(home.path());
    let (status, _) = send(UnixStream::connect(&path).unwrap(), "GET", "/readyz", "");
    assert_eq!(status, 200);
    // One that lives is not replaced.
    let second = command(home.path(), &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another process listens there"), "{said}");
    assert!(path.exists());
    assert!(again.signal(Signal::TERM).success());
    assert!(!run.join("linux-api").exists());
}

#[test]
fn what_makes_no_sense_beside_it_is_refused() {
    let home = TempDir::new().unwrap();
    for other in [
        &["--listen", "127.0.0.1:0"][..],
        &["--demo"],
        &["--no-migrate"],
        &["--detach"],
    ] {
        let output = command(home.path(), other).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{other:?}");
    }
    assert!(listing(home.path()).is_empty());
}
