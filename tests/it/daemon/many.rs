//! Several daemons on one database, and daemons that are killed.

use std::collections::HashSet;
use std::sync::mpsc;
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::postgres::fresh_database;
use crate::daemon::process::{Daemon, post, request};

/// The names of all users.
fn list_users(address: &str, key: &str) -> HashSet<String> {
    let mut names = HashSet::new();
    for page in 1.. {
        let path = format!("/api/v1/admin/users?page={page}&limit=100");
        let (status, body) = request(address, "GET", &path, Some(key));
        assert_eq!(status, 200, "{body}");
        let users: Vec<Value> = serde_json::from_str(&body).unwrap();
        if users.is_empty() {
            break;
        }
        names.extend(
            users
                .iter()
                .map(|user| user["username"].as_str().unwrap().to_owned()),
        );
    }
    names
}

fn five_on(url: &str) {
    let homes: Vec<TempDir> = (0..5).map(|_| TempDir::new().unwrap()).collect();
    let daemons: Vec<Daemon> = thread::scope(|scope| {
        let started: Vec<_> = homes
            .iter()
            .map(|home| {
                scope
                    .spawn(|| Daemon::start(home.path(), &[], &[("LINUX_API__DATABASE__URL", url)]))
            })
            .collect();
        started.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let keys: Vec<&String> = daemons.iter().filter_map(|one| one.key.as_ref()).collect();
    assert_eq!(keys.len(), 1, "one daemon made the first admin");
    for daemon in &daemons {
        assert_eq!(daemon.get("/readyz", None).0, 200);
        assert_eq!(list_users(&daemon.address, keys[0]).len(), 1);
    }
}

#[test]
fn five_daemons_starting_together_on_sqlite_make_one_admin() {
    let folder = TempDir::new().unwrap();
    five_on(&format!("sqlite://{}/fleet.db", folder.path().display()));
}

#[test]
fn five_daemons_starting_together_on_postgresql_make_one_admin() {
    five_on(&fresh_database());
}

#[test]
fn a_killed_daemon_loses_no_user_that_it_acknowledged() {
    let home = TempDir::new().unwrap();
    let first = Daemon::start(home.path(), &[], &[]);
    let key = first.key.clone().unwrap();
    first.end(Signal::TERM);
    let mut acknowledged = HashSet::new();
    for round in 0..5 {
        let daemon = Daemon::start(home.path(), &[], &[]);
        let (said, made) = mpsc::sync_channel(1024);
        let (address, key) = (daemon.address.clone(), key.clone());
        let writer = thread::spawn(move || {
            for number in 0.. {
                let name = format!("user{round}x{number}");
                let body = json!({ "username": name });
                if post(&address, "/api/v1/user/register", &key, &body).0 != 200 {
                    break;
                }
                said.send(name).unwrap();
            }
        });
        // The writer goes on, so the end comes somewhere in the middle of the next one.
        acknowledged.extend(made.iter().take(2 + round));
        daemon.end(Signal::KILL);
        acknowledged.extend(made);
        writer.join().unwrap();
    }
    assert!(acknowledged.len() >= 20);
    let daemon = Daemon::start(home.path(), &[], &[]);
    let kept = list_users(&daemon.address, &key);
    let lost: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(lost.is_empty(), "lost {lost:?}");
}
