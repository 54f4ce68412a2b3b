//! Alerts, as functions of data: what is judged, what state it is in, what is sent and how it reads.
//!
//! There is no database, no network and no clock here; times are passed in. So a run over stored history gives
//! what the live run gave ([`replay`]).
//!
//! The way of an alert, and where to start reading:
//!
//! 1. [`rules::Rule`] says what is wrong from where on; [`rules::RuleSet`] picks the rule of each instance. Rules are
//!    read from files ([`rules::file`]), and the [stock rules](rules::stock) are such a file.
//! 2. [`checks`] make [`reading::Reading`]s of what the host crate has read.
//! 3. [`evaluate::evaluate`] judges readings and moves [`state::InstanceState`]s; a change is a [`notice::Notice`].
//! 4. [`plan::plan`] decides which waiting notices are sent now, in which groups, by [`silence`]s,
//!    [`quiet`] hours and hosts that are down ([`fleet`]).
//! 5. [`message::Message`] is what people read, [`channels`] make the requests and the mail of it,
//!    [`delivery`] says when to retry and [`address`] where a request may go.
//!
//! To add a check: a line in [`subject::CHECKS`], a function in [`checks`], how its values are judged in
//! [`judge`], a rule in `stock.toml`, a row in `docs/alerts.md`.

pub mod address;
pub mod brake;
pub mod channels;
pub mod checks;
pub mod delivery;
pub mod evaluate;
pub mod fleet;
pub mod host_text;
pub mod judge;
pub mod labels;
pub mod message;
pub mod name;
pub mod notice;
pub mod plan;
pub mod quiet;
pub mod reading;
pub mod replay;
pub mod rules;
pub mod severity;
pub mod silence;
pub mod state;
pub mod subject;
pub mod window;

#[cfg(test)]
mod testing;
