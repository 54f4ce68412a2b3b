//! The network of a host: its interfaces, sockets by state, and who listens.

pub(crate) mod query;
mod tables;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::draw_absence;
use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::{FILTER, FIND, REVERSE, SORT_LEFT, SORT_MENU, SORT_RIGHT};
use crate::query::{AnyQuery, NetworkQuery};
use crate::sanitize::clean;
use crate::screen::{Screen, own_table};
use crate::table::{AnyTable, Heading, TableColumn, TableState, arrange};
use crate::widgets::frame::instead;
use linux_api_wire::api::network::{ListeningSocket, NetworkDetail};
use linux_api_wire::units::compact::counted;

/// Lines of the sockets by state: an empty one, the states, an empty one.
const STATES: u16 = 3;
/// Fewest lines of the table of sockets.
const SOCKETS: u16 = 5;

/// What distinguishes a row of listening sockets.
pub(crate) type SocketId = String;

/// The chosen row, the order, and what rows have to hold.
#[derive(Debug, Clone)]
pub struct NetworkState {
    /// The listening sockets.
    pub table: TableState<SocketId>,
}

impl Default for NetworkState {
    fn default() -> Self {
        Self {
            table: TableState::sorted("PORT", false),
        }
    }
}

pub(crate) struct NetworkScreen;

impl Screen for NetworkScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[FILTER, FIND, SORT_MENU, SORT_LEFT, SORT_RIGHT, REVERSE]
    }

    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        vec![NetworkQuery.into(), tables::rates_query(app).into()]
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let cache = &app.host().responses.network;
        if draw_absence(app, cache.value().is_some(), cache.error(), area, frame) {
            return;
        }
        let Some(detail) = cache.value() else { return };
        let [interfaces, states, sockets, last] = parts(detail, area);
        tables::draw_interfaces(app, detail, interfaces, frame);
        let problem = detail.sockets_error.as_deref();
        if let Some(counts) = &detail.sockets {
            frame.render_widget(tables::states_line(app, counts, states.width), states);
            tables::draw_sockets(app, sockets, frame);
            if app.screens.network.table.ids().is_empty() {
                let text = if detail.listening.is_empty() {
                    "nothing listens"
                } else {
                    "no socket fits the filter"
                };
                instead(text, theme.dim, theme, sockets, frame);
            }
        } else {
            let reason = problem.unwrap_or("the daemon does not say why");
            let text = format!("sockets can't be read: {reason}");
            instead(&text, theme.warn, theme, sockets, frame);
        }
        let text = summary(app, detail, last.width);
        frame.render_widget(Line::styled(text, theme.dim), last);
    }

    own_table!(network);

    fn headings(&self, width: u16) -> Vec<Heading> {
        TableColumn::headings(&tables::socket_columns(width))
    }

    fn heading_line(&self, app: &App) -> u16 {
        sockets_area(app).y
    }

    fn rows_seen(&self, app: &App) -> usize {
        usize::from(sockets_area(app).height.saturating_sub(1)).max(1)
    }

    fn arrange(&self, app: &mut App) {
        let page = self.rows_seen(app);
        let mut table = std::mem::take(&mut app.screens.network.table);
        let rows = sorted(app, &table);
        let ids: Vec<SocketId> = rows.into_iter().map(tables::id_of).collect();
        table.set_rows(ids.iter().map(String::as_str), page);
        app.screens.network.table = table;
    }

    fn click(&self, app: &mut App, (_, y): (u16, u16)) -> bool {
        let first = sockets_area(app).y + 1;
        if let Some(row) = y.checked_sub(first) {
            let row = usize::from(row);
            app.with_table(|table, page| row < page && table.click(row, page));
        }
        // There is no page of a socket.
        false
    }

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        shown_sockets(app).get(place).map(|socket| text_of(socket))
    }

    fn save(&self, app: &App, kept: &mut toml::Table) {
        app.screens.network.table.save_sort(kept, "network");
    }

    fn restore(&self, app: &mut App, kept: &toml::Table) {
        let headings = self.headings(0);
        let table = &mut app.screens.network.table;
        table.restore_sort(kept, "network", &headings);
    }
}

