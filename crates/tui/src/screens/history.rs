//! Stored series over time: names on the left, the chosen one on the right.

mod graphs;
pub(crate) mod query;
mod range;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::draw_absence;
use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::{LEFT, RIGHT, actions};
use crate::query::AnyQuery;
use crate::screen::{Screen, own_table};
use crate::table::{AnyTable, TableColumn, TableState, TableView};
use crate::widgets::frame::instead;
use linux_api_wire::api::history::HistorySeries;
use linux_api_wire::series::SERIES;
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::compact::span;

/// How wide the list of series is, with the space beside it.
const LIST: u16 = 34;

actions! {
    [ACTIONS]
    ZOOM_IN "zoom-in" "+ =", "zoom", "show a shorter time";
    ZOOM_OUT "zoom-out" "-", "", "show a longer time";
    EARLIER "earlier" "[", "earlier", "go back a little";
    LATER "later" "]", "later", "go forward a little";
    MUCH_EARLIER "much-earlier" "{", "", "go back a screen";
    MUCH_LATER "much-later" "}", "", "go forward a screen";
    LIVE "live" "L", "live", "back to the present";
    JUMP "jump" "@", "go to", "go to a time: 03:12, -2h, 2026-11-20";
}

/// Which series, how long a time, and when it ends.
#[derive(Debug, Clone)]
pub struct HistoryState {
    /// The chosen series.
    pub table: TableState<&'static str>,
    /// How long a time is shown.
    pub span: Duration,
    /// When it ends; nothing when it follows the present.
    end: Option<Timestamp>,
    /// How many members of the series are above the first one seen.
    first: usize,
}

impl Default for HistoryState {
    fn default() -> Self {
        Self {
            table: TableState::default(),
            span: range::FINE,
            end: None,
            first: 0,
        }
    }
}

pub(crate) struct HistoryScreen;

impl Screen for HistoryScreen {
    fn actions(&self) -> &'static [KeyAction] {
        ACTIONS
    }

    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        vec![app.history_query(app.host()).into()]
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let height = area.height - 1;
        let last = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        let names = Rect {
            width: LIST - 1,
            height,
            ..area
        };
        let graphs = Rect {
            x: area.x + LIST,
            width: area.width - LIST,
            height,
            ..area
        };
        draw_names(app, names, frame);
        let text = range_text(app, last.width);
        frame.render_widget(Line::styled(text, app.settings.theme.dim), last);
        draw_graphs(app, graphs, frame);
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        let span = app.screens.history.span;
        match action {
            ZOOM_IN => range::zoom(app, true),
            ZOOM_OUT => range::zoom(app, false),
            EARLIER => app.go_back(span / 10),
            LATER => app.go_forward(span / 10),
            MUCH_EARLIER => app.go_back(span),
            MUCH_LATER => app.go_forward(span),
            LIVE => app.screens.history.end = None,
            JUMP => app.prompt_for("go to (03:12, -2h, 2026-11-20): ", App::jump),
            LEFT => step_member(app, false),
            RIGHT => step_member(app, true),
            _ => {}
        }
    }

    own_table!(history);

    fn arrange(&self, app: &mut App) {
        let page = app.page();
        let names = SERIES.iter().map(|series| series.name);
        app.screens.history.table.set_rows(names, page);
    }

    fn chosen(&self, app: &mut App) {
        app.screens.history.first = 0;
    }

    /// A click on the chosen series opens nothing.
    fn click(&self, app: &mut App, (x, y): (u16, u16)) -> bool {
        if x < LIST {
            app.click_row(y);
        }
        false
    }

    /// Over a graph of the past the wheel zooms.
    fn wheel(&self, x: u16, up: bool) -> Option<KeyAction> {
        (x >= LIST).then_some(if up { ZOOM_IN } else { ZOOM_OUT })
    }

    fn save(&self, app: &App, kept: &mut toml::Table) {
        let state = &app.screens.history;
        if let Some(series) = state.table.selected {
            kept.insert("history_series".to_owned(), series.into());
        }
        let seconds = i64::try_from(state.span.as_secs()).unwrap_or(i64::MAX);
        kept.insert("history_seconds".to_owned(), seconds.into());
    }

    fn restore(&self, app: &mut App, kept: &toml::Table) {
        let series = kept.get("history_series").and_then(toml::Value::as_str);
        let mut names = SERIES.iter().map(|series| series.name);
        app.screens.history.table.selected = names.find(|name| Some(*name) == series);
        let seconds = kept.get("history_seconds");
        if let Some(seconds) = seconds.and_then(toml::Value::as_integer) {
            app.range_by_name(&format!("{seconds}s"));
            app.note = None;
        }
    }
}

