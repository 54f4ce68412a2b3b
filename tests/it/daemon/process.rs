//! A daemon started as people start it, and requests to it over a plain socket.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde_json::Value;

/// The program in a home of its own, untouched by the configuration of this machine.
pub(crate) fn linux_api(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("linux-api"));
    command
        .env_clear()
        .env("HOME", home)
        .current_dir(home)
        .args(arguments);
    command
}

fn serve(home: &Path, arguments: &[&str]) -> Command {
    let mut command = linux_api(home, &["serve", "--listen", "127.0.0.1:0"]);
    command.args(arguments);
    command
}

/// A running daemon; killed when the test ends before it does.
pub(crate) struct Daemon {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    /// The first admin's key, when this start made it.
    pub(crate) key: Option<String>,
    stdout: Mutex<BufReader<PipeReader>>,
}

impl Daemon {
    /// Starts `serve` on a port of the system's choice and waits until it says where it listens.
    pub(crate) fn start(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = serve(home, arguments);
        command.envs(variables.iter().copied());
        Self::start_command(command)
    }

    /// Starts a command line of the test's own, and waits until it says where it listens.
    pub(crate) fn start_command(command: Command) -> Self {
        Self::spawn(command, std::io::pipe().expect("make a pipe"))
    }

    /// The same with an output that the journal reads, as systemd would do it.
    pub(crate) fn start_under_systemd(home: &Path) -> Self {
        let (reader, writer) = std::io::pipe().expect("make a pipe");
        let pipe = rustix::fs::fstat(&writer).expect("look at the pipe");
        let mut command = serve(home, &[]);
        command.env("JOURNAL_STREAM", format!("{}:{}", pipe.st_dev, pipe.st_ino));
        Self::spawn(command, (reader, writer))
    }

    fn spawn(mut command: Command, (stdout, output): (PipeReader, PipeWriter)) -> Self {
        let home = command.get_current_dir().expect("the test set a home");
        let log = std::fs::File::create(home.join("log")).expect("make the log");
        command.stdout(output).stderr(log);
        let child = command.spawn().expect("start the daemon");
        drop(command);
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the daemon writes text");
        let address = line.trim().strip_prefix("linux-api listens on ");
        let address = address.map(|url| url.split_once("://").map_or(url, |(_, address)| address));
        // All is written at once, so what follows the first line has arrived with it.
        let more = String::from_utf8_lossy(stdout.buffer()).into_owned();
        let key = more.lines().find(|line| line.starts_with("lapi_"));
        Self {
            child,
            address: address
                .expect("the daemon said where it listens")
                .to_owned(),
            key: key.map(str::to_owned),
            stdout: Mutex::new(stdout),
        }
    }

    /// The first admin's key, when the daemon makes it some time after its start.
    pub(crate) fn next_key(&self) -> String {
        let mut stdout = self.stdout.lock().expect("nobody panicked with it");
        let mut lines = stdout.by_ref().lines().map_while(Result::ok);
        let key = lines.find(|line| line.starts_with("lapi_"));
        key.expect("the daemon shows the key")
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(mut self, signal: Signal) -> ExitStatus {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the daemon runs");
        self.child.wait().expect("it is our child")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the daemon runs");
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn get(&self, path: &str, key: Option<&str>) -> (u16, String) {
        request(&self.address, "GET", path, key)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own; returns status and body, 0 when there was no response.
pub(crate) fn request(address: &str, method: &str, path: &str, key: Option<&str>) -> (u16, String) {
    send(address, method, path, key, "")
}

/// A `POST` of JSON.
pub(crate) fn post(address: &str, path: &str, key: &str, body: &Value) -> (u16, String) {
    send(address, "POST", path, Some(key), &body.to_string())
}

/// A `PATCH` of JSON.
pub(crate) fn patch(address: &str, path: &str, key: &str, body: &Value) -> (u16, String) {
    send(address, "PATCH", path, Some(key), &body.to_string())
}

fn send(address: &str, method: &str, path: &str, key: Option<&str>, body: &str) -> (u16, String) {
    let key = key.map_or_else(String::new, |key| format!("X-API-Key: {key}\r\n"));
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{key}Connection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(address, &text).unwrap_or_default()
}

fn exchange(address: &str, text: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    stream.write_all(text.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n")?.1.to_owned();
    Some((status, body))
}

/// Waits until something has come about.
#[track_caller]
pub(crate) fn eventually(mut is_so: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "it never came about"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
