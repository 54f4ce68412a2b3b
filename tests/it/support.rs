//! What several of these modules are tested with: servers, poolers, daemons, small programs.

#[macro_use]
pub(crate) mod database;
pub(crate) mod accounts;
pub(crate) mod bus;
pub(crate) mod daemon;
pub(crate) mod journal_files;
pub(crate) mod left_out;
pub(crate) mod outage;
pub(crate) mod pgbouncer;
pub(crate) mod pgpool;
pub(crate) mod postgres;
pub(crate) mod small_program;
pub(crate) mod sshd;
pub(crate) mod statement;
pub(crate) mod timedate;
pub(crate) mod timescale;
