//! All daemons that are played.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::alerts::Receiver;
use super::keys::Keys;
use super::played::Played;
use super::requests::Traffic;
use super::site::Site;
use linux_api_auth::key::PlainKey;

/// Over how long their starts are spread: each writes at the time of its start again and again.
const STARTS: Duration = Duration::from_secs(40);
/// How many start or end side by side.
const SIDE_BY_SIDE: usize = 16;
/// From one request to the next of a client that watches a daemon.
const REQUEST: Duration = Duration::from_secs(1);

pub(super) struct Crowd(Vec<Arc<Played>>);

/// Clients of some daemons.
pub(super) struct InUse {
    clients: TaskTracker,
    stop: CancellationToken,
}

impl Crowd {
    pub(super) async fn start(
        site: &Site,
        receiver: &Receiver,
        hosts: u32,
        traffic: Traffic,
    ) -> anyhow::Result<Self> {
        let pause = STARTS / hosts;
        let numbers = stream::iter(0..hosts).then(|number| async move {
            sleep(pause).await;
            number
        });
        let starts = numbers.map(|number| Played::start(site, receiver, number, traffic));
        let started: Vec<anyhow::Result<Played>> =
            starts.buffer_unordered(SIDE_BY_SIDE).collect().await;
        let all = started.into_iter().map(|one| one.map(Arc::new));
        Ok(Self(all.collect::<Result<_, _>>()?))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Some of them, each far from the next one.
    pub(super) fn some(&self, count: usize) -> Vec<Arc<Played>> {
        let step = (self.0.len() / count).max(1);
        self.0.iter().step_by(step).take(count).cloned().collect()
    }

    /// Has the first daemons count requests from now on, and sends each one with a key once a second until
    /// stopped.
    pub(super) async fn use_some(&self, count: u32, keys: &Keys) -> anyhow::Result<InUse> {
        let (clients, stop) = (TaskTracker::new(), CancellationToken::new());
        for (number, played) in self.0.iter().take(count as usize).enumerate() {
            let key = keys.of_client(number).clone();
            // One after the other: the first check of a key takes a slow hash.
            played.accept(&key).await?;
            played.begin_requests();
            let requests = send_requests(Arc::clone(played), key);
            let stop = stop.clone();
            clients.spawn(async move { stop.run_until_cancelled(requests).await });
        }
        clients.close();
        Ok(InUse { clients, stop })
    }

    /// Has the last daemons end at once. Returns how many.
    pub(super) fn fail(&self, count: usize) -> usize {
        let first = self.0.len().saturating_sub(count);
        self.0[first..].iter().for_each(|played| played.fail());
        self.0.len() - first
    }

    /// Writes of all daemons that succeeded and that failed.
    pub(super) fn writes(&self) -> (u64, u64) {
        let all = self.0.iter().map(|played| played.writes());
        all.fold((0, 0), |(good, bad), (more, failed)| {
            (good + more, bad + failed)
        })
    }

    pub(super) async fn stop(self) {
        let ends = stream::iter(self.0).map(Played::stop);
        ends.buffer_unordered(SIDE_BY_SIDE).collect::<()>().await;
    }
}

async fn send_requests(played: Arc<Played>, key: PlainKey) {
    loop {
        sleep(REQUEST).await;
        // Refused or not: either is a use.
        let _ = played.check(&key).await;
    }
}

impl InUse {
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.clients.wait().await;
    }
}
