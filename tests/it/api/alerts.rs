//! `/api/v1/alerts`: what fires, what changed, and what is done about it.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Method;
use linux_api_alerts::evaluate::{States, evaluate};
use linux_api_alerts::labels::Labels;
use linux_api_alerts::notice::{Host, InstanceKey};
use linux_api_alerts::reading::Reading;
use linux_api_alerts::rules::{Rule, RuleSet, RuleSource, compile};
use linux_api_alerts::state::Moment;
use linux_api_store::alerts::states::StateChange;
use linux_api_store::flush::{Batch, HostReport};
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::user::Role;
use serde_json::{Value, json};

use crate::api::app::App;
use crate::api::audit::row_of;
use crate::api::database::Database;

on_both_engines! {
    what_fires_is_listed_and_acknowledged_once_it_does,
    alerts_are_filtered_and_come_page_by_page,
    a_silence_holds_what_it_matches_until_it_ends,
    what_can_not_be_silenced_is_refused_by_field,
    a_caller_limited_to_some_hosts_changes_nothing_of_others,
    channels_are_none_where_none_are_configured,
}

pub(crate) const ALERTS: &str = "/api/v1/alerts";

fn rule(text: &str) -> Rule {
    compile(toml::from_str(text).unwrap(), RuleSource::Stored).unwrap()
}

/// Writes that a host is there, with its labels and samples.
pub(crate) async fn write_host(
    app: &App,
    id: &str,
    labels: &[(&str, &str)],
    samples: &[HostSample],
) {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let host = HostReport {
        identity: HostIdentity {
            id: id.into(),
            name: format!("name-of-{id}"),
            labels: labels.iter().map(owned).collect(),
            version: "1".to_owned(),
        },
        instance_id: "a1".into(),
        facts: None,
        sample: None,
    };
    let batch = Batch {
        host: &host,
        buckets: &[],
        samples,
    };
    app.store.flush(batch).await.unwrap();
}

/// Judges file systems of a host and stores what follows, as its daemon does.
pub(crate) async fn judge(app: &App, id: &str, percents: &[(&str, f64)]) {
    let rules = RuleSet::only(vec![rule(
        "name = \"disk_space\"\ncheck = \"disk_space\"\nwarning = 85\ncritical = 95\nfor = \"0s\"\n\
         keep_firing = \"0s\"",
    )]);
    let host = Host {
        id: id.to_owned(),
        name: format!("name-of-{id}"),
        labels: BTreeMap::new(),
    };
    let readings = percents.iter().map(|(mount_point, percent)| {
        let labels = Labels::one("mount_point", mount_point);
        Reading::value(labels, *percent, &format!("{percent}% used"))
    });
    let readings: Vec<Reading> = readings.collect();
    let filter = linux_api_store::alerts::states::StateFilter {
        host: Some(id.to_owned()),
        ..Default::default()
    };
    let stored = app.store.alert_states(&filter).await.unwrap();
    let versions: BTreeMap<InstanceKey, i64> = stored
        .iter()
        .map(|one| (one.instance.clone(), one.version))
        .collect();
    let mut states: States = stored
        .into_iter()
        .map(|one| (one.instance, one.state))
        .collect();
    let moment = Moment {
        now: app.clock.clock().now(),
        booted_at: None,
    };
    let subject = rules.rules()[0].subject;
    let judged = evaluate(&rules, &host, &subject, Ok(&readings), &mut states, moment);
    let changes: Vec<StateChange> = states
        .into_iter()
        .map(|(instance, state)| StateChange {
            follows: versions.get(&instance).copied(),
            instance,
            state: Some(state),
        })
        .collect();
    app.store
        .save_evaluation(&changes, &judged.notices)
        .await
        .unwrap();
}

fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|one| one[field].as_str().unwrap()).collect()
}

