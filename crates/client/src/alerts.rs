//! Calls about alerts: what fires and what changed, rules, silences, channels.

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;

use super::Client;
use super::calls::dotted_segment;
use super::error::ClientError;
use super::events::EventStream;
use linux_api_wire::api::alerts::{
    AcknowledgeAlert, AddAlertSilence, Alert, AlertBrake, AlertChannels, AlertDelivery, AlertList,
    AlertNotice, AlertPreview, AlertRule, AlertRuleDefinition, AlertRuleList, AlertSilence,
    AlertSilenceList, ChannelTestResult, PreviewAlertRule,
};
use linux_api_wire::api::page::Page;
use linux_api_wire::api::users::Done;
use linux_api_wire::time::Timestamp;

/// Longest time for a preview: it reads the history of many hosts.
const PREVIEW_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time for a test of a channel: the receiver has ten seconds.
const TEST_TIMEOUT: Duration = Duration::from_secs(15);
/// No query string.
const NONE: &[(&str, &str)] = &[];

/// Which alerts to list; all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AlertQuery {
    /// States with commas between them; those that fire or clear without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `warning` or `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Id or name of a host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The name of a rule, or a pattern where it has `*` or `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// A label of the instance with a pattern, such as `mount_point=/srv/*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Whether only those that no one has acknowledged, silenced or explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<bool>,
    /// The most alerts, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts, from an earlier response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Which changes to list; all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AlertHistoryQuery {
    /// How it changed, such as `firing,resolved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// `warning` or `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Id or name of a host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The name of a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// A label of the instance, see [`AlertQuery::instance`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// At or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// At or before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// The most changes, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts, from an earlier response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Every call fails with a [`ClientError`] that says what to do about it.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, above: all of them fail in the same ways"
)]
impl Client {
    /// One page of alerts, the worst first.
    pub async fn alerts(&self, query: &AlertQuery) -> Result<AlertList, ClientError> {
        self.get("/api/v1/alerts", query).await
    }

    /// One page of what changed, newest first.
    pub async fn alert_history(
        &self,
        query: &AlertHistoryQuery,
    ) -> Result<Page<AlertNotice>, ClientError> {
        self.get("/api/v1/alerts/history", query).await
    }

    /// Has automatic restarts be possible again on a host. Returns the brake as it is then.
    pub async fn release_brake(&self, host_id: &str) -> Result<AlertBrake, ClientError> {
        let path = format!("/api/v1/alerts/hosts/{}/release", dotted_segment(host_id));
        self.expect_change(self.request(Method::POST, &path)).await
    }

    /// Notes that the caller has seen an alert, so that it is not repeated. Returns it as it is then.
    pub async fn acknowledge_alert(
        &self,
        alert_id: &str,
        comment: &str,
    ) -> Result<Alert, ClientError> {
        let path = format!("/api/v1/alerts/{}/acknowledge", dotted_segment(alert_id));
        let comment = comment.to_owned();
        let request = self.request(Method::POST, &path);
        self.expect_change(request.json(&AcknowledgeAlert { comment }))
            .await
    }

    /// The rules of the daemon, and the mistakes in its files of them.
    pub async fn alert_rules(&self) -> Result<AlertRuleList, ClientError> {
        self.get("/api/v1/alerts/rules", NONE).await
    }

    /// Makes a rule, or replaces the user's rule with its name.
    pub async fn put_alert_rule(
        &self,
        definition: &AlertRuleDefinition,
    ) -> Result<AlertRule, ClientError> {
        let request = self.request(Method::PUT, &rule_path(&definition.name));
        self.expect_change(request.json(definition)).await
    }

    /// Deletes a rule that a user made.
    pub async fn delete_alert_rule(&self, name: &str) -> Result<Done, ClientError> {
        let request = self.request(Method::DELETE, &rule_path(name));
        self.expect_change(request).await
    }

    /// What a rule would have done over stored history.
    pub async fn preview_alert_rule(
        &self,
        preview: &PreviewAlertRule,
    ) -> Result<AlertPreview, ClientError> {
        let client = self.clone();
        let client = client.with_timeout(self.timeout.unwrap_or(PREVIEW_TIMEOUT));
        let request = client.request(Method::POST, "/api/v1/alerts/preview");
        client.expect_change(request.json(preview)).await
    }

    /// Silences that are not over.
    pub async fn alert_silences(&self) -> Result<AlertSilenceList, ClientError> {
        self.get("/api/v1/alerts/silences", NONE).await
    }

    /// Makes a silence.
    pub async fn add_alert_silence(
        &self,
        silence: &AddAlertSilence,
    ) -> Result<AlertSilence, ClientError> {
        let request = self.request(Method::POST, "/api/v1/alerts/silences");
        self.expect_change(request.json(silence)).await
    }

    /// Ends a silence now.
    pub async fn end_alert_silence(&self, id: &str) -> Result<Done, ClientError> {
        let path = format!("/api/v1/alerts/silences/{}", dotted_segment(id));
        self.expect_change(self.request(Method::DELETE, &path))
            .await
    }

    /// Where the daemon sends notices.
    pub async fn alert_channels(&self) -> Result<AlertChannels, ClientError> {
        self.get("/api/v1/alerts/channels", NONE).await
    }

    /// Sends a test message to a channel.
    pub async fn test_alert_channel(&self, name: &str) -> Result<ChannelTestResult, ClientError> {
        let path = format!("/api/v1/alerts/channels/{}/test", dotted_segment(name));
        let client = self.clone();
        let client = client.with_timeout(self.timeout.unwrap_or(TEST_TIMEOUT));
        client
            .expect_change(client.request(Method::POST, &path))
            .await
    }

    /// The newest deliveries, at most `limit` (1 to 1000).
    pub async fn alert_deliveries(&self, limit: u32) -> Result<Page<AlertDelivery>, ClientError> {
        self.get("/api/v1/alerts/deliveries", &[("limit", limit)])
            .await
    }

    /// As [`Client::stream`], and with it the event `alerts` at first and whenever alerts change: the caller needs
    /// the scope `alerts:read` too.
    #[must_use]
    pub fn stream_with_alerts(&self, interval: Duration, processes: u16) -> EventStream {
        let mut stream = self.stream(interval, processes);
        stream.add_query("alerts", "true");
        stream
    }
}

fn rule_path(name: &str) -> String {
    format!("/api/v1/alerts/rules/{}", dotted_segment(name))
}
