//! Requests a URL every minute: what watches it notices when alerts are judged no more.

use std::time::Duration;

use futures_util::FutureExt as _;
use linux_api_wire::time::Timestamp;
use reqwest::Url;
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use super::{Alerts, sender};
use crate::tasks::supervisor::every;

/// How often it is requested.
const INTERVAL: Duration = Duration::from_mins(1);
/// An evaluation that is older shows that nothing is judged.
const EVALUATION_AGE_MAX: Duration = Duration::from_mins(1);
/// So long the database may be away.
const OUTAGE_MAX: Duration = Duration::from_mins(5);

/// Requests the URL.
#[derive(Debug)]
pub struct Heartbeat {
    alerts: Alerts,
    away_since: Option<Timestamp>,
    /// The last request failed.
    failed: bool,
}

impl Heartbeat {
    /// One that has not requested anything yet.
    #[must_use]
    pub const fn new(alerts: Alerts) -> Self {
        Self {
            alerts,
            away_since: None,
            failed: false,
        }
    }

    /// Requests the URL every minute until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        every(INTERVAL, &stop, &mut self, |one| one.turn().boxed()).await;
    }

    /// Requests the URL, unless this host is not judged or the database has been away for long.
    pub async fn turn(&mut self) {
        let settings = self.alerts.settings();
        let Some(path) = settings.heartbeat_file.clone().filter(|_| settings.enabled) else {
            return;
        };
        let now = self.alerts.store().clock().now();
        if self.alerts.store().is_ready() {
            self.away_since = None;
        } else {
            self.away_since.get_or_insert(now);
        }
        let evaluated = self.alerts.health().evaluated_at;
        let is_judging = evaluated.is_some_and(|time| now.since(time) < EVALUATION_AGE_MAX);
        let is_away = self
            .away_since
            .is_some_and(|since| now.since(since) >= OUTAGE_MAX);
        if !is_judging || is_away {
            return;
        }
        let outcome = self.request(&path).await;
        // Logged once per streak.
        if let Err(error) = &outcome
            && !self.failed
        {
            tracing::warn!(error, "the heartbeat of alerts was not taken");
        }
        self.failed = outcome.is_err();
    }

    async fn request(&self, path: &std::path::Path) -> Result<(), String> {
        let url = sender::url(path)?;
        let url = Url::parse(url.expose_secret()).map_err(|error| error.to_string())?;
        let sender = self.alerts.sender().ok_or("this daemon can't send")?;
        sender.get(&url).await
    }
}
