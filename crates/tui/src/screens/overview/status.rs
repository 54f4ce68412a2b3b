//! What has no box: what needs attention, and the line of all the rest.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::layout::Block;
use super::{host_concerns, titled, why_absent};
use crate::app::App;
use crate::widgets::parts::{Part, fitting_or_more, wrapped};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::{Family, ResourcePressure, Sensor};
use linux_api_wire::units::compact::percent;

/// Most lines of what needs attention.
const LINES: usize = 3;

/// What needs attention, as parts of lines.
fn concern_parts(app: &App) -> Vec<Part> {
    let theme = &app.settings.theme;
    let concerns = host_concerns(app).into_iter();
    let part = |concern: crate::attention::Concern| {
        let (word, style) = concern.urgency.word(theme);
        Part::new(format!("{word} "), style).and(concern.text, theme.text)
    };
    concerns.map(part).collect()
}

/// How many lines of a box of this width hold what needs attention.
pub(super) fn attention_lines(app: &App, width: u16) -> u16 {
    let theme = &app.settings.theme;
    let width = usize::from(width).saturating_sub(4);
    let lines = wrapped(concern_parts(app), width, LINES, theme).len();
    u16::try_from(lines).unwrap_or(0)
}

/// A box, or a single line where there is no room for one.
pub(super) fn draw_attention(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let parts = concern_parts(app);
    if area.height < 3 {
        let width = usize::from(area.width);
        let line = fitting_or_more(parts, width, theme);
        frame.render_widget(line, Rect { height: 1, ..area });
        return;
    }
    let title = [format!("attention {}", parts.len())];
    let inner = titled(app, Block::Attention, &title, area, frame);
    let width = usize::from(inner.width).saturating_sub(2);
    let most = usize::from(inner.height);
    for (row, line) in (0..inner.height).zip(wrapped(parts, width, most, theme)) {
        let spot = Rect::new(inner.x + 1, inner.y + row, inner.width.saturating_sub(1), 1);
        frame.render_widget(line, spot);
    }
}

/// Load, processes, pressure, the hottest sensor, logins and units.
pub(super) fn draw(app: &App, snapshot: &Snapshot, line: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let width = usize::from(line.width).saturating_sub(1);
    let text: Line<'_> = fitting_or_more(parts(app, snapshot), width, theme);
    let place = Rect {
        x: line.x + 1,
        width: line.width.saturating_sub(1),
        ..line
    };
    frame.render_widget(text, place);
}

pub(super) fn parts(app: &App, snapshot: &Snapshot) -> Vec<Part> {
    let theme = &app.settings.theme;
    let mut parts = Vec::new();
    if let Some(load) = &snapshot.load {
        let text = format!("{:.2} {:.2} {:.2}", load.one, load.five, load.fifteen);
        parts.push(Part::pair("load", text, theme.text, theme));
    }
    parts.push(pressure(app, snapshot));
    if let Some(counts) = &snapshot.processes {
        let text = format!("{}, {} running", counts.total, counts.running);
        let mut part = Part::pair("tasks", text, theme.text, theme);
        if counts.blocked > 0 {
            part = part.and(format!(", {} blocked", counts.blocked), theme.warn);
        }
        if counts.zombie > 0 {
            part = part.and(format!(", {} zombie", counts.zombie), theme.warn);
        }
        parts.push(part);
    }
    parts.extend(hottest(app, snapshot));
    if let Some(units) = &snapshot.units {
        parts.push(match units.failed {
            0 => Part::pair("units", "none failed", theme.text, theme),
            count => Part::pair("units", format!("{count} failed"), theme.bad, theme),
        });
    }
    if let Some(sessions) = &snapshot.sessions {
        let mut names: Vec<&str> = sessions.iter().map(|it| it.user.as_str()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        let text = match count {
            0 => "none".to_owned(),
            count => format!("{count} ({})", names.join(" ")),
        };
        parts.push(Part::pair("logins", text, theme.text, theme));
    }
    parts
}

fn pressure(app: &App, snapshot: &Snapshot) -> Part {
    let theme = &app.settings.theme;
    let Some(pressure) = &snapshot.pressure else {
        let reason = why_absent(snapshot, Family::Pressure);
        return Part::pair("psi", reason, theme.dim, theme);
    };
    let mut part = Part::new("psi", theme.dim);
    let resources: [(&str, &Option<ResourcePressure>); 3] = [
        ("cpu", &pressure.cpu),
        ("mem", &pressure.memory),
        ("io", &pressure.io),
    ];
    for (name, resource) in resources {
        part = part.and(format!(" {name} "), theme.dim);
        part = match resource {
            Some(resource) => {
                let lost = resource.some.avg10;
                part.and(format!("{}%", percent(lost)), theme.share(lost * 2.0))
            }
            None => part.and("-", theme.dim),
        };
    }
    part
}

/// The hottest sensor, and how many there are besides.
fn hottest(app: &App, snapshot: &Snapshot) -> Option<Part> {
    let theme = &app.settings.theme;
    let sensors = snapshot.sensors.as_deref()?;
    let known = sensors.iter().filter_map(|it| {
        let celsius = it.celsius.filter(|celsius| celsius.is_finite())?;
        Some((celsius, it))
    });
    let (celsius, sensor): (f64, &Sensor) = known.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let limit = sensor
        .high_celsius
        .or(sensor.critical_celsius)
        .unwrap_or(90.0);
    let style = theme.share(celsius / limit.max(1.0) * 85.0);
    let unit = if theme.glyphs.ascii { " C" } else { " °C" };
    let mut part = Part::pair(&sensor.name, format!("{celsius:.0}{unit}"), style, theme);
    if sensors.len() > 1 {
        part = part.and(format!(", hottest of {}", sensors.len()), theme.dim);
    }
    Some(part)
}
