//! The newest snapshot, for as long as it says something of now.

use std::sync::Arc;
use std::time::Duration;

use linux_api_wire::snapshot::{Family, Filesystem, Pressure, Snapshot};
use linux_api_wire::time::Timestamp;

use crate::tasks::sampler::HostSampler;

/// How many readings may be late before what they would have said is unknown.
const MISSED: u32 = 3;
/// What a reading may take beside that.
const GRACE: Duration = Duration::from_secs(30);

/// The newest snapshot, or why there is none.
#[derive(Debug)]
pub(super) struct View(Result<Arc<Snapshot>, String>);

impl View {
    pub(super) fn of(sampler: &HostSampler, interval: Duration) -> Self {
        let most = interval.saturating_mul(MISSED).saturating_add(GRACE);
        Self(match sampler.newest() {
            None => Err("the host has not been read yet".to_owned()),
            Some(snapshot) if snapshot.since_taken() > most => {
                let seconds = snapshot.since_taken().as_secs();
                Err(format!("the host was last read {seconds} s ago"))
            }
            Some(snapshot) => Ok(snapshot),
        })
    }

    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        self.0.as_deref().ok()
    }

    /// The snapshot, when this family of it is of about now.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn fresh(&self, family: Family) -> Result<&Snapshot, String> {
        let snapshot = self.0.as_deref().map_err(Clone::clone)?;
        if snapshot.is_fresh(family) {
            return Ok(snapshot);
        }
        let status = snapshot.status.get(&family);
        let error = status.and_then(|status| status.error.clone());
        Err(error.unwrap_or_else(|| format!("{family} could not be read")))
    }

    /// What a family was read as.
    ///
    /// # Errors
    /// As [`Self::fresh`].
    pub(super) fn part<T: ?Sized>(
        &self,
        family: Family,
        part: impl FnOnce(&Snapshot) -> Option<&T>,
    ) -> Result<&T, String> {
        let read = part(self.fresh(family)?);
        read.ok_or_else(|| format!("{family} could not be read"))
    }

    pub(super) fn filesystems(&self) -> Result<&[Filesystem], String> {
        self.part(Family::Filesystems, |all| {
            all.filesystems.as_deref().map(Vec::as_slice)
        })
    }

    pub(super) fn pressure(&self) -> Result<&Pressure, String> {
        self.part(Family::Pressure, |all| all.pressure.as_deref())
    }

    /// The pressure as it was read last, which shows that the kernel reports it.
    pub(super) fn last_pressure(&self) -> Option<&Pressure> {
        self.snapshot()?.pressure.as_deref()
    }

    /// How many processors the host has, at least one.
    pub(super) fn processors(&self) -> usize {
        let cpu = self.snapshot().and_then(|all| all.cpu.as_deref());
        cpu.map_or(1, |cpu| cpu.per_core.len().max(1))
    }

    /// When the host was started.
    pub(super) fn booted_at(&self) -> Option<Timestamp> {
        let snapshot = self.fresh(Family::Uptime).ok()?;
        let uptime = Duration::from_secs(*snapshot.uptime_seconds.as_deref()?);
        Some(snapshot.time.saturating_sub(uptime))
    }
}
