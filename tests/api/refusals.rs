//! How refusals look from outside, and how soon they come after a change.

use std::time::{Duration, Instant};

use linux_api::auth::key::PlainKey;
use linux_api::model::user::Role;
use linux_api::tasks::key_watch;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::app::{App, START, cheap_key};
use crate::database::Database;

on_both_engines! {
    unknown_wrong_revoked_and_expired_keys_are_answered_alike,
    a_change_counts_at_once_in_the_same_daemon,
    a_change_counts_soon_in_another_daemon,
}

const ME: &str = "/api/v1/user/me";
/// Within this time a change counts in every daemon on the same database. On SQLite half of it is
/// promised; the rest is for a busy machine.
const BOUND: Duration = Duration::from_secs(2);

async fn unknown_wrong_revoked_and_expired_keys_are_answered_alike(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let unknown = PlainKey::generate().unwrap();
    // The id of a stored key with the secret of another one.
    let (wrong, mut stored) = cheap_key(linux_api::model::api_key::Scopes::ALL, None);
    stored.hash = cheap_key(linux_api::model::api_key::Scopes::ALL, None)
        .1
        .hash;
    let system = linux_api::model::audit::Actor::system();
    app.store
        .create_key(&system, viewer.user.id, &stored)
        .await
        .unwrap();
    let expired = app
        .key(
            &viewer,
            &[],
            Some(START.saturating_add(Duration::from_mins(1))),
        )
        .await;
    let revoked = app.key(&viewer, &[], None).await;
    let fresh_but_revoked = app.key(&viewer, &[], None).await;
    for key in [&expired, &revoked] {
        app.get(key, ME).await.expect(200);
    }
    for key in [&revoked, &fresh_but_revoked] {
        let id = PlainKey::parse(key).unwrap().id();
        let path = format!("/api/v1/user/keys/{id}");
        app.delete(&viewer.key, &path, None).await.expect(200);
    }
    app.clock.advance(Duration::from_mins(2));

    let mut answers = Vec::new();
    for key in [
        unknown.expose(),
        &wrong,
        &expired,
        &revoked,
        &fresh_but_revoked,
        "malformed",
    ] {
        let mut reply = app.get(key, ME).await;
        reply.expect_problem(401, "key_invalid", "Unauthorized");
        let id = reply.headers.remove("x-request-id").unwrap();
        let body = reply.text().replace(id.to_str().unwrap(), "ID");
        answers.push((reply.status, reply.headers, body.len() - id.len(), body));
    }
    for answer in &answers[1..] {
        assert_eq!(
            (answer.0, &answer.1.keys().collect::<Vec<_>>(), &answer.3),
            (
                answers[0].0,
                &answers[0].1.keys().collect::<Vec<_>>(),
                &answers[0].3
            )
        );
    }
}

async fn a_change_counts_at_once_in_the_same_daemon(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let user = app.user("alice1", Role::Admin).await;
    let users = format!("/api/v1/admin/users/{}", user.id());
    let statuses = async || {
        let users = app.get(&user.key, "/api/v1/admin/users").await.status;
        (app.get(&user.key, ME).await.status, users)
    };
    assert_eq!(statuses().await, (200, 200));
    app.patch(&admin.key, &format!("{users}/role"))
        .await
        .expect(200);
    assert_eq!(statuses().await, (200, 403));
    app.patch(&admin.key, &format!("{users}/deactivate"))
        .await
        .expect(200);
    assert_eq!(statuses().await, (403, 403));
    app.patch(&admin.key, &format!("{users}/activate"))
        .await
        .expect(200);
    assert_eq!(statuses().await, (200, 403));
    let body = json!({"user_id": user.id()});
    app.delete(&admin.key, "/api/v1/user/delete", Some(body))
        .await
        .expect(200);
    assert_eq!(statuses().await, (401, 401));
}

async fn a_change_counts_soon_in_another_daemon(database: Database) {
    let here = App::new(&database).await;
    let there = App::new(&database).await;
    let stop = CancellationToken::new();
    let watch = key_watch::run(
        there.store.clone(),
        there.verifier.clone(),
        Duration::from_millis(500),
        stop.clone(),
    );
    let watch = tokio::spawn(watch);
    let admin = here.admin().await;
    let user = here.user("alice1", Role::Viewer).await;
    there.get(&user.key, ME).await.expect(200);
    let users = format!("/api/v1/admin/users/{}", user.id());
    let key = format!("{users}/keys/{}", PlainKey::parse(&user.key).unwrap().id());
    for (step, status) in [("deactivate", 403), ("activate", 200), ("revoke", 401)] {
        let done = match step {
            "revoke" => here.delete(&admin.key, &key, None).await,
            _ => here.patch(&admin.key, &format!("{users}/{step}")).await,
        };
        done.expect(200);
        let changed = Instant::now();
        while there.get(&user.key, ME).await.status != status {
            assert!(changed.elapsed() < BOUND, "{step} counts within {BOUND:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    stop.cancel();
    watch.await.unwrap();
}
