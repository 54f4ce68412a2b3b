//! Users on the left, the keys of the chosen one on the right. Who is no admin sees its own keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{draw_absence, draw_nobody, keys_begin};
use crate::api::keys::ListedKey;
use crate::model::api_key::Scope;
use crate::tui::app::App;
use crate::tui::keymap::Action;
use crate::tui::units::counted;
use crate::tui::widgets::frame::instead;
use crate::tui::widgets::table::{Cell, Column, Table};

const ACTIONS: [Action; 7] = [
    Action::AddUser,
    Action::ToggleActive,
    Action::ToggleRole,
    Action::DeleteUser,
    Action::NewKey,
    Action::RotateKey,
    Action::RevokeKey,
];

pub(super) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    if app.host().forbids(Scope::UsersAdmin).is_some() && draw_nobody(app, area, frame) {
        return;
    }
    let body = Rect {
        height: area.height - 1,
        ..area
    };
    let last = Rect::new(area.x, area.bottom() - 1, area.width, 1);
    frame.render_widget(action_line(app), last);
    let host = app.host();
    let left = keys_begin(area.width);
    let [users, keys] = [
        Rect {
            width: left - 1,
            ..body
        },
        Rect {
            x: area.x + left,
            width: area.width - left,
            ..body
        },
    ];
    if let Some(reason) = host.forbids(Scope::UsersAdmin) {
        let text = format!("users: {reason}");
        instead(&text, theme.dim, theme, users, frame);
        draw_keys(app, keys, frame);
        return;
    }
    if draw_absence(app, host, &host.users, body, frame) {
        return;
    }
    draw_users(app, users, frame);
    draw_keys(app, keys, frame);
}

/// What can't be done, with the reason; else how many users there are.
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
    if spans.is_empty() {
        let count = app.host().users.value().map_or(0, Vec::len);
        spans.push(Span::styled(counted(count, "user", "s"), theme.dim));
    }
    Line::from(spans)
}

fn draw_users(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let users = app.shown_users();
    let columns = [
        Column::words("USER", 12),
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
        rows: users.len(),
        stale: app.host().users.error().is_some(),
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
        instead("no user fits the filter", theme.dim, theme, area, frame);
    }
}

fn draw_keys(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let host = app.host();
    if !app.has_keys() && host.keys.value().is_some() {
        instead("asking the host", theme.dim, theme, area, frame);
        return;
    }
    if draw_absence(app, host, &host.keys, area, frame) {
        return;
    }
    let keys = app.shown_keys();
    let columns = [
        Column::words("KEY", 12),
        Column::words("NAME", 16),
        Column::words("STATE", 7),
        Column::words("LAST USE", 16),
    ];
    let ids: Vec<String> = keys.iter().map(|key| key.key_id.clone()).collect();
    let own = host.forbids(Scope::UsersAdmin).is_some();
    let focused = app.users.in_keys || own;
    let table = Table {
        columns: &columns,
        sort: None,
        offset: app.users.keys.offset,
        selected: app.users.keys.position(&ids).filter(|_| focused),
        rows: keys.len(),
        stale: host.keys.error().is_some(),
    };
    table.draw(area, frame.buffer_mut(), theme, |row| {
        let key = &keys[row];
        let (state, style) = key_state(app, key);
        vec![
            Cell::new(key.key_id.clone(), theme.dim),
            Cell::new(key.name.clone(), theme.text),
            Cell::new(state, style),
            Cell::new(minute(key.last_used.as_deref()), theme.dim),
        ]
    });
    if keys.is_empty() {
        instead("no keys", theme.dim, theme, area, frame);
    }
}

fn key_state(app: &App, key: &ListedKey) -> (&'static str, Style) {
    let theme = &app.settings.theme;
    let now = app.now.wall;
    let ended = key
        .expires_at
        .as_deref()
        .and_then(|text| text.parse().ok())
        .is_some_and(|end: crate::model::time::Timestamp| end <= now);
    match (&key.revoked_at, ended) {
        (Some(_), _) => ("revoked", theme.dim),
        (None, true) => ("expired", theme.dim),
        (None, false) => ("active", theme.good),
    }
}

/// A time to the minute.
fn minute(time: Option<&str>) -> String {
    let text = time.unwrap_or("never");
    text.get(..16).unwrap_or(text).replace('T', " ")
}
