//! One rate limit for many clients: governor's arithmetic (GCRA) over a store of bounded size.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};

use super::limiter_store::{LimiterStore, SharedStore};
use linux_api_config::Rate;

/// Up to this burst the header of every state is made in advance.
const HEADERS_MADE: u32 = 1_000;

/// A limit of its own for each client `K`: the burst, and then one request per interval.
pub(crate) struct Limiter<K: Eq + Hash + Copy, C: Clock = MonotonicClock> {
    rate: Rate,
    store: Arc<LimiterStore<K>>,
    governor: RateLimiter<K, SharedStore<K>, C, StateInformationMiddleware>,
    name: &'static str,
    policy: HeaderValue,
    states: Vec<HeaderValue>,
    /// Of a client that sent nothing lately.
    first: HeaderValue,
}

impl<K: Eq + Hash + Copy, C: Clock> fmt::Debug for Limiter<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("name", &self.name)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

/// What the limit says to one request, for its headers.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// `RateLimit-Policy`.
    pub(crate) policy: HeaderValue,
    /// `RateLimit`.
    pub(crate) state: HeaderValue,
}

/// The client has to wait.
#[derive(Debug, Clone)]
pub(crate) struct ExceededLimit {
    /// Until the next request may be sent, in whole seconds, at least one.
    pub(crate) retry_after: u32,
    /// The limit in words.
    pub(crate) detail: String,
    pub(crate) standing: Standing,
}

impl<K: Eq + Hash + Copy> Limiter<K> {
    pub(crate) fn new(name: &'static str, rate: Rate) -> Self {
        Self::with_clock(name, rate, MonotonicClock)
    }
}

