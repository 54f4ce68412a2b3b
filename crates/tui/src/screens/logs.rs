//! The journal of a host: the newest line at the bottom, followed as it grows; older pages on the way up.

pub(crate) mod query;
mod state;
mod wrapped;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::{draw_absence, draw_nobody};
use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::{FIND, LEFT, RIGHT, actions};
use crate::query::{AnyQuery, LogsQuery, OlderLogsQuery};
use crate::sanitize::{clean, cut};
use crate::screen::{Screen, View, own_table};
use crate::table::{AnyTable, Move, TableCell, TableColumn, TableView};
use crate::theme::Theme;
use crate::widgets::frame::instead;
use linux_api_wire::api::logs::{LogEntry, MessageState};
use linux_api_wire::api_key::Scope;
use linux_api_wire::units::compact::counted;
use linux_api_wire::units::time;
pub(crate) use state::LogsState;

/// From which width on there is room for the day.
const WIDE: u16 = 120;
/// How far a key scrolls sideways.
const SIDEWAYS: usize = 16;
/// Names of priorities, from 0 on.
const PRIORITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug",
];

actions! {
    LOG_GREP "log-grep" "/ f4", "grep", "show only lines that fit a regular expression";
    LOG_UNIT "log-unit" "u", "unit", "show only lines of a unit";
    LOG_PRIORITY "log-priority" "p", "priority", "show errors, warnings, all but debug, or all";
    FOLLOW "follow" "F", "follow", "follow the newest line, or stay";
    WRAP "wrap" "w", "wrap", "wrap long lines, or cut them";
}

pub(crate) struct LogsScreen;

impl Screen for LogsScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[LOG_GREP, LOG_UNIT, LOG_PRIORITY, FOLLOW, WRAP, FIND]
    }

    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        if app.host().forbids(Scope::LogsRead).is_some() {
            return Vec::new();
        }
        let state = &app.screens.logs;
        let newest = state.wants_newest(app.current);
        let newest = newest.then(|| LogsQuery(state.filter.clone()).into());
        let older = state.wanted_older().map(|cursor| {
            let filter = state.filter.clone();
            OlderLogsQuery { filter, cursor }.into()
        });
        newest.into_iter().chain(older).collect()
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let state = &app.screens.logs;
        let table_area = Rect {
            height: area.height - 1,
            ..area
        };
        if let Some(reason) = app.host().forbids(Scope::LogsRead) {
            if draw_nobody(app, table_area, frame) {
                return;
            }
            let text = format!("the log of this host: {reason}");
            instead(&text, theme.dim, theme, table_area, frame);
            return;
        }
        let query = LogsQuery(state.filter.clone());
        let error = app.host().responses.logs.error_of(&query);
        let entries = state.entries(app.current);
        let is_there = entries.is_some();
        if draw_absence(app, is_there, error, table_area, frame) {
            return;
        }
        let entries = entries.unwrap_or_default();
        if state.wraps {
            wrapped::draw(app, entries, table_area, frame);
        } else {
            let view = TableView {
                rows: entries.len(),
                stale: app.freshness().is_old(),
                ..TableView::of(&state.table)
            };
            let row = |row: usize| LogRow::whole(&entries[row]);
            view.draw(&columns(), app, table_area, frame, row);
        }
        if entries.is_empty() {
            instead("no line fits", theme.dim, theme, table_area, frame);
        }
        let summary = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        frame.render_widget(summary_line(app, entries.len()), summary);
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        let state = &mut app.screens.logs;
        match action {
            LOG_GREP => app.prompt_for("lines that fit (regular expression): ", |app, text| {
                app.screens.logs.filter.grep = Some(text.to_owned());
                app.screens.logs.start_again();
            }),
            LOG_UNIT => app.prompt_for("unit: ", |app, text| {
                let is_whole = text.contains('.');
                let unit = if is_whole {
                    text.to_owned()
                } else {
                    format!("{text}.service")
                };
                app.screens.logs.filter.unit = Some(unit);
                app.screens.logs.start_again();
            }),
            LOG_PRIORITY => {
                state.filter.priority = match state.filter.priority {
                    None => Some(3),
                    Some(3) => Some(4),
                    Some(4) => Some(6),
                    Some(_) => None,
                };
                state.start_again();
            }
            FOLLOW => state.following = !state.following,
            WRAP => state.wraps = !state.wraps,
            LEFT => state.scroll = state.scroll.saturating_sub(SIDEWAYS),
            RIGHT => state.scroll += SIDEWAYS,
            _ => {}
        }
    }

    fn back(&self, app: &mut App) {
        let state = &mut app.screens.logs;
        if state.has_filter() {
            state.clear_filter();
        } else {
            app.show(View::Overview);
        }
    }

    own_table!(logs);

    fn arrange(&self, app: &mut App) {
        let page = app.page();
        let current = app.current;
        let state = &mut app.screens.logs;
        state.take(current, &app.hosts[current].responses, page);
    }

    fn go(&self, app: &mut App, by: Move) {
        app.with_table(|table, page| table.go(by, page));
        let page = app.page();
        let state = &mut app.screens.logs;
        let rows = state.table.rows();
        let place = state.table.position().unwrap_or(0);
        let is_up = matches!(by, Move::Top | Move::By(..0));
        if is_up {
            state.following = false;
            if place < page {
                state.want_older();
            }
        } else if place + 1 == rows {
            state.following = true;
        }
    }

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        let entry = app.screens.logs.entries(app.current)?.get(place)?;
        Some(format!("{} {}", source(entry), cut(&entry.message)))
    }

    /// The whole line, as journalctl writes it.
    fn copied(&self, app: &App) -> Option<String> {
        let state = &app.screens.logs;
        let entry = state.entries(app.current)?.get(state.table.position()?)?;
        Some(format!(
            "{} {}: {}",
            entry.time,
            source(entry),
            entry.message
        ))
    }

    fn highlights(&self, app: &App) -> Vec<String> {
        app.screens.logs.filter.grep.clone().into_iter().collect()
    }

    fn set_filter(&self, _app: &mut App, _text: &str) {}

    fn passed_filter(&self, app: &App) -> String {
        app.screens.logs.filter.in_words()
    }

    fn leave_host(&self, app: &mut App, was_shown: bool) {
        if !was_shown {
            app.screens.logs.clear_filter();
        }
    }

    /// A click chooses a line; there is nothing to open.
    fn click(&self, app: &mut App, (_, y): (u16, u16)) -> bool {
        if app.screens.logs.wraps {
            wrapped::click(app, y);
        } else {
            app.click_row(y);
        }
        app.screens.logs.following = false;
        false
    }

    fn save(&self, app: &App, kept: &mut toml::Table) {
        kept.insert("logs_wrapped".to_owned(), app.screens.logs.wraps.into());
    }

    fn restore(&self, app: &mut App, kept: &toml::Table) {
        let wraps = kept.get("logs_wrapped").and_then(toml::Value::as_bool);
        app.screens.logs.wraps = wraps == Some(true);
    }
}

