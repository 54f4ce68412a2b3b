//! How soon a key that was revoked, and a user that was deactivated, on the command line is refused
//! by two running daemons.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::postgres::fresh_database;
use crate::daemon::process::{Daemon, linux_api, post};

const PATH: &str = "/api/v1/system/info/uptime";

/// The longest that either daemon went on accepting a key, from the moment at which the command had
/// ended. Every other round revokes a key, the others deactivate a user.
fn worst(
    daemons_url: Option<&str>,
    command_url: Option<&str>,
    pooled: bool,
    rounds: usize,
) -> Duration {
    let home = TempDir::new().unwrap();
    let mut variables = vec![("LINUX_API__RATE_LIMIT__ENABLED", "false")];
    if let Some(url) = daemons_url {
        variables.push(("LINUX_API__DATABASE__URL", url));
    }
    if pooled {
        variables.push(("LINUX_API__DATABASE__POOLER", "true"));
        variables.push(("LINUX_API__DATABASE__DIRECT_URL", command_url.unwrap()));
    }
    let first = Daemon::start(home.path(), &[], &variables);
    let second = Daemon::start(home.path(), &[], &variables);
    let admin = first.key.clone().unwrap();
    let mut worst = Duration::ZERO;
    for round in 0..rounds {
        let name = format!("user{round}");
        let user = json!({"username": name, "activate": true});
        let (status, body) = post(&first.address, "/api/v1/user/register", &admin, &user);
        assert_eq!(status, 200, "{body}");
        let made: Value = serde_json::from_str(&body).unwrap();
        let key = made["api_key"].as_str().unwrap();
        // Both know the key now, so that it is not looked up any more.
        for daemon in [&first, &second] {
            assert_eq!(daemon.get(PATH, Some(key)).0, 200);
        }
        let (arguments, refused) = if round % 2 == 0 {
            (
                vec!["user", "key", "revoke", &name, &key[5..17], "--yes"],
                401,
            )
        } else {
            (vec!["user", "deactivate", &name], 403)
        };
        let mut command = linux_api(home.path(), &arguments);
        if let Some(url) = command_url {
            command.env("LINUX_API__DATABASE__URL", url);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let ended = Instant::now();
        for daemon in [&first, &second] {
            while daemon.get(PATH, Some(key)).0 != refused {
                assert!(
                    ended.elapsed() < Duration::from_secs(30),
                    "it is never refused"
                );
                std::thread::sleep(Duration::from_millis(2));
            }
            worst = worst.max(ended.elapsed());
        }
    }
    worst
}

#[expect(clippy::print_stdout, reason = "the figure is what it is run for")]
fn assert_within(what: &str, worst: Duration, bound: Duration) {
    println!("{what}: refused by two daemons within {worst:?} at worst");
    assert!(worst <= bound, "{what}: {worst:?}, more than {bound:?}");
}

const SQLITE: Duration = Duration::from_secs(1);
const POSTGRESQL: Duration = Duration::from_secs(2);
/// What a machine that is busy with other tests may add.
const BUSY: Duration = Duration::from_secs(3);

#[test]
fn both_daemons_refuse_soon_on_sqlite() {
    assert_within("SQLite", worst(None, None, false, 6), SQLITE + BUSY);
}

#[test]
fn both_daemons_refuse_soon_on_postgresql() {
    let url = fresh_database();
    let worst = worst(Some(&url), Some(&url), false, 6);
    assert_within("PostgreSQL", worst, POSTGRESQL + BUSY);
}

/// The command does not go through the pooler, so that its cache learns nothing of the change.
#[test]
fn both_daemons_refuse_soon_behind_a_caching_pgpool() {
    let url = fresh_database();
    let Some(pooled) = crate::daemon::pgpool::pooled(&url) else {
        return;
    };
    let worst = worst(Some(&pooled), Some(&url), true, 6);
    assert_within("Pgpool-II", worst, POSTGRESQL + BUSY);
}

#[test]
#[ignore = "takes some minutes, and wants a machine that does nothing else"]
fn the_worst_of_a_hundred() {
    assert_within("SQLite", worst(None, None, false, 100), SQLITE);
    let url = fresh_database();
    let plain = worst(Some(&url), Some(&url), false, 100);
    assert_within("PostgreSQL", plain, POSTGRESQL);
    let url = fresh_database();
    if let Some(pooled) = crate::daemon::pgpool::pooled(&url) {
        let cached = worst(Some(&pooled), Some(&url), true, 100);
        assert_within("Pgpool-II with its cache", cached, POSTGRESQL);
    }
}
