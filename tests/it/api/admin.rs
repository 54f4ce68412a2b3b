//! `/api/v1/admin/users`: list, role, activate, deactivate, and the rules that no change may break.

use axum::http::Method;
use linux_api_wire::user::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::app::{App, Caller};
use crate::api::database::Database;
use crate::api::reply::names;

on_both_engines! {
    users_are_listed_newest_first_with_role_and_activation,
    users_are_paged_by_number_and_by_cursor,
    bad_pages_name_the_field,
    setting_a_role_answers_it_and_204_when_it_is_set,
    activation_answers_the_id_and_204_when_it_is_so,
    changes_of_unknown_users_are_404,
    user_ids_are_read_in_any_spelling_and_checked,
    nobody_harms_themselves,
    immutable_users_stay_as_they_are,
    the_last_active_admin_stays,
    two_admins_cannot_demote_each_other_at_once,
}

const USERS: &str = "/api/v1/admin/users";

fn path(user: &Caller, action: &str) -> String {
    format!("{USERS}/{}/{action}", user.id())
}

fn usernames(list: &Value) -> Vec<&str> {
    let users = list.as_array().unwrap().iter();
    users
        .map(|user| user["username"].as_str().unwrap())
        .collect()
}

async fn users_are_listed_newest_first_with_role_and_activation(database: Database) {
    let app = App::new(&database).await;
    let admin = app.user_as("boss", Role::Admin, true, true).await;
    let viewer = app.user_as("alice1", Role::Viewer, false, false).await;
    let users = app.get(&admin.key, USERS).await.expect(200);
    assert_eq!(
        users,
        json!([
            {
                "user_id": viewer.id(), "username": "alice1",
                "created_at": "2027-01-15T08:00:02Z", "last_login": null,
                "immutable": false, "role": "viewer", "is_admin": false, "activated": false,
                "hosts": null
            },
            {
                "user_id": admin.id(), "username": "boss",
                "created_at": "2027-01-15T08:00:01Z", "last_login": null,
                "immutable": true, "role": "admin", "is_admin": true, "activated": true,
                "hosts": null
            },
        ])
    );
}

async fn users_are_paged_by_number_and_by_cursor(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    for number in 1..=4 {
        app.user(&format!("user{number}"), Role::Viewer).await;
    }
    let page = async |query: &str| app.get(&admin.key, &format!("{USERS}?{query}")).await;
    for (query, expected) in [
        ("page=1&limit=2", &["user4", "user3"][..]),
        ("page=2&limit=2", &["user2", "user1"]),
        ("page=3&limit=2", &["boss"]),
        ("page=4&limit=2", &[]),
        ("page=1.0&limit=%202", &["user4", "user3"]),
        ("limit=1&limit=2", &["user4", "user3"]),
        ("unknown=1&limit=1", &["user4"]),
        ("page=92233720368547758&limit=100", &[]),
    ] {
        let reply = page(query).await;
        assert_eq!(usernames(&reply.expect(200)), expected, "{query}");
        assert_eq!(reply.header("x-total-count"), Some("5"));
    }
    // The link leads through all of them, once each, also when one is added meanwhile.
    let mut seen = Vec::new();
    let mut next = Some(format!("{USERS}?limit=2"));
    while let Some(target) = next.take() {
        let reply = app.get(&admin.key, &target).await;
        let users = reply.expect(200);
        seen.extend(usernames(&users).into_iter().map(str::to_owned));
        next = reply.header("link").map(|link| {
            let target = link.strip_suffix(">; rel=\"next\"").unwrap();
            target.strip_prefix('<').unwrap().to_owned()
        });
        if seen.len() == 2 {
            app.user("late", Role::Viewer).await;
        }
    }
    assert_eq!(seen, ["user4", "user3", "user2", "user1", "boss"]);
}

