//! Sketches as bytes, as `docs/metrics-format.md` describes them.

use super::{KEYS, Sketch};

/// The first byte; another layout or another mapping to bins gets another one.
const VERSION: u8 = 1;

/// Why bytes are not a sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end too early.
    #[error("the sketch ends too early")]
    Truncated,
    /// There are more than the sketch has.
    #[error("bytes follow after the sketch")]
    Trailing,
    /// They were written in a form that this program does not know.
    #[error("unknown version {0} of a sketch")]
    Version(u8),
    /// A number is not written as this program writes it.
    #[error("a number in the sketch is out of range or not in its shortest form")]
    Number,
}

impl Sketch {
    /// The sketch as bytes; equal sketches give equal bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bins = self.filled().count();
        let mut bytes = Vec::with_capacity(8 + 3 * bins);
        bytes.push(VERSION);
        put(&mut bytes, self.zeros);
        put(&mut bytes, bins as u64);
        let mut next = *KEYS.start();
        for (key, count) in self.filled() {
            put(&mut bytes, u64::from(key.abs_diff(next)));
            put(&mut bytes, count);
            next = key.saturating_add(1);
        }
        bytes
    }

    /// Reads what [`Sketch::encode`] wrote.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut sketch = Self::new();
        sketch.merge_encoded(bytes)?;
        Ok(sketch)
    }

    /// Adds all values of a sketch in its encoded form, without making that sketch first.
    ///
    /// # Errors
    /// When the bytes are no sketch; some of its values may have been added then.
    pub fn merge_encoded(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let (version, mut rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
        if *version != VERSION {
            return Err(DecodeError::Version(*version));
        }
        let zeros = take(&mut rest)?;
        self.zeros = self.zeros.saturating_add(zeros);
        let bins = take(&mut rest)?;
        if self.bins.is_empty() {
            // A pair takes at least two bytes: what is no sketch reserves no more than it has.
            let pairs = usize::try_from(bins).unwrap_or(usize::MAX);
            self.bins.reserve(pairs.min(rest.len() / 2));
        }
        let mut next = *KEYS.start();
        for _ in 0..bins {
            let gap = i16::try_from(take(&mut rest)?).map_err(|_| DecodeError::Number)?;
            let key = next.checked_add(gap).filter(|key| KEYS.contains(key));
            let key = key.ok_or(DecodeError::Number)?;
            let count = take(&mut rest)?;
            if count == 0 {
                return Err(DecodeError::Number);
            }
            self.add_to_bin(key, count);
            next = key.saturating_add(1);
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Trailing)
        }
    }
}

/// Seven bits per byte, the lowest first; the highest bit says that another byte follows (LEB128).
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut number = 0_u64;
    for place in 0..10_u32 {
        let (byte, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte holds the last bit of 64.
        if place == 9 && bits > 1 {
            return Err(DecodeError::Number);
        }
        number |= bits << (7 * place);
        if byte & 0x80 == 0 {
            let is_shortest = place == 0 || *byte != 0;
            return is_shortest.then_some(number).ok_or(DecodeError::Number);
        }
    }
    Err(DecodeError::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sketch() -> impl Strategy<Value = Sketch> {
        let bin = (KEYS, prop_oneof![1_u64..300, Just(u64::MAX)]);
        (any::<u64>(), proptest::collection::vec(bin, 0..60)).prop_map(|(zeros, bins)| {
            let mut sketch = Sketch {
                zeros,
                ..Sketch::new()
            };
            for (key, count) in bins {
                sketch.add_to_bin(key, count);
            }
            sketch
        })
    }

    proptest! {
        #[test]
        fn sketches_round_trip(sketch in sketch()) {
            prop_assert_eq!(Sketch::decode(&sketch.encode()), Ok(sketch));
        }

        #[test]
        fn merging_bytes_is_merging_sketches(left in sketch(), right in sketch()) {
            let mut merged = left.clone();
            merged.merge(&right);
            let mut from_bytes = left;
            from_bytes.merge_encoded(&right.encode()).unwrap();
            prop_assert_eq!(from_bytes, merged);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(sketch) = Sketch::decode(&bytes) {
                prop_assert_eq!(sketch.encode(), bytes);
            }
        }

        #[test]
        fn damaged_sketches_are_decoded_or_refused(
            sketch in sketch(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let mut bytes = sketch.encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
                prop_assert!(Sketch::decode(&bytes).is_err());
            } else if let Ok(sketch) = Sketch::decode(&bytes) {
                prop_assert_eq!(sketch.encode(), bytes);
            }
        }
    }

    #[test]
    fn the_documented_example_is_what_is_written() {
        let mut sketch = Sketch::new();
        for value in [0.0, 0.002, 0.002, 0.250] {
            sketch.add(value);
        }
        // Bins -311 and -70, as docs/metrics-format.md shows.
        let expected = [1, 1, 2, 0xd6, 0x05, 2, 0xf0, 0x01, 1];
        assert_eq!(sketch.encode(), expected);
    }

    #[test]
    fn refusals_say_why() {
        for (bytes, expected) in [
            (&[][..], DecodeError::Truncated),
            (&[2, 0, 0], DecodeError::Version(2)),
            (&[1, 0, 1, 0], DecodeError::Truncated),
            (&[1, 0, 0, 0], DecodeError::Trailing),
            (&[1, 0, 1, 0, 0], DecodeError::Number),
            (&[1, 0x80, 0, 0], DecodeError::Number),
            (&[1, 0, 1, 0xff, 0xff, 0x7f, 1], DecodeError::Number),
        ] {
            assert_eq!(Sketch::decode(bytes), Err(expected), "{bytes:?}");
        }
    }
}
