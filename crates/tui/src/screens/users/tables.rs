//! The boxes of users and of keys.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::{draw_absence, draw_nobody};
use super::{
    CHANGES, acts, changes, chosen_key, chosen_user, is_in_keys, keys_owner, keys_owner_name,
};
use super::{shown_keys, shown_users};
use crate::app::App;
use crate::query::KeysQuery;
use crate::sanitize::clean;
use crate::table::{Spot, TableCell, TableColumn, TableView};
use crate::widgets::frame::{boxed_in, instead};
use linux_api_wire::api::keys::ListedKey;
use linux_api_wire::api::users::ListedUser;
use linux_api_wire::api_key::Scope;
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::compact::{counted, span};

/// Fewest columns for both boxes beside each other.
const WIDE: u16 = 150;
/// Fewest columns of a box for days that are needed less often.
const NARROW: u16 = 70;
/// Fewest columns of a box for the hosts that a user is limited to, and for the scopes of a key.
const HOSTS: u16 = 100;

/// Fewest lines of the view for what was changed last, below users and keys.
const HIGH: u16 = 26;
/// Fewest lines of a box.
const LEAST: u16 = 5;

/// Where users, keys and the last changes are in the body of the screen. Boxes are as high as what they hold where
/// there is room for changes.
pub(super) fn boxes(app: &App, area: Rect) -> [Rect; 3] {
    let height = area.height.saturating_sub(1);
    let at = |x, y, width, height| Rect::new(area.x + x, area.y + y, width, height);
    let has_changes = height >= HIGH;
    // The frame, and the titles of the columns.
    let lines = |rows: usize| u16::try_from(rows + 3).unwrap_or(u16::MAX);
    let [users, keys] = [shown_users(app).len(), shown_keys(app).len()].map(lines);
    if area.width >= WIDE && !has_changes {
        let left = area.width * 2 / 5;
        return [
            at(0, 0, left, height),
            at(left, 0, area.width - left, height),
            Rect::ZERO,
        ];
    }
    let [upper, middle] = if has_changes {
        [users, keys].map(|lines| lines.clamp(LEAST, height / 3))
    } else {
        [height.div_ceil(2), height / 2]
    };
    [
        at(0, 0, area.width, upper),
        at(0, upper, area.width, middle),
        at(0, upper + middle, area.width, height - upper - middle),
    ]
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
    let in_keys = is_in_keys(app);
    let border = |focused: bool| {
        if focused { theme.accent } else { theme.border }
    };
    let [users, keys, below] = boxes(app, area);
    if below.height > 0 {
        changes::draw(app, below, frame);
    }
    let title = match host.responses.users.value() {
        Some(_) => counted(shown_users(app).len(), "user", "s"),
        None => "users".to_owned(),
    };
    let users = boxed_in(&title, border(!in_keys), theme, users, frame);
    let title = match (is_narrow, keys_owner_name(app)) {
        (true, name) => format!("your keys ({name})"),
        (false, _) if chosen_user(app).is_none() => "keys".to_owned(),
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
    if let Some(text) = key_line(app) {
        spans.push(Span::styled(clean(&text), theme.text));
        spans.push(Span::raw("  "));
    }
    // What is out of the question for the same reason stands together.
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for action in CHANGES.iter().copied() {
        let Some(reason) = acts::forbidden(app, action) else {
            continue;
        };
        let key = app.settings.keymap.keys_of(action).into_iter().next();
        match reasons.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, keys)) => keys.extend(key),
            None => reasons.push((reason, key.into_iter().collect())),
        }
    }
    for (reason, keys) in reasons {
        let text = format!("{}: {reason}  ", keys.join(" "));
        spans.push(Span::styled(text, theme.dim));
    }
    Line::from(spans)
}

fn draw_users(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let users = shown_users(app);
    let table = &app.screens.users.table;
    let view = TableView {
        focused: !is_in_keys(app),
        rows: users.len(),
        stale: app.freshness().is_old(),
        ..TableView::of(table)
    };
    view.draw(&user_columns(area.width), app, area, frame, |row| {
        users[row]
    });
    if users.is_empty() {
        let text = if table.filter.is_empty() {
            "no users"
        } else {
            "no user fits the filter"
        };
        instead(text, theme.dim, theme, area, frame);
    }
}

