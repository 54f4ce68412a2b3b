//! One daemon, without its listeners.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::alerts::Receiver;
use super::host::{PlayedHost, identity};
use super::requests::Traffic;
use super::site::Site;
use linux_api_auth::key::PlainKey;
use linux_api_auth::verifier::{KeyRejection, Limits, Verifier};
use linux_api_daemon::recorder::Recorder;
use linux_api_daemon::run::measuring::MeasuringParts;
use linux_api_daemon::state::StoredKeys;
use linux_api_daemon::tasks::backups::BackupWatch;
use linux_api_daemon::tasks::flusher::FlusherHandle;
use linux_api_daemon::tasks::key_watch;
use linux_api_daemon::tasks::sampler::HostSampler;
use linux_api_daemon::tasks::supervisor::Supervisor;
use linux_api_store::{Availability, Store};
use linux_api_wire::time::Clock;

/// A real daemon reads its host every two seconds, which would keep this process busy and changes nothing
/// that reaches the database.
const READING: Duration = Duration::from_secs(10);

/// As long as a daemon waits between two attempts to reach its database, and for how long it is waited for.
const PAUSE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_mins(2);

/// A daemon that writes what a real one would, and reads what it polls.
#[derive(Debug)]
pub(super) struct Played {
    store: Store,
    verifier: Verifier<StoredKeys>,
    flusher: FlusherHandle,
    supervisor: Supervisor,
    /// Lets requests begin.
    requests: CancellationToken,
    end: CancellationToken,
}

impl Played {
    pub(super) async fn start(
        site: &Site,
        receiver: &Receiver,
        number: u32,
        traffic: Traffic,
    ) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let store = Store::new(site.options.clone(), clock.clone())?;
        connect(&store).await?;
        let auth = &site.config.auth;
        let limits = Limits {
            cache_size: auth.cache_size,
            hash_queue: auth.hash_queue,
            outage_grace: auth.outage_grace,
        };
        let verifier = Verifier::new(StoredKeys(store.clone()), limits, clock.clone(), None);
        let (supervisor, end) = (Supervisor::default(), CancellationToken::new());
        let host = HostSampler::new(clock.clone());
        let sampler = host
            .clone()
            .run(PlayedHost::new(number), READING, end.clone());
        supervisor.spawn("sampler", &end, sampler);
        let poll = key_watch::run(store.clone(), auth.revocation_poll, end.clone());
        supervisor.spawn("key watch", &end, poll);
        let recorder = Recorder::with_shards(1);
        let requests = CancellationToken::new();
        let counted = traffic.run(recorder.clone(), clock, requests.clone(), end.clone());
        supervisor.spawn("requests", &end, counted);
        let flusher = FlusherHandle::default();
        let parts = MeasuringParts {
            store: &store,
            verifier: &verifier,
            host: &host,
            recorder: &recorder,
            flusher: &flusher,
            backups: &BackupWatch::default(),
        };
        let identity = identity(number);
        receiver.play(&store, &host, &identity, &supervisor, &end);
        parts.start(&site.config, identity, None, &supervisor, &end)?;
        Ok(Self {
            store,
            verifier,
            flusher,
            supervisor,
            requests,
            end,
        })
    }

    /// Has it count requests from now on.
    pub(super) fn begin_requests(&self) {
        self.requests.cancel();
    }

    /// Checks a key as a request with it does, and so keeps the daemon in use.
    pub(super) async fn check(&self, key: &PlainKey) -> Result<(), KeyRejection> {
        self.verifier.verify(key.expose()).await.map(drop)
    }

    /// The same with a key that must be good.
    pub(super) async fn accept(&self, key: &PlainKey) -> anyhow::Result<()> {
        let checked = self.check(key).await;
        checked
            .map_err(|reason| anyhow!("a daemon refuses a good key: {reason:?}; {}", self.state()))
    }

    /// Writes that succeeded and that failed.
    pub(super) fn writes(&self) -> (u64, u64) {
        let health = self.flusher.health();
        (health.success_count, health.error_count)
    }

    /// What it knows of its database, for people.
    pub(super) fn state(&self) -> String {
        format!(
            "revision {} read {:?} ago, {}, {:?}",
            self.store.known_auth_revision(),
            self.store.contact_age(),
            self.store.availability().borrow().code(),
            self.flusher.health().last_error,
        )
    }

    /// Has its tasks stop, as if the host were switched off.
    pub(super) fn fail(&self) {
        self.end.cancel();
    }

    /// Ends it as a supervisor would.
    pub(super) async fn stop(self: Arc<Self>) {
        self.end.cancel();
        self.supervisor.wait().await;
        self.store.close().await;
    }
}

/// Connects, and tries again while the database can't be reached, as a daemon does.
async fn connect(store: &Store) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let attempt = async {
            store.connect().await?;
            store.preparing().refresh_auth_revision().await
        };
        match attempt.await {
            Ok(_) => break,
            Err(error) if error.is_outage() && begin.elapsed() < PATIENCE => sleep(PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
    store.set_availability(Availability::Ready);
    Ok(())
}
