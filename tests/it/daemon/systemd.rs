//! What passes between the daemon and systemd: sockets, notices, the watchdog.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::daemon::process::{Daemon, eventually, linux_api, request};

/// The daemon as systemd starts it: with the test's sockets from descriptor 3 on.
fn activated(home: &Path, sockets: &[&dyn std::os::fd::AsRawFd]) -> Command {
    let daemon = linux_api(home, &[]);
    let moves: Vec<String> = sockets
        .iter()
        .enumerate()
        .map(|(at, socket)| format!("{}<&{}", at + 3, socket.as_raw_fd()))
        .collect();
    let line = format!(
        "export LISTEN_PID=$$ LISTEN_FDS={}; exec {} serve {}",
        sockets.len(),
        daemon.get_program().display(),
        moves.join(" ")
    );
    let mut command = Command::new("bash");
    command
        .args(["-c", &line])
        .env_clear()
        .env("HOME", home)
        .current_dir(home);
    command
}

/// Descriptors that the daemon's shell inherits, as systemd's sockets are.
fn inheritable(socket: &impl std::os::fd::AsFd) {
    rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::empty()).unwrap();
}

fn ask(mut stream: impl Read + Write) -> String {
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_serves_on_the_sockets_it_is_handed_and_leaves_them_to_the_next() {
    let home = TempDir::new().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = home.path().join("api.sock");
    let unix = UnixListener::bind(&path).unwrap();
    inheritable(&tcp);
    inheritable(&unix);
    let address = tcp.local_addr().unwrap().to_string();
    for _ in 0..2 {
        // A client that comes before the daemon waits for it.
        let early = TcpStream::connect(&address).unwrap();
        let daemon = Daemon::start_command(activated(home.path(), &[&tcp, &unix]));
        assert_eq!(daemon.address, address);
        assert!(ask(early).starts_with("HTTP/1.1 200"));
        assert!(ask(UnixStream::connect(&path).unwrap()).starts_with("HTTP/1.1 200"));
        assert!(daemon.end(Signal::TERM).success());
        assert!(path.exists(), "the socket belongs to systemd");
    }
}

#[test]
fn who_connects_after_the_stop_is_served_by_the_next_daemon() {
    let home = TempDir::new().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    inheritable(&tcp);
    let daemon = Daemon::start_command(activated(home.path(), &[&tcp]));
    daemon.signal(Signal::TERM);
    eventually(|| {
        let log = std::fs::read_to_string(home.path().join("log")).unwrap();
        log.contains("SIGTERM, stopping")
    });
    let late = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    assert!(daemon.end(Signal::TERM).success());
    let _next = Daemon::start_command(activated(home.path(), &[&tcp]));
    assert!(ask(late).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_reload_opens_no_way_for_keys_in_the_clear() {
    const BEHIND_A_PROXY: &str = "[server]\ntrusted_proxies = ['192.0.2.1']\n";
    let home = TempDir::new().unwrap();
    let open = TcpListener::bind("0.0.0.0:0").unwrap();
    inheritable(&open);
    let config = home.path().join(".config/linux-api/config.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::write(&config, BEHIND_A_PROXY).unwrap();
    let daemon = Daemon::start_command(activated(home.path(), &[&open]));
    let address = format!("127.0.0.1:{}", open.local_addr().unwrap().port());
    for (reloaded, shown) in [
        ("", "needs TLS or a declared proxy"),
        ("[server]\ninsecure = true\n", "keys travel in the clear"),
    ] {
        std::fs::write(&config, reloaded).unwrap();
        daemon.signal(Signal::HUP);
        eventually(|| request(&address, "GET", "/readyz", None).1.contains(shown));
    }
}

#[test]
fn a_socket_of_another_kind_or_beyond_loopback_is_refused() {
    let home = TempDir::new().unwrap();
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    inheritable(&datagrams);
    let refused = activated(home.path(), &[&datagrams]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(
        said.contains("socket 1 handed over by systemd is neither"),
        "{said}"
    );

    let open = TcpListener::bind("0.0.0.0:0").unwrap();
    inheritable(&open);
    let refused = activated(home.path(), &[&open]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("the daemon's socket 0.0.0.0:"), "{said}");
}

/// The daemon's messages to systemd, up to and including `last`.
fn told_until(socket: &UnixDatagram, last: &str) -> Vec<String> {
    let mut told = Vec::new();
    let mut buffer = [0; 4096];
    while !told.iter().any(|line: &String| line.starts_with(last)) {
        let read = match socket.recv(&mut buffer) {
            Ok(read) => read,
            // A process that was stopped and goes on.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => panic!("{error} while waiting for {last} after {told:?}"),
        };
        let text = std::str::from_utf8(&buffer[..read]).unwrap();
        told.extend(text.lines().map(str::to_owned));
    }
    told
}

/// Where systemd would listen, in this directory.
fn notify_socket(home: &TempDir) -> (std::path::PathBuf, UnixDatagram) {
    let path = home.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    (path, socket)
}

#[test]
fn an_abstract_socket_is_told_too() {
    let home = TempDir::new().unwrap();
    let name = format!("linux-api-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut command = linux_api(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", format!("@{name}"));
    let daemon = Daemon::start_command(command);
    told_until(&socket, "READY=1");
    assert!(daemon.end(Signal::TERM).success());
    told_until(&socket, "STOPPING=1");
}

#[test]
fn systemd_is_told_of_start_reload_life_and_stop() {
    let home = TempDir::new().unwrap();
    let (path, socket) = notify_socket(&home);
    let mut command = linux_api(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "300000");
    let daemon = Daemon::start_command(command);

    let told = told_until(&socket, "READY=1");
    assert!(
        told.contains(&"STATUS=opening the database".to_owned()),
        "{told:?}"
    );
    let listening = format!("STATUS=listening on http://{}", daemon.address);
    assert!(told.contains(&listening), "{told:?}");
    told_until(&socket, "WATCHDOG=1");

    // The daemon's own liveness probes meanwhile count as no client's requests.
    let key = daemon.key.clone().unwrap();
    let (_, body) = daemon.get("/api/v1/health/metrics", Some(&key));
    assert!(body.contains(r#""requests":{"recorded":0,"#), "{body}");

    daemon.signal(Signal::HUP);
    let told = told_until(&socket, "READY=1");
    let at = told.iter().position(|line| line == "RELOADING=1").unwrap();
    let time = told[at + 1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(time.parse::<u64>().unwrap() > 0);

    // A daemon that stands still feeds no watchdog.
    daemon.signal(Signal::STOP);
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    while socket.recv(&mut [0; 4096]).is_ok() {}
    daemon.signal(Signal::CONT);
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    told_until(&socket, "WATCHDOG=1");

    assert!(daemon.end(Signal::TERM).success());
    told_until(&socket, "STOPPING=1");
}

/// The start and a reload, accepted or refused, do not cover up what the database is at.
#[test]
fn the_status_line_says_that_the_database_is_away_whatever_else_happens() {
    let home = TempDir::new().unwrap();
    let (path, socket) = notify_socket(&home);
    // Bound but not listening: no other process gets this port, and connections are refused.
    let closed = held_port();
    let config = home.path().join("config.toml");
    std::fs::write(&config, "").unwrap();
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--config",
        "config.toml",
    ];
    let mut command = linux_api(home.path(), &arguments);
    command.env("NOTIFY_SOCKET", &path).env(
        "LINUX_API__DATABASE__URL",
        format!("postgres://nobody@{}/none", closed.1),
    );
    let daemon = Daemon::start_command(command);
    let waiting = "STATUS=waiting for the database: ";
    let after_ready = |told: &[String]| {
        let at = told.iter().position(|line| line == "READY=1").unwrap();
        told[at + 1].clone()
    };
    let told = told_until(&socket, "READY=1");
    assert!(after_ready(&told).starts_with(waiting), "{told:?}");
    daemon.signal(Signal::HUP);
    let told = told_until(&socket, "READY=1");
    assert!(after_ready(&told).starts_with(waiting), "{told:?}");
    std::fs::write(&config, "colour = 1\n").unwrap();
    daemon.signal(Signal::HUP);
    let told = told_until(&socket, "READY=1");
    let line = after_ready(&told);
    assert!(line.starts_with(waiting), "{told:?}");
    assert!(line.contains("; reload refused: "), "{told:?}");
    assert!(daemon.end(Signal::TERM).success());
}

/// A socket that holds a port of loopback, and its address.
fn held_port() -> (rustix::fd::OwnedFd, std::net::SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    bind(&held, &any).unwrap();
    let address = getsockname(&held).unwrap().try_into().unwrap();
    (held, address)
}
