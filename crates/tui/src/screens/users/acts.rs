//! Changes of users and keys: each is confirmed first, with the host named.

use super::{ADD_USER, DELETE_USER, NEW_KEY, REVOKE_KEY, ROTATE_KEY, TOGGLE_ACTIVE, TOGGLE_ROLE};
use super::{chosen_key, chosen_user, is_in_keys, keys_owner_name};
use crate::app::App;
use crate::change::{Change, KeyOwner, KeyRef, UserRef};
use crate::keymap::KeyAction;
use crate::popups::Popup;
use crate::popups::key_form::KeyForm;
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
    let user = chosen_user(app);
    let is_active = user.is_some_and(|user| user.activated);
    let is_admin = user.is_some_and(|user| user.role == Role::Admin.as_str());
    let me = app.host().responses.me.value();
    let role = user.map(|user| &user.role);
    let role = role.or_else(|| me.map(|me| &me.user_perm.role));
    let role = role.and_then(|role| role.parse().ok());
    let user = user.map(|user| UserRef {
        id: user.user_id.clone(),
        name: user.username.clone(),
    });
    let owner = KeyOwner {
        id: user.as_ref().map(|user| user.id.clone()),
        name: keys_owner_name(app),
    };
    let key = chosen_key(app).map(|key| KeyRef {
        owner: owner.clone(),
        id: key.key_id.clone(),
        name: key.name.clone(),
    });
    match (action, user, key) {
        (ADD_USER, ..) => app.prompt_for("name of the new user: ", |app, name| {
            app.confirm(Change::AddUser(name.to_owned(), false));
        }),
        (TOGGLE_ACTIVE, Some(user), _) => app.confirm(Change::SetActive(user, !is_active)),
        (TOGGLE_ROLE, Some(user), _) => app.confirm(Change::SetAdmin(user, !is_admin)),
        (DELETE_USER, Some(user), _) => app.confirm(Change::DeleteUser(user)),
        (NEW_KEY, ..) => {
            let form = KeyForm::new(owner, app.current, role);
            app.popups.push(Popup::KeyForm(Box::new(form)));
        }
        (ROTATE_KEY, _, Some(key)) => app.confirm(Change::RotateKey(key)),
        (REVOKE_KEY, _, Some(key)) => app.confirm(Change::RevokeKey(key)),
        (ROTATE_KEY | REVOKE_KEY, ..) => {
            app.complain(format!("{} has no key here", owner.name));
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
