//! A whole daemon in this process: everything from the configuration to the end of the last task.
//!
//! [`Daemon::open`] binds the addresses and prepares the database; what a person is shown about that is
//! the caller's. [`Daemon::serve`] then serves until it is stopped.

mod assembly;
pub mod check;
pub mod database;
mod descriptors;
pub mod ephemeral;
pub mod first_admin;
pub mod identity;
mod keeper;
pub mod known_routes;
pub mod listen;
pub mod measuring;
mod notify;
pub mod record;
pub mod reload;
mod status_line;
pub mod systemd;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rustix::io::Errno;
use rustix::process::Pid;
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use linux_api_auth::key::PlainKey;
use linux_api_auth::verifier::OtherKeys;
use linux_api_config::{Config, Legacy, LoadedConfig};
use linux_api_store::{Availability, Store};
use linux_api_wire::log::LogSink;
use linux_api_wire::time::Clock;

use crate::access_log::AccessLogger;
use crate::alerts::Alerts;
use crate::alerts::settings::Settings;
use crate::notices::Notices;
use crate::old_routes::OldRoutes;
use crate::route_list::Routes;
use crate::server::{PolicyHandle, UnixAccounts};
use crate::telemetry;
use assembly::Assembly;
use database::Preparation;
use first_admin::LateKey;
use keeper::Keeper;
use listen::{Addresses, Bound};
use record::Record;
use reload::{Reader, Reload};
use status_line::StatusLine;
use systemd::{Liveness, PassedSockets};

/// Makes the check of keys in this database.
pub type MakeOtherKeys = fn(&Store, &Legacy) -> Arc<dyn OtherKeys>;

/// What other crates add to a daemon.
#[derive(Debug, Clone, Copy, Default)]
pub struct Additions {
    /// Routes that will end.
    pub old_routes: Option<fn(&Legacy) -> OldRoutes>,
    /// The check of keys of another form than this program's own.
    pub other_keys: Option<MakeOtherKeys>,
}

impl Additions {
    /// The routes that this configuration has; switched off, their deprecation stays.
    #[must_use]
    pub fn routes(&self, config: &Legacy) -> Option<OldRoutes> {
        let mut old = self.old_routes?(config);
        if !config.enabled {
            old.routes = Routes::default();
        }
        Some(old)
    }
}

/// What a daemon is started with.
pub struct Start {
    /// The configuration, which was [checked](check::check).
    pub loaded: LoadedConfig,
    /// Reads the configuration again at SIGHUP.
    pub reader: Reader,
    /// Where log lines go.
    pub log_sink: LogSink,
    /// Changes the level of the log at a reload.
    pub telemetry: telemetry::Guard,
    /// Each requests a reload.
    pub hangup: Signal,
    /// Sockets that systemd passed on.
    pub sockets: PassedSockets,
    /// Shows the first admin's key when the database is prepared after the start only.
    pub late_key: LateKey,
    /// What other crates add.
    pub additions: Additions,
}

/// A daemon that has its addresses and its database, and does not serve yet.
pub struct Daemon {
    assembly: Assembly,
    data_dir: PathBuf,
    /// Removes the demo's directory when the daemon ends.
    demo: Option<Demo>,
    bound: Bound,
    keeper: Keeper,
    reload: Reload,
    hangup: Signal,
    first_key: Option<PlainKey>,
}

impl Daemon {
    /// Binds the addresses, then opens and prepares the database. `None` when `stop` came first.
    ///
    /// # Errors
    /// When an address can't be had, or when waiting for the database would not help.
    pub async fn open(start: Start, stop: &CancellationToken) -> anyhow::Result<Option<Self>> {
        let loaded = start.loaded;
        let config = &loaded.config;
        let clock = Clock::system();
        let demo = Demo::new(config, &loaded)?;
        // What is wrong with the addresses is known before the database is touched.
        let bound = listen::bind(&loaded, start.sockets).await?;
        let access_log =
            AccessLogger::new(config.log.format, start.log_sink).context("start the access log")?;
        let store = database::store(config, demo.as_ref(), &clock)?;
        store.supervise();
        let status = StatusLine::new(store.clone(), &format!("listening on {}", bound.addresses));
        let keeper = Keeper {
            preparation: Preparation {
                store: store.clone(),
                config: Arc::new(config.clone()),
            },
            late_key: start.late_key,
            retry: Arc::default(),
            status: status.clone(),
        };
        systemd::notify_status("opening the database");
        let first_attempt = systemd::while_extending_timeout(Box::pin(keeper.first_attempt()));
        let first_key = tokio::select! {
            key = first_attempt => key?,
            // Dropping a migration rolls it back.
            () = stop.cancelled() => return Ok(None),
        };
        let notices = Notices::default();
        reload::shout_if_insecure(bound.is_insecure, &notices);
        let mut old_routes = start.additions.routes(&config.legacy);
        let other_keys = start
            .additions
            .other_keys
            .map(|make| make(&store, &config.legacy));
        let policy = PolicyHandle::new(config, &listen::host_name(), old_routes.as_mut());
        let alerts = Alerts::new(store.clone(), Settings::new(&config.alerts)?);
        let collector = assembly::collector(config);
        let reload = Reload {
            collector: collector.clone(),
            alerts: alerts.clone(),
            reader: start.reader,
            started_with: config.clone(),
            telemetry: start.telemetry,
            policy: policy.clone(),
            certificates: bound.certificates.clone(),
            addresses: bound.addresses.clone(),
            notices: notices.clone(),
            clock: clock.clone(),
            retry_database: Arc::clone(&keeper.retry),
            status,
            record: Record::new(bound.addresses.url()),
            data_dir: loaded.data_dir.clone(),
            store: store.clone(),
        };
        // The directory of a demo is its own; no command looks for it there.
        if demo.is_none() {
            reload.record.keep(&reload.data_dir).await;
        }
        let notice = first_key.as_ref().filter(|_| demo.is_some());
        let notice = notice.map(|key| format!("Demo: the key is `{}`.", key.expose()));
        let state_folder = match &demo {
            Some(Demo(folder)) => folder.clone(),
            None => loaded.data_dir.clone(),
        };
        let assembly = Assembly {
            access: config.log.access,
            unix_accounts: UnixAccounts::Configured {
                users: config.server.unix_peers.clone(),
                viewer_group: config.server.unix_viewer_group.clone(),
                operator_group: config.server.unix_operator_group.clone(),
            },
            history_since: None,
            alerts,
            config: Arc::clone(&keeper.preparation.config),
            store,
            clock,
            collector,
            access_log,
            policy,
            notices,
            notice,
            state_folder: Some(state_folder),
            old_routes,
            other_keys,
        };
        Ok(Some(Self {
            assembly,
            data_dir: loaded.data_dir,
            demo,
            bound,
            keeper,
            reload,
            hangup: start.hangup,
            first_key,
        }))
    }

