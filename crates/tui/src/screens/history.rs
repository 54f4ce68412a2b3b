//! Stored series over time: names on the left, their graphs on the right.

mod boots;
mod graphs;
mod members;
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
use crate::keymap::action::{FILTER, FIND, LEFT, OPEN, RIGHT, TAG, UNTAG, actions};
use crate::query::AnyQuery;
use crate::screen::{Screen, View, own_table};
use crate::table::{AnyTable, TableCell, TableColumn, TableState, TableView};
use crate::widgets::frame::instead;
use crate::widgets::graph::seconds;
use graphs::Picture;
use linux_api_wire::series::{SERIES, Series};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::compact::span;

/// How wide the list of series is, with the space beside it.
const LIST: u16 = 34;
/// Most series and most hosts at once: a request may name twenty series.
const SERIES_MAX: usize = 8;
const HOSTS_MAX: usize = 8;

actions! {
    [OWN]
    ZOOM_IN "zoom-in" "+", "zoom", "show a shorter time";
    ZOOM_OUT "zoom-out" "-", "", "show a longer time";
    EARLIER "earlier" "[", "earlier", "go back a little";
    LATER "later" "]", "later", "go forward a little";
    MUCH_EARLIER "much-earlier" "{", "", "go back a screen";
    MUCH_LATER "much-later" "}", "", "go forward a screen";
    LIVE "live" "L", "live", "back to the present";
    JUMP "jump" "@", "go to", "go to a time: 03:12, -2h, 2026-11-20";
    LAY_BEHIND "lay-behind" "=", "compare", "lay yesterday behind it, or last week";
    NEXT_MEMBER "next-member" "b", "", "the next graph, where there is no room for all";
    PREVIOUS_MEMBER "previous-member" "B", "", "the graph before";
}

/// Which earlier time lies behind the graphs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Behind {
    #[default]
    Nothing,
    Yesterday,
    LastWeek,
}

impl Behind {
    /// How long before.
    const fn before(self) -> Option<Duration> {
        match self {
            Self::Nothing => None,
            Self::Yesterday => Some(Duration::from_hours(24)),
            Self::LastWeek => Some(Duration::from_hours(7 * 24)),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Yesterday => "a day before",
            Self::LastWeek => "a week before",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Nothing => Self::Yesterday,
            Self::Yesterday => Self::LastWeek,
            Self::LastWeek => Self::Nothing,
        }
    }
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
    /// How many graphs are above the first one seen.
    first: usize,
    behind: Behind,
    /// A moment to point at, in seconds since 1970.
    cursor: Option<f64>,
}

impl Default for HistoryState {
    fn default() -> Self {
        Self {
            table: TableState::default(),
            span: range::FINE,
            end: None,
            first: 0,
            behind: Behind::default(),
            cursor: None,
        }
    }
}

pub(crate) struct HistoryScreen;

