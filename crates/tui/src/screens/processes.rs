//! The process table, on its own view and below the overview.

pub(crate) mod acts;
mod calm;
mod choice;
mod columns;
mod hands;
mod list;
pub(crate) mod query;
mod state;
mod tree;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::draw_absence;
use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::{
    FILTER, FIND, LEFT, OPEN, REVERSE, RIGHT, SORT_LEFT, SORT_MENU, SORT_RIGHT, TAG, UNTAG, actions,
};
use crate::popups::Popup;
use crate::query::{ActsQuery, AnyQuery, ProcessDetailQuery, ProcessRows};
use crate::sanitize::clean;
use crate::screen::{Screen, View, own_table};
use crate::table::{AnyTable, Heading, TableColumn, TableState, TableView};
use crate::widgets::frame::instead;
use crate::widgets::parts::summary;
use choice::ColumnChoice;
pub(crate) use choice::ColumnWish;
use columns::{ProcessColumn, ProcessRow, columns};
use hands::{act_on_chosen, chosen, filter_by_user, fold, follow};
use linux_api_client::error::ClientError;
use linux_api_wire::api::processes::Process;
use linux_api_wire::units::compact::counted;
use list::{Coverage, ProcessTable};
pub(crate) use state::{ProcessId, ProcessesState};

actions! {
    INVERT_FILTER "invert-filter" "!", "", "turn the filter round";
    SORT_PID "sort-pid" "#", "", "sort by process number";
    SORT_CPU "sort-cpu" "P", "", "sort by CPU";
    SORT_MEMORY "sort-memory" "M", "", "sort by memory";
    SORT_TIME "sort-time" "T", "", "sort by CPU time";
    TREE "tree" "t f5", "tree", "show who started whom";
    FULL_COMMAND "full-command" "p", "", "show whole command lines or names";
    PERCENT_BASE "percent-base" "%", "", "percent of one core or of the whole machine";
    USER_FILTER "user-filter" "u", "user", "narrow to the user of the chosen process";
    KERNEL_THREADS "kernel-threads" "K", "", "show or hide kernel threads";
    COLUMNS "columns" "f2 C", "columns", "choose and order the columns";
    FOLLOW_PROCESS "follow-process" "F", "", "follow the chosen process, or no longer";
    FOLD "fold" "-", "", "fold the children of the process away";
    UNFOLD "unfold" "+", "", "unfold the children of the process";
    FOLD_TOGGLE "fold-toggle" "z", "", "fold or unfold the children";
    FOLD_ALL "fold-all" "*", "", "fold or unfold all of the tree";
}

pub(crate) struct ProcessesScreen;

