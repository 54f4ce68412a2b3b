//! Changes of users and keys: each is confirmed first, with the host named.

use super::{ADD_USER, DELETE_USER, NEW_KEY, REVOKE_KEY, ROTATE_KEY, TOGGLE_ACTIVE, TOGGLE_ROLE};
use super::{chosen_key, chosen_user, is_in_keys, keys_owner_name};
use crate::app::App;
use crate::change::Change;
use crate::keymap::KeyAction;
use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;

/// Why an action is out of the question; nothing when it is not.
pub(super) fn forbidden(app: &App, action: KeyAction) -> Option<String> {
    let own_keys = matches!(action, NEW_KEY | ROTATE_KEY | REVOKE_KEY);
    if !own_keys && !super::CHANGES.contains(&action) {
        return None;
    }
    if app.settings.read_only {
        return Some("read-only".to_owned());
    }
    let host = app.host();
    match host.forbids(Scope::UsersAdmin) {
        None => None,
        Some(_) if own_keys => host.forbids(Scope::KeysSelf),
        reason => reason,
    }
}

pub(super) fn act(app: &mut App, action: KeyAction) {
    if let Some(reason) = forbidden(app, action) {
        app.complain(format!("{}: {reason}", action.help));
        return;
    }
    if let Some(reason) = out_of_focus(app, action) {
        app.complain(reason);
        return;
    }
    let user = chosen_user(app).cloned();
    let user_id = user.as_ref().map(|user| user.user_id.clone());
    let owner = keys_owner_name(app);
    let key = chosen_key(app).cloned();
    match (action, user, key) {
        (ADD_USER, ..) => app.prompt_for("name of the new user: ", |app, name| {
            let name = name.to_owned();
            app.confirm(Change::AddUser { name, admin: false });
        }),
        (TOGGLE_ACTIVE, Some(user), _) => app.confirm(Change::SetActive {
            user_id: user.user_id,
            name: user.username,
            active: !user.activated,
        }),
        (TOGGLE_ROLE, Some(user), _) => app.confirm(Change::SetRole {
            user_id: user.user_id,
            name: user.username,
            admin: user.role != Role::Admin.as_str(),
        }),
        (DELETE_USER, Some(user), _) => app.confirm(Change::DeleteUser {
            user_id: user.user_id,
            name: user.username,
        }),
        (NEW_KEY, ..) => {
            let label = format!("name of the new key of {owner}: ");
            app.prompt_for(label, move |app, name| {
                app.confirm(Change::CreateKey {
                    user_id: user_id.clone(),
                    user: owner.clone(),
                    name: name.to_owned(),
                });
            });
        }
        (ROTATE_KEY, _, Some(key)) => app.confirm(Change::RotateKey {
            user_id,
            user: owner,
            key_id: key.key_id,
            name: key.name,
        }),
        (REVOKE_KEY, _, Some(key)) => app.confirm(Change::RevokeKey {
            user_id,
            user: owner,
            key_id: key.key_id,
            name: key.name,
        }),
        (ROTATE_KEY | REVOKE_KEY, ..) => {
            app.complain(format!("{owner} has no key here"));
        }
        _ => {}
    }
}

/// Why an action is not about the box that keys act on; nothing when it is.
pub(super) fn out_of_focus(app: &App, action: KeyAction) -> Option<String> {
    let is_in_keys = is_in_keys(app);
    match action {
        ROTATE_KEY | REVOKE_KEY if !is_in_keys => {
            let user = keys_owner_name(app);
            Some(format!(
                "choose a key first: Enter goes to the keys of {user}"
            ))
        }
        TOGGLE_ACTIVE | TOGGLE_ROLE | DELETE_USER if is_in_keys => {
            Some("choose a user first: Esc goes back to the users".to_owned())
        }
        _ => None,
    }
}
