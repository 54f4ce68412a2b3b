//! Which services restart again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use linux_api_host::units::Units;
use tokio::time::Instant;

/// How often the counters are read: one request to systemd for each service. They only grow, so that none of five
/// restarts in ten minutes is missed.
const PERIOD: Duration = Duration::from_mins(2);

/// When the counters were last read.
#[derive(Debug, Default)]
pub(super) struct RestartLook {
    looked_at: Option<Instant>,
}

impl RestartLook {
    /// The counters, when they are due and systemd says them.
    pub(super) async fn look(&mut self, units: &Units) -> Option<BTreeMap<String, u64>> {
        let is_recent = |then: Instant| then.elapsed() < PERIOD;
        if self.looked_at.is_some_and(is_recent) {
            return None;
        }
        self.looked_at = Some(Instant::now());
        let read = units.restarts().await;
        read.inspect_err(|error| tracing::debug!(%error, "can't read how often services restart"))
            .ok()
    }
}
