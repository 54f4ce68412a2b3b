//! What became of one act on several hosts: a page over the fleet.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::app::App;
use crate::change::Change;
use crate::keymap::KeyAction;
use crate::keymap::action::{FIND, OPEN};
use crate::sanitize::clean;
use crate::screen::{Screen, View, own_table};
use crate::table::{AnyTable, TableCell, TableColumn, TableState, TableView};

/// An act on several hosts, and what is known of it.
#[derive(Debug, Clone, Default)]
pub struct DeedState {
    table: TableState<usize>,
    change: Option<Change>,
    rows: Vec<DeedRow>,
    is_open: bool,
}

/// The act on one of the hosts.
#[derive(Debug, Clone)]
struct DeedRow {
    host: usize,
    /// What became of it, in words, and whether that is bad.
    outcome: Option<(String, bool)>,
}

impl DeedState {
    /// An act that was sent to these hosts.
    pub(crate) fn begin(&mut self, change: Change, hosts: &[usize]) {
        let row = |host: &usize| DeedRow {
            host: *host,
            outcome: None,
        };
        *self = Self {
            table: TableState::default(),
            change: Some(change),
            rows: hosts.iter().map(row).collect(),
            is_open: true,
        };
    }

    /// Whether its page is shown.
    pub(crate) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Leaves the page; what is still to come is said in the line at the bottom.
    pub(crate) const fn close(&mut self) {
        self.is_open = false;
    }

    /// Takes what became of a change on a host; false for one that it is not waiting for.
    pub(crate) fn take(&mut self, host: usize, change: &Change, outcome: (String, bool)) -> bool {
        if self.change.as_ref() != Some(change) || !self.is_open {
            return false;
        }
        let mut waiting = self.rows.iter_mut();
        let row = waiting.find(|row| row.host == host && row.outcome.is_none());
        let Some(row) = row else { return false };
        row.outcome = Some(outcome);
        true
    }

    /// Brings the rows of its table up to date.
    pub(crate) fn arrange(&mut self, page: usize) {
        let hosts = self.rows.iter().map(|row| row.host);
        self.table.set_rows(hosts, page);
    }
}

pub(crate) struct DeedScreen;

impl Screen for DeedScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[OPEN, FIND]
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let state = &app.screens.deed;
        let name: TableColumn<DeedRow> = TableColumn::words("HOST", 24, |at, row| {
            at.text(at.app.hosts[row.host].name.clone())
        });
        let columns = [
            name,
            TableColumn::words("STATE", 8, |at, row| match &row.outcome {
                None => at.dim("waiting"),
                Some((_, true)) => TableCell::new("failed", at.theme.bad),
                Some((_, false)) => TableCell::new("done", at.theme.good),
            }),
            TableColumn::words("RESULT", 0, |at, row| match &row.outcome {
                Some((text, _)) => at.text(text.clone()),
                None => at.dim(""),
            }),
        ];
        let table_area = Rect {
            height: area.height - 1,
            ..area
        };
        let view = TableView::of(&state.table);
        view.draw(&columns, app, table_area, frame, |row| &state.rows[row]);
        let ended = state.rows.iter().filter_map(|row| row.outcome.as_ref());
        let (failed, done): (Vec<_>, Vec<_>) = ended.partition(|(_, is_bad)| *is_bad);
        let waiting = state.rows.len() - failed.len() - done.len();
        let what = state
            .change
            .as_ref()
            .map(Change::in_words)
            .unwrap_or_default();
        let text = format!(
            "{what}: {} done, {} failed, {waiting} waiting",
            done.len(),
            failed.len()
        );
        let style = if failed.is_empty() {
            theme.dim
        } else {
            theme.bad
        };
        let summary = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        frame.render_widget(Line::styled(clean(&text), style), summary);
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        let chosen = app.screens.deed.table.selected;
        if let (OPEN, Some(host)) = (action, chosen) {
            app.current = host;
            app.show(View::Overview);
        }
    }

    fn back(&self, app: &mut App) {
        app.screens.deed.close();
    }

    fn crumb(&self, app: &App) -> Option<String> {
        app.screens.deed.change.as_ref().map(Change::in_words)
    }

    own_table!(deed);

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        let row = app.screens.deed.rows.get(place)?;
        let name = &app.hosts.get(row.host)?.name;
        let outcome = row.outcome.as_ref().map_or("", |(text, _)| text);
        Some(format!("{name} {outcome}"))
    }
}
