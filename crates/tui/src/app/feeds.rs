//! What comes from the feeds, and changes on their way to a host and back.

use std::time::Duration;

use super::App;
use crate::change::{Change, ChangeOutcome};
use crate::host::Link;
use crate::message::{Effect, FeedEvent};
use crate::popups::Popup;
use crate::query::AnyQuery;
use crate::screen::View;
use crate::screens::wrap;
use linux_api_client::error::ClientError;
use linux_api_wire::api::acts::{ActOutcome, ProcessActResult, UnitActResult};

/// Most columns of a question.
const QUESTION: usize = 76;

impl App {
    pub(super) fn on_feed(&mut self, index: usize, event: FeedEvent) -> Vec<Effect> {
        let Some(host) = self.hosts.get_mut(index) else {
            return Vec::new();
        };
        if let FeedEvent::Changed(change, result) = event {
            self.on_changed(index, &change, result);
            return Vec::new();
        }
        // A response to a query that is no longer polled is late: the one in its place may have a newer
        // response already.
        if let FeedEvent::Response(wanted, _) = &event
            && !self.plans[index].queries.contains(wanted)
        {
            return Vec::new();
        }
        let was_up = matches!(host.link, Link::Up { .. });
        let seen = match &event {
            // The latency changes with each response; it is drawn with the data.
            FeedEvent::Up(_) => !was_up,
            // Of what is held still only the state of the host changes.
            FeedEvent::Response(_, Ok(_)) if self.frozen.is_some() => host.refusal().is_some(),
            FeedEvent::Down { .. } | FeedEvent::Response(AnyQuery::Snapshot(_), _) => true,
            _ => index == self.current,
        };
        if self.frozen.is_some() {
            host.take_state(event, self.now);
        } else {
            host.take(event, self.now);
        }
        self.changed |= seen && (index == self.current || self.view == View::Fleet);
        Vec::new()
    }

    fn on_changed(
        &mut self,
        index: usize,
        change: &Change,
        result: Result<ChangeOutcome, ClientError>,
    ) {
        let host = self.hosts[index].name.clone();
        match result {
            Err(error) => self.complain(format!("{host}: {}", error.in_short())),
            Ok(ChangeOutcome::Unchanged) => self.say(format!("{host}: nothing to change")),
            Ok(ChangeOutcome::Done) => self.say(format!("{host}: {}, done", change.in_words())),
            Ok(ChangeOutcome::User(user)) => self.show_key(
                format!("{host}: first key of {}", user.username),
                user.api_key,
            ),
            Ok(ChangeOutcome::Key(key)) => {
                self.show_key(format!("{host}: new key {}", key.name), key.api_key);
            }
            Ok(ChangeOutcome::Process(result)) => {
                let is_done = result.outcome == ActOutcome::Done;
                let text = format!(
                    "{host}: {}: {}",
                    change.in_words(),
                    process_in_words(&result)
                );
                self.note(text, !is_done);
            }
            Ok(ChangeOutcome::Unit(result)) => {
                let text = format!("{host}: {}: {}", change.in_words(), unit_in_words(&result));
                self.note(text, !result.succeeded());
            }
        }
    }

    fn show_key(&mut self, title: String, key: String) {
        self.changed = true;
        // Below whatever is being typed into: the next Enter is not meant for it.
        self.popups.insert(
            0,
            Popup::Secret {
                title,
                key,
                is_copied: false,
            },
        );
    }

    /// Opens the question before a change on the host that is looked at.
    pub(crate) fn confirm(&mut self, change: Change) {
        self.confirm_on(self.current, change);
    }

    /// Opens the question before a change on a host.
    pub(crate) fn confirm_on(&mut self, index: usize, change: Change) {
        let host = &self.hosts[index];
        // Its first word is a verb of ours.
        let mut question = change.in_words();
        question[..1].make_ascii_uppercase();
        let place = match change {
            Change::CopyProgram => format!("There is none yet. The host is {}.", host.address),
            _ => format!("The daemon is at {}.", host.address),
        };
        // What and where are never cut.
        let width = usize::from(self.size.0).saturating_sub(4).min(QUESTION);
        let mut lines = wrap(&format!("{question} on {}?", host.name), width);
        lines.extend([String::new(), place]);
        lines.extend(change.consequence().map(str::to_owned));
        self.popups.push(Popup::Confirm {
            lines,
            host: index,
            change,
            yes: false,
        });
    }

    /// Sends a change to the host that it was confirmed for.
    pub(super) fn send(&mut self, host: usize, change: Change) -> Effect {
        let name = &self.hosts[host].name;
        let more = self.settings.theme.glyphs.ellipsis;
        self.say(format!("{name}: {} {more}", change.in_words()));
        Effect::Change(host, change)
    }

    /// How long until a host that is down is polled again.
    pub(crate) fn retry_in(&self, link: &Link) -> Option<Duration> {
        match link {
            Link::Down { retry_at, .. } => Some(retry_at.saturating_sub(self.now.since_start)),
            _ => None,
        }
    }
}

/// What became of an act on a process.
fn process_in_words(result: &ProcessActResult) -> String {
    let usual = match (result.outcome, result.killed, result.ended) {
        (ActOutcome::Refused, ..) => "not allowed",
        (ActOutcome::Failed, ..) => "failed",
        (_, Some(true), _) => "it ended by KILL",
        (_, _, Some(true)) => "it has ended",
        (_, _, Some(false)) => "sent, it goes on",
        _ => "done",
    };
    let message = result.message.as_deref().unwrap_or(usual);
    match &result.remedy {
        Some(remedy) => format!("{message} ({remedy})"),
        None => message.to_owned(),
    }
}

/// What became of an act on a unit, with the last log line where that says why it failed.
fn unit_in_words(result: &UnitActResult) -> String {
    let mut parts = Vec::new();
    if let Some(job) = result.job.as_deref().filter(|job| *job != "done") {
        parts.push(format!("job {job}"));
    }
    if result.pending {
        parts.push("the job goes on".to_owned());
    }
    if result.active.is_empty() {
        parts.push("done".to_owned());
    } else {
        parts.push(format!("{} ({})", result.active, result.sub));
    }
    if let Some(code) = result.exit_code.filter(|code| *code != 0) {
        parts.push(format!("exit code {code}"));
    }
    if !result.succeeded()
        && let Some(line) = result.log.last()
    {
        parts.push(line.message.clone());
    }
    parts.join(", ")
}
