//! The calls about alerts.

use std::time::Duration;

use linux_api_client::Client;
use linux_api_client::alerts::{AlertHistoryQuery, AlertQuery};
use linux_api_client::error::ClientError;
use linux_api_client::events::Update;
use linux_api_wire::api::alerts::{
    AddAlertSilence, AlertRuleDefinition, AlertsEvent, PreviewAlertRule,
};
use serde_json::json;

const NO_ID: &str = "00000000-0000-8000-8000-000000000000";

#[track_caller]
fn is_refused<T: std::fmt::Debug>(result: Result<T, ClientError>, expected: &str) {
    match result {
        Err(ClientError::Refused { code, .. }) => assert_eq!(code, expected),
        other => panic!("{other:?}"),
    }
}

/// Makes each call once, and looks at what it gives on a daemon without channels.
pub(super) async fn all_calls(client: &Client) {
    let alerts = client.alerts(&AlertQuery::default()).await.unwrap();
    assert_eq!(alerts.items.len(), alerts.total);
    let query = AlertHistoryQuery::default();
    client.alert_history(&query).await.unwrap();
    is_refused(
        client.acknowledge_alert(NO_ID, "seen").await,
        "alert_not_firing",
    );
    let rule: AlertRuleDefinition =
        serde_json::from_value(json!({"name": "busy", "series": "load.one", "warning": 400}))
            .unwrap();
    let stored = client.put_alert_rule(&rule).await.unwrap();
    assert_eq!(stored.name, "busy");
    let rules = client.alert_rules().await.unwrap();
    assert!(rules.items.iter().any(|one| one.name == "host_down"));
    let preview = PreviewAlertRule {
        // It is not in force yet.
        rule: Some("busy".to_owned()),
        ..PreviewAlertRule::default()
    };
    client.preview_alert_rule(&preview).await.unwrap();
    client.delete_alert_rule("busy").await.unwrap();
    let silence = AddAlertSilence {
        rule: Some("busy".to_owned()),
        duration: Some("2h".to_owned()),
        ..AddAlertSilence::default()
    };
    let made = client.add_alert_silence(&silence).await.unwrap();
    let silences = client.alert_silences().await.unwrap();
    assert!(silences.items.iter().any(|one| one.id == made.id));
    client.end_alert_silence(&made.id).await.unwrap();
    assert!(client.alert_channels().await.unwrap().items.is_empty());
    is_refused(client.test_alert_channel("ops").await, "channel_not_found");
    is_refused(client.release_brake("nowhere").await, "host_unknown");
    assert!(client.alert_deliveries(5).await.unwrap().items.is_empty());
    let mut stream = client.stream_with_alerts(Duration::from_secs(2), 0);
    // What is true at first comes without a change.
    loop {
        let update = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
        match update.unwrap() {
            Update::Event(event) if event.name == "alerts" => {
                let event: AlertsEvent = serde_json::from_str(&event.data).unwrap();
                assert_eq!(event.items.len(), event.total);
                break;
            }
            Update::Lost { error, .. } => panic!("{error:?}"),
            _ => {}
        }
    }
}