async fn bad_pages_name_the_field(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let integer = "Input should be a valid integer, unable to parse string as an integer";
    let least = "Input should be greater than or equal to 1";
    let cursor = "Input should be a cursor from an earlier response";
    let huge = "9".repeat(60);
    for (query, name, message) in [
        ("page=0", "page", least),
        ("page=-3", "page", least),
        ("page=x", "page", integer),
        ("page=", "page", integer),
        ("limit=0", "limit", least),
        (
            "limit=101",
            "limit",
            "Input should be less than or equal to 100",
        ),
        ("limit=1.5", "limit", integer),
        ("cursor=x", "cursor", cursor),
        ("cursor=MTowOm5vLXV1aWQ", "cursor", cursor),
    ] {
        let reply = app.get(&admin.key, &format!("{USERS}?{query}")).await;
        reply.expect_invalid(&[(&["query", name], message)]);
    }
    let reply = app.get(&admin.key, &format!("{USERS}?page={huge}")).await;
    let body = reply.expect_code(422, "validation_failed");
    assert_eq!(body["errors"][0]["location"], json!(["query", "page"]));
    let both = app
        .get(&admin.key, &format!("{USERS}?limit=0&page=x"))
        .await;
    both.expect_invalid(&[(&["query", "page"], integer), (&["query", "limit"], least)]);
}

async fn setting_a_role_answers_it_and_204_when_it_is_set(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let user = app.user("alice1", Role::Viewer).await;
    let role = path(&user, "role");
    for (query, is_admin) in [("?is_admin=yes", true), ("", false), ("?is_admin=1", true)] {
        let target = format!("{role}{query}");
        let reply = app.patch(&admin.key, &target).await.expect(200);
        let word = if is_admin { "admin" } else { "viewer" };
        let expected = json!({
            "success": true, "user_id": user.id(), "is_admin": is_admin, "role": word,
        });
        assert_eq!(reply, expected);
        let may = app.get(&user.key, USERS).await.status;
        assert_eq!(may, if is_admin { 200 } else { 403 }, "at once");
        app.patch(&admin.key, &target).await.expect_nothing();
    }
    // A body says nothing.
    let body = Some(json!({"is_admin": false}));
    let reply = app
        .request(
            Method::PATCH,
            &format!("{role}?is_admin=1"),
            Some(&admin.key),
            body,
        )
        .await;
    reply.expect_nothing();
    let reply = app.patch(&admin.key, &format!("{role}?is_admin=2")).await;
    reply.expect_invalid(&[(
        &["query", "is_admin"],
        "Input should be a valid boolean, unable to interpret input",
    )]);
}

async fn activation_answers_the_id_and_204_when_it_is_so(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let user = app.user_as("alice1", Role::Viewer, false, false).await;
    let expected = json!({"success": true, "user_id": user.id()});
    for (action, status) in [("activate", 200), ("deactivate", 403), ("activate", 200)] {
        let target = path(&user, action);
        let reply = app.patch(&admin.key, &target).await.expect(200);
        assert_eq!(reply, expected);
        assert_eq!(names(&reply), ["success", "user_id"]);
        let me = app.get(&user.key, "/api/v1/user/me").await;
        assert_eq!(me.status, status, "at once");
        app.patch(&admin.key, &target).await.expect_nothing();
    }
}

async fn changes_of_unknown_users_are_404(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let id = Uuid::new_v4();
    for action in ["role", "role?is_admin=true", "activate", "deactivate"] {
        let reply = app
            .patch(&admin.key, &format!("{USERS}/{id}/{action}"))
            .await;
        let text = "User with this user_id not found.";
        reply.expect_problem(404, "user_not_found", text);
    }
}

async fn user_ids_are_read_in_any_spelling_and_checked(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let user = app.user("alice1", Role::Viewer).await;
    let id = user.user.id.0;
    for spelling in [
        id.to_string().to_uppercase(),
        id.simple().to_string(),
        format!("%7B{id}%7D"),
    ] {
        app.patch(&admin.key, &format!("{USERS}/{spelling}/deactivate"))
            .await
            .expect(200);
        let reply = app
            .patch(&admin.key, &format!("{USERS}/{spelling}/activate"))
            .await;
        assert_eq!(reply.expect(200)["user_id"], user.id(), "normalised");
    }
    for wrong in ["nope", "%00", "%ff", "me", "..", "%2e%2e%2f"] {
        let reply = app
            .patch(&admin.key, &format!("{USERS}/{wrong}/role"))
            .await;
        let body = reply.expect_code(422, "validation_failed");
        assert_eq!(body["errors"][0]["location"], json!(["path", "user_id"]));
    }
    let reply = app.patch(&admin.key, &format!("{USERS}/nope/role")).await;
    let message = reply.json()["errors"][0]["message"].clone();
    let text = "Input should be a valid UUID, invalid character: found `n` at 0";
    assert_eq!(message, text);
}

