//! A private PostgreSQL with its default settings, with TimescaleDB where that is installed.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running server, ended and removed with this value.
pub(crate) struct Postgres {
    programs: PathBuf,
    account: Option<(u32, u32)>,
    folder: tempfile::TempDir,
    port: u16,
}

impl Postgres {
    /// Starts one; nothing, and a line that says so, where PostgreSQL is not installed.
    pub(crate) fn start(with_timescale: bool) -> Option<Self> {
        let Some(programs) = programs() else {
            crate::table::note("PostgreSQL is not installed: its rows are left out");
            return None;
        };
        if with_timescale && !has_timescale(&programs) {
            crate::table::note("TimescaleDB is not installed: its rows are left out");
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("linux-api-bench-")
            .tempdir_in("/tmp")
            .unwrap();
        let server = Self {
            account: account(),
            port: crate::daemon::free_address().port(),
            programs,
            folder,
        };
        if let Some((uid, gid)) = server.account {
            chown(server.folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = server.data();
        let made = [
            "-D",
            &data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
        ];
        server.run("initdb", &made);
        let preload = if with_timescale {
            "-c shared_preload_libraries=timescaledb -c timescaledb.telemetry_level=off"
        } else {
            ""
        };
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} {preload}",
            server.port,
            server.folder.path().display()
        );
        let log = server.folder.path().join("log").display().to_string();
        server.run(
            "pg_ctl",
            &["start", "-D", &data, "-w", "-l", &log, "-o", &options],
        );
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let mut command = match self.account {
            None => Command::new(&program),
            // It refuses to run as root.
            Some((uid, gid)) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={uid}"), format!("--regid={gid}")]);
                command.args(["--clear-groups", "--"]).arg(&program);
                command
            }
        };
        let output = command
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", program.display());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run("pg_ctl", &["stop", "-D", &self.data(), "-m", "immediate"]);
    }
}

/// Where Debian keeps the programs of the newest server.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = versions.flatten().filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    newest.max().map(|(_, programs)| programs)
}

fn has_timescale(programs: &Path) -> bool {
    let output = Command::new(programs.join("pg_config"))
        .arg("--pkglibdir")
        .output();
    let folder = output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    folder.is_some_and(|folder| Path::new(folder.trim()).join("timescaledb.so").exists())
}

/// Whom the server runs as when root runs the bench.
fn account() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .unwrap();
    let fields: Vec<&str> = line.split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}
