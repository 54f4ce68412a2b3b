//! One unit with what systemd knows of it, and its last log lines.

pub(crate) mod query;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::units::{acts, state_style};
use super::{draw_absence, wrap};
use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::LEFT;
use crate::query::UnitDetailQuery;
use crate::sanitize::clean;
use crate::screen::Screen;
use crate::table::Move;
use crate::widgets::frame::boxed;
use linux_api_wire::api::units::UnitDetail;
use linux_api_wire::units::{compact::size, cpu_time, percent, time};

/// Most lines of a unit, its log included.
const LINES: u16 = 200;
/// So many of the last lines of the log are there at least, wherever they have to be scrolled to.
const LOG_LINES: usize = 10;

/// The unit that is looked at closely.
#[derive(Debug, Clone, Default)]
pub struct UnitState {
    /// Its name; none while the page is closed.
    pub opened: Option<String>,
    /// How many lines are above the first one seen.
    scrolled: u16,
}

impl UnitState {
    /// Opens the page for a unit, or closes it.
    pub(crate) fn open(&mut self, unit: Option<String>) {
        self.opened = unit;
        self.scrolled = 0;
    }
}

pub(crate) struct UnitScreen;

impl Screen for UnitScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[
            acts::RESTART_UNIT,
            acts::UNIT_LOG,
            acts::START_UNIT,
            acts::STOP_UNIT,
            acts::RELOAD_UNIT,
            acts::RESET_UNIT,
            acts::ENABLE_UNIT,
            acts::DISABLE_UNIT,
        ]
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let host = app.host();
        let state = &app.screens.unit;
        let Some(opened) = &state.opened else {
            return;
        };
        let inner = boxed(&format!("{opened} on {}", host.name), theme, area, frame);
        let query = UnitDetailQuery(opened.clone());
        let Some(unit) = host.responses.unit.of(&query) else {
            let error = host.responses.unit.error_of(&query);
            draw_absence(app, false, error, inner, frame);
            return;
        };
        let lines = lines(
            app,
            unit,
            usize::from(inner.width),
            usize::from(inner.height),
        );
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let scroll = state.scrolled.min(most.saturating_sub(inner.height));
        frame.render_widget(Paragraph::new(lines).scroll((scroll, 0)), inner);
        if app.freshness().is_old() {
            frame.buffer_mut().set_style(inner, theme.dim);
        }
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        if action == LEFT {
            self.back(app);
            return;
        }
        let opened = app.screens.unit.opened.clone();
        acts::act(app, action, opened.into_iter().collect());
    }

    fn forbidden(&self, app: &App, action: KeyAction) -> Option<String> {
        acts::forbidden(app, action)
    }

    fn back(&self, app: &mut App) {
        app.screens.unit.open(None);
    }

    fn copied(&self, app: &App) -> Option<String> {
        app.screens.unit.opened.clone()
    }

    fn crumb(&self, app: &App) -> Option<String> {
        app.screens.unit.opened.clone()
    }

    fn go(&self, app: &mut App, by: Move) {
        let scrolled = &mut app.screens.unit.scrolled;
        *scrolled = match by {
            Move::Top => 0,
            Move::Bottom => LINES,
            Move::By(by) => usize::from(*scrolled)
                .saturating_add_signed(by)
                .try_into()
                .unwrap_or(LINES)
                .min(LINES),
        };
    }

    fn leave_host(&self, app: &mut App, _was_shown: bool) {
        app.screens.unit.open(None);
    }
}

/// What is known of it, and below that as many of the newest lines of its log as fit.
fn lines(app: &App, unit: &UnitDetail, width: usize, height: usize) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let mut lines = vec![Line::from(vec![
        Span::styled(format!("{:<14} ", "state"), theme.title),
        Span::styled(
            clean(&format!("{} ({})", unit.active, unit.sub)),
            state_style(Some(&unit.active), theme),
        ),
        Span::styled(
            unit.state_since
                .as_deref()
                .map_or_else(String::new, |since| {
                    clean(&format!(" since {} UTC", time(since)))
                }),
            theme.text,
        ),
    ])];
    let mut line = |name: &str, value: Option<String>| {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return;
        };
        let mut title = format!("{name:<14} ");
        for part in wrap(&value, width.saturating_sub(title.len()).max(1)) {
            lines.push(Line::from(vec![
                Span::styled(title, theme.title),
                Span::styled(part, theme.text),
            ]));
            title = " ".repeat(15);
        }
    };
    line("description", Some(unit.description.clone()));
    let aliases = unit.aliases.iter().filter(|alias| **alias != unit.name);
    let aliases: Vec<&str> = aliases.map(String::as_str).collect();
    line("aliases", Some(aliases.join(" ")));
    line(
        "load",
        Some(unit.load.clone()).filter(|load| load != "loaded"),
    );
    line("enabled", unit.enabled.clone());
    line("file", unit.fragment_path.clone());
    line("result", unit.result.clone().filter(|it| it != "success"));
    line("main pid", unit.main_pid.map(|it| it.to_string()));
    line(
        "exit code",
        unit.exit_code
            .filter(|it| *it != 0)
            .map(|it| it.to_string()),
    );
    line("exit signal", unit.exit_signal.map(|it| it.to_string()));
    line(
        "restarts",
        unit.restarts.filter(|it| *it > 0).map(|it| it.to_string()),
    );
    line("status", unit.status_text.clone());
    line(
        "memory",
        used(unit.memory_bytes.map(size), unit.memory_max_bytes.map(size)),
    );
    line("memory high", unit.memory_high_bytes.map(size));
    line("cpu time", unit.cpu_seconds.map(cpu_time));
    line("cpu quota", unit.cpu_quota_percent.map(percent));
    line("io weight", unit.io_weight.map(|it| it.to_string()));
    let number = |it: u64| it.to_string();
    line(
        "tasks",
        used(unit.tasks.map(number), unit.tasks_max.map(number)),
    );
    line("starts", Some(unit.triggers.join(" ")));
    line("started by", Some(unit.triggered_by.join(" ")));
    let moment = |it: &Option<String>| it.as_deref().map(|it| format!("{} UTC", time(it)));
    line("last run", moment(&unit.last_trigger));
    line("next run", moment(&unit.next_trigger));
    lines.push(Line::default());
    let Some(log) = &unit.log else {
        lines.push(Line::styled(
            "its log: needs the scope logs:read",
            theme.dim,
        ));
        return lines;
    };
    let mut newest = Vec::new();
    for entry in log {
        let style = super::logs::style(entry.priority, theme);
        let clock = time(&entry.time);
        let clock = clock.get(11..19).unwrap_or_default().to_owned();
        let mut title = format!("{clock:<8} ");
        for part in wrap(&entry.message, width.saturating_sub(9).max(1)) {
            newest.push(Line::from(vec![
                Span::styled(title, theme.dim),
                Span::styled(part, style),
            ]));
            title = " ".repeat(9);
        }
    }
    let room = height.saturating_sub(lines.len()).max(LOG_LINES);
    lines.extend(newest.split_off(newest.len().saturating_sub(room)));
    lines
}

/// How much is used, and of how much where there is a limit.
fn used(used: Option<String>, most: Option<String>) -> Option<String> {
    match (used, most) {
        (Some(used), Some(most)) => Some(format!("{used} of {most}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (used, None) => used,
    }
}
