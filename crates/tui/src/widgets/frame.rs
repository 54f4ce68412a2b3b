//! What surrounds every screen: header, tabs, the line at the bottom, boxes.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Clear, Paragraph};
use unicode_width::UnicodeWidthStr;

use crate::app::App;
use crate::freshness::Freshness;
use crate::host::HostState;
use crate::keymap::KeyAction;
use crate::keymap::action::{HELP, QUIT};
use crate::sanitize::clean;
use crate::screen::View;
use crate::screens::wrap;
use crate::table::fit;
use crate::theme::Theme;
use linux_api_wire::units::compact::{counted, span};

/// Most lines of a note.
const NOTE_LINES: u16 = 4;

/// What the tabs say: whole titles where all of them find room, else short ones, else these without space, else
/// their first letters.
fn tab_labels(width: u16) -> Vec<String> {
    let labels = |label: fn(&str, View) -> String| -> Vec<String> {
        let views = View::ALL.iter();
        views.map(|view| label(view.action().keys, *view)).collect()
    };
    let fits = |labels: &Vec<String>| {
        let used: usize = labels.iter().map(|label| label.width()).sum();
        used < usize::from(width)
    };
    let whole = labels(|key, view| format!(" {key} {} ", view.title()));
    let short = labels(|key, view| format!(" {key} {} ", view.short_title()));
    let dense = labels(|key, view| format!("{key}{} ", view.short_title()));
    [whole, short, dense]
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| labels(|key, view| format!("{key}{:.3} ", view.short_title())))
}

/// The view whose tab is there.
pub(crate) fn tab_at(width: u16, column: u16) -> Option<View> {
    let mut end = 0;
    let mut tabs = View::ALL.iter().zip(tab_labels(width));
    let found = tabs.find(|(_, label)| {
        end += label.width();
        usize::from(column) < end
    });
    found.map(|(view, _)| *view)
}

