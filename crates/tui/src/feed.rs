//! One task per host that keeps asking it. A host that does not answer delays nobody else.

mod source;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub(crate) use source::Source;

use super::message::{Call, Data, Interest, Message, News, RARELY, SLOW, Wanted};
use linux_api_client::backoff::Backoff;
use linux_api_client::error::ClientError;

/// How many messages may wait for the dashboard; feeds then wait too.
pub(crate) const QUEUE: usize = 256;
/// Most changes that wait for one host; more are refused by the sender.
const CALLS: usize = 16;

/// What a feed can be told.
#[derive(Debug)]
enum Order {
    Call(Call),
    Reload,
}

/// The dashboard's end of a feed. The task ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Feed {
    interest: watch::Sender<Arc<Interest>>,
    orders: mpsc::Sender<Order>,
}

impl Feed {
    /// Starts asking; nothing is wanted yet.
    #[must_use]
    pub(crate) fn start(host: usize, source: Source, messages: mpsc::Sender<Message>) -> Self {
        let (interest, interests) = watch::channel(Arc::new(Interest::default()));
        let (orders, ordered) = mpsc::channel(CALLS);
        let task = Task {
            host,
            source,
            messages,
            interests,
            ordered,
            slots: Vec::new(),
            slots_made: 0,
            running: FuturesUnordered::new(),
            calls: FuturesUnordered::new(),
            backoff: Backoff::default(),
        };
        tokio::spawn(task.run());
        Self { interest, orders }
    }

    /// Sets what to ask for.
    pub(crate) fn watch(&self, interest: Arc<Interest>) {
        self.interest.send_replace(interest);
    }

    /// Asks for a change; a host that has too many waiting gets no more.
    pub(crate) fn call(&self, call: Call) -> bool {
        self.orders.try_send(Order::Call(call)).is_ok()
    }

    /// Asks for everything at once.
    pub(crate) fn reload(&self) {
        // One that waits already does the same.
        let _ = self.orders.try_send(Order::Reload);
    }
}

/// Something that is polled again and again.
struct Slot {
    /// A slot that comes again after it was not wanted for a while is another one: a response to the
    /// old one may be older than what the new one has.
    number: u64,
    wanted: Wanted,
    due: Instant,
    /// When the last good response came; a faster pace counts from here.
    polled: Option<Instant>,
    running: bool,
}

struct Answer {
    slot: u64,
    wanted: Wanted,
    result: Result<Data, ClientError>,
    took: Duration,
}

struct Task {
    host: usize,
    source: Source,
    messages: mpsc::Sender<Message>,
    interests: watch::Receiver<Arc<Interest>>,
    ordered: mpsc::Receiver<Order>,
    slots: Vec<Slot>,
    slots_made: u64,
    running: FuturesUnordered<BoxFuture<'static, Answer>>,
    calls: FuturesUnordered<BoxFuture<'static, News>>,
    backoff: Backoff,
}

impl Task {
    async fn run(mut self) {
        self.look_at_interest();
        loop {
            self.start_due();
            let next = self.next_due();
            let news = tokio::select! {
                changed = self.interests.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.look_at_interest();
                    continue;
                }
                order = self.ordered.recv() => {
                    match order {
                        None => return,
                        Some(Order::Reload) => self.all_due(),
                        Some(Order::Call(call)) => self.start_call(call),
                    }
                    continue;
                }
                Some(answer) = self.running.next() => self.answered(answer),
                Some(news) = self.calls.next() => {
                    // What was changed is to be seen at once; a poll that began before may not.
                    self.all_anew();
                    vec![news]
                }
                () = tokio::time::sleep_until(next) => continue,
            };
            for news in news {
                if self
                    .messages
                    .send(Message::Host(self.host, Box::new(news)))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }
    }

