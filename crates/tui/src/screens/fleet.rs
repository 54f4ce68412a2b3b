//! All hosts in one table.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::app::App;
use crate::freshness::Freshness;
use crate::host::{HostState, Link};
use crate::keymap::KeyAction;
use crate::keymap::action::{
    FILTER, FIND, OPEN, REVERSE, SORT_LEFT, SORT_MENU, SORT_RIGHT, actions,
};
use crate::sanitize::clean;
use crate::screen::{Screen, View, own_table};
use crate::table::{
    AnyTable, Heading, SortKey, Spot, TableCell, TableColumn, TableState, TableView,
};
use crate::theme::level_letter;
use crate::widgets::frame::{instead, state_text};
use linux_api_wire::snapshot::Filesystem;
use linux_api_wire::units::compact::{percent, share, span};

/// From which width on there is room for the time since the start and labels.
const WIDE: u16 = 110;
/// Below this width there is only room for the most needed.
const NARROW: u16 = 72;

actions! {
    FAULTS_ONLY "faults-only" "!", "faults", "show only hosts with trouble";
}

/// The chosen host, the order, and what names or labels have to hold.
#[derive(Debug, Clone)]
pub struct FleetState {
    table: TableState<usize>,
    /// Whether only hosts with trouble are shown.
    faults_only: bool,
}

impl Default for FleetState {
    fn default() -> Self {
        Self {
            table: TableState::sorted("HOST", false),
            faults_only: false,
        }
    }
}

pub(crate) struct FleetScreen;

impl Screen for FleetScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[
            OPEN,
            FILTER,
            FIND,
            FAULTS_ONLY,
            SORT_MENU,
            SORT_LEFT,
            SORT_RIGHT,
            REVERSE,
        ]
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let state = &app.screens.fleet;
        let ids = state.table.ids();
        let table_area = Rect {
            height: area.height - 1,
            ..area
        };
        let view = TableView::of(&state.table);
        view.draw(&columns(area.width), app, table_area, frame, |row| {
            &app.hosts[ids[row]]
        });
        if ids.is_empty() {
            let text = if state.faults_only {
                "no host has trouble"
            } else {
                "no host fits the filter"
            };
            instead(text, theme.dim, theme, table_area, frame);
        }
        let mut text = format!("{} of {} hosts", ids.len(), app.hosts.len());
        if state.faults_only {
            text.push_str(", only those with trouble");
        }
        let summary = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        frame.render_widget(Line::styled(clean(&text), theme.dim), summary);
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        let state = &mut app.screens.fleet;
        match action {
            FAULTS_ONLY => state.faults_only = !state.faults_only,
            OPEN if state.table.selected.is_some() => app.show(View::Overview),
            _ => {}
        }
    }

    fn back(&self, app: &mut App) {
        let faults_only = std::mem::take(&mut app.screens.fleet.faults_only);
        if !faults_only {
            app.clear_filter();
        }
    }

    own_table!(fleet);

    fn headings(&self, width: u16) -> Vec<Heading> {
        TableColumn::headings(&columns(width))
    }

    fn arrange(&self, app: &mut App) {
        let page = app.page();
        let rows = rows(app);
        let table = &mut app.screens.fleet.table;
        // The chosen host is the one that the other views show.
        table.selected = Some(app.current);
        table.set_rows(rows, page);
        self.chosen(app);
    }

    fn chosen(&self, app: &mut App) {
        app.current = app.screens.fleet.table.selected.unwrap_or(app.current);
    }

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        let host = *app.screens.fleet.table.ids().get(place)?;
        Some(app.hosts[host].name.clone())
    }

    fn leave_host(&self, _app: &mut App, _was_shown: bool) {}

    fn save(&self, app: &App, kept: &mut toml::Table) {
        app.screens.fleet.table.save_sort(kept, "fleet");
    }

    fn restore(&self, app: &mut App, kept: &toml::Table) {
        app.screens
            .fleet
            .table
            .restore_sort(kept, "fleet", &self.headings(0));
    }
}

/// The hosts to show, in order.
fn rows(app: &App) -> Vec<usize> {
    let state = &app.screens.fleet;
    let wanted = state.table.filter.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    let keeps = |place: &usize| {
        let host = &app.hosts[*place];
        let mut labels = host.labels.iter();
        let fits = wanted.is_empty()
            || labels.any(|(name, value)| has(&format!("{name}={value}")))
            || has(&host.name)
            || has(&host.address);
        fits && (!state.faults_only || host.has_trouble())
    };
    let mut rows: Vec<usize> = (0..app.hosts.len()).filter(keeps).collect();
    let columns = columns(u16::MAX);
    let sort = state.table.sort;
    if let Some(column) = TableColumn::titled(&columns, sort.title) {
        rows.sort_by(|one, other| {
            let (one, other) = (&app.hosts[*one], &app.hosts[*other]);
            let order = column.compare(&one, &other, sort.descending);
            order.then_with(|| one.name.cmp(&other.name))
        });
    }
    rows
}

type HostColumn<'a> = TableColumn<&'a HostState>;

