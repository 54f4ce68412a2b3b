//! What comes from the Python Linux-API: written once however often, and shown beside what daemons
//! count.

use std::time::Duration;

use linux_api_store::Refusal;
use linux_api_store::audit::AuditFilter;
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::imports::{
    ImportedFrom, ImportedKey, ImportedStats, ImportedStatus, ImportedUser, UserImport,
};
use linux_api_store::request_queries::{Span, StatsFilter};
use linux_api_wire::api_key::{KeyId, Scopes};
use linux_api_wire::audit::Actor;
use linux_api_wire::fleet::HostIdentity;
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::{Role, UserId};

use crate::store::database::Database;
use crate::store::{add_user, refusal};

on_both_engines! {
    imported_rows_keep_their_percentiles_until_others_join_them,
    an_import_is_all_or_nothing_and_again_is_nothing,
    a_hash_is_replaced_once_and_keys_are_found_by_it,
}

const TIME: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn stats(resolution: Resolution, requests: u64) -> ImportedStats {
    ImportedStats {
        resolution,
        time: resolution.start_of(TIME),
        route: "/a".to_owned(),
        requests,
        sum: 1.5,
        min: 0.001,
        max: 0.9,
        percentiles: [0.011, 0.055, 0.099],
    }
}

fn from() -> ImportedFrom {
    ImportedFrom {
        host_id: "h1".to_owned(),
        instance_id: "0123".to_owned(),
    }
}

fn filter(resolution: Resolution) -> StatsFilter {
    StatsFilter {
        resolution,
        from: Timestamp::from_millis(0),
        to: TIME,
        route: None,
        hosts: None,
        by_method: false,
        split: None,
    }
}

async fn imported_rows_keep_their_percentiles_until_others_join_them(database: Database) {
    let store = database.store().await;
    let rows: Vec<_> = Resolution::ALL.map(|one| stats(one, 100)).into();
    let status = |resolution: Resolution, status, count| ImportedStatus {
        resolution,
        time: resolution.start_of(TIME),
        route: "/a".to_owned(),
        status,
        count,
    };
    let statuses: Vec<_> = Resolution::ALL
        .into_iter()
        .flat_map(|one| [status(one, 200, 90), status(one, 500, 10)])
        .collect();
    for _ in 0..2 {
        store.import_stats(&from(), &rows).await.unwrap();
        store.import_statuses(&from(), &statuses).await.unwrap();
    }
    // An older state of the same minute changes nothing.
    let older = [stats(Resolution::Minute, 99)];
    store.import_stats(&from(), &older).await.unwrap();
    for resolution in Resolution::ALL {
        let filter = filter(resolution);
        let found = store.list_route_stats(&filter, None, 10).await.unwrap();
        assert_eq!(found.len(), 1, "{resolution:?}");
        assert_eq!(found[0].percentiles, Some([0.011, 0.055, 0.099]));
        assert!(found[0].imported);
        assert_eq!(found[0].stats.requests, 100);
        let span = Span {
            limit: 10,
            offset: 0,
            newest_first: true,
        };
        let totals = store.list_totals(&filter, span).await.unwrap();
        assert_eq!((totals[0].requests, totals[0].errors), (100, 10));
        let codes = store.list_status_counts(&filter, None, span).await.unwrap();
        let codes: Vec<_> = codes.iter().map(|row| (row.status, row.count)).collect();
        assert_eq!(codes, [(200, 90), (500, 10)]);
    }

    // A daemon counted in the same minute: one group, whose percentiles come from both.
    let mut live = RequestStats::default();
    for _ in 0..300 {
        live.add(200, Duration::from_millis(500));
    }
    let report = HostReport {
        identity: HostIdentity {
            id: "h1".into(),
            name: "one".to_owned(),
            labels: std::collections::BTreeMap::new(),
            version: "1".to_owned(),
        },
        instance_id: "ffff".into(),
        facts: None,
        sample: None,
    };
    let bucket = RequestBucket {
        resolution: Resolution::Minute,
        time: TIME,
        host_id: "h1".into(),
        instance_id: "ffff".into(),
        key: RequestKey {
            route: "/a".into(),
            method: RequestMethod::Other,
        },
        stats: live,
    };
    let batch = Batch {
        host: &report,
        buckets: &[bucket],
        samples: &[],
    };
    store.flush(batch).await.unwrap();
    let filter = filter(Resolution::Minute);
    let found = store.list_route_stats(&filter, None, 10).await.unwrap();
    assert_eq!((found.len(), found[0].percentiles), (1, None));
    assert!(found[0].imported);
    assert_eq!(found[0].stats.requests, 400);
    let median = found[0].stats.sketch.quantile(0.5).unwrap();
    assert!(
        (0.49..0.51).contains(&median),
        "three of four took 0.5 s: {median}"
    );
    let low = found[0].stats.sketch.quantile(0.1).unwrap();
    assert!((0.001..0.011).contains(&low), "a tenth is imported: {low}");
}

