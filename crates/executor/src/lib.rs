//! Acts on the host: the one part of the program that has privileges.
//!
//! A process of root's ([`server`]) takes requests over a Unix socket from the daemon, which has no
//! privileges and decides **who** may request. The executor decides **what** is possible on this host,
//! no matter who requests, by a [`policy`] that only root writes; without one, nothing is.
//!
//! - [`log`]: every act is on disk before it happens, in a chain of hashes.
//! - [`executor`]: the order of an act: decide, record, decide again, act, record.
//! - `processes` and `units`: the acts themselves, through pidfd and D-Bus.
//!
//! The messages are in `linux_api_acts`: what is not in one of their types can't be requested. There is no
//! HTTP, TLS, SQL or shell in here, and no plug-ins: this is the boundary, and it stays small.

mod automatic;
pub mod executor;
pub mod log;
pub mod policy;
mod processes;
mod rate;
mod remembered;
pub mod server;
mod units;
