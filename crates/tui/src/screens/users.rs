//! Users in one box, the keys of the chosen one in another, and what was changed last in a third where there is
//! room. Without the role or scope for users only the caller's own keys are shown.

mod acts;
mod changes;
pub(crate) mod query;
mod tables;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::{FILTER, FIND, LEFT, OPEN, RIGHT, actions};
use crate::query::{AnyQuery, AuditRowsQuery, KeysQuery, UsersQuery};
use crate::screen::{Screen, View};
use crate::table::{AnyTable, TableState};
use linux_api_wire::api::keys::ListedKey;
use linux_api_wire::api::users::ListedUser;
use linux_api_wire::api_key::Scope;

actions! {
    [CHANGES]
    ADD_USER "add-user" "a", "add", "add a user";
    TOGGLE_ACTIVE "toggle-active" "A", "activate", "activate or deactivate the user";
    TOGGLE_ROLE "toggle-role" "r", "role", "make the user an admin or a viewer";
    DELETE_USER "delete-user" "D", "", "delete the user";
    NEW_KEY "new-key" "c", "new key", "make a key for the user: name, end, scopes";
    ROTATE_KEY "rotate-key" "o", "rotate", "replace the key; the old one lasts an hour";
    REVOKE_KEY "revoke-key" "d,d delete", "revoke", "end the key at once";
}

/// The view of users.
#[derive(Debug, Clone, Default)]
pub struct UsersState {
    /// The chosen user, by id, and what names have to hold.
    table: TableState<String>,
    /// The chosen key of that user, by id.
    keys: TableState<String>,
    /// Whether the box of keys has the focus.
    in_keys: bool,
}

pub(crate) struct UsersScreen;

impl Screen for UsersScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[
            OPEN,
            FILTER,
            FIND,
            ADD_USER,
            TOGGLE_ACTIVE,
            TOGGLE_ROLE,
            DELETE_USER,
            NEW_KEY,
            ROTATE_KEY,
            REVOKE_KEY,
        ]
    }

    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        if app.host().forbids(Scope::UsersAdmin).is_some() {
            return vec![KeysQuery(None).into()];
        }
        let chosen = app.screens.users.table.selected.clone();
        let keys = chosen.map(|id| KeysQuery(Some(id)).into());
        let can_read = app.host().forbids(Scope::AuditRead).is_none();
        let changes = can_read.then(|| AuditRowsQuery.into());
        let users = [UsersQuery.into()];
        users.into_iter().chain(keys).chain(changes).collect()
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        tables::draw(app, area, frame);
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        match action {
            OPEN | RIGHT => app.screens.users.in_keys = true,
            LEFT => app.screens.users.in_keys = false,
            _ => acts::act(app, action),
        }
    }

    fn back(&self, app: &mut App) {
        let in_keys = std::mem::take(&mut app.screens.users.in_keys);
        if !in_keys && !app.clear_filter() {
            app.show(View::Overview);
        }
    }

    fn table<'a>(&self, app: &'a App) -> Option<&'a dyn AnyTable> {
        let state = &app.screens.users;
        let in_keys = is_in_keys(app);
        Some(if in_keys { &state.keys } else { &state.table })
    }

    fn table_mut<'a>(&self, app: &'a mut App) -> Option<&'a mut dyn AnyTable> {
        let in_keys = is_in_keys(app);
        let state = &mut app.screens.users;
        Some(if in_keys {
            &mut state.keys
        } else {
            &mut state.table
        })
    }

    fn rows_seen(&self, app: &App) -> usize {
        // The frame, and the titles of the columns.
        let [users, keys, _] = tables::boxes(app, app.body());
        usize::from(users.height.min(keys.height).saturating_sub(3)).max(1)
    }

    fn arrange(&self, app: &mut App) {
        let page = self.rows_seen(app);
        let mut table = std::mem::take(&mut app.screens.users.table);
        let users = users_with(app, &table.filter);
        table.set_rows(users.iter().map(|user| user.user_id.as_str()), page);
        app.screens.users.table = table;
        let mut table = std::mem::take(&mut app.screens.users.keys);
        table.set_rows(shown_keys(app).iter().map(|key| key.key_id.as_str()), page);
        app.screens.users.keys = table;
    }

    fn filter<'a>(&self, app: &'a App) -> &'a str {
        &app.screens.users.table.filter
    }

    fn set_filter(&self, app: &mut App, text: &str) {
        app.screens.users.table.set_filter(text);
    }

    fn leave_host(&self, app: &mut App, was_shown: bool) {
        if !was_shown {
            self.set_filter(app, "");
        }
        app.screens.users.in_keys = false;
    }

    /// A click chooses a box, and a row where it meets one.
    fn click(&self, app: &mut App, (x, y): (u16, u16)) -> bool {
        let [users, keys, _] = tables::boxes(app, app.body());
        let boxes = [users, keys];
        let Some(place) = boxes.iter().position(|it| it.contains((x, y).into())) else {
            return false;
        };
        app.screens.users.in_keys = place == 1;
        // A line of the frame, and the titles of the columns.
        if let Some(row) = (y - boxes[place].y).checked_sub(2) {
            let row = usize::from(row);
            app.with_table(|table, page| row < page && table.click(row, page));
        }
        false
    }

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        if is_in_keys(app) {
            let key = shown_keys(app).get(place)?;
            return Some(format!("{} {}", key.key_id, key.name));
        }
        let users = shown_users(app);
        users.get(place).map(|user| user.username.clone())
    }

    fn copied(&self, app: &App) -> Option<String> {
        if is_in_keys(app) {
            return chosen_key(app).map(|key| key.key_id.clone());
        }
        chosen_user(app).map(|user| user.username.clone())
    }

    fn hinted(&self, app: &App) -> Vec<KeyAction> {
        let all = self.actions().iter().copied();
        all.filter(|action| acts::out_of_focus(app, *action).is_none())
            .collect()
    }

    fn forbidden(&self, app: &App, action: KeyAction) -> Option<String> {
        acts::forbidden(app, action)
    }
}

