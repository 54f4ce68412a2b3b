//! `GET /metrics`: the daemon and its host in the text formats that Prometheus reads.
//!
//! The host's series have node_exporter's names, types and labels, so that boards made for it show
//! them. Nothing here uses the database.

mod alerts;
mod format;
mod host;
mod own;
mod writer;

use std::sync::Arc;

use crate::alerts::AlertsHealth;
use crate::recorder::Totals;
use crate::tasks::flusher::FlusherHealth;
use linux_api_alerts::evaluate::States;
use linux_api_host::OwnProcess;
use linux_api_host::counters::HostCounters;
use linux_api_host::metrics::MetricsReading;
use linux_api_store::{Engine, PoolState};
use linux_api_wire::snapshot::Snapshot;
use linux_api_wire::time::Timestamp;
use writer::Writer;

pub(crate) use format::Format;

/// Everything in one response.
#[derive(Debug)]
pub(crate) struct Exposition {
    /// When it was read.
    pub(crate) time: Timestamp,
    /// Counters of the host.
    pub(crate) host: HostCounters,
    /// What the host's collectors found.
    pub(crate) metrics: MetricsReading,
    /// The newest snapshot, for what must not be waited for.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// This process.
    pub(crate) process: Option<OwnProcess>,
    /// All requests since the start.
    pub(crate) requests: Totals,
    /// How the writing of measurements goes.
    pub(crate) flusher: FlusherHealth,
    /// Minutes of the host's series that were not stored in time.
    pub(crate) dropped_minutes: u64,
    /// Series of the newest reading for which the history has no room.
    pub(crate) left_out_series: u64,
    /// Which database.
    pub(crate) engine: Engine,
    /// Its connections.
    pub(crate) pool: PoolState,
    /// Which alerts of this host are not well.
    pub(crate) alerts: Arc<States>,
    /// How alerts are doing.
    pub(crate) alerts_health: AlertsHealth,
}

impl Exposition {
    /// The response's body.
    pub(crate) fn render(&self, format: Format) -> String {
        let mut writer = Writer::new(format);
        own::write(&mut writer, self);
        alerts::write(&mut writer, self);
        host::write(&mut writer, self);
        writer.finish()
    }
}

#[cfg(test)]
mod beside;
#[cfg(test)]
mod board;
#[cfg(test)]
mod parser;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
