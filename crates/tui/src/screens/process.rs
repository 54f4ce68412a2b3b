//! One process with all that can be read of it.

pub(crate) mod query;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::draw_absence;
use super::processes::{ProcessId, acts};
use crate::app::App;
use crate::keymap::KeyAction;
use crate::query::ProcessDetailQuery;
use crate::sanitize::{clean, cut};
use crate::screen::Screen;
use crate::table::Move;
use crate::widgets::frame::{boxed, instead};
use linux_api_wire::api::processes::{Process, ProcessDetail};
use linux_api_wire::units::{
    compact::{percent, rate, size},
    cpu_time,
};

/// How many characters of the command are shown before everything else.
const BRIEF: usize = 130;

/// Most lines of a process, limits included.
const LINES: u16 = 60;

/// The process that is looked at closely.
#[derive(Debug, Clone, Default)]
pub struct ProcessState {
    /// Which; none while the page is closed.
    pub opened: Option<ProcessId>,
    /// How many lines are above the first one seen.
    scrolled: u16,
}

impl ProcessState {
    /// Opens the page for a process, or closes it.
    pub(crate) fn open(&mut self, process: Option<ProcessId>) {
        self.opened = process;
        self.scrolled = 0;
    }
}

pub(crate) struct ProcessScreen;

impl Screen for ProcessScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[acts::SIGNAL, acts::NICE_LOWER, acts::NICE_HIGHER]
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        let opened = opened(app).map(acts::reference);
        acts::act(app, action, opened.into_iter().collect());
    }

    fn forbidden(&self, app: &App, action: KeyAction) -> Option<String> {
        acts::forbidden(app, action)
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let host = app.host();
        let state = &app.screens.process;
        let Some(opened) = &state.opened else {
            return;
        };
        let query = ProcessDetailQuery(opened.pid);
        let has_ended = host.has_ended(opened.pid);
        let ended = if has_ended { ", ended" } else { "" };
        let title = format!("process {} on {}{ended}", opened.pid, host.name);
        let inner = boxed(&title, theme, area, frame);
        let Some(detail) = host.responses.process.of(&query) else {
            if has_ended {
                instead("the process has ended", theme.warn, theme, inner, frame);
            } else {
                let error = host.responses.process.error_of(&query);
                draw_absence(app, false, error, inner, frame);
            }
            return;
        };
        if *opened != &detail.process {
            let text = "the process has ended; another one has its number now";
            instead(text, theme.warn, theme, inner, frame);
            return;
        }
        let lines = lines(app, detail, usize::from(inner.width));
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let scroll = state.scrolled.min(most.saturating_sub(inner.height));
        frame.render_widget(Paragraph::new(lines).scroll((scroll, 0)), inner);
        if has_ended || app.freshness().is_old() {
            frame.buffer_mut().set_style(inner, theme.dim);
        }
    }

    fn back(&self, app: &mut App) {
        app.screens.process.open(None);
    }

    fn copied(&self, app: &App) -> Option<String> {
        let process = opened(app)?;
        let is_empty = process.command.is_empty();
        let text = if is_empty {
            &process.name
        } else {
            &process.command
        };
        Some(text.clone())
    }

    fn crumb(&self, app: &App) -> Option<String> {
        let opened = app.screens.process.opened.as_ref()?;
        Some(opened.pid.to_string())
    }

    fn go(&self, app: &mut App, by: Move) {
        let scrolled = &mut app.screens.process.scrolled;
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
        app.screens.process.open(None);
    }
}

/// The process that is shown, unless it has ended.
fn opened(app: &App) -> Option<&Process> {
    let opened = app.screens.process.opened.as_ref()?;
    let host = app.host();
    let detail = host.responses.process.of(&ProcessDetailQuery(opened.pid))?;
    let is_it = *opened == &detail.process && !host.has_ended(opened.pid);
    is_it.then_some(&detail.process)
}

/// A text in lines of at most this width.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let own = grapheme.width();
        if used + own > width {
            lines.push(String::new());
            used = 0;
        }
        used += own;
        if let Some(line) = lines.last_mut() {
            line.push_str(grapheme);
        }
    }
    lines
}

fn lines(app: &App, detail: &ProcessDetail, width: usize) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let process = &detail.process;
    let mut lines = Vec::new();
    let mut line = |name: &str, value: Option<String>| {
        let reason = process.unavailable.get(name).map(|it| it.replace('_', " "));
        let (text, style) = match value {
            Some(value) => (clean(&value), theme.text),
            None => (clean(&reason.unwrap_or_else(|| "-".to_owned())), theme.dim),
        };
        let name = name.replace('_', " ").replace("bytes per second", "rate");
        // Long values go on below themselves.
        let mut title = format!("{name:<14} ");
        for part in wrapped(&text, width.saturating_sub(title.width()).max(1)) {
            lines.push(Line::from(vec![
                Span::styled(title, theme.title),
                Span::styled(part, style),
            ]));
            title = " ".repeat(15);
        }
    };
    line("name", Some(process.name.clone()));
    let is_long = cut(&process.command).width() > BRIEF;
    let brief: String = process.command.chars().take(BRIEF).collect();
    let rest = if is_long { theme.glyphs.ellipsis } else { "" };
    line("command", Some(brief + rest));
    let user = process
        .user
        .clone()
        .or_else(|| process.uid.map(|it| it.to_string()));
    line("user", user);
    line("state", Some(process.state.clone()));
    line("parent", Some(process.ppid.to_string()));
    line("started", Some(process.start_time.clone()));
    line(
        "cpu_percent",
        process
            .cpu_percent
            .map(|it| format!("{}% of one core", percent(it))),
    );
    line("cpu_time", Some(cpu_time(process.cpu_seconds)));
    let memory = size(process.memory_bytes);
    let memory = match process.memory_percent {
        Some(share) => format!(
            "{memory} ({}%), shared {}, virtual {}",
            percent(share),
            process
                .shared_bytes
                .map_or_else(|| "unknown".to_owned(), size),
            size(process.virtual_bytes)
        ),
        None => memory,
    };
    line("memory", Some(memory));
    line("threads", Some(process.threads.to_string()));
    line("priority", process.priority.map(|it| it.to_string()));
    line("nice", Some(process.nice.to_string()));
    line("terminal", process.tty.clone());
    line(
        "read_bytes_per_second",
        process.read_bytes_per_second.map(rate),
    );
    line(
        "written_bytes_per_second",
        process.written_bytes_per_second.map(rate),
    );
    line("open_files", detail.open_files.map(|it| it.to_string()));
    line("unit", process.unit.clone());
    line("container", process.container.clone());
    line("cgroup", process.cgroup.clone());
    if is_long {
        line("whole command", Some(process.command.clone()));
    }
    for limit in detail.limits.as_deref().unwrap_or_default() {
        let value = |it: Option<u64>| it.map_or_else(|| "none".to_owned(), |it| it.to_string());
        let unit = limit.unit.clone().unwrap_or_default();
        let text = format!(
            "{} (at most {}) {unit}",
            value(limit.soft),
            value(limit.hard)
        );
        line(&limit.name, Some(text));
    }
    lines
}
