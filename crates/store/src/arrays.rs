//! Lists in one column: arrays on PostgreSQL, JSON texts on SQLite, which has no arrays.

use std::fmt::Write as _;
use std::str::FromStr;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Postgres, Sqlite, Type};

/// Figures, each of which may be missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Reals(pub(crate) Vec<Option<f32>>);

/// Small numbers, each of which may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counts(pub(crate) Vec<Option<i16>>);

/// Whole numbers, each of which may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Integers(pub(crate) Vec<Option<i64>>);

/// Ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ids(pub(crate) Vec<i64>);

/// A figure in as few characters as distinguish it from all others. Without an exponent where that is no longer.
fn write_real(text: &mut String, value: f32) {
    let plain = value.to_string();
    let scientific = format!("{value:e}");
    // 1.234567e9 in whole digits: 1234567e3.
    let whole = scientific.split_once('e').and_then(|(digits, exponent)| {
        let places = digits.split_once('.').map_or(0, |(_, after)| after.len());
        let exponent = exponent.parse::<i32>().ok()? - i32::try_from(places).ok()?;
        Some(format!("{}e{exponent}", digits.replace('.', "")))
    });
    match whole {
        // JSON has no zeros in front.
        Some(whole) if whole.len() < plain.len() && !whole.starts_with(['0', '-']) => {
            text.push_str(&whole);
        }
        _ => text.push_str(&plain),
    }
}

fn to_json<T: Copy>(items: &[Option<T>], write: impl Fn(&mut String, T)) -> String {
    let mut text = String::with_capacity(items.len() * 9 + 2);
    text.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        match item {
            Some(item) => write(&mut text, *item),
            None => text.push_str("null"),
        }
    }
    text.push(']');
    text
}

/// Reads each number in its own type: by way of a wider one the last digit could change.
fn from_json<T: FromStr>(text: &str) -> Result<Vec<Option<T>>, BoxDynError>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let inner = text
        .trim()
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .ok_or("not a list of numbers")?
        .trim();
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    let items = inner.split(',').map(|item| match item.trim() {
        "null" => Ok(None),
        number => number.parse().map(Some).map_err(BoxDynError::from),
    });
    items.collect()
}

fn write_whole(text: &mut String, value: impl std::fmt::Display) {
    // Writing to a string never fails.
    let _ = write!(text, "{value}");
}

impl Reals {
    pub(crate) fn to_json(&self) -> String {
        to_json(&self.0, write_real)
    }
}

impl Counts {
    pub(crate) fn to_json(&self) -> String {
        to_json(&self.0, write_whole)
    }
}

impl Integers {
    pub(crate) fn to_json(&self) -> String {
        to_json(&self.0, write_whole)
    }
}

impl Ids {
    fn to_json(&self) -> String {
        let items: Vec<Option<i64>> = self.0.iter().copied().map(Some).collect();
        to_json(&items, write_whole)
    }
}

fn all_there<T>(items: Vec<Option<T>>) -> Result<Vec<T>, BoxDynError> {
    let items: Option<Vec<T>> = items.into_iter().collect();
    items.ok_or_else(|| "a list of ids has a gap".into())
}

macro_rules! stored_list {
    ($type:ident, $array:ty, $of_array:expr, $of_json:expr) => {
        impl Type<Sqlite> for $type {
            fn type_info() -> SqliteTypeInfo {
                <String as Type<Sqlite>>::type_info()
            }
        }

        impl Encode<'_, Sqlite> for $type {
            fn encode_by_ref(
                &self,
                buffer: &mut SqliteArgumentsBuffer,
            ) -> Result<IsNull, BoxDynError> {
                Encode::<Sqlite>::encode(self.to_json(), buffer)
            }
        }

        impl<'r> Decode<'r, Sqlite> for $type {
            fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
                let items = from_json(<&str as Decode<Sqlite>>::decode(value)?)?;
                Ok(Self($of_json(items)?))
            }
        }

        impl Type<Postgres> for $type {
            fn type_info() -> PgTypeInfo {
                <$array as Type<Postgres>>::type_info()
            }
        }

        impl Encode<'_, Postgres> for $type {
            fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
                Encode::<Postgres>::encode_by_ref(&self.0, buffer)
            }
        }

        impl<'r> Decode<'r, Postgres> for $type {
            fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                Ok(Self($of_array(<$array as Decode<Postgres>>::decode(
                    value,
                )?)))
            }
        }
    };
}

stored_list!(
    Reals,
    Vec<Option<f32>>,
    std::convert::identity,
    Ok::<_, BoxDynError>
);
stored_list!(
    Counts,
    Vec<Option<i16>>,
    std::convert::identity,
    Ok::<_, BoxDynError>
);
stored_list!(
    Integers,
    Vec<Option<i64>>,
    std::convert::identity,
    Ok::<_, BoxDynError>
);
stored_list!(Ids, Vec<i64>, std::convert::identity, all_there);

#[cfg(test)]
mod tests {
    use super::*;

    fn through(value: f32) -> (String, f32) {
        let text = Reals(vec![Some(value)]).to_json();
        let back = from_json::<f32>(&text).unwrap();
        (text, back[0].unwrap())
    }

    #[test]
    fn figures_are_short_texts_that_are_read_as_what_they_were() {
        for (value, text) in [
            (0.0, "[0]"),
            (1.0, "[1]"),
            (12.3, "[12.3]"),
            (-12.5, "[-12.5]"),
            (1_234_567.0, "[1234567]"),
            (8_123_457e3, "[8123457e3]"),
            (1e-7, "[1e-7]"),
            (0.5, "[0.5]"),
        ] {
            assert_eq!(through(value), (text.to_owned(), value));
        }
    }

    #[test]
    fn gaps_and_empty_lists_are_kept() {
        let list = Reals(vec![None, Some(1.5), None]);
        assert_eq!(list.to_json(), "[null,1.5,null]");
        assert_eq!(from_json::<f32>(" [null, 1.5 ,null] ").unwrap(), list.0);
        assert_eq!(from_json::<i16>("[]").unwrap(), Vec::<Option<i16>>::new());
        for text in ["", "1", "[1,]", "[x]", "{}"] {
            assert!(from_json::<i16>(text).is_err(), "{text}");
        }
        assert!(all_there(vec![Some(1), None]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn every_figure_comes_back(bits: u32) {
            let value = f32::from_bits(bits);
            if value.is_finite() {
                let (text, back) = through(value);
                assert_eq!(back.to_bits(), value.to_bits());
                let json: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert!(json[0].is_number());
            }
        }
    }
}
