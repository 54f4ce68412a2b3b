//! Slow hashes of keys: argon2id at OWASP's minimum, kept off the async threads.

use std::num::NonZeroUsize;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::key::PlainKey;

/// OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
/// <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash of nothing in use, checked when a key's id is unknown, so that the answer takes as long.
/// Its parameters are those of every other hash.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bGludXgtYXBpLWR1bW15$\
    8OdStaBJ2TFpYzmNLkXW1GcXzxDM4/jbwbcFGlPzVzg";

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// As many callers as allowed wait already.
    #[error("too many keys are being checked")]
    Busy,
    /// The hash function itself failed, for want of memory for instance.
    #[error("hashing failed: {0}")]
    Failed(String),
}

/// Computes hashes, a few at a time.
#[derive(Debug, Clone)]
pub struct Hasher {
    running: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Hasher {
    /// A hasher that keeps half of the cores free and lets `queue` callers wait.
    #[must_use]
    pub fn new(queue: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let running = (cores / 2).max(1);
        Self {
            running: Arc::new(Semaphore::new(running)),
            queue: Arc::new(Semaphore::new(running + queue)),
        }
    }

    /// Hashes a new key into a PHC string with a salt of its own.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many wait, or when the hash function fails.
    pub async fn hash(&self, key: &PlainKey) -> Result<String, HashError> {
        let key = key.clone();
        self.run(move || {
            argon2()
                .hash_password(key.expose().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| HashError::Failed(error.to_string()))
        })
        .await?
    }

    /// Whether `key` has the stored hash. Without one it works as long and answers no.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many wait.
    pub async fn verify(&self, key: &PlainKey, stored: Option<&str>) -> Result<bool, HashError> {
        let key = key.clone();
        let known = stored.is_some();
        let stored = stored.unwrap_or(DUMMY).to_owned();
        self.run(move || {
            let matches = PasswordHash::new(&stored).is_ok_and(|hash| {
                argon2()
                    .verify_password(key.expose().as_bytes(), &hash)
                    .is_ok()
            });
            known && matches
        })
        .await
    }

    /// Works as long as for a key that is not accepted, unless too many wait.
    pub async fn spend(&self) {
        let check = || {
            PasswordHash::new(DUMMY)
                .is_ok_and(|hash| argon2().verify_password(b"no key", &hash).is_ok())
        };
        // Only the time matters, not the result.
        drop(self.run(check).await);
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let _place = self.queue.try_acquire().map_err(|_| HashError::Busy)?;
        let _turn: SemaphorePermit<'_> =
            self.running.acquire().await.map_err(|_| HashError::Busy)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| HashError::Failed(error.to_string()))
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the constants are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_matches_its_own_hash_only() {
        let hasher = Hasher::new(4);
        let (key, other) = (PlainKey::generate().unwrap(), PlainKey::generate().unwrap());
        let hash = hasher.hash(&key).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(hasher.verify(&key, Some(&hash)).await.unwrap());
        assert!(!hasher.verify(&other, Some(&hash)).await.unwrap());
        assert!(!hasher.verify(&key, None).await.unwrap());
        assert!(!hasher.verify(&key, Some("not a hash")).await.unwrap());
    }

    #[test]
    fn the_dummy_costs_what_a_real_hash_costs() {
        let hash = PasswordHash::new(DUMMY).expect("well-formed, or it would cost nothing");
        assert_eq!(Params::try_from(&hash).unwrap().m_cost(), MEMORY_KIB);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let hasher = Hasher::new(0);
        let places = hasher.queue.available_permits();
        let _held = hasher
            .queue
            .acquire_many(u32::try_from(places).unwrap())
            .await
            .unwrap();
        let key = PlainKey::generate().unwrap();
        assert!(matches!(
            hasher.verify(&key, None).await,
            Err(HashError::Busy)
        ));
    }
}
