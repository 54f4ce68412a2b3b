//! What every daemon is made of, independent of its listeners and of how it was started.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rand::TryRng;
use tokio_util::sync::CancellationToken;

use super::identity;
use super::measuring::MeasuringParts;
use crate::access_log::AccessLogger;
use crate::acts::Acts;
use crate::alerts::Alerts;
use crate::alerts::evaluator::Evaluator;
use crate::alerts::heartbeat::Heartbeat;
use crate::alerts::leader::Leader;
use crate::alerts::readings::{Readings, Sources};
use crate::journal::Journal;
use crate::notices::Notices;
use crate::old_routes::OldRoutes;
use crate::recorder::Recorder;
use crate::server::{self, Limits, Listener, Parts, PolicyHandle, Service, UnixAccounts};
use crate::state::StoredKeys;
use crate::streams::StreamLimits;
use crate::tasks::backups::BackupWatch;
use crate::tasks::flusher::FlusherHandle;
use crate::tasks::key_watch;
use crate::tasks::sampler::HostSampler;
use crate::tasks::supervisor::Supervisor;
use crate::tasks::trim;
use linux_api_alerts::notice::Host;
use linux_api_auth::verifier::{self, OtherKeys, Verifier};
use linux_api_config::Config;
use linux_api_host::metrics::MetricsOptions;
use linux_api_host::{Collector, HostReader, HostRoots, MountWatch};
use linux_api_store::Store;
use linux_api_wire::fleet::HostIdentity;
use linux_api_wire::log::AccessLog;
use linux_api_wire::time::{Clock, Timestamp};

/// How long the database may take to end its connections.
const LAST_GOODBYE: Duration = Duration::from_secs(2);

/// A daemon that does not run yet.
pub(super) struct Assembly {
    pub(super) config: Arc<Config>,
    /// The database, which may not be ready yet.
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// Reads the host.
    pub(super) collector: Collector,
    pub(super) access_log: AccessLogger,
    /// Which requests it holds.
    pub(super) access: AccessLog,
    pub(super) policy: PolicyHandle,
    pub(super) notices: Notices,
    /// Alerts, which nothing judges before the start.
    pub(super) alerts: Alerts,
    /// Shown at the top of the documentation.
    pub(super) notice: Option<String>,
    /// Which Linux accounts need no key.
    pub(super) unix_accounts: UnixAccounts,
    /// When the history began of a daemon that keeps none beyond its end.
    pub(super) history_since: Option<Timestamp>,
    /// Where files are kept beside the database; without it, none are.
    pub(super) state_folder: Option<PathBuf>,
    pub(super) old_routes: Option<OldRoutes>,
    pub(super) other_keys: Option<Arc<dyn OtherKeys>>,
}

/// The tasks and the service of a daemon; it accepts no connection before [`serve`](Self::serve).
pub(super) struct Running {
    pub(super) service: Service,
    pub(super) supervisor: Supervisor,
    /// Ends the tasks, after the last request, so that it is counted too.
    pub(super) end: CancellationToken,
}

impl Assembly {
    /// Starts the tasks and makes the service. `stop` ends live streams.
    pub(super) fn start(&mut self, stop: &CancellationToken) -> anyhow::Result<Running> {
        let config = &*self.config;
        self.store.set_own_labels(config.host.labels.clone());
        let collector = self.collector.clone();
        let keys = StoredKeys(self.store.clone());
        let verifier = Verifier::new(
            keys,
            verifier_limits(config),
            self.clock.clone(),
            self.other_keys.clone(),
        );
        let host = HostSampler::new(self.clock.clone());
        let recorder = match self.history_since {
            // A few clients at most, on hosts with many processors too.
            Some(_) => Recorder::with_shards(2),
            None => Recorder::default(),
        };
        let flusher = FlusherHandle::default();
        let supervisor = Supervisor::default();
        let end = CancellationToken::new();
        let mounts = self.start_tasks(&collector, &host, &supervisor, &end);
        let backups = BackupWatch::default();
        let measuring = MeasuringParts {
            store: &self.store,
            verifier: &verifier,
            host: &host,
            recorder: &recorder,
            flusher: &flusher,
            backups: &backups,
        };
        let state_folder = self.state_folder.clone();
        let identity = identity::host(&config.host, &collector, state_folder.as_deref())?;
        let host_id = Arc::clone(&identity.id);
        let acts = Acts::new(
            &config.acts.socket,
            self.store.clone(),
            self.clock.clone(),
            collector.units().clone(),
        );
        let journal = Journal::new(collector.roots());
        self.store.set_own_host(Arc::clone(&host_id));
        let sources = Sources {
            alerts: self.alerts.clone(),
            sampler: host.clone(),
            interval: config.sampler.interval,
            collector: collector.clone(),
            mounts,
            journal: journal.clone(),
            store: self.store.clone(),
            flusher: flusher.clone(),
            acts: acts.clone(),
            backups: backups.clone(),
            certificate: config.server.tls_certificate.clone(),
            state_folder: state_folder.clone(),
        };
        self.start_alerts(&identity, sources, &supervisor, &end)?;
        measuring.start(config, identity, state_folder, &supervisor, &end)?;
        // A daemon that keeps nothing has no audit log to copy to.
        if self.history_since.is_none() {
            supervisor.spawn("acts", &end, acts.clone().run(end.clone()));
        }
        let service = server::service(Parts {
            acts,
            alerts: self.alerts.clone(),
            store: self.store.clone(),
            verifier,
            journal,
            collector,
            host,
            host_id,
            stream_limits: stream_limits(config),
            stop: stop.clone(),
            clock: self.clock.clone(),
            access_log: self.access_log.clone(),
            access: self.access,
            recorder,
            flusher,
            slow: config.log.slow,
            request_id_prefix: request_id_prefix()?,
            request_timeout: config.server.request_timeout,
            body_timeout: config.server.body_timeout,
            unix_accounts: self.unix_accounts.clone(),
            history_since: self.history_since,
            outage_grace: config.auth.outage_grace,
            docs_enabled: config.docs.enabled,
            docs_title: config.docs.title.clone(),
            docs_description: config.docs.description.clone(),
            old_routes: self.old_routes.take(),
            policy: self.policy.clone(),
            notices: self.notices.clone(),
            notice: self.notice.clone(),
        })?;
        Ok(Running {
            service,
            supervisor,
            end,
        })
    }

