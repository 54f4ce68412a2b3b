//! Installs the daemon on a host, and removes it.
//!
//! [`facts`] are looked up, [`plan`] decides without changing anything, [`apply`] runs one step after
//! another. Each step finds out what is there already, so the next run completes one that was
//! interrupted. Files are accessed through [`tree`], which follows no symbolic link. This crate prints
//! nothing: its caller does.
//!
//! Start at [`plan::plan`]: from [`answers::Answers`] and [`facts::Facts`] to a [`plan::Plan`].
//!
//! - [`prompt`]: prompts for the answers in a terminal; [`answers`]: reads them from a file.
//! - [`apply::apply`]: the steps, reported to an [`apply::Witness`].
//! - [`removal`]: `--uninstall` and `--purge`.
//! - [`tree::Tree`]: files below a root, with owner and mode.

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
