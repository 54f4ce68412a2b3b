//! Callers on the Unix socket, whom the kernel names.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use linux_api_host::HostRoots;
use linux_api_store::audit::AuditFilter;
use linux_api_wire::user::Role;
use rustix::process::{Gid, Uid};
use serde_json::json;
use tokio::net::UnixStream;

use crate::api::app::{App, Caller, Setup};
use crate::api::audit::row_of;
use crate::api::database::Database;
use crate::api::meanwhile::begin;
use crate::api::wire::{Daemon, LIMITS, Wire};

on_both_engines! {
    a_mapped_account_is_its_user_and_the_audit_log_names_the_uid,
    a_change_of_the_mapped_user_counts_at_once,
    a_mapped_account_is_limited_to_the_hosts_of_its_user,
    a_member_of_the_viewer_group_is_a_viewer_without_a_row,
    a_member_of_the_operator_group_is_an_operator_without_a_row,
    an_account_that_nobody_mapped_is_refused,
    a_key_over_the_socket_counts_before_the_account,
    each_account_on_one_socket_is_itself,
    an_account_that_loses_its_right_before_the_body_changes_nothing,
}

/// Who runs the tests.
fn own_account() -> (u32, u32) {
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    (uid.as_raw(), gid.as_raw())
}

/// A service on a host whose only accounts are `tester`, who runs the tests, and `guest`.
async fn start(database: &Database, peers: &[(&str, &str)], group: &str) -> (App, Daemon, PathBuf) {
    start_with(database, peers, group, "").await
}

/// The same with a group of operators.
async fn start_with(
    database: &Database,
    peers: &[(&str, &str)],
    group: &str,
    operators: &str,
) -> (App, Daemon, PathBuf) {
    let folder = database.folder.path();
    // Other accounts connect too.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, open).unwrap();
    std::fs::create_dir(folder.join("etc")).unwrap();
    let (uid, gid) = own_account();
    let passwd = format!("tester:x:{uid}:{gid}::/:/bin/sh\nguest:x:54321:54321::/:/bin/sh\n");
    std::fs::write(folder.join("etc/passwd"), passwd).unwrap();
    let groups = format!("own:x:{gid}:\nwatchers:x:54000:guest\n");
    std::fs::write(folder.join("etc/group"), groups).unwrap();
    let mut setup = Setup::new(database);
    setup.unix_peers = peers
        .iter()
        .map(|(account, user)| ((*account).to_owned(), (*user).to_owned()))
        .collect::<BTreeMap<_, _>>();
    group.clone_into(&mut setup.unix_viewer_group);
    operators.clone_into(&mut setup.unix_operator_group);
    setup.roots = HostRoots {
        rootfs: folder.to_owned(),
        ..HostRoots::default()
    };
    let app = App::with(setup).await;
    let path = folder.join("api.sock");
    let daemon = Daemon::start_with_unix(&app, LIMITS, &path).await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    (app, daemon, path)
}

async fn connect(path: &Path) -> Wire<UnixStream> {
    Wire::new(UnixStream::connect(path).await.unwrap())
}

