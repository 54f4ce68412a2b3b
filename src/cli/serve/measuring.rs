//! Starts what writes measurements and deletes old ones.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::identity;
use crate::auth::verifier::Verifier;
use crate::config::{Config, Size};
use crate::model::fleet::HostIdentity;
use crate::recorder::Recorder;
use crate::server::state::StoredKeys;
use crate::store::Store;
use crate::tasks::flusher::{Flusher, FlusherHandle, Settings};
use crate::tasks::host_minutes;
use crate::tasks::janitor::{self, Retention};
use crate::tasks::refusals;
use crate::tasks::sampler::HostSampler;

/// What the measurements come from and go to.
pub(super) struct Measuring<'a> {
    pub(super) store: &'a Store,
    pub(super) verifier: &'a Verifier<StoredKeys>,
    pub(super) host: &'a HostSampler,
    pub(super) recorder: &'a Recorder,
    pub(super) flusher: &'a FlusherHandle,
}

impl Measuring<'_> {
    /// Starts the tasks; they end with `end`.
    pub(super) fn start(
        &self,
        config: &Config,
        host: HostIdentity,
        state_folder: PathBuf,
        tasks: &TaskTracker,
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
        tasks.spawn(janitor::run(
            self.store.clone(),
            retention,
            Arc::clone(&instance_id),
            end.clone(),
        ));
        tasks.spawn(refusals::run(self.store.clone(), end.clone()));
        tasks.spawn(host_minutes::run(
            self.host.clone(),
            self.flusher.clone(),
            end.clone(),
        ));
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
        tasks.spawn(flusher.run(end.clone()));
        Ok(())
    }
}
