//! Alerts of a daemon: those that fire, what changed, rules, silences, and what a rule would have done.

use std::time::Duration;

use crate::demo::DemoScript;
use crate::query::{Query, SLOW};
use linux_api_client::Client;
use linux_api_client::alerts::{AlertHistoryQuery, AlertQuery};
use linux_api_client::error::ClientError;
use linux_api_wire::api::alerts::{
    AlertChannels, AlertList, AlertNotice, AlertPreview, AlertRuleList, AlertSilenceList,
    PreviewAlertRule,
};

/// Most alerts on one page.
const PAGE: u32 = 1000;
/// Most pages of one list.
const PAGES: usize = 5;
/// Most alerts of a single host.
const OF_A_HOST: u32 = 100;
/// Most changes that are listed.
const CHANGES: u32 = 500;
/// Most changes of a rule on a host, among which those of an alert are looked for.
const CHANGES_OF_A_RULE: u32 = 200;
/// How many days a preview looks back.
pub(crate) const DAYS: u32 = 7;
/// States of alerts that do not fire, too.
const ALL: &str = "pending,firing,clearing,unknown";

/// An older daemon does not know the routes, and what is read of the host is none the worse.
const fn is_fault(error: &ClientError) -> bool {
    !matches!(error, ClientError::Refused { status: 404, .. })
}

/// What fires on all hosts of a daemon's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertsQuery {
    /// Also what has not been bad for long enough, and what has no data.
    pub waiting: bool,
}

impl Query for AlertsQuery {
    type Response = AlertList;
    /// As often as they are evaluated.
    const LEAST: Duration = SLOW;

    async fn fetch(&self, client: &Client) -> Result<AlertList, ClientError> {
        let mut query = AlertQuery {
            state: self.waiting.then(|| ALL.to_owned()),
            limit: Some(PAGE),
            ..AlertQuery::default()
        };
        let mut list = client.alerts(&query).await?;
        for _ in 1..PAGES {
            query.cursor = list.next_cursor.take();
            if query.cursor.is_none() {
                break;
            }
            let page = client.alerts(&query).await?;
            list.items.extend(page.items);
            list.next_cursor = page.next_cursor;
        }
        Ok(list)
    }

    fn scripted(&self, script: &DemoScript) -> Result<AlertList, ClientError> {
        Ok(script.alerts(self.waiting))
    }

    fn is_like(&self, _other: &Self) -> bool {
        true
    }

    fn is_fault(error: &ClientError) -> bool {
        is_fault(error)
    }
}

/// What fires on the host of this id, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAlertsQuery(pub String);

impl Query for HostAlertsQuery {
    type Response = AlertList;

    async fn fetch(&self, client: &Client) -> Result<AlertList, ClientError> {
        let query = AlertQuery {
            state: Some(ALL.to_owned()),
            host: Some(self.0.clone()),
            limit: Some(OF_A_HOST),
            ..AlertQuery::default()
        };
        client.alerts(&query).await
    }

    fn scripted(&self, script: &DemoScript) -> Result<AlertList, ClientError> {
        Ok(script.alerts_of(&self.0))
    }

    /// Never the alerts of another host.
    fn is_shown_by(&self, other: &Self) -> bool {
        self == other
    }

    /// A key may not read alerts, and what is read of the host is none the worse.
    fn is_fault(_error: &ClientError) -> bool {
        false
    }
}

/// What changed last, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertNoticesQuery;

impl Query for AlertNoticesQuery {
    type Response = Vec<AlertNotice>;

    async fn fetch(&self, client: &Client) -> Result<Vec<AlertNotice>, ClientError> {
        let query = AlertHistoryQuery {
            limit: Some(CHANGES),
            ..AlertHistoryQuery::default()
        };
        Ok(client.alert_history(&query).await?.items)
    }

    fn scripted(&self, script: &DemoScript) -> Result<Vec<AlertNotice>, ClientError> {
        Ok(script.alert_notices())
    }

    fn is_fault(error: &ClientError) -> bool {
        is_fault(error)
    }
}

