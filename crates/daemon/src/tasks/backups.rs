//! Makes backups at the start and on a schedule, and deletes old ones. Of all daemons on a
//! database one does it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::supervisor::every;
use linux_api_alerts::checks::Backups;
use linux_api_store::Store;
use linux_api_store::backup::{
    self, BackupError, BackupInfo, BackupOrder, BackupScope, Reason, Rule,
};
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::progress::NoProgress;
use linux_api_wire::time::Timestamp;

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

/// When the newest backup was made, as the daemon knows that makes them. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct BackupWatch(Arc<Mutex<Option<Seen>>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    newest: Option<Timestamp>,
    every: Duration,
}

impl BackupWatch {
    /// The newest backup and how often one should be made; nothing on a daemon that makes none, by its
    /// configuration or because another one does. Without any, one should have been made since `started`.
    #[must_use]
    pub fn newest(&self, started: Timestamp) -> Option<Backups> {
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.map(|seen| Backups {
            newest: seen.newest.unwrap_or(started),
            every: seen.every,
        })
    }

    /// Notes how a turn went. One that failed changes nothing: what there was gets older.
    fn note(&self, plan: &Plan, turn: &Result<Turn, BackupError>) {
        let (Some(every), Ok(turn)) = (plan.every, turn) else {
            return;
        };
        let seen = match turn {
            Turn::OfAnother => None,
            Turn::NotDue(newest) => Some(Seen {
                newest: *newest,
                every,
            }),
            Turn::Made(info) => Some(Seen {
                newest: Some(info.manifest.time),
                every,
            }),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

/// What became of a turn.
enum Turn {
    /// Another daemon makes the backups.
    OfAnother,
    /// It is not time, after the newest one.
    NotDue(Option<Timestamp>),
    /// One was made.
    Made(Box<BackupInfo>),
}

struct Maker {
    store: Store,
    plan: Plan,
    watch: BackupWatch,
    holder: Arc<str>,
    /// Why the next one is made, whatever the time.
    reason: Option<Reason>,
    /// The last round failed.
    failed: bool,
}

/// Makes backups until stopped, and keeps `watch` informed. `holder` is the id of this start of the daemon.
pub async fn run(
    store: Store,
    plan: Plan,
    watch: BackupWatch,
    holder: Arc<str>,
    stop: CancellationToken,
) {
    let mut maker = Maker {
        reason: plan.at_start.then_some(Reason::Start),
        failed: false,
        store,
        plan,
        watch,
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
        let turn = take_turn(&self.store, &self.plan, self.reason.take(), &self.holder).await;
        self.watch.note(&self.plan, &turn);
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
    match take_turn(store, plan, reason, holder).await? {
        Turn::Made(info) => Ok(Some(*info)),
        Turn::OfAnother | Turn::NotDue(_) => Ok(None),
    }
}

async fn take_turn(
    store: &Store,
    plan: &Plan,
    reason: Option<Reason>,
    holder: &str,
) -> Result<Turn, BackupError> {
    if !store.hold_lease(LEASE_NAME, holder, LEASE).await? {
        return Ok(Turn::OfAnother);
    }
    let reason = match (reason, plan.every) {
        (Some(reason), _) => reason,
        (None, None) => return Ok(Turn::NotDue(None)),
        (None, Some(every)) => {
            let newest = newest(plan).await?;
            let now = store.clock().now();
            if newest.is_some_and(|time| now.since(time) < every) {
                return Ok(Turn::NotDue(newest));
            }
            Reason::Schedule
        }
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
    Ok(Turn::Made(Box::new(info)))
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

/// When the newest backup was made that daemons make on their own.
async fn newest(plan: &Plan) -> Result<Option<Timestamp>, BackupError> {
    let folder = plan.folder.clone();
    let all = blocking(move || backup::list(&folder)).await?;
    let newest = all.iter().find(|info| {
        info.manifest.reason.is_automatic() && info.manifest.scope == BackupScope::All
    });
    Ok(newest.map(|info| info.manifest.time))
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

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_store::Options;
    use linux_api_wire::time::ManualClock;

    #[tokio::test]
    async fn only_the_daemon_that_makes_backups_knows_how_old_the_newest_is() {
        const DAY: Duration = Duration::from_hours(24);
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/a.db", folder.path().display());
        let start = Timestamp::from_millis(1_800_000_000_000);
        let clock = ManualClock::at(start);
        let store = Store::open(Options::new(url), clock.clock()).await.unwrap();
        let nothing_to_save = async |_: &Store| Ok::<_, BackupError>(());
        store.migrate(nothing_to_save).await.unwrap();
        let plan = Plan {
            folder: folder.path().join("backups"),
            at_start: false,
            every: Some(DAY),
            rule: Rule {
                keep: Some(3),
                max_age: None,
                automatic_only: true,
            },
        };
        let watch = BackupWatch::default();
        assert_eq!(watch.newest(start), None);
        let turn = async |holder: &str| {
            let turn = take_turn(&store, &plan, None, holder).await;
            watch.note(&plan, &turn);
            watch.newest(start)
        };
        let made = Backups {
            newest: start,
            every: DAY,
        };
        assert_eq!(turn("a").await, Some(made));
        clock.advance(Duration::from_hours(1));
        assert_eq!(turn("a").await, Some(made), "it is not due");
        assert_eq!(turn("b").await, None, "another one makes them");
        clock.advance(DAY);
        let second = turn("a").await.unwrap().newest;
        assert_eq!(second, start.saturating_add(Duration::from_hours(25)));
        watch.note(&plan, &Err(BackupError::Empty));
        assert_eq!(watch.newest(start).unwrap().newest, second, "it gets older");
    }
}
