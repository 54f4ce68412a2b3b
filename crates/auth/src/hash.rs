//! Slow hashes of keys: argon2id at OWASP's minimum, kept off the async threads.

mod memory;

use std::num::NonZeroUsize;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::key::PlainKey;
use memory::Memory;

/// OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
/// <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash of nothing in use, checked when a key's id is unknown, so that the response takes as long.
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
    memory: Memory,
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
            memory: Memory::default(),
        }
    }

    /// Hashes a new key into a PHC string with a salt of its own.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many wait, or when the hash function fails.
    pub async fn hash(&self, key: &PlainKey) -> Result<String, HashError> {
        let key = key.clone();
        self.run(move |_memory| {
            argon2()
                .hash_password(key.expose().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| HashError::Failed(error.to_string()))
        })
        .await?
    }

    /// Whether `key` has the stored hash. Without one it takes as long and returns `false`.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many wait.
    pub async fn verify(&self, key: &PlainKey, stored: Option<&str>) -> Result<bool, HashError> {
        let key = key.clone();
        let known = stored.is_some();
        let stored = stored.unwrap_or(DUMMY).to_owned();
        self.run(move |memory| {
            let matches = PasswordHash::new(&stored)
                .is_ok_and(|hash| matches(key.expose().as_bytes(), &hash, memory));
            known && matches
        })
        .await
    }

    /// Works as long as for a key that is not accepted, unless too many wait.
    pub async fn spend(&self) {
        let check = |memory: &Memory| {
            PasswordHash::new(DUMMY).is_ok_and(|hash| matches(b"no key", &hash, memory))
        };
        // Only the time matters, not the result.
        drop(self.run(check).await);
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let _place = self.queue.try_acquire().map_err(|_| HashError::Busy)?;
        let _turn: SemaphorePermit<'_> =
            self.running.acquire().await.map_err(|_| HashError::Busy)?;
        self.memory.release_later();
        let memory = self.memory.clone();
        tokio::task::spawn_blocking(move || work(&memory))
            .await
            .map_err(|error| HashError::Failed(error.to_string()))
    }
}

/// Whether this is the hash of `key`.
fn matches(key: &[u8], hash: &PasswordHash, memory: &Memory) -> bool {
    let argon2 = argon2();
    let (Some(salt), Some(output)) = (&hash.salt, &hash.hash) else {
        return false;
    };
    let has_own_parameters = hash.algorithm == ARGON2ID_IDENT
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(hash).is_ok_and(|params| {
            (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
        });
    if !has_own_parameters {
        return argon2.verify_password(key, hash).is_ok();
    }
    let mut computed = vec![0; output.len()];
    let blocks: &mut [Block] = &mut memory.take(argon2.params().block_count());
    argon2
        .hash_password_into_with_memory(key, salt, &mut computed, blocks)
        .is_ok_and(|()| computed.ct_eq(output.as_ref()).into())
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
    async fn a_hash_with_other_parameters_is_checked_with_those() {
        let hasher = Hasher::new(4);
        let (key, other) = (PlainKey::generate().unwrap(), PlainKey::generate().unwrap());
        let small = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(64, 1, 1, None).unwrap(),
        );
        let hash = small.hash_password(key.expose().as_bytes()).unwrap();
        let hash = hash.to_string();
        assert!(hasher.verify(&key, Some(&hash)).await.unwrap());
        assert!(!hasher.verify(&other, Some(&hash)).await.unwrap());
    }

    #[tokio::test]
    async fn one_piece_of_memory_serves_one_check_after_the_other() {
        let hasher = Hasher::new(4);
        for _ in 0..3 {
            let key = PlainKey::generate().unwrap();
            assert!(!hasher.verify(&key, None).await.unwrap());
            assert_eq!(hasher.memory.pieces(), 1);
        }
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
