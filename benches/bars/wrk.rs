//! wrk, a load generator in C that leaves the server most of the machine. One of our own takes as
//! much processor time as the server, so that the slower of the two sets the pace.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Whether it is installed.
pub(crate) fn is_installed() -> bool {
    let mut command = Command::new("wrk");
    command.arg("--version");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// How many requests one thread completes, and how many a second; anything but 200 is a panic.
pub(crate) fn run(
    address: SocketAddr,
    path: &str,
    headers: &str,
    connections: usize,
    duration: Duration,
) -> (f64, f64) {
    let lines = headers.lines().flat_map(|line| ["-H", line]);
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}")])
        .arg(format!("-d{}s", duration.as_secs()))
        .args(lines)
        .arg(format!("http://{address}{path}"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let has_failed = text.contains("Non-2xx") || text.contains("Socket errors");
    assert!(output.status.success() && !has_failed, "{text}");
    let word = |before: &str, after: &str| -> f64 {
        let line = text.lines().find(|line| line.contains(before)).unwrap();
        let words = line.replace(after, " ");
        let number = words
            .split_whitespace()
            .find_map(|word| word.parse::<f64>().ok());
        number.unwrap()
    };
    (word(" requests in ", ""), word("Requests/sec", ":"))
}