impl<K: Eq + Hash + Copy, C: Clock> Limiter<K, C> {
    fn with_clock(name: &'static str, rate: Rate, clock: C) -> Self {
        // An interval is never zero: rates end at a million per second.
        let interval = rate.interval().max(Duration::from_nanos(1));
        let quota = Quota::with_period(interval)
            .unwrap_or_else(|| Quota::per_second(rate.burst()))
            .allow_burst(rate.burst());
        let store = Arc::new(LimiterStore::new(interval));
        let governor = RateLimiter::new(quota, SharedStore(Arc::clone(&store)), clock);
        let burst = rate.burst().get();
        let window = seconds(interval * burst);
        let policy = format!("\"{name}\";q={burst};w={window}");
        let made = if burst <= HEADERS_MADE { burst } else { 0 };
        Self {
            rate,
            store,
            governor,
            name,
            policy: header(&policy),
            first: header(&state(name, rate, burst - 1)),
            states: (0..made)
                .map(|remaining| header(&state(name, rate, remaining)))
                .collect(),
        }
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts one request of this client, unless it has to wait.
    pub(crate) fn check(&self, client: K) -> Result<Standing, ExceededLimit> {
        let standing = |state| Standing {
            policy: self.policy.clone(),
            state,
        };
        match self.governor.check_key(&client) {
            Ok(snapshot) => {
                let remaining = snapshot.remaining_burst_capacity();
                let made = if remaining + 1 == self.rate.burst().get() {
                    Some(&self.first)
                } else {
                    let place = usize::try_from(remaining).ok();
                    place.and_then(|place| self.states.get(place))
                };
                Ok(standing(made.cloned().unwrap_or_else(|| {
                    header(&state(self.name, self.rate, remaining))
                })))
            }
            Err(until) => {
                let wait = until.wait_time_from(self.governor.clock().now());
                let retry_after = seconds(wait).max(1);
                let state = format!("\"{}\";r=0;t={retry_after}", self.name);
                Err(ExceededLimit {
                    retry_after,
                    detail: self.rate.in_words(),
                    standing: standing(header(&state)),
                })
            }
        }
    }

    /// Reverts what [`check`](Self::check) counted.
    pub(crate) fn refund(&self, client: K) {
        self.store.refund(client);
    }
}

/// How many requests may be sent at once now, and in how many seconds the whole burst may be again.
fn state(name: &str, rate: Rate, remaining: u32) -> String {
    let missing = rate.burst().get().saturating_sub(remaining);
    format!(
        "\"{name}\";r={remaining};t={}",
        seconds(rate.interval() * missing)
    )
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> u32 {
    let whole = duration.as_nanos().div_ceil(1_000_000_000);
    u32::try_from(whole).unwrap_or(u32::MAX)
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("names of limits and numbers are ASCII")
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;
    use linux_api_config::ConfigValue;

    fn limiter(rate: &str) -> (Limiter<u64, FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let rate = Rate::from_text(rate).unwrap();
        (Limiter::with_clock("test", rate, clock.clone()), clock)
    }

    proptest! {
        #[test]
        fn accepted_is_burst_and_rate_times_time(
            count in 1_u32..500,
            unit in prop::sample::select(vec!["s", "minute", "hour"]),
            // With a burst of 1 nothing is saved up between replenishing and the next request.
            burst in 2_u32..500,
            step_ms in 1_u64..200,
        ) {
            let (limiter, clock) = limiter(&format!("{count}/{unit} burst {burst}"));
            let interval = limiter.rate().interval();
            // Several requests per interval, so that requests always exceed the limit.
            let step = Duration::from_millis(step_ms).min(interval / 3);
            let mut accepted = 0_u64;
            for _ in 0..burst {
                accepted += u64::from(limiter.check(1).is_ok());
            }
            let mut elapsed = Duration::ZERO;
            for _ in 0..2_000 {
                accepted += u64::from(limiter.check(1).is_ok());
                clock.advance(step);
                elapsed += step;
            }
            accepted += u64::from(limiter.check(1).is_ok());
            let earned = u64::try_from(elapsed.as_nanos() / interval.as_nanos()).unwrap();
            let expected = u64::from(burst) + earned;
            prop_assert!(accepted.abs_diff(expected) <= 1, "{accepted} of {expected}");
        }
    }

    #[test]
    fn the_headers_say_what_is_left_and_how_long_to_wait() {
        let (limiter, clock) = limiter("30/minute burst 3");
        let state = |remaining: &str| format!("\"test\";{remaining}");
        for expected in ["r=2;t=2", "r=1;t=4", "r=0;t=6"] {
            let standing = limiter.check(1).unwrap();
            assert_eq!(standing.policy, "\"test\";q=3;w=6");
            assert_eq!(standing.state, state(expected));
        }
        clock.advance(Duration::from_millis(500));
        let exceeded = limiter.check(1).unwrap_err();
        assert_eq!(exceeded.retry_after, 2);
        assert_eq!(exceeded.standing.state, state("r=0;t=2"));
        // What it says is true.
        clock.advance(Duration::from_secs(2));
        assert!(limiter.check(1).is_ok());
        assert!(limiter.check(2).is_ok(), "another client has its own");
    }

    #[test]
    fn what_is_given_back_may_be_spent_again() {
        let (limiter, _) = limiter("1/hour burst 2");
        for _ in 0..100 {
            limiter.check(7).unwrap();
            limiter.refund(7);
        }
        limiter.check(7).unwrap();
        limiter.check(7).unwrap();
        assert!(limiter.check(7).is_err());
        // Nothing comes from nothing.
        limiter.refund(8);
        limiter.check(8).unwrap();
        limiter.check(8).unwrap();
        assert!(limiter.check(8).is_err());
    }

    #[test]
    fn a_large_burst_has_its_headers_too() {
        let (limiter, _) = limiter("1000000/s");
        let standing = limiter.check(1).unwrap();
        assert_eq!(standing.policy, "\"test\";q=1000000;w=1");
        assert_eq!(standing.state, "\"test\";r=999999;t=1");
    }
}
