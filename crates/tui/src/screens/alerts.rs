//! Alerts of a daemon and of the hosts that share its database: those that fire, what changed, rules, silences.

pub(crate) mod acts;
mod body;
pub(crate) mod lists;
pub(crate) mod query;
pub(crate) mod words;

use ratatui::Frame;
use ratatui::layout::Rect;

use super::draw_nobody;
use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::{
    FILTER, FIND, LEFT, OPEN, REVERSE, RIGHT, SORT_LEFT, SORT_MENU, SORT_RIGHT, TAG, UNTAG, actions,
};
use crate::query::{
    AlertChannelsQuery, AlertNoticesQuery, AlertRulesQuery, AlertSilencesQuery, AlertsQuery,
    AnyQuery,
};
use crate::screen::{Screen, View};
use crate::screens::alert::{Opened, PreviewOf};
use crate::table::{AnyTable, Heading, TableColumn, TableState};
use crate::widgets::frame::instead;
use linux_api_wire::api::alerts::{Alert, AlertNotice, AlertRule, AlertSilence};
use lists::ListRow;

/// The line of the lists, and that of the first row of one.
const LISTS_LINE: u16 = 2;
const FIRST_ROW: u16 = 4;

actions! {
    NEXT_LIST "next-list" "v", "lists", "alerts, what changed, rules, silences";
    UNSEEN_ONLY "unseen-only" "!", "unseen", "show only alerts that no one has seen or silenced";
    WAITING "waiting" "P", "", "show also what waits, and what has no data";
}

/// One of the lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum AlertsList {
    /// What fires.
    #[default]
    Active,
    /// What changed.
    History,
    /// Rules.
    Rules,
    /// Silences.
    Silences,
}

impl AlertsList {
    const ALL: [Self; 4] = [Self::Active, Self::History, Self::Rules, Self::Silences];

    /// The list so many further, around the end.
    fn step(self, by: isize) -> Self {
        let place = Self::ALL.iter().position(|list| *list == self);
        let count = Self::ALL.len().cast_signed();
        let next = (place.unwrap_or(0).cast_signed() + by).rem_euclid(count);
        Self::ALL[next.unsigned_abs()]
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Active => "alerts",
            Self::History => "history",
            Self::Rules => "rules",
            Self::Silences => "silences",
        }
    }
}

/// The list that is shown, and what was chosen on each.
#[derive(Debug, Clone)]
pub struct AlertsState {
    list: AlertsList,
    /// Alerts, by their ids.
    table: TableState<String>,
    notices: TableState<String>,
    rules: TableState<String>,
    silences: TableState<String>,
    unseen_only: bool,
    waiting: bool,
}

impl Default for AlertsState {
    fn default() -> Self {
        Self {
            list: AlertsList::default(),
            table: TableState::sorted("LEVEL", false),
            notices: TableState::default().resting(),
            rules: TableState::sorted("RULE", false),
            silences: TableState::default(),
            unseen_only: false,
            waiting: false,
        }
    }
}

impl AlertsState {
    const fn table_of(&self, list: AlertsList) -> &TableState<String> {
        match list {
            AlertsList::Active => &self.table,
            AlertsList::History => &self.notices,
            AlertsList::Rules => &self.rules,
            AlertsList::Silences => &self.silences,
        }
    }

    const fn table_of_mut(&mut self, list: AlertsList) -> &mut TableState<String> {
        match list {
            AlertsList::Active => &mut self.table,
            AlertsList::History => &mut self.notices,
            AlertsList::Rules => &mut self.rules,
            AlertsList::Silences => &mut self.silences,
        }
    }
}

pub(crate) struct AlertsScreen;

