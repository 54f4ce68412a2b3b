//! Requests to the daemon: one row per route, and how the chosen one ended.

mod chosen;
pub(crate) mod query;
mod routes;

use ratatui::Frame;
use ratatui::layout::Rect;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::{draw_absence, draw_nobody};
use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::{FILTER, FIND, REVERSE, SORT_LEFT, SORT_MENU, SORT_RIGHT};
use crate::query::{AnyQuery, RequestsQuery};
use crate::sanitize::clean;
use crate::screen::{Screen, own_table};
use crate::table::{AnyTable, Heading, SortKey, TableCell, TableColumn, TableState, TableView};
use crate::theme::Theme;
use crate::widgets::chart::{round_top, sparkline};
use crate::widgets::frame::instead;
use linux_api_wire::api_key::Scope;
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::{
    compact::{count, percent},
    floor, latency,
};
pub(crate) use routes::RouteActivity;

/// Fewest columns of a terminal for the slowest request besides.
const WIDE: u16 = 110;
/// Fewest lines of the view for a graph of the chosen route below the table.
const HIGH: u16 = 30;
/// Lines of that graph.
const GRAPH: u16 = 12;

/// The chosen route, the order, and what routes have to hold.
#[derive(Debug, Clone)]
pub struct ApiState {
    /// The table.
    pub table: TableState<String>,
}

impl Default for ApiState {
    fn default() -> Self {
        Self {
            table: TableState::sorted("P99", true),
        }
    }
}

pub(crate) struct ApiScreen;

impl Screen for ApiScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[FILTER, FIND, SORT_MENU, SORT_LEFT, SORT_RIGHT, REVERSE]
    }

    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        let is_allowed = app.host().forbids(Scope::StatsRead).is_none();
        let query = is_allowed.then(|| RequestsQuery(minute(app)).into());
        query.into_iter().collect()
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let host = app.host();
        if let Some(reason) = host.forbids(Scope::StatsRead) {
            if draw_nobody(app, area, frame) {
                return;
            }
            let text = format!("requests: {reason}");
            instead(&text, theme.dim, theme, area, frame);
            return;
        }
        let below = if area.height >= HIGH { GRAPH } else { 1 };
        let body = Rect {
            height: area.height - below,
            ..area
        };
        let last = Rect {
            y: body.bottom(),
            height: below,
            ..area
        };
        let requests = &host.responses.requests;
        if draw_absence(
            app,
            requests.value().is_some(),
            requests.error(),
            body,
            frame,
        ) {
            return;
        }
        let rows = app.shown_routes();
        let table = &app.screens.api.table;
        let view = TableView {
            rows: rows.len(),
            stale: app.freshness().is_old(),
            ..TableView::of(table)
        };
        view.draw(&columns(area.width), app, body, frame, |row| &rows[row]);
        if rows.is_empty() {
            let text = if table.filter.is_empty() {
                "no requests in this hour yet"
            } else {
                "no route fits the filter"
            };
            instead(text, theme.dim, theme, body, frame);
        }
        let Some(chosen) = view.selected.and_then(|place| rows.get(place)) else {
            return;
        };
        if below > 1 {
            chosen::draw(app, chosen, last, frame);
        } else {
            frame.render_widget(chosen::codes_line(app, chosen), last);
        }
    }

    own_table!(api);

    fn headings(&self, width: u16) -> Vec<Heading> {
        TableColumn::headings(&columns(width))
    }

    fn arrange(&self, app: &mut App) {
        let page = app.page();
        let mut table = std::mem::take(&mut app.screens.api.table);
        let routes = app.routes_by(&table);
        table.set_rows(routes.iter().map(|row| row.metrics.route.as_str()), page);
        drop(routes);
        app.screens.api.table = table;
    }

    fn save(&self, app: &App, kept: &mut toml::Table) {
        app.screens.api.table.save_sort(kept, "api");
    }

    fn restore(&self, app: &mut App, kept: &toml::Table) {
        let headings = self.headings(0);
        app.screens.api.table.restore_sort(kept, "api", &headings);
    }
}

/// The minute that the host is in.
pub(crate) fn minute(app: &App) -> Timestamp {
    floor(app.time_of(app.host()), 60)
}

impl App {
    /// The routes to show, in order.
    #[must_use]
    pub fn shown_routes(&self) -> Vec<RouteActivity<'_>> {
        self.routes_by(&self.screens.api.table)
    }

    fn routes_by(&self, table: &TableState<String>) -> Vec<RouteActivity<'_>> {
        let Some(requests) = self.host().responses.requests.value() else {
            return Vec::new();
        };
        let wanted = table.filter.to_lowercase();
        let mut rows = routes::routes(requests, minute(self));
        rows.retain(|row| row.metrics.route.to_lowercase().contains(&wanted));
        let columns = columns(u16::MAX);
        if let Some(column) = TableColumn::titled(&columns, table.sort.title) {
            rows.sort_by(|one, other| column.compare(one, other, table.sort.descending));
        }
        rows
    }
}

type RouteColumn<'a> = TableColumn<RouteActivity<'a>>;

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn columns<'a>(width: u16) -> Vec<RouteColumn<'a>> {
    let route = match width {
        WIDE.. => (width - 82).min(60),
        72.. => 26,
        _ => 20,
    };
    vec![
        RouteColumn::words("ROUTE", route, |at, row| {
            at.text(end_of(&row.metrics.route, at.width, at.theme))
        })
        .ascending(|row| Some(SortKey::Text(&row.metrics.route))),
        RouteColumn::numbers("REQ", 6, |at, row| {
            at.text(count(row.metrics.requests as f64))
        })
        .descending(|row| Some(SortKey::Whole(row.metrics.requests))),
        RouteColumn::numbers("ERR%", 5, |at, row| {
            let is_bad = row.error_percent > 0.0;
            let style = if is_bad { at.theme.bad } else { at.theme.dim };
            TableCell::new(percent(row.error_percent), style)
        })
        .descending(|row| Some(SortKey::Number(row.error_percent))),
        RouteColumn::numbers("P50", 8, |at, row| at.text(latency(row.metrics.p50)))
            .descending(|row| Some(SortKey::Number(row.metrics.p50))),
        RouteColumn::numbers("P95", 8, |at, row| at.text(latency(row.metrics.p95)))
            .descending(|row| Some(SortKey::Number(row.metrics.p95))),
        RouteColumn::numbers("P99", 8, |at, row| at.text(latency(row.metrics.p99)))
            .descending(|row| Some(SortKey::Number(row.metrics.p99))),
        RouteColumn::numbers("MAX", 8, |at, row| {
            at.text(latency(row.metrics.max_response_time))
        })
        .descending(|row| Some(SortKey::Number(row.metrics.max_response_time)))
        .from(WIDE),
        RouteColumn::words("BY MINUTE", 0, |at, row| {
            let top = round_top(&row.minutes);
            let width = at.width.min(row.minutes.len());
            let line = sparkline(&row.minutes, top, width, at.theme);
            TableCell::new(line, at.theme.graph)
        }),
    ]
}
/// A route of at most this width: routes differ at their ends.
fn end_of(route: &str, width: usize, theme: &Theme) -> String {
    let route = clean(route);
    if route.width() <= width {
        return route;
    }
    let mut used = 1;
    let kept: Vec<&str> = route
        .graphemes(true)
        .rev()
        .take_while(|grapheme| {
            used += grapheme.width();
            used <= width
        })
        .collect();
    let end: String = kept.into_iter().rev().collect();
    format!("{}{end}", theme.glyphs.ellipsis)
}
