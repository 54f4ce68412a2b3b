//! The host in a few lines, where there is no room for boxes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{disks, host_concerns, memory, network, status, why_absent};
use crate::app::App;
use crate::widgets::meter::meter;
use crate::widgets::parts::{Part, more, wrapped};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::{Family, Filesystem};
use linux_api_wire::units::compact::{percent, share, size};

/// Fewest lines that the processes keep.
const PROCESSES: u16 = 5;
/// Fewest lines of meters and filesystems.
const LEAST: u16 = 3;
/// Most lines of text below the meters.
const TEXT: usize = 4;

/// How many lines it needs, of those that there are.
pub(super) fn height(app: &App, snapshot: &Snapshot, area: Rect) -> u16 {
    let filesystems = snapshot
        .filesystems
        .as_deref()
        .map_or(1, <[Filesystem]>::len);
    let meters = u16::try_from(filesystems)
        .unwrap_or(u16::MAX)
        .clamp(LEAST, 6);
    let text = wrapped(
        parts(app, snapshot),
        usize::from(area.width),
        TEXT,
        &app.settings.theme,
    );
    let text = u16::try_from(text.len()).unwrap_or(0);
    meters
        .saturating_add(text)
        .min(area.height.saturating_sub(PROCESSES))
}

pub(super) fn draw(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let most = usize::from(area.height.saturating_sub(LEAST)).min(TEXT);
    let text = wrapped(parts(app, snapshot), usize::from(area.width), most, theme);
    let lines = u16::try_from(text.len()).unwrap_or(0);
    let upper = area.height - lines.min(area.height);
    let left = area.width / 2;
    let meters = meters(app, snapshot, left.saturating_sub(2));
    let width = usize::from(area.width - left);
    let filesystems = filesystem_lines(app, snapshot, usize::from(upper), width);
    let mut put = |x: u16, y: u16, width: u16, line: Line<'_>| {
        let spot = Rect::new(x, y, width, 1).intersection(area);
        frame.render_widget(line, spot);
    };
    for (row, line) in (0..upper).zip(meters) {
        put(area.x, area.y + row, left - 2, line);
    }
    for (row, line) in (0..upper).zip(filesystems) {
        put(area.x + left, area.y + row, area.width - left, line);
    }
    for (row, line) in (upper..area.height).zip(text) {
        put(area.x, area.y + row, area.width, line);
    }
}

fn meters(app: &App, snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let cpu = match &snapshot.cpu {
        Some(cpu) => {
            let text = format!("{}% of {}", percent(cpu.usage_percent), cpu.per_core.len());
            meter("cpu", Some(cpu.usage_percent), &text, width, theme)
        }
        None => meter(
            "cpu",
            None,
            &why_absent(snapshot, Family::Cpu),
            width,
            theme,
        ),
    };
    let memory = match &snapshot.memory {
        Some(memory) => {
            let used = share(memory.used_bytes, memory.total_bytes);
            let text = format!(
                "{} of {}",
                size(memory.used_bytes),
                size(memory.total_bytes)
            );
            meter("mem", Some(used), &text, width, theme)
        }
        None => meter(
            "mem",
            None,
            &why_absent(snapshot, Family::Memory),
            width,
            theme,
        ),
    };
    vec![cpu, memory, memory::line_of_swap(app, snapshot, width)]
}

fn filesystem_lines(
    app: &App,
    snapshot: &Snapshot,
    room: usize,
    width: usize,
) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let Some(all) = snapshot.filesystems.as_deref() else {
        let reason = why_absent(snapshot, Family::Filesystems);
        return vec![Line::styled(format!("filesystems: {reason}"), theme.dim)];
    };
    let all = disks::ordered(all);
    let shown = if all.len() > room {
        room.saturating_sub(1)
    } else {
        all.len()
    };
    let mut lines: Vec<Line<'_>> = all
        .iter()
        .take(shown)
        .map(|it| disks::line(app, it, width))
        .collect();
    if shown < all.len() {
        lines.push(Line::styled(more(all.len() - shown), theme.dim));
    }
    lines
}

/// What needs attention, what disks and interfaces do, and the rest.
fn parts(app: &App, snapshot: &Snapshot) -> Vec<Part> {
    let theme = &app.settings.theme;
    let mut parts: Vec<Part> = host_concerns(app)
        .into_iter()
        .map(|concern| {
            let (_, style) = concern.urgency.word(theme);
            Part::new(concern.text, style)
        })
        .collect();
    parts.extend(status::parts(app, snapshot));
    parts.extend(disks::parts(
        app,
        snapshot.disks.as_deref().unwrap_or_default(),
    ));
    parts.extend(network::parts(
        app,
        snapshot.networks.as_deref().unwrap_or_default(),
    ));
    parts
}