impl Screen for AlertsScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[
            OPEN,
            FILTER,
            acts::ACKNOWLEDGE,
            acts::SILENCE,
            NEXT_LIST,
            UNSEEN_ONLY,
            acts::PREVIEW,
            acts::END_SILENCE,
            acts::ACKNOWLEDGE_WITH,
            WAITING,
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
        if app.host().forbids(acts::READ).is_some() {
            return Vec::new();
        }
        let state = &app.screens.alerts;
        let waiting = state.waiting;
        let mut queries: Vec<AnyQuery> = vec![
            AlertsQuery { waiting }.into(),
            AlertRulesQuery.into(),
            AlertSilencesQuery.into(),
            AlertChannelsQuery.into(),
        ];
        if state.list == AlertsList::History {
            queries.push(AlertNoticesQuery.into());
        }
        let opened = app.screens.alert.queries(app);
        queries.extend(opened);
        queries
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        if let Some(reason) = app.host().forbids(acts::READ) {
            if draw_nobody(app, area, frame) {
                return;
            }
            let text = format!("alerts: {reason}");
            instead(&text, theme.dim, theme, area, frame);
            return;
        }
        let top = Rect { height: 1, ..area };
        frame.render_widget(body::lists_line(app, area.width), top);
        let table = Rect {
            y: area.y + 1,
            height: area.height.saturating_sub(2),
            ..area
        };
        let last = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        body::draw_list(app, table, frame);
        frame.render_widget(body::summary(app, area.width), last);
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        let state = &mut app.screens.alerts;
        match action {
            NEXT_LIST | RIGHT => state.list = state.list.step(1),
            LEFT => state.list = state.list.step(-1),
            UNSEEN_ONLY => state.unseen_only = !state.unseen_only,
            WAITING => state.waiting = !state.waiting,
            OPEN => {
                let opened = opened(app);
                app.screens.alert.open(opened);
            }
            _ => acts::act(app, action),
        }
    }

    fn back(&self, app: &mut App) {
        let state = &mut app.screens.alerts;
        let narrowed = std::mem::take(&mut state.unseen_only);
        let widened = std::mem::take(&mut state.waiting);
        if narrowed || widened || app.clear_filter() {
            return;
        }
        let list = std::mem::take(&mut app.screens.alerts.list);
        if list == AlertsList::Active {
            app.show(View::Overview);
        }
    }

    fn page(&self, app: &App) -> Option<View> {
        app.screens.alert.is_open().then_some(View::Alert)
    }

    fn table<'a>(&self, app: &'a App) -> Option<&'a dyn AnyTable> {
        let state = &app.screens.alerts;
        Some(state.table_of(state.list))
    }

    fn table_mut<'a>(&self, app: &'a mut App) -> Option<&'a mut dyn AnyTable> {
        let state = &mut app.screens.alerts;
        Some(state.table_of_mut(state.list))
    }

    fn headings(&self, width: u16) -> Vec<Heading> {
        TableColumn::headings(&lists::alerts(width))
    }

    fn sort_headings(&self, app: &App) -> Vec<Heading> {
        self.shown_headings(app, u16::MAX)
    }

    fn shown_headings(&self, app: &App, width: u16) -> Vec<Heading> {
        match app.screens.alerts.list {
            AlertsList::Active => TableColumn::headings(&lists::alerts(width)),
            AlertsList::History => TableColumn::headings(&lists::notices(width)),
            AlertsList::Rules => TableColumn::headings(&lists::rules(width)),
            AlertsList::Silences => TableColumn::headings(&lists::silences(width)),
        }
    }

    fn heading_line(&self, _app: &App) -> u16 {
        FIRST_ROW - 1
    }

    fn rows_seen(&self, app: &App) -> usize {
        // One line less than of a table that fills the view.
        app.page().saturating_sub(1).max(1)
    }

    fn arrange(&self, app: &mut App) {
        let page = self.rows_seen(app);
        for list in AlertsList::ALL {
            let mut table = std::mem::take(app.screens.alerts.table_of_mut(list));
            let ids = ids(app, list, &table);
            table.set_rows(ids.iter().map(String::as_str), page);
            if list == AlertsList::Active {
                let alerts = alerts(app);
                table.keep_tags(|id| alerts.iter().any(|alert| alert.id == *id));
            }
            *app.screens.alerts.table_of_mut(list) = table;
        }
    }

    fn row_text(&self, app: &App, place: usize) -> Option<String> {
        let state = &app.screens.alerts;
        let id = state.table_of(state.list).ids().get(place)?;
        match state.list {
            AlertsList::Active => text_of(alerts(app), id),
            AlertsList::History => text_of(notices(app), id),
            AlertsList::Rules => text_of(rules(app), id),
            AlertsList::Silences => text_of(silences(app), id),
        }
    }

    fn leave_host(&self, app: &mut App, was_shown: bool) {
        let state = &mut app.screens.alerts;
        if !was_shown {
            for list in AlertsList::ALL {
                state.table_of_mut(list).set_filter("");
            }
            state.unseen_only = false;
            state.waiting = false;
        }
        state.table.untag();
    }

    /// A click chooses a list, or a row of the one that is shown.
    fn click(&self, app: &mut App, (x, y): (u16, u16)) -> bool {
        if y == LISTS_LINE {
            if let Some(list) = body::list_at(app, x) {
                app.screens.alerts.list = list;
            }
            return false;
        }
        let Some(row) = y.checked_sub(FIRST_ROW).map(usize::from) else {
            return false;
        };
        app.with_table(|table, page| row < page && table.click(row, page)) == Some(true)
    }

    fn hinted(&self, app: &App) -> Vec<KeyAction> {
        let list = app.screens.alerts.list;
        let is_apt = |action: &KeyAction| match *action {
            acts::ACKNOWLEDGE | UNSEEN_ONLY => list == AlertsList::Active,
            acts::END_SILENCE => list == AlertsList::Silences,
            acts::PREVIEW => matches!(list, AlertsList::Active | AlertsList::Rules),
            _ => true,
        };
        self.actions().iter().copied().filter(is_apt).collect()
    }

    fn forbidden(&self, app: &App, action: KeyAction) -> Option<String> {
        acts::forbidden(app, action)
    }

    fn save(&self, app: &App, kept: &mut toml::Table) {
        app.screens.alerts.table.save_sort(kept, "alerts");
    }

    fn restore(&self, app: &mut App, kept: &toml::Table) {
        let headings = self.headings(u16::MAX);
        let table = &mut app.screens.alerts.table;
        table.restore_sort(kept, "alerts", &headings);
    }
}