/// The line of tabs.
pub(crate) fn draw_tabs(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let tabs = View::ALL.iter().zip(tab_labels(area.width));
    let spans = tabs.map(|(view, label)| {
        let is_shown = *view == app.view;
        Span::styled(label, if is_shown { theme.badge } else { theme.dim })
    });
    frame.render_widget(spans.collect::<Line<'_>>(), area);
}

/// The line at the top: where we are, how the connection is, and what the host says of itself.
pub(crate) fn draw_header(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let width = usize::from(area.width);
    let (line, style) = if app.view == View::Fleet {
        (fleet_header(app, width), theme.header)
    } else {
        let freshness = app.freshness();
        let style = match freshness {
            Freshness::Failed { .. } => theme.bad,
            _ => theme.header,
        };
        let line = host_header(app, app.host(), &freshness, style, width);
        (line, style)
    };
    frame.render_widget(line.style(style), area);
}

fn fleet_header(app: &App, width: usize) -> Line<'static> {
    let theme = &app.settings.theme;
    let states: Vec<(&HostState, Freshness<'_>)> = app
        .hosts
        .iter()
        .map(|host| (host, app.freshness_of(host)))
        .collect();
    let count = |is: fn(&Freshness<'_>) -> bool| states.iter().filter(|(_, it)| is(it)).count();
    let failed = count(|it| matches!(it, Freshness::Failed { .. }));
    let waiting = count(|it| matches!(it, Freshness::Connecting(_)));
    let late = count(|it| matches!(it, Freshness::Late(_)));
    let [dot, wait, gone] = theme.glyphs.dots;
    let up = states.len() - failed - waiting - late;
    let mut spans = vec![
        Span::styled(
            format!("{}  ", counted(app.hosts.len(), "remote", "s")),
            theme.header,
        ),
        Span::styled(format!("{dot} {up} up  "), theme.good),
    ];
    if waiting > 0 {
        let text = format!("{wait} {waiting} connecting  ");
        spans.push(Span::styled(text, theme.warn));
    }
    if late > 0 {
        spans.push(Span::styled(format!("{wait} {late} late  "), theme.warn));
    }
    let first = states.iter().find_map(|(host, state)| match state {
        Freshness::Failed { error, .. } => Some((host, error)),
        _ => None,
    });
    if let Some((host, error)) = first {
        let text = format!("{gone} {failed} down");
        let used: usize = spans.iter().map(Span::width).sum::<usize>() + text.width();
        let reason = format!(": {} {}", clean(&host.name), clean(&error.in_short()));
        let room = width.saturating_sub(used).min(reason.width());
        spans.push(Span::styled(text, theme.bad));
        spans.push(Span::styled(fit(&reason, room, false, theme), theme.bad));
    }
    Line::from(spans)
}

/// What finds no room whole is left out, but for the state of the host, which comes first.
fn host_header(
    app: &App,
    host: &HostState,
    freshness: &Freshness<'_>,
    header: Style,
    width: usize,
) -> Line<'static> {
    let theme = &app.settings.theme;
    let crumbs = crumbs(app, host);
    let (text, style) = state_text(app, freshness);
    let room = width.saturating_sub(crumbs.width() + 2).min(text.width());
    let mut spans = vec![
        Span::styled(crumbs, header),
        Span::raw("  "),
        Span::styled(fit(&text, room, false, theme), style),
    ];
    let mut used: usize = spans.iter().map(Span::width).sum();
    for text in about(app, host) {
        let text = format!("  {}", clean(&text));
        used += text.width();
        if used > width {
            break;
        }
        spans.push(Span::styled(text, theme.dim));
    }
    Line::from(spans)
}

/// What a host says of itself, the most useful first.
fn about(app: &App, host: &HostState) -> Vec<String> {
    let mut texts: Vec<String> = host.session.iter().cloned().collect();
    if let Some(me) = host.responses.me.value() {
        texts.push(format!("{} ({})", me.user.username, me.user_perm.role));
    }
    if let Some(snapshot) = host.responses.snapshot.value() {
        let up = snapshot.uptime_seconds.map(Duration::from_secs);
        texts.extend(up.map(|up| format!("up {}", span(up))));
        texts.push(app.clocks_of(host).join("  "));
    }
    if let Some(info) = host.responses.info.value() {
        texts.push(format!("{} {}", info.system, info.release));
        texts.push(info.machine.clone());
    }
    texts
}

fn crumbs(app: &App, host: &HostState) -> String {
    let step = app.settings.theme.glyphs.step;
    let mut parts = Vec::new();
    if app.hosts.len() > 1 {
        parts.push("fleet".to_owned());
    }
    parts.push(clean(&host.name));
    parts.extend(app.view.screen().crumb(app));
    if app.place() != app.view {
        parts.extend(app.place().screen().crumb(app));
    }
    parts.join(step)
}

/// How new what is shown is, in words.
#[must_use]
pub(crate) fn state_text(app: &App, freshness: &Freshness<'_>) -> (String, Style) {
    let theme = &app.settings.theme;
    let [up, waiting, down] = theme.glyphs.dots;
    match freshness {
        Freshness::Connecting(since) => {
            let seconds = since.as_secs();
            (format!("{waiting} connecting {seconds} s"), theme.warn)
        }
        Freshness::Fresh(latency) => (format!("{up} {} ms", latency.as_millis()), theme.good),
        Freshness::Frozen => (format!("{waiting} frozen"), theme.accent),
        Freshness::Late(age) => (format!("{waiting} {} old", span(*age)), theme.warn),
        Freshness::Failed {
            error, retry_in, ..
        } => {
            let reason = clean(&error.in_short());
            let text = match retry_in {
                Some(wait) => format!("{down} {reason}, retry in {} s", wait.as_secs()),
                None => format!("{down} {reason}"),
            };
            (text, theme.bad)
        }
    }
}

/// The line at the bottom: badges, then a note or hints for this view.
pub(crate) fn draw_footer(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let mut spans = badges(app);
    if let Some(note) = &app.note {
        let style = if note.bad { theme.bad } else { theme.accent };
        let used: usize = spans.iter().map(Span::width).sum();
        let text = clean(&note.text);
        if used + text.width() > usize::from(area.width) {
            draw_long_note(&text, style, area, frame);
            spans.extend(hints(app, usize::from(area.width).saturating_sub(used)));
        } else {
            spans.push(Span::styled(text, style));
        }
    } else {
        let used: usize = spans.iter().map(Span::width).sum();
        spans.extend(hints(app, usize::from(area.width).saturating_sub(used)));
    }
    frame.render_widget(Line::from(spans), area);
}

/// A note that finds no room in one line is shown whole, over the last lines of the view: the badges stay.
fn draw_long_note(text: &str, style: Style, area: Rect, frame: &mut Frame<'_>) {
    let mut lines = wrap(text, usize::from(area.width));
    lines.truncate(usize::from(NOTE_LINES));
    let height = u16::try_from(lines.len()).unwrap_or(1);
    let place = Rect {
        y: area.y.saturating_sub(height),
        height,
        ..area
    };
    let lines: Vec<Line<'static>> = lines.into_iter().map(Line::raw).collect();
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).style(style), place);
}

