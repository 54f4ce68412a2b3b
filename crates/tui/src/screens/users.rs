//! Users in one box, the keys of the chosen one in another. Without the role or scope for users only
//! the caller's own keys are shown.

pub(crate) mod query;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{draw_absence, draw_nobody};
use crate::app::App;
use crate::keymap::Action;
use crate::query::KeysQuery;
use crate::units::{counted, span};
use crate::widgets::frame::{boxed_in, instead};
use crate::widgets::table::{Cell, Column, Table};
use linux_api_wire::api::keys::ListedKey;
use linux_api_wire::api_key::Scope;
use linux_api_wire::time::Timestamp;

const ACTIONS: [Action; 7] = [
    Action::AddUser,
    Action::ToggleActive,
    Action::ToggleRole,
    Action::DeleteUser,
    Action::NewKey,
    Action::RotateKey,
    Action::RevokeKey,
];

/// Fewest columns for both boxes beside each other.
const WIDE: u16 = 150;

/// Where users and keys are in the body of the screen.
pub(super) fn boxes(area: Rect) -> [Rect; 2] {
    let height = area.height.saturating_sub(1);
    if area.width >= WIDE {
        let left = area.width * 2 / 5;
        let users = Rect {
            width: left,
            height,
            ..area
        };
        let keys = Rect {
            x: area.x + left,
            width: area.width - left,
            height,
            ..area
        };
        return [users, keys];
    }
    let upper = height.div_ceil(2);
    let users = Rect {
        height: upper,
        ..area
    };
    let keys = Rect {
        y: area.y + upper,
        height: height - upper,
        ..area
    };
    [users, keys]
}

pub(super) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let host = app.host();
    let is_narrow = host.forbids(Scope::UsersAdmin).is_some();
    if is_narrow && draw_nobody(app, area, frame) {
        return;
    }
    let last = Rect::new(area.x, area.bottom() - 1, area.width, 1);
    frame.render_widget(action_line(app), last);
    let in_keys = app.is_in_keys();
    let border = |focused: bool| {
        if focused { theme.accent } else { theme.border }
    };
    let [users, keys] = boxes(area);
    let title = match host.responses.users.value() {
        Some(_) => counted(app.shown_users().len(), "user", "s"),
        None => "users".to_owned(),
    };
    let users = boxed_in(&title, border(!in_keys), theme, users, frame);
    let title = match (is_narrow, app.keys_owner_name()) {
        (true, name) => format!("your keys ({name})"),
        (false, _) if app.chosen_user().is_none() => "keys".to_owned(),
        (false, name) => format!("keys of {name}"),
    };
    let keys = boxed_in(&title, border(in_keys), theme, keys, frame);
    if let Some(reason) = host.forbids(Scope::UsersAdmin) {
        let text = format!("users: {reason}");
        instead(&text, theme.dim, theme, users, frame);
        draw_keys(app, keys, frame);
        return;
    }
    let is_there = host.responses.users.value().is_some();
    if draw_absence(app, is_there, host.responses.users.error(), users, frame) {
        return;
    }
    draw_users(app, users, frame);
    draw_keys(app, keys, frame);
}

/// What can't be done, with the reason.
fn action_line(app: &App) -> Line<'static> {
    let theme = &app.settings.theme;
    let mut spans = Vec::new();
    for action in ACTIONS {
        let Some(reason) = app.forbidden(action) else {
            continue;
        };
        let key = app.settings.keymap.keys_of(action).into_iter().next();
        let key = key.unwrap_or_default();
        let name = action.name().replace('-', " ");
        spans.push(Span::styled(format!("{key} {name}: {reason}  "), theme.dim));
    }
    Line::from(spans)
}

