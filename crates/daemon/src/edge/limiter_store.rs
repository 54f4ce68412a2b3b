//! Where a limiter keeps its clients: a map in shards that never grows past a fixed size.
//!
//! A client whose burst is whole again is the same as one never seen, so it may be dropped at any
//! time. When all places are taken by clients that are still counted, newcomers share places with
//! each other: an attacker with a million addresses gains nothing from the last of them.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::nanos::Nanos;
use governor::state::StateStore;

const SHARDS: usize = 16;
/// Clients per shard: seven eighths of a power of two, which is where the map would double. With 16
/// bytes for each of them and one of bookkeeping a limiter takes at most 4.5 MB.
const PLACES: usize = (1 << 14) / 8 * 7;
/// Shared places per shard.
const SHARED: usize = 64;
/// Below this many clients nothing is worth dropping.
const FEW: usize = 64;
/// How long a full shard waits before it looks again for clients to drop, in nanoseconds.
const LOOK_AGAIN: u64 = 1_000_000_000;

/// When each client's burst is whole again, in nanoseconds since the limiter's start.
#[derive(Debug)]
pub(super) struct LimiterStore<K> {
    /// What one request costs, in nanoseconds.
    interval: u64,
    hasher: RandomState,
    shards: [Mutex<Shard<K>>; SHARDS],
}

#[derive(Debug)]
struct Shard<K> {
    clients: HashMap<K, u64>,
    /// At this many clients the idle ones are dropped.
    sweep_at: usize,
    /// Not before this time again.
    next_sweep: u64,
    shared: [u64; SHARED],
}

impl<K: Eq + Hash + Copy> LimiterStore<K> {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval: u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX),
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| {
                Mutex::new(Shard {
                    clients: HashMap::new(),
                    sweep_at: FEW,
                    next_sweep: 0,
                    shared: [0; SHARED],
                })
            }),
        }
    }

    /// The shard of a client, and its place among the shared ones.
    fn place(&self, client: K) -> (&Mutex<Shard<K>>, usize) {
        let hash = self.hasher.hash_one(client);
        let at = |bits: u64, modulus: usize| usize::try_from(bits).unwrap_or(0) % modulus;
        let shard = &self.shards[at(hash & 0xffff, SHARDS)];
        (shard, at((hash >> 16) & 0xffff, SHARED))
    }

    pub(super) fn refund(&self, client: K) {
        let (shard, place) = self.place(client);
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let whole_again = match shard.clients.get_mut(&client) {
            Some(known) => known,
            None => &mut shard.shared[place],
        };
        *whole_again = whole_again.saturating_sub(self.interval);
    }

    /// How many clients have a place of their own.
    #[cfg(test)]
    fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard<K>>| shard.lock().unwrap().clients.len();
        self.shards.iter().map(count).sum()
    }

    #[cfg(test)]
    fn capacity(&self) -> usize {
        let count = |shard: &Mutex<Shard<K>>| shard.lock().unwrap().clients.capacity();
        self.shards.iter().map(count).sum()
    }
}

impl<K: Eq + Hash + Copy> Shard<K> {
    /// Makes room for one client; false when there is none.
    fn make_room(&mut self, now: u64) -> bool {
        if self.clients.len() >= self.sweep_at && now >= self.next_sweep {
            self.clients.retain(|_, whole_again| *whole_again > now);
            let left = self.clients.len();
            self.sweep_at = (left * 2).clamp(FEW, PLACES);
            if self.clients.capacity() > self.sweep_at * 4 {
                self.clients.shrink_to(self.sweep_at);
            }
            if left > PLACES / 8 * 7 {
                self.next_sweep = now.saturating_add(LOOK_AGAIN);
            }
        }
        self.clients.len() < PLACES
    }
}

/// The store as governor takes it.
#[derive(Debug)]
pub(super) struct SharedStore<K>(pub(super) Arc<LimiterStore<K>>);

impl<K: Eq + Hash + Copy> StateStore for SharedStore<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, client: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (shard, place) = self.0.place(*client);
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(whole_again) = shard.clients.get_mut(client) {
            let (outcome, next) = measure(Some(Nanos::from(*whole_again)))?;
            *whole_again = next.into();
            return Ok(outcome);
        }
        // A client never seen is always let pass, and costs one interval from now on.
        let (outcome, next) = measure(None)?;
        let next = u64::from(next);
        if shard.make_room(next.saturating_sub(self.0.interval)) {
            shard.clients.insert(*client, next);
            return Ok(outcome);
        }
        let (outcome, next) = measure(Some(Nanos::from(shard.shared[place])))?;
        shard.shared[place] = next.into();
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use governor::middleware::NoOpMiddleware;
    use governor::{Quota, RateLimiter};
    use std::num::NonZeroU32;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_million_clients_take_no_more_room_than_the_bound() {
        let clock = FakeRelativeClock::default();
        let store = Arc::new(LimiterStore::new(MINUTE));
        let quota = Quota::with_period(MINUTE).unwrap();
        let quota = quota.allow_burst(NonZeroU32::new(3).unwrap());
        let shared = SharedStore(Arc::clone(&store));
        let limiter: RateLimiter<u64, _, _, NoOpMiddleware<Nanos>> =
            RateLimiter::new(quota, shared, clock.clone());

        let accepted = (0..1_000_000_u64)
            .flat_map(|client| [client; 4])
            .filter(|client| limiter.check_key(client).is_ok())
            .count();
        assert_eq!(store.len(), SHARDS * PLACES);
        assert_eq!(accepted, (SHARDS * PLACES + SHARDS * SHARED) * 3);
        let entry = size_of::<(u64, u64)>() + 1;
        let bytes = store.capacity() / 7 * 8 * entry;
        assert!(bytes <= 5 << 20, "{bytes}");

        // Clients that have a place keep it and their count.
        assert!(limiter.check_key(&0).is_err());
        clock.advance(MINUTE);
        assert!(limiter.check_key(&0).is_ok());
        assert!(limiter.check_key(&0).is_err());

        // When all are idle they make room, and the memory is freed.
        clock.advance(MINUTE * 3);
        for client in 2_000_000..2_001_000 {
            assert!(limiter.check_key(&client).is_ok());
        }
        assert!(store.len() <= SHARDS * FEW + 1_000, "{}", store.len());
        assert!(store.capacity() < SHARDS * 1_024, "{}", store.capacity());
    }
}
