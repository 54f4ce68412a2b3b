//! The copy of the executor's log in the audit log.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{Acts, lock, words};
use linux_api_acts::client::CallError;
use linux_api_acts::protocol::{ActRecord, Head, RecordedAct};
use linux_api_store::StoreError;
use linux_api_store::acts::{ActLine, ClaimedAct};

/// How often to look without a reason: each look starts the executor, which reads its log through once a day.
const SELDOM: Duration = Duration::from_hours(1);
/// How often while something is known to be missing.
const SOON: Duration = Duration::from_secs(2);
/// How long the result of an act is waited for.
const PATIENCE: Duration = Duration::from_mins(5);

/// Whether something is missing that will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    Yes,
    No,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    #[error(transparent)]
    Executor(#[from] CallError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Acts {
    /// Copies what the executor's log has and the audit log has not.
    pub(super) async fn copy(&self) -> Result<Behind, CopyError> {
        let _alone = self.0.copying.lock().await;
        let copied = self.0.store.copied_acts().await?;
        let mut after = copied.as_deref().and_then(parse);
        loop {
            let found = match self.0.client.records(after.clone()).await {
                // Nothing acts here, so there is nothing to copy.
                Err(CallError::Absent { .. }) => return Ok(Behind::No),
                found => found?,
            };
            if let Some(problem) = found.problem {
                tracing::warn!(problem, "the log of acts can't be copied");
                return Ok(Behind::No);
            }
            let Some(last) = found.last.filter(|last| after.as_ref() != Some(last)) else {
                break;
            };
            let lines: Vec<ActLine> = found.records.into_iter().map(line).collect();
            let written = self.0.store.copy_acts(&lines, &text(&last)).await?;
            if written > 0 {
                tracing::debug!(written, "acts were copied from the executor's log");
            }
            self.note(&lines);
            after = Some(last);
            if !found.more {
                break;
            }
        }
        let mut open = lock(&self.0.open);
        open.retain(|_, since| since.elapsed() < PATIENCE);
        Ok(if open.is_empty() {
            Behind::No
        } else {
            Behind::Yes
        })
    }

    fn note(&self, lines: &[ActLine]) {
        let mut open = lock(&self.0.open);
        for line in lines {
            match line.outcome {
                None => drop(open.insert(line.id.clone(), Instant::now())),
                Some(_) => drop(open.remove(&line.id)),
            }
        }
    }

    /// Copies at the start, after each act that was not copied at once, and when the database is back.
    pub(crate) async fn run(self, end: CancellationToken) {
        let mut has_failed = false;
        loop {
            let ready = async { self.0.store.ready().await };
            if end.run_until_cancelled(ready).await.is_none() {
                return;
            }
            let wait = match self.copy().await {
                Ok(Behind::No) => {
                    has_failed = false;
                    // For the daemon's health.
                    let _ = self.status(Duration::ZERO).await;
                    SELDOM
                }
                Ok(Behind::Yes) => SOON,
                Err(error) => {
                    // Once for each streak; the executor's log keeps what is missing.
                    if !has_failed {
                        tracing::warn!(%error, "acts are missing from the audit log for now");
                    }
                    has_failed = true;
                    SOON
                }
            };
            tokio::select! {
                () = end.cancelled() => return,
                () = self.0.due.notified() => sleep(Duration::from_millis(100)).await,
                () = sleep(wait) => {}
            }
        }
    }
}

fn parse(copied: &str) -> Option<Head> {
    let (seq, hash) = copied.split_once(':')?;
    Some(Head {
        seq: seq.parse().ok()?,
        hash: hash.to_owned(),
    })
}

fn text(head: &Head) -> String {
    format!("{}:{}", head.seq, head.hash)
}

fn line(record: ActRecord) -> ActLine {
    let claimed = |RecordedAct { claimed, verb }| ClaimedAct {
        planned: words::planned(&record.id, &verb),
        via: words::via(claimed.key.as_ref()),
        address: claimed
            .address
            .and_then(|address| address.as_str().parse::<IpAddr>().ok()),
        name: String::from(claimed.name),
    };
    ActLine {
        line: text(&record.line),
        time: record.time,
        act: record.act.map(claimed),
        outcome: record.outcome.as_ref().map(words::outcome),
        id: String::from(record.id),
    }
}
