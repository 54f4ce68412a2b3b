//! The release binary, started as people start it.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Settings for a load that no client is granted: limits are counted, and never reached.
pub(crate) const UNLIMITED: &[(&str, &str)] =
    &[("LINUX_API__RATE_LIMIT__PER_KEY", "1000000/s burst 1000000")];

/// A daemon in a home of its own, ended with this value.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The first admin's key, when this start made it.
    pub(crate) key: String,
}

impl Daemon {
    /// Starts it and waits until it listens. `settings` are variables of its environment.
    pub(crate) fn start(home: &Path, settings: &[(&str, &str)]) -> Self {
        let address = free_address();
        let mut child = command(home, address)
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        // All is written at once, so what follows the first line has arrived with it.
        let rest = String::from_utf8_lossy(stdout.buffer()).into_owned();
        let key = rest.lines().find(|line| line.starts_with("lapi_"));
        Self {
            child,
            address,
            key: key.unwrap_or_default().to_owned(),
        }
    }

    /// The headers that every request needs.
    pub(crate) fn headers(&self) -> String {
        format!("X-API-Key: {}\r\n", self.key)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        self.kibibytes("VmRSS:") / 1024.0
    }

    /// Resident memory that is no file's, in KiB.
    pub(crate) fn anonymous_kib(&self) -> f64 {
        self.kibibytes("RssAnon:")
    }

    fn kibibytes(&self, field: &str) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok())
            .unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `serve` in this home, untouched by the configuration of this machine.
pub(crate) fn command(home: &Path, address: SocketAddr) -> Command {
    // Any other program, one that was built for a package for instance, is named in PROGRAM.
    let program = crate::variable("PROGRAM");
    let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_linux-api").to_owned());
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", home)
        .current_dir(home)
        .args(["serve", "--listen", &address.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A loopback address on which nothing listens.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
