//! A private Pgpool-II with its query cache on, for one test process, in front of the tests' server.
//!
//! Include it beside `postgres.rs` and `left_out.rs`, which records each test that goes without it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::support::left_out;

/// Runs Pgpool-II until standard input ends, which it does however the test process ends. It is
/// stopped by its own command, because only then its children end too, and its shared memory is
/// freed.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
"$@" </dev/null >"$FOLDER/log" 2>&1 &
pid=$!
cat >/dev/null
kill -INT "$pid" 2>/dev/null
tries=0
while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
kill -KILL "$pid" 2>/dev/null
wait "$pid"
rm -rf -- "$FOLDER"
"#;
const PROGRAM: &str = "/usr/sbin/pgpool";
/// Whom it runs as when root runs the tests.
const NOBODY: u32 = 65_534;

/// What keeps it from starting, and what to do about it.
type Missing = (&'static str, &'static str);

struct Pooler {
    port: u16,
    /// Waits on a pipe that this process holds open for as long as it lives.
    _watchdog: Child,
}

/// `url` through the pooler; nothing when Pgpool-II is not installed.
pub(crate) fn pooled(url: &str) -> Option<String> {
    static POOLER: OnceLock<Result<Pooler, Missing>> = OnceLock::new();
    let pooler = match POOLER.get_or_init(|| start(url)) {
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
        "{scheme}://{user}@127.0.0.1:{}/{database}",
        pooler.port
    ))
}

/// User (with password, if any), host and port.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = url.split_once("://")?;
    let (user, address) = rest.split('/').next()?.split_once('@')?;
    let (host, port) = address.split_once(':')?;
    Some((user, host, port))
}

fn start(url: &str) -> Result<Pooler, Missing> {
    if !Path::new(PROGRAM).exists() {
        return Err(("Pgpool-II", "apt-get install pgpool2"));
    }
    let (user, host, server_port) = parts(url).expect("a URL with user, host and port");
    if user.contains(':') {
        return Err((
            "a test server without a password",
            "unset LINUX_API_TEST_POSTGRES_URL",
        ));
    }
    let folder = tempfile::Builder::new()
        .prefix("linux-api-pgpool-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in("/tmp")
        .expect("a temporary folder")
        .keep();
    let (port, control_port) = (free_port(), free_port());
    let folder_name = folder.display();
    // As its documentation sets up a cache; nothing is ever forgotten because of its age. One process
    // serves one client at a time.
    let settings = format!(
        "backend_clustering_mode = 'streaming_replication'\n\
         listen_addresses = '127.0.0.1'\nport = {port}\nsocket_dir = '{folder_name}'\n\
         pcp_listen_addresses = ''\npcp_port = {control_port}\npcp_socket_dir = '{folder_name}'\n\
         backend_hostname0 = '{host}'\nbackend_port0 = {server_port}\nbackend_weight0 = 1\n\
         backend_flag0 = 'DISALLOW_TO_FAILOVER'\n\
         enable_pool_hba = off\npool_passwd = ''\nsr_check_period = 0\nhealth_check_period = 0\n\
         num_init_children = 64\nmax_pool = 1\n\
         pid_file_name = '{folder_name}/pid'\nlogdir = '{folder_name}'\n\
         memory_cache_enabled = on\nmemqcache_method = 'shmem'\nmemqcache_total_size = 16MB\n\
         memqcache_max_num_cache = 10000\nmemqcache_expire = 0\n\
         memqcache_auto_cache_invalidation = on\nmemqcache_cache_block_size = 1MB\n\
         memqcache_oiddir = '{folder_name}/oids'\n"
    );
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("write its settings");
        path
    };
    let configuration = file("pgpool.conf", &settings);
    let control = file("pcp.conf", "");
    let hosts = file("pool_hba.conf", "");
    fs::create_dir(folder.join("oids")).expect("make its folder");
    let mut command = Command::new("sh");
    command.args(["-c", WATCHDOG, "sh"]);
    if rustix::process::geteuid().is_root() {
        for path in [
            &folder,
            &configuration,
            &control,
            &hosts,
            &folder.join("oids"),
        ] {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("give it its files");
        }
        command.args(["setpriv", "--reuid=65534", "--regid=65534"]);
        command.args(["--clear-groups", "--"]);
    }
    let watchdog = command
        .arg(PROGRAM)
        .arg("-n")
        .arg("-f")
        .arg(&configuration)
        .arg("-F")
        .arg(&control)
        .arg("-a")
        .arg(&hosts)
        .env("FOLDER", &folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh starts");
    wait_for(port, &folder);
    Ok(Pooler {
        port,
        _watchdog: watchdog,
    })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

fn wait_for(port: u16, folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(
            Instant::now() < deadline,
            "pgpool does not start:\n{}",
            fs::read_to_string(folder.join("log")).unwrap_or_default()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
