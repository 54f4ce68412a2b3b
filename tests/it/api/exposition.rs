//! `GET /metrics`: who may read it, in which format, and that it needs no database.

use linux_api_config::{Config, List, Network};
use linux_api_daemon::server::PolicyHandle;
use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;

use crate::api::app::{App, CLIENT, Setup};
use crate::api::database::Database;

on_both_engines! {
    a_key_with_the_scope_reads_the_series_in_the_format_it_asks_for,
}

async fn a_key_with_the_scope_reads_the_series_in_the_format_it_asks_for(database: Database) {
    let app = App::new(&database).await;
    app.sample_load(1.5, 50).await;
    let viewer = app.user("viewer", Role::Viewer).await;
    let scraper = app.key(&viewer, &[Scope::MetricsRead], None).await;
    let other = app.key(&viewer, &[Scope::HostRead], None).await;
    app.get_openly("/metrics")
        .await
        .expect_code(401, "key_missing");
    app.get(&other, "/metrics")
        .await
        .expect_code(403, "scope_missing");

    let reply = app.get(&scraper, "/metrics").await;
    assert_eq!(reply.status, 200);
    let kind = reply.header("content-type");
    assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = reply.text();
    assert!(
        text.contains("\nnode_load1 ") && text.contains("# TYPE node_cpu_seconds_total counter\n")
    );
    // Those that were refused count as well.
    let refused =
        "linux_api_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"401\"} 1\n";
    assert!(text.contains(refused), "{text}");
    let engine = app.store.engine().as_str();
    assert!(text.contains(&format!(
        "linux_api_database_info{{engine=\"{engine}\"}} 1\n"
    )));
    assert!(text.contains("linux_api_sampler_age_seconds{family=\"load\"} "));

    let headers = [
        ("authorization", &*format!("Bearer {scraper}")),
        ("accept", "application/openmetrics-text"),
    ];
    let reply = app.get_with("/metrics", &headers).await;
    let kind = reply.header("content-type");
    assert_eq!(
        kind,
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(reply.text().ends_with("# EOF\n"));
    let again =
        "linux_api_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"200\"} 1\n";
    assert!(reply.text().contains(again));
}

fn open_to(networks: &[&str]) -> PolicyHandle {
    let networks = networks
        .iter()
        .map(|text| linux_api_config::Element::read(text).unwrap());
    let mut config = Config::default();
    config.metrics.networks = List::<Network>(networks.collect());
    PolicyHandle::new(&config, "web1.example.org", None)
}

#[tokio::test]
async fn networks_that_are_listed_need_no_key_for_this_route_alone() {
    let database = Database::sqlite();
    let mut setup = Setup::new(&database);
    let own = CLIENT.rsplit_once(':').unwrap().0;
    setup.policy = open_to(&["10.0.0.0/8", &format!("{own}/32")]);
    let policy = setup.policy.clone();
    let app = App::with(setup).await;
    assert_eq!(app.get_openly("/metrics").await.status, 200);
    app.get_openly("/api/v1/system/snapshot")
        .await
        .expect_code(401, "key_missing");
    // If a request carries a key, only that key counts.
    app.get("lapi_nonsense", "/metrics")
        .await
        .expect_code(401, "key_invalid");
    let other_networks = Config::default();
    policy.replace(&other_networks, "web1.example.org");
    app.get_openly("/metrics")
        .await
        .expect_code(401, "key_missing");
}

#[tokio::test]
async fn a_database_that_is_away_hides_nothing_from_a_scraper() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let caller = app.user("viewer", Role::Viewer).await;
    let first = app.get(&caller.key, "/metrics").await;
    app.store.close().await;
    let second = app.get(&caller.key, "/metrics").await;
    assert_eq!((first.status, second.status), (200, 200));
}