    /// Starts what judges this host and sends notices. A daemon that keeps nothing has no alerts.
    fn start_alerts(
        &self,
        identity: &HostIdentity,
        sources: Sources,
        supervisor: &Supervisor,
        end: &CancellationToken,
    ) -> anyhow::Result<()> {
        if self.history_since.is_some() {
            return Ok(());
        }
        let alerts = &self.alerts;
        let host = Host {
            id: identity.id.to_string(),
            name: identity.name.clone(),
            labels: identity.labels.clone(),
        };
        let folder = self.state_folder.clone();
        let acts = sources.acts.clone();
        let readings = Readings::new(sources);
        let evaluator = Evaluator::new(alerts.clone(), host.clone(), readings, folder.as_deref());
        let evaluator = evaluator.with_acts(acts);
        supervisor.spawn("alerts", end, evaluator.run(end.clone()));
        let leader = Leader::new(alerts.clone(), host, identity::instance_id()?, folder);
        supervisor.spawn("alerts of the fleet", end, leader.run(end.clone()));
        let heartbeat = Heartbeat::new(alerts.clone()).run(end.clone());
        supervisor.spawn("heartbeat of alerts", end, heartbeat);
        Ok(())
    }

    /// Starts the tasks that need nothing but what the daemon is made with. Returns what one of them finds wrong
    /// with the mounts.
    fn start_tasks(
        &self,
        collector: &Collector,
        host: &HostSampler,
        supervisor: &Supervisor,
        end: &CancellationToken,
    ) -> MountWatch {
        let reader = HostReader::new(collector.roots().clone());
        let reader = reader.with_units(collector.units().clone());
        let mounts = reader.mount_watch();
        let interval = self.config.sampler.interval;
        let sample = host.clone().run(reader, interval, end.clone());
        supervisor.spawn("sampler", end, sample);
        let poll = self.config.auth.revocation_poll;
        let watch = key_watch::run(self.store.clone(), poll, end.clone());
        supervisor.spawn("key watch", end, watch);
        supervisor.spawn("trim", end, trim::run(end.clone()));
        mounts
    }
}

impl Running {
    /// Serves until `stop` or the failure of a task, then ends connections, tasks and the database in
    /// this order. `beside` goes on meanwhile. At most `connections` are served at once.
    ///
    /// # Errors
    /// When a background task ended by itself: the daemon ends with it.
    pub(super) async fn serve(
        self,
        assembly: &Assembly,
        listeners: Vec<Listener>,
        connections: usize,
        stop: &CancellationToken,
        beside: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let supervisor = self.supervisor;
        let end_after_failure = async {
            let failure = supervisor.failed().await;
            assembly.notices.note_failure(failure.to_string());
            stop.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = server::serve(
                listeners,
                self.service,
                assembly.policy.clone(),
                limits_of(&assembly.config, connections),
                stop.clone(),
            ) => {}
            () = beside => {}
            () = end_after_failure => {}
        }
        self.end.cancel();
        supervisor.wait().await;
        // A server that hangs does not confirm the end of a connection; it must not keep the daemon from
        // ending.
        let _ = tokio::time::timeout(LAST_GOODBYE, assembly.store.close()).await;
        match supervisor.failure() {
            None => Ok(()),
            Some(failure) => Err(failure.into()),
        }
    }
}

fn verifier_limits(config: &Config) -> verifier::Limits {
    verifier::Limits {
        cache_size: config.auth.cache_size,
        hash_queue: config.auth.hash_queue,
        outage_grace: config.auth.outage_grace,
    }
}

/// What reads the host below the roots that are configured.
pub(super) fn collector(config: &Config) -> Collector {
    let collector = Collector::new(HostRoots {
        procfs: config.host.procfs.clone(),
        sysfs: config.host.sysfs.clone(),
        rootfs: config.host.rootfs.clone(),
    });
    collector.set_metrics(metrics_options(config));
    collector
}

/// Which parts of the host `/metrics` shows.
pub(super) fn metrics_options(config: &Config) -> MetricsOptions {
    MetricsOptions {
        collectors: config.metrics.collectors.collectors(),
        textfile_dir: config.metrics.textfile_dir.clone(),
    }
}

fn stream_limits(config: &Config) -> StreamLimits {
    StreamLimits {
        streams: config.stream.max,
        streams_per_key: config.stream.max_per_key,
        heartbeat: config.stream.heartbeat,
        lag: config.stream.max_lag,
    }
}

/// Distinguishes the request ids of this process from those of others.
fn request_id_prefix() -> anyhow::Result<u32> {
    let mut prefix = [0_u8; 4];
    rand::rngs::SysRng
        .try_fill_bytes(&mut prefix)
        .context("get random bytes")?;
    Ok(u32::from_le_bytes(prefix))
}

fn limits_of(config: &Config, connections: usize) -> Limits {
    let server = &config.server;
    Limits {
        header_timeout: server.header_timeout,
        write_timeout: server.write_timeout,
        shutdown_timeout: server.shutdown_timeout,
        connections,
        connections_per_address: server.max_connections_per_address,
    }
}
