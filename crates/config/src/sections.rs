//! Every option there is: its name, kind, default, range and meaning.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::alerts_section::Alerts;
use super::database_url::DatabaseUrl;
use super::edge_sections::{Cors, Legacy, Metrics, RateLimit, Routes};
use super::list::{HostPattern, List, Network};
use super::log_filter::LogFilter;
use super::section::{Section, choice, choice_value, config, section};
use super::size::Size;
use linux_api_wire::log::{AccessLog, LogFormat};

/// Where systemd keeps the data of the packaged daemon; see [`super::LoadedConfig::data_dir`].
pub const SYSTEM_DATA: &str = "/var/lib/linux-api";
/// Name of the database file in the data directory.
pub const DATABASE_FILE: &str = "linux-api.db";
/// Name of the backup directory in the data directory.
pub(super) const BACKUP_FOLDER: &str = "backups";

const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(1);
const AGE: RangeInclusive<Duration> = Duration::from_hours(1)..=Duration::from_hours(24 * 36_500);
const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(10);

config! {
    /// Where and how the daemon listens.
    server: Server,
    /// How many requests each client may send.
    rate_limit: RateLimit,
    /// Which web pages of other origins may call the API.
    cors: Cors,
    /// Disabled routes.
    routes: Routes,
    /// Who may read the series for Prometheus.
    metrics: Metrics,
    /// What the Python Linux-API left behind.
    legacy: Legacy,
    /// Where users, keys and measurements are stored.
    database: Database,
    /// How keys are verified.
    auth: Auth,
    /// How often the host is read.
    sampler: Sampler,
    /// What live streams may take up.
    stream: Stream,
    /// How often measurements are written.
    flusher: Flusher,
    /// How long measurements and the audit log are kept.
    retention: Retention,
    /// What is logged, and how.
    log: Log,
    /// Backups of the database.
    backup: Backup,
    /// The documentation of the API.
    docs: Docs,
    /// The demonstration.
    demo: Demo,
    /// Where the host is found.
    host: Host,
    /// What acts on the host for the daemon, which may not do that itself.
    acts: Acts,
    /// Alerts: who gets notices, and when.
    alerts: Alerts,
}

section! {
    /// Where and how the daemon listens.
    pub struct Server in "server" {
        /// Address and port for HTTP, or for HTTPS when there is a certificate. Beyond loopback a
        /// certificate or `trusted_proxies` are needed.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
        /// File with the certificate chain (PEM).
        tls_certificate: Option<PathBuf> = None, example "/etc/linux-api/tls/cert.pem";
        /// File with the key of the certificate (PEM).
        tls_key: Option<PathBuf> = None, example "/etc/linux-api/tls/key.pem";
        /// Whether to listen beyond loopback without TLS and without a proxy: everyone on the network
        /// path can then read the keys.
        insecure: bool = false;
        /// Networks of proxies that are trusted to name the client's address.
        trusted_proxies: List<Network> = List::default();
        /// Accepted host names, besides localhost, the names of this host and the address that
        /// a connection came in at. `*.example.com` matches all subdomains, `*` any name.
        hosts: List<HostPattern> = List::default();
        /// Unix socket to listen on as well. Its clients need no key: they are identified by their
        /// Linux account.
        unix: Option<PathBuf> = None, example "/run/linux-api/api.sock";
        /// Which Linux account is mapped to which user on the Unix socket.
        unix_peers: BTreeMap<String, String> =
            BTreeMap::from([("root".to_owned(), "admin".to_owned())]);
        /// Linux group whose members are viewers on the Unix socket; empty for none.
        unix_viewer_group: String = "linux-api".to_owned();
        /// Linux group whose members are operators on the Unix socket, also while the database is away;
        /// empty for none. They must be able to connect: be members of the socket's group as well.
        unix_operator_group: String = String::new(), example "linux-api-operators";
        /// Longest time for a client to send the headers of a request.
        header_timeout: Duration = Duration::from_secs(10), in TIMEOUT;
        /// Longest time for a client to send the body of a request.
        body_timeout: Duration = Duration::from_secs(30), in TIMEOUT;
        /// Longest time for a client to read a response.
        write_timeout: Duration = Duration::from_mins(1), in TIMEOUT;
        /// Longest time for the daemon to make a response.
        request_timeout: Duration = Duration::from_secs(30), in TIMEOUT;
        /// Longest time for open requests to end when the daemon stops.
        shutdown_timeout: Duration = Duration::from_secs(10), in TIMEOUT;
        /// Most open connections in total; lowered to the limit of open files less 256.
        max_connections: usize = 1_024, in 1..=1_000_000;
        /// Most open connections from one address.
        max_connections_per_address: usize = 256, in 1..=1_000_000;
    }
}

