//! Where a page of processes ends.
//!
//! A cursor holds the place of the last row and not its number: rows that come and go between two
//! pages neither push others off a page nor bring them up twice.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::column::{Column, Order};
use super::selection::Key;

/// The place of a row in a sorted list.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessCursor {
    pub(super) sort: Column,
    pub(super) order: Order,
    pub(super) pid: u32,
    pub(super) key: Key<'static>,
}

/// The text is no cursor that this program made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Input should be a cursor from an earlier response")]
pub struct ParseProcessCursorError;

impl ProcessCursor {
    /// The opaque text given to clients.
    #[must_use]
    pub fn encode(&self) -> String {
        let key = match &self.key {
            // The bits, so that not the least of the number is lost.
            Key::Number(number) => format!("n{:x}", number.to_bits()),
            Key::Text(text) => format!("t{text}"),
            Key::Missing => "m".to_owned(),
        };
        let (sort, order, pid) = (self.sort.as_str(), self.order.as_str(), self.pid);
        URL_SAFE_NO_PAD.encode(format!("p1:{sort}:{order}:{pid}:{key}"))
    }

    /// Whether it leads on in a list that is sorted so.
    #[must_use]
    pub fn is_of(&self, sort: Column, order: Order) -> bool {
        (self.sort, self.order) == (sort, order)
    }
}

impl FromStr for ProcessCursor {
    type Err = ParseProcessCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode(text).ok_or(ParseProcessCursorError)
    }
}

fn decode(text: &str) -> Option<ProcessCursor> {
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let mut parts = plain.strip_prefix("p1:")?.splitn(4, ':');
    let sort = parts.next()?.parse().ok()?;
    let order = parts.next()?.parse().ok()?;
    let pid = parts.next()?.parse().ok()?;
    let key = parts.next()?;
    let key = match key.split_at_checked(1)? {
        ("n", bits) => Key::Number(f64::from_bits(u64::from_str_radix(bits, 16).ok()?)),
        ("t", text) => Key::Text(text.to_owned().into()),
        ("m", "") => Key::Missing,
        _ => return None,
    };
    Some(ProcessCursor {
        sort,
        order,
        pid,
        key,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = Key<'static>> {
        prop_oneof![
            (-1e300..1e300_f64).prop_map(Key::Number),
            "\\PC{0,64}".prop_map(|text| Key::Text(text.into())),
            Just(Key::Missing),
        ]
    }

    proptest! {
        #[test]
        fn cursors_round_trip(
            sort in prop::sample::select(Column::ALL),
            order in prop::sample::select(vec![Order::Ascending, Order::Descending]),
            pid in any::<u32>(),
            key in keys(),
        ) {
            let cursor = ProcessCursor { sort, order, pid, key };
            prop_assert_eq!(cursor.encode().parse(), Ok(cursor));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "\\PC{0,60}") {
            prop_assert_eq!(text.parse::<ProcessCursor>(), Err(ParseProcessCursorError));
        }
    }

    #[test]
    fn what_is_not_from_here_is_refused() {
        for plain in [
            "",
            "p1:pid:asc:1",
            "p2:pid:asc:1:m",
            "p1:x:asc:1:m",
            "p1:pid:up:1:m",
            "p1:pid:asc:-1:m",
            "p1:pid:asc:1:",
            "p1:pid:asc:1:mm",
            "p1:pid:asc:1:nx",
            "p1:pid:asc:1:ä",
        ] {
            let text = URL_SAFE_NO_PAD.encode(plain);
            assert!(text.parse::<ProcessCursor>().is_err(), "{plain}");
        }
    }
}