/// Where interfaces, states, sockets and the last line are.
fn parts(detail: &NetworkDetail, area: Rect) -> [Rect; 4] {
    let wanted = u16::try_from(detail.interfaces.len()).unwrap_or(u16::MAX);
    let wanted = wanted.saturating_add(1).max(2);
    let most = (area.height / 2).min(area.height.saturating_sub(STATES + SOCKETS + 1));
    let height = wanted.min(most.max(2));
    let at =
        |y: u16, height: u16| Rect::new(area.x, area.y + y, area.width, height).intersection(area);
    let rest = area.height.saturating_sub(height + STATES + 1);
    [
        at(0, height),
        at(height + 1, 1),
        at(height + STATES, rest),
        at(area.height.saturating_sub(1), 1),
    ]
}

fn sockets_area(app: &App) -> Rect {
    let empty = NetworkDetail::default();
    let detail = app.host().responses.network.value().unwrap_or(&empty);
    let [_, _, sockets, _] = parts(detail, app.body());
    sockets
}

/// How many rows are shown of how many, and what is missing; what finds no room is left out whole.
fn summary(app: &App, detail: &NetworkDetail, width: u16) -> String {
    let shown = app.screens.network.table.ids().len();
    let total = counted(detail.total, "listening socket", "s");
    let mut text = format!("{shown} of {total}");
    let held = detail.listening.len();
    let mut parts = Vec::new();
    if held < detail.total {
        parts.push(format!(", {held} held"));
    }
    if detail.left_out > 0 {
        parts.push(format!(", {} more are only counted", detail.left_out));
    }
    let hidden = detail.listening.iter();
    let hidden = hidden.filter(|it| it.process_error.as_deref() == Some("permission_denied"));
    let hidden = hidden.count();
    if hidden > 0 {
        parts.push(format!(
            "; processes of {hidden} are hidden from the daemon"
        ));
    }
    if !detail.other_addresses.is_empty() {
        parts.push(format!("; also has {}", detail.other_addresses.join(" ")));
    }
    for part in parts {
        let part = clean(&part);
        if text.width() + part.width() <= usize::from(width) {
            text.push_str(&part);
        }
    }
    text
}

/// What a row is found and filtered by.
fn text_of(socket: &ListeningSocket) -> String {
    let words = [
        Some(socket.protocol.as_str()),
        Some(socket.address.as_str()),
        socket.user.as_deref(),
        socket.process.as_deref(),
    ];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    let pid = socket.pid.map_or_else(String::new, |pid| pid.to_string());
    format!("{} {} {pid}", socket.port, words.join(" "))
}

fn all(app: &App) -> &[ListeningSocket] {
    let detail = app.host().responses.network.value();
    detail.map_or(&[], |detail| detail.listening.as_slice())
}

/// The sockets that the filter keeps, in the order of the table.
fn sorted<'a>(app: &'a App, table: &TableState<SocketId>) -> Vec<&'a ListeningSocket> {
    let sockets = all(app);
    let wanted = table.filter.to_lowercase();
    let keeps = |socket: &ListeningSocket| text_of(socket).to_lowercase().contains(&wanted);
    let columns = tables::socket_columns(u16::MAX);
    let column = TableColumn::titled(&columns, table.sort.title);
    let order = column.map(|column| {
        move |one: &'a ListeningSocket, other: &'a ListeningSocket| {
            let order = column.compare(&one, &other, table.sort.descending);
            order.then_with(|| one.port.cmp(&other.port))
        }
    });
    let places = arrange(sockets, keeps, order);
    places.into_iter().map(|place| &sockets[place]).collect()
}

/// The sockets of the rows of the table, in their order.
fn shown_sockets(app: &App) -> Vec<&ListeningSocket> {
    let by_id: std::collections::HashMap<SocketId, &ListeningSocket> = all(app)
        .iter()
        .map(|socket| (tables::id_of(socket), socket))
        .collect();
    let ids = app.screens.network.table.ids().iter();
    ids.filter_map(|id| by_id.get(id).copied()).collect()
}
