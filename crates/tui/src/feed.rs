//! One task per host that polls it. A host that does not respond delays no other.

mod source;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub(crate) use source::HostSource;

use super::change::Change;
use super::message::{AppMessage, FeedEvent, PollPlan};
use super::query::{AnyQuery, AnyResponse, RARELY, SLOW};
use linux_api_client::backoff::Backoff;
use linux_api_client::error::ClientError;

/// How many messages may wait for the dashboard; feeds then wait too.
pub(crate) const QUEUE: usize = 256;
/// Most changes that wait for one host; more are refused by the sender.
const CHANGES: usize = 16;

/// What a feed can be ordered to do.
#[derive(Debug)]
enum FeedOrder {
    Change(Change),
    Reload,
}

/// The dashboard's end of a feed. The task ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Feed {
    plan: watch::Sender<Arc<PollPlan>>,
    orders: mpsc::Sender<FeedOrder>,
}

impl Feed {
    /// Starts the task, with an empty plan.
    #[must_use]
    pub(crate) fn start(
        host: usize,
        source: HostSource,
        messages: mpsc::Sender<AppMessage>,
    ) -> Self {
        let (plan, plans) = watch::channel(Arc::new(PollPlan::default()));
        let (orders, ordered) = mpsc::channel(CHANGES);
        let task = FeedTask {
            host,
            source,
            messages,
            plans,
            ordered,
            slots: Vec::new(),
            slots_made: 0,
            running: FuturesUnordered::new(),
            changes: FuturesUnordered::new(),
            session: None,
            backoff: Backoff::default(),
        };
        tokio::spawn(task.run());
        Self { plan, orders }
    }

    /// Sets what to poll.
    pub(crate) fn poll(&self, plan: Arc<PollPlan>) {
        self.plan.send_replace(plan);
    }

    /// Orders a change; a host that has too many waiting gets no more.
    pub(crate) fn change(&self, change: Change) -> bool {
        self.orders.try_send(FeedOrder::Change(change)).is_ok()
    }

    /// Polls everything at once.
    pub(crate) fn reload(&self) {
        // One that waits already does the same.
        let _ = self.orders.try_send(FeedOrder::Reload);
    }
}

/// Something that is polled again and again.
struct PollSlot {
    /// A slot that comes back after it was not in the plan for a while is another one: a response to the
    /// old one may be older than what the new one has.
    number: u64,
    query: AnyQuery,
    due: Instant,
    /// When the last good response came; a faster pace counts from here.
    polled: Option<Instant>,
    running: bool,
}

struct PollResult {
    slot: u64,
    query: AnyQuery,
    result: Result<AnyResponse, ClientError>,
    took: Duration,
}

struct FeedTask {
    host: usize,
    source: HostSource,
    messages: mpsc::Sender<AppMessage>,
    plans: watch::Receiver<Arc<PollPlan>>,
    ordered: mpsc::Receiver<FeedOrder>,
    slots: Vec<PollSlot>,
    slots_made: u64,
    running: FuturesUnordered<BoxFuture<'static, PollResult>>,
    changes: FuturesUnordered<BoxFuture<'static, FeedEvent>>,
    /// What kind of session it was last.
    session: Option<String>,
    backoff: Backoff,
}

impl FeedTask {
    async fn run(mut self) {
        self.take_plan();
        loop {
            self.start_due();
            let next = self.next_due();
            let news = tokio::select! {
                changed = self.plans.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.take_plan();
                    continue;
                }
                order = self.ordered.recv() => {
                    match order {
                        None => return,
                        Some(FeedOrder::Reload) => self.all_due(),
                        Some(FeedOrder::Change(change)) => self.start_change(change),
                    }
                    continue;
                }
                Some(answer) = self.running.next() => self.answered(answer),
                Some(news) = self.changes.next() => {
                    // What was changed is to be seen at once; a poll that began before may not.
                    self.restart_all();
                    vec![news]
                }
                () = tokio::time::sleep_until(next) => continue,
            };
            for news in news {
                if self
                    .messages
                    .send(AppMessage::Host(self.host, Box::new(news)))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }
    }

    /// Takes over the plan; what was in the one before keeps its pace.
    fn take_plan(&mut self) {
        let plan = Arc::clone(&self.plans.borrow_and_update());
        let now = Instant::now();
        // A host that is down stays left alone until its time has come.
        let resting = self.slots.iter().map(|slot| slot.due).min();
        let start = match resting {
            Some(due) if self.backoff.is_waiting() => due,
            _ => now,
        };
        let mut old = std::mem::take(&mut self.slots);
        for query in &plan.queries {
            let known = old.iter().position(|slot| slot.query == *query);
            let mut slot = known.map_or_else(
                || {
                    self.slots_made += 1;
                    PollSlot {
                        number: self.slots_made,
                        query: query.clone(),
                        due: start,
                        polled: None,
                        running: false,
                    }
                },
                |index| old.swap_remove(index),
            );
            // A faster pace applies at once, not after the slower one has passed.
            if let Some(polled) = slot.polled {
                slot.due = slot.due.min(polled + query.pace(plan.every));
            }
            self.slots.push(slot);
        }
    }

    fn all_due(&mut self) {
        let now = Instant::now();
        for slot in &mut self.slots {
            slot.due = now;
        }
    }

    /// Polls everything again; responses that are on their way are dropped.
    fn restart_all(&mut self) {
        for slot in self.slots.iter_mut().filter(|slot| slot.running) {
            self.slots_made += 1;
            slot.number = self.slots_made;
            slot.running = false;
        }
        self.all_due();
    }

    fn next_due(&self) -> Instant {
        let idle = self.slots.iter().filter(|slot| !slot.running);
        let next = idle.map(|slot| slot.due).min();
        next.unwrap_or_else(|| Instant::now() + RARELY)
    }

