//! Brings the daemon onto a host, and takes it away again.
//!
//! [`facts`] are looked up, [`plan`] decides without touching anything, [`apply`] carries out one
//! step after another. Each step finds out what is there already, so a run that was interrupted is
//! finished by the next. Files are reached through [`tree`], which follows no symbolic link. This
//! module prints nothing: it tells its caller, who does.

pub mod answers;
pub mod apply;
mod commands;
pub mod database;
pub mod facts;
mod line;
pub mod plan;
mod program;
pub mod prompt;
pub mod removal;
mod service;
pub mod tree;