    /// Takes over what is wanted; what was wanted before keeps its pace.
    fn look_at_interest(&mut self) {
        let interest = Arc::clone(&self.interests.borrow_and_update());
        let now = Instant::now();
        // A host that is down stays left alone until its time has come.
        let resting = self.slots.iter().map(|slot| slot.due).min();
        let start = match resting {
            Some(due) if self.backoff.is_waiting() => due,
            _ => now,
        };
        let mut old = std::mem::take(&mut self.slots);
        for wanted in &interest.wanted {
            let known = old.iter().position(|slot| slot.wanted == *wanted);
            let mut slot = known.map_or_else(
                || {
                    self.slots_made += 1;
                    Slot {
                        number: self.slots_made,
                        wanted: wanted.clone(),
                        due: start,
                        polled: None,
                        running: false,
                    }
                },
                |index| old.swap_remove(index),
            );
            // Whoever looks closer now does not wait until the slower pace is over.
            if let Some(polled) = slot.polled {
                slot.due = slot.due.min(polled + wanted.pace(interest.every));
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
    fn all_anew(&mut self) {
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
            let wanted = slot.wanted.clone();
            let number = slot.number;
            self.running.push(Box::pin(async move {
                let start = Instant::now();
                let result = source.fetch(&wanted).await;
                Answer {
                    slot: number,
                    wanted,
                    result,
                    took: start.elapsed(),
                }
            }));
        }
    }

    fn start_call(&mut self, call: Call) {
        let source = self.source.clone();
        self.calls.push(Box::pin(async move {
            let result = source.call(&call).await;
            News::Done(call, result)
        }));
    }

    /// Plans the next question and says what came back.
    fn answered(&mut self, answer: Answer) -> Vec<News> {
        let Answer {
            slot: number,
            wanted,
            result,
            took,
        } = answer;
        let every = self.interests.borrow().every;
        let now = Instant::now();
        let link = match &result {
            // A refusal is an answer as well: the host is there.
            Ok(_) | Err(ClientError::Refused { .. }) => {
                self.backoff.reset();
                News::Up(took)
            }
            Err(error) => {
                let retry_in = self.backoff.after(error);
                for slot in self.slots.iter_mut().filter(|slot| !slot.running) {
                    slot.due = slot.due.max(now + retry_in);
                }
                let error = error.clone();
                News::Down { error, retry_in }
            }
        };
        let wait = match (&link, &result) {
            (News::Down { retry_in, .. }, _) => *retry_in,
            (_, Err(error)) => rest(error, every),
            _ => wanted.pace(every),
        };
        let mut news = vec![link];
        // Someone who looks at other things by now does not want this response.
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.number == number) {
            slot.running = false;
            slot.due = now + wait;
            // What was refused keeps its rest, however close someone looks.
            slot.polled = result.is_ok().then_some(now);
            news.push(News::Answer(wanted, result));
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

    fn interest(seconds: u64, wanted: &[Wanted]) -> Arc<Interest> {
        Arc::new(Interest {
            every: Duration::from_secs(seconds),
            wanted: wanted.to_vec(),
        })
    }

    /// What the feed sends within this time, but for the state of the connection.
    async fn answers(news: &mut mpsc::Receiver<Message>, within: Duration) -> Vec<Wanted> {
        let mut answers = Vec::new();
        let end = Instant::now() + within;
        while let Ok(Some(message)) = tokio::time::timeout_at(end, news.recv()).await {
            if let Message::Host(_, news) = message
                && let News::Answer(wanted, _) = *news
            {
                answers.push(wanted);
            }
        }
        answers
    }

    #[tokio::test(start_paused = true)]
    async fn a_faster_pace_does_not_wait_until_the_slower_one_is_over() {
        let (sender, mut news) = mpsc::channel(QUEUE);
        let feed = Feed::start(0, Source::Demo(demo_host()), sender);
        feed.watch(interest(15, &[Wanted::Snapshot]));
        let first = answers(&mut news, Duration::from_secs(10)).await;
        assert_eq!(first, [Wanted::Snapshot]);
        feed.watch(interest(2, &[Wanted::Snapshot]));
        let second = answers(&mut news, Duration::from_millis(100)).await;
        assert_eq!(second, [Wanted::Snapshot]);
    }

    /// The response to a poll that was given up may be older than what came since.
    #[tokio::test(start_paused = true)]
    async fn a_poll_that_was_given_up_has_no_response() {
        let (sender, mut news) = mpsc::channel(QUEUE);
        let feed = Feed::start(0, Source::Demo(demo_host()), sender);
        let soon = Duration::from_millis(1);
        feed.watch(interest(60, &[Wanted::Snapshot]));
        tokio::time::sleep(soon).await;
        feed.watch(interest(60, &[Wanted::Info]));
        tokio::time::sleep(soon).await;
        feed.watch(interest(60, &[Wanted::Snapshot]));
        let all = answers(&mut news, Duration::from_secs(10)).await;
        assert_eq!(all, [Wanted::Snapshot], "once, and only the newer one");
    }
}
