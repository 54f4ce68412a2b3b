//! Memory and swap: now and over time.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::layout::Block;
use super::{graph, titled, why_absent};
use crate::app::App;
use crate::trail::Figure;
use crate::widgets::frame::instead;
use crate::widgets::graph::{Curve, Ink, Reading, Unit};
use crate::widgets::meter::{meter, portion};
use crate::widgets::parts::{Part, fitting, fitting_or_more};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::{Family, Memory, Swap};
use linux_api_wire::units::compact::{percent, share, size};

pub(super) fn draw(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let Some(memory) = &snapshot.memory else {
        let inner = titled(app, Block::Memory, &["memory".to_owned()], area, frame);
        let reason = why_absent(snapshot, Family::Memory);
        instead(&reason, theme.dim, theme, inner, frame);
        return;
    };
    let used = share(memory.used_bytes, memory.total_bytes);
    let title = [
        format!("memory {}%{}", percent(used), theme.level_mark(used)),
        format!(
            "{} of {}",
            size(memory.used_bytes),
            size(memory.total_bytes)
        ),
    ];
    let inner = titled(app, Block::Memory, &title, area, frame);
    let mut rest = inner;
    let mut line = || {
        let line = Rect {
            height: rest.height.min(1),
            ..rest
        };
        rest.y += line.height;
        rest.height -= line.height;
        line
    };
    frame.render_widget(bar(app, memory, inner.width), line());
    if inner.height >= 3 {
        let width = usize::from(inner.width);
        // The signs of the bar where there is room for them.
        let whole = legend(app, memory, true);
        let (text, left) = fitting(whole, width);
        let text = match left {
            0 => text,
            _ => fitting_or_more(legend(app, memory, false), width, theme),
        };
        frame.render_widget(text, line());
    }
    let swap_line = line_of_swap(app, snapshot, inner.width);
    // A graph of a single line says nothing.
    if rest.height >= 3 {
        let readings = shares(app, memory.total_bytes);
        let mut graph = graph(app, Unit::Percent);
        graph.top = Some(100.0);
        graph
            .above
            .push(Curve::area(&readings, Ink::Ramp(&theme.heat)));
        let place = Rect {
            height: rest.height - 1,
            ..rest
        };
        graph.draw(theme, place, frame.buffer_mut());
        rest.y += place.height;
        rest.height = 1;
    }
    if rest.height > 0 {
        frame.render_widget(swap_line, Rect { height: 1, ..rest });
    }
}

/// Memory over time, in percent of all of it.
fn shares(app: &App, total: u64) -> Vec<Reading> {
    #[expect(clippy::cast_precision_loss, reason = "a graph needs no more digits")]
    let total = total.max(1) as f64;
    let mut readings = app.host().readings(&Figure::Memory);
    for reading in &mut readings {
        reading.mean *= 100.0 / total;
        reading.max *= 100.0 / total;
    }
    readings
}

/// All of the memory as one bar: in use, files that can be dropped, free.
fn bar(app: &App, memory: &Memory, width: u16) -> Line<'static> {
    let theme = &app.settings.theme;
    let width = usize::from(width);
    let used = share(memory.used_bytes, memory.total_bytes);
    let [full, middle, light] = theme.glyphs.shades;
    let in_use = portion(used, width);
    let unused = share(memory.free_bytes, memory.total_bytes);
    let free = portion(unused, width).min(width - in_use);
    let cached = width - in_use - free;
    Line::from(vec![
        Span::styled(full.repeat(in_use), theme.share(used)),
        Span::styled(middle.repeat(cached), theme.accent),
        Span::styled(light.repeat(free), theme.dim),
    ])
}

fn legend(app: &App, memory: &Memory, has_signs: bool) -> Vec<Part> {
    let theme = &app.settings.theme;
    let [full, middle, light] = theme.glyphs.shades;
    let used = share(memory.used_bytes, memory.total_bytes);
    let part = |sign: &str, style: Style, name: &str, bytes: u64| {
        let sign = if has_signs {
            format!("{sign} ")
        } else {
            String::new()
        };
        Part::new(sign, style)
            .and(format!("{name} "), style)
            .and(size(bytes), theme.text)
    };
    vec![
        part(full, theme.share(used), "used", memory.used_bytes),
        part(middle, theme.accent, "cache", memory.cached_bytes),
        part(light, theme.dim, "free", memory.free_bytes),
    ]
}

/// Swap space in one line.
pub(super) fn line_of_swap(app: &App, snapshot: &Snapshot, width: u16) -> Line<'static> {
    let theme = &app.settings.theme;
    match &snapshot.swap {
        Some(Swap { total_bytes: 0, .. }) => meter("swap", None, "none", width, theme),
        Some(swap) => {
            let used = share(swap.used_bytes, swap.total_bytes);
            let text = format!("{} of {}", size(swap.used_bytes), size(swap.total_bytes));
            meter("swap", Some(used), &text, width, theme)
        }
        None => {
            let reason = why_absent(snapshot, Family::Swap);
            meter("swap", None, &reason, width, theme)
        }
    }
}
