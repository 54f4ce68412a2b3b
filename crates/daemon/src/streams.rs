//! Live streams of the host's figures as server-sent events.
//!
//! Each reader takes the newest snapshot when it is due and able to: nothing is queued for it, so a
//! slow one misses snapshots and costs no memory. What many readers request is encoded as JSON once
//! per snapshot. Readers are bounded per key and in all.

mod alerts;
mod logs;
mod pace;
mod top;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use super::state::StoredKeys;
use super::unix_peers::UnixPeers;
use super::unread::UnreadMemory;
use crate::alerts::Alerts;
use crate::tasks::sampler::{Demand, HostSampler};
use alerts::AlertFeed;
use linux_api_auth::verifier::{KeyRejection, Verifier};
use linux_api_host::Collector;
use linux_api_store::Store;
use linux_api_wire::api::snapshot::{Snapshot as WireSnapshot, StreamEnd};
use linux_api_wire::api_key::Scope;
use linux_api_wire::snapshot::{Family, Snapshot};
pub(crate) use logs::LogReader;
use pace::Pace;
use top::Top;

/// How often it is checked whether a reader may still read.
const CHECK_PERIOD: Duration = Duration::from_secs(1);
/// For how long a reader goes on while too many other keys are being checked.
const UNCHECKED: Duration = Duration::from_secs(10);

/// What live streams may take up.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// The most in all.
    pub streams: usize,
    /// The most of one key.
    pub streams_per_key: usize,
    /// The longest silence.
    pub heartbeat: Duration,
    /// How long a client may be behind.
    pub lag: Duration,
}

/// What a reader proved at its start, to be checked again.
#[derive(Debug)]
pub(crate) enum Credentials {
    /// An API key.
    Key(SecretString),
    /// A Linux account on the Unix socket.
    Unix { uid: u32, gid: u32 },
}

/// A reader's credentials, and when they last held.
#[derive(Debug)]
struct Standing {
    credentials: Credentials,
    since: Instant,
}

impl Standing {
    fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            since: Instant::now(),
        }
    }

    /// Why the reader has to end that can't be checked now, because too many others are.
    fn unchecked(&self) -> Option<StreamEnd> {
        let is_too_long = self.since.elapsed() > UNCHECKED;
        is_too_long.then(|| end("unavailable", "The caller could not be checked for 10 s."))
    }
}

/// What a reader requested.
#[derive(Debug)]
pub(crate) struct Content {
    /// In the order of the families, each once.
    pub(crate) families: Vec<Family>,
    /// How many of the busiest processes; absent for none.
    pub(crate) processes: Option<usize>,
    /// Whether what fires is sent along.
    pub(crate) alerts: bool,
}

impl Content {
    /// What its reader must be allowed to do, all the time.
    const fn scopes(&self) -> &'static [Scope] {
        if self.alerts {
            &[Scope::HostRead, Scope::AlertsRead]
        } else {
            &[Scope::HostRead]
        }
    }
}

/// Knows who may still read.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) verifier: Verifier<StoredKeys>,
    pub(crate) unix_peers: Arc<UnixPeers>,
    /// Knows the labels of this host.
    pub(crate) store: Store,
}

impl Guard {
    /// Why a reader's stream has to end; `None` while it may go on.
    async fn refusal(&self, standing: &mut Standing, scopes: &[Scope]) -> Option<StreamEnd> {
        let identity = match &standing.credentials {
            Credentials::Key(key) => match self.verifier.verify(key.expose_secret()).await {
                Ok(identity) => identity,
                Err(KeyRejection::Invalid) => {
                    return Some(end("key_ended", "The key was revoked or has expired."));
                }
                // Others are being checked; this one was good a moment ago.
                Err(KeyRejection::Busy | KeyRejection::Later(_)) => return standing.unchecked(),
                Err(KeyRejection::Unavailable) => return Some(away()),
            },
            Credentials::Unix { uid, gid } => match self.unix_peers.identify(*uid, *gid).await {
                Ok(identity) => identity,
                Err(error) if error.status().is_server_error() => return Some(away()),
                Err(_) => return Some(end("key_ended", "The account no longer exists.")),
            },
        };
        if !identity.hosts.is_any() && identity.allow_on(&self.store.own_labels()).is_err() {
            let detail = "The caller is limited to other hosts now.";
            return Some(end("not_allowed", detail));
        }
        if scopes.iter().any(|scope| identity.allow(*scope).is_err()) {
            return Some(end("not_allowed", "The caller may not read this any more."));
        }
        standing.since = Instant::now();
        None
    }
}