/// Goes through the members of a series, such as filesystems.
fn step_member(app: &mut App, forward: bool) {
    let series = app.history_query(app.host()).series;
    let history = app.host().responses.history.value();
    let members = history.map_or(0, |history| {
        let all = history.series.iter();
        all.filter(|it| it.name == series).count()
    });
    let first = &mut app.screens.history.first;
    let next = if forward {
        *first + 1
    } else {
        first.saturating_sub(1)
    };
    *first = next.min(members.saturating_sub(1));
}

fn draw_graphs(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let query = app.history_query(app.host());
    let cache = &app.host().responses.history;
    // Of another series nothing can be shown here.
    let of = cache.query().filter(|of| of.series == query.series);
    let error = cache.error_of(&query);
    if draw_absence(app, of.is_some(), error, area, frame) {
        return;
    }
    let Some((of, history)) = of.zip(cache.value()) else {
        return;
    };
    let members: Vec<&HistorySeries> = history
        .series
        .iter()
        .filter(|series| series.name == query.series && !series.points.is_empty())
        .collect();
    if members.is_empty() {
        let text = match error {
            Some(error) => error.in_short(),
            // The response to the newest query is still to come.
            None if *of != query && app.frozen.is_some() => {
                "frozen before this time was loaded".to_owned()
            }
            None if *of != query => "waiting for the response".to_owned(),
            None if app.screens.history.end.is_none() => {
                "nothing is stored yet, wait a minute".to_owned()
            }
            None => "nothing is stored of this time".to_owned(),
        };
        instead(&text, theme.dim, theme, area, frame);
        return;
    }
    graphs::draw_members(app, history, &members, area, frame);
}

fn draw_names(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let columns = [TableColumn::words("SERIES", 0, |at, name: &&str| {
        at.text(*name)
    })];
    let table = &app.screens.history.table;
    let view = TableView::of(table);
    view.draw(&columns, app, area, frame, |row| table.ids()[row]);
}

/// From when to when, and what the series means where there is room for it.
fn range_text(app: &App, width: u16) -> String {
    let query = app.history_query(app.host());
    let minute = |time: String| time.get(..16).unwrap_or_default().replace('T', " ");
    let until = if app.screens.history.end.is_some() {
        "past"
    } else {
        "live"
    };
    let host = app.host();
    let held = host.responses.history.query();
    // The range of the query is not the one that is held.
    let held = held.filter(|it| app.frozen.is_some() && it.series == query.series && **it != query);
    let held = held.map_or_else(String::new, |it| {
        let time = |time: Timestamp| minute(time.to_string());
        format!("  held: {} to {}", time(it.from), time(it.to))
    });
    let text = format!(
        "{} to {} UTC  {} {until}  a point each {}{held}",
        minute(query.from.to_string()),
        minute(query.to.to_string()),
        short(app.screens.history.span),
        short(Duration::from_secs(query.step)),
    );
    let meaning = SERIES
        .iter()
        .find(|series| series.name == query.series)
        .map_or("", |series| series.meaning);
    if text.width() + 2 + meaning.width() > usize::from(width) {
        return text;
    }
    format!("{text}  {meaning}")
}

/// A whole number of one unit where that is exact: `1h`, `90 s` is `1m 30s`.
fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m")] {
        if seconds >= unit && seconds.is_multiple_of(unit) {
            return format!("{}{name}", seconds / unit);
        }
    }
    span(duration)
}
