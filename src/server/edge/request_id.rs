//! Request ids: a random prefix per process and a counter, unique without asking anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes request ids such as `c0ffee12-1a`.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: u32,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that start with these 32 random bits.
    pub(crate) fn new(prefix: u32) -> Self {
        Self {
            prefix,
            next: AtomicU64::new(1),
        }
    }

    pub(crate) fn next(&self) -> Arc<str> {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-{count:x}", self.prefix).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_up_behind_the_prefix() {
        let ids = RequestIds::new(0xc0ff_ee12);
        assert_eq!(&*ids.next(), "c0ffee12-1");
        assert_eq!(&*ids.next(), "c0ffee12-2");
    }
}