fn away() -> StreamEnd {
    let detail = "The database is away, so the caller can't be checked.";
    end("unavailable", detail)
}

fn end(reason: &str, detail: &str) -> StreamEnd {
    StreamEnd {
        reason: reason.to_owned(),
        detail: detail.to_owned(),
    }
}

/// All live streams. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Streams(Arc<Hub>);

#[derive(Debug)]
struct Hub {
    limits: StreamLimits,
    host: HostSampler,
    guard: Guard,
    stop: CancellationToken,
    /// Open streams by key.
    open: Mutex<HashMap<String, usize>>,
    written: Mutex<FrameCache>,
    top: Top,
    alerts: AlertFeed,
}

/// What was written of the newest snapshot, by content.
#[derive(Debug, Default)]
struct FrameCache {
    snapshot: Option<Arc<Snapshot>>,
    frames: HashMap<Vec<Family>, Bytes>,
}

impl Streams {
    pub(crate) fn new(
        limits: StreamLimits,
        host: HostSampler,
        guard: Guard,
        collector: Collector,
        alerts: Alerts,
        stop: CancellationToken,
        unread: UnreadMemory,
    ) -> Self {
        Self(Arc::new(Hub {
            alerts: AlertFeed::new(guard.store.clone(), alerts, unread.clone()),
            limits,
            host,
            guard,
            stop,
            open: Mutex::default(),
            written: Mutex::default(),
            top: Top::new(collector, unread),
        }))
    }

    /// Opens a stream for `who`, a key's id or the like.
    ///
    /// # Errors
    /// When there are too many already.
    pub(crate) fn open(
        &self,
        who: String,
        credentials: Credentials,
        content: Content,
        interval: Duration,
    ) -> Result<Reader, ApiError> {
        let place = StreamSlot::take(&self.0, who)?;
        let mut updates = self.0.host.subscribe();
        // What is already there goes out at once.
        updates.mark_changed();
        let mut check = tokio::time::interval(CHECK_PERIOD);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let alerts_due = content.alerts.then(|| {
            let mut due = tokio::time::interval(alerts::LOOK);
            due.set_missed_tick_behavior(MissedTickBehavior::Delay);
            due
        });
        Ok(Reader {
            alerts_due,
            alerts_sent: None,
            _demand: self.0.host.demand(interval),
            place,
            standing: Standing::new(credentials),
            content,
            more: None,
            pace: Pace::new(interval, self.0.limits.lag, Instant::now()),
            updates,
            check,
            has_ended: false,
        })
    }
}

impl Hub {
    /// The event of a snapshot, encoded once for all who request the same.
    fn frame(&self, snapshot: &Arc<Snapshot>, families: &[Family]) -> Bytes {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let since = snapshot.since_taken();
        written.frame(snapshot, families, since)
    }
}

impl FrameCache {
    fn frame(&mut self, snapshot: &Arc<Snapshot>, families: &[Family], since: Duration) -> Bytes {
        let is_same = self
            .snapshot
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, snapshot));
        if !is_same {
            self.frames.clear();
            self.snapshot = Some(Arc::clone(snapshot));
        }
        if let Some(frame) = self.frames.get(families) {
            return frame.clone();
        }
        let frame = event("snapshot", &WireSnapshot::new(snapshot, families, since));
        self.frames.insert(families.to_vec(), frame.clone());
        frame
    }
}

/// One event. JSON holds no line ends, so it fits into one line of data.
fn event(name: &str, data: &impl serde::Serialize) -> Bytes {
    let mut frame = format!("event: {name}\ndata: ").into_bytes();
    if let Err(error) = serde_json::to_writer(&mut frame, data) {
        // Not reached with the types that are sent; a reader could do nothing about it.
        tracing::error!(%error, name, "could not write an event");
        return Bytes::from_static(b": left out\n\n");
    }
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

/// Counts a stream for as long as it is open.
#[derive(Debug)]
struct StreamSlot {
    hub: Arc<Hub>,
    who: String,
}

impl StreamSlot {
    fn take(hub: &Arc<Hub>, who: String) -> Result<Self, ApiError> {
        let mut open = hub.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= hub.limits.streams {
            return Err(ApiError::too_many_streams());
        }
        let count = open.entry(who.clone()).or_default();
        if *count >= hub.limits.streams_per_key {
            return Err(ApiError::too_many_streams_of_key());
        }
        *count += 1;
        Ok(Self {
            hub: Arc::clone(hub),
            who,
        })
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut open = self.hub.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.who);
            }
        }
    }
}