fn import(name: &str) -> UserImport {
    let id = UserId::random();
    UserImport {
        users: vec![ImportedUser {
            id,
            name: name.to_owned(),
            role: Role::Viewer,
            active: true,
            immutable: false,
            created_at: TIME,
            last_login: Some(TIME),
        }],
        sources: vec![(format!("v1:{name}"), id)],
        keys: vec![ImportedKey {
            id: KeyId(format!("key_{name}")),
            user_id: id,
            name: "imported".to_owned(),
            hash: format!("pbkdf2-sha256$1000$p$s${name}"),
            scopes: Scopes::ALL,
            created_at: TIME,
            revoked: false,
        }],
        secrets: vec![("imported.own".to_owned(), "first".to_owned().into())],
        detail: "one user".to_owned(),
    }
}

async fn an_import_is_all_or_nothing_and_again_is_nothing(database: Database) {
    let store = database.store().await;
    let taken = add_user(&store, "carol", Role::Viewer).await;
    let before = store.refresh_auth_revision().await.unwrap();
    let (actor, wanted) = (Actor::system(), import("alice"));
    let mut both = wanted.clone();
    both.users.extend(import("carol").users);
    let refused = store.import_users(&actor, &both).await;
    assert_eq!(refusal(refused), Refusal::NameTaken);
    assert_eq!(store.count_users().await.unwrap(), 1, "alice neither");
    assert!(store.imported_sources().await.unwrap().is_empty());

    store.import_users(&actor, &wanted).await.unwrap();
    let found = store.find_user_by_name("alice").await.unwrap().unwrap();
    assert_eq!((found.created_at, found.last_login), (TIME, Some(TIME)));
    assert_ne!(found.id, taken.id);
    assert!(store.refresh_auth_revision().await.unwrap() > before);
    // What is there already stays: no user, the same key, another secret.
    let again = UserImport {
        users: Vec::new(),
        secrets: vec![("imported.own".to_owned(), "second".to_owned().into())],
        ..wanted.clone()
    };
    store.import_users(&actor, &again).await.unwrap();
    let kept = store.imported_keys().await.unwrap();
    assert_eq!(
        kept.settings,
        [("imported.own".to_owned(), "first".to_owned())]
    );
    assert_eq!(kept.unproven.len(), 1);
    let sources = store.imported_sources().await.unwrap();
    assert_eq!(sources.get("v1:alice"), Some(&found.id));
    // A user that is deleted leaves its trace.
    store.delete_user(&actor, found.id).await.unwrap();
    assert_eq!(store.imported_sources().await.unwrap().len(), 1);
    let rows = store.list_audit(&AuditFilter::default(), 10).await.unwrap();
    let imports = rows.iter().filter(|row| row.action == "db.import");
    let results: Vec<_> = imports.map(|row| row.result.as_str()).collect();
    assert_eq!(results, ["done", "done", "refused"]);
}

async fn a_hash_is_replaced_once_and_keys_are_found_by_it(database: Database) {
    let store = database.store().await;
    store
        .import_users(&Actor::system(), &import("alice"))
        .await
        .unwrap();
    let id = KeyId("key_alice".to_owned());
    let (old, new) = ("pbkdf2-sha256$1000$p$s$alice", "hmac-sha256$00ff");
    assert!(store.replace_key_hash(&id, old, new).await.unwrap());
    assert!(
        !store
            .replace_key_hash(&id, old, "hmac-sha256$other")
            .await
            .unwrap()
    );
    assert!(store.imported_keys().await.unwrap().unproven.is_empty());
    let hashes = ["hmac-sha256$none".to_owned(), new.to_owned()];
    let found = store.find_key_by_hash(&hashes).await.unwrap().unwrap();
    assert_eq!((found.key.id, found.user.name.as_str()), (id, "alice"));
    assert!(store.find_key_by_hash(&[]).await.unwrap().is_none());
}
