//! What is read of a host for each check, as functions of what the host crate knows.
//!
//! None of them has a threshold: rules have. A value that could not be read gives a reading without data, or none.

mod clock;
mod disk;
mod memory;
mod own;
mod storage;
mod units;

pub use clock::{Certificate, ClockFacts, certificate_expires, clock_off};
pub use disk::{FILL_WINDOW, FillHistory, disk_full_soon, disk_inodes, disk_space};
pub use memory::{OomKills, load, memory_low, pressure};
pub use own::{Backups, OwnFacts, gave_up, linux_api};
pub use storage::{StorageFacts, storage_fault, storage_temperature};
pub use units::{RESTARTS, RESTARTS_WINDOW, UnitRestarts, process_missing, unit_failed};

/// A count or a size as a number of a threshold: exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "thresholds need no more than 53 bits"
)]
pub(crate) const fn number(value: u64) -> f64 {
    value as f64
}
