//! The load of the last day, one value a minute.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use linux_api_wire::host::{LoadAverages, LoadValue};
use linux_api_wire::snapshot::{CpuSeconds, Family, Snapshot};
use ring::LoadRing;

mod ring;

/// The first value is measured over this time, because a minute would be a long wait.
const FIRST_WINDOW: Duration = Duration::from_secs(1);
/// From one value to the next.
const MINUTE: Duration = Duration::from_mins(1);

/// The load values of the last day. Clones share them: one is fed, the others read.
#[derive(Debug, Clone, Default)]
pub struct LoadSampler(Arc<RwLock<State>>);

#[derive(Debug, Default)]
struct State {
    ring: LoadRing,
    progress: Option<Progress>,
}

/// The newest value, with the reading that the next one is measured from.
#[derive(Debug)]
struct Progress {
    /// Whether the newest value is an estimate, which the next one replaces.
    is_provisional: bool,
    cpu: CpuSeconds,
    due: Instant,
}

impl LoadSampler {
    /// The newest `n` values, or as many as there are, oldest first; `None` before the first one.
    #[must_use]
    pub fn values(&self, n: usize) -> Option<Vec<LoadValue>> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (!state.ring.is_empty()).then(|| state.ring.latest(n))
    }

    /// The means of all values kept; `None` before the first one.
    #[must_use]
    pub fn averages(&self) -> Option<LoadAverages> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.ring.averages()
    }

    /// Begins a new run: what comes next is the first value again.
    pub(super) fn begin(&self) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.progress = None;
    }

    /// Takes a value of the snapshot when it is time for one.
    ///
    /// The first value is there at once: the load of now and the CPU use since the host started.
    /// After one second a measured one takes its place; from then on one comes every minute. When
    /// the host can't be read, values are left out.
    pub(super) fn observe(&self, snapshot: &Snapshot, now: Instant) {
        let is_fresh = snapshot.is_fresh(Family::Load) && snapshot.is_fresh(Family::Cpu);
        let (Some(load), Some(cpu), true) = (&snapshot.load, &snapshot.cpu, is_fresh) else {
            return;
        };
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let value = |earlier: &CpuSeconds| {
            Some(LoadValue {
                load_one: load.one,
                cpu_fraction: cpu.seconds.busy_fraction_since(earlier)?,
            })
        };
        let (is_provisional, due) = match &state.progress {
            None => {
                if let Some(value) = value(&CpuSeconds::default()) {
                    state.ring.push(value);
                }
                (true, now + FIRST_WINDOW)
            }
            Some(progress) if now < progress.due => return,
            Some(progress) => {
                let (value, due) = (value(&progress.cpu), progress.due);
                match value {
                    Some(value) if progress.is_provisional => state.ring.replace_latest(value),
                    Some(value) => state.ring.push(value),
                    None => {}
                }
                // After a pause of the machine one value is late; a burst would mean nothing.
                let is_late = now >= due + MINUTE;
                (false, if is_late { now } else { due } + MINUTE)
            }
        };
        state.progress = Some(Progress {
            is_provisional,
            cpu: cpu.seconds,
            due,
        });
    }
}
