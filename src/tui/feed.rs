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

use super::message::{Call, Data, Interest, Message, News, Wanted};
use crate::client::backoff::Backoff;
use crate::client::error::ClientError;

/// How many messages may wait for the dashboard; feeds then wait too.
pub(crate) const QUEUE: usize = 256;
/// Most changes that wait for one host; more are refused by the sender.
const CALLS: usize = 16;
/// How often things are asked for that change seldom.
const SLOW: Duration = Duration::from_secs(10);
/// How often what hardly ever changes is asked for.
const RARELY: Duration = Duration::from_mins(5);

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

/// Something that is asked for again and again.
struct Slot {
    wanted: Wanted,
    due: Instant,
    running: bool,
}

type Answer = (Wanted, Result<Data, ClientError>, Duration);

struct Task {
    host: usize,
    source: Source,
    messages: mpsc::Sender<Message>,
    interests: watch::Receiver<Arc<Interest>>,
    ordered: mpsc::Receiver<Order>,
    slots: Vec<Slot>,
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
                    // What was changed is to be seen at once.
                    self.all_due();
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
            let slot = known.map(|index| old.swap_remove(index));
            self.slots.push(slot.unwrap_or_else(|| Slot {
                wanted: wanted.clone(),
                due: start,
                running: false,
            }));
        }
    }

    fn all_due(&mut self) {
        let now = Instant::now();
        for slot in &mut self.slots {
            slot.due = now;
        }
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
            self.running.push(Box::pin(async move {
                let start = Instant::now();
                let result = source.fetch(&wanted).await;
                (wanted, result, start.elapsed())
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
    fn answered(&mut self, (wanted, result, took): Answer) -> Vec<News> {
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
            _ => pace(&wanted, every),
        };
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.wanted == wanted) {
            slot.running = false;
            slot.due = now + wait;
        }
        // Someone who looks at other things by now does not want this answer.
        let is_wanted = self.slots.iter().any(|slot| slot.wanted == wanted);
        let mut news = vec![link];
        if is_wanted {
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

/// How often to ask for something.
fn pace(wanted: &Wanted, every: Duration) -> Duration {
    match wanted {
        Wanted::Snapshot | Wanted::Processes(_) | Wanted::Process(_) => every,
        Wanted::Readiness | Wanted::Health => every.max(Duration::from_secs(5)),
        Wanted::Users | Wanted::Keys(_) | Wanted::Requests(_) | Wanted::History(_) => {
            every.max(SLOW)
        }
        Wanted::Me | Wanted::Info => RARELY,
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
}
