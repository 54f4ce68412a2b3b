//! A daemon of this process alone: database in memory, no port, no key, nothing left when it ends.
//!
//! It is the usual daemon (`run::assembly`) with nothing beside it that lasts: no data directory, no
//! record for other commands, no log of its own, no reload, nothing for systemd. The account that runs
//! the process and root are viewers; every other account is refused.

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::assembly::{self, Assembly};
use super::listen::{self, OwnSocket};
use crate::access_log::AccessLogger;
use crate::alerts::Alerts;
use crate::alerts::settings::Settings;
use crate::notices::Notices;
use crate::server::{Listener, ListeningSocket, PolicyHandle, UnixAccounts};
use linux_api_config::Config;
use linux_api_store::backup::BackupError;
use linux_api_store::{Availability, Options, Store, StoreError};
use linux_api_wire::log::AccessLog;
use linux_api_wire::time::Clock;

/// The most connections that are served at once.
const CONNECTIONS: usize = 64;
/// Connections that wait to be served.
const BACKLOG: usize = 16;
/// How long minutes are kept; hours are kept longer. A host with a hundred series takes about
/// 250 KiB an hour.
const MINUTES: Duration = Duration::from_hours(12);

/// A daemon of this process alone. It ends when it is dropped, and [`stop`](Self::stop) also waits for
/// that.
#[derive(Debug)]
pub struct Ephemeral {
    connector: EphemeralConnector,
    daemon: JoinHandle<anyhow::Result<()>>,
    stop: DropGuard,
    /// Cancelled once it has ended.
    ended: CancellationToken,
}

/// Connects to an [`Ephemeral`]; clones lead to the same one, and do not keep it from ending.
#[derive(Clone)]
pub struct EphemeralConnector(Sender<UnixStream>);

impl fmt::Debug for EphemeralConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralConnector")
    }
}

impl EphemeralConnector {
    /// A new connection; requests may be sent at once. Has to be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when the daemon has ended,
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) while too many connections wait, and what the system
    /// says when there is no descriptor.
    pub fn connect(&self) -> io::Result<UnixStream> {
        let (client, served) = StdUnixStream::pair()?;
        let [client, served] = [client, served].map(|end| {
            end.set_nonblocking(true)?;
            UnixStream::from_std(end)
        });
        match self.0.try_send(served?) {
            Ok(()) => client,
            Err(TrySendError::Full(_)) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TrySendError::Closed(_)) => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

impl Ephemeral {
    /// Starts it: of the configuration it takes the host's trees, the sampler, streams and the server's
    /// timeouts. History begins now.
    ///
    /// # Errors
    /// When the database can't be made in memory, or the system refuses random bytes.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        Self::start_with(config, None).await
    }

    /// Starts it, so that other processes of this account and root connect at `path` too. A socket that
    /// its process left behind is replaced; it is removed at the end.
    ///
    /// # Errors
    /// When the socket can't be made, and as for [`start`](Self::start).
    pub async fn start_at(config: &Config, path: &Path) -> anyhow::Result<Self> {
        let explain = || format!("listen on {}", path.display());
        let listener = listen::bind_unix(path, 0o600).with_context(explain)?;
        let socket = OwnSocket::at(path).with_context(explain)?;
        Self::start_with(config, Some((listener, socket))).await
    }

    async fn start_with(
        config: &Config,
        listener: Option<(UnixListener, OwnSocket)>,
    ) -> anyhow::Result<Self> {
        let (listener, socket) = listener.unzip();
        let socket = SocketGuard(socket);
        let clock = Clock::system();
        let config = Arc::new(effective(config));
        let store = open(clock.clone())
            .await
            .context("make a database in memory")?;
        let (connector, connections) = channel(BACKLOG);
        let stop = CancellationToken::new();
        let mut assembly = Assembly {
            collector: assembly::collector(&config),
            policy: PolicyHandle::new(&config, &listen::host_name(), None),
            access_log: AccessLogger::none(),
            access: AccessLog::Off,
            notices: Notices::default(),
            alerts: Alerts::new(store.clone(), Settings::disabled()),
            notice: None,
            unix_accounts: UnixAccounts::Own(rustix::process::geteuid().as_raw()),
            history_since: Some(clock.now()),
            state_folder: None,
            old_routes: None,
            other_keys: None,
            config,
            store,
            clock,
        };
        let running = assembly.start(&stop)?;
        let own = ListeningSocket::Channel(Mutex::new(connections));
        let sockets = listener.map(ListeningSocket::Unix).into_iter().chain([own]);
        let listeners = sockets.map(|socket| Listener {
            socket,
            outlives_us: false,
        });
        let listeners: Vec<Listener> = listeners.collect();
        let (stopping, ended) = (stop.clone(), CancellationToken::new());
        let at_end = ended.clone().drop_guard();
        let daemon = tokio::spawn(async move {
            // In this order: who waits for the end finds no socket.
            let _until_the_end = (socket, at_end);
            let beside = std::future::pending();
            let serve = running.serve(&assembly, listeners, CONNECTIONS, &stopping, beside);
            serve.await
        });
        Ok(Self {
            connector: EphemeralConnector(connector),
            daemon,
            stop: stop.drop_guard(),
            ended,
        })
    }

    /// A new connection, as [`EphemeralConnector::connect`] makes it.
    ///
    /// # Errors
    /// As there.
    pub fn connect(&self) -> io::Result<UnixStream> {
        self.connector.connect()
    }

    /// What others connect with.
    #[must_use]
    pub fn connector(&self) -> EphemeralConnector {
        self.connector.clone()
    }

    /// Waits until it has ended by itself, which it does when one of its tasks has failed;
    /// [`stop`](Self::stop) then says which.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Ends it, and waits until everything of it is gone: requests, tasks, the database.
    ///
    /// # Errors
    /// When one of its tasks had failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        self.daemon.await.context("the daemon panicked")?
    }
}

/// Removes the socket of a daemon, however that ends.
struct SocketGuard(Option<OwnSocket>);

impl Drop for SocketGuard {
    fn drop(&mut self) {
        if let Some(socket) = &self.0 {
            socket.remove();
        }
    }
}

/// What of a configuration counts for such a daemon.
fn effective(config: &Config) -> Config {
    let mut effective = Config {
        host: config.host.clone(),
        sampler: config.sampler.clone(),
        stream: config.stream.clone(),
        server: config.server.clone(),
        ..Config::default()
    };
    // What clients of its own process name the host by.
    effective.server.hosts = Config::default().server.hosts;
    // Its only client is the account that runs it.
    effective.rate_limit.enabled = false;
    effective.docs.enabled = false;
    effective.legacy.enabled = false;
    effective.retention.minutes = config.retention.minutes.min(MINUTES);
    effective
}

/// A database with all tables and nothing in them.
async fn open(clock: Clock) -> Result<Store, StoreError> {
    let store = Store::new(Options::in_memory(), clock)?;
    store.connect().await?;
    let preparing = store.preparing();
    // There is nothing to save.
    let backup = async |_: &Store| Ok::<_, BackupError>(());
    preparing.migrate(backup).await?;
    preparing.refresh_auth_revision().await?;
    store.set_availability(Availability::Ready);
    Ok(store)
}
