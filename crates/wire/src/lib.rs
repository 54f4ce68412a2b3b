//! Plain data of the domain: no I/O and no knowledge of any other module.

pub mod api;
pub mod api_key;
pub mod audit;
pub mod authority;
pub mod filter;
pub mod fleet;
pub mod harmless;
pub mod host;
pub mod log;
pub mod process;
pub mod progress;
pub mod request_stats;
pub mod series;
pub mod sketch;
pub mod snapshot;
pub mod suggest;
pub mod time;
pub mod time_text;
pub mod tui;
pub mod user;
