//! Readings of what the sampler has read anyway.

use std::collections::BTreeMap;
use std::time::Duration;

use linux_api_alerts::checks;
use linux_api_alerts::host_text::HostText;
use linux_api_alerts::notice::ContextKind;
use linux_api_alerts::reading::of_snapshot;
use linux_api_alerts::subject::{Check, Direction, Subject};
use linux_api_wire::series::SERIES;
use linux_api_wire::time::Timestamp;

use super::evaluator::{ReadingSource, SubjectReadings};
use crate::tasks::sampler::HostSampler;

/// An older snapshot says nothing of now.
const AGE_MAX: Duration = Duration::from_secs(90);

/// What the newest snapshot has.
#[derive(Debug)]
pub struct SampledReadings {
    sampler: HostSampler,
    booted_at: Option<Timestamp>,
}

impl SampledReadings {
    /// Readings of what this sampler reads.
    #[must_use]
    pub const fn new(sampler: HostSampler) -> Self {
        let booted_at = None;
        Self { sampler, booted_at }
    }
}

impl ReadingSource for SampledReadings {
    async fn read(&mut self, _now: Timestamp) -> SubjectReadings {
        let newest = self.sampler.newest();
        let is_new = |taken: Option<std::time::Instant>| {
            taken.is_some_and(|taken| taken.elapsed() < AGE_MAX)
        };
        let Some(snapshot) = newest.filter(|snapshot| is_new(snapshot.taken)) else {
            return Vec::new();
        };
        let mut all = SubjectReadings::new();
        let mut series = of_snapshot(&snapshot);
        for one in SERIES {
            let readings = series.remove(one.name).unwrap_or_default();
            for direction in [Direction::Above, Direction::Below] {
                let subject = Subject::Series {
                    series: one,
                    direction,
                };
                all.push((subject, Ok(readings.clone())));
            }
        }
        let mut check = |check, readings| all.push((Subject::Check(check), Ok(readings)));
        if let Some(filesystems) = &snapshot.filesystems {
            check(Check::DiskSpace, checks::disk_space(filesystems));
            check(Check::DiskInodes, checks::disk_inodes(filesystems));
        }
        let pressure = snapshot.pressure.as_deref();
        check(
            Check::MemoryLow,
            checks::memory_low(snapshot.memory.as_deref(), pressure),
        );
        if let Some(pressure) = pressure {
            check(Check::Pressure, checks::pressure(pressure));
        }
        let cores = snapshot
            .cpu
            .as_ref()
            .map_or(1, |cpu| cpu.per_core.len().max(1));
        check(
            Check::Load,
            checks::load(snapshot.load.as_deref(), cores, pressure),
        );
        if let Some(units) = &snapshot.units {
            let readings = checks::unit_failed(&units.failed_names, &BTreeMap::new());
            all.push((Subject::Check(Check::UnitFailed), Ok(readings)));
        }
        self.booted_at = snapshot
            .uptime_seconds
            .as_ref()
            .map(|seconds| snapshot.time.saturating_sub(Duration::from_secs(**seconds)));
        all
    }

    fn booted_at(&self) -> Option<Timestamp> {
        self.booted_at
    }

    async fn context(&mut self, _kind: &ContextKind) -> Vec<HostText> {
        Vec::new()
    }
}
