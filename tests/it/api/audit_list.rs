//! The list of the audit log: filters, pages.

use linux_api_wire::user::Role;
use serde_json::Value;

use crate::api::app::App;
use crate::api::audit::AUDIT;
use crate::api::database::Database;

on_both_engines! {
    rows_are_filtered_by_every_field,
    rows_are_paged_by_cursor,
    bad_filters_name_the_field,
}

fn targets(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|row| row["target"].as_str().unwrap()).collect()
}

async fn rows_are_filtered_by_every_field(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let path = format!("/api/v1/admin/users/{}/deactivate", viewer.id());
    app.patch(&admin.key, &path).await.expect(200);
    let own = format!("/api/v1/admin/users/{}/deactivate", admin.id());
    app.patch(&admin.key, &own)
        .await
        .expect_code(403, "own_account");
    let (one, both) = ("user:alice1", ["user:alice1", "user:boss"]);
    let refused = format!("user:{}", admin.id());
    for (query, expected) in [
        ("actor=system", &both[..]),
        ("actor=boss", &[refused.as_str(), one]),
        ("action=user.create", &both),
        ("action=user.deactivate&result=done", &[one]),
        ("result=refused", &[refused.as_str()]),
        ("target=user:alice1", &[one, one]),
        ("target=user:alice1&actor=boss&unknown=1", &[one]),
        ("actor=nobody", &[]),
        ("from=2027-01-15T08:00:02Z&action=user.create", &[one]),
        ("to=2027-01-15T08:00:01", &["user:boss"]),
        ("to=2027-01-15T09:00:01%2B01:00", &["user:boss"]),
        ("from=1800000002&to=1800000002&actor=system", &[one]),
        ("from=2027-01-16", &[]),
    ] {
        let page = app.get(&admin.key, &format!("{AUDIT}?{query}")).await;
        assert_eq!(targets(&page.expect(200)), expected, "{query}");
    }
}

async fn rows_are_paged_by_cursor(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    for number in 1..=4 {
        app.user(&format!("user{number}"), Role::Viewer).await;
    }
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = app
            .get(&admin.key, &format!("{AUDIT}?{query}"))
            .await
            .expect(200);
        seen.extend(targets(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=2&cursor={cursor}");
        // What is written meanwhile neither repeats nor hides a row.
        app.user(&format!("late{}", seen.len()), Role::Viewer).await;
    }
    let expected = [
        "user:user4",
        "user:user3",
        "user:user2",
        "user:user1",
        "user:boss",
    ];
    assert_eq!(seen, expected);
}

async fn bad_filters_name_the_field(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let long = "x".repeat(129);
    let time = "Input should be a valid datetime or date";
    let cursor = "Input should be a cursor from an earlier response";
    for (query, field, message) in [
        (
            "limit=0",
            "limit",
            "Input should be greater than or equal to 1",
        ),
        (
            "limit=1001",
            "limit",
            "Input should be less than or equal to 1000",
        ),
        ("from=yesterday", "from", time),
        ("to=", "to", time),
        ("cursor=MTowOng", "cursor", cursor),
        (
            "actor=%00",
            "actor",
            "String should not hold a NUL character",
        ),
        (
            &format!("target={long}"),
            "target",
            "String should have at most 128 characters",
        ),
    ] {
        let reply = app.get(&admin.key, &format!("{AUDIT}?{query}")).await;
        reply.expect_invalid(&[(&["query", field], message)]);
    }
}