fn request(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn a_mapped_account_is_its_user_and_the_audit_log_names_the_uid(database: Database) {
    let (app, _daemon, path) = start(&database, &[("tester", "boss")], "").await;
    let boss = app.user_as("boss", Role::Admin, true, true).await;
    let mut wire = connect(&path).await;
    let me = wire
        .ask(&request("GET", "/api/v1/user/me", ""))
        .await
        .expect(200);
    assert_eq!(me["user_id"], boss.id());
    assert_eq!(me["user_perm"]["scopes"], json!([]));
    let body = r#"{"username":"alice1"}"#;
    let made = wire
        .ask(&request("POST", "/api/v1/user/register", body))
        .await;
    made.expect(200);
    let log = wire
        .ask(&request("GET", "/api/v1/admin/audit?limit=1", ""))
        .await;
    let row = &log.expect(200)["items"][0];
    assert_eq!(row["actor"], "boss");
    assert_eq!(row["actor_id"], boss.id());
    assert_eq!(row["via"], format!("unix:{}", own_account().0));
    assert_eq!(row["address"], json!(null));
    assert_eq!(row["request_id"].as_str(), made.header("x-request-id"));
}

async fn a_change_of_the_mapped_user_counts_at_once(database: Database) {
    let (app, _daemon, path) = start(&database, &[("tester", "alice1")], "").await;
    let admin = app.admin().await;
    let me = request("GET", "/api/v1/user/me", "");
    let mut wire = connect(&path).await;
    let text = wire.ask(&me).await.expect_code(401, "peer_unknown");
    assert!(
        text["detail"]
            .as_str()
            .unwrap()
            .contains("server.unix_peers")
    );
    let user: Caller = app.user("alice1", Role::Viewer).await;
    wire.ask(&me).await.expect(200);
    let deactivate = format!("/api/v1/admin/users/{}/deactivate", user.id());
    app.patch(&admin.key, &deactivate).await.expect(200);
    wire.ask(&me).await.expect_code(403, "user_inactive");
}

async fn a_mapped_account_is_limited_to_the_hosts_of_its_user(database: Database) {
    let (app, _daemon, path) = start(&database, &[("tester", "alice1")], "").await;
    app.admin().await;
    let user = app.user("alice1", Role::Admin).await;
    let me = request("GET", "/api/v1/user/me", "");
    let mut wire = connect(&path).await;
    wire.ask(&me).await.expect(200);
    app.limit(&user, "env=dev").await;
    wire.ask(&me).await.expect_code(403, "host_not_allowed");
    let body = r#"{"username":"eve1"}"#;
    let made = wire
        .ask(&request("POST", "/api/v1/user/register", body))
        .await;
    made.expect_code(403, "host_not_allowed");
    app.label(&[("env", "dev")]);
    wire.ask(&me).await.expect(200);
}

async fn a_member_of_the_viewer_group_is_a_viewer_without_a_row(database: Database) {
    let (app, _daemon, path) = start(&database, &[], "own").await;
    let mut wire = connect(&path).await;
    let me = wire
        .ask(&request("GET", "/api/v1/user/me", ""))
        .await
        .expect(200);
    assert_eq!(me["user"]["username"], "tester");
    assert_eq!(me["user_perm"]["role"], "viewer");
    let again = connect(&path)
        .await
        .ask(&request("GET", "/api/v1/user/me", ""))
        .await;
    assert_eq!(
        again.expect(200)["user_id"],
        me["user_id"],
        "always the same"
    );
    wire.ask(&request("GET", "/api/v1/system/info/uptime", ""))
        .await
        .expect(200);
    wire.ask(&request("GET", "/api/v1/admin/users", ""))
        .await
        .expect_code(403, "admin_required");
    let empty = wire.ask(&request("GET", "/api/v1/user/keys", "")).await;
    assert_eq!(empty.expect(200)["items"], json!([]));
    wire.ask(&request("POST", "/api/v1/user/keys", r#"{"name":"k"}"#))
        .await
        .expect_code(404, "user_not_found");
    wire.ask(&request("DELETE", "/api/v1/user/delete", "{}"))
        .await
        .expect_code(404, "user_not_found");
    assert_eq!(app.store.count_users().await.unwrap(), 0);
}

async fn a_member_of_the_operator_group_is_an_operator_without_a_row(database: Database) {
    let (app, _daemon, path) = start_with(&database, &[], "own", "own").await;
    let restart = request("POST", "/api/v1/system/units/nginx.service/restart", "");
    let mut wire = connect(&path).await;
    let me = wire
        .ask(&request("GET", "/api/v1/user/me", ""))
        .await
        .expect(200);
    assert_eq!(me["user_perm"]["role"], "operator");
    // It may, and nothing acts here.
    wire.ask(&restart)
        .await
        .expect_code(501, "actions_unavailable");
    wire.ask(&request("GET", "/api/v1/admin/users", ""))
        .await
        .expect_code(403, "admin_required");
    let rows = app
        .store
        .list_audit(&AuditFilter::default(), 10)
        .await
        .unwrap();
    let row = rows.iter().find(|row| row.result == "begun").unwrap();
    assert_eq!(row.actor, "tester");
    assert_eq!(row.via, format!("unix:{}", own_account().0));
    // One that leaves the group before the act.
    let groups = database.folder.path().join("etc/group");
    std::fs::write(groups, "own:x:54999:\n").unwrap();
    let mut wire = connect(&path).await;
    wire.ask(&restart).await.expect_code(401, "peer_unknown");
}

async fn an_account_that_nobody_mapped_is_refused(database: Database) {
    let (_app, _daemon, path) = start(&database, &[("guest", "boss")], "").await;
    let mut wire = connect(&path).await;
    let reply = wire.ask(&request("GET", "/api/v1/user/me", "")).await;
    let body = reply.expect_code(401, "peer_unknown");
    let uid = format!("uid {} ", own_account().0);
    assert!(body["detail"].as_str().unwrap().contains(&uid), "{body}");
    // What needs no key needs no account.
    wire.ask(&request("GET", "/livez", "")).await.expect(200);
}

async fn a_key_over_the_socket_counts_before_the_account(database: Database) {
    let (app, _daemon, path) = start(&database, &[("tester", "boss")], "").await;
    app.admin().await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let mut wire = connect(&path).await;
    let me = wire.get("/api/v1/user/me", &viewer.key).await.expect(200);
    assert_eq!(me["user_id"], viewer.id());
    // A wrong key is an error, not a reason to look at the account.
    wire.get("/api/v1/user/me", "wrong")
        .await
        .expect_code(401, "key_invalid");
}

async fn an_account_that_loses_its_right_before_the_body_changes_nothing(database: Database) {
    let (app, _daemon, path) = start(&database, &[("tester", "boss")], "own").await;
    let root = app.user("root", Role::Admin).await;
    let body = r#"{"username":"ghost"}"#;
    let register = ("POST", "/api/v1/user/register");
    for (loss, status, code) in [
        ("deactivated", 403, "user_inactive"),
        ("demoted", 403, "admin_required"),
        ("deleted", 401, "peer_unknown"),
        ("renamed", 401, "peer_unknown"),
    ] {
        let boss = app.user("boss", Role::Admin).await;
        let user = format!("/api/v1/admin/users/{}", boss.id());
        let mut wire = connect(&path).await;
        let rest = begin(&mut wire, register, "", body).await;
        match loss {
            "deactivated" => app.patch(&root.key, &format!("{user}/deactivate")).await,
            "demoted" => app.patch(&root.key, &format!("{user}/role")).await,
            // The account is a member of the viewers' group now, which is another user.
            "deleted" => {
                let body = json!({"user_id": boss.id()});
                app.delete(&root.key, "/api/v1/user/delete", Some(body))
                    .await
            }
            // What it is mapped to is not in the database.
            _ => {
                let (uid, gid) = own_account();
                let passwd = format!("other:x:{uid}:{gid}::/:/bin/sh\n");
                std::fs::write(database.folder.path().join("etc/passwd"), passwd).unwrap();
                app.get(&root.key, "/api/v1/user/me").await
            }
        }
        .expect(200);
        wire.write(rest).await;
        let reply = wire.read().await;
        reply.expect_code(status, code);
        let row = row_of(&app, &root.key, &reply).await;
        assert_eq!(row["result"], "refused", "{loss}");
        assert_eq!(row["via"], format!("unix:{}", own_account().0), "{loss}");
        let ghost = app.store.find_user_by_name("ghost").await.unwrap();
        assert!(ghost.is_none(), "{loss}");
        if loss != "deleted" {
            let body = json!({"user_id": boss.id()});
            app.delete(&root.key, "/api/v1/user/delete", Some(body))
                .await
                .expect(200);
        }
    }
}

/// Connects as another account, which only root can; the kernel notes the account of the thread.
fn connect_as(path: &Path, uid: u32, gid: u32) -> Wire<UnixStream> {
    let path = path.to_owned();
    let connect = move || {
        rustix::thread::set_thread_groups(&[]).unwrap();
        rustix::thread::set_thread_gid(Gid::from_raw(gid)).unwrap();
        rustix::thread::set_thread_uid(Uid::from_raw(uid)).unwrap();
        std::os::unix::net::UnixStream::connect(path).unwrap()
    };
    let stream = thread::spawn(connect).join().unwrap();
    stream.set_nonblocking(true).unwrap();
    Wire::new(UnixStream::from_std(stream).unwrap())
}

async fn each_account_on_one_socket_is_itself(database: Database) {
    let (app, _daemon, path) = start(&database, &[("tester", "boss")], "watchers").await;
    app.admin().await;
    let me = request("GET", "/api/v1/user/me", "");
    let own = connect(&path).await.ask(&me).await.expect(200);
    assert_eq!(own["user"]["username"], "boss");
    if own_account().0 != 0 {
        // Only root can be someone else for a moment.
        crate::api::left_out::for_want_of("root", "run it as root");
        return;
    }
    for _ in 0..2 {
        let guest = connect_as(&path, 54321, 54321).ask(&me).await.expect(200);
        assert_eq!(guest["user"]["username"], "guest", "a member by name");
        let group = connect_as(&path, 54400, 54000).ask(&me).await.expect(200);
        assert_eq!(
            group["user"]["username"], "54400",
            "a member by its own group"
        );
        let nobody = connect_as(&path, 54400, 54400).ask(&me).await;
        nobody.expect_code(401, "peer_unknown");
        let own = connect(&path).await.ask(&me).await.expect(200);
        assert_eq!(own["user"]["username"], "boss");
    }
}
