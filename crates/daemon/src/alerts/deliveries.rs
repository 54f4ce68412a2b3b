//! Messages on their way to channels.

use futures_util::StreamExt as _;
use linux_api_alerts::delivery::{Reception, next_attempt};
use linux_api_alerts::message::Message;
use linux_api_store::alerts::deliveries::{Attempt, Delivery, NextStep};
use linux_api_store::{Store, StoreError};

use super::Alerts;
use super::sender::SendResult;

/// How many requests are on their way at once.
pub(super) const AT_ONCE: usize = 8;
/// How many deliveries one turn attempts: two rounds of slow receivers take less than the lease.
const BATCH: u32 = 16;

/// Sends what is due, and notes what became of it.
///
/// # Errors
/// When the database fails; what was sent and not noted is sent again, with the same id.
pub(super) async fn send_due(alerts: &Alerts, store: &Store) -> Result<(), StoreError> {
    let due = store.due_deliveries(store.clock().now(), BATCH).await?;
    let sent = due.into_iter().map(|delivery| async move {
        let result = attempt(alerts, &delivery).await;
        (delivery, result)
    });
    let sent: Vec<_> = sent.collect();
    let mut sent = futures_util::stream::iter(sent).buffer_unordered(AT_ONCE);
    while let Some((delivery, result)) = sent.next().await {
        let attempt = outcome(&delivery, result, store);
        let (id, channel) = (delivery.bundle.id, &delivery.channel);
        match (&attempt.next, &attempt.error) {
            (NextStep::Delivered, _) => tracing::info!(%id, %channel, "sent an alert"),
            (next, Some(error)) => {
                tracing::warn!(%id, %channel, error, ?next, "an alert was not taken");
            }
            _ => {}
        }
        let is_taken = attempt.next == NextStep::Delivered;
        alerts.note_delivery(channel.as_str(), is_taken, store.clock().now());
        store.record_attempt(id, channel, &attempt).await?;
    }
    Ok(())
}

async fn attempt(alerts: &Alerts, delivery: &Delivery) -> SendResult {
    let message = Message::of(&delivery.bundle);
    alerts.send(&delivery.channel, &message).await
}

fn outcome(delivery: &Delivery, result: SendResult, store: &Store) -> Attempt {
    let now = store.clock().now();
    let next = match result.reception {
        Reception::Taken => NextStep::Delivered,
        Reception::Gone => NextStep::Gone,
        Reception::Retry(at_least) => {
            let failed = delivery.attempts.saturating_add(1);
            next_attempt(delivery.made_at, failed, at_least, now)
                .map_or(NextStep::GivenUp, NextStep::Retry)
        }
    };
    Attempt {
        status: result.status,
        error: result.error,
        next,
    }
}
