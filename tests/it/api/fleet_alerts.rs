//! How many alerts the hosts of the fleet have.

use std::time::Instant;

use linux_api_wire::fleet::HostFacts;
use linux_api_wire::user::Role;
use serde_json::json;

use crate::api::alerts::judge;
use crate::api::app::App;
use crate::api::database::Database;
use crate::api::fleet::{HOSTS, report};

on_both_engines! {
    alerts_of_hosts_are_counted_by_severity,
}

async fn alerts_of_hosts_are_counted_by_severity(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    for id in ["h1", "h2"] {
        report(&app, id, &[], Some(HostFacts::default())).await;
    }
    // A host that has sent no figures.
    report(&app, "h3", &[], None).await;
    judge(&app, "h2", &[("/", 90.0), ("/srv", 97.5), ("/data", 86.0)]).await;
    judge(&app, "h3", &[("/", 99.0)]).await;
    let page = app.get(&eve.key, HOSTS).await.expect(200);
    let counts = |place: usize| {
        let host = &page["items"][place];
        let of = |key: &str| host["facts"][key].clone();
        (
            host["alerts"].clone(),
            [of("alerts"), of("alerts_critical"), of("alerts_warning")],
        )
    };
    assert_eq!(counts(0), (json!(0), [json!(0), json!(0), json!(0)]));
    assert_eq!(counts(1), (json!(3), [json!(3), json!(1), json!(2)]));
    assert_eq!(
        counts(2),
        (json!(1), [json!(null), json!(null), json!(null)])
    );
}

/// `cargo test --test it api::fleet_alerts -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures how long the list of a thousand hosts takes, for people"]
#[expect(clippy::print_stderr, reason = "says what was measured")]
async fn what_counting_the_alerts_of_a_thousand_hosts_costs() {
    for database in [Database::sqlite(), Database::postgres()] {
        let app = App::new(&database).await;
        let ids: Vec<String> = (0..1_000).map(|number| format!("h{number:04}")).collect();
        for id in &ids {
            report(&app, id, &[], Some(HostFacts::default())).await;
            judge(&app, id, &[("/", 90.0), ("/srv", 97.5), ("/data", 86.0)]).await;
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut took = Vec::new();
        for _ in 0..50 {
            let begin = Instant::now();
            let counts = app.store.count_alerts(&ids).await.unwrap();
            took.push(begin.elapsed());
            assert_eq!(counts.len(), 1_000);
        }
        took.sort();
        let engine = database.engine;
        eprintln!(
            "{engine:?}: 3 000 alerts of 1 000 hosts in {:?} (median of 50)",
            took[25]
        );
    }
}