async fn what_fires_is_listed_and_acknowledged_once_it_does(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    let operator = app.user("olga", Role::Operator).await;
    let admin = app.admin().await;
    write_host(&app, "h2", &[], &[]).await;
    let empty = app.get(&viewer.key, ALERTS).await.expect(200);
    assert_eq!(empty["total"], 0);
    judge(&app, "h2", &[("/", 90.0), ("/srv", 97.5)]).await;
    let list = app.get(&viewer.key, ALERTS).await.expect(200);
    assert_eq!(
        list["counts"],
        json!({"critical": 1, "warning": 1, "unseen": 2, "pending": 0, "unknown": 0})
    );
    assert_eq!(texts(&list, "severity"), ["critical", "warning"]);
    let alert = &list["items"][0];
    assert_eq!(alert["host"], "name-of-h2");
    assert_eq!(alert["labels"], json!({"mount_point": "/srv"}));
    assert_eq!(alert["value"], 97.5);
    assert_eq!(alert["unit"], "percent");
    // In the words of the rule that is in force here, which is the stock rule.
    let threshold = alert["threshold"].as_str().unwrap();
    assert!(
        threshold.starts_with("95% or more and less than 20"),
        "{threshold}"
    );

    let id = alert["id"].as_str().unwrap();
    let acknowledge = format!("{ALERTS}/{id}/acknowledge");
    let comment = json!({"comment": "moving old backups"});
    app.post(&viewer.key, &acknowledge, comment.clone())
        .await
        .expect_code(403, "role_required");
    let reply = app.post(&operator.key, &acknowledge, comment).await;
    let seen = reply.expect(200);
    assert_eq!(seen["acknowledged"]["by"], "olga");
    assert_eq!(seen["acknowledged"]["comment"], "moving old backups");
    let row = row_of(&app, &admin.key, &reply).await;
    assert_eq!(row["action"], "alert.acknowledge");
    assert_eq!(row["target"], "alert:disk_space");
    assert_eq!(row["result"], "done");
    let unseen = app.get(&viewer.key, &format!("{ALERTS}?unseen=true")).await;
    let unseen = unseen.expect(200);
    assert_eq!(texts(&unseen, "severity"), ["warning"]);
    assert_eq!(unseen["counts"]["unseen"], 1);

    // It ends: a request that was on its way acknowledges nothing.
    app.clock.advance(Duration::from_secs(10));
    judge(&app, "h2", &[("/", 90.0), ("/srv", 50.0)]).await;
    let late = app.post(&operator.key, &acknowledge, json!({})).await;
    late.expect_code(404, "alert_not_firing");
    let row = row_of(&app, &admin.key, &late).await;
    assert_eq!(row["result"], "refused");
    assert_eq!(row["target"], format!("alert:{id}"));

    let history = app.get(&viewer.key, &format!("{ALERTS}/history")).await;
    let history = history.expect(200);
    assert_eq!(texts(&history, "change"), ["resolved", "firing", "firing"]);
    assert_eq!(history["items"][0]["before"], "critical");
    assert_eq!(history["items"][0]["after"], Value::Null);
    assert_eq!(history["items"][0]["alert_id"], id);
}

async fn alerts_are_filtered_and_come_page_by_page(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    write_host(&app, "h2", &[("env", "prod")], &[]).await;
    write_host(&app, "h3", &[("env", "dev")], &[]).await;
    judge(&app, "h2", &[("/", 90.0), ("/srv", 97.0)]).await;
    app.clock.advance(Duration::from_secs(10));
    judge(&app, "h3", &[("/", 91.0), ("/data/a", 92.0)]).await;
    let get = async |query: &str| {
        let path = format!("{ALERTS}?{query}");
        app.get(&viewer.key, &path).await.expect(200)
    };
    for (query, values) in [
        ("", &[97.0, 90.0, 91.0, 92.0][..]),
        ("severity=critical", &[97.0]),
        ("host=name-of-h3", &[91.0, 92.0]),
        ("host=h3&severity=critical", &[]),
        ("label=env%3Dprod", &[97.0, 90.0]),
        ("rule=disk_*", &[97.0, 90.0, 91.0, 92.0]),
        ("rule=memory*", &[]),
        ("instance=mount_point%3D%2Fdata%2F*", &[92.0]),
        ("instance=mount_point%3D%2F&host=h2", &[90.0]),
        ("state=pending,unknown", &[]),
        ("state=firing&severity=warning", &[90.0, 91.0, 92.0]),
    ] {
        let list = get(query).await;
        let items = list["items"].as_array().unwrap().iter();
        let mut found: Vec<f64> = items.map(|one| one["value"].as_f64().unwrap()).collect();
        // Those of one moment come in the order of their ids, which say nothing.
        found.sort_by(|a, b| f64::total_cmp(b, a));
        let mut expected = values.to_vec();
        expected.sort_by(|a, b| f64::total_cmp(b, a));
        assert_eq!(found, expected, "{query}");
        assert_eq!(list["total"], values.len(), "{query}");
        assert_eq!(list["counts"]["warning"], 3, "{query}");
    }
    let whole = get("").await;
    let mut pages = Vec::new();
    let mut query = "limit=1".to_owned();
    loop {
        let page = get(&query).await;
        pages.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=1&cursor={next}");
    }
    assert_eq!(&pages, whole["items"].as_array().unwrap());

    let history = format!("{ALERTS}/history");
    let whole = app.get(&viewer.key, &history).await.expect(200);
    assert_eq!(whole["items"].as_array().unwrap().len(), 4);
    let mut pages = Vec::new();
    let mut path = format!("{history}?limit=3");
    loop {
        let page = app.get(&viewer.key, &path).await.expect(200);
        pages.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{history}?limit=3&cursor={next}");
    }
    assert_eq!(&pages, whole["items"].as_array().unwrap());
    for (query, count) in [
        ("change=resolved", 0),
        ("change=firing,resolved", 4),
        ("severity=critical", 1),
        ("host=h2", 2),
        ("rule=disk_space", 4),
        ("rule=other", 0),
        ("instance=mount_point%3D%2F", 2),
        ("from=2027-01-15T08:00:11Z", 2),
        ("to=2027-01-15T08:00:05Z", 2),
    ] {
        let list = app.get(&viewer.key, &format!("{history}?{query}")).await;
        let list = list.expect(200);
        assert_eq!(
            list["items"].as_array().unwrap().len(),
            count,
            "{query}: {list}"
        );
    }
    for (path, field) in [
        (format!("{ALERTS}?state=bad"), "state"),
        (format!("{ALERTS}?instance=bad"), "instance"),
        (format!("{ALERTS}?cursor=bad"), "cursor"),
        (format!("{history}?change=bad"), "change"),
        (format!("{history}?rule=A%20B"), "rule"),
    ] {
        let wrong = app.get(&viewer.key, &path).await;
        let wrong = wrong.expect_code(422, "validation_failed");
        assert_eq!(wrong["errors"][0]["location"][1], field, "{wrong}");
    }
    app.get(&viewer.key, &format!("{ALERTS}?host=nowhere"))
        .await
        .expect_code(404, "host_unknown");
}

