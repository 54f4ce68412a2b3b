//! Where the engines' types meet: how our values are stored in each.
//!
//! SQLite keeps times as whole milliseconds and ids as text, so that people can read them;
//! PostgreSQL has types for both.

use chrono::{DateTime, Utc};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::UserId;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Database, Decode, Encode, Postgres, Sqlite, Type, ValueRef as _};
use uuid::Uuid;

/// A value of another crate on its way to or from a column: a crate may say how a type is stored only
/// where the type or the trait is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Db<T>(pub(crate) T);

/// Makes a type readable from the rows of both engines by the names of its fields. Those behind `db` have
/// types that pass through [`Db`]; those behind `flat` are types of this kind themselves.
macro_rules! stored_row {
    ($type:ident { $($field:ident),*; db $($stored:ident: $of:ty),+ $(; flat $($flat:ident),+)? }) => {
        $crate::codec::stored_row!(@ $type, sqlx::sqlite::SqliteRow,
            [$($field)*] [$($stored: $of,)+] [$($($flat)+)?]);
        $crate::codec::stored_row!(@ $type, sqlx::postgres::PgRow,
            [$($field)*] [$($stored: $of,)+] [$($($flat)+)?]);
    };
    (@ $type:ident, $row:ty, [$($field:ident)*] [$($stored:ident: $of:ty,)+] [$($flat:ident)*]) => {
        impl sqlx::FromRow<'_, $row> for $type {
            fn from_row(row: &$row) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                Ok(Self {
                    $($field: row.try_get(stringify!($field))?,)*
                    $($stored: row.try_get::<$crate::codec::Db<$of>, _>(stringify!($stored))?.0,)+
                    $($flat: sqlx::FromRow::from_row(row)?,)*
                })
            }
        }
    };
}
pub(crate) use stored_row;

impl<DB: Database, T> Type<DB> for Db<Option<T>>
where
    Db<T>: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        Db::<T>::type_info()
    }

    fn compatible(info: &DB::TypeInfo) -> bool {
        Db::<T>::compatible(info)
    }
}

impl<'q, DB: Database, T: Copy> Encode<'q, DB> for Db<Option<T>>
where
    Db<T>: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self.0 {
            Some(value) => Db(value).encode_by_ref(buffer),
            None => Ok(IsNull::Yes),
        }
    }

    fn produces(&self) -> Option<DB::TypeInfo> {
        self.0.and_then(|value| Db(value).produces())
    }
}

impl<'r, DB: Database, T> Decode<'r, DB> for Db<Option<T>>
where
    Db<T>: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        if value.is_null() {
            return Ok(Self(None));
        }
        Ok(Self(Some(Db::<T>::decode(value)?.0)))
    }
}

impl Type<Sqlite> for Db<Timestamp> {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Db<Timestamp> {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.0.as_millis(), buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for Db<Timestamp> {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        let millis = <i64 as Decode<Sqlite>>::decode(value)?;
        Ok(Self(Timestamp::from_millis(millis)))
    }
}

impl Type<Postgres> for Db<Timestamp> {
    fn type_info() -> PgTypeInfo {
        <DateTime<Utc> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Db<Timestamp> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(DateTime::<Utc>::from(self.0), buffer)
    }
}

impl<'r> Decode<'r, Postgres> for Db<Timestamp> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(
            <DateTime<Utc> as Decode<Postgres>>::decode(value)?.into(),
        ))
    }
}

impl Type<Sqlite> for Db<UserId> {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Db<UserId> {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.0.to_string(), buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for Db<UserId> {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        let id = Uuid::parse_str(<&str as Decode<Sqlite>>::decode(value)?)?;
        Ok(Self(UserId(id)))
    }
}

impl Type<Postgres> for Db<UserId> {
    fn type_info() -> PgTypeInfo {
        <Uuid as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Db<UserId> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.0.0, buffer)
    }
}

impl<'r> Decode<'r, Postgres> for Db<UserId> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(UserId(<Uuid as Decode<Postgres>>::decode(value)?)))
    }
}