fn user_columns<'a>(width: u16) -> [TableColumn<&'a ListedUser>; 6] {
    let name = width.saturating_sub(48).clamp(12, 32);
    [
        TableColumn::words("USER", name, |at, user| at.text(user.username.clone())),
        TableColumn::words("ROLE", 8, |at, user| at.text(user.role.clone())),
        TableColumn::words("STATE", 9, |at, user| {
            match (user.activated, user.immutable) {
                (false, _) => TableCell::new("inactive", at.theme.warn),
                (true, true) => TableCell::new("protected", at.theme.accent),
                (true, false) => TableCell::new("active", at.theme.good),
            }
        }),
        TableColumn::words("CREATED", 10, |at, user: &&ListedUser| {
            at.dim(day(Some(&user.created_at)))
        })
        .from(NARROW),
        TableColumn::words("LAST LOGIN", 16, |at, user| {
            at.dim(minute(user.last_login.as_deref()))
        }),
        TableColumn::words("HOSTS", 0, |at, user: &&ListedUser| {
            at.dim(user.hosts.clone().unwrap_or_else(|| "all".to_owned()))
        })
        .from(HOSTS),
    ]
}

fn draw_keys(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let host = app.host();
    let is_narrow = host.forbids(Scope::UsersAdmin).is_some();
    if !is_narrow && chosen_user(app).is_none() {
        return;
    }
    let query = KeysQuery(keys_owner(app));
    let cache = &host.responses.keys;
    let is_there = cache.of(&query).is_some();
    if draw_absence(app, is_there, cache.error_of(&query), area, frame) {
        return;
    }
    let keys = shown_keys(app);
    let view = TableView::of(&app.screens.users.keys);
    let focused = is_in_keys(app);
    let view = TableView {
        selected: view.selected.filter(|_| focused),
        focused,
        rows: keys.len(),
        stale: app.freshness().is_old(),
        ..view
    };
    view.draw(&key_columns(area.width), app, area, frame, |row| &keys[row]);
    if keys.is_empty() {
        instead("no keys", theme.dim, theme, area, frame);
    }
}

fn key_columns<'a>(width: u16) -> Vec<TableColumn<&'a ListedKey>> {
    let has_scopes = width >= HOSTS;
    let name = if has_scopes { 24 } else { 0 };
    let mut columns = vec![
        TableColumn::words("KEY", 12, |at, key: &&ListedKey| at.dim(key.key_id.clone())),
        TableColumn::words("STATE", 15, |at, key| key_state(at, key)),
        TableColumn::words("CREATED", 10, |at, key: &&ListedKey| {
            at.dim(day(Some(&key.created_at)))
        })
        .from(NARROW),
        TableColumn::words("EXPIRES", 10, |at, key| {
            at.text(day(key.expires_at.as_deref()))
        }),
        TableColumn::words("LAST USE", 10, |at, key: &&ListedKey| {
            at.dim(day(key.last_used.as_deref()))
        })
        .from(NARROW),
        TableColumn::words("NAME", name, |at, key| at.text(key.name.clone())),
    ];
    if has_scopes {
        columns.push(TableColumn::words("SCOPES", 0, |at, key| {
            if key.scopes.is_empty() {
                at.dim("all of the role")
            } else {
                at.text(key.scopes.join(" "))
            }
        }));
    }
    columns
}

/// All of the chosen key that may find no room in its row.
fn key_line(app: &App) -> Option<String> {
    let key = chosen_key(app).filter(|_| is_in_keys(app))?;
    let scopes = if key.scopes.is_empty() {
        "all that the role allows".to_owned()
    } else {
        key.scopes.join(" ")
    };
    let used = match key.last_used.as_deref() {
        Some(time) => format!("last used {} UTC", minute(Some(time))),
        None => "never used".to_owned(),
    };
    let hosts = key.hosts.as_deref();
    let hosts = hosts.map_or_else(String::new, |hosts| format!(", hosts {hosts}"));
    Some(format!("{}: {scopes}; {used}{hosts}", key.name))
}

/// Whether a key works, and for how long where that has an end.
fn key_state(at: &Spot<'_>, key: &ListedKey) -> TableCell {
    let now = at.app.time_of(at.app.host());
    if key.revoked_at.is_some() {
        return at.dim("revoked");
    }
    let end = key.expires_at.as_deref().map(str::parse::<Timestamp>);
    match end {
        None => TableCell::new("active", at.theme.good),
        // When that is, is shown beside it.
        Some(Err(_)) => TableCell::new("ends", at.theme.warn),
        Some(Ok(end)) if end <= now => at.dim("expired"),
        Some(Ok(end)) => {
            let left = end.as_millis().abs_diff(now.as_millis());
            let left = span(Duration::from_millis(left));
            TableCell::new(format!("ends in {left}"), at.theme.warn)
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