async fn a_silence_holds_what_it_matches_until_it_ends(database: Database) {
    let app = App::new(&database).await;
    let operator = app.user("olga", Role::Operator).await;
    let admin = app.admin().await;
    write_host(&app, "h2", &[("env", "prod")], &[]).await;
    judge(&app, "h2", &[("/", 90.0), ("/srv", 97.0)]).await;
    let silences = format!("{ALERTS}/silences");
    let wanted = json!({"rule": "disk_*", "labels": {"mount_point": "/srv"}, "for": "2h", "comment": "moving"});
    let reply = app.post(&operator.key, &silences, wanted).await;
    let silence = reply.expect(201);
    assert_eq!(silence["holds"], 1);
    assert_eq!(silence["active"], true);
    assert_eq!(silence["created_by"], "olga");
    let row = row_of(&app, &admin.key, &reply).await;
    let id = silence["id"].as_str().unwrap();
    assert_eq!(row["action"], "alert.silence");
    assert_eq!(row["target"], format!("silence:{id}"));
    let list = app.get(&operator.key, ALERTS).await.expect(200);
    assert_eq!(list["items"][0]["silenced_by"], id);
    assert_eq!(list["items"][1]["silenced_by"], Value::Null);
    assert_eq!(list["counts"]["unseen"], 1);

    let weekly =
        json!({"hosts": "env=prod", "weekly": {"windows": ["Sun 03:00-05:00"], "zone": "UTC"}});
    let reply = app.post(&operator.key, &silences, weekly).await;
    let weekly = reply.expect(201);
    assert_eq!(weekly["active"], false);
    assert_eq!(
        weekly["weekly"],
        json!({"windows": ["Sun 03:00-05:00"], "zone": "UTC"})
    );
    let all = app.get(&operator.key, &silences).await.expect(200);
    assert_eq!(texts(&all, "id"), [id, weekly["id"].as_str().unwrap()]);

    let path = format!("{silences}/{id}");
    let reply = app.delete(&operator.key, &path, None).await;
    reply.expect(200);
    let row = row_of(&app, &admin.key, &reply).await;
    assert_eq!(
        (&row["action"], &row["result"]),
        (&json!("alert.unsilence"), &json!("done"))
    );
    app.delete(&operator.key, &path, None)
        .await
        .expect_code(404, "silence_not_found");
    let list = app.get(&operator.key, ALERTS).await.expect(200);
    assert_eq!(list["items"][0]["silenced_by"], Value::Null);
}

