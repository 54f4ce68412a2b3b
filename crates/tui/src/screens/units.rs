//! The units of systemd: a table, and what is done with them.

pub(crate) mod acts;
pub(crate) mod query;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::draw_absence;
use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::{
    FILTER, FIND, OPEN, REVERSE, RIGHT, SORT_LEFT, SORT_MENU, SORT_RIGHT, TAG, UNTAG, actions,
};
use crate::query::{ActsQuery, AnyQuery, UnitDetailQuery, UnitsQuery};
use crate::screen::{Screen, View, own_table};
use crate::table::{
    AnyTable, Heading, SortKey, TableCell, TableColumn, TableState, TableView, arrange,
};
use crate::theme::Theme;
use crate::widgets::frame::instead;
use crate::widgets::parts::summary;
use linux_api_wire::api::units::UnitSummary;
use linux_api_wire::units::compact::counted;

/// From which width on there is room for whether units start with the system.
const MIDDLE: u16 = 100;
/// From which width on there is room for jobs.
const WIDE: u16 = 120;

actions! {
    FAILED_ONLY "failed-only" "!", "failed", "show only units that have failed";
}

/// The chosen unit, the order, and what names or descriptions have to hold.
#[derive(Debug, Clone)]
pub struct UnitsState {
    /// The chosen unit, by name.
    pub table: TableState<String>,
    /// Whether only units that have failed are shown.
    failed_only: bool,
}

impl Default for UnitsState {
    fn default() -> Self {
        Self {
            table: TableState::sorted("STATE", false),
            failed_only: false,
        }
    }
}

pub(crate) struct UnitsScreen;

impl Screen for UnitsScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[
            OPEN,
            FILTER,
            acts::RESTART_UNIT,
            acts::UNIT_LOG,
            FAILED_ONLY,
            acts::START_UNIT,
            acts::STOP_UNIT,
            acts::RELOAD_UNIT,
            acts::RESET_UNIT,
            acts::ENABLE_UNIT,
            acts::DISABLE_UNIT,
            FIND,
            SORT_MENU,
            SORT_LEFT,
            SORT_RIGHT,
            REVERSE,
            TAG,
            UNTAG,
        ]
    }

    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        let opened = app.screens.unit.opened.clone();
        let opened = opened.map(|name| UnitDetailQuery(name).into());
        let list = [UnitsQuery.into(), ActsQuery.into()];
        list.into_iter().chain(opened).collect()
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let cache = &app.host().responses.units;
        let table_area = Rect {
            height: area.height - 1,
            ..area
        };
        if draw_absence(
            app,
            cache.value().is_some(),
            cache.error(),
            table_area,
            frame,
        ) {
            return;
        }
        let units = shown(app);
        let view = TableView {
            rows: units.len(),
            stale: app.freshness().is_old(),
            ..TableView::of(&app.screens.units.table)
        };
        view.draw(&columns(), app, table_area, frame, |row| units[row]);
        view.mark_tagged(&app.screens.units.table, theme, table_area, frame);
        if units.is_empty() {
            let text = if app.screens.units.failed_only {
                "no unit has failed"
            } else {
                "no unit fits the filter"
            };
            instead(text, theme.dim, theme, table_area, frame);
        }
        let summary = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        frame.render_widget(summary_line(app, units.len(), summary.width), summary);
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        let chosen = app.screens.units.table.selected.clone();
        match action {
            OPEN | RIGHT => app.screens.unit.open(chosen),
            FAILED_ONLY => app.screens.units.failed_only = !app.screens.units.failed_only,
            acts::UNIT_LOG => acts::act(app, action, chosen.into_iter().collect()),
            _ => {
                let tags = app.screens.units.table.tags();
                let units = if tags.is_empty() {
                    chosen.into_iter().collect()
                } else {
                    tags.to_vec()
                };
                acts::act(app, action, units);
            }
        }
    }

    fn back(&self, app: &mut App) {
        let failed_only = std::mem::take(&mut app.screens.units.failed_only);
        if !failed_only && !app.clear_filter() {
            app.show(View::Overview);
        }
    }

    fn page(&self, app: &App) -> Option<View> {
        app.screens.unit.opened.as_ref().map(|_| View::Unit)
    }

    own_table!(units);

    fn headings(&self, _width: u16) -> Vec<Heading> {
        TableColumn::headings(&columns())
    }

    fn arrange(&self, app: &mut App) {
        let page = app.page();
        let mut table = std::mem::take(&mut app.screens.units.table);
        let units = sorted(app, &table);
        table.set_rows(units.iter().map(|unit| unit.name.as_str()), page);
        let all = all(app);
        if !all.is_empty() {
            table.keep_tags(|name| all.iter().any(|unit| unit.name == *name));
        }
        app.screens.units.table = table;
    }

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        let unit = *shown(app).get(place)?;
        Some(format!("{} {}", unit.name, unit.description))
    }

    fn leave_host(&self, app: &mut App, was_shown: bool) {
        if !was_shown {
            self.set_filter(app, "");
            app.screens.units.failed_only = false;
        }
        app.screens.units.table.untag();
    }

    fn copied(&self, app: &App) -> Option<String> {
        app.screens.units.table.selected.clone()
    }

    fn forbidden(&self, app: &App, action: KeyAction) -> Option<String> {
        acts::forbidden(app, action)
    }

    fn save(&self, app: &App, kept: &mut toml::Table) {
        app.screens.units.table.save_sort(kept, "units");
    }

    fn restore(&self, app: &mut App, kept: &toml::Table) {
        let headings = self.headings(0);
        let table = &mut app.screens.units.table;
        table.restore_sort(kept, "units", &headings);
    }
}

