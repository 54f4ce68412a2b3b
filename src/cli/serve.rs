//! `linux-api serve`: the daemon.

mod check;
mod database;
mod descriptors;
pub(super) mod detach;
mod first_admin;
pub(super) mod identity;
mod keeper;
mod listen;
mod measuring;
mod notify;
pub(super) mod record;
mod reload;
mod status_line;
mod systemd;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rand::TryRng;
use rustix::io::Errno;
use rustix::process::Pid;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Context, output};

pub(super) use check::check;
use database::Preparation;
use detach::Background;
use first_admin::FirstKey;
use keeper::Keeper;
use listen::Bound;
use measuring::Measuring;
use record::Record;
use reload::Reload;
use status_line::StatusLine;
use systemd::{Handed, Liveness};

use linux_api_auth::verifier::{self, Verifier};
use linux_api_config::{Config, Flag, Loaded};
use linux_api_daemon::access_log::AccessLogger;
use linux_api_daemon::notices::Notices;
use linux_api_daemon::recorder::Recorder;
use linux_api_daemon::server::{self, Limits, Parts, PolicyHandle};
use linux_api_daemon::state::StoredKeys;
use linux_api_daemon::streams::StreamLimits;
use linux_api_daemon::tasks::flusher::FlusherHandle;
use linux_api_daemon::tasks::key_watch;
use linux_api_daemon::tasks::sampler::HostSampler;
use linux_api_daemon::tasks::supervisor::Supervisor;
use linux_api_daemon::tasks::trim;
use linux_api_daemon::telemetry;
use linux_api_host::{Collector, HostReader, HostRoots};
use linux_api_store::{Availability, Store};
use linux_api_wire::time::Clock;

/// How long the database may take to end its connections.
const LAST_GOODBYE: Duration = Duration::from_secs(2);

/// Run the daemon
///
/// Without any configuration it listens on 127.0.0.1:8080 and keeps its data in SQLite. The first
/// start makes the user admin and prints its key once.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub(super) struct Options {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Also listen on this Unix socket
    #[arg(long, value_name = "PATH")]
    unix: Option<String>,
    /// Refuse to start while migrations are pending, instead of applying them
    #[arg(long)]
    no_migrate: bool,
    /// Start with a throwaway database and a key that everybody may see
    #[arg(long)]
    demo: bool,
    /// Run in the background once ready; `linux-api stop` ends it
    #[arg(long)]
    detach: bool,
    /// How a daemon in the background is started by `--detach`
    #[arg(long, hide = true, conflicts_with = "detach")]
    detached: bool,
}

impl Options {
    fn flags(&self) -> Vec<Flag> {
        let flag = |key, value: Option<&String>, name| {
            value.map(|value| Flag {
                key,
                value: value.clone(),
                name,
            })
        };
        let no = self.no_migrate.then(|| "false".to_owned());
        let yes = self.demo.then(|| "true".to_owned());
        [
            flag("server.listen", self.listen.as_ref(), "--listen"),
            flag("server.unix", self.unix.as_ref(), "--unix"),
            flag("database.migrate", no.as_ref(), "--no-migrate"),
            flag("demo.enabled", yes.as_ref(), "--demo"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        // From the first moment on, so that a stop during a migration is a stop too.
        let mut signals = Signals::new()?;
        let hangup = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
        let handed = Handed::take()?;
        let flags = self.flags();
        let loaded = ctx.load(flags.clone())?;
        check(&loaded)?;
        if self.detach {
            return detach::start(&loaded);
        }
        let background = self
            .detached
            .then(|| detach::Background::enter(&loaded))
            .transpose()?;
        let format = loaded.config.log.format;
        let telemetry = telemetry::init(loaded.config.log.level.as_str(), format, ctx.log_sink())
            .context("start logging")?;
        for name in &loaded.misspelt {
            tracing::warn!("{name}");
        }
        let start = Start {
            loaded: &loaded,
            ctx,
            flags,
            telemetry: &telemetry,
            hangup,
            handed,
            background,
        };
        tokio::select! {
            done = start.run(signals.stop.clone()) => done,
            () = signals.watch() => unreachable_stop(),
        }
    }
}

/// `Signals::watch` only ends when signals can't be waited for any more.
fn unreachable_stop() -> anyhow::Result<ExitCode> {
    anyhow::bail!("signals can't be received any more")
}

/// SIGTERM and SIGINT: the first asks for a clean stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    stop: CancellationToken,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listen for SIGINT")?,
            stop: CancellationToken::new(),
        })
    }

    async fn watch(&mut self) {
        let signal = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        // Before the log says so: from that line on, no connection is accepted.
        self.stop.cancel();
        tracing::info!("{signal}, stopping");
        // The daemon ends by itself; a second signal must not kill it in the middle of a flush.
        std::future::pending::<()>().await;
    }
}

