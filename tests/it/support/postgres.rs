//! A private PostgreSQL for one test process, started when the first test needs a database.
//!
//! Use it from a test crate with `#[path = "../support/postgres.rs"] mod postgres;`.
//! `LINUX_API_TEST_POSTGRES_URL` names another server to use; its databases called
//! `linux_api_test_…` are left there.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use uuid::Uuid;

const MISSING: &str = "the tests need PostgreSQL: install it (Debian, Ubuntu: `sudo apt-get install \
     postgresql`; Fedora: `sudo dnf install postgresql-server`), or set \
     LINUX_API_TEST_POSTGRES_URL to a server where they may create databases";

/// Ends when the write end of its standard input is closed, which the kernel does whatever way
/// the test process ends. Then it stops the server and removes its directory.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null
tries=0
while [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
rm -rf -- "$1"
"#;

struct Server {
    /// Of a database that always exists.
    url: String,
    /// Waits on a pipe that this process holds open for as long as it lives.
    _watchdog: Option<Child>,
}

/// The URL of a new, empty database that no other test knows.
///
/// Panics and says what to install when no server is to be had.
pub(crate) fn fresh_database() -> String {
    let url = &server().url;
    let name = format!("linux_api_test_{}", Uuid::new_v4().simple());
    execute(url, format!("create database {name} template template0"));
    with_database(url, &name)
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match external_url() {
        Some(url) => Server {
            url,
            _watchdog: None,
        },
        None => start(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the tests, not of the program"
)]
fn external_url() -> Option<String> {
    std::env::var("LINUX_API_TEST_POSTGRES_URL")
        .ok()
        .filter(|url| !url.is_empty())
}

/// Runs one statement. Has a thread of its own, because the caller may be inside a runtime.
fn execute(url: &str, sql: String) {
    let url = url.to_owned();
    let work = async move {
        let mut connection = PgConnection::connect(&url).await?;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
        connection.close().await
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = thread::spawn(move || runtime.block_on(work))
        .join()
        .unwrap();
    result.expect("the test server takes statements");
}

/// `url` with another database.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url
        .split_once('?')
        .map_or((url, None), |(base, query)| (base, Some(query)));
    let (scheme, rest) = base.split_once("://").expect("a URL with a scheme");
    let authority = rest.split('/').next().unwrap_or_default();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{authority}/{name}{query}")
}

fn start() -> Server {
    let programs = programs().unwrap_or_else(|| panic!("{MISSING}"));
    let account = Account::unprivileged();
    let folder = private_folder(account.as_ref());
    let watchdog = watch(&folder);
    let run = |program: &str, arguments: &[&str]| {
        run(
            account.as_ref(),
            &folder,
            &programs.join(program),
            arguments,
        )
    };

    initialise(account.as_ref(), &folder, &programs);
    let data = folder.join("data");
    let data = data.to_str().expect("checked by initialise");
    let mut log = String::new();
    // Another process may take the port between choosing and using it.
    for _ in 0..5 {
        let port = free_port();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={} \
             -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
             -c max_connections=200 -c shared_buffers=32MB",
            folder.display()
        );
        let server_log = folder.join("log");
        let server_log = server_log.to_str().expect("checked above");
        let start = [
            "start", "-D", data, "-w", "-t", "60", "-l", server_log, "-o", &options,
        ];
        match run("pg_ctl", &start) {
            Ok(()) => {
                let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
                return Server {
                    url,
                    _watchdog: Some(watchdog),
                };
            }
            Err(output) => log = output + &fs::read_to_string(server_log).unwrap_or_default(),
        }
    }
    panic!("PostgreSQL does not start:\n{log}");
}

/// Makes an empty cluster in the directory `data`.
pub(crate) fn initialise(account: Option<&Account>, folder: &Path, programs: &Path) {
    let data = folder.join("data");
    let data = data
        .to_str()
        .expect("a temporary folder with a readable name");
    let arguments = [
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-locale",
        "--no-sync",
    ];
    run(account, folder, &programs.join("initdb"), &arguments)
        .unwrap_or_else(|log| panic!("initdb failed:\n{log}"));
}

/// The directory of the newest server binaries. Debian keeps them out of `PATH`; a `pg_ctl` that is
/// in it may be a wrapper of the distribution's or the user's.
pub(crate) fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = debian
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path(),
            ))
        })
        .map(|(version, path)| (version, path.join("bin")))
        .filter(|(_, path)| path.join("pg_ctl").exists() && path.join("initdb").exists())
        .max();
    newest.map(|(_, path)| path).or_else(|| {
        let output = Command::new("sh")
            .args(["-c", "command -v pg_ctl"])
            .output()
            .ok()?;
        let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
        Some(path.parent()?.to_owned()).filter(|folder| folder.join("initdb").exists())
    })
}

/// Whom the server runs as when root runs the tests; it refuses to run as root.
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    pub(crate) fn unprivileged() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let passwd = fs::read_to_string("/etc/passwd").expect("root reads /etc/passwd");
        let find = |name: &str| {
            let fields: Vec<&str> = passwd
                .lines()
                .map(|line| line.split(':').collect())
                .find(|fields: &Vec<&str>| fields.first() == Some(&name) && fields.len() > 3)?;
            Some(Self {
                uid: fields[2].parse().ok()?,
                gid: fields[3].parse().ok()?,
            })
        };
        Some(
            find("postgres")
                .or_else(|| find("nobody"))
                .expect("an account to run PostgreSQL as"),
        )
    }
}

pub(crate) fn private_folder(account: Option<&Account>) -> PathBuf {
    // Root's own temporary directory may be closed to others, and a socket's path must be short.
    let parent = if account.is_some() {
        PathBuf::from("/tmp")
    } else {
        std::env::temp_dir()
    };
    let folder = tempfile::Builder::new()
        .prefix("linux-api-pg-")
        .tempdir_in(parent)
        .unwrap();
    if let Some(account) = account {
        chown(folder.path(), Some(account.uid), Some(account.gid)).unwrap();
    }
    // From here on the watchdog removes it.
    folder.keep()
}

pub(crate) fn watch(folder: &Path) -> Child {
    Command::new("sh")
        .args(["-c", WATCHDOG, "sh"])
        .arg(folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh starts")
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Runs a program of the server, as the account when there is one; its output when it fails.
pub(crate) fn run(
    account: Option<&Account>,
    folder: &Path,
    program: &Path,
    args: &[&str],
) -> Result<(), String> {
    let mut command = match account {
        None => Command::new(program),
        Some(Account { uid, gid }) => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={uid}"), format!("--regid={gid}")]);
            command.args(["--clear-groups", "--"]).arg(program);
            command
        }
    };
    // A terminal's Ctrl-C is for the tests; the watchdog then ends the server.
    command
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .process_group(0);
    let output = command
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn another_database_keeps_the_rest_of_the_url() {
    let cases = [
        ("postgres://u:p@h:1/a", "postgres://u:p@h:1/new"),
        ("postgres://h", "postgres://h/new"),
        ("postgres:///a?host=/run", "postgres:///new?host=/run"),
    ];
    for (url, expected) in cases {
        assert_eq!(with_database(url, "new"), expected);
    }
}
