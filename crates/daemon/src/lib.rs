//! The daemon: the HTTP server, its background tasks, and its logs.
//!
//! Start at [`run::Daemon`]: it opens what [`run::Start`] describes, and serves until it is stopped.
//!
//! - `connections`: the accept loop; `edge`: the one layer around every route (limits, authentication, access
//!   log).
//! - `router`: the one list of routes; `routes`: their handlers; `error`: `ApiError`, the only error of handlers.
//! - [`tasks`]: sampler, flusher, retention and their supervisor; [`recorder::Recorder`]: counts requests.
//! - [`acts::Acts`]: what the executor does for callers, and the copy of its log.
//! - [`alerts::Alerts`]: judges this host, and with the lease the fleet; sends notices.
//! - [`streams`]: server-sent events; `exposition`: `/metrics`; [`journal`]: the host's logs.
//! - [`state::AppState`]: what handlers use; [`telemetry`], [`access_log`]: the logs.

pub mod access_log;
pub mod acts;
pub mod alerts;
mod bare_refusals;
pub mod client_address;
mod connections;
mod deadline;
mod edge;
mod error;
mod exposition;
mod extract;
pub mod handler;
mod history;
pub mod host;
mod host_params;
mod issuer;
pub mod journal;
mod json;
pub mod notices;
pub mod old_routes;
mod openapi;
mod params;
pub mod peer;
pub mod recorder;
mod reserve;
pub mod route_list;
mod router;
mod routes;
pub mod run;
pub mod server;
pub mod state;
pub mod streams;
pub mod tasks;
pub mod telemetry;
pub mod tls;
mod unix_peers;
mod unread;
