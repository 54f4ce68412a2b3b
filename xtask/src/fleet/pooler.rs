//! PgBouncer with the settings that the packages ship; only addresses, paths, users and the way to
//! log in are others.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{ConnectOptions as _, Row as _};

use crate::process::Process;

const EXAMPLE: &str = include_str!("../../../packaging/examples/pgbouncer.ini");
/// Uid and gid of the account without rights that Linux distributions have: PgBouncer refuses to run as root.
const UNPRIVILEGED_ID: u32 = 65_534;
const PATIENCE: Duration = Duration::from_secs(10);
/// Known to the pooler alone: the private server trusts all clients on loopback.
const PASSWORD: &str = "fleet";

/// A running PgBouncer, killed when dropped.
pub(super) struct Pooler {
    process: Process,
    port: u16,
}

/// Connections of one pool.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PoolFigures {
    /// Of daemons, whether they are at work or not.
    pub(super) clients: i64,
    /// How long the daemon that waits longest has waited for a connection of the server.
    pub(super) longest_wait: Duration,
}

impl Pooler {
    pub(super) fn start(folder: &Path, port: u16, server: u16) -> anyhow::Result<Self> {
        fs::create_dir(folder)?;
        let users = folder.join("userlist.txt");
        fs::write(&users, format!("\"postgres\" \"{PASSWORD}\"\n"))?;
        let ini = folder.join("pgbouncer.ini");
        fs::write(&ini, settings(folder, port, server))?;
        let mut command = Command::new("/usr/sbin/pgbouncer");
        if rustix::process::geteuid().is_root() {
            for path in [folder, &users, &ini] {
                chown(path, Some(UNPRIVILEGED_ID), Some(UNPRIVILEGED_ID))?;
            }
            command.uid(UNPRIVILEGED_ID).gid(UNPRIVILEGED_ID);
        }
        let errors = File::create(folder.join("errors"))?;
        command.arg(&ini).current_dir("/").stderr(errors);
        let process = Process::start(&mut command, "pgbouncer")?;
        let pooler = Self { process, port };
        let begin = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
            ensure!(
                begin.elapsed() < PATIENCE,
                "PgBouncer does not start: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(pooler)
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(super) async fn figures(&self) -> anyhow::Result<PoolFigures> {
        let options: PgConnectOptions = self.url("pgbouncer").parse()?;
        // It refuses what it does not know.
        let mut console = options.extra_float_digits(None).connect().await?;
        let pools = sqlx::raw_sql("show pools").fetch_all(&mut console).await?;
        let mut figures = PoolFigures::default();
        for pool in pools
            .iter()
            .filter(|pool| text(pool, "database").ok() != Some("pgbouncer"))
        {
            let number = |name| anyhow::Ok(text(pool, name)?.parse::<i64>()?);
            figures.clients += number("cl_active")? + number("cl_waiting")?;
            let wait = Duration::from_secs(number("maxwait")?.unsigned_abs())
                + Duration::from_micros(number("maxwait_us")?.unsigned_abs());
            figures.longest_wait = figures.longest_wait.max(wait);
        }
        Ok(figures)
    }
}

/// A column as it was sent: the console has types of its own mind.
fn text<'r>(row: &'r PgRow, name: &str) -> anyhow::Result<&'r str> {
    let value = row.try_get_raw(name)?;
    value
        .as_str()
        .map_err(anyhow::Error::from_boxed)
        .context("read PgBouncer's console")
}

/// The example with the addresses and paths of a run.
fn settings(folder: &Path, port: u16, server: u16) -> String {
    let replaced = |line: &str| {
        let name = line.split('=').next().unwrap_or_default().trim();
        Some(match name {
            "linux_api" => format!("linux_api = host=127.0.0.1 port={server} dbname=linux_api"),
            "listen_addr" => "listen_addr = 127.0.0.1".to_owned(),
            "listen_port" => format!("listen_port = {port}"),
            "pidfile" => format!("pidfile = {}/pid", folder.display()),
            "logfile" => format!("logfile = {}/log", folder.display()),
            "auth_file" => format!("auth_file = {}/userlist.txt", folder.display()),
            // A login costs the client some thousand hashes. Here one process has the clients of all hosts.
            "auth_type" => "auth_type = trust".to_owned(),
            "stats_users" => "stats_users = postgres".to_owned(),
            _ => return None,
        })
    };
    let lines = EXAMPLE.lines();
    let lines = lines.map(|line| replaced(line).unwrap_or_else(|| line.to_owned()) + "\n");
    lines.collect()
}
