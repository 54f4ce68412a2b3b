//! One host at a glance: what it does and did, what needs attention, and its busiest processes. Boxes are as
//! high as what they hold; the processes get the rest.

mod cpu;
mod disks;
mod layout;
mod memory;
mod network;
pub(crate) mod query;
mod small;
mod status;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{draw_absence, processes};
use crate::app::App;
use crate::attention::{Concern, concerns, of_alerts};
use crate::host::HostState;
use crate::keymap::KeyAction;
use crate::keymap::action::{LEFT, OPEN, RIGHT, actions};
use crate::query::{
    ActsQuery, AlertChannelsQuery, AnyQuery, HostAlertsQuery, ProcessDetailQuery, SnapshotQuery,
};
use crate::screen::{Screen, View};
use crate::screens::alerts::acts::READ;
use crate::table::{AnyTable, Move, TableState, TableView};
use crate::widgets::frame::boxed_in;
use crate::widgets::graph::{Graph, Times, Unit, Window};
use layout::{Block, Plan, plan};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::Family;
use linux_api_wire::time::Timestamp;
use processes::{ProcessId, acts};

/// How long a time the graphs can show, in seconds.
const SPANS: [u64; 8] = [60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400];
/// How long at first.
const USUAL: u64 = 600;
/// From which length on graphs show times of the day.
const CLOCK_FROM: Duration = Duration::from_hours(6);
/// How many layouts there are.
const LAYOUTS: u8 = 4;

actions! {
    SHORTER "graph-shorter" "+ =", "", "graphs of a shorter time";
    LONGER "graph-longer" "-", "zoom", "graphs of a longer time";
    NEXT_INTERFACE "next-interface" "b", "interface", "show the next network interface";
    PREVIOUS_INTERFACE "previous-interface" "B", "", "show the network interface before";
    ENLARGE "enlarge" "e", "enlarge", "show the chosen box alone, or all again";
}

/// What was chosen on the overview.
#[derive(Debug, Clone)]
pub struct OverviewState {
    /// The chosen process.
    table: TableState<ProcessId>,
    /// Whether a row was chosen; before, none is marked, and the table stays at its top.
    has_cursor: bool,
    /// The box that keys and the mouse chose.
    focus: Block,
    /// Whether it is shown alone.
    is_enlarged: bool,
    /// Which layout, from 1.
    layout: u8,
    /// How long a time the graphs show.
    span: Duration,
    /// The interface that is shown; nothing for all that count.
    interface: Option<String>,
}

impl Default for OverviewState {
    fn default() -> Self {
        Self {
            table: TableState::default(),
            has_cursor: false,
            focus: Block::Processes,
            is_enlarged: false,
            layout: 1,
            span: Duration::from_secs(USUAL),
            interface: None,
        }
    }
}

pub(crate) struct OverviewScreen;

