//! A private PgBouncer in transaction mode for one test process, in front of the tests' server.
//!
//! Include it beside `postgres.rs` and `left_out.rs`, which records each test that goes without it.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::support::left_out;

/// Runs PgBouncer until standard input ends, which it does however the test process ends. It holds
/// nothing that a clean end would save.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
"$@" </dev/null >/dev/null 2>&1 &
pid=$!
cat >/dev/null
kill -KILL "$pid" 2>/dev/null
wait "$pid"
rm -rf -- "$FOLDER"
"#;

/// Known to the poolers alone: the tests' server trusts all clients.
const PASSWORD: &str = "pooled";

/// What keeps it from starting, and what to do about it.
type Missing = (&'static str, &'static str);

struct Pooler {
    port: u16,
    /// Waits on a pipe that this process holds open for as long as it lives.
    _watchdog: Child,
}

/// `url` through the pooler; nothing when PgBouncer is not installed.
pub(crate) fn pooled(url: &str) -> Option<String> {
    // Few server connections, so that clients really share them; no option that would help a
    // client which is not made for this mode.
    fn settings(server: &Server<'_>, folder: &Path, port: u16) -> String {
        format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = trust\nauth_file = {folder}/users\n\
             pool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 500\n\
             unix_socket_dir =\n",
            server.host,
            server.port,
            folder = folder.display()
        )
    }
    static POOLER: OnceLock<Result<Pooler, Missing>> = OnceLock::new();
    through(POOLER.get_or_init(|| start(url, settings)), url)
}

/// The same through a pooler with the settings that the packages ship, where addresses, paths and the
/// name of the database are others.
pub(crate) fn pooled_by_example(url: &str) -> Option<String> {
    fn settings(server: &Server<'_>, folder: &Path, port: u16) -> String {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/packaging/examples/pgbouncer.ini"
        );
        let example = fs::read_to_string(path).expect("the example");
        let folder = folder.display();
        let lines = example.lines().map(|line| {
            let name = line.split('=').next().unwrap_or_default().trim();
            match name {
                "linux_api" => format!("* = host={} port={}\n", server.host, server.port),
                "listen_addr" => "listen_addr = 127.0.0.1\n".to_owned(),
                "listen_port" => format!("listen_port = {port}\n"),
                "auth_file" => format!("auth_file = {folder}/users\n"),
                "logfile" => format!("logfile = {folder}/log\n"),
                "pidfile" => format!("pidfile = {folder}/pid\n"),
                "stats_users" => format!("stats_users = {}\n", server.user),
                _ => format!("{line}\n"),
            }
        });
        lines.collect()
    }
    static POOLER: OnceLock<Result<Pooler, Missing>> = OnceLock::new();
    through(POOLER.get_or_init(|| start(url, settings)), url)
}

/// `url` with the pooler's address, and with the password that it wants.
fn through(pooler: &Result<Pooler, Missing>, url: &str) -> Option<String> {
    let pooler = match pooler {
        Ok(pooler) => pooler,
        Err((missing, remedy)) => {
            left_out::for_want_of(missing, remedy);
            return None;
        }
    };
    let (scheme, rest) = url.split_once("://")?;
    let (authority, database) = rest.split_once('/')?;
    let user = authority
        .split_once('@')
        .map_or("postgres", |(user, _)| user);
    Some(format!(
        "{scheme}://{user}:{PASSWORD}@127.0.0.1:{}/{database}",
        pooler.port
    ))
}

fn program() -> Option<&'static Path> {
    [
        "/usr/sbin/pgbouncer",
        "/usr/bin/pgbouncer",
        "/usr/local/bin/pgbouncer",
    ]
    .into_iter()
    .map(Path::new)
    .find(|path| path.exists())
}

/// Where the tests' server is, and as whom (with password, if any).
struct Server<'a> {
    user: &'a str,
    host: &'a str,
    port: &'a str,
}

impl<'a> Server<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let (user, address) = rest.split('/').next()?.split_once('@')?;
        let (host, port) = address.split_once(':')?;
        Some(Self { user, host, port })
    }
}

/// Makes the settings of a pooler in a directory, on a port.
type Settings = fn(&Server<'_>, &Path, u16) -> String;

fn start(url: &str, settings: Settings) -> Result<Pooler, Missing> {
    let program = program().ok_or(("PgBouncer", "apt-get install pgbouncer"))?;
    let server = Server::of(url).expect("a URL with user, host and port");
    let user = server.user;
    if user.contains(':') {
        return Err((
            "a test server without a password",
            "unset LINUX_API_TEST_POSTGRES_URL",
        ));
    }
    let folder = tempfile::Builder::new()
        .prefix("linux-api-pgbouncer-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in("/tmp")
        .expect("a temporary folder")
        .keep();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let (ini, users) = (folder.join("pgbouncer.ini"), folder.join("users"));
    fs::write(&ini, settings(&server, &folder, port)).expect("write its settings");
    // The roles of a fleet's database too, see accounts.rs.
    // Whichever of them the first test comes as.
    let known = BTreeSet::from([user, "postgres", "linux_api_daemon", "linux_api_admin"]);
    let line = |user| format!("\"{user}\" \"{PASSWORD}\"\n");
    let known: String = known.into_iter().map(line).collect();
    fs::write(&users, known).expect("write its users");
    let mut command = Command::new("sh");
    command.args(["-c", WATCHDOG, "sh"]);
    if rustix::process::geteuid().is_root() {
        // PgBouncer refuses to run as root.
        for path in [&folder, &ini, &users] {
            chown(path, Some(65_534), Some(65_534)).expect("give it its files");
        }
        command.args([
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--",
        ]);
    }
    let watchdog = command
        .arg(program)
        .arg(&ini)
        .env("FOLDER", &folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh starts");
    wait_for(port);
    Ok(Pooler {
        port,
        _watchdog: watchdog,
    })
}

fn wait_for(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < deadline, "pgbouncer does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
}
