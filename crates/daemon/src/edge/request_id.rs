//! Request ids: a random prefix per process and a counter, unique without coordination.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

/// The id of one request: 8 hexadecimal digits, a dash, and up to 16 more. Copied, not shared: it is
/// shorter than what counting its holders would take.
#[derive(Clone, Copy)]
pub(crate) struct RequestId {
    text: [u8; Self::LENGTH_MAX],
    /// Where the id begins.
    start: usize,
}

impl RequestId {
    const LENGTH_MAX: usize = 25;
}

impl Deref for RequestId {
    type Target = str;

    fn deref(&self) -> &str {
        let text = self.text.get(self.start..).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

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

    pub(crate) fn next(&self) -> RequestId {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        // By hand and from the right, because each request pays for it.
        let mut text = [b'-'; RequestId::LENGTH_MAX];
        let mut start = write_hex(&mut text, count, 1);
        start -= 1;
        start = write_hex(&mut text[..start], self.prefix.into(), 8);
        RequestId { text, start }
    }
}

/// Writes at least so many digits at the end; where they begin.
fn write_hex(text: &mut [u8], mut number: u64, digits: usize) -> usize {
    let mut start = text.len();
    let first = start - digits;
    while number > 0 || start > first {
        start -= 1;
        text[start] = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_up_behind_the_prefix() {
        let ids = RequestIds::new(0xc0ff_ee12);
        assert_eq!(&*ids.next(), "c0ffee12-1");
        assert_eq!(&*ids.next(), "c0ffee12-2");
        ids.next.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(&*ids.next(), "c0ffee12-ffffffffffffffff");
        assert_eq!(&*RequestIds::new(7).next(), "00000007-1");
    }
}
