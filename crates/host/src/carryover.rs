//! What one reading leaves for the next.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Values by key that go from one reading to the next. What a reading does not keep is dropped when it
/// finishes, so that there are never more than the host has.
#[derive(Debug)]
pub(crate) struct Carryover<K, V> {
    earlier: HashMap<K, V>,
    current: HashMap<K, V>,
}

impl<K, V> Default for Carryover<K, V> {
    fn default() -> Self {
        Self {
            earlier: HashMap::new(),
            current: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq, V> Carryover<K, V> {
    /// What the reading before kept under this key. Gone after the first call of a reading.
    pub(crate) fn take<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.earlier.remove(key)
    }

    /// Keeps a value for the next reading.
    pub(crate) fn keep(&mut self, key: K, value: V) {
        self.current.insert(key, value);
    }

    /// Ends a reading: what it kept is now what the next one takes.
    pub(crate) fn finish(&mut self) {
        std::mem::swap(&mut self.earlier, &mut self.current);
        self.current.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reading_does_not_keep_is_dropped() {
        let mut values = Carryover::default();
        values.keep("a".to_owned(), 1);
        values.keep("b".to_owned(), 2);
        values.finish();
        assert_eq!((values.take("a"), values.take("a")), (Some(1), None));
        values.keep("a".to_owned(), 3);
        values.finish();
        assert_eq!((values.take("a"), values.take("b")), (Some(3), None));
    }
}