impl Screen for HistoryScreen {
    fn actions(&self) -> &'static [KeyAction] {
        const ACTIONS: [KeyAction; 5] = [OPEN, FILTER, TAG, UNTAG, FIND];
        const ALL: [KeyAction; OWN.len() + ACTIONS.len()] = {
            let mut all = [OPEN; OWN.len() + ACTIONS.len()];
            let mut place = 0;
            while place < OWN.len() {
                all[place] = OWN[place];
                place += 1;
            }
            while place < all.len() {
                all[place] = ACTIONS[place - OWN.len()];
                place += 1;
            }
            all
        };
        &ALL
    }

    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        queries(app, app.current)
    }

    fn queries_of(&self, app: &App, index: usize) -> Vec<AnyQuery> {
        let is_other = index != app.current && hosts(app).contains(&index);
        if is_other {
            queries(app, index)
        } else {
            Vec::new()
        }
    }

    fn shows(&self, app: &App, index: usize) -> bool {
        hosts(app).contains(&index)
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let height = area.height - 1;
        let last = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        let names = Rect {
            width: LIST - 1,
            height,
            ..area
        };
        draw_names(app, names, frame);
        let picture = Picture::of(app);
        let text = range_text(app, &picture, last.width);
        frame.render_widget(Line::styled(text, app.settings.theme.dim), last);
        draw_graphs(app, &picture, graphs_area(area), frame);
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
            LAY_BEHIND => app.screens.history.behind = app.screens.history.behind.next(),
            NEXT_MEMBER => step_graph(app, true),
            PREVIOUS_MEMBER => step_graph(app, false),
            LEFT => step_cursor(app, -1.0),
            RIGHT => step_cursor(app, 1.0),
            OPEN => match app.screens.history.cursor {
                Some(cursor) => app.zoom_at(timestamp(cursor)),
                None => range::zoom(app, true),
            },
            _ => {}
        }
    }

    fn back(&self, app: &mut App) {
        if app.screens.history.cursor.take().is_none() && !app.clear_filter() {
            app.show(View::Overview);
        }
    }

    own_table!(history);

    fn arrange(&self, app: &mut App) {
        let page = app.page();
        let wanted = app.screens.history.table.filter.to_lowercase();
        let fits = |series: &&Series| {
            let holds = |text: &str| text.to_lowercase().contains(&wanted);
            wanted.is_empty() || holds(series.name) || holds(series.meaning)
        };
        let names = SERIES.iter().filter(fits).map(|series| series.name);
        app.screens.history.table.set_rows(names, page);
    }

    fn chosen(&self, app: &mut App) {
        app.screens.history.first = 0;
    }

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        let name = app.screens.history.table.ids().get(place)?;
        Some((*name).to_owned())
    }

    /// A click on the chosen series opens nothing; one on a graph points at a moment.
    fn click(&self, app: &mut App, (x, y): (u16, u16)) -> bool {
        if x < LIST {
            app.click_row(y);
            return false;
        }
        let area = graphs_area(app.body());
        let plot = Picture::of(app).plot(app, area, Some(y));
        if let Some(time) = plot.and_then(|plot| plot.time_at(x)) {
            app.screens.history.cursor = Some(time);
        }
        false
    }

    fn hinted(&self, _app: &App) -> Vec<KeyAction> {
        let all = self.actions().iter().copied();
        all.filter(|action| *action != OPEN).collect()
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

/// Where the graphs are.
fn graphs_area(area: Rect) -> Rect {
    Rect {
        x: area.x + LIST,
        width: area.width - LIST,
        height: area.height - 1,
        ..area
    }
}

/// The series that are shown: the tagged ones, and the chosen one.
fn wanted_series(app: &App) -> Vec<&'static str> {
    let table = &app.screens.history.table;
    let chosen = table.selected.unwrap_or(SERIES[0].name);
    let mut wanted: Vec<&'static str> = table.tags().iter().copied().take(SERIES_MAX).collect();
    if !wanted.contains(&chosen) && wanted.len() < SERIES_MAX {
        wanted.push(chosen);
    }
    wanted
}

/// The hosts that are shown: the one that is looked at, and those that are tagged in the fleet.
fn hosts(app: &App) -> Vec<usize> {
    let mut hosts = vec![app.current];
    let tagged = app.screens.fleet.tagged_remotes().into_iter();
    let others = tagged.filter(|index| *index != app.current && *index < app.hosts.len());
    hosts.extend(others.take(HOSTS_MAX - 1));
    hosts
}

fn queries(app: &App, index: usize) -> Vec<AnyQuery> {
    let host = &app.hosts[index];
    let mut queries: Vec<AnyQuery> = vec![app.history_query(host).into()];
    queries.extend(app.earlier_query(host).map(AnyQuery::from));
    queries
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "seconds of a few thousand years"
)]
fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0) as i64)
}

/// How far the clock is ahead of UTC on which the times are shown, in seconds.
fn offset(app: &App) -> i32 {
    let host = app.host();
    let end = app.screens.history.end;
    app.offset_of(host, end.unwrap_or_else(|| app.time_of(host)))
}

/// What that clock shows at a time.
fn on_clock(time: Timestamp, offset: i32) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(i64::from(offset) * 1000))
}

/// A moment to the second, on that clock.
fn second_of(app: &App, moment: f64) -> String {
    let offset = offset(app);
    let text = linux_api_wire::units::moment(on_clock(timestamp(moment), offset));
    format!("{text} {}", zone(offset))
}