fn columns<'a>(width: u16) -> Vec<HostColumn<'a>> {
    let name = if width < NARROW { 14 } else { 18 };
    vec![
        HostColumn::words("HOST", name, |at, host| name_cell(at, host))
            .ascending(|host| Some(SortKey::Text(&host.name))),
        HostColumn::numbers("CPU%", 6, |at, host| share_cell(at, host, cpu(host)))
            .descending(|host| cpu(host).map(SortKey::Number)),
        HostColumn::numbers("MEM%", 6, |at, host| share_cell(at, host, memory(host)))
            .descending(|host| memory(host).map(SortKey::Number)),
        HostColumn::numbers("DISK%", 6, |at, host| share_cell(at, host, disk(host)))
            .descending(|host| disk(host).map(SortKey::Number)),
        HostColumn::numbers("LOAD", 6, |at, host| number_cell(at, host, load(host)))
            .descending(|host| load(host).map(SortKey::Number)),
        HostColumn::numbers("PSI%", 5, |at, host| number_cell(at, host, pressure(host)))
            .descending(|host| pressure(host).map(SortKey::Number))
            .from(NARROW),
        HostColumn::numbers("AGE", 6, |at, host| age_cell(at, host)).from(NARROW),
        HostColumn::numbers("UP", 5, |at, host| uptime_cell(at, host)).from(WIDE),
        HostColumn::words("LABELS", 24, |at, host| labels_cell(at, host)).from(WIDE),
        HostColumn::words("LATENCY", 0, |at, host| {
            let (text, style) = state_text(at.app, &at.app.freshness_of(host));
            TableCell::new(text, style)
        })
        .descending(|host| latency(host).map(SortKey::Number)),
    ]
}

fn cpu(host: &HostState) -> Option<f64> {
    Some(host.responses.snapshot.value()?.cpu.as_ref()?.usage_percent)
}

fn memory(host: &HostState) -> Option<f64> {
    let memory = host.responses.snapshot.value()?.memory.as_ref()?;
    Some(share(memory.used_bytes, memory.total_bytes))
}

/// The fullest filesystem.
fn disk(host: &HostState) -> Option<f64> {
    let all = host.responses.snapshot.value()?.filesystems.as_deref()?;
    let shares = all.iter().filter_map(Filesystem::strain);
    shares.max_by(f64::total_cmp)
}

fn load(host: &HostState) -> Option<f64> {
    Some(host.responses.snapshot.value()?.load.as_ref()?.one)
}

/// The share of time that something waited, of whatever waited longest.
fn pressure(host: &HostState) -> Option<f64> {
    let all = host.responses.snapshot.value()?.pressure.as_ref()?;
    let parts = [all.cpu, all.memory, all.io].into_iter().flatten();
    parts.map(|it| it.some.avg10).max_by(f64::total_cmp)
}

fn latency(host: &HostState) -> Option<f64> {
    match &host.link {
        Link::Up { latency } => Some(latency.as_secs_f64()),
        _ => None,
    }
}

/// A style, or that of old data where these are.
fn shade(at: &Spot<'_>, host: &HostState, style: Style) -> Style {
    let is_old = at.app.freshness_of(host).is_old();
    if is_old { at.theme.dim } else { style }
}

fn name_cell(at: &Spot<'_>, host: &HostState) -> TableCell {
    let style = match at.app.freshness_of(host) {
        Freshness::Failed { .. } => at.theme.bad,
        Freshness::Connecting(_) | Freshness::Late(_) => at.theme.warn,
        Freshness::Fresh(_) | Freshness::Frozen => at.theme.text,
    };
    TableCell::new(host.name.clone(), style)
}

fn share_cell(at: &Spot<'_>, host: &HostState, value: Option<f64>) -> TableCell {
    let Some(value) = value else {
        return at.dim("-");
    };
    let text = format!("{}{}", percent(value), level_letter(value));
    TableCell::new(text, shade(at, host, at.theme.share(value)))
}

fn number_cell(at: &Spot<'_>, host: &HostState, value: Option<f64>) -> TableCell {
    let Some(value) = value else {
        return at.dim("-");
    };
    TableCell::new(format!("{value:.2}"), shade(at, host, at.theme.text))
}

fn age_cell(at: &Spot<'_>, host: &HostState) -> TableCell {
    let age = at.app.freshness_of(host).old_for();
    TableCell::new(age.map_or_else(String::new, span), at.theme.warn)
}

fn uptime_cell(at: &Spot<'_>, host: &HostState) -> TableCell {
    let snapshot = host.responses.snapshot.value();
    let seconds = snapshot.and_then(|snapshot| snapshot.uptime_seconds);
    let up = seconds.map(|it| span(Duration::from_secs(it)));
    let up = up.as_deref().and_then(|up| up.split(' ').next());
    TableCell::new(up.unwrap_or("-"), shade(at, host, at.theme.dim))
}

fn labels_cell(at: &Spot<'_>, host: &HostState) -> TableCell {
    let labels = host.labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    at.dim(labels.join(" "))
}
