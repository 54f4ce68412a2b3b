//! All hosts in one table, or as tiles: the remotes, and the hosts that share a database with one of them.

mod acts;
mod columns;
pub(crate) mod query;
mod reporters;
mod rows;
mod tiles;
mod totals;

use std::collections::HashMap;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::{
    FILTER, FIND, LEFT, OPEN, REVERSE, RIGHT, SORT_LEFT, SORT_MENU, SORT_RIGHT, TAG, UNTAG, actions,
};
use crate::query::AnyQuery;
use crate::screen::{Screen, View, own_table};
use crate::screens::units::acts as unit_acts;
use crate::table::{AnyTable, Heading, Move, TableColumn, TableState, TableView};
use crate::widgets::frame::instead;
use columns::HostColumn;
use rows::FleetId;
use rows::FleetRow;
use tiles::Tiling;

actions! {
    FAULTS_ONLY "faults-only" "!", "faults", "show only hosts with trouble";
    NEXT_FORM "next-form" "v", "view", "lines, a plain table, or tiles";
    ADD_REMOTE "add-remote" "A", "add", "make a remote of a host that only the database knows";
}

/// How the hosts are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    /// A table with a line for CPU, memory and network.
    #[default]
    Lines,
    /// A table with more figures and no lines.
    Plain,
    /// A box for each host.
    Tiles,
}

impl Form {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Lines, "lines"),
        (Self::Plain, "plain"),
        (Self::Tiles, "tiles"),
    ];

    /// The one after it.
    fn next(self) -> Self {
        let place = Self::ALL.iter().position(|(form, _)| *form == self);
        Self::ALL[(place.unwrap_or(0) + 1) % Self::ALL.len()].0
    }

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(form, _)| *form == self);
        found.map_or("", |(_, name)| name)
    }
}

/// The chosen host, the order, and what names or labels have to hold.
#[derive(Debug, Clone)]
pub struct FleetState {
    table: TableState<FleetId>,
    /// Whether only hosts with trouble are shown.
    faults_only: bool,
    form: Form,
    /// Which remotes are polled for the hosts of their database.
    reporters: Vec<bool>,
    /// The remote that was looked at when the choice last followed it.
    followed: Option<usize>,
}

impl Default for FleetState {
    fn default() -> Self {
        Self {
            table: TableState::sorted("STATE", false),
            faults_only: false,
            form: Form::default(),
            reporters: Vec::new(),
            followed: None,
        }
    }
}

impl FleetState {
    /// The tagged remotes, by their places.
    pub(crate) fn tagged_remotes(&self) -> Vec<usize> {
        let remotes = self.table.tags().iter().filter_map(|id| match id {
            FleetId::Remote(place) => Some(*place),
            FleetId::Stored(_) => None,
        });
        remotes.collect()
    }
}

pub(crate) struct FleetScreen;