/// What a clock is called.
fn zone(offset: i32) -> String {
    if offset == 0 {
        return "UTC".to_owned();
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Goes through the graphs that find no room.
fn step_graph(app: &mut App, forward: bool) {
    let most = Picture::of(app).most_above(graphs_area(app.body()));
    let first = &mut app.screens.history.first;
    let next = if forward {
        *first + 1
    } else {
        first.saturating_sub(1)
    };
    *first = next.min(most);
}

/// Moves the cursor by so many columns; the first step begins at the right edge.
fn step_cursor(app: &mut App, columns: f64) {
    let area = graphs_area(app.body());
    let Some(plot) = Picture::of(app).plot(app, area, None) else {
        return;
    };
    let (from, to) = (plot.window.from, plot.window.to);
    let each = plot.column_seconds();
    let (half, now) = (each / 2.0, seconds(app.time_of(app.host())));
    let first = from + half;
    let last = (to - half).min(now - 0.5).max(first);
    let held = app.screens.history.cursor;
    let cursor = match held.filter(|held| (from..=to).contains(held)) {
        Some(held) => held + columns * each,
        None => last,
    };
    app.screens.history.cursor = Some(cursor.clamp(first, last));
}

fn draw_graphs(app: &App, picture: &Picture, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let query = app.history_query(app.host());
    let cache = &app.host().responses.history;
    // Of other series nothing can be shown here.
    let is_shown =
        |of: &&query::HistoryQuery| query.series.iter().any(|name| of.series.contains(name));
    let of = cache.query().filter(is_shown);
    let error = cache.error_of(&query);
    if draw_absence(app, of.is_some(), error, area, frame) {
        return;
    }
    let Some(of) = of else { return };
    if picture.is_empty() {
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
    picture.draw(app, area, frame);
}

/// The names, each group below its first one.
fn draw_names(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let table = &app.screens.history.table;
    let names: Vec<(String, bool)> = table
        .ids()
        .iter()
        .enumerate()
        .map(|(place, name)| {
            let family = |name: &str| {
                name.split_once('.')
                    .map_or(0, |(family, _)| family.len() + 1)
            };
            let own = family(name);
            let before = place.checked_sub(1).map(|place| table.ids()[place]);
            let is_first = before.is_none_or(|before| before[..family(before)] != name[..own]);
            // The first row that is seen says what the others are about.
            if is_first || place == table.offset() {
                ((*name).to_owned(), true)
            } else {
                (format!("{}{}", " ".repeat(own), &name[own..]), false)
            }
        })
        .collect();
    let columns = [TableColumn::words(
        "SERIES",
        0,
        |at, (name, is_first): &(String, bool)| {
            let style = if *is_first {
                at.theme.title
            } else {
                at.theme.text
            };
            TableCell::new(name.clone(), style)
        },
    )];
    let view = TableView::of(table);
    view.draw(&columns, app, area, frame, |row| &names[row]);
    view.mark_tagged(table, theme, area, frame);
    if names.is_empty() {
        instead("no series fits the filter", theme.dim, theme, area, frame);
    }
}

/// From when to when, and what the series means where there is room for it.
fn range_text(app: &App, picture: &Picture, width: u16) -> String {
    let query = app.history_query(app.host());
    let offset = offset(app);
    let minute = |time: Timestamp| {
        let text = on_clock(time, offset).to_string();
        text.get(..16).unwrap_or_default().replace('T', " ")
    };
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
        format!("  held: {} to {}", minute(it.from), minute(it.to))
    });
    let text = format!(
        "{} to {} {}  {} {until}  a point each {}{held}",
        minute(query.from),
        minute(query.to),
        zone(offset),
        short(app.screens.history.span),
        short(Duration::from_secs(query.step)),
    );
    let text = if picture.has_boots() {
        format!("{text}  {} a start", app.settings.theme.glyphs.sort[0])
    } else {
        text
    };
    let chosen = app.screens.history.table.selected.unwrap_or(SERIES[0].name);
    let meaning = SERIES
        .iter()
        .find(|series| series.name == chosen)
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
