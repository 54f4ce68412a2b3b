//! Disks over time, and how full the filesystems are.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::layout::Block;
use super::network::peaks;
use super::{graph, query, titled, why_absent};
use crate::app::App;
use crate::sanitize::clean;
use crate::table::fit;
use crate::trail::{Figure, Way, counts};
use crate::widgets::frame::instead;
use crate::widgets::graph::{Curve, Ink, Unit};
use crate::widgets::meter::portion;
use crate::widgets::parts::{Part, more};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::{Disk, Family, Filesystem};
use linux_api_wire::units::compact::{percent, rate, size, span};

/// Fewest lines of the graph beside the filesystems.
const GRAPH: u16 = 4;
/// Columns of the figures: percent, free, and when it is full.
const PERCENT: usize = 5;
const FREE: usize = 8;
const FULL_IN: usize = 10;
/// Widest name of a filesystem, and the narrowest one.
const NAME: usize = 28;
const NAME_LEAST: usize = 8;

/// How many lines the filesystems need, the one of headings included.
pub(super) fn filesystem_lines(snapshot: &Snapshot) -> u16 {
    let count = snapshot
        .filesystems
        .as_deref()
        .map_or(0, <[Filesystem]>::len);
    u16::try_from(count + 1).unwrap_or(u16::MAX)
}

/// In how long a filesystem is full if it goes on like this, in words.
pub(super) fn full_in(app: &App, filesystem: &Filesystem) -> Option<String> {
    let history = app.host().responses.fill.value()?;
    let left = filesystem
        .available_bytes
        .filter(|_| !filesystem.read_only)?;
    let time = query::full_in(history, &filesystem.mount_point, left)?;
    // A forecast is no better than its largest unit.
    let text = span(time);
    let first = text.split_whitespace().next().unwrap_or_default();
    Some(if first.chars().all(|it| it.is_ascii_digit()) {
        text
    } else {
        first.to_owned()
    })
}

pub(super) fn draw(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let disks = snapshot.disks.as_deref();
    let [read, written] = [Way::In, Way::Out].map(|way| app.host().readings(&Figure::Disks(way)));
    let mut title = title(disks);
    if disks.is_some() {
        let [most_read, most_written] = peaks(app, [&read, &written]).map(rate);
        title.push(format!("peak r {most_read} w {most_written}"));
    }
    let inner = titled(app, Block::Disks, &title, area, frame);
    let wanted = filesystem_lines(snapshot);
    // The graph gets what the filesystems leave; of a higher box it has its part in any case.
    let graph_lines = match inner.height.saturating_sub(wanted) {
        _ if disks.is_none() => 0,
        spare if inner.height >= GRAPH + 2 => spare.max(GRAPH),
        spare if spare >= 2 => spare,
        _ => 0,
    };
    let graph_area = Rect {
        height: graph_lines,
        ..inner
    };
    let rest = Rect {
        y: inner.y + graph_lines,
        height: inner.height - graph_lines,
        ..inner
    };
    if graph_lines > 0 {
        let mut graph = graph(app, Unit::Rate);
        graph
            .above
            .push(Curve::area(&read, Ink::Ramp(&theme.incoming)));
        graph
            .below
            .push(Curve::area(&written, Ink::Ramp(&theme.outgoing)));
        graph.draw(theme, graph_area, frame.buffer_mut());
    }
    if let Some(filesystems) = snapshot.filesystems.as_deref() {
        draw_filesystems(app, filesystems, rest, frame);
    } else {
        let reason = why_absent(snapshot, Family::Filesystems);
        let text = format!("filesystems: {reason}");
        instead(&text, theme.dim, theme, rest, frame);
    }
}

/// What the disks do now, and which is the busiest.
fn title(disks: Option<&[Disk]>) -> Vec<String> {
    let Some(disks) = disks else {
        return vec!["filesystems".to_owned()];
    };
    let counted = || disks.iter().filter(|disk| counts(disk, disks));
    let name = match counted().count() {
        1 => counted()
            .next()
            .map_or_else(String::new, |disk| disk.device.clone()),
        count => format!("{count} disks"),
    };
    let [read, written] = [
        counted()
            .map(|disk| disk.read_bytes_per_second)
            .sum::<f64>(),
        counted()
            .map(|disk| disk.written_bytes_per_second)
            .sum::<f64>(),
    ]
    .map(rate);
    let mut parts = vec![name, format!("r {read} w {written}")];
    let busy = |one: &&Disk, other: &&Disk| one.busy_percent.total_cmp(&other.busy_percent);
    if let Some(busiest) = counted().max_by(busy) {
        let used = percent(busiest.busy_percent);
        parts.push(match counted().count() {
            1 => format!("busy {used}%"),
            _ => format!("{} busy {used}%", busiest.device),
        });
    }
    parts
}

/// The filesystems, the fullest first; what has no line is counted.
fn draw_filesystems(app: &App, all: &[Filesystem], area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let lines = usize::from(area.height);
    if lines == 0 {
        return;
    }
    let all = ordered(all);
    let has_headings = lines > 1 && lines > all.len().min(2);
    let room = lines - usize::from(has_headings);
    let shown = if all.len() > room {
        room.saturating_sub(1)
    } else {
        all.len()
    };
    let width = usize::from(area.width);
    let mut rows = Vec::new();
    if has_headings {
        rows.push(headings(width, app));
    }
    rows.extend(all.iter().take(shown).map(|one| line(app, one, width)));
    if shown < all.len() {
        let rest = &all[shown..];
        let fullest = rest.iter().filter_map(|one| one.df_percent()).max();
        let fullest = fullest.map_or_else(String::new, |it| format!(", at most {it}% full"));
        rows.push(Line::styled(
            format!("{}{fullest}", more(rest.len())),
            theme.dim,
        ));
    }
    for (row, line) in (0..area.height).zip(rows) {
        frame.render_widget(line, Rect::new(area.x, area.y + row, area.width, 1));
    }
}