impl Screen for ProcessesScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[
            OPEN,
            FILTER,
            FIND,
            INVERT_FILTER,
            SORT_MENU,
            SORT_LEFT,
            SORT_RIGHT,
            REVERSE,
            SORT_PID,
            SORT_CPU,
            SORT_MEMORY,
            SORT_TIME,
            TREE,
            FULL_COMMAND,
            PERCENT_BASE,
            USER_FILTER,
            KERNEL_THREADS,
            acts::SIGNAL,
            acts::NICE_LOWER,
            acts::NICE_HIGHER,
            COLUMNS,
            TAG,
            UNTAG,
            FOLLOW_PROCESS,
            FOLD,
            UNFOLD,
            FOLD_TOGGLE,
            FOLD_ALL,
        ]
    }

    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        let opened = app.screens.process.opened.as_ref();
        let opened = opened.map(|process| ProcessDetailQuery(process.pid).into());
        let list = [app.process_query(false).into(), ActsQuery.into()];
        list.into_iter().chain(opened).collect()
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let table_area = Rect {
            height: area.height - 1,
            ..area
        };
        let summary = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        frame.render_widget(summary_line(app, summary.width), summary);
        let Some((list, rows)) = list_or_why(app, false, table_area, frame) else {
            return;
        };
        let view = TableView::of(&app.screens.processes.table);
        draw_rows(app, list, rows, view, table_area, frame);
        let theme = &app.settings.theme;
        let table = &app.screens.processes.table;
        TableView::of(table).mark_tagged(table, theme, table_area, frame);
        if list.rows.is_empty() {
            let text = match list.coverage {
                Coverage::Part { .. } => "no process that is held fits the filter",
                _ => "no process fits the filter",
            };
            instead(text, theme.dim, theme, table_area, frame);
        }
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        let state = &mut app.screens.processes;
        match action {
            OPEN => app.screens.process.open(state.table.selected.clone()),
            SORT_PID => app.sort_by_title("PID"),
            SORT_CPU => app.sort_by_title("CPU%"),
            SORT_MEMORY => app.sort_by_title("RES"),
            SORT_TIME => app.sort_by_title("TIME"),
            TREE => state.tree = !state.tree,
            FULL_COMMAND => state.full_command = !state.full_command,
            PERCENT_BASE => state.whole_machine = !state.whole_machine,
            KERNEL_THREADS => state.hide_kernel = !state.hide_kernel,
            INVERT_FILTER => state.inverted = !state.inverted && !state.table.filter.is_empty(),
            USER_FILTER => filter_by_user(app),
            COLUMNS => app.popups.push(Popup::Columns { chosen: 0 }),
            FOLLOW_PROCESS => follow(app),
            acts::SIGNAL | acts::NICE_LOWER | acts::NICE_HIGHER => act_on_chosen(app, action),
            FOLD | UNFOLD | FOLD_TOGGLE | FOLD_ALL if !state.tree => {
                let keys = app.settings.keymap.keys_of(TREE).into_iter().next();
                let key = keys.unwrap_or_default();
                app.say(format!("there is no tree to fold: {key} shows it"));
            }
            FOLD | UNFOLD | FOLD_TOGGLE | FOLD_ALL => fold(app, action),
            LEFT if state.tree => fold(app, FOLD),
            RIGHT if state.tree => fold(app, UNFOLD),
            LEFT => state.scroll = state.scroll.saturating_sub(8),
            RIGHT => state.scroll += 8,
            _ => {}
        }
    }

    fn back(&self, app: &mut App) {
        if app.clear_filter() {
            app.screens.processes.inverted = false;
        } else {
            app.show(View::Overview);
        }
    }

    fn page(&self, app: &App) -> Option<View> {
        app.screens.process.opened.as_ref().map(|_| View::Process)
    }

    own_table!(processes);

    fn headings(&self, _width: u16) -> Vec<Heading> {
        TableColumn::headings(&columns())
    }

    fn shown_headings(&self, app: &App, width: u16) -> Vec<Heading> {
        TableColumn::headings(&shown_columns(app, width))
    }

    fn arrange(&self, app: &mut App) {
        app.arrange_processes(false);
        let page = app.page();
        let mut table = std::mem::take(&mut app.screens.processes.table);
        set_rows(app, &mut table, page);
        app.screens.processes.table = table;
    }

    fn copied(&self, app: &App) -> Option<String> {
        let process = chosen(app)?;
        let command = &process.command;
        let text = if command.is_empty() {
            &process.name
        } else {
            command
        };
        Some(text.clone())
    }

    fn highlights(&self, app: &App) -> Vec<String> {
        app.screens.processes.filter_words()
    }

    fn badge(&self, app: &App) -> String {
        let state = &app.screens.processes;
        let Some((process, name)) = state.followed.as_ref() else {
            return String::new();
        };
        let is_there = state.table.position().is_some();
        match (state.table.is_followed, is_there) {
            (true, true) => format!("following {} {name}", process.pid),
            (true, false) => format!("{} {name} is not in this list", process.pid),
            (false, _) => String::new(),
        }
    }

    fn filter_examples(&self) -> Vec<String> {
        let examples = [
            "cpu > 5",
            "memory > 1G",
            "user = root",
            "state = zombie",
            "not user = root",
        ];
        examples.iter().map(|it| (*it).to_owned()).collect()
    }

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        let (list, rows) = app.process_list()?;
        let process = &rows.items[list.rows.get(place)?.index];
        Some(format!("{} {}", process.name, process.command))
    }

    fn set_filter(&self, app: &mut App, text: &str) {
        let table = &mut app.screens.processes.table;
        table.set_filter(text);
        table.offset = 0;
    }

    fn filter_problem(&self, text: &str) -> Option<String> {
        ProcessesState::problem(text)
    }

    fn passed_filter(&self, app: &App) -> String {
        match app.process_list() {
            Some((list, _)) => list.filter.clone(),
            None => app.screens.processes.typed_filter(),
        }
    }

    fn leave_host(&self, app: &mut App, was_shown: bool) {
        let state = &mut app.screens.processes;
        if !was_shown {
            state.table.filter.clear();
            state.inverted = false;
        }
        // Those of another host are not here.
        state.table.untag();
        state.table.is_followed = false;
    }

    fn forbidden(&self, app: &App, action: KeyAction) -> Option<String> {
        acts::forbidden(app, action)
    }

    fn save(&self, app: &App, kept: &mut toml::Table) {
        let state = &app.screens.processes;
        state.table.save_sort(kept, "process");
        for (name, value) in [
            ("tree", state.tree),
            ("names_only", !state.full_command),
            ("whole_machine", state.whole_machine),
            ("kernel_threads", !state.hide_kernel),
        ] {
            kept.insert(name.to_owned(), value.into());
        }
        if let Some(columns) = state.columns.saved() {
            kept.insert("process_columns".to_owned(), columns);
        }
    }

    fn restore(&self, app: &mut App, kept: &toml::Table) {
        let headings = self.headings(0);
        let state = &mut app.screens.processes;
        state.table.restore_sort(kept, "process", &headings);
        let is_set = |name: &str| kept.get(name).and_then(toml::Value::as_bool) == Some(true);
        state.tree = is_set("tree");
        state.full_command = !is_set("names_only");
        state.whole_machine = is_set("whole_machine");
        state.hide_kernel = !is_set("kernel_threads");
        state.columns = ColumnChoice::restored(kept.get("process_columns"));
    }
}

