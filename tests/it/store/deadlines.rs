//! A database that does not respond, and files that others can't read.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use linux_api_store::{Engine, Store};
use linux_api_wire::audit::Actor;
use linux_api_wire::time::Clock;
use linux_api_wire::user::Role;

use crate::store::{Database, add_user, new_key, new_user};

on_every_engine! {
    a_locked_database_answers_within_the_deadline,
    a_closed_store_answers_at_once,
}

const DEADLINE: Duration = Duration::from_millis(700);

async fn a_locked_database_answers_within_the_deadline(database: Database) {
    database.store().await.close().await;
    let mut options = database.options();
    options.deadline = DEADLINE;
    let store = Store::open(options, Clock::system()).await.unwrap();
    add_user(&store, "before", Role::Admin).await;

    let mut direct = database.direct().await;
    let lock = match database.engine {
        Engine::Sqlite => "begin immediate",
        Engine::Postgres => "begin; update settings set value = value",
    };
    direct.execute(lock).await.unwrap();
    let system = Actor::system();
    for name in ["one", "two", "three"] {
        let start = Instant::now();
        let user = new_user(name, Role::Viewer);
        let outcome = store.create_user(&system, &user, &new_key(name)).await;
        let error = outcome.unwrap_err();
        assert!(error.is_outage(), "{error:?}");
        // Room for a busy machine; without a deadline this would never end.
        assert!(start.elapsed() < DEADLINE + Duration::from_secs(5));
        assert_eq!(store.count_users().await.unwrap(), 1, "reading goes on");
    }
    direct.execute("rollback").await.unwrap();

    // A call that was given up may hold its connection for a moment more.
    let start = Instant::now();
    while let Err(error) = store
        .create_user(&system, &new_user("after", Role::Viewer), &new_key("after"))
        .await
    {
        assert!(error.is_outage(), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{error:?}");
    }
    // What was given up did not happen later.
    assert_eq!(store.count_users().await.unwrap(), 2);
}

async fn a_closed_store_answers_at_once(database: Database) {
    let store = database.store().await;
    store.close().await;
    assert!(store.ping().await.unwrap_err().is_outage());
}

#[tokio::test]
async fn nobody_else_can_read_the_files() {
    let database = Database::sqlite();
    let store = database.store().await;
    add_user(&store, "alice", Role::Admin).await;
    let folder = database.folder.path().join("data");
    let mode = |path: &std::path::Path| {
        let permissions = std::fs::metadata(path).unwrap().permissions();
        permissions.mode() & 0o777
    };
    assert_eq!(mode(&folder), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    let expected = [
        "linux-api.db",
        "linux-api.db-shm",
        "linux-api.db-wal",
        "linux-api.db.in-use",
        "linux-api.db.lock",
    ];
    assert_eq!(names, expected);
}