    fn start_due(&mut self) {
        let now = Instant::now();
        for slot in &mut self.slots {
            if slot.running || slot.due > now {
                continue;
            }
            slot.running = true;
            let source = self.source.clone();
            let query = slot.query.clone();
            let number = slot.number;
            self.running.push(Box::pin(async move {
                let start = Instant::now();
                let result = source.fetch(&query).await;
                PollResult {
                    slot: number,
                    query,
                    result,
                    took: start.elapsed(),
                }
            }));
        }
    }

    fn start_change(&mut self, change: Change) {
        let source = self.source.clone();
        self.changes.push(Box::pin(async move {
            let result = source.send(&change).await;
            FeedEvent::Changed(change, result)
        }));
    }

    /// Plans the next question and says what came back.
    fn answered(&mut self, answer: PollResult) -> Vec<FeedEvent> {
        let PollResult {
            slot: number,
            query,
            result,
            took,
        } = answer;
        let every = self.plans.borrow().every;
        let now = Instant::now();
        let link = match &result {
            // A refusal is a response as well: the host is there.
            Ok(_) | Err(ClientError::Refused { .. }) => {
                self.backoff.reset();
                FeedEvent::Up(took)
            }
            Err(error) => {
                let retry_in = self.backoff.after(error);
                for slot in self.slots.iter_mut().filter(|slot| !slot.running) {
                    slot.due = slot.due.max(now + retry_in);
                }
                let error = error.clone();
                FeedEvent::Down { error, retry_in }
            }
        };
        let wait = match (&link, &result) {
            (FeedEvent::Down { retry_in, .. }, _) => *retry_in,
            (_, Err(error)) => rest(error, every),
            _ => query.pace(every),
        };
        let mut news = vec![link];
        if result.is_ok() {
            let session = self.source.session();
            if session != self.session {
                self.session.clone_from(&session);
                news.push(FeedEvent::Session(session));
            }
        }
        // Someone who looks at other things by now does not want this response.
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.number == number) {
            slot.running = false;
            slot.due = now + wait;
            // What was refused keeps its rest, however close someone looks.
            slot.polled = result.is_ok().then_some(now);
            news.push(FeedEvent::Response(query, result));
        }
        news
    }
}

/// How long to leave something alone that the host refuses. A host that names a time gets it,
/// within bounds: it may name any number.
fn rest(error: &ClientError, every: Duration) -> Duration {
    match error {
        ClientError::Refused {
            retry_after: Some(named),
            ..
        } => (*named).clamp(every, RARELY),
        _ => every.max(SLOW),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{InfoQuery, SnapshotQuery};

    #[test]
    fn a_refusal_is_respected_within_bounds() {
        let every = Duration::from_secs(2);
        let refused = |seconds: Option<u64>| ClientError::Refused {
            address: String::new(),
            status: 429,
            code: String::new(),
            detail: String::new(),
            retry_after: seconds.map(Duration::from_secs),
        };
        assert_eq!(rest(&refused(None), every), SLOW);
        assert_eq!(rest(&refused(Some(0)), every), every);
        assert_eq!(rest(&refused(Some(20)), every), Duration::from_secs(20));
        assert_eq!(rest(&refused(Some(u64::MAX)), every), RARELY);
    }

    fn demo_host() -> crate::demo::DemoHost {
        crate::demo::fleet(&linux_api_wire::time::Clock::system())
            .remove(0)
            .1
    }

    fn plan(seconds: u64, queries: &[AnyQuery]) -> Arc<PollPlan> {
        Arc::new(PollPlan {
            every: Duration::from_secs(seconds),
            queries: queries.to_vec(),
        })
    }

    /// What the feed sends within this time, but for the state of the connection.
    async fn answers(news: &mut mpsc::Receiver<AppMessage>, within: Duration) -> Vec<AnyQuery> {
        let mut answers = Vec::new();
        let end = Instant::now() + within;
        while let Ok(Some(message)) = tokio::time::timeout_at(end, news.recv()).await {
            if let AppMessage::Host(_, news) = message
                && let FeedEvent::Response(query, _) = *news
            {
                answers.push(query);
            }
        }
        answers
    }

    #[tokio::test(start_paused = true)]
    async fn a_faster_pace_does_not_wait_until_the_slower_one_is_over() {
        let (sender, mut news) = mpsc::channel(QUEUE);
        let feed = Feed::start(0, HostSource::Demo(demo_host()), sender);
        feed.poll(plan(15, &[SnapshotQuery.into()]));
        let first = answers(&mut news, Duration::from_secs(10)).await;
        assert_eq!(first, [SnapshotQuery.into()]);
        feed.poll(plan(2, &[SnapshotQuery.into()]));
        let second = answers(&mut news, Duration::from_millis(100)).await;
        assert_eq!(second, [SnapshotQuery.into()]);
    }

    /// The response to a poll that was given up may be older than what came since.
    #[tokio::test(start_paused = true)]
    async fn a_poll_that_was_given_up_has_no_response() {
        let (sender, mut news) = mpsc::channel(QUEUE);
        let feed = Feed::start(0, HostSource::Demo(demo_host()), sender);
        let soon = Duration::from_millis(1);
        feed.poll(plan(60, &[SnapshotQuery.into()]));
        tokio::time::sleep(soon).await;
        feed.poll(plan(60, &[InfoQuery.into()]));
        tokio::time::sleep(soon).await;
        feed.poll(plan(60, &[SnapshotQuery.into()]));
        let all = answers(&mut news, Duration::from_secs(10)).await;
        assert_eq!(all, [SnapshotQuery.into()], "once, and only the newer one");
    }
}