impl Screen for FleetScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[
            OPEN,
            FILTER,
            FAULTS_ONLY,
            NEXT_FORM,
            TAG,
            UNTAG,
            unit_acts::RESTART_UNIT,
            unit_acts::START_UNIT,
            unit_acts::STOP_UNIT,
            unit_acts::RELOAD_UNIT,
            unit_acts::RESET_UNIT,
            unit_acts::ENABLE_UNIT,
            unit_acts::DISABLE_UNIT,
            ADD_REMOTE,
            FIND,
            SORT_MENU,
            SORT_LEFT,
            SORT_RIGHT,
            REVERSE,
        ]
    }

    fn queries_of(&self, app: &App, index: usize) -> Vec<AnyQuery> {
        let reporters = &app.screens.fleet.reporters;
        if reporters.get(index).copied().unwrap_or(false) {
            reporters::queries(app, index)
        } else {
            Vec::new()
        }
    }

    fn shows(&self, _app: &App, _index: usize) -> bool {
        true
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let state = &app.screens.fleet;
        let all = FleetRow::all(app);
        let shown = in_order(&all, state.table.ids());
        let table_area = Rect {
            height: area.height - 1,
            ..area
        };
        if state.form == Form::Tiles {
            tiles::draw(app, &shown, table_area, frame);
        } else {
            let view = TableView {
                rows: shown.len(),
                ..TableView::of(&state.table)
            };
            let columns = columns(state.form, area.width);
            view.draw(&columns, app, table_area, frame, |row| shown[row]);
            view.mark_tagged(&state.table, theme, table_area, frame);
        }
        if shown.is_empty() {
            let text = if state.faults_only {
                "no host has trouble"
            } else {
                "no host fits the filter"
            };
            instead(text, theme.dim, theme, table_area, frame);
        }
        let mut note = String::new();
        if state.faults_only {
            note.push_str(", only those with trouble");
        }
        let tagged = state.table.tags().len();
        if tagged > 0 {
            note = format!("{note}, {tagged} tagged");
        }
        let line = totals::line(&all, shown.len(), &note, theme, area.width);
        let summary = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        frame.render_widget(line, summary);
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        match action {
            FAULTS_ONLY => app.screens.fleet.faults_only = !app.screens.fleet.faults_only,
            NEXT_FORM => app.screens.fleet.form = app.screens.fleet.form.next(),
            OPEN => acts::open(app),
            ADD_REMOTE => acts::add_remote(app),
            LEFT | RIGHT if app.screens.fleet.form == Form::Tiles => {
                let by = if action == LEFT { -1 } else { 1 };
                app.with_table(|table, page| table.go(Move::By(by), page));
            }
            _ => acts::act_on_units(app, action),
        }
    }

    fn back(&self, app: &mut App) {
        let faults_only = std::mem::take(&mut app.screens.fleet.faults_only);
        if !faults_only {
            app.clear_filter();
        }
    }

    fn page(&self, app: &App) -> Option<View> {
        app.screens.deed.is_open().then_some(View::Deed)
    }

    own_table!(fleet);

    fn headings(&self, width: u16) -> Vec<Heading> {
        // It has every column that can be sorted by.
        TableColumn::headings(&columns::plain(width))
    }

    fn shown_headings(&self, app: &App, width: u16) -> Vec<Heading> {
        match app.screens.fleet.form {
            Form::Tiles => Vec::new(),
            form => TableColumn::headings(&columns(form, width)),
        }
    }

    fn rows_seen(&self, app: &App) -> usize {
        if app.screens.fleet.form != Form::Tiles {
            return app.page();
        }
        let tiling = Tiling::of(tiles_area(app));
        tiling.beside * tiling.rows
    }

    fn arrange(&self, app: &mut App) {
        app.screens.fleet.reporters = reporters::reporters(app);
        let page = self.rows_seen(app);
        let ids = rows(app);
        let current = app.current;
        let state = &mut app.screens.fleet;
        // Another host was opened elsewhere: the choice follows it.
        if state.followed != Some(current) {
            state.followed = Some(current);
            state.table.selected = Some(FleetId::Remote(current));
        }
        state.table.set_rows(&ids, page);
        self.chosen(app);
        app.screens.deed.arrange(page);
    }

    fn chosen(&self, app: &mut App) {
        if let Some(FleetId::Remote(place)) = app.screens.fleet.table.selected {
            app.current = place;
            app.screens.fleet.followed = Some(place);
        }
    }

    fn go(&self, app: &mut App, by: Move) {
        let by = match by {
            // Tiles are beside each other.
            Move::By(rows @ (1 | -1)) if app.screens.fleet.form == Form::Tiles => {
                Move::By(rows * Tiling::of(tiles_area(app)).beside.cast_signed())
            }
            by => by,
        };
        app.with_table(|table, page| table.go(by, page));
    }

    fn click(&self, app: &mut App, (x, y): (u16, u16)) -> bool {
        if app.screens.fleet.form != Form::Tiles {
            return app.click_row(y);
        }
        let area = tiles_area(app);
        let place = Tiling::of(area).place_at(&app.screens.fleet.table, area, (x, y));
        let Some(place) = place else { return false };
        let was_chosen = app.screens.fleet.table.position() == Some(place);
        app.with_table(|table, page| table.choose(place, page));
        was_chosen
    }

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        let id = app.screens.fleet.table.ids().get(place)?;
        acts::name_of(app, id)
    }

    fn leave_host(&self, _app: &mut App, _was_shown: bool) {}

    fn forbidden(&self, app: &App, action: KeyAction) -> Option<String> {
        acts::forbidden(app, action)
    }

    fn save(&self, app: &App, kept: &mut toml::Table) {
        let state = &app.screens.fleet;
        state.table.save_sort(kept, "fleet");
        kept.insert("fleet_form".to_owned(), state.form.name().into());
    }

    fn restore(&self, app: &mut App, kept: &toml::Table) {
        let headings = self.headings(u16::MAX);
        let state = &mut app.screens.fleet;
        state.table.restore_sort(kept, "fleet", &headings);
        let name = kept.get("fleet_form").and_then(toml::Value::as_str);
        let form = Form::ALL.iter().find(|(_, own)| Some(*own) == name);
        state.form = form.map_or(state.form, |(form, _)| *form);
    }
}

/// Where tiles are drawn.
fn tiles_area(app: &App) -> Rect {
    let body = app.body();
    Rect {
        height: body.height.saturating_sub(1),
        ..body
    }
}

fn columns<'a>(form: Form, width: u16) -> Vec<HostColumn<'a>> {
    match form {
        Form::Plain => columns::plain(width),
        Form::Lines | Form::Tiles => columns::with_lines(width),
    }
}

/// The rows of the table, in its order; what is gone since is left out.
fn in_order<'a, 'b>(all: &'b [FleetRow<'a>], ids: &[FleetId]) -> Vec<&'b FleetRow<'a>> {
    let places: HashMap<&FleetId, usize> = all
        .iter()
        .enumerate()
        .map(|(place, row)| (&row.id, place))
        .collect();
    let found = ids.iter().filter_map(|id| places.get(id));
    found.map(|place| &all[*place]).collect()
}

/// The hosts to show, in order.
fn rows(app: &App) -> Vec<FleetId> {
    let state = &app.screens.fleet;
    let wanted = state.table.filter.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    let keeps = |row: &FleetRow<'_>| {
        let mut labels = row.labels.iter();
        let fits = wanted.is_empty()
            || labels.any(|(name, value)| has(&format!("{name}={value}")))
            || has(row.name)
            || row.remote.is_some_and(|host| has(&host.address));
        fits && (!state.faults_only || row.has_trouble())
    };
    let all = FleetRow::all(app);
    let columns = columns::plain(u16::MAX);
    let sort = state.table.sort;
    let mut shown: Vec<&FleetRow<'_>> = all.iter().filter(|row| keeps(row)).collect();
    if let Some(column) = TableColumn::titled(&columns, sort.title) {
        shown.sort_by(|one, other| {
            let order = column.compare(one, other, sort.descending);
            order.then_with(|| one.name.cmp(other.name))
        });
    }
    shown.into_iter().map(|row| row.id.clone()).collect()
}