/// What changed of a rule on a host, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertChangesQuery {
    /// The rule.
    pub rule: String,
    /// The id of the host.
    pub host: String,
}

impl Query for AlertChangesQuery {
    type Response = Vec<AlertNotice>;

    async fn fetch(&self, client: &Client) -> Result<Vec<AlertNotice>, ClientError> {
        let query = AlertHistoryQuery {
            rule: Some(self.rule.clone()),
            host: Some(self.host.clone()),
            limit: Some(CHANGES_OF_A_RULE),
            ..AlertHistoryQuery::default()
        };
        Ok(client.alert_history(&query).await?.items)
    }

    fn scripted(&self, script: &DemoScript) -> Result<Vec<AlertNotice>, ClientError> {
        let is_it = |notice: &AlertNotice| notice.rule == self.rule && notice.host_id == self.host;
        let mut notices = script.alert_notices();
        notices.retain(is_it);
        Ok(notices)
    }

    fn is_shown_by(&self, other: &Self) -> bool {
        self == other
    }

    /// They are missing then, which is seen.
    fn is_fault(_error: &ClientError) -> bool {
        false
    }
}

/// The rules of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertRulesQuery;

impl Query for AlertRulesQuery {
    type Response = AlertRuleList;
    const LEAST: Duration = Duration::from_mins(1);

    async fn fetch(&self, client: &Client) -> Result<AlertRuleList, ClientError> {
        client.alert_rules().await
    }

    fn scripted(&self, _script: &DemoScript) -> Result<AlertRuleList, ClientError> {
        Ok(DemoScript::alert_rules())
    }

    fn is_fault(error: &ClientError) -> bool {
        is_fault(error)
    }
}

/// Whether a daemon judges alerts, and where it sends notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertChannelsQuery;

impl Query for AlertChannelsQuery {
    type Response = AlertChannels;
    const LEAST: Duration = Duration::from_mins(1);

    async fn fetch(&self, client: &Client) -> Result<AlertChannels, ClientError> {
        client.alert_channels().await
    }

    fn scripted(&self, _script: &DemoScript) -> Result<AlertChannels, ClientError> {
        Ok(DemoScript::alert_channels())
    }

    /// Where that is not known, alerts are taken for judged.
    fn is_fault(_error: &ClientError) -> bool {
        false
    }
}

/// Silences that are not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertSilencesQuery;

impl Query for AlertSilencesQuery {
    type Response = AlertSilenceList;
    const LEAST: Duration = SLOW;

    async fn fetch(&self, client: &Client) -> Result<AlertSilenceList, ClientError> {
        client.alert_silences().await
    }

    fn scripted(&self, script: &DemoScript) -> Result<AlertSilenceList, ClientError> {
        Ok(script.alert_silences())
    }

    fn is_fault(error: &ClientError) -> bool {
        is_fault(error)
    }
}

/// What a rule would have done in the last `DAYS` days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertPreviewQuery {
    /// The rule.
    pub rule: String,
    /// The id of a host; all of them without it.
    pub host: Option<String>,
}

impl Query for AlertPreviewQuery {
    type Response = AlertPreview;

    /// It reads the history of days: once is enough, however long someone looks at it.
    fn pace(_every: Duration) -> Duration {
        Duration::from_hours(1)
    }

    async fn fetch(&self, client: &Client) -> Result<AlertPreview, ClientError> {
        let preview = PreviewAlertRule {
            rule: Some(self.rule.clone()),
            host: self.host.iter().cloned().collect(),
            days: Some(DAYS),
            ..PreviewAlertRule::default()
        };
        client.preview_alert_rule(&preview).await
    }

    fn scripted(&self, script: &DemoScript) -> Result<AlertPreview, ClientError> {
        Ok(script.alert_preview(&self.rule, self.host.as_deref()))
    }

    fn is_shown_by(&self, other: &Self) -> bool {
        self == other
    }

    /// It says so itself.
    fn is_fault(_error: &ClientError) -> bool {
        false
    }
}