fn badges(app: &App) -> Vec<Span<'static>> {
    let theme = &app.settings.theme;
    let mut texts = Vec::new();
    if let Some(since) = app.frozen {
        let clock = since.wall.to_string();
        let clock = clock.get(11..19).unwrap_or_default();
        texts.push(format!(" FROZEN since {clock} "));
    }
    if app.settings.read_only {
        texts.push(" READ-ONLY ".to_owned());
    }
    if app.view != View::Fleet
        && let Some(age) = app.freshness().old_for()
    {
        texts.push(format!(" STALE {} ", span(age)));
    }
    let filter = app.place().screen().passed_filter(app);
    if !filter.trim().is_empty() {
        let filter = clean(&filter);
        let most = usize::from(app.size.0 / 2).min(filter.width());
        texts.push(format!(" filter: {} ", fit(&filter, most, false, theme)));
    }
    let more = clean(&app.place().screen().badge(app));
    if !more.is_empty() {
        texts.push(format!(" {more} "));
    }
    let spans = texts.into_iter().flat_map(|text| {
        let badge = Span::styled(text, theme.badge);
        [badge, Span::raw(" ")]
    });
    spans.collect()
}

/// As many hints as fit whole, the one for quitting among them.
fn hints(app: &App, room: usize) -> Vec<Span<'static>> {
    let theme = &app.settings.theme;
    let place = app.place();
    let everywhere = KeyAction::everywhere().filter(|action| *action != HELP);
    let actions = [HELP].into_iter().chain(place.screen().hinted(app));
    let actions = actions.chain(everywhere).filter(|it| !it.hint.is_empty());
    let mut hints: Vec<(String, &str, bool)> = actions
        .filter_map(|action| {
            let key = app
                .settings
                .keymap
                .keys_at(place, action)
                .into_iter()
                .next()?;
            // Pages that lie over a view are left by it.
            let leaves = action == QUIT && place != app.view;
            let hint = if leaves { "back" } else { action.hint };
            let is_forbidden = place.screen().forbidden(app, action).is_some();
            Some((key, hint, is_forbidden))
        })
        .collect();
    let width = |(key, hint, _): &(String, &str, bool)| key.width() + hint.width() + 3;
    let last = hints.pop();
    let mut room = room.saturating_sub(last.as_ref().map_or(0, width));
    hints.retain(|hint| {
        let fits = width(hint) <= room;
        room -= if fits { width(hint) } else { 0 };
        fits
    });
    let all = hints.into_iter().chain(last);
    all.flat_map(|(key, hint, is_forbidden)| {
        [
            Span::styled(key, if is_forbidden { theme.dim } else { theme.key }),
            Span::styled(format!(" {hint}  "), theme.dim),
        ]
    })
    .collect()
}

/// A box with a title; returns the area inside.
pub(crate) fn boxed(title: &str, theme: &Theme, area: Rect, frame: &mut Frame<'_>) -> Rect {
    boxed_in(title, theme.border, theme, area, frame)
}

/// A box with a title and a frame that looks like this; returns the area inside.
pub(crate) fn boxed_in(
    title: &str,
    border: Style,
    theme: &Theme,
    area: Rect,
    frame: &mut Frame<'_>,
) -> Rect {
    let mut block = Block::new()
        .borders(Borders::ALL)
        .border_style(border)
        .title(Span::styled(format!(" {} ", clean(title)), theme.title));
    if theme.glyphs.ascii {
        block = block.border_set(ratatui::symbols::border::Set {
            top_left: "+",
            top_right: "+",
            bottom_left: "+",
            bottom_right: "+",
            vertical_left: "|",
            vertical_right: "|",
            horizontal_top: "-",
            horizontal_bottom: "-",
        });
    } else {
        block = block.border_type(BorderType::Plain);
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// A box in the middle with lines of text.
pub(crate) fn message_box(
    title: &str,
    lines: Vec<Line<'static>>,
    theme: &Theme,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let widest = lines.iter().map(Line::width).max().unwrap_or(0);
    let width = u16::try_from(widest.max(title.width() + 4) + 4).unwrap_or(u16::MAX);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let place = centred(area, width, height);
    frame.render_widget(Clear, place);
    let inner = boxed(title, theme, place, frame);
    let inner = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(1),
        ..inner
    };
    frame.render_widget(Paragraph::new(lines), inner);
}

/// A place of this size in the middle, or as much of it as there is.
#[must_use]
pub(crate) fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(area.width);
    let height = height.min(area.height);
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}

/// One line in the middle of a place: why there is nothing to see.
pub(crate) fn instead(text: &str, style: Style, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    if area.is_empty() {
        return;
    }
    let text = clean(text);
    let width = text.width().min(usize::from(area.width));
    let place = centred(area, u16::try_from(width).unwrap_or(area.width), 1);
    let line = Line::styled(fit(&text, width, false, theme), style);
    frame.render_widget(line, place);
}
