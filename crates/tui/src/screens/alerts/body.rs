//! What is drawn of the view: the titles of the lists, the list that is shown, and the line below it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::words::{labelled, matcher};
use super::{AlertsList, acts, alerts, lists, notices, opened, rules, silences};
use crate::app::App;
use crate::sanitize::clean;
use crate::screens::alert::Opened;
use crate::screens::{draw_absence, wrap};
use crate::table::fit;
use crate::widgets::frame::{centred, instead};
use crate::widgets::parts::{Part, fitting, fitting_or_more};
use linux_api_client::error::ClientError;
use linux_api_wire::units::compact::counted;

/// Most columns of what is said in place of a list.
const WIDTH: u16 = 76;

/// What the lists are called, and how many rows each has.
fn list_titles(app: &App) -> Vec<(AlertsList, String)> {
    let responses = &app.host().responses;
    let count = |list: AlertsList| match list {
        AlertsList::Active => {
            let list = responses.alerts.value()?;
            Some(list.counts.critical + list.counts.warning)
        }
        AlertsList::History => None,
        AlertsList::Rules => {
            let list = responses.alert_rules.value()?;
            u64::try_from(list.in_force).ok()
        }
        AlertsList::Silences => {
            let list = responses.alert_silences.value()?;
            u64::try_from(list.items.len()).ok()
        }
    };
    let title = |list: AlertsList| {
        let count = count(list).map_or_else(String::new, |count| format!(" {count}"));
        (list, format!(" {}{count} ", list.title()))
    };
    AlertsList::ALL.into_iter().map(title).collect()
}

/// The titles of the lists; and where there is room how many alerts there are of each kind.
pub(super) fn lists_line(app: &App, width: u16) -> Line<'static> {
    let theme = &app.settings.theme;
    let titles = list_titles(app).into_iter();
    let spans = titles.flat_map(|(list, title)| {
        let style = if list == app.screens.alerts.list {
            theme.badge
        } else {
            theme.dim
        };
        [Span::styled(title, style), Span::raw(" ")]
    });
    let mut line = Line::from(spans.collect::<Vec<_>>());
    let room = usize::from(width).saturating_sub(line.width() + 1);
    let (counts, _) = fitting(counts(app), room);
    line.push_span(Span::raw(" "));
    line.spans.extend(counts.spans);
    line
}

