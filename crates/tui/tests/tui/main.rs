//! The dashboard without a terminal, a daemon and a network: every screen as text, and what keys, mouse
//! and responses do to it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod acts;
mod alert_acts;
mod alert_places;
mod alerts;
mod behaviour;
mod deeds;
mod fleet;
mod handling;
mod hands;
mod logs;
mod looks;
mod matrix;
mod network;
mod overview;
mod past;
mod poison;
mod rows;
mod screens;
mod stage;
mod totals;
mod truth;
mod ways;
