//! What the feeds tell.

use std::time::Duration;

use super::App;
use super::popup::Popup;
use crate::change::{Change, ChangeOutcome};
use crate::host::Link;
use crate::message::{Effect, FeedEvent};
use crate::query::AnyQuery;
use crate::view::View;
use linux_api_client::error::ClientError;

impl App {
    pub(super) fn on_news(&mut self, index: usize, news: FeedEvent) -> Vec<Effect> {
        let Some(host) = self.hosts.get_mut(index) else {
            return Vec::new();
        };
        if let FeedEvent::Changed(call, result) = news {
            self.on_done(index, &call, result);
            return Vec::new();
        }
        // A response to a question that is no longer asked came too late: what is asked now may have
        // been answered already, by something newer.
        if let FeedEvent::Response(wanted, _) = &news
            && !self.plans[index].queries.contains(wanted)
        {
            return Vec::new();
        }
        let was_up = matches!(host.link, Link::Up { .. });
        let seen = match &news {
            // The latency changes with each response; it is drawn with the data.
            FeedEvent::Up(_) => !was_up,
            // Of what is held still only the state of the host changes.
            FeedEvent::Response(_, Ok(_)) if self.frozen.is_some() => host.refusal().is_some(),
            FeedEvent::Down { .. } | FeedEvent::Response(AnyQuery::Snapshot(_), _) => true,
            _ => index == self.current,
        };
        if self.frozen.is_some() {
            host.take_state(news, self.now);
        } else {
            host.take(news, self.now);
        }
        self.changed |= seen && (index == self.current || self.view == View::Fleet);
        Vec::new()
    }

    fn on_done(&mut self, index: usize, call: &Change, result: Result<ChangeOutcome, ClientError>) {
        let host = self.hosts[index].name.clone();
        match result {
            Err(error) => self.complain(format!("{host}: {}", error.in_short())),
            Ok(ChangeOutcome::Unchanged) => self.say(format!("{host}: nothing to change")),
            Ok(ChangeOutcome::Done) => self.say(format!("{host}: {}, done", call.in_words())),
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

    /// How long until a host that is down is asked again.
    #[must_use]
    pub fn retry_in(&self, link: &Link) -> Option<Duration> {
        match link {
            Link::Down { retry_at, .. } => Some(retry_at.saturating_sub(self.now.since_start)),
            _ => None,
        }
    }
}