/// How many alerts there are.
fn counts(app: &App) -> Vec<Part> {
    let theme = &app.settings.theme;
    let Some(list) = app.host().responses.alerts.value() else {
        return Vec::new();
    };
    let counts = list.counts;
    let held = u64::try_from(list.total.saturating_sub(list.items.len())).unwrap_or(u64::MAX);
    let parts = [
        (counts.critical, "critical", theme.bad),
        (
            counts.warning,
            if counts.warning == 1 {
                "warning"
            } else {
                "warnings"
            },
            theme.warn,
        ),
        (counts.unseen, "unseen", theme.text),
        (counts.pending, "pending", theme.dim),
        (counts.unknown, "without data", theme.dim),
        (held, "more on the host", theme.warn),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let part = |(count, words, style)| Part::new(format!("{count} {words}"), style);
    parts.map(part).collect()
}

/// The list whose title is there.
pub(super) fn list_at(app: &App, x: u16) -> Option<AlertsList> {
    let mut end = 0;
    let mut titles = list_titles(app).into_iter();
    let found = titles.find(|(_, title)| {
        end += title.len() + 1;
        usize::from(x) < end
    });
    found.map(|(list, _)| list)
}

/// Draws why there is no list, unless there is one.
fn draw_missing(
    app: &App,
    is_there: bool,
    error: Option<&ClientError>,
    area: Rect,
    frame: &mut Frame<'_>,
) -> bool {
    let theme = &app.settings.theme;
    if !is_there && matches!(error, Some(ClientError::Refused { status: 404, .. })) {
        let text = "this daemon is older: it has no alerts";
        instead(text, theme.dim, theme, area, frame);
        return true;
    }
    draw_absence(app, is_there, error, area, frame)
}

/// Draws the list that is shown, or why there is none.
pub(super) fn draw_list(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let state = &app.screens.alerts;
    let responses = &app.host().responses;
    let table = state.table_of(state.list);
    let (is_there, error) = match state.list {
        AlertsList::Active => (responses.alerts.value().is_some(), responses.alerts.error()),
        AlertsList::History => {
            let cache = &responses.alert_notices;
            (cache.value().is_some(), cache.error())
        }
        AlertsList::Rules => {
            let cache = &responses.alert_rules;
            (cache.value().is_some(), cache.error())
        }
        AlertsList::Silences => {
            let cache = &responses.alert_silences;
            (cache.value().is_some(), cache.error())
        }
    };
    if draw_missing(app, is_there, error, area, frame) {
        return;
    }
    let width = area.width;
    match state.list {
        AlertsList::Active => {
            lists::draw(app, alerts(app), &lists::alerts(width), table, area, frame);
        }
        AlertsList::History => {
            lists::draw(
                app,
                notices(app),
                &lists::notices(width),
                table,
                area,
                frame,
            );
        }
        AlertsList::Rules => {
            lists::draw(app, rules(app), &lists::rules(width), table, area, frame);
        }
        AlertsList::Silences => {
            let columns = lists::silences(width);
            lists::draw(app, silences(app), &columns, table, area, frame);
        }
    }
    if !table.ids().is_empty() {
        return;
    }
    if !table.filter.is_empty() {
        instead("nothing fits the filter", theme.dim, theme, area, frame);
        return;
    }
    match state.list {
        AlertsList::Active if state.unseen_only && !alerts(app).is_empty() => {
            let text = "all alerts have been seen or silenced";
            instead(text, theme.good, theme, area, frame);
        }
        AlertsList::Active => draw_calm(app, area, frame),
        AlertsList::History => {
            instead("nothing has changed yet", theme.dim, theme, area, frame);
        }
        AlertsList::Rules => instead("no rules", theme.dim, theme, area, frame),
        AlertsList::Silences => {
            instead("nothing is silenced", theme.dim, theme, area, frame);
        }
    }
}

/// That nothing fires, and what is watched.
fn draw_calm(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let mut lines = vec![Line::styled("no alerts", theme.good)];
    if app.host().judges_nothing() {
        let text = "alerts are switched off on this daemon: nothing is judged";
        instead(text, theme.warn, theme, area, frame);
        return;
    }
    if app.host().responses.alert_rules.value().is_some() {
        let in_force = rules(app)
            .iter()
            .filter(|rule| rule.in_force && rule.enabled);
        let names: Vec<&str> = in_force.map(|rule| rule.name.as_str()).collect();
        let (text, style) = if names.is_empty() {
            let text = "no rule is in force: nothing is watched".to_owned();
            (text, theme.warn)
        } else {
            let count = counted(names.len(), "rule", "s");
            (format!("{count} watch: {}", names.join(", ")), theme.dim)
        };
        let width = usize::from(WIDTH.min(area.width.saturating_sub(4))).max(1);
        lines.push(Line::default());
        let parts = wrap(&text, width).into_iter();
        lines.extend(parts.map(|part| Line::styled(part, style)));
    }
    let height = u16::try_from(lines.len()).unwrap_or(1);
    let place = centred(area, WIDTH, height);
    for (row, line) in (0..).zip(lines) {
        let spot = Rect::new(place.x, place.y + row, place.width, 1).intersection(area);
        frame.render_widget(line.centered(), spot);
    }
}

/// What is wrong with rules, why nothing can be done, and all of the chosen row, which may find no room in it.
pub(super) fn summary(app: &App, width: u16) -> Line<'static> {
    let theme = &app.settings.theme;
    let state = &app.screens.alerts;
    let mut parts = Vec::new();
    let tagged = state.table.tags().len();
    if tagged > 0 {
        parts.push(Part::new(format!("{tagged} tagged"), theme.accent));
    }
    let problems = app.host().responses.alert_rules.value();
    let problems = problems.map_or(&[][..], |list| list.problems.as_slice());
    if !problems.is_empty() {
        let text = format!("rules: {}", counted(problems.len(), "mistake", "s"));
        parts.push(Part::new(text, theme.bad));
    }
    let channels = app.host().responses.alert_channels.value();
    match channels {
        Some(channels) if !channels.enabled => {
            parts.push(Part::new("nothing is judged here", theme.warn));
        }
        Some(channels) if channels.items.is_empty() => {
            parts.push(Part::new("no channel: shown only", theme.dim));
        }
        _ => {}
    }
    if let Some(reason) = acts::forbidden(app, acts::ACKNOWLEDGE) {
        parts.push(Part::new(format!("acts: {reason}"), theme.dim));
    }
    let width = usize::from(width);
    let mut line = fitting_or_more(parts, width, theme);
    let text = match opened(app) {
        Some(Opened::Alert(alert)) => labelled(&alert.labels, &alert.text),
        Some(Opened::Notice(notice)) => labelled(&notice.labels, &notice.text),
        Some(Opened::Rule { rule, .. }) if state.list == AlertsList::Rules => {
            let first = problems.iter().find(|text| {
                let path = rule.path.as_deref();
                path.is_some_and(|path| text.starts_with(path))
            });
            let description = rule.definition.description.as_ref();
            first.or(description).cloned().unwrap_or_default()
        }
        Some(Opened::Silence(silence)) => {
            format!("{}: {}", matcher(&silence), silence.comment)
        }
        _ => String::new(),
    };
    let gap = if line.width() > 0 { 2 } else { 0 };
    let room = width.saturating_sub(line.width() + gap);
    let text = clean(&text);
    if !text.is_empty() && room > 0 {
        line.push_span(Span::raw(" ".repeat(gap)));
        let text = fit(&text, text.width().min(room), false, theme);
        line.push_span(Span::styled(text, theme.text));
    }
    line
}
