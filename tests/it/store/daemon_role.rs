//! A daemon does all its work with the rights of its role: directly, behind a pooler, and with TimescaleDB.

use std::collections::BTreeMap;
use std::time::Duration;

use linux_api_daemon::tasks::janitor::{Retention, sweep};
use linux_api_store::api_keys::KeyUse;
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::migrations::MigrationOutcome;
use linux_api_store::roles::RoleKind;
use linux_api_store::{Options, Store};
use linux_api_wire::api_key::KeyId;
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::{Clock, Timestamp};
use linux_api_wire::user::Role;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::store::database::no_backup;
use crate::store::roles::{fleet, open, options};
use crate::store::{add_user, buckets};
use crate::support::accounts::{Accounts, DAEMON, execute};
use crate::support::{pgbouncer, timescale};

fn report(id: &str) -> HostReport {
    HostReport {
        identity: HostIdentity {
            id: id.into(),
            name: format!("name of {id}"),
            labels: BTreeMap::new(),
            version: "1".to_owned(),
        },
        instance_id: format!("{id}0").into(),
        facts: None,
        sample: Some((Timestamp::from_millis(1), "{}".to_owned())),
    }
}

/// All that a daemon does to the database.
async fn do_all_work(options: Options, owner: &Store) {
    let clock = linux_api_wire::time::ManualClock::at(Clock::system().now());
    let store = Store::open(options, clock.clock()).await.unwrap();
    assert!(store.schema_state().await.unwrap().pending.is_empty());
    let outcome = store.migrate(no_backup).await.unwrap();
    assert_eq!(outcome, MigrationOutcome::Nothing);
    let rights = store.account_rights().await.unwrap().unwrap();
    assert!(
        !rights.owns_schema && !rights.may_change_users,
        "{rights:?}"
    );
    assert_eq!(rights.missing, Vec::<String>::new());

    let old = clock.clock().now();
    let samples = [HostSample {
        name: "load.one".to_owned(),
        labels: String::new(),
        time: Resolution::Minute.start_of(old),
        samples: 1,
        mean: 1.0,
        max: 1.0,
    }];
    let (host, buckets) = (report("h1"), buckets("h1", old));
    for _ in 0..2 {
        let batch = Batch {
            host: &host,
            buckets: &buckets,
            samples: &samples,
        };
        store.flush(batch).await.unwrap();
    }
    store.flush_samples("h1", &samples).await.unwrap();
    store.say_present("h10", "name of h1").await.unwrap();
    store.say_gone("h10", "name of h1").await.unwrap();
    store.forget_killed_daemons().await.unwrap();
    store.used_bytes().await.unwrap();
    assert!(store.oldest_minute().await.unwrap().is_some());

    // A user that the owner makes is seen, and its key is used.
    let revision = store.refresh_auth_revision().await.unwrap();
    let user = add_user(owner, "alice", Role::Admin).await;
    assert!(store.refresh_auth_revision().await.unwrap() > revision);
    let key_id = KeyId("key_alice".to_owned());
    let key_use = KeyUse {
        key_id: key_id.clone(),
        user_id: user.id,
        time: old,
    };
    store.record_key_use(&[key_use]).await.unwrap();
    let stored = store.find_key(&key_id).await.unwrap().unwrap();
    assert_eq!(stored.key.last_used, Some(old));
    assert_eq!(stored.user.last_login, Some(old));
    owner
        .revoke_key(&Actor::system(), user.id, &key_id)
        .await
        .unwrap();
    assert!(store.refresh_auth_revision().await.unwrap() > revision + 1);
    let stored = store.find_key(&key_id).await.unwrap().unwrap();
    assert!(stored.key.revoked_at.is_some());

    let actor = Actor::system();
    store
        .note_refusal(
            &actor.origin,
            Action::UserDelete,
            "user:alice".to_owned(),
            "no".to_owned(),
        )
        .await
        .unwrap();
    // A key of another form stays as it is.
    assert!(!store.replace_key_hash(&key_id, "a", "b").await.unwrap());

    // Hosts that are gone, and what is too old.
    clock.advance(Duration::from_hours(1));
    store.forget_host(&actor, "h1").await.unwrap();
    while store.remove_forgotten(true).await.unwrap().is_more {}
    let report = report("h2");
    let batch = Batch {
        host: &report,
        buckets: &buckets,
        samples: &samples,
    };
    store.flush(batch).await.unwrap();
    clock.advance(Duration::from_hours(24 * 4_000));
    let keep = Retention {
        minutes: Duration::from_hours(24),
        hours: Duration::from_hours(24),
        days: Duration::from_hours(24),
        audit: Duration::from_hours(24),
        max_bytes: None,
    };
    assert!(sweep(&store, &keep, "h10").await.unwrap().unwrap() > 0);
    assert!(store.list_hosts(None, 10).await.unwrap().is_empty());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_does_all_its_work_with_its_own_role() {
    let (accounts, owner) = fleet().await;
    do_all_work(options(&accounts.daemon), &owner).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_so_behind_pgbouncer() {
    let (accounts, owner) = fleet().await;
    let (Some(daemon), Some(admin)) = (
        pgbouncer::pooled(&accounts.daemon),
        pgbouncer::pooled(&accounts.admin),
    ) else {
        return;
    };
    let options = Options {
        pooler: true,
        direct_url: Some(accounts.daemon.clone().into()),
        ..options(&daemon)
    };
    do_all_work(options.clone(), &owner).await;
    let options = Options {
        admin_url: Some(admin.into()),
        ..options
    };
    let store = Store::open(options, Clock::system()).await.unwrap();
    add_user(&store, "bob", Role::Viewer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_writes_to_hypertables_and_leaves_their_chunks_to_the_owner() {
    let Some(superuser) = timescale::fresh_database().await else {
        return;
    };
    let accounts = Accounts::on(superuser).await;
    let mut connection = PgConnection::connect(&accounts.superuser).await.unwrap();
    execute(
        &mut connection,
        "create extension timescaledb schema public",
    )
    .await
    .unwrap();
    let owner = open(&accounts.owner).await;
    owner.migrate(no_backup).await.unwrap();
    assert!(owner.use_timescaledb().await.unwrap().is_used());
    let actor = Actor::local(0, "root".to_owned());
    owner.grant(&actor, DAEMON, RoleKind::Daemon).await.unwrap();
    let daemon = open(&accounts.daemon).await;
    assert!(daemon.use_timescaledb().await.unwrap().is_used());
    let now = Clock::system().now();
    for days in [0, 40] {
        let time = now.saturating_sub(Duration::from_hours(24 * days));
        let (host, buckets) = (report("h1"), buckets("h1", time));
        for _ in 0..2 {
            let batch = Batch {
                host: &host,
                buckets: &buckets,
                samples: &[],
            };
            daemon.flush(batch).await.unwrap();
        }
    }
    let keep = Retention {
        minutes: Duration::from_hours(24 * 30),
        hours: Duration::from_hours(24 * 30),
        days: Duration::from_hours(24 * 30),
        audit: Duration::from_hours(24 * 30),
        max_bytes: Some(1),
    };
    assert_eq!(sweep(&daemon, &keep, "h10").await.unwrap(), Some(0));
    daemon.release_lease("janitor", "h10").await.unwrap();
    assert!(sweep(&owner, &keep, "h20").await.unwrap().unwrap() > 0);
}
