//! The fleet in one line: how many hosts there are, how they are, and what they use together.

use ratatui::text::{Line, Span};

use super::rows::FleetRow;
use crate::theme::Theme;
use linux_api_wire::units::compact::{bytes, counted, percent, rate};

/// The line; what finds no room whole is left out.
pub(super) fn line(
    rows: &[FleetRow<'_>],
    shown: usize,
    note: &str,
    theme: &Theme,
    width: u16,
) -> Line<'static> {
    let [up, waiting, gone] = theme.glyphs.dots;
    let down = rows.iter().filter(|row| row.is_down()).count();
    let unknown = rows.iter().filter(|row| row.is_unknown()).count();
    let late = rows.iter().filter(|row| row.is_late()).count() - unknown;
    let of = if shown == rows.len() {
        counted(shown, "host", "s")
    } else {
        format!("{shown} of {} hosts", rows.len())
    };
    let mut parts = vec![(format!("{of}{note}"), theme.text)];
    parts.push((
        format!("{up} {} up", rows.len() - down - late - unknown),
        theme.good,
    ));
    if late > 0 {
        parts.push((format!("{waiting} {late} late"), theme.warn));
    }
    if unknown > 0 {
        parts.push((format!("{waiting} {unknown} not known"), theme.warn));
    }
    if down > 0 {
        parts.push((format!("{gone} {down} down"), theme.bad));
    }
    // What is old is no part of what is used now.
    let current: Vec<&FleetRow<'_>> = rows.iter().filter(|row| !row.is_old()).collect();
    let failed: u64 = current.iter().filter_map(|row| row.figures.failed).sum();
    if failed > 0 {
        let failed = usize::try_from(failed).unwrap_or(usize::MAX);
        parts.push((counted(failed, "failed unit", "s"), theme.bad));
    }
    let alerts: Vec<_> = rows.iter().filter_map(|row| row.alerts).collect();
    let critical: u64 = alerts.iter().map(|it| it.critical).sum();
    let warning: u64 = alerts.iter().map(|it| it.warning).sum();
    if critical > 0 {
        parts.push((format!("{critical} critical"), theme.bad));
    }
    if warning > 0 {
        let warning = usize::try_from(warning).unwrap_or(usize::MAX);
        parts.push((counted(warning, "warning", "s"), theme.warn));
    }
    let cpu: Vec<f64> = current.iter().filter_map(|row| row.figures.cpu).collect();
    if !cpu.is_empty() {
        let count = u32::try_from(cpu.len()).map_or(f64::MAX, f64::from);
        let mean = cpu.iter().sum::<f64>() / count;
        parts.push((format!("cpu {}% on average", percent(mean)), theme.dim));
    }
    let memory = current.iter().filter_map(|row| row.figures.memory);
    let (used, total) = memory.fold((0.0, 0.0), |(used, total), (own_used, own_total)| {
        (used + whole(own_used), total + whole(own_total))
    });
    if total > 0.0 {
        parts.push((
            format!("memory {} of {}", bytes(used), bytes(total)),
            theme.dim,
        ));
    }
    let network: Vec<f64> = current
        .iter()
        .filter_map(|row| row.figures.network)
        .collect();
    if !network.is_empty() {
        parts.push((format!("network {}", rate(network.iter().sum())), theme.dim));
    }
    let mut line = Line::default();
    for (text, style) in parts {
        let span = Span::styled(text, style);
        if line.width() + 2 + span.width() > usize::from(width) {
            break;
        }
        if !line.spans.is_empty() {
            line.push_span(Span::raw("  "));
        }
        line.push_span(span);
    }
    line
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
const fn whole(value: u64) -> f64 {
    value as f64
}