fn draw_users(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let users = app.shown_users();
    let columns = [
        Column::words("USER", area.width.saturating_sub(36).clamp(12, 32)),
        Column::words("ROLE", 6),
        Column::words("STATE", 9),
        Column::words("LAST LOGIN", 16),
    ];
    let ids: Vec<String> = users.iter().map(|user| user.user_id.clone()).collect();
    let table = Table {
        columns: &columns,
        sort: None,
        offset: app.users.rows.offset,
        selected: app.users.rows.position(&ids),
        focused: !app.is_in_keys(),
        rows: users.len(),
        stale: app.freshness().is_old(),
    };
    table.draw(area, frame.buffer_mut(), theme, |row| {
        let user = users[row];
        let (state, style) = match (user.activated, user.immutable) {
            (false, _) => ("inactive", theme.warn),
            (true, true) => ("protected", theme.accent),
            (true, false) => ("active", theme.good),
        };
        vec![
            Cell::new(user.username.clone(), theme.text),
            Cell::new(user.role.clone(), theme.text),
            Cell::new(state, style),
            Cell::new(minute(user.last_login.as_deref()), theme.dim),
        ]
    });
    if users.is_empty() {
        let text = if app.users.filter.is_empty() {
            "no users"
        } else {
            "no user fits the filter"
        };
        instead(text, theme.dim, theme, area, frame);
    }
}

fn draw_keys(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let host = app.host();
    let owner = app.keys_owner();
    let is_narrow = host.forbids(Scope::UsersAdmin).is_some();
    if !is_narrow && app.chosen_user().is_none() {
        return;
    }
    let is_there = host.responses.keys.of(&KeysQuery(owner.clone())).is_some();
    if draw_absence(
        app,
        is_there,
        host.responses.keys.error_of(&KeysQuery(owner)),
        area,
        frame,
    ) {
        return;
    }
    let keys = app.shown_keys();
    let columns = [
        Column::words("KEY", 12),
        Column::words("STATE", 15),
        Column::words("CREATED", 10),
        Column::words("EXPIRES", 10),
        Column::words("LAST USE", 10),
        Column::words("NAME", 0),
    ];
    let ids: Vec<String> = keys.iter().map(|key| key.key_id.clone()).collect();
    let focused = app.is_in_keys();
    let table = Table {
        columns: &columns,
        sort: None,
        offset: app.users.keys.offset,
        selected: app.users.keys.position(&ids).filter(|_| focused),
        focused,
        rows: keys.len(),
        stale: app.freshness().is_old(),
    };
    table.draw(area, frame.buffer_mut(), theme, |row| {
        let key = &keys[row];
        let (state, style) = key_state(app, key);
        vec![
            Cell::new(key.key_id.clone(), theme.dim),
            Cell::new(state, style),
            Cell::new(day(Some(&key.created_at)), theme.dim),
            Cell::new(day(key.expires_at.as_deref()), theme.text),
            Cell::new(day(key.last_used.as_deref()), theme.dim),
            Cell::new(key.name.clone(), theme.text),
        ]
    });
    if keys.is_empty() {
        instead("no keys", theme.dim, theme, area, frame);
    }
}

/// Whether a key works, and for how long where that has an end.
fn key_state(app: &App, key: &ListedKey) -> (String, Style) {
    let theme = &app.settings.theme;
    let now = app.time_of(app.host());
    if key.revoked_at.is_some() {
        return ("revoked".to_owned(), theme.dim);
    }
    let end = key.expires_at.as_deref().map(str::parse::<Timestamp>);
    match end {
        None => ("active".to_owned(), theme.good),
        // When that is, is shown beside it.
        Some(Err(_)) => ("ends".to_owned(), theme.warn),
        Some(Ok(end)) if end <= now => ("expired".to_owned(), theme.dim),
        Some(Ok(end)) => {
            let left = end.as_millis().abs_diff(now.as_millis());
            let left = span(Duration::from_millis(left));
            (format!("ends in {left}"), theme.warn)
        }
    }
}

/// A time to the minute.
fn minute(time: Option<&str>) -> String {
    let text = time.unwrap_or("never");
    text.get(..16).unwrap_or(text).replace('T', " ")
}

/// The day of a time.
fn day(time: Option<&str>) -> String {
    let text = time.unwrap_or("never");
    text.get(..10).unwrap_or(text).to_owned()
}
