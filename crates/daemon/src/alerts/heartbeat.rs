//! Requests a URL every minute: what watches it notices when alerts are judged no more.

use std::time::Duration;

use futures_util::FutureExt as _;
use reqwest::Url;
use secrecy::ExposeSecret as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Alerts, sender};
use crate::tasks::supervisor::every;

/// How often it is requested.
const INTERVAL: Duration = Duration::from_mins(1);
/// An evaluation that is older shows that nothing is judged.
const EVALUATION_AGE_MAX: Duration = Duration::from_mins(1);
/// So long the database may be away.
const OUTAGE_MAX: Duration = Duration::from_mins(5);

struct Heartbeat {
    alerts: Alerts,
    away_since: Option<Instant>,
    /// The last request failed.
    failed: bool,
}

/// Requests the URL until stopped.
pub async fn run(alerts: Alerts, stop: CancellationToken) {
    let mut heartbeat = Heartbeat {
        alerts,
        away_since: None,
        failed: false,
    };
    every(INTERVAL, &stop, &mut heartbeat, |one| one.turn().boxed()).await;
}

impl Heartbeat {
    async fn turn(&mut self) {
        let settings = self.alerts.settings();
        let Some(path) = settings.heartbeat_file.clone().filter(|_| settings.enabled) else {
            return;
        };
        if self.alerts.store().is_ready() {
            self.away_since = None;
        } else {
            self.away_since.get_or_insert_with(Instant::now);
        }
        let age = self.alerts.evaluation_age();
        let is_judging = age.is_some_and(|age| age < EVALUATION_AGE_MAX);
        let is_away = self
            .away_since
            .is_some_and(|since| since.elapsed() >= OUTAGE_MAX);
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
