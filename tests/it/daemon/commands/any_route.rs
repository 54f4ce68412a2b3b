//! `linux-api api`: requests to any path.

use serde_json::{Value, json};

use super::{Fleet, with_input};
use crate::daemon::process::post;

#[test]
fn any_route_is_reached_with_the_key_of_the_remote() {
    let fleet = Fleet::start();
    let me = fleet.run(&["api", "GET", "user/me", "-r", "web"]);
    assert_eq!(me.json()["user"]["username"], "admin");
    let full = fleet.run(&["-r", "web", "api", "get", "/api/v1/user/me", "--json"]);
    assert_eq!(me.json(), full.json());
    // As it came where no person reads it, indented when chosen.
    assert_eq!(me.out.lines().count(), 1, "{}", me.out);
    assert!(full.out.lines().count() > 5, "{}", full.out);
    let metrics = fleet.run(&["api", "GET", "/metrics", "-r", "web"]).well();
    assert!(metrics.contains("# TYPE "), "{metrics}");
    let query = [
        "api",
        "GET",
        "system/processes?sort=pid",
        "-f",
        "limit=2",
        "-f",
        "order=asc",
        "-r",
        "web",
    ];
    let list = fleet.run(&query).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(list["items"][0]["pid"], 1);
    let head = fleet
        .run(&["api", "GET", "/readyz", "-i", "-r", "web"])
        .well();
    assert!(
        head.starts_with("HTTP/1.1 200 OK\n") && head.contains("\nx-request-id: "),
        "{head}"
    );
}

#[test]
fn a_body_comes_from_fields_or_from_standard_input() {
    let fleet = Fleet::start();
    let input = json!({"username": "fromstdin", "activate": true}).to_string();
    let post = ["api", "POST", "user/register", "--input", "-", "-r", "web"];
    let made = with_input(fleet.command(&post), &input);
    assert_eq!(made.json()["username"], "fromstdin", "{made:?}");
    let fields = [
        "api",
        "POST",
        "user/register",
        "-f",
        "username=fromfields",
        "-F",
        "activate=true",
        "-r",
        "web",
    ];
    assert_eq!(fleet.run(&fields).json()["username"], "fromfields");
    let users = fleet
        .run(&["user", "list", "-o", "name", "-r", "web"])
        .well();
    assert_eq!(users, "fromfields\nfromstdin\nadmin\n");

    let again = fleet.run(&fields);
    assert_eq!((again.code, again.out.as_str()), (1, ""));
    assert!(again.err.contains("409"), "{again:?}");
    // A text where a boolean is wanted.
    let typed = [
        "api",
        "POST",
        "user/register",
        "-f",
        "username=other1",
        "-f",
        "activate=maybe",
        "-r",
        "web",
    ];
    let typed = fleet.run(&typed);
    assert!(
        typed.code == 1 && typed.err.contains("422") && typed.err.contains("activate"),
        "{typed:?}"
    );
    let nothing = fleet.run(&["api", "GET", "user/me", "--input", "-", "-r", "web"]);
    assert_eq!(nothing.code, 2, "{nothing:?}");
}

#[test]
fn pages_are_followed_to_the_end() {
    let fleet = Fleet::start();
    let key = fleet.web.key.as_deref().unwrap();
    for number in 0..23 {
        let user = json!({"username": format!("user{number}")});
        let (status, _) = post(&fleet.web.address, "/api/v1/user/register", key, &user);
        assert_eq!(status, 200);
    }
    // By the Link header, and by the cursor in the body.
    for (path, count) in [("admin/users?limit=10", 24), ("admin/audit?limit=10", 24)] {
        let all = fleet
            .run(&["api", "GET", path, "--paginate", "-r", "web"])
            .json();
        let rows = all.as_array().unwrap();
        assert_eq!(rows.len(), count, "{path}");
        let mut ids: Vec<String> = rows.iter().map(Value::to_string).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "{path}: each row once");
        let lines = ["api", "GET", path, "--paginate", "-o", "jsonl", "-r", "web"];
        let lines = fleet.run(&lines).well();
        assert_eq!(lines.lines().count(), count, "{path}");
    }
    let none = [
        "api",
        "GET",
        "admin/audit",
        "-f",
        "actor=none",
        "--paginate",
        "-r",
        "web",
    ];
    assert_eq!(fleet.run(&none).json(), json!([]));
    let no_list = fleet.run(&["api", "GET", "user/me", "--paginate", "-r", "web"]);
    assert_eq!(no_list.code, 1, "{no_list:?}");
}

#[test]
fn a_refusal_ends_by_its_status() {
    let fleet = Fleet::start();
    for (arguments, code, says) in [
        (["api", "GET", "admin/users", "-r", "viewer"], 3, "403"),
        (["api", "GET", "user/me", "-r", "wrong"], 3, "401"),
        (["api", "GET", "nothing/here", "-r", "web"], 1, "404"),
        (
            ["api", "GET", "user/me", "-r", "dead"],
            4,
            "does not respond",
        ),
    ] {
        let ended = fleet.run(&arguments);
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (code, ""),
            "{arguments:?}: {ended:?}"
        );
        assert!(
            ended.err.starts_with("error: ") && ended.err.contains(says),
            "{ended:?}"
        );
    }
    let whole = fleet.run(&["api", "GET", "nothing/here", "-i", "-r", "web"]);
    assert_eq!(whole.code, 1);
    assert!(
        whole.out.starts_with("HTTP/1.1 404") && whole.out.contains("\"detail\""),
        "{whole:?}"
    );
}
