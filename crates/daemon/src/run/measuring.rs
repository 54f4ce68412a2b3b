//! Starts what writes measurements, deletes old ones and makes backups.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::identity;
use crate::recorder::Recorder;
use crate::state::StoredKeys;
use crate::tasks::backups::{self, BackupWatch, Plan};
use crate::tasks::flusher::{Flusher, FlusherHandle, Settings};
use crate::tasks::host_minutes;
use crate::tasks::janitor::{self, Retention};
use crate::tasks::merger;
use crate::tasks::presence;
use crate::tasks::refusals;
use crate::tasks::sampler::HostSampler;
use crate::tasks::supervisor::Supervisor;
use linux_api_auth::verifier::Verifier;
use linux_api_config::{Config, Size};
use linux_api_store::backup::Rule;
use linux_api_store::{Engine, Store};
use linux_api_wire::fleet::HostIdentity;

/// What becomes of the backups that daemons made by themselves.
pub(super) fn automatic(config: &linux_api_config::Backup) -> Rule {
    Rule {
        keep: Some(config.keep),
        max_age: config.max_age,
        automatic_only: true,
    }
}

/// What the measurements come from and go to.
#[derive(Debug)]
pub struct MeasuringParts<'a> {
    /// The database that all of it is written to.
    pub store: &'a Store,
    /// Knows when which key was used.
    pub verifier: &'a Verifier<StoredKeys>,
    /// Reads the host.
    pub host: &'a HostSampler,
    /// Counts requests.
    pub recorder: &'a Recorder,
    /// What others see of the task that writes.
    pub flusher: &'a FlusherHandle,
    /// What others see of the task that makes backups.
    pub backups: &'a BackupWatch,
}

impl MeasuringParts<'_> {
    /// Starts the tasks; they end with `end`. Without `state_folder` nothing is kept beside the database.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn start(
        &self,
        config: &Config,
        host: HostIdentity,
        state_folder: Option<PathBuf>,
        supervisor: &Supervisor,
        end: &CancellationToken,
    ) -> anyhow::Result<()> {
        let instance_id = identity::instance_id()?;
        let retention = Retention {
            minutes: config.retention.minutes,
            hours: config.retention.hours,
            days: config.retention.days,
            audit: config.retention.audit,
            max_bytes: config.retention.max_size.map(Size::bytes),
        };
        let janitor = janitor::run(
            self.store.clone(),
            retention,
            Arc::clone(&instance_id),
            end.clone(),
        );
        supervisor.spawn("janitor", end, janitor);
        let merger = merger::run(self.store.clone(), Arc::clone(&instance_id), end.clone());
        supervisor.spawn("merger", end, merger);
        let refusals = refusals::run(self.store.clone(), end.clone());
        supervisor.spawn("refusals", end, refusals);
        // The last write announces the daemon once more, before it says that it is gone.
        let presence_end = CancellationToken::new();
        let written = presence_end.clone().drop_guard();
        if self.store.engine() == Engine::Postgres {
            let presence = presence::run(
                self.store.clone(),
                Arc::clone(&instance_id),
                host.name.clone(),
                presence_end.clone(),
            );
            supervisor.spawn("presence", &presence_end, presence);
        }
        let backup = &config.backup;
        let is_lasting = state_folder.is_some() && !config.demo.enabled;
        if is_lasting && (backup.at_start || backup.every.is_some()) {
            let plan = Plan {
                folder: backup.directory.clone(),
                at_start: backup.at_start,
                every: backup.every,
                rule: automatic(backup),
            };
            let holder = Arc::clone(&instance_id);
            let watch = self.backups.clone();
            let backups = backups::run(self.store.clone(), plan, watch, holder, end.clone());
            supervisor.spawn("backups", end, backups);
        }
        // The last write waits for the last samples, however their task ends.
        let flush_end = CancellationToken::new();
        let handed_over = flush_end.clone().drop_guard();
        let hand_over = host_minutes::run(self.host.clone(), self.flusher.clone(), end.clone());
        supervisor.spawn("host minutes", end, async move {
            hand_over.await;
            drop(handed_over);
        });
        let flusher = Flusher::new(
            self.store.clone(),
            self.recorder.clone(),
            self.verifier.clone(),
            self.flusher.clone(),
            Settings {
                interval: config.flusher.interval,
                host,
                instance_id,
                state_folder,
            },
        );
        supervisor.spawn("flusher", &flush_end.clone(), async move {
            flusher.run(flush_end).await;
            drop(written);
        });
        Ok(())
    }
}