/// The units of the rows of the table, in their order.
fn shown(app: &App) -> Vec<&UnitSummary> {
    let ids = app.screens.units.table.ids();
    let units = all(app);
    let by_name: std::collections::HashMap<&str, &UnitSummary> = units
        .iter()
        .map(|unit| (unit.name.as_str(), unit))
        .collect();
    let rows = ids.iter().filter_map(|name| by_name.get(name.as_str()));
    rows.copied().collect()
}

fn all(app: &App) -> &[UnitSummary] {
    let list = app.host().responses.units.value();
    list.map_or(&[], |list| list.items.as_slice())
}

/// The units that the filter of the table keeps, in its order.
fn sorted<'a>(app: &'a App, table: &TableState<String>) -> Vec<&'a UnitSummary> {
    let units = all(app);
    let wanted = table.filter.to_lowercase();
    let failed_only = app.screens.units.failed_only;
    let keeps = |unit: &UnitSummary| {
        let holds = |text: &str| text.to_lowercase().contains(&wanted);
        let fits = wanted.is_empty() || holds(&unit.name) || holds(&unit.description);
        fits && (!failed_only || unit.active.as_deref() == Some("failed"))
    };
    let columns = columns();
    let column = TableColumn::titled(&columns, table.sort.title);
    let order = column.map(|column| {
        move |one: &'a UnitSummary, other: &'a UnitSummary| {
            let order = column.compare(&one, &other, table.sort.descending);
            order.then_with(|| one.name.cmp(&other.name))
        }
    });
    let places = arrange(units, keeps, order);
    places.into_iter().map(|place| &units[place]).collect()
}

fn summary_line(app: &App, shown: usize, width: u16) -> Line<'static> {
    let theme = &app.settings.theme;
    let list = app.host().responses.units.value();
    let (total, failed) = list.map_or((0, 0), |list| (list.items.len(), list.failed));
    let mut text = format!("{shown} of {}", counted(total, "unit", "s"));
    if failed > 0 {
        text = format!("{text}, {failed} failed");
    }
    let tagged = app.screens.units.table.tags().len();
    if tagged > 0 {
        text = format!("{tagged} tagged of {text}");
    }
    let reason = acts::forbidden(app, acts::RESTART_UNIT);
    let style = if failed > 0 { theme.bad } else { theme.dim };
    summary(&text, reason, [], width, (style, theme))
}

type UnitColumn<'a> = TableColumn<&'a UnitSummary>;

fn columns<'a>() -> [UnitColumn<'a>; 6] {
    [
        UnitColumn::words("UNIT", 34, |at, unit| {
            let style = state_style(unit.active.as_deref(), at.theme);
            let is_plain = unit.active.as_deref() != Some("failed");
            TableCell::new(
                unit.name.clone(),
                if is_plain { at.theme.text } else { style },
            )
        })
        .ascending(|unit| Some(SortKey::Text(&unit.name))),
        UnitColumn::words("STATE", 12, |at, unit| match &unit.active {
            Some(active) => {
                let style = state_style(Some(active), at.theme);
                TableCell::new(active.clone(), style)
            }
            None => at.dim("-"),
        })
        .ascending(|unit| Some(SortKey::Whole(rank(unit.active.as_deref())))),
        UnitColumn::words("DETAIL", 12, |at, unit| at.optional(unit.sub.clone()))
            .ascending(|unit| unit.sub.as_deref().map(SortKey::Text)),
        UnitColumn::words("ENABLED", 9, |at, unit| at.optional(unit.enabled.clone()))
            .ascending(|unit| unit.enabled.as_deref().map(SortKey::Text))
            .from(MIDDLE),
        UnitColumn::words("JOB", 10, |at, unit| at.optional(unit.job.clone())).from(WIDE),
        UnitColumn::words("DESCRIPTION", 0, |at, unit| {
            at.dim(unit.description.clone())
        }),
    ]
}

/// What needs attention first comes first.
fn rank(active: Option<&str>) -> u64 {
    match active {
        Some("failed") => 0,
        Some("activating" | "deactivating" | "reloading") => 1,
        Some("active") => 2,
        Some(_) => 3,
        None => 4,
    }
}

/// How a state looks.
pub(crate) fn state_style(active: Option<&str>, theme: &Theme) -> Style {
    match active {
        Some("active") => theme.good,
        Some("failed") => theme.bad,
        Some("activating" | "deactivating" | "reloading") => theme.warn,
        _ => theme.dim,
    }
}
