//! The handlers: extract, call, map.

pub(crate) mod acts;
pub(crate) mod admin;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod docs;
pub(crate) mod exposition;
pub(crate) mod fleet;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod keys;
pub(crate) mod load;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod network;
pub(crate) mod process_acts;
pub(crate) mod processes;
pub(crate) mod service;
pub(crate) mod snapshot;
pub(crate) mod system;
pub(crate) mod unit_acts;
pub(crate) mod units;
pub(crate) mod users;