impl Screen for OverviewScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[
            OPEN,
            ENLARGE,
            LONGER,
            SHORTER,
            NEXT_INTERFACE,
            PREVIOUS_INTERFACE,
            acts::SIGNAL,
            acts::NICE_LOWER,
            acts::NICE_HIGHER,
        ]
    }

    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        let host = app.host();
        let mut queries: Vec<AnyQuery> = vec![
            SnapshotQuery.into(),
            app.process_query(true).into(),
            ActsQuery.into(),
        ];
        let past = host.trail.past_query(app.screens.overview.span);
        queries.extend(past.map(AnyQuery::from));
        queries.push(query::FillQuery::at(app.time_of(host)).into());
        if let Some(alerts) = alerts_query(host) {
            queries.extend([alerts.into(), AlertChannelsQuery.into()]);
        }
        let opened = app.screens.process.opened.as_ref();
        queries.extend(opened.map(|process| ProcessDetailQuery(process.pid).into()));
        queries
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let host = app.host();
        let readings = &host.responses.snapshot;
        if draw_absence(
            app,
            readings.value().is_some(),
            readings.error(),
            area,
            frame,
        ) {
            return;
        }
        let Some(snapshot) = readings.value() else {
            return;
        };
        let plan = plan(app, snapshot, area);
        if let Some(area) = plan.small {
            small::draw(app, snapshot, area, frame);
        }
        for (block, area) in &plan.blocks {
            draw_block(app, snapshot, *block, *area, frame);
        }
        if let Some(line) = plan.status {
            status::draw(app, snapshot, line, frame);
        }
        if app.freshness().is_old() {
            let top = Rect {
                height: plan.processes.y.max(area.y) - area.y,
                ..area
            };
            let top = if plan.processes.is_empty() { area } else { top };
            frame.buffer_mut().set_style(top, app.settings.theme.dim);
        }
        if !plan.processes.is_empty() {
            let state = &app.screens.overview;
            let mut view = TableView::of(&state.table);
            view.selected = view.selected.filter(|_| state.has_cursor);
            processes::draw_top(app, view, plan.processes, frame);
        }
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        let state = &mut app.screens.overview;
        match action {
            OPEN if state.has_cursor => {
                let chosen = state.table.selected.clone();
                app.screens.process.open(chosen);
            }
            OPEN => app.show(View::Processes),
            ENLARGE if state.focus == Block::Processes => {
                app.say("left and right choose a box; without one Enter shows all processes");
            }
            ENLARGE => state.is_enlarged = !state.is_enlarged,
            SHORTER => step_span(app, false),
            LONGER => step_span(app, true),
            NEXT_INTERFACE => network::step(app, true),
            PREVIOUS_INTERFACE => network::step(app, false),
            LEFT => step_focus(app, false),
            RIGHT => step_focus(app, true),
            acts::SIGNAL | acts::NICE_LOWER | acts::NICE_HIGHER => {
                let place = state.table.position().filter(|_| state.has_cursor);
                let chosen = place.and_then(|place| processes::process_at(app, place));
                let chosen = chosen.map(acts::reference);
                acts::act(app, action, chosen.into_iter().collect());
            }
            _ => {}
        }
    }

    fn back(&self, app: &mut App) {
        let state = &mut app.screens.overview;
        if state.is_enlarged {
            state.is_enlarged = false;
        } else if state.has_cursor || state.focus != Block::Processes {
            state.has_cursor = false;
            state.focus = Block::Processes;
        } else if app.hosts.len() > 1 {
            app.show(View::Fleet);
        }
    }

    fn crumb(&self, _app: &App) -> Option<String> {
        None
    }

    fn page(&self, app: &App) -> Option<View> {
        app.screens.process.opened.as_ref().map(|_| View::Process)
    }

    fn table<'a>(&self, app: &'a App) -> Option<&'a dyn AnyTable> {
        Some(&app.screens.overview.table)
    }

    fn table_mut<'a>(&self, app: &'a mut App) -> Option<&'a mut dyn AnyTable> {
        Some(&mut app.screens.overview.table)
    }

    fn rows_seen(&self, app: &App) -> usize {
        let rows = planned(app).map_or(0, |plan| plan.processes.height.saturating_sub(1));
        usize::from(rows).max(1)
    }

    fn go(&self, app: &mut App, by: Move) {
        let state = &mut app.screens.overview;
        // The first key marks the row that is there.
        let is_first = !std::mem::replace(&mut state.has_cursor, true);
        if !is_first || by == Move::Bottom {
            app.with_table(|table, page| table.go(by, page));
        }
    }

    fn arrange(&self, app: &mut App) {
        app.arrange_processes(true);
        let page = self.rows_seen(app);
        let mut table = std::mem::take(&mut app.screens.overview.table);
        processes::set_rows(app, &mut table, page);
        if !app.screens.overview.has_cursor {
            table.choose(0, page);
        }
        app.screens.overview.table = table;
    }

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        let process = processes::process_at(app, place)?;
        Some(format!("{} {}", process.name, process.command))
    }

    fn click(&self, app: &mut App, (x, y): (u16, u16)) -> bool {
        let Some(plan) = planned(app) else {
            return false;
        };
        if let Some(block) = plan.block_at(x, y) {
            let state = &mut app.screens.overview;
            if state.focus == block {
                state.is_enlarged = !state.is_enlarged;
            }
            state.focus = block;
            return false;
        }
        let first = plan.processes.y + 1;
        if plan.processes.is_empty() || y < first {
            return false;
        }
        let had_cursor = std::mem::replace(&mut app.screens.overview.has_cursor, true);
        app.screens.overview.focus = Block::Processes;
        let row = usize::from(y - first);
        let was_chosen = app.with_table(|table, page| row < page && table.click(row, page));
        had_cursor && was_chosen == Some(true)
    }

    fn forbidden(&self, app: &App, action: KeyAction) -> Option<String> {
        acts::forbidden(app, action)
    }

    fn leave_host(&self, app: &mut App, _was_shown: bool) {
        let state = &mut app.screens.overview;
        state.has_cursor = false;
        state.interface = None;
    }

    fn save(&self, app: &App, kept: &mut toml::Table) {
        let state = &app.screens.overview;
        let seconds = i64::try_from(state.span.as_secs()).unwrap_or(i64::MAX);
        kept.insert("graph_seconds".to_owned(), seconds.into());
        kept.insert("overview_layout".to_owned(), i64::from(state.layout).into());
        let shape = app.settings.display.shape.name();
        kept.insert("graph_shape".to_owned(), shape.into());
    }

    fn restore(&self, app: &mut App, kept: &toml::Table) {
        let number = |name: &str| kept.get(name).and_then(toml::Value::as_integer);
        let state = &mut app.screens.overview;
        let seconds = number("graph_seconds").and_then(|it| u64::try_from(it).ok());
        if let Some(seconds) = seconds.filter(|it| SPANS.contains(it)) {
            state.span = Duration::from_secs(seconds);
        }
        let layout = number("overview_layout").and_then(|it| u8::try_from(it).ok());
        state.layout = layout.filter(|it| (1..=LAYOUTS).contains(it)).unwrap_or(1);
        if let Some(shape) = kept.get("graph_shape").and_then(toml::Value::as_str) {
            app.set_shape(shape);
            app.note = None;
        }
    }
}

