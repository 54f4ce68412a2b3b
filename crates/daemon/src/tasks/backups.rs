//! Makes backups at the start and on a schedule, and deletes old ones. Of all daemons on a
//! database one does it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::supervisor::every;
use linux_api_store::Store;
use linux_api_store::backup::{
    self, BackupError, BackupInfo, BackupOrder, BackupScope, Reason, Rule,
};
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::progress::NoProgress;

/// How often to look whether a backup is due.
const INTERVAL: Duration = Duration::from_mins(1);
/// After a failure.
const PAUSE: Duration = Duration::from_mins(10);
/// Longer than the interval, so that the same daemon goes on unless it ends.
const LEASE: Duration = Duration::from_mins(5);
const LEASE_NAME: &str = "backup";

/// When backups are made, where, and how long they are kept.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Below which directory.
    pub folder: PathBuf,
    /// Whether to make one when the daemon starts.
    pub at_start: bool,
    /// Whether to make one when the newest is this old.
    pub every: Option<Duration>,
    /// Which of those that daemons made are kept.
    pub rule: Rule,
}

struct Maker {
    store: Store,
    plan: Plan,
    holder: Arc<str>,
    /// Why the next one is made, whatever the time.
    reason: Option<Reason>,
    /// The last round failed.
    failed: bool,
}

/// Makes backups until stopped. `holder` is the id of this start of the daemon.
pub async fn run(store: Store, plan: Plan, holder: Arc<str>, stop: CancellationToken) {
    let mut maker = Maker {
        reason: plan.at_start.then_some(Reason::Start),
        failed: false,
        store,
        plan,
        holder,
    };
    every(INTERVAL, &stop, &mut maker, |maker| maker.turn().boxed()).await;
    // Another daemon takes over at once; when this fails, it does when the lease ends.
    let _ = maker.store.release_lease(LEASE_NAME, &maker.holder).await;
}

impl Maker {
    async fn turn(&mut self) {
        if self.failed {
            tokio::time::sleep(PAUSE).await;
        }
        self.store.ready().await;
        let turn = turn(&self.store, &self.plan, self.reason.take(), &self.holder).await;
        if let Err(error) = &turn {
            // Logged once per streak; the next round tries again.
            if !self.failed {
                tracing::error!(%error, "can't make the backup that is due");
                let target = format!("backup:{}", self.plan.folder.display());
                let outcome = Err(error.to_string());
                // The log above has it, too.
                let _ = self
                    .store
                    .audit(&Actor::system(), Action::DbBackup, &target, outcome)
                    .await;
            }
        }
        self.failed = turn.is_err();
    }
}

/// Makes one backup when there is a reason or it is time, and this daemon is the one to do it.
///
/// # Errors
/// When it can't be made, or what is too old can't be deleted.
pub async fn turn(
    store: &Store,
    plan: &Plan,
    reason: Option<Reason>,
    holder: &str,
) -> Result<Option<BackupInfo>, BackupError> {
    if !store.hold_lease(LEASE_NAME, holder, LEASE).await? {
        return Ok(None);
    }
    let Some(reason) = reason.or(if is_due(store, plan).await? {
        Some(Reason::Schedule)
    } else {
        None
    }) else {
        return Ok(None);
    };
    let order = BackupOrder {
        folder: &plan.folder,
        scope: BackupScope::All,
        reason,
        progress: &NoProgress,
    };
    let info = tokio::select! {
        made = backup::create(store, order) => made?,
        error = keep_lease(store, holder) => return Err(error),
    };
    let name = info.path.file_name().unwrap_or_default().to_string_lossy();
    tracing::info!(path = %info.path.display(), "made a backup");
    let target = format!("backup:{name}");
    let detail = Ok(format!(
        "{}, {}",
        reason.as_str(),
        BackupScope::All.as_str()
    ));
    store
        .audit(&Actor::system(), Action::DbBackup, &target, detail)
        .await?;
    prune(store, plan.folder.clone(), plan.rule).await?;
    Ok(Some(info))
}

/// Deletes the backups that the rule gives up.
///
/// # Errors
/// When the directory can't be read or one can't be deleted.
pub async fn prune(store: &Store, folder: PathBuf, rule: Rule) -> Result<(), BackupError> {
    let now = store.clock().now();
    let found = blocking(move || backup::surplus(&folder, rule, now)).await?;
    for (info, error) in found.damaged {
        tracing::error!(%error, "the backup {} is damaged", info.path.display());
    }
    for info in found.surplus {
        let name = info.path.file_name().unwrap_or_default().to_string_lossy();
        let target = format!("backup:{name}");
        // Noted before it is gone: what can't be noted is not done.
        store
            .audit(
                &Actor::system(),
                Action::DbPrune,
                &target,
                Ok(String::new()),
            )
            .await?;
        tracing::info!("deleting the backup {name}, which is one too many or too old");
        blocking(move || backup::delete(&info)).await?;
    }
    Ok(())
}

async fn is_due(store: &Store, plan: &Plan) -> Result<bool, BackupError> {
    let Some(every) = plan.every else {
        return Ok(false);
    };
    let folder = plan.folder.clone();
    let all = blocking(move || backup::list(&folder)).await?;
    let newest = all.iter().find(|info| {
        info.manifest.reason.is_automatic() && info.manifest.scope == BackupScope::All
    });
    let now = store.clock().now();
    Ok(newest.is_none_or(|info| now.since(info.manifest.time) >= every))
}

/// Ends only when another daemon took over.
async fn keep_lease(store: &Store, holder: &str) -> BackupError {
    loop {
        tokio::time::sleep(INTERVAL).await;
        // A database that is away makes the backup itself fail.
        if matches!(store.hold_lease(LEASE_NAME, holder, LEASE).await, Ok(false)) {
            return BackupError::Stopped("another daemon makes the backups now".to_owned());
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| BackupError::Stopped(error.to_string()))?
}