    /// The key of the first admin, when this start created it.
    #[must_use]
    pub fn first_key(&self) -> Option<&PlainKey> {
        self.first_key.as_ref()
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.bound.addresses
    }

    /// Why there is no database yet.
    #[must_use]
    pub fn outage(&self) -> Option<Arc<str>> {
        match &*self.assembly.store.availability().borrow() {
            Availability::Away(outage) => Some(outage.reason.clone()),
            _ => None,
        }
    }

    /// Why the database, which can be reached, is not used yet.
    #[must_use]
    pub fn obstacle(&self) -> Option<Arc<str>> {
        match &*self.assembly.store.availability().borrow() {
            Availability::Refused(obstacle) => Some(obstacle.reason.clone()),
            _ => None,
        }
    }

    /// Serves until `stop`, then ends connections, tasks and the database in this order.
    ///
    /// # Errors
    /// When a background task ended by itself: the daemon ends with it.
    pub async fn serve(self, stop: CancellationToken) -> anyhow::Result<()> {
        let (record, data_dir) = (self.reload.record.clone(), self.data_dir.clone());
        let (is_kept, access_log) = (self.demo.is_none(), self.assembly.access_log.clone());
        let ended = self.run(stop).await;
        access_log.close();
        if is_kept {
            record.forget(&data_dir);
        }
        ended
    }

    async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let running = self.assembly.start(&stop)?;
        let (supervisor, end) = (&running.supervisor, &running.end);
        supervisor.spawn("database", end, self.keeper.clone().run(end.clone()));
        // It is closed by itself, and later than all else.
        let (log_end, log) = (end.clone(), self.assembly.access_log.clone());
        supervisor.spawn("access log", end, async move {
            log_end.run_until_cancelled(log.ended()).await;
        });
        self.reload.status.send_ready();
        let (stopping, watched) = (stop.clone(), end.clone());
        tokio::spawn(async move {
            stopping.cancelled().await;
            systemd::notify_stopping();
        });
        if let Some(timeout) = systemd::watchdog() {
            let liveness = Liveness::new(running.service.clone(), supervisor.clone());
            supervisor.spawn("watchdog", end, liveness.feed_watchdog(timeout, watched));
        }
        let connections = descriptors::bounded(self.assembly.config.server.max_connections);
        let reload = self.reload.run(&mut self.hangup);
        let listeners = self.bound.listeners;
        let ended = running.serve(&self.assembly, listeners, connections, &stop, reload);
        let ended = ended.await;
        if let Some(socket) = &self.bound.own_socket {
            socket.remove();
        }
        ended
    }
}

/// A directory that goes away with the daemon.
pub(crate) struct Demo(PathBuf);

impl Demo {
    const PREFIX: &str = "demo-";

    fn new(config: &Config, loaded: &LoadedConfig) -> anyhow::Result<Option<Self>> {
        if !config.demo.enabled {
            return Ok(None);
        }
        if !config.server.listen.ip().is_loopback() {
            anyhow::bail!(
                "the demo's key is public, so it only listens on loopback: change server.listen"
            );
        }
        Self::tidy(&loaded.data_dir);
        let name = format!("{}{}", Self::PREFIX, std::process::id());
        Ok(Some(Self(loaded.data_dir.join(name))))
    }

    /// Removes what demos that were killed left behind.
    fn tidy(folder: &Path) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let pid = name
                .to_str()
                .and_then(|name| name.strip_prefix(Self::PREFIX));
            let pid = pid.and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
            let gone = |pid| rustix::process::test_kill_process(pid) == Err(Errno::SRCH);
            if pid.is_some_and(gone) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Nothing in it is worth an error.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
