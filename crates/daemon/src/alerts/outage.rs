//! The one notice that can't wait for the database: that it is away.
//!
//! Only the daemon that sent for all when it went away sends it, so a fleet gets one.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use linux_api_alerts::delivery::{Reception, next_attempt};
use linux_api_alerts::labels::Labels;
use linux_api_alerts::message::Message;
use linux_api_alerts::name::Name;
use linux_api_alerts::notice::{Host, InstanceKey, Notice, NoticeKind};
use linux_api_alerts::plan::{Bundle, GroupKey};
use linux_api_alerts::severity::Severity;
use linux_api_store::Availability;
use linux_api_wire::time::Timestamp;
use linux_api_wire::units;
use serde::{Deserialize, Serialize};

use super::Alerts;

/// How long the database is away before that is sent.
const AFTER: Duration = Duration::from_mins(5);
/// Remembers over restarts that this daemon sends for all, and what it sent.
const FILE: &str = "alerts-sender.json";
const RULE: &str = "linux_api";

/// The notice that the database is away.
#[derive(Debug)]
pub(super) struct OutageNotice {
    own: Host,
    path: Option<PathBuf>,
    memory: Memory,
    away_since: Option<Timestamp>,
    attempts: u32,
    next: Option<Timestamp>,
    /// The same for all attempts.
    message: Option<Message>,
    taken: BTreeSet<Name>,
}

/// What is remembered over restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// Whether this daemon sent for all when it last knew.
    sends: bool,
    /// Since when the database was away when that was sent.
    sent: Option<Timestamp>,
}

impl OutageNotice {
    pub(super) fn new(own: Host, state_folder: Option<PathBuf>) -> Self {
        let path = state_folder.map(|folder| folder.join(FILE));
        let text = path
            .as_deref()
            .and_then(|path| linux_api_files::read_text(path).ok());
        let memory = text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            own,
            path,
            memory: memory.unwrap_or_default(),
            away_since: None,
            attempts: 0,
            next: None,
            message: None,
            taken: BTreeSet::new(),
        }
    }

    /// Notes whether this daemon sends for all.
    pub(super) fn note_leader(&mut self, sends: bool) {
        self.remember(Memory {
            sends,
            ..self.memory.clone()
        });
    }

    fn remember(&mut self, memory: Memory) {
        if memory == self.memory {
            return;
        }
        self.memory = memory;
        let Some(path) = &self.path else { return };
        let text = serde_json::to_string(&self.memory).map_err(std::io::Error::other);
        if let Err(error) = text.and_then(|text| linux_api_files::write_whole(path, &text)) {
            tracing::debug!(%error, "can't note that this daemon sends alerts");
        }
    }

    /// The database is away: sends that once it has been for long enough.
    pub(super) async fn turn(&mut self, alerts: &Alerts, now: Timestamp) {
        let availability = alerts.store().availability().borrow().clone();
        if matches!(availability, Availability::Preparing { .. }) {
            return;
        }
        let since = *self.away_since.get_or_insert(now);
        let is_due = now.since(since) >= AFTER && self.next.is_none_or(|next| now >= next);
        if !self.memory.sends || self.memory.sent.is_some() || !is_due || !alerts.can_send() {
            return;
        }
        let message = self.message.take().unwrap_or_else(|| {
            let span = units::span(now.since(since).as_secs());
            let reason = availability.reason();
            let text = format!("the database has been away for {span}: {reason}");
            self.message(NoticeKind::Firing, since, now, &text)
        });
        if self.send(alerts, &message).await {
            self.remember(Memory {
                sent: Some(since),
                ..self.memory.clone()
            });
        } else {
            self.attempts = self.attempts.saturating_add(1);
            let next = next_attempt(since, self.attempts, None, now);
            // After a day another attempt an hour, as long as nothing was taken.
            self.next = next.or(Some(now.saturating_add(Duration::from_hours(1))));
            self.message = Some(message);
        }
    }

    /// The database is back: sends that, where it was sent that it was away.
    pub(super) async fn is_over(&mut self, alerts: &Alerts, now: Timestamp) {
        let away_since = self.away_since.take();
        // Some channels may have it while others refuse it.
        let sent = self.memory.sent;
        let sent = sent.or(away_since.filter(|_| !self.taken.is_empty()));
        self.attempts = 0;
        self.next = None;
        self.message = None;
        self.taken.clear();
        let Some(since) = sent else { return };
        self.remember(Memory {
            sent: None,
            ..self.memory.clone()
        });
        // What the evaluation of this host sent is resolved by it.
        let key = self.key();
        let is_judged = alerts
            .own_states()
            .get(&key)
            .is_some_and(|it| it.announced.is_some());
        if !is_judged {
            let span = units::span(now.since(since).as_secs());
            let text = format!("the database is back after {span}");
            let message = self.message(NoticeKind::Resolved, since, now, &text);
            self.send(alerts, &message).await;
        }
    }

    /// Sends to the channels that did not take it yet; whether all of them have it now.
    async fn send(&mut self, alerts: &Alerts, message: &Message) -> bool {
        for channel in alerts.channels().all.keys() {
            if self.taken.contains(channel) {
                continue;
            }
            let result = alerts.send(channel, message).await;
            if result.reception == Reception::Taken {
                self.taken.insert(channel.clone());
            } else {
                let error = result.error.unwrap_or_default();
                tracing::warn!(%channel, error, "that the database is away was not taken");
            }
        }
        alerts
            .channels()
            .all
            .keys()
            .all(|name| self.taken.contains(name))
    }

    fn key(&self) -> InstanceKey {
        InstanceKey {
            rule: RULE.parse().expect("the name of a stock rule is a name"),
            host: self.own.id.clone(),
            labels: Labels::one("part", "database"),
        }
    }

    fn message(&self, kind: NoticeKind, since: Timestamp, time: Timestamp, text: &str) -> Message {
        let instance = self.key();
        let fires = kind == NoticeKind::Firing;
        let critical = Some(Severity::Critical);
        let notice = Notice {
            id: Notice::id_of(&instance, kind, since),
            time,
            kind,
            host: self.own.name.as_str().into(),
            host_labels: self.own.labels.clone(),
            before: critical.filter(|_| !fires),
            after: critical.filter(|_| fires),
            since,
            value: None,
            text: text.into(),
            threshold: String::new(),
            channels: Vec::new(),
            quiet_hours: None,
            context: Vec::new(),
            act: None,
            instance,
        };
        Message::of(&Bundle {
            id: notice.id,
            key: GroupKey {
                rule: notice.instance.rule.clone(),
                severity: Severity::Critical,
                channels: Vec::new(),
            },
            covers: vec![notice.id],
            notices: vec![notice],
        })
    }
}
