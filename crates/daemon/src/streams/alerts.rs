//! What fires, read once for all streams that request it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use linux_api_store::Store;
use linux_api_wire::api::alerts::{Alert, AlertsEvent};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::event;
use crate::alerts::Alerts;
use crate::routes::alerts::current;
use crate::unread::UnreadMemory;

/// How often a stream looks whether something changed.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// What was read is good enough for so long.
const FRESH: Duration = Duration::from_secs(4);
/// The most alerts in one event.
const ITEMS_MAX: usize = 100;

/// What was read last, for all streams.
#[derive(Debug)]
pub(super) struct AlertFeed {
    store: Store,
    alerts: Alerts,
    unread: UnreadMemory,
    newest: Mutex<Option<Newest>>,
}

#[derive(Debug, Clone)]
struct Newest {
    read_at: Instant,
    frame: AlertFrame,
}

/// An event, and what is the same in it while nothing changed.
#[derive(Debug, Clone)]
pub(super) struct AlertFrame {
    pub(super) event: Bytes,
    pub(super) state: Arc<str>,
}

impl AlertFeed {
    pub(super) fn new(store: Store, alerts: Alerts, unread: UnreadMemory) -> Self {
        Self {
            store,
            alerts,
            unread,
            newest: Mutex::default(),
        }
    }

    /// What fires now; nothing while the database can't say, and while too much is left unread.
    pub(super) async fn frame(&self) -> Option<AlertFrame> {
        let mut newest = self.newest.lock().await;
        if let Some(newest) = &*newest
            && newest.read_at.elapsed() < FRESH
        {
            return Some(newest.frame.clone());
        }
        let now = self.store.clock().now();
        let (all, counts) = current(&self.store, &self.alerts, now)
            .await
            .inspect_err(|error| tracing::debug!(%error, "can't read the alerts for a stream"))
            .ok()?;
        let firing = all.into_iter().map(|one| one.alert);
        let mut items: Vec<Alert> = firing.filter(|one| one.severity.is_some()).collect();
        let total = items.len();
        items.truncate(ITEMS_MAX);
        let state = state_of(&AlertsEvent {
            time: String::new(),
            counts,
            total,
            items: items.clone(),
        });
        // The same bytes for as long as nothing changed.
        let kept = newest.as_ref().filter(|kept| kept.frame.state == state);
        let frame = match kept {
            Some(kept) => kept.frame.clone(),
            None => AlertFrame {
                event: self.held(&AlertsEvent {
                    time: now.to_string(),
                    counts,
                    total,
                    items,
                })?,
                state,
            },
        };
        let read_at = Instant::now();
        *newest = Some(Newest {
            read_at,
            frame: frame.clone(),
        });
        Some(frame)
    }

    fn held(&self, alerts: &AlertsEvent) -> Option<Bytes> {
        self.unread.hold(event("alerts", alerts)).ok()
    }
}

/// What a reader is sent again for: not that a value is another one, as it is every ten seconds.
fn state_of(alerts: &AlertsEvent) -> Arc<str> {
    let mut alike = alerts.clone();
    for alert in &mut alike.items {
        alert.evaluated_at = None;
        alert.value = None;
        alert.text = String::new();
    }
    serde_json::to_string(&alike).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::api::alerts::AlertSeverity;

    #[test]
    fn another_value_is_no_change_and_an_acknowledgement_is() {
        let fires = |change: fn(&mut Alert)| {
            let mut alert = Alert {
                severity: Some(AlertSeverity::Warning),
                value: Some(90.0),
                text: "90% used".to_owned(),
                ..Alert::default()
            };
            change(&mut alert);
            state_of(&AlertsEvent {
                items: vec![alert],
                ..AlertsEvent::default()
            })
        };
        let before = fires(|_| {});
        assert_eq!(
            before,
            fires(|alert| {
                alert.value = Some(91.0);
                alert.text = "91% used".to_owned();
                alert.evaluated_at = Some("2026-11-23T07:02:00Z".to_owned());
            })
        );
        assert_ne!(
            before,
            fires(|alert| alert.severity = Some(AlertSeverity::Critical))
        );
        assert_ne!(before, fires(|alert| alert.inhibited = true));
    }
}
