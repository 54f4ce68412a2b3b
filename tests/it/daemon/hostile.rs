//! What others on the host or the network do to a daemon, on purpose or not.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, FlockOperation, Mode, mknodat};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use tempfile::TempDir;

use crate::daemon::process::{Daemon, eventually, linux_api};

fn log(home: &TempDir) -> String {
    fs::read_to_string(home.path().join("log")).unwrap()
}

fn run(home: &Path, arguments: &[&str]) -> Output {
    linux_api(home, arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn make_pipe(path: &Path) {
    let _ = fs::remove_file(path);
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// Resident memory of a process in KiB.
fn resident(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Connects from an address of this machine with as small a buffer as there is.
fn connect_from(last: u8, to: &str) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 2048).unwrap();
    let from = IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
    bind(&socket, &SocketAddr::new(from, 0)).unwrap();
    connect(&socket, &to.parse::<SocketAddr>().unwrap()).unwrap();
    socket.into()
}

/// Waits until the daemon has the files open that it reads the host from.
fn read_the_host(daemon: &Daemon) {
    let key = daemon.key.clone().unwrap();
    eventually(|| daemon.get("/api/v1/system/snapshot", Some(&key)).0 == 200);
}

#[test]
fn documents_that_nobody_reads_are_in_memory_once() {
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], &[]);
    // Inflated for the first one; what comes after shares it.
    for path in ["/docs/swagger-ui-bundle.js", "/openapi.json"] {
        assert_eq!(daemon.get(path, None).0, 200);
    }
    let before = resident(daemon.pid());
    let mut connections = Vec::new();
    for address in 2..10 {
        // Fewer than an address may without a key.
        for path in ["/docs/swagger-ui-bundle.js"; 10] {
            let mut connection = connect_from(address, &daemon.address);
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            connection.write_all(request.repeat(2).as_bytes()).unwrap();
            connections.push(connection);
        }
    }
    for connection in &mut connections {
        let mut first = [0; 12];
        connection.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
    }
    let grown = resident(daemon.pid()).saturating_sub(before);
    // Each of the 80 would take 1.4 MiB of its own.
    assert!(
        grown < 30 << 10,
        "{grown} KiB for {} clients",
        connections.len()
    );
    assert_eq!(daemon.get("/livez", None).0, 200);
}

#[test]
fn without_descriptors_clients_are_turned_away_at_once_and_it_is_said_once() {
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], &[]);
    read_the_host(&daemon);
    let open = fs::read_dir(format!("/proc/{}/fd", daemon.pid().as_raw_nonzero())).unwrap();
    let open: BTreeSet<u64> = open
        .map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    // A test may inherit descriptors with high numbers from whatever runs it.
    let lowest_free = (0..1 << 14).find(|number| !open.contains(number)).unwrap();
    let limit = |current| Rlimit {
        current: Some(current),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    let usual = getrlimit(Resource::Nofile).current.unwrap_or(1 << 10);
    prlimit(Some(daemon.pid()), Resource::Nofile, limit(lowest_free + 2)).unwrap();
    // Whatever is left below is taken up.
    let mut idle = Vec::new();
    let begin = Instant::now();
    let refused = loop {
        let mut connection = TcpStream::connect(&daemon.address).unwrap();
        connection
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        connection
            .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let mut answer = [0; 1024];
        let length = connection
            .read(&mut answer)
            .expect("every client gets an answer");
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        if !answer.starts_with("HTTP/1.1 200") {
            break answer;
        }
        idle.push(connection);
        assert!(begin.elapsed() < Duration::from_secs(30));
    };
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("no descriptor left"), "{refused}");
    for _ in 0..20 {
        assert_eq!(daemon.get("/livez", None).0, 503);
    }
    let text = log(&home);
    assert_eq!(text.matches("descriptor").count(), 1, "{text}");
    assert!(!text.contains("could not accept"), "{text}");
    prlimit(Some(daemon.pid()), Resource::Nofile, limit(usual)).unwrap();
    eventually(|| daemon.get("/livez", None).0 == 200);
}

