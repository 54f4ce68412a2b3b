//! The memory that slow hashes work in: taken from the system once for many of them, and returned to
//! it soon after the last.
//!
//! A piece is 19 MiB, so a fresh one for each hash costs nearly five thousand page faults.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::Block;
use tokio::time::Instant;

/// How long pieces wait for the next hash.
const IDLE: Duration = Duration::from_secs(2);

/// Pieces that wait for the next hash. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    pieces: Vec<Vec<Block>>,
    /// How many are with hashes that run.
    taken: usize,
    last_use: Option<Instant>,
    /// Whether a task waits to release them.
    is_watched: bool,
}

impl std::fmt::Debug for Memory {
    // What hashes leave in it must not be read.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Memory {
    /// A piece of at least `blocks` blocks, with anything in it.
    pub(super) fn take(&self, blocks: usize) -> Piece {
        let mut waiting = self.lock();
        waiting.taken += 1;
        let piece = waiting.pieces.pop().unwrap_or_default();
        drop(waiting);
        let mut piece = Piece {
            memory: self.clone(),
            blocks: piece,
        };
        if piece.blocks.len() < blocks {
            piece.blocks.resize(blocks, Block::new());
        }
        piece
    }

    /// Sees to it that what is taken from now on is released some time after its last use. Needs a
    /// runtime.
    pub(super) fn release_later(&self) {
        let mut waiting = self.lock();
        waiting.last_use = Some(Instant::now());
        if std::mem::replace(&mut waiting.is_watched, true) {
            return;
        }
        drop(waiting);
        let memory = self.clone();
        tokio::spawn(async move {
            while let Some(due) = memory.release_if_idle() {
                tokio::time::sleep_until(due).await;
            }
        });
    }

    /// Releases everything when nothing was used for a while; otherwise, when to look again.
    fn release_if_idle(&self) -> Option<Instant> {
        let mut waiting = self.lock();
        let now = Instant::now();
        let due = waiting.last_use.map_or(now, |last| last + IDLE);
        if waiting.taken > 0 {
            return Some(due.max(now + IDLE));
        }
        if now < due {
            return Some(due);
        }
        waiting.is_watched = false;
        let pieces = std::mem::take(&mut waiting.pieces);
        drop(waiting);
        drop(pieces);
        None
    }

    /// How many pieces wait.
    #[cfg(test)]
    pub(super) fn pieces(&self) -> usize {
        self.lock().pieces.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece in use; waits for the next hash when dropped.
pub(super) struct Piece {
    memory: Memory,
    blocks: Vec<Block>,
}

impl Deref for Piece {
    type Target = [Block];

    fn deref(&self) -> &[Block] {
        &self.blocks
    }
}

impl DerefMut for Piece {
    fn deref_mut(&mut self) -> &mut [Block] {
        &mut self.blocks
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let blocks = std::mem::take(&mut self.blocks);
        let mut waiting = self.memory.lock();
        waiting.taken -= 1;
        waiting.last_use = Some(Instant::now());
        waiting.pieces.push(blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn memory_is_reused_and_released_when_idle() {
        let memory = Memory::default();
        memory.release_later();
        let (one, other) = (memory.take(8), memory.take(8));
        let address = one.as_ptr();
        drop(one);
        assert_eq!(memory.take(8).as_ptr(), address, "the same piece again");
        // What runs for long is not taken for idle.
        tokio::time::sleep(4 * IDLE).await;
        drop(other);
        assert_eq!(memory.pieces(), 2);
        tokio::time::sleep(2 * IDLE + Duration::from_millis(1)).await;
        assert_eq!(memory.pieces(), 0);
        // And again after the first release.
        memory.release_later();
        drop(memory.take(8));
        assert_eq!(memory.pieces(), 1);
        tokio::time::sleep(2 * IDLE + Duration::from_millis(1)).await;
        assert_eq!(memory.pieces(), 0);
    }
}