/// What does not respond first, then the fullest; what can only be read is full for good.
pub(super) fn ordered(all: &[Filesystem]) -> Vec<&Filesystem> {
    let mut ordered: Vec<&Filesystem> = all.iter().collect();
    ordered.sort_by(|one, other| {
        let key = |it: &Filesystem| (it.stale, it.strain().unwrap_or(-1.0));
        let (one, other) = (key(one), key(other));
        other.0.cmp(&one.0).then(other.1.total_cmp(&one.1))
    });
    ordered
}

/// The columns of a line of so many: name and bar; whether there is room for free space and for when it is
/// full.
fn columns(width: usize) -> (usize, usize, bool, bool) {
    let mut left = width.saturating_sub(PERCENT);
    let has_free = left >= NAME_LEAST + FREE;
    left -= if has_free { FREE } else { 0 };
    let has_full = has_free && left >= NAME_LEAST + FULL_IN + 6;
    left -= if has_full { FULL_IN } else { 0 };
    let name = (left / 2).clamp(NAME_LEAST.min(left), NAME);
    let bar = left.saturating_sub(name + 1);
    (
        if bar < 3 { left } else { name },
        if bar < 3 { 0 } else { bar },
        has_free,
        has_full,
    )
}

fn headings(width: usize, app: &App) -> Line<'static> {
    let theme = &app.settings.theme;
    let (name, bar, has_free, has_full) = columns(width);
    let bar = if bar > 0 { bar + 1 } else { 0 };
    let name = fit("mount", name, false, theme) + &" ".repeat(bar);
    let free = if has_free { "free" } else { "" };
    let free = format!("{free:>0$}", if has_free { FREE } else { 0 });
    let full = if has_full { "full in" } else { "" };
    let full = format!("{full:>0$}", if has_full { FULL_IN } else { 0 });
    let text = format!("{name}{:>PERCENT$}{free}{full}", "used");
    Line::styled(text, theme.dim)
}

/// A filesystem with its bar and figures.
pub(super) fn line(app: &App, one: &Filesystem, width: usize) -> Line<'static> {
    let theme = &app.settings.theme;
    let (name, bar, has_free, has_full) = columns(width);
    // What can only be read is full for good.
    let style = one.strain().map_or(theme.dim, |used| theme.share(used));
    let used = one.df_percent();
    let (text, style) = match (one.stale, used) {
        (true, _) => ("stuck".to_owned(), theme.bad),
        (_, Some(used)) => (format!("{used}%"), style),
        _ => ("-".to_owned(), theme.dim),
    };
    let mut spans = vec![Span::styled(
        shortened(&one.mount_point, name, app),
        theme.text,
    )];
    if bar > 0 {
        let [on, off] = theme.glyphs.meter;
        let full = one.fullness().map_or(0, |used| portion(used, bar));
        spans.push(Span::raw(" "));
        spans.push(Span::styled(on.repeat(full), style));
        spans.push(Span::styled(off.repeat(bar - full), theme.dim));
    }
    spans.push(Span::styled(format!("{text:>PERCENT$}"), style));
    if has_free {
        let free = one.available_bytes.map_or_else(|| "-".to_owned(), size);
        spans.push(Span::styled(format!("{free:>FREE$}"), theme.text));
    }
    if has_full {
        let full = full_in(app, one);
        let style = if full.is_some() {
            theme.warn
        } else {
            theme.dim
        };
        let full = full.unwrap_or_else(|| "-".to_owned());
        spans.push(Span::styled(format!("{full:>FULL_IN$}"), style));
    }
    Line::from(spans)
}

/// A path with its end, which says more than its beginning.
fn shortened(path: &str, width: usize, app: &App) -> String {
    use unicode_segmentation::UnicodeSegmentation;

    let theme = &app.settings.theme;
    let path = clean(path);
    if path.width() <= width {
        return fit(&path, width, false, theme);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut used = 1;
    for grapheme in path.graphemes(true).rev() {
        used += grapheme.width();
        if used > width {
            break;
        }
        kept.push(grapheme);
    }
    kept.reverse();
    let text = format!("{}{}", theme.glyphs.ellipsis, kept.concat());
    fit(&text, width, false, theme)
}

/// The disks with what they do now, for where there are no boxes.
pub(super) fn parts(app: &App, disks: &[Disk]) -> Vec<Part> {
    let theme = &app.settings.theme;
    let part = |disk: &Disk| {
        let (read, written) = (disk.read_bytes_per_second, disk.written_bytes_per_second);
        let text = format!("r {} w {} ", rate(read), rate(written));
        let busy: Style = theme.share(disk.busy_percent);
        Part::pair(&disk.device, text, theme.text, theme)
            .and(format!("busy {}%", percent(disk.busy_percent)), busy)
    };
    let counted = disks.iter().filter(|disk| counts(disk, disks));
    counted.map(part).collect()
}