/// How many rows of processes there are; nothing before the first response.
pub(super) fn count(app: &App) -> Option<usize> {
    Some(app.process_list()?.0.rows.len())
}

/// The process of a row, here or on the overview.
pub(super) fn process_at(app: &App, place: usize) -> Option<&Process> {
    let (list, rows) = app.process_list()?;
    Some(&rows.items[list.rows.get(place)?.index])
}

/// Brings a table of these processes up to date.
pub(super) fn set_rows(app: &App, table: &mut TableState<ProcessId>, page: usize) {
    if let Some((list, rows)) = app.process_list() {
        table.set_rows(list.rows.iter().map(|row| &rows.items[row.index]), page);
    }
}

/// The columns that are drawn in a table of this width.
fn shown_columns<'a>(app: &App, width: u16) -> Vec<ProcessColumn<'a>> {
    let list = app.process_list();
    let empty = list.map_or(&[][..], |(list, _)| list.empty.as_slice());
    app.screens.processes.columns.columns(width, empty)
}

/// The busiest processes below the overview.
pub(super) fn draw_top(app: &App, view: TableView, area: Rect, frame: &mut Frame<'_>) {
    if area.height < 2 {
        return;
    }
    let Some((list, rows)) = list_or_why(app, true, area, frame) else {
        return;
    };
    let mut table_area = area;
    if let Coverage::Part { .. } = list.coverage {
        // Else the busiest of those held would pass for the busiest of all.
        table_area.height -= 1;
        let line = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        let style = app.settings.theme.dim;
        frame.render_widget(Line::styled(clean(&coverage(list)), style), line);
    }
    draw_rows(app, list, rows, view, table_area, frame);
}

/// The list; else it is drawn why there is none.
fn list_or_why<'a>(
    app: &'a App,
    is_overview: bool,
    area: Rect,
    frame: &mut Frame<'_>,
) -> Option<(&'a ProcessTable, &'a ProcessRows)> {
    let list = app.process_list();
    draw_absence(app, list.is_some(), error(app, is_overview), area, frame);
    list
}

/// Why there is no newer list.
fn error(app: &App, is_overview: bool) -> Option<&ClientError> {
    let query = app.process_query(is_overview);
    app.host().responses.processes.error_of(&query)
}

fn draw_rows(
    app: &App,
    list: &ProcessTable,
    rows: &ProcessRows,
    view: TableView,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let view = TableView {
        sort: list.sort,
        rows: list.rows.len(),
        stale: app.freshness().is_old(),
        ..view
    };
    let columns = shown_columns(app, area.width);
    let state = &app.screens.processes;
    let every = app.settings.every;
    view.draw(&columns, app, area, frame, |place| {
        let row = &list.rows[place];
        ProcessRow::new(&rows.items[row.index], row, &state.calm, every)
    });
}

/// How many processes are shown, and of how many that are held where others may be missing.
fn coverage(list: &ProcessTable) -> String {
    match &list.coverage {
        Coverage::Host { total, .. } => counted(*total, "process", "es"),
        Coverage::Whole => counted(list.picked, "process", "es"),
        Coverage::Part {
            held,
            total,
            picked_by,
            is_unfiltered,
        } => {
            let processes = counted(*held, "process", "es");
            let mut text = if list.picked == *held {
                format!("{processes} held")
            } else {
                format!("{} of {processes} held", list.picked)
            };
            if held < total {
                text.extend([", ", &total.to_string(), " on the host"]);
            }
            if let Some(filter) = picked_by {
                text.extend([", picked by: ", filter]);
            }
            if *is_unfiltered {
                text.push_str(", not filtered: control groups are not held");
            }
            text
        }
    }
}

fn summary_line(app: &App, width: u16) -> Line<'static> {
    let theme = &app.settings.theme;
    let state = &app.screens.processes;
    if let Some(error) = error(app, false) {
        return Line::styled(clean(&error.in_short()), theme.bad);
    }
    let Some((list, _)) = app.process_list() else {
        return Line::default();
    };
    let mut held = match list.coverage {
        // The rest is fetched on the way down, unless nothing is.
        Coverage::Host { held, total } if held < total && (app.frozen.is_some() || state.tree) => {
            format!("the first {held} of {total} processes")
        }
        _ => coverage(list),
    };
    let tagged = state.table.tags().len();
    if tagged > 0 {
        held.insert_str(0, &format!("{tagged} tagged of "));
    }
    let mut more = Vec::new();
    if state.hide_kernel {
        more.push("no kernel threads".to_owned());
    }
    if state.tree {
        more.push("tree".to_owned());
    }
    more.push(if state.whole_machine {
        "CPU% of the machine".to_owned()
    } else {
        "CPU% of one core".to_owned()
    });
    if state.calm.count() > 1 {
        more.push(format!("mean of {} readings", state.calm.count()));
    }
    let reason = acts::forbidden(app, acts::SIGNAL);
    summary(&held, reason, more, width, (theme.dim, theme))
}