/// One open stream.
#[derive(Debug)]
pub(crate) struct Reader {
    place: StreamSlot,
    _demand: Demand,
    standing: Standing,
    content: Content,
    /// What goes out right after the event before.
    more: Option<Bytes>,
    pace: Pace,
    updates: watch::Receiver<Option<Arc<Snapshot>>>,
    check: Interval,
    /// When to look for what fires.
    alerts_due: Option<Interval>,
    /// What was sent of it last.
    alerts_sent: Option<Arc<str>>,
    has_ended: bool,
}

impl Reader {
    /// The next event, with the reader for the one after it; `None` after the last.
    pub(crate) async fn next(mut self) -> Option<(Bytes, Self)> {
        if self.has_ended {
            return None;
        }
        if let Some(frame) = self.more.take() {
            return Some((frame, self));
        }
        let frame = match self.wait().await {
            Ok(frame) => frame,
            Err(reason) => {
                self.has_ended = true;
                event("end", &reason)
            }
        };
        self.pace.give(Instant::now());
        Some((frame, self))
    }

    /// Waits for something to send, or for a reason to end.
    async fn wait(&mut self) -> Result<Bytes, StreamEnd> {
        if self.pace.is_too_slow(Instant::now()) {
            let detail = "The client was behind for too long.";
            return Err(end("too_slow", detail));
        }
        let hub = Arc::clone(&self.place.hub);
        let silent_since = Instant::now();
        loop {
            tokio::select! {
                () = hub.stop.cancelled() => {
                    return Err(end("shutdown", "The daemon stops."));
                }
                _ = self.check.tick() => {
                    let scopes = self.content.scopes();
                    if let Some(reason) = hub.guard.refusal(&mut self.standing, scopes).await {
                        return Err(reason);
                    }
                }
                () = tick(self.alerts_due.as_mut()) => {
                    if let Some(frame) = hub.alerts.frame().await
                        && self.alerts_sent.as_ref() != Some(&frame.state)
                    {
                        self.alerts_sent = Some(frame.state);
                        return Ok(frame.event);
                    }
                }
                changed = self.updates.changed() => {
                    if changed.is_err() {
                        return Err(end("shutdown", "The host is not read any more."));
                    }
                    let newest = self.updates.borrow_and_update().clone();
                    if let Some(snapshot) = newest
                        && self.pace.is_due(Instant::now())
                    {
                        let frame = hub.frame(&snapshot, &self.content.families);
                        if let Some(limit) = self.content.processes {
                            self.more = Some(hub.top.frame(&snapshot, limit).await);
                        }
                        return Ok(frame);
                    }
                }
                () = tokio::time::sleep_until(silent_since + hub.limits.heartbeat) => {
                    return Ok(Bytes::from_static(b": heartbeat\n\n"));
                }
            }
        }
    }
}

/// Waits for the next tick; for ever without an interval.
async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::snapshot::FamilyValue;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_can_not_be_checked_ends_soon() {
        let mut standing = Standing::new(Credentials::Unix { uid: 7, gid: 7 });
        tokio::time::advance(UNCHECKED).await;
        assert!(standing.unchecked().is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(standing.unchecked().unwrap().reason, "unavailable");
        standing.since = Instant::now();
        assert!(standing.unchecked().is_none());
    }

    #[test]
    fn a_snapshot_is_written_once_for_all_who_ask_for_the_same() {
        let snapshot = |seconds| {
            let mut snapshot = Snapshot::default();
            snapshot.set(FamilyValue::Uptime(seconds));
            Arc::new(snapshot)
        };
        let (first, second) = (snapshot(7), snapshot(8));
        let mut written = FrameCache::default();
        let mut frame = |snapshot, families: &[Family], since: u64| {
            written.frame(snapshot, families, Duration::from_millis(since))
        };
        let uptime = frame(&first, &[Family::Uptime], 0);
        assert_eq!(
            uptime,
            "event: snapshot\ndata: {\"host\":\"\",\"time\":\"1970-01-01T00:00:00Z\",\
             \"uptime_seconds\":7,\"status\":{\"uptime\":{\"age_ms\":null,\"error\":null}}}\n\n"
        );
        let again = frame(&first, &[Family::Uptime], 900);
        assert_eq!(again.as_ptr(), uptime.as_ptr());
        let load = frame(&first, &[Family::Load], 0);
        assert!(!load.windows(6).any(|part| part == b"uptime"));
        let later = frame(&second, &[Family::Uptime], 0);
        assert!(
            later
                .windows(18)
                .any(|part| part == b"\"uptime_seconds\":8")
        );
        assert_eq!(written.frames.len(), 1);
    }
}
