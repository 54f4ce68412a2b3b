//! Alerts: rules of users, states of instances, silences, notices and their way to receivers.
//!
//! What is judged and sent is decided by the crate `linux-api-alerts`, which knows no database. Here are the
//! transactions: a state is stored together with its notice ([`states`]), an automatic act is counted where it is
//! decided ([`brakes`]), a notice leaves the queue together with the
//! message that it becomes part of ([`outbox`]). So a daemon that is killed neither loses a notice nor makes
//! one twice.

pub mod brakes;
pub mod deliveries;
pub mod history;
pub mod outbox;
pub mod rules;
pub mod silences;
pub mod states;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// The form of a value in a column.
fn stored<T: Serialize>(
    table: &'static str,
    column: &'static str,
    value: &T,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt { table, column })
}

/// Reads the form of a value in a column.
fn read<T: DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt { table, column })
}