pub(crate) fn alerts(app: &App) -> &[Alert] {
    let list = app.host().responses.alerts.value();
    list.map_or(&[], |list| list.items.as_slice())
}

fn notices(app: &App) -> &[AlertNotice] {
    let list = app.host().responses.alert_notices.value();
    list.map_or(&[], Vec::as_slice)
}

pub(crate) fn rules(app: &App) -> &[AlertRule] {
    let list = app.host().responses.alert_rules.value();
    list.map_or(&[], |list| list.items.as_slice())
}

pub(crate) fn silences(app: &App) -> &[AlertSilence] {
    let list = app.host().responses.alert_silences.value();
    list.map_or(&[], |list| list.items.as_slice())
}

fn text_of<R: ListRow>(rows: &[R], id: &str) -> Option<String> {
    rows.iter().find(|row| row.id() == id).map(ListRow::text)
}

/// The ids of the rows of a list that are to be seen, in order.
fn ids(app: &App, list: AlertsList, table: &TableState<String>) -> Vec<String> {
    let all = u16::MAX;
    match list {
        AlertsList::Active => {
            let state = &app.screens.alerts;
            let keeps = |alert: &Alert| {
                let fires = alert.severity.is_some() || state.waiting;
                fires && (!state.unseen_only || alert.needs_attention())
            };
            lists::ordered(alerts(app), keeps, &lists::alerts(all), table)
        }
        AlertsList::History => lists::ordered(notices(app), |_| true, &lists::notices(all), table),
        AlertsList::Rules => lists::ordered(rules(app), |_| true, &lists::rules(all), table),
        AlertsList::Silences => {
            lists::ordered(silences(app), |_| true, &lists::silences(all), table)
        }
    }
}

/// What the chosen row opens.
pub(crate) fn opened(app: &App) -> Option<Opened> {
    fn chosen<R: ListRow + Clone>(rows: &[R], id: &str) -> Option<R> {
        rows.iter().find(|row| row.id() == id).cloned()
    }
    let state = &app.screens.alerts;
    let id = state.table_of(state.list).selected.as_deref()?;
    Some(match state.list {
        AlertsList::Active => Opened::Alert(Box::new(chosen(alerts(app), id)?)),
        AlertsList::History => Opened::Notice(Box::new(chosen(notices(app), id)?)),
        AlertsList::Rules => Opened::Rule {
            rule: Box::new(chosen(rules(app), id)?),
            preview: PreviewOf::Nothing,
        },
        AlertsList::Silences => Opened::Silence(Box::new(chosen(silences(app), id)?)),
    })
}