async fn what_can_not_be_silenced_is_refused_by_field(database: Database) {
    let app = App::new(&database).await;
    let operator = app.user("olga", Role::Operator).await;
    let silences = format!("{ALERTS}/silences");
    for (body, field) in [
        (json!({"for": "2h"}), "rule"),
        (json!({"host": "a"}), "until"),
        (
            json!({"host": "a", "until": "2027-01-15T07:00:00Z"}),
            "until",
        ),
        (json!({"host": "a", "for": "400d"}), "until"),
        (json!({"host": "a", "for": "2 hours"}), "for"),
        (
            json!({"host": "a", "for": "2h", "until": "2028-01-01"}),
            "for",
        ),
        (json!({"host": "a", "until": "tomorrow"}), "until"),
        (json!({"hosts": "env", "for": "2h"}), "hosts"),
        (json!({"host": "x".repeat(257), "for": "2h"}), "host"),
        (
            json!({"host": "a", "weekly": {"windows": ["Sunday"]}}),
            "weekly",
        ),
        (json!({"host": "a", "weekly": {"windows": []}}), "weekly"),
        (
            json!({"host": "a", "weekly": {"windows": ["Sun 03:00-05:00"], "zone": "Mars/Olympus"}}),
            "weekly",
        ),
        (
            json!({"host": "a", "for": "2h", "comment": "x".repeat(501)}),
            "comment",
        ),
    ] {
        let reply = app.post(&operator.key, &silences, body.clone());
        let wrong = reply.await.expect_code(422, "validation_failed");
        assert_eq!(
            wrong["errors"][0]["location"],
            json!(["body", field]),
            "{body}: {wrong}"
        );
    }
    let unknown = json!({"host": "a", "for": "2h", "hots": "b"});
    let reply = app.post(&operator.key, &silences, unknown);
    let wrong = reply.await.expect_code(422, "validation_failed");
    assert!(
        wrong["detail"].as_str().unwrap().contains("hots"),
        "{wrong}"
    );
    let all = app.get(&operator.key, &format!("{ALERTS}/silences")).await;
    assert_eq!(all.expect(200)["items"], json!([]));
}

async fn a_caller_limited_to_some_hosts_changes_nothing_of_others(database: Database) {
    let app = App::new(&database).await;
    app.label(&[("env", "dev")]);
    let operator = app.user("olga", Role::Operator).await;
    let free = app.user("otto", Role::Operator).await;
    app.limit(&operator, "env=dev").await;
    write_host(&app, "h2", &[("env", "prod")], &[]).await;
    write_host(&app, "h3", &[("env", "dev")], &[]).await;
    judge(&app, "h2", &[("/", 90.0)]).await;
    judge(&app, "h3", &[("/", 91.0)]).await;
    let list = app.get(&free.key, ALERTS).await.expect(200);
    for alert in list["items"].as_array().unwrap() {
        let path = format!("{ALERTS}/{}/acknowledge", alert["id"].as_str().unwrap());
        let reply = app.post(&operator.key, &path, json!({})).await;
        if alert["host_id"] == "h2" {
            reply.expect_code(403, "hosts_exceeded");
        } else {
            reply.expect(200);
        }
    }
    let silences = format!("{ALERTS}/silences");
    let wide = json!({"rule": "disk_*", "for": "2h"});
    let silence = async |key: &str, body: &Value| app.post(key, &silences, body.clone()).await;
    silence(&operator.key, &wide)
        .await
        .expect_code(403, "hosts_exceeded");
    let narrow = json!({"rule": "disk_*", "hosts": "env=dev", "for": "2h"});
    let own = silence(&operator.key, &narrow).await.expect(201);
    let others = silence(&free.key, &wide).await.expect(201);
    let end = async |silence: &Value| {
        let path = format!("{silences}/{}", silence["id"].as_str().unwrap());
        app.delete(&operator.key, &path, None).await
    };
    end(&others).await.expect_code(403, "hosts_exceeded");
    end(&own).await.expect(200);

    let path = format!("{ALERTS}/rules/load");
    let put = async |key: &str, hosts: Option<&str>| {
        let mut body = json!({"name": "load", "series": "load.one", "warning": 4});
        if let Some(hosts) = hosts {
            body["hosts"] = json!(hosts);
        }
        app.request(Method::PUT, &path, Some(key), Some(body)).await
    };
    put(&operator.key, None)
        .await
        .expect_code(403, "hosts_exceeded");
    put(&operator.key, Some("env=dev,role=web"))
        .await
        .expect(200);
    put(&free.key, None).await.expect(200);
    // What counts on all hosts is neither narrowed nor deleted by it.
    put(&operator.key, Some("env=dev"))
        .await
        .expect_code(403, "hosts_exceeded");
    app.delete(&operator.key, &path, None)
        .await
        .expect_code(403, "hosts_exceeded");
}

async fn channels_are_none_where_none_are_configured(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    let operator = app.user("olga", Role::Operator).await;
    let list = app.get(&viewer.key, &format!("{ALERTS}/channels")).await;
    let list = list.expect(200);
    assert_eq!(list["items"], json!([]));
    assert_eq!(list["can_send"], false);
    let deliveries = app.get(&viewer.key, &format!("{ALERTS}/deliveries")).await;
    assert_eq!(deliveries.expect(200)["items"], json!([]));
    let test = format!("{ALERTS}/channels/ops/test");
    let none = app
        .request(Method::POST, &test, Some(&operator.key), None)
        .await;
    none.expect_code(404, "channel_not_found");
}