/// Whether keys act on the box of keys; who is no admin has no other.
fn is_in_keys(app: &App) -> bool {
    app.screens.users.in_keys || app.host().forbids(Scope::UsersAdmin).is_some()
}

/// The users to show.
fn shown_users(app: &App) -> Vec<&ListedUser> {
    users_with(app, &app.screens.users.table.filter)
}

fn users_with<'a>(app: &'a App, filter: &str) -> Vec<&'a ListedUser> {
    let wanted = filter.to_lowercase();
    let users = app.host().responses.users.value();
    let users = users.map_or(&[][..], Vec::as_slice).iter();
    users
        .filter(|user| user.username.to_lowercase().contains(&wanted))
        .collect()
}

/// Whose keys are looked at: those of the chosen user, or who is no admin its own.
fn keys_owner(app: &App) -> Option<String> {
    if app.host().forbids(Scope::UsersAdmin).is_some() {
        return None;
    }
    app.screens.users.table.selected.clone()
}

/// The name of that user.
fn keys_owner_name(app: &App) -> String {
    let me = app.host().responses.me.value();
    let name = match keys_owner(app) {
        Some(_) => chosen_user(app).map(|user| &user.username),
        None => me.map(|me| &me.user.username),
    };
    name.cloned().unwrap_or_default()
}

/// The keys to show: never those of another user.
fn shown_keys(app: &App) -> &[ListedKey] {
    let keys = app.host().responses.keys.of(&KeysQuery(keys_owner(app)));
    keys.map_or(&[], Vec::as_slice)
}

/// The chosen user; none when only the own keys are shown.
fn chosen_user(app: &App) -> Option<&ListedUser> {
    let id = app.screens.users.table.selected.as_ref()?;
    let users = app.host().responses.users.value()?;
    users.iter().find(|user| user.user_id == *id)
}

fn chosen_key(app: &App) -> Option<&ListedKey> {
    let id = app.screens.users.keys.selected.as_ref()?;
    shown_keys(app).iter().find(|key| key.key_id == *id)
}
