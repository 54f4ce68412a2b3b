//! What crosses the wire and what is stored, as plain data: no I/O and no knowledge of other crates.
//!
//! Start at [`snapshot`] for the state of a host, and at [`api`] for the bodies of requests and responses.
//!
//! - [`snapshot::Snapshot`]: one reading of a host, with a field per family; [`process`]: its processes.
//! - [`series`]: the one list of figures with a history (`SERIES`).
//! - [`filter::Filter`]: the language that selects processes, for the API and the dashboard.
//! - [`request_stats`], [`sketch::Sketch`]: statistics of requests, and their mergeable percentiles.
//! - [`metrics_collector`]: the parts of the host that `/metrics` shows.
//! - [`user`], [`api_key`], [`host_selector`], [`authority`], [`audit`]: who may do what, and who did.
//! - [`api::problem::Problem`], [`api::page::Page`]: errors and pages of the API.
//! - [`time::Timestamp`], [`time::Clock`]: the only clock of the program.

pub mod api;
pub mod api_key;
pub mod audit;
pub mod authority;
pub mod duration_text;
pub mod filter;
pub mod fleet;
pub mod harmless;
pub mod host;
pub mod host_selector;
pub mod log;
pub mod metrics_collector;
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
pub mod units;
pub mod user;
