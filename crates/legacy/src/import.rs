//! Data of the Python Linux-API: its users, their keys, and what it measured.
//!
//! It kept users of its v1 routes and all measurements in PostgreSQL, and users of its legacy routes
//! in an SQLite file. Both are only read. A [`Plan`] says who becomes whom before anything is
//! written; users and keys are then written at once, measurements a little at a time. Whatever is
//! done twice changes nothing the second time.

mod env_file;
mod error;
mod labels;
mod measurements;
mod plan;
mod postgres;
mod rollup;
mod source;
mod sqlite;

pub use env_file::{EnvFile, without_driver};
pub use error::ImportError;
pub use measurements::{Cutoffs, MeasurementsReport, import_measurements};
pub use plan::{Fate, KeyFate, OnConflict, Plan, PlannedUser, Present, key_id_of, plan};
pub use postgres::{Counts, PythonPostgres};
pub use source::{Origin, SourceUser};
pub use sqlite::PythonSqlite;
