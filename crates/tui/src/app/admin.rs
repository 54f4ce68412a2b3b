//! Users and keys: every change is asked about first, with the host named.

use super::App;
use super::popup::{Popup, Purpose};
use crate::change::Change;
use crate::keymap::Action;
use crate::message::Effect;
use crate::query::KeysQuery;
use crate::screens;
use linux_api_wire::api::keys::ListedKey;
use linux_api_wire::api::users::ListedUser;
use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;

impl App {
    /// Why an action is out of the question; nothing when it is not.
    #[must_use]
    pub fn forbidden(&self, action: Action) -> Option<String> {
        let own_keys = matches!(
            action,
            Action::NewKey | Action::RotateKey | Action::RevokeKey
        );
        let changes = own_keys
            || matches!(
                action,
                Action::AddUser | Action::ToggleActive | Action::ToggleRole | Action::DeleteUser
            );
        if !changes {
            return None;
        }
        if self.settings.read_only {
            return Some("read-only".to_owned());
        }
        let host = self.host();
        match host.forbids(Scope::UsersAdmin) {
            None => None,
            Some(_) if own_keys => host.forbids(Scope::KeysSelf),
            reason => reason,
        }
    }

    pub(super) fn act_on_users(&mut self, action: Action) {
        if let Some(reason) = self.forbidden(action) {
            self.complain(format!("{}: {reason}", action.help()));
            return;
        }
        if let Some(reason) = self.out_of_focus(action) {
            self.complain(reason);
            return;
        }
        let user = self.chosen_user().cloned();
        let user_id = user.as_ref().map(|user| user.user_id.clone());
        let owner = self.keys_owner_name();
        let key = self.chosen_key().cloned();
        match (action, user, key) {
            (Action::AddUser, ..) => self.ask(Purpose::UserName, ""),
            (Action::ToggleActive, Some(user), _) => self.confirm(Change::SetActive {
                user_id: user.user_id,
                name: user.username,
                active: !user.activated,
            }),
            (Action::ToggleRole, Some(user), _) => self.confirm(Change::SetRole {
                user_id: user.user_id,
                name: user.username,
                admin: user.role != Role::Admin.as_str(),
            }),
            (Action::DeleteUser, Some(user), _) => self.confirm(Change::DeleteUser {
                user_id: user.user_id,
                name: user.username,
            }),
            (Action::NewKey, ..) => {
                let purpose = Purpose::KeyName {
                    user_id,
                    user: owner,
                };
                self.ask(purpose, "");
            }
            (Action::RotateKey, _, Some(key)) => self.confirm(Change::RotateKey {
                user_id,
                user: owner,
                key_id: key.key_id,
                name: key.name,
            }),
            (Action::RevokeKey, _, Some(key)) => self.confirm(Change::RevokeKey {
                user_id,
                user: owner,
                key_id: key.key_id,
                name: key.name,
            }),
            (Action::RotateKey | Action::RevokeKey, ..) => {
                self.complain(format!("{owner} has no key here"));
            }
            _ => {}
        }
    }

    /// Whether the box of keys is the one that keys act on; whoever is no admin has no other.
    #[must_use]
    pub fn is_in_keys(&self) -> bool {
        self.users.in_keys || self.host().forbids(Scope::UsersAdmin).is_some()
    }

    /// Why an action is not about the box that keys act on; nothing when it is.
    #[must_use]
    pub fn out_of_focus(&self, action: Action) -> Option<String> {
        let is_in_keys = self.is_in_keys();
        match action {
            Action::RotateKey | Action::RevokeKey if !is_in_keys => {
                let user = self.keys_owner_name();
                Some(format!(
                    "choose a key first: Enter goes to the keys of {user}"
                ))
            }
            Action::ToggleActive | Action::ToggleRole | Action::DeleteUser if is_in_keys => {
                Some("choose a user first: Esc goes back to the users".to_owned())
            }
            _ => None,
        }
    }

    /// Asks before a change.
    pub(super) fn confirm(&mut self, change: Change) {
        let host = self.host();
        let words = change.in_words();
        let mut first = words.chars();
        let question: String = first
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .chain(first)
            .collect();
        let mut lines = vec![
            format!("{question} on {}?", host.name),
            String::new(),
            format!("The daemon is at {}.", host.address),
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

    /// How many rows of users, or of keys, are seen.
    pub(super) fn users_page(&self) -> usize {
        screens::users_page(self.size.0, self.size.1)
    }

    /// The users to show.
    #[must_use]
    pub fn shown_users(&self) -> Vec<&ListedUser> {
        let wanted = self.users.filter.to_lowercase();
        let users = self.host().responses.users.value();
        let users = users.map_or(&[][..], Vec::as_slice).iter();
        users
            .filter(|user| user.username.to_lowercase().contains(&wanted))
            .collect()
    }

    /// Whose keys are looked at: those of the chosen user, or who is no admin its own.
    #[must_use]
    pub fn keys_owner(&self) -> Option<String> {
        if self.host().forbids(Scope::UsersAdmin).is_some() {
            return None;
        }
        self.users.rows.selected.clone()
    }

    /// The name of that user.
    #[must_use]
    pub fn keys_owner_name(&self) -> String {
        let me = || {
            self.host()
                .responses
                .me
                .value()
                .map(|me| me.user.username.clone())
        };
        match self.keys_owner() {
            Some(_) => self.chosen_user().map(|user| user.username.clone()),
            None => me(),
        }
        .unwrap_or_default()
    }

    /// The keys to show: never those of another user.
    #[must_use]
    pub fn shown_keys(&self) -> &[ListedKey] {
        let keys = self.host().responses.keys.of(&KeysQuery(self.keys_owner()));
        keys.map_or(&[], Vec::as_slice)
    }

    /// The chosen user; nobody when only the own keys are shown.
    #[must_use]
    pub fn chosen_user(&self) -> Option<&ListedUser> {
        let id = self.users.rows.selected.as_ref()?;
        let users = self.host().responses.users.value()?;
        users.iter().find(|user| user.user_id == *id)
    }

    fn chosen_key(&self) -> Option<&ListedKey> {
        let id = self.users.keys.selected.as_ref()?;
        self.shown_keys().iter().find(|key| key.key_id == *id)
    }

    pub(super) fn user_ids(&self) -> Vec<String> {
        let users = self.shown_users().into_iter();
        users.map(|user| user.user_id.clone()).collect()
    }

    pub(super) fn key_ids(&self) -> Vec<String> {
        let keys = self.shown_keys().iter();
        keys.map(|key| key.key_id.clone()).collect()
    }
}