section! {
    /// Where users, keys and measurements are stored.
    pub struct Database in "database" {
        /// The database. Without it the SQLite file `linux-api.db` in the data directory: that is
        /// `/var/lib/linux-api` under systemd, else the user's own (`~/.local/share/linux-api`).
        /// A file with a password in it must not be readable by others (chmod 640).
        url: DatabaseUrl = DatabaseUrl::sqlite(&Path::new(SYSTEM_DATA).join(DATABASE_FILE));
        /// File that holds the URL, in place of `url`. Without either, or when this account may not
        /// read the file, the systemd credential `database_url` is used when there is one.
        url_file: Option<PathBuf> = None, example "/etc/linux-api/database_url";
        /// PostgreSQL without the pooler, for migrations, backup and restore.
        direct_url: Option<DatabaseUrl> = None, example "postgres://linux_api@db.example/linux_api";
        /// File that holds the direct URL, in place of `direct_url`. Without either, or when this
        /// account may not read the file, the systemd credential `database_direct_url` is used when
        /// there is one.
        direct_url_file: Option<PathBuf> = None, example "/etc/linux-api/database_direct_url";
        /// PostgreSQL as the role that changes users, keys and settings, where that of `url` may not. Only
        /// one or two hosts of a fleet need it; on the others such requests get 503.
        admin_url: Option<DatabaseUrl> = None, example "postgres://linux_api_admin@db.example/linux_api";
        /// File that holds the admin URL, in place of `admin_url`. Without either, or when this account
        /// may not read the file, the systemd credential `database_admin_url` is used when there is one.
        admin_url_file: Option<PathBuf> = None, example "/etc/linux-api/database_admin_url";
        /// PostgreSQL without the pooler as the owner of the schema, for migrations and restores, where
        /// that of `direct_url` or `url` is not.
        owner_url: Option<DatabaseUrl> = None, example "postgres://linux_api@db.example/linux_api";
        /// File that holds the owner URL, in place of `owner_url`. Without either, or when this account
        /// may not read the file, the systemd credential `database_owner_url` is used when there is one.
        owner_url_file: Option<PathBuf> = None, example "/etc/linux-api/database_owner_url";
        /// Whether `url` leads to a pooler (PgBouncer, Pgpool-II); needs `direct_url`.
        pooler: bool = false;
        /// Most connections to the database.
        pool_size: u32 = 5, in 1..=1_000;
        /// Longest time for one call to the database.
        deadline: Duration = Duration::from_secs(5), in TIMEOUT;
        /// Whether the daemon applies pending migrations at its start, as far as its role may.
        migrate: bool = true;
        /// Whether measurements are stored by TimescaleDB where the PostgreSQL server has it. A plain
        /// database is upgraded in place at the start of the daemon.
        timescaledb: bool = true;
        /// Longest time to wait for another daemon's migration.
        lock_timeout: Duration = Duration::from_mins(5), in TIMEOUT;
    }
}

section! {
    /// How keys are verified.
    pub struct Auth in "auth" {
        /// How long verified keys can still read while the database is away.
        outage_grace: Duration = Duration::from_mins(10),
            in Duration::ZERO..=Duration::from_hours(24);
        /// Most verified keys in the cache.
        cache_size: usize = 10_000, in 1..=1_000_000;
        /// Most keys that wait to be verified.
        hash_queue: usize = 32, in 1..=10_000;
        /// How often to poll for keys that were revoked elsewhere, while keys are in use. On
        /// PostgreSQL at most once a second.
        revocation_poll: Duration = Duration::from_millis(500),
            in Duration::from_millis(50)..=Duration::from_secs(1);
    }
}

section! {
    /// How often the host is read.
    pub struct Sampler in "sampler" {
        /// Time between two readings. While there are live streams, the host is read as often as the
        /// fastest requires.
        interval: Duration = Duration::from_secs(2),
            in *INTERVAL.start()..=Duration::from_mins(1);
    }
}

section! {
    /// Limits of live streams of the host.
    pub struct Stream in "stream" {
        /// Most open streams in total.
        max: usize = 200, in 1..=100_000;
        /// Most open streams of one key, or of one Linux account over the Unix socket.
        max_per_key: usize = 20, in 1..=100_000;
        /// Longest time without an event on a stream; then a comment is sent as heartbeat.
        heartbeat: Duration = Duration::from_secs(15),
            in Duration::from_millis(100)..=Duration::from_mins(10);
        /// How long a client may be behind before its stream is ended.
        max_lag: Duration = Duration::from_secs(30),
            in Duration::from_secs(1)..=Duration::from_hours(1);
    }
}