fn summary_line(app: &App, rows: usize) -> Line<'static> {
    let theme = &app.settings.theme;
    let state = &app.screens.logs;
    let mut text = counted(rows, "line", "s");
    text.push_str(if state.following {
        ", follows the newest"
    } else {
        ", stays here (F or End follows)"
    });
    if state.wraps {
        text.push_str(", wrapped");
    }
    if state.wanted_older().is_some() {
        text.push_str(", older ones are being read");
    } else if state.is_full() {
        text.push_str(", no more can be held: narrow them");
    } else if state.is_at_begin() {
        text.push_str(", from the first one on");
    }
    let mut style = theme.dim;
    if state.is_partial() {
        text.push_str(", the time ran out before all was read");
        style = theme.warn;
    }
    let query = LogsQuery(state.filter.clone());
    let older = &app.host().responses.older_logs;
    let error = app.host().responses.logs.error_of(&query).or(older.error());
    if let Some(error) = error {
        text = format!("{text}; {}", error.in_short());
        style = theme.bad;
    }
    Line::styled(clean(&text), style)
}

/// A line, or a part of one that is wrapped.
#[derive(Clone)]
struct LogRow<'a> {
    entry: &'a LogEntry,
    /// The part of the message; nothing for all of it in one row.
    part: Option<String>,
    /// Whether it is the first part of its line.
    is_first: bool,
}

impl<'a> LogRow<'a> {
    const fn whole(entry: &'a LogEntry) -> Self {
        Self {
            entry,
            part: None,
            is_first: true,
        }
    }
}

type LogColumn<'a> = TableColumn<LogRow<'a>>;

fn columns<'a>() -> [LogColumn<'a>; 5] {
    [
        LogColumn::words("DAY", 10, |at, row| {
            at.dim(row.first(|entry| time(&entry.time).get(..10).unwrap_or_default().to_owned()))
        })
        .from(WIDE),
        LogColumn::words("UTC", 8, |at, row| {
            at.dim(row.first(|entry| time(&entry.time).get(11..19).unwrap_or_default().to_owned()))
        }),
        LogColumn::words("PRIO", 6, |at, row| {
            let name = |entry: &LogEntry| {
                let priority = entry.priority.map(usize::from);
                let name = priority.and_then(|it| PRIORITIES.get(it));
                (*name.unwrap_or(&"-")).to_owned()
            };
            TableCell::new(row.first(name), style(row.entry.priority, at.theme))
        }),
        LogColumn::words("FROM", 20, |at, row| at.text(row.first(source))),
        LogColumn::words("MESSAGE", 0, |at, row| {
            let scroll = at.app.screens.logs.scroll;
            let whole = || message(row.entry).chars().skip(scroll).collect();
            let text: String = row.part.clone().unwrap_or_else(whole);
            TableCell::new(text, style(row.entry.priority, at.theme))
        }),
    ]
}

impl LogRow<'_> {
    /// What only the first part of a line has.
    fn first(&self, text: impl Fn(&LogEntry) -> String) -> String {
        if self.is_first {
            text(self.entry)
        } else {
            String::new()
        }
    }
}

/// What a line says.
fn message(entry: &LogEntry) -> &str {
    match entry.message_state {
        MessageState::TooLong => "(the line is too long to be listed)",
        MessageState::Text | MessageState::Binary => cut(&entry.message),
    }
}

/// The program and the number of its process.
fn source(entry: &LogEntry) -> String {
    let name = entry.identifier.as_deref().or(entry.unit.as_deref());
    let name = cut(name.unwrap_or("-"));
    match entry.pid {
        Some(pid) => format!("{name}[{pid}]"),
        None => name.to_owned(),
    }
}

/// How a line of this priority looks.
pub(crate) fn style(priority: Option<u8>, theme: &Theme) -> Style {
    match priority {
        Some(0..=3) => theme.bad,
        Some(4) => theme.warn,
        Some(7) => theme.dim,
        _ => theme.text,
    }
}
