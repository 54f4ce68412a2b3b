//! Clients that keep connections open and count the responses.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use tokio::time::sleep;

use super::daemon::Daemon;

/// A request of the load: method, path, and the route that it is counted under.
pub(super) struct Kind(Method, &'static str, &'static str);

/// A route that needs nothing but the host.
pub(super) const UPTIME: &str = "/api/v1/system/info/uptime";

/// Requests for the uptime alone.
pub(super) static UPTIME_ONLY: &[Kind] = &[Kind(Method::GET, UPTIME, UPTIME)];

/// Requests of all sorts.
pub(super) static KINDS: &[Kind] = &[
    Kind(Method::GET, UPTIME, UPTIME),
    Kind(Method::GET, "/api/v1/user/me", "/api/v1/user/me"),
    Kind(
        Method::GET,
        "/api/v1/system/snapshot?include=cpu",
        "/api/v1/system/snapshot",
    ),
    Kind(
        Method::GET,
        "/api/v1/system/load/values?n=0",
        "/api/v1/system/load/values",
    ),
    Kind(Method::GET, "/no/such/route", "<unmatched>"),
    Kind(Method::DELETE, UPTIME, UPTIME),
];

/// What requests are counted by: method, route and status.
pub(super) type Counted = (String, String, i64);

/// Requests of some kinds in turn to some daemons in turn.
pub(super) struct Load<'a> {
    daemons: Vec<&'a Daemon>,
    kinds: &'static [Kind],
    /// From one request of a client to its next one.
    pace: Duration,
    next: Cell<usize>,
    counts: RefCell<BTreeMap<Counted, i64>>,
    durations: RefCell<Vec<f64>>,
    /// Requests without a response.
    failed: Cell<i64>,
}

impl<'a> Load<'a> {
    /// As many requests as the daemons can take.
    pub(super) fn new(daemons: Vec<&'a Daemon>, kinds: &'static [Kind]) -> Self {
        Self {
            daemons,
            kinds,
            pace: Duration::ZERO,
            next: Cell::default(),
            counts: RefCell::default(),
            durations: RefCell::default(),
            failed: Cell::default(),
        }
    }

    /// Requests of these kinds, from each client at this pace.
    pub(super) fn paced(daemon: &'a Daemon, kinds: &'static [Kind], pace: Duration) -> Self {
        Self {
            pace,
            ..Self::new(vec![daemon], kinds)
        }
    }

    /// This many clients, each until there is no `more`.
    pub(super) async fn run(&self, clients: u32, more: impl Fn() -> bool) {
        let clients = self.daemons.iter().cycle().zip(0..clients);
        join_all(clients.map(|(daemon, _)| self.client(daemon, &more))).await;
    }

    /// This many requests.
    pub(super) async fn send(&self, clients: u32, requests: u32) {
        let left = Cell::new(requests);
        let more = || {
            let before = left.get();
            left.set(before.saturating_sub(1));
            before > 0
        };
        self.run(clients, more).await;
    }

    /// Requests for this time.
    pub(super) async fn last(&self, clients: u32, time: Duration) {
        let begin = Instant::now();
        self.run(clients, || begin.elapsed() < time).await;
    }

    async fn client(&self, daemon: &Daemon, more: &impl Fn() -> bool) {
        while more() {
            let number = self.next.get();
            self.next.set(number.wrapping_add(1));
            let Kind(method, path, route) = &self.kinds[number % self.kinds.len()];
            let begin = Instant::now();
            match exchange(daemon, method, path).await {
                Ok(status) => {
                    self.durations
                        .borrow_mut()
                        .push(begin.elapsed().as_secs_f64());
                    let counted = (method.to_string(), (*route).to_owned(), status.into());
                    *self.counts.borrow_mut().entry(counted).or_default() += 1;
                }
                Err(_) => self.failed.set(self.failed.get() + 1),
            }
            if let Some(rest) = self.pace.checked_sub(begin.elapsed()) {
                sleep(rest).await;
            }
        }
    }

    pub(super) fn counts(&self) -> BTreeMap<Counted, i64> {
        self.counts.borrow().clone()
    }

    /// Responses by status; requests without one are under 0.
    pub(super) fn statuses(&self) -> BTreeMap<i64, i64> {
        let mut statuses = BTreeMap::new();
        for ((_, _, status), count) in &*self.counts.borrow() {
            *statuses.entry(*status).or_default() += count;
        }
        if self.failed.get() > 0 {
            statuses.insert(0, self.failed.get());
        }
        statuses
    }

    /// How many responses there were.
    pub(super) fn total(&self) -> i64 {
        self.counts.borrow().values().sum()
    }

    /// Forgets the durations so far, not the counts.
    pub(super) fn forget_durations(&self) {
        self.durations.borrow_mut().clear();
    }

    /// The duration in seconds that 99 % of the requests stayed within.
    pub(super) fn p99(&self) -> f64 {
        percentile(&mut self.durations.borrow_mut(), 99)
    }
}

/// Sends a request and reads the whole response.
async fn exchange(daemon: &Daemon, method: &Method, path: &str) -> reqwest::Result<u16> {
    let request = daemon.request(method.clone(), path);
    let response = request.send().await?;
    let status = response.status().as_u16();
    response.bytes().await?;
    Ok(status)
}

/// Interpolated between the two nearest values, as the daemon does; not a number when there are none.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = percent * last;
    let (below, above) = (values[place / 100], values[(place / 100 + 1).min(last)]);
    #[expect(clippy::cast_precision_loss, reason = "less than 100")]
    let share = (place % 100) as f64 / 100.0;
    below + (above - below) * share
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_lie_between_the_two_nearest_values() {
        let mut values = [4.0, 1.0, 3.0, 2.0];
        let found = [0, 50, 99, 100].map(|percent| percentile(&mut values, percent));
        for (found, expected) in found.into_iter().zip([1.0, 2.5, 3.97, 4.0]) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        assert!(percentile(&mut [], 50).is_nan());
    }
}