/// Takes one of the layouts.
pub(crate) fn set_layout(app: &mut App, text: &str) {
    match text.parse() {
        Ok(layout @ 1..=LAYOUTS) => {
            app.screens.overview.layout = layout;
            app.screens.overview.is_enlarged = false;
            app.show(View::Overview);
        }
        _ => app.complain(format!("layout: expected 1 to {LAYOUTS}")),
    }
}

fn step_span(app: &mut App, is_longer: bool) {
    let span = app.screens.overview.span.as_secs();
    let next = if is_longer {
        SPANS.into_iter().find(|it| *it > span)
    } else {
        SPANS.into_iter().rev().find(|it| *it < span)
    };
    if let Some(seconds) = next {
        app.screens.overview.span = Duration::from_secs(seconds);
    }
}

/// Chooses the box beside the chosen one.
fn step_focus(app: &mut App, forward: bool) {
    let Some(plan) = planned_with(app, false) else {
        return;
    };
    let mut all: Vec<Block> = plan.blocks.iter().map(|(block, _)| *block).collect();
    all.push(Block::Processes);
    let state = &mut app.screens.overview;
    let place = all.iter().position(|block| *block == state.focus);
    let place = place.unwrap_or(all.len() - 1);
    let next = if forward {
        place + 1
    } else {
        place + all.len() - 1
    };
    state.focus = all[next % all.len()];
    state.is_enlarged &= state.focus != Block::Processes;
}

/// Where everything is; nothing before the first reading.
fn planned(app: &App) -> Option<Plan> {
    planned_with(app, app.screens.overview.is_enlarged)
}

fn planned_with(app: &App, is_enlarged: bool) -> Option<Plan> {
    let snapshot = app.host().responses.snapshot.value()?;
    Some(layout::plan_with(app, snapshot, app.body(), is_enlarged))
}

/// What fires on a host; nothing where its key may not read that, or its daemon does not say which host it is.
fn alerts_query(host: &HostState) -> Option<HostAlertsQuery> {
    let id = host.responses.snapshot.value()?.host_id.clone()?;
    host.forbids(READ).is_none().then_some(HostAlertsQuery(id))
}

/// What needs attention on the host that is shown: its alerts, where its daemon has them.
fn host_concerns(app: &App) -> Vec<Concern> {
    let host = app.host();
    let alerts = alerts_query(host);
    let alerts = alerts.and_then(|query| {
        let cache = &host.responses.host_alerts;
        // What was read before an error says nothing of now.
        let is_current = cache.error_of(&query).is_none() && !host.judges_nothing();
        cache.of(&query).filter(|_| is_current)
    });
    match alerts {
        Some(list) => of_alerts(host, &list.items),
        None => concerns(host, |filesystem| disks::full_in(app, filesystem)),
    }
}

fn draw_block(app: &App, snapshot: &Snapshot, block: Block, area: Rect, frame: &mut Frame<'_>) {
    match block {
        Block::Cpu => cpu::draw(app, snapshot, area, frame),
        Block::Cores => cpu::draw_cores(app, snapshot, area, frame),
        Block::Memory => memory::draw(app, snapshot, area, frame),
        Block::Network => network::draw(app, snapshot, area, frame),
        Block::Disks => disks::draw(app, snapshot, area, frame),
        Block::Attention => status::draw_attention(app, area, frame),
        Block::Processes => {}
    }
}

/// A box whose title has as many parts as fit whole, the first ones first; returns the area inside.
fn titled(app: &App, block: Block, parts: &[String], area: Rect, frame: &mut Frame<'_>) -> Rect {
    use unicode_width::UnicodeWidthStr;

    let theme = &app.settings.theme;
    let room = usize::from(area.width).saturating_sub(4);
    let mut title = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let gap = if title.is_empty() { "" } else { "  " };
        if title.width() + gap.len() + part.width() > room {
            break;
        }
        title.push_str(gap);
        title.push_str(part);
    }
    let is_chosen = app.screens.overview.focus == block;
    let border = if is_chosen {
        theme.accent
    } else {
        theme.border
    };
    boxed_in(&title, border, theme, area, frame)
}

/// A graph of as long a time as was chosen, up to now.
fn graph<'a>(app: &App, unit: Unit) -> Graph<'a> {
    let window = Window::live(now(app), app.screens.overview.span);
    let mut graph = Graph::new(window, unit);
    graph.shape = app.settings.display.shape;
    // What happened hours ago happened at a time of the day.
    if app.screens.overview.span >= CLOCK_FROM {
        graph.times = Times::Clock(app.offset_of(app.host(), now(app)));
    }
    graph
}

/// Now on the clock of the host: what is old is left of it.
fn now(app: &App) -> Timestamp {
    let readings = &app.host().responses.snapshot;
    let age = readings.age(app.frozen.unwrap_or(app.now));
    let time = app.time_of(app.host());
    time.saturating_add(age.unwrap_or_default())
}

/// Why a part of the readings is missing.
fn why_absent(snapshot: &Snapshot, family: Family) -> String {
    let status = snapshot.status.get(&family);
    let reason = status.and_then(|status| status.error.clone());
    reason.unwrap_or_else(|| "not read".to_owned())
}
