//! What the feeds tell.

use std::time::Duration;

use super::App;
use super::popup::Popup;
use crate::host::Link;
use crate::message::{Call, Effect, News, Outcome, Wanted};
use crate::view::View;
use linux_api_client::error::ClientError;

impl App {
    pub(super) fn on_news(&mut self, index: usize, news: News) -> Vec<Effect> {
        let Some(host) = self.hosts.get_mut(index) else {
            return Vec::new();
        };
        if let News::Done(call, result) = news {
            self.on_done(index, &call, result);
            return Vec::new();
        }
        // A response to a question that is no longer asked came too late: what is asked now may have
        // been answered already, by something newer.
        if let News::Answer(wanted, _) = &news
            && !self.watched[index].wanted.contains(wanted)
        {
            return Vec::new();
        }
        let was_up = matches!(host.link, Link::Up { .. });
        let seen = match &news {
            // The latency changes with each response; it is drawn with the data.
            News::Up(_) => !was_up,
            // Of what is held still only the state of the host changes.
            News::Answer(_, Ok(_)) if self.frozen.is_some() => host.refusal().is_some(),
            News::Down { .. } | News::Answer(Wanted::Snapshot, _) => true,
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

    fn on_done(&mut self, index: usize, call: &Call, result: Result<Outcome, ClientError>) {
        let host = self.hosts[index].name.clone();
        match result {
            Err(error) => self.complain(format!("{host}: {}", error.in_short())),
            Ok(Outcome::Unchanged) => self.say(format!("{host}: nothing to change")),
            Ok(Outcome::Done) => self.say(format!("{host}: {}, done", call.in_words())),
            Ok(Outcome::User(user)) => self.show_key(
                format!("{host}: first key of {}", user.username),
                user.api_key,
            ),
            Ok(Outcome::Key(key)) => {
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

impl Call {
    /// What is to be done, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::AddUser { name, admin: true } => format!("add admin {name}"),
            Self::AddUser { name, .. } => format!("add user {name}"),
            Self::SetActive {
                name, active: true, ..
            } => format!("activate {name}"),
            Self::SetActive { name, .. } => format!("deactivate {name}"),
            Self::SetRole {
                name, admin: true, ..
            } => format!("make {name} an admin"),
            Self::SetRole { name, .. } => format!("make {name} a viewer"),
            Self::DeleteUser { name, .. } => format!("delete {name} and its keys"),
            Self::CreateKey { user, name, .. } => format!("create the key {name} of {user}"),
            Self::RotateKey {
                user, key_id, name, ..
            } => format!("rotate the key {name} ({key_id}) of {user}"),
            Self::RevokeKey {
                user, key_id, name, ..
            } => format!("revoke the key {name} ({key_id}) of {user}"),
        }
    }
}