async fn nobody_harms_themselves(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    app.user("other", Role::Admin).await;
    for role in ["role", "role?is_admin=true"] {
        let reply = app.patch(&admin.key, &path(&admin, role)).await;
        reply.expect_problem(403, "own_role", "Can't change your own admin perm.");
    }
    let reply = app.patch(&admin.key, &path(&admin, "deactivate")).await;
    reply.expect_problem(403, "own_account", "Can't deactivate own admin account.");
    app.patch(&admin.key, &path(&admin, "activate"))
        .await
        .expect_nothing();
}

async fn immutable_users_stay_as_they_are(database: Database) {
    let app = App::new(&database).await;
    let first = app.user_as("first", Role::Admin, true, true).await;
    let asleep = app.user_as("asleep", Role::Viewer, false, true).await;
    let admin = app.admin().await;
    for (user, action, text) in [
        (&first, "role", "Can't set users role: user is immutable"),
        (
            &first,
            "deactivate",
            "Can't deactivate user: user is immutable",
        ),
        (
            &asleep,
            "role?is_admin=true",
            "Can't set users role: user is immutable",
        ),
        (
            &asleep,
            "activate",
            "Can't activate user: user is immutable",
        ),
    ] {
        let reply = app.patch(&admin.key, &path(user, action)).await;
        reply.expect_problem(403, "user_immutable", text);
    }
    let users = app.get(&admin.key, USERS).await.expect(200);
    assert_eq!(
        (&users[2]["role"], &users[2]["activated"]),
        (&json!("admin"), &json!(true))
    );
    assert_eq!(
        (&users[1]["role"], &users[1]["activated"]),
        (&json!("viewer"), &json!(false))
    );
}

async fn the_last_active_admin_stays(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    app.user("alice1", Role::Viewer).await;
    let asleep = app.user_as("asleep", Role::Admin, false, false).await;
    let own = json!({"user_id": "me"});
    let reply = app
        .delete(&admin.key, "/api/v1/user/delete", Some(own.clone()))
        .await;
    let text = "Can not delete the last admin account.";
    reply.expect_problem(403, "last_admin", text);
    // An inactive admin is none to keep, and none that remains.
    app.patch(&admin.key, &path(&asleep, "activate"))
        .await
        .expect(200);
    let reply = app
        .delete(&admin.key, "/api/v1/user/delete", Some(own))
        .await;
    reply.expect(200);
    // Now the other one is the last.
    let own = json!({"user_id": asleep.id()});
    let reply = app
        .delete(&asleep.key, "/api/v1/user/delete", Some(own))
        .await;
    reply.expect_problem(403, "last_admin", text);
}

async fn two_admins_cannot_demote_each_other_at_once(database: Database) {
    let app = App::new(&database).await;
    let one = app.admin().await;
    let two = app.user("other", Role::Admin).await;
    for action in ["role", "deactivate"] {
        let (on_two, on_one) = (path(&two, action), path(&one, action));
        let (first, second) =
            tokio::join!(app.patch(&one.key, &on_two), app.patch(&two.key, &on_one),);
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403], "{} {}", first.text(), second.text());
        let users = app
            .store
            .list_users(linux_api_store::users::UserPosition::Offset(0), 9);
        let users = users.await.unwrap();
        let active = |role| {
            users
                .iter()
                .filter(|user| user.active && user.role == role)
                .count()
        };
        assert_eq!(active(Role::Admin), 1);
        // Put the loser back.
        let (winner, loser) = if first.status == 200 {
            (&one, &two)
        } else {
            (&two, &one)
        };
        let back = if action == "role" {
            "role?is_admin=true"
        } else {
            "activate"
        };
        app.patch(&winner.key, &path(loser, back)).await.expect(200);
    }
}
