//! Which units have failed or are restarted over and over: one call.

use std::sync::{Arc, PoisonError};

use super::systemd::Loaded;
use super::{Units, UnitsUnavailable, manager};
use linux_api_wire::snapshot::FailedUnits;

/// The most names of units in a snapshot.
const NAMED: usize = 20;
/// The most names of failed units that are kept beside it.
const KEPT: usize = 1_000;

impl Units {
    /// Which units have failed or are restarted over and over.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn failed(&self) -> Result<FailedUnits, UnitsUnavailable> {
        self.in_time(async {
            let connection = self.connect().await?;
            let states = ["failed", "auto-restart", "auto-restart-queued"];
            let manager = manager(&connection).await?;
            let (all, summary) = summed_up(manager.list_units_filtered(&states).await?);
            *self.0.failed.lock().unwrap_or_else(PoisonError::into_inner) = all.into();
            Ok(summary)
        })
        .await
    }

    /// The names of the units that had failed when [`Self::failed`] last read them, in alphabetical order: all of
    /// them, at most a thousand, where a snapshot has the first 20.
    #[must_use]
    pub fn failed_names(&self) -> Arc<[String]> {
        let failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&failed)
    }
}

/// The names of all units that have failed, and what a snapshot has of that.
fn summed_up(loaded: Vec<Loaded>) -> (Vec<String>, FailedUnits) {
    let mut failed = Vec::new();
    let mut restarting = Vec::new();
    for unit in loaded {
        match (&*unit.3, &*unit.4) {
            ("failed", _) => failed.push(unit.0),
            (_, "auto-restart" | "auto-restart-queued") => restarting.push(unit.0),
            _ => {}
        }
    }
    let count = |names: &Vec<String>| u64::try_from(names.len()).unwrap_or(u64::MAX);
    let (count_failed, count_restarting) = (count(&failed), count(&restarting));
    for names in [&mut failed, &mut restarting] {
        names.sort_unstable();
        names.truncate(KEPT);
    }
    let first = |names: &[String]| names.iter().take(NAMED).cloned().collect();
    let summary = FailedUnits {
        failed: count_failed,
        failed_names: first(&failed),
        restarting: count_restarting,
        restarting_names: first(&restarting),
    };
    (failed, summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::tests::loaded;

    #[test]
    fn failed_units_are_counted_all_and_named_up_to_a_bound() {
        let mut units: Vec<Loaded> = (0..30)
            .map(|number| loaded(&format!("f{number:02}.service"), "failed", "failed"))
            .collect();
        units.push(loaded("loop.service", "activating", "auto-restart"));
        units.push(loaded("fine.service", "active", "running"));
        let (all, sum) = summed_up(units);
        assert_eq!(all.len(), 30);
        assert_eq!((sum.failed, sum.failed_names.len()), (30, NAMED));
        assert_eq!(sum.failed_names[0], "f00.service");
        assert_eq!(
            (sum.restarting, &*sum.restarting_names),
            (1, &["loop.service".to_owned()][..])
        );
    }
}
