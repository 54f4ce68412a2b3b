//! Users and keys: every change is asked about first, with the host named.

use super::App;
use super::popup::{Popup, Purpose};
use crate::api::keys::ListedKey;
use crate::api::users::ListedUser;
use crate::model::api_key::Scope;
use crate::model::user::Role;
use crate::tui::keymap::Action;
use crate::tui::message::{Call, Effect};

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
        let user = self.chosen_user().cloned();
        let user_id = user.as_ref().map(|user| user.user_id.clone());
        let key_id = self.chosen_key().map(|key| key.key_id.clone());
        match (action, user, key_id) {
            (Action::AddUser, ..) => self.ask(Purpose::UserName, ""),
            (Action::ToggleActive, Some(user), _) => self.confirm(Call::SetActive {
                user_id: user.user_id,
                name: user.username,
                active: !user.activated,
            }),
            (Action::ToggleRole, Some(user), _) => self.confirm(Call::SetRole {
                user_id: user.user_id,
                name: user.username,
                admin: user.role != Role::Admin.as_str(),
            }),
            (Action::DeleteUser, Some(user), _) => self.confirm(Call::DeleteUser {
                user_id: user.user_id,
                name: user.username,
            }),
            (Action::NewKey, ..) => self.ask(Purpose::KeyName(user_id), ""),
            (Action::RotateKey, _, Some(key_id)) => {
                self.confirm(Call::RotateKey { user_id, key_id });
            }
            (Action::RevokeKey, _, Some(key_id)) => {
                self.confirm(Call::RevokeKey { user_id, key_id });
            }
            (Action::RotateKey | Action::RevokeKey, ..) => self.complain("there is no key"),
            _ => {}
        }
    }

    /// Asks before a change.
    pub(super) fn confirm(&mut self, call: Call) {
        let host = self.host();
        let mut lines = vec![
            format!("On {} ({}):", host.name, host.address),
            String::new(),
            format!("{}?", call.in_words()),
        ];
        if let Some(name) = self.chosen_user().map(|user| &user.username)
            && matches!(
                call,
                Call::CreateKey { .. } | Call::RotateKey { .. } | Call::RevokeKey { .. }
            )
        {
            lines.push(format!("It belongs to {name}."));
        }
        match &call {
            Call::RevokeKey { .. } => lines.push("It ends at once and for ever.".to_owned()),
            Call::RotateKey { .. } => {
                lines.push("The old one works on for an hour.".to_owned());
            }
            _ => {}
        }
        self.popups.push(Popup::Confirm {
            lines,
            call,
            yes: false,
        });
    }

    pub(super) fn send(&mut self, call: Call) -> Effect {
        self.say(format!("{}: {} …", self.host().name, call.in_words()));
        Effect::Call(self.current, call)
    }

    /// The users to show.
    #[must_use]
    pub fn shown_users(&self) -> Vec<&ListedUser> {
        let wanted = self.users.filter.to_lowercase();
        let users = self.host().users.value();
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

    /// Whether the keys that are known are those of whom they are looked at.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.host().keys_of == Some(self.keys_owner())
    }

    /// The keys to show.
    #[must_use]
    pub fn shown_keys(&self) -> &[ListedKey] {
        let keys = self.host().keys.value().filter(|_| self.has_keys());
        keys.map_or(&[], Vec::as_slice)
    }

    /// The chosen user; nobody when only the own keys are shown.
    #[must_use]
    pub fn chosen_user(&self) -> Option<&ListedUser> {
        let id = self.users.rows.selected.as_ref()?;
        let users = self.host().users.value()?;
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