#[test]
fn connections_are_bounded_by_the_limit_of_open_files() {
    let home = TempDir::new().unwrap();
    let mut command = Command::new("prlimit");
    let inner = linux_api(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    command
        .env_clear()
        .env("HOME", home.path())
        .current_dir(home.path())
        .arg("--nofile=320")
        .arg(inner.get_program())
        .args(inner.get_args());
    let daemon = Daemon::start_command(command);
    read_the_host(&daemon);
    eventually(|| log(&home).contains("limit of open files"));
    let mut idle: Vec<TcpStream> = (2..12)
        .flat_map(|address| (0..15).map(move |_| address))
        .map(|address| connect_from(address, &daemon.address))
        .collect();
    // They wait in the kernel's queue: the daemon still has descriptors for its own work.
    let key = daemon.key.clone().unwrap();
    idle.truncate(10);
    let begin = Instant::now();
    eventually(|| daemon.get("/api/v1/system/info/uptime", Some(&key)).0 == 200);
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
    assert!(!log(&home).contains("no descriptor is left"));
}

#[test]
fn a_configuration_that_is_a_pipe_is_refused_and_stops_nothing() {
    let home = TempDir::new().unwrap();
    let config = home.path().join("config.toml");
    fs::write(&config, "").unwrap();
    let arguments = [
        "--config",
        "config.toml",
        "serve",
        "--listen",
        "127.0.0.1:0",
    ];
    let daemon = Daemon::start_command(linux_api(home.path(), &arguments));
    make_pipe(&config);
    daemon.signal(Signal::HUP);
    eventually(|| log(&home).contains("it is not a regular file"));
    assert_eq!(daemon.get("/livez", None).0, 200);
    fs::remove_file(&config).unwrap();
    fs::write(&config, "").unwrap();
    daemon.signal(Signal::HUP);
    eventually(|| log(&home).contains("reloaded the configuration"));
    assert!(daemon.end(Signal::TERM).success());
}

#[test]
fn no_command_waits_for_a_pipe_that_it_was_given_as_a_file() {
    let home = TempDir::new().unwrap();
    let pipe = home.path().join("pipe");
    make_pipe(&pipe);
    let config = home.path().join("config.toml");
    let refused = |arguments: &[&str], text: &str| {
        fs::write(&config, text).unwrap();
        let arguments = [&["--config", "config.toml"], arguments].concat();
        let output = run(home.path(), &arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            said(&output).contains("not a regular file"),
            "{}",
            said(&output)
        );
    };
    let url = format!("[database]\nurl_file = '{}'\n", pipe.display());
    refused(&["config", "check"], &url);
    let tls = format!(
        "[server]\ntls_certificate = '{0}'\ntls_key = '{0}'\n",
        pipe.display()
    );
    refused(&["serve", "--listen", "127.0.0.1:0"], &tls);
    // `--answers` accepts a pipe, such as that of a shell's `<(command)`, but not an endless one.
    let output = run(home.path(), &["setup", "--answers", "pipe", "--dry-run"]);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("pipe: nothing was written to the pipe within 10 s"),
        "{}",
        said(&output)
    );
    refused(
        &["db", "import", "--secret-file", "pipe", "--sqlite", "pipe"],
        "",
    );
    let output = run(home.path(), &["--config", "pipe", "status"]);
    assert!(
        said(&output).contains("not a regular file"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_unix_socket_that_lives_is_not_taken_over() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("socket");
    let arguments = ["--unix", path.to_str().unwrap()];
    let first = Daemon::start(home.path(), &arguments, &[]);
    let other = TempDir::new().unwrap();
    let second = run(
        other.path(),
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            arguments[0],
            arguments[1],
        ],
    );
    assert_eq!(second.status.code(), Some(1), "{}", said(&second));
    assert!(
        said(&second).contains("another process listens there"),
        "{}",
        said(&second)
    );
    let mut client = UnixStream::connect(&path).unwrap();
    client
        .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // One that was left behind is replaced, and at the end only the own one is removed.
    first.end(Signal::KILL);
    assert!(path.exists());
    let third = Daemon::start(home.path(), &arguments, &[]);
    fs::remove_file(&path).unwrap();
    let foreign = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(third.end(Signal::TERM).success());
    assert!(path.exists(), "it belongs to another process");
    drop(foreign);
}

#[test]
fn stop_signals_no_other_program() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join(".local/share/linux-api");
    fs::create_dir_all(&folder).unwrap();
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    let path = folder.join("linux-api.pid");
    fs::write(&path, format!("{}\n", other.id())).unwrap();
    let file = File::open(&path).unwrap();
    rustix::fs::flock(file.as_fd(), FlockOperation::LockExclusive).unwrap();
    let stopped = run(home.path(), &["stop"]);
    let lives = other.try_wait().unwrap().is_none();
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(lives, "it was signalled");
    assert_eq!(stopped.status.code(), Some(1));
    assert!(
        said(&stopped).contains("is no linux-api"),
        "{}",
        said(&stopped)
    );
    let gone = run(home.path(), &["stop"]);
    assert!(said(&gone).contains("has ended"), "{}", said(&gone));
}

#[test]
fn a_limit_of_processes_is_an_error_and_no_panic() {
    let home = TempDir::new().unwrap();
    // Root has no such limit, so the program runs as someone else, from where that may read it.
    let program = home.path().join("linux-api");
    fs::copy(linux_api(home.path(), &[]).get_program(), &program).unwrap();
    for path in [home.path(), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let mut command = Command::new("prlimit");
    command
        .arg("--nproc=3")
        .arg(&program)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env_clear()
        .env("HOME", home.path())
        .current_dir(home.path());
    if rustix::process::getuid().is_root() {
        command.uid(61_234).gid(61_234);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = said(&output);
    assert!(
        text.starts_with("error: the system refuses the threads"),
        "{text}"
    );
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn json_steers_no_terminal() {
    let home = TempDir::new().unwrap();
    let config = r#"docs.title = "a\u009b2Jb\u007f\u202ec""#;
    fs::write(home.path().join("config.toml"), config).unwrap();
    let shown = run(
        home.path(),
        &["--config", "config.toml", "config", "show", "--json"],
    );
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains(r"a\u009b2Jb\u007f\u202ec"), "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(value.to_string().contains("2J"), "{value}");
    assert!(!text.contains('\u{9b}') && !text.contains('\u{202e}'));
}