section! {
    /// How often measurements are written.
    pub struct Flusher in "flusher" {
        /// Time between two writes.
        interval: Duration = Duration::from_secs(10), in INTERVAL;
    }
}

choice_value!(LogFormat: Text, Json);
choice_value!(AccessLog: Errors, All, Off);

section! {
    /// How long measurements and the audit log are kept. Daemons that share a database should agree.
    pub struct Retention in "retention" {
        /// How long each minute is kept.
        minutes: Duration = Duration::from_hours(24 * 30), in AGE;
        /// How long each hour is kept.
        hours: Duration = Duration::from_hours(24 * 400), in AGE;
        /// How long each day is kept.
        days: Duration = Duration::from_hours(24 * 3_650), in AGE;
        /// How long each row of the audit log is kept.
        audit: Duration = Duration::from_hours(24 * 730),
            in Duration::from_hours(24)..=*AGE.end();
        /// Above this size of the database the oldest minutes are deleted early, a day of them every ten
        /// minutes, but never those of the last 24 hours.
        max_size: Option<Size> = None, example "10GiB";
    }
}

section! {
    /// What is logged, and how.
    pub struct Log in "log" {
        /// Minimum level of messages, or directives for single modules.
        level: LogFilter = LogFilter::default();
        /// Format of log lines: for people or for programs.
        format: LogFormat = LogFormat::Text;
        /// Which requests are logged: failed and slow ones, all, or none.
        access: AccessLog = AccessLog::Errors;
        /// A request that takes at least this long is slow.
        slow: Duration = Duration::from_secs(1), in Duration::from_millis(1)..=*TIMEOUT.end();
    }
}

choice! {
    /// What is saved before a migration.
    pub enum BeforeMigration {
        /// Everything.
        All = "all",
        /// Users, keys, the audit log and settings.
        Security = "security",
        /// Nothing.
        Off = "off",
    }
}

section! {
    /// Backups of the database.
    pub struct Backup in "backup" {
        /// What is backed up before a migration: everything, only users, keys, audit log and settings,
        /// or nothing.
        before_migration: BeforeMigration = BeforeMigration::All;
        /// Where backups are stored. Default: the directory `backups` in the data directory.
        directory: PathBuf = Path::new(SYSTEM_DATA).join(BACKUP_FOLDER);
        /// Whether the daemon makes a backup each time it starts.
        at_start: bool = false;
        /// How often the daemon makes a backup. Of several daemons on one database one does it.
        every: Option<Duration> = None, example "24h";
        /// How many of its own scheduled backups the daemon keeps. The newest intact one always stays.
        keep: usize = 14, in 1..=100_000;
        /// At which age the daemon deletes its own scheduled backups.
        max_age: Option<Duration> = None, example "90d";
    }
}

section! {
    /// The documentation of the API.
    pub struct Docs in "docs" {
        /// Whether `/docs` and `/openapi.json` are served.
        enabled: bool = true;
        /// Title of the API there.
        title: String = "Linux API".to_owned();
        /// Description on the first page. Default: a sentence about linux-api.
        description: Option<String> = None, example "System information of our hosts.";
    }
}

section! {
    /// The demonstration.
    pub struct Demo in "demo" {
        /// Whether to run with a throwaway database and a key that is shown on the screen.
        enabled: bool = false;
    }
}

section! {
    /// The host's name, and where its files are for a daemon in a container.
    pub struct Host in "host" {
        /// Name of this host in a database that several share, for programs: letters, digits and
        /// `-_.:`, at most 64. Default: derived from the host's machine-id.
        id: Option<String> = None, example "web-1";
        /// Labels of this host in the list of hosts, for people and dashboards.
        labels: BTreeMap<String, String> = BTreeMap::new();
        /// The host's /proc.
        procfs: PathBuf = PathBuf::from("/proc");
        /// The host's /sys.
        sysfs: PathBuf = PathBuf::from("/sys");
        /// The host's root directory.
        rootfs: PathBuf = PathBuf::from("/");
    }
}

section! {
    /// What acts on the host for the daemon, which may not do that itself.
    pub struct Acts in "acts" {
        /// Socket of the executor. Without one nothing acts on the host, which is the default.
        socket: PathBuf = PathBuf::from("/run/linux-api-executor/executor.sock");
    }
}
