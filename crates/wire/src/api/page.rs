//! Pages of long lists, and the opaque cursors that lead from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Timestamp;

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Leads to the next page when given as `cursor`; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// A place in a list that is ordered by time and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Time of the last row that was seen.
    pub time: Timestamp,
    /// Its id.
    pub id: String,
}

/// The text is no cursor that this program made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Input should be a cursor from an earlier response")]
pub struct ParseCursorError;

impl Cursor {
    /// The opaque text given to clients.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("1:{}:{}", self.time.as_millis(), self.id))
    }

    /// Reads the text of [`Cursor::encode`].
    ///
    /// # Errors
    /// When it is anything else.
    pub fn decode(text: &str) -> Result<Self, ParseCursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ParseCursorError)?;
        let plain = std::str::from_utf8(&bytes).map_err(|_| ParseCursorError)?;
        let rest = plain.strip_prefix("1:").ok_or(ParseCursorError)?;
        let (millis, id) = rest.split_once(':').ok_or(ParseCursorError)?;
        let millis: i64 = millis.parse().map_err(|_| ParseCursorError)?;
        // What a timestamp column can hold, year 1 to 9999.
        let storable = (-62_135_596_800_000..=253_402_300_799_999).contains(&millis);
        let well_formed = storable && id.len() <= 64 && !id.contains('\0');
        well_formed
            .then(|| Self {
                time: Timestamp::from_millis(millis),
                id: id.to_owned(),
            })
            .ok_or(ParseCursorError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_round_trip(
            millis in -62_135_596_800_000_i64..=253_402_300_799_999,
            id in "[0-9a-zA-Z:-]{0,64}",
        ) {
            let cursor = Cursor { time: Timestamp::from_millis(millis), id };
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "\\PC{0,60}") {
            if let Ok(cursor) = Cursor::decode(&text) {
                prop_assert_eq!(cursor.encode(), text);
            }
        }
    }
}