/// What the daemon is started with.
struct Start<'a> {
    loaded: &'a Loaded,
    ctx: &'a Context,
    flags: Vec<Flag>,
    telemetry: &'a telemetry::Guard,
    hangup: Signal,
    handed: Handed,
    background: Option<Background>,
}

impl Start<'_> {
    async fn run(self, stop: CancellationToken) -> anyhow::Result<ExitCode> {
        let (loaded, config) = (self.loaded, &self.loaded.config);
        let clock = Clock::system();
        let demo = Demo::new(config, loaded)?;
        // What is wrong with the addresses is known before the database is touched.
        let bound = listen::bind(loaded, self.handed).await?;
        let access_log = AccessLogger::new(config.log.format, self.ctx.log_sink())
            .context("start the access log")?;
        let store = database::store(config, demo.as_ref(), &clock)?;
        store.supervise();
        let status = StatusLine::new(store.clone(), &format!("listening on {}", bound.addresses));
        let keeper = Keeper {
            preparation: Preparation {
                store: store.clone(),
                config: Arc::new(config.clone()),
            },
            first_key: FirstKey::new(loaded, self.ctx, self.background.is_some()),
            retry: Arc::default(),
            status: status.clone(),
        };
        systemd::tell_status("opening the database");
        let first_attempt = systemd::while_told_to_wait(Box::pin(keeper.first_attempt()));
        let key = tokio::select! {
            key = first_attempt => key?,
            // Dropping a migration rolls it back.
            () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
        };
        let notice = key.as_ref().filter(|_| demo.is_some());
        let notice = notice.map(|key| format!("Demo: the key is `{}`.", key.expose()));
        first_admin::show_key(loaded, self.ctx, key.as_ref(), &bound.addresses).await?;
        if let Availability::Away(outage) = &*store.availability().borrow() {
            output::text(&format!(
                "The database is away: {}. The daemon keeps trying; see linux-api status.",
                outage.reason
            ))?;
        }
        if let Some(background) = &self.background {
            background.ready()?;
        }
        let notices = Notices::default();
        reload::shout_if_insecure(bound.is_insecure, &notices);
        let policy = PolicyHandle::new(config, &listen::host_name());
        let reload = Reload {
            ctx: self.ctx,
            flags: self.flags,
            started_with: loaded,
            telemetry: self.telemetry,
            policy: policy.clone(),
            certificates: bound.certificates.clone(),
            addresses: bound.addresses.clone(),
            notices: notices.clone(),
            clock: clock.clone(),
            retry_database: Arc::clone(&keeper.retry),
            status,
            record: Record::new(bound.addresses.url()),
            data_dir: loaded.data_dir.clone(),
        };
        // The folder of a demo is its own; nobody looks for it there.
        let is_kept = demo.is_none();
        if is_kept {
            reload.record.keep(&reload.data_dir).await;
        }
        let (record, data_dir) = (reload.record.clone(), reload.data_dir.clone());
        let daemon = Daemon {
            store,
            clock,
            access_log: access_log.clone(),
            state_folder: demo
                .as_ref()
                .map_or(&loaded.data_dir, |Demo(folder)| folder)
                .clone(),
            policy,
            notices,
            keeper,
        };
        let ended = daemon
            .serve(config, bound, notice, (reload, self.hangup), stop)
            .await;
        access_log.close();
        if is_kept {
            record.forget(&data_dir);
        }
        ended?;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

struct Daemon {
    store: Store,
    clock: Clock,
    access_log: AccessLogger,
    /// Where it keeps what the next start needs.
    state_folder: PathBuf,
    policy: PolicyHandle,
    notices: Notices,
    keeper: Keeper,
}

impl Daemon {
    async fn serve(
        self,
        config: &Config,
        bound: Bound,
        notice: Option<String>,
        (reload, mut hangup): (Reload<'_>, Signal),
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let collector = Collector::new(HostRoots {
            procfs: config.host.procfs.clone(),
            sysfs: config.host.sysfs.clone(),
            rootfs: config.host.rootfs.clone(),
        });
        let keys = StoredKeys(self.store.clone());
        let verifier = Verifier::new(keys, verifier_limits(config), self.clock.clone());
        let host = HostSampler::new(self.clock.clone());
        let (recorder, flusher) = (Recorder::default(), FlusherHandle::default());
        let supervisor = Supervisor::default();
        // Ended after the last request, so that it is counted too.
        let end = CancellationToken::new();
        self.start_tasks(config, &collector, &host, &supervisor, &end);
        let measuring = Measuring {
            store: &self.store,
            verifier: &verifier,
            host: &host,
            recorder: &recorder,
            flusher: &flusher,
        };
        let identity = identity::host(&config.host, &collector, &self.state_folder)?;
        let host_id = Arc::clone(&identity.id);
        measuring.start(config, identity, self.state_folder, &supervisor, &end)?;
        let mut prefix = [0_u8; 4];
        rand::rngs::SysRng
            .try_fill_bytes(&mut prefix)
            .context("draw random bytes")?;
        let router = server::service(Parts {
            store: self.store.clone(),
            verifier,
            collector,
            host,
            host_id,
            stream_limits: StreamLimits {
                streams: config.stream.max,
                streams_per_key: config.stream.max_per_key,
                heartbeat: config.stream.heartbeat,
                lag: config.stream.max_lag,
            },
            stop: stop.clone(),
            clock: self.clock,
            access_log: self.access_log,
            access: config.log.access,
            recorder,
            flusher,
            slow: config.log.slow,
            request_id_prefix: u32::from_le_bytes(prefix),
            request_timeout: config.server.request_timeout,
            body_timeout: config.server.body_timeout,
            unix_peers: config.server.unix_peers.clone(),
            unix_viewer_group: config.server.unix_viewer_group.clone(),
            outage_grace: config.auth.outage_grace,
            docs_enabled: config.docs.enabled,
            docs_title: config.docs.title.clone(),
            docs_description: config.docs.description.clone(),
            legacy: config.legacy.clone(),
            policy: self.policy.clone(),
            notices: self.notices.clone(),
            notice,
        })?;
        reload.status.send_ready();
        let (stopping, watched) = (stop.clone(), end.clone());
        tokio::spawn(async move {
            stopping.cancelled().await;
            systemd::tell_stopping();
        });
        if let Some(timeout) = systemd::watchdog() {
            let liveness = Liveness::new(router.clone(), supervisor.clone());
            supervisor.spawn("watchdog", &end, liveness.feed_watchdog(timeout, watched));
        }
        let end_after_failure = async {
            let failure = supervisor.failed().await;
            self.notices.note_failure(failure.to_string());
            stop.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = server::serve(bound.listeners, router, self.policy, limits_of(config), stop.clone()) => {}
            () = reload.run(&mut hangup) => {}
            () = end_after_failure => {}
        }
        end.cancel();
        supervisor.wait().await;
        // A server that hangs answers no good-bye; it must not keep the daemon from ending.
        let _ = tokio::time::timeout(LAST_GOODBYE, self.store.close()).await;
        if let Some(socket) = &bound.own_socket {
            socket.remove();
        }
        match supervisor.failure() {
            None => Ok(()),
            Some(failure) => Err(failure.into()),
        }
    }

    /// Starts the tasks that need nothing but what the daemon is made with.
    fn start_tasks(
        &self,
        config: &Config,
        collector: &Collector,
        host: &HostSampler,
        supervisor: &Supervisor,
        end: &CancellationToken,
    ) {
        let sample = host.clone().run(
            HostReader::new(collector.roots().clone()),
            config.sampler.interval,
            end.clone(),
        );
        supervisor.spawn("sampler", end, sample);
        let poll = config.auth.revocation_poll;
        let watch = key_watch::run(self.store.clone(), poll, end.clone());
        supervisor.spawn("key watch", end, watch);
        supervisor.spawn("trim", end, trim::run(end.clone()));
        supervisor.spawn("database", end, self.keeper.clone().run(end.clone()));
        // It is closed by itself, and later than all else.
        let (log_end, log) = (end.clone(), self.access_log.clone());
        supervisor.spawn("access log", end, async move {
            log_end.run_until_cancelled(log.ended()).await;
        });
    }
}

fn verifier_limits(config: &Config) -> verifier::Limits {
    verifier::Limits {
        cache_size: config.auth.cache_size,
        hash_queue: config.auth.hash_queue,
        outage_grace: config.auth.outage_grace,
        pbkdf2: verifier::Pbkdf2Limits {
            per_minute: NonZeroU32::new(config.legacy.pbkdf2_per_minute).unwrap_or(NonZeroU32::MIN),
            until: config.legacy.pbkdf2_until.start(),
        },
    }
}

fn limits_of(config: &Config) -> Limits {
    let server = &config.server;
    let connections = descriptors::bounded(server.max_connections);
    Limits {
        header_timeout: server.header_timeout,
        write_timeout: server.write_timeout,
        shutdown_timeout: server.shutdown_timeout,
        connections,
        connections_per_address: server.max_connections_per_address,
    }
}

/// A folder that goes away with the daemon.
struct Demo(PathBuf);

impl Demo {
    const PREFIX: &str = "demo-";

    fn new(config: &Config, loaded: &Loaded) -> anyhow::Result<Option<Self>> {
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
