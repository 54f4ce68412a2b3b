//! Work that goes on in the background for as long as the daemon runs.

pub mod backups;
mod clock_watch;
pub mod flusher;
pub mod host_minutes;
pub mod janitor;
pub mod key_use;
pub mod key_watch;
pub mod merger;
pub mod presence;
pub mod refusals;
pub mod sampler;
pub mod supervisor;
pub mod trim;
