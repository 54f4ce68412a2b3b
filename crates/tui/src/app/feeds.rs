//! What comes from the feeds, and changes on their way to a host and back.

use std::time::Duration;

use super::App;
use crate::change::{Change, ChangeOutcome};
use crate::host::Link;
use crate::message::{Effect, FeedEvent};
use crate::popups::Popup;
use crate::query::AnyQuery;
use crate::screen::View;
use linux_api_client::error::ClientError;

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

    /// Opens the question before a change.
    pub(crate) fn confirm(&mut self, change: Change) {
        let host = self.host();
        // Its first word is a verb of ours.
        let mut question = change.in_words();
        question[..1].make_ascii_uppercase();
        let place = match change {
            Change::CopyProgram => format!("There is none yet. The host is {}.", host.address),
            _ => format!("The daemon is at {}.", host.address),
        };
        let mut lines = vec![
            format!("{question} on {}?", host.name),
            String::new(),
            place,
        ];
        lines.extend(change.consequence().map(str::to_owned));
        self.popups.push(Popup::Confirm {
            lines,
            host: self.current,
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
