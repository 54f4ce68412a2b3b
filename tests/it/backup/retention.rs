//! Which backups are deleted, and when the daemon makes one by itself.

use std::fs;
use std::path::Path;
use std::time::Duration;

use linux_api_daemon::tasks::backups::{Plan, turn};
use linux_api_store::audit::AuditFilter;
use linux_api_store::backup::{
    self, BackupInfo, BackupOrder, BackupScope, PrunePlan, Reason, Rule,
};
use linux_api_wire::progress::NoProgress;

use crate::backup::{Fixture, names};

on_both_engines! {
    one_daemon_makes_the_backup_that_is_due,
    a_daemon_deletes_only_what_daemons_made,
}

const HOUR: Duration = Duration::from_hours(1);

impl Fixture {
    /// A backup an hour after the one before.
    async fn hourly(&self, reason: Reason, scope: BackupScope) -> BackupInfo {
        self.clock.advance(HOUR);
        let order = BackupOrder {
            folder: &self.backups(),
            scope,
            reason,
            progress: &NoProgress,
        };
        backup::create(&self.store, order).await.unwrap()
    }

    fn surplus(&self, keep: Option<usize>, max_age: Option<Duration>) -> PrunePlan {
        let rule = Rule {
            keep,
            max_age,
            automatic_only: false,
        };
        backup::surplus(&self.backups(), rule, self.store.clock().now()).unwrap()
    }
}

fn damage(backup: &BackupInfo) {
    let path = backup.path.join("users.jsonl.zst");
    let mut bytes = fs::read(&path).unwrap();
    bytes[10] ^= 4;
    fs::write(&path, bytes).unwrap();
}

#[tokio::test]
async fn the_number_and_the_age_decide() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, fixture.hourly(Reason::Command, BackupScope::All).await);
    }
    assert_eq!(fixture.surplus(None, None).surplus, []);
    assert_eq!(fixture.surplus(Some(5), None).surplus, []);
    assert_eq!(fixture.surplus(Some(2), None).surplus, made[2..]);
    assert_eq!(fixture.surplus(None, Some(2 * HOUR)).surplus, made[3..]);
    assert_eq!(fixture.surplus(Some(4), Some(HOUR)).surplus, made[2..]);
    fixture.clock.advance(100 * HOUR);
    // All are too old, and the newest stays.
    assert_eq!(fixture.surplus(None, Some(HOUR)).surplus, made[1..]);
    for info in &made[1..] {
        backup::delete(info).unwrap();
    }
    assert_eq!(backup::list(&fixture.backups()).unwrap(), made[..1]);
    assert_eq!(names(&fixture.backups()).len(), 1);
}

#[tokio::test]
async fn the_newest_whole_backup_stays_even_when_newer_ones_are_damaged() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.insert(0, fixture.hourly(Reason::Command, BackupScope::All).await);
    }
    damage(&made[0]);
    damage(&made[1]);
    let found = fixture.surplus(Some(1), None);
    let damaged: Vec<&Path> = found.damaged.iter().map(|(info, _)| &*info.path).collect();
    assert_eq!(damaged, [&*made[0].path, &*made[1].path]);
    let surplus: Vec<&Path> = found.surplus.iter().map(|info| &*info.path).collect();
    assert_eq!(surplus, [&*made[1].path, &*made[3].path]);
}

#[tokio::test]
async fn the_newest_whole_backup_of_everything_stays_beside_newer_ones_of_keys_only() {
    let fixture = Fixture::sqlite().await.with_rows().await;
    let oldest = fixture.hourly(Reason::Command, BackupScope::All).await;
    let whole = fixture.hourly(Reason::Command, BackupScope::All).await;
    let keys = fixture.hourly(Reason::Command, BackupScope::Security).await;
    fixture.hourly(Reason::Command, BackupScope::Security).await;
    let found = fixture.surplus(Some(1), None);
    assert_eq!(found.surplus, [keys, oldest]);
    assert!(backup::list(&fixture.backups()).unwrap().contains(&whole));
}

async fn one_daemon_makes_the_backup_that_is_due(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let plan = Plan {
        folder: fixture.backups(),
        at_start: false,
        every: Some(24 * HOUR),
        rule: Rule {
            keep: Some(2),
            max_age: None,
            automatic_only: true,
        },
    };
    let store = &fixture.store;
    let first = turn(store, &plan, None, "one").await.unwrap().unwrap();
    assert_eq!(first.manifest.reason, Reason::Schedule);
    assert!(turn(store, &plan, None, "one").await.unwrap().is_none());
    fixture.clock.advance(Duration::from_mins(1));
    // Another daemon has nothing to do, also when it just started.
    let other = turn(store, &plan, Some(Reason::Start), "two").await;
    assert!(other.unwrap().is_none());
    // The first is gone for longer than its lease.
    fixture.clock.advance(24 * HOUR);
    let second = turn(store, &plan, None, "two").await.unwrap().unwrap();
    fixture.clock.advance(24 * HOUR);
    let third = turn(store, &plan, None, "two").await.unwrap().unwrap();
    assert_eq!(backup::list(&plan.folder).unwrap(), [third, second]);
    let log = store.list_audit(&AuditFilter::default(), 4).await.unwrap();
    let actions: Vec<&str> = log.iter().map(|row| row.action.as_str()).collect();
    let expected = ["db.prune", "db.backup", "db.backup", "db.backup"];
    assert_eq!(actions, expected);
    assert!(log.iter().all(|row| row.via == "system"));
}

async fn a_daemon_deletes_only_what_daemons_made(fixture: Fixture) {
    let fixture = fixture.with_rows().await;
    let asked = fixture.hourly(Reason::Command, BackupScope::All).await;
    let safety = fixture.hourly(Reason::Restore, BackupScope::All).await;
    let before = fixture.hourly(Reason::Migration, BackupScope::All).await;
    let plan = Plan {
        folder: fixture.backups(),
        at_start: true,
        every: None,
        rule: Rule {
            keep: Some(1),
            max_age: Some(HOUR),
            automatic_only: true,
        },
    };
    fixture.clock.advance(2 * HOUR);
    let made = turn(&fixture.store, &plan, Some(Reason::Start), "one").await;
    let made = made.unwrap().unwrap();
    let listed = backup::list(&plan.folder).unwrap();
    assert_eq!(listed, [made, safety, asked]);
    assert!(!before.path.exists());
}
