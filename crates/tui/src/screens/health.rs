//! How the daemon of a host does.

pub(crate) mod query;
mod requests;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::draw_absence;
use crate::app::App;
use crate::query::{AnyQuery, HealthQuery, ReadinessQuery, RequestsQuery};
use crate::sanitize::clean;
use crate::screen::Screen;
use crate::table::fit;
use crate::widgets::frame::{boxed, state_text};
use linux_api_client::error::ClientError;
use linux_api_wire::api::health::{ActsHealth, Check, Readiness};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::api_key::Scope;
use linux_api_wire::units::latency;

/// Columns of one family that was read.
const FAMILY: u16 = 26;
/// Fewest columns and lines of the view for boxes beside each other, and requests below them.
const WIDE: u16 = 110;
const HIGH: u16 = 26;
/// Columns of the box with what the daemon reads.
const READINGS: u16 = 44;
/// Fewest lines of the boxes beside each other.
const BOX: u16 = 12;

pub(crate) type HealthState = ();

pub(crate) struct HealthScreen;

impl Screen for HealthScreen {
    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        let mut queries = vec![ReadinessQuery.into()];
        if app.host().forbids(Scope::StatsRead).is_none() {
            queries.push(HealthQuery.into());
            queries.push(RequestsQuery(super::api::minute(app)).into());
        }
        queries
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let host = app.host();
        let title = format!("daemon at {}", host.address);
        let is_large = area.width >= WIDE && area.height >= HIGH;
        let [area, readings, below] = if is_large {
            boxes(app, area)
        } else {
            [area, Rect::ZERO, Rect::ZERO]
        };
        let inner = boxed(&title, theme, area, frame);
        if draw_absence(
            app,
            host.responses.readiness.value().is_some(),
            host.responses.readiness.error(),
            inner,
            frame,
        ) {
            return;
        }
        let Some(readiness) = host.responses.readiness.value() else {
            return;
        };
        if is_large {
            draw_readings(app, readings, frame);
            requests::draw(app, below, frame);
        }
        let lines = lines(app, readiness, (!is_large).then_some(inner.width));
        draw_lines(app, lines, inner, frame);
    }
}

/// The daemon, what it reads beside that, and its requests below both.
fn boxes(app: &App, area: Rect) -> [Rect; 3] {
    let families = app.host().responses.snapshot.value();
    let families = families.map_or(0, |snapshot| snapshot.status.len());
    let lines = u16::try_from(families + 2).unwrap_or(u16::MAX);
    let height = lines.clamp(BOX, area.height / 2);
    let left = area.width - READINGS;
    let at = |x, y, width, height| Rect::new(area.x + x, area.y + y, width, height);
    [
        at(0, 0, left, height),
        at(left, 0, READINGS, height),
        at(0, height, area.width, area.height - height),
    ]
}

/// Each part of the host with its age, or why it can't be read.
fn draw_readings(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let inner = boxed("what it reads of the host", theme, area, frame);
    let host = app.host();
    let snapshot = &host.responses.snapshot;
    if draw_absence(
        app,
        snapshot.value().is_some(),
        snapshot.error(),
        inner,
        frame,
    ) {
        return;
    }
    if let Some(snapshot) = snapshot.value() {
        draw_lines(app, families(app, snapshot, inner.width), inner, frame);
    }
}

/// Lines from the top, as many as there is room for.
fn draw_lines(app: &App, mut lines: Vec<Line<'static>>, area: Rect, frame: &mut Frame<'_>) {
    if lines.len() > usize::from(area.height) {
        // Rather no empty lines than none of the last ones.
        lines.retain(|line| line.width() > 0);
    }
    for (row, line) in (0..area.height).zip(lines) {
        frame.render_widget(line, Rect::new(area.x, area.y + row, area.width, 1));
    }
    if app.freshness().is_old() {
        frame.buffer_mut().set_style(area, app.settings.theme.dim);
    }
}

/// What is known of the daemon, and what it reads, in this width, where that has no box of its own.
fn lines(app: &App, readiness: &Readiness, families_in: Option<u16>) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let host = app.host();
    let (link, style) = state_text(app, &app.freshness());
    let ready = readiness.status == "ready";
    let mut lines = vec![
        Line::from(vec![
            Span::styled(format!("{:<12} ", "status"), theme.title),
            Span::styled(
                clean(&readiness.status),
                if ready { theme.good } else { theme.bad },
            ),
        ]),
        Line::from(vec![
            Span::styled(format!("{:<12} ", "connection"), theme.title),
            Span::styled(link, style),
        ]),
        Line::default(),
    ];
    let checks = &readiness.checks;
    let check_line = |name: &str, check: &Check| {
        let (word, style) = if check.ok {
            ("ok   ", theme.good)
        } else {
            ("FAIL ", theme.bad)
        };
        Line::from(vec![
            Span::styled(format!("{name:<12} "), theme.title),
            Span::styled(word, style),
            Span::styled(clean(&check.detail), theme.text),
        ])
    };
    lines.push(check_line("database", &checks.database));
    lines.push(check_line("migrations", &checks.migrations));
    lines.push(check_line("flusher", &checks.flusher));
    lines.extend(details(app));
    if let (Some(width), Some(snapshot)) = (families_in, host.responses.snapshot.value()) {
        lines.push(Line::default());
        lines.push(Line::styled(
            "what the daemon reads of its host",
            theme.title,
        ));
        lines.extend(families(app, snapshot, width));
    }
    lines
}

/// What can't be read, each with its reason, then how old the others are, side by side.
fn families(app: &App, snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let mut lines = Vec::new();
    let mut read = Vec::new();
    for (family, status) in &snapshot.status {
        let name = Span::styled(format!("{:<12} ", family.as_str()), theme.text);
        let age = match (&status.error, status.age_ms) {
            (Some(error), _) => {
                let room = usize::from(width).saturating_sub(13);
                let error = fit(error, room, false, theme);
                lines.push(Line::from(vec![name, Span::styled(error, theme.bad)]));
                continue;
            }
            (None, Some(age)) => format!("{age} ms old"),
            (None, None) => "not read yet".to_owned(),
        };
        let age = format!("{age:<width$}", width = usize::from(FAMILY) - 13);
        read.push([name, Span::styled(age, theme.dim)]);
    }
    let side_by_side = usize::from((width / FAMILY).max(1));
    let rows = read.chunks(side_by_side);
    lines.extend(rows.map(|row| Line::from(row.concat())));
    lines
}

/// What admins see besides.
fn details(app: &App) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let host = app.host();
    let plain = |name: &str, text: String| {
        Line::from(vec![
            Span::styled(format!("{name:<12} "), theme.title),
            Span::styled(clean(&text), theme.text),
        ])
    };
    let Some(health) = host.responses.health.value() else {
        let reason = host.forbids(Scope::StatsRead);
        let reason = reason.or_else(|| host.responses.health.error().map(ClientError::in_short));
        return vec![plain(
            "details",
            reason.unwrap_or_else(|| "waiting for the response".to_owned()),
        )];
    };
    let database = &health.database;
    let version = database.version.as_deref().unwrap_or("version unknown");
    let took = database
        .latency_seconds
        .map_or_else(String::new, |it| format!(", {}", latency(it)));
    let pool = &database.pool;
    let writer = &health.metrics.flush_worker;
    let failed = match &writer.last_error {
        Some(error) => format!(", last error: {error}"),
        None => String::new(),
    };
    let queue = &writer.queue;
    let mut lines = vec![
        plain("engine", format!("{} {version}{took}", database.engine)),
        plain(
            "connections",
            format!(
                "{} open, {} idle, {} at most",
                pool.open, pool.idle, pool.max
            ),
        ),
        plain(
            "writes",
            format!(
                "{} done, {} failed{failed}",
                writer.success_count, writer.error_count
            ),
        ),
        plain(
            "queue",
            format!(
                "{} buckets, {} samples waiting; {} requests, {} samples dropped",
                queue.buckets, queue.samples, writer.requests.dropped, queue.dropped_samples
            ),
        ),
    ];
    lines.push(plain("acts", acts(&health.metrics.acts)));
    let sampler = &health.metrics.sampler;
    if sampler.dropped_minutes > 0 || sampler.left_out_series > 0 {
        lines.push(plain(
            "series",
            format!(
                "{} minutes dropped, {} series left out",
                sampler.dropped_minutes, sampler.left_out_series
            ),
        ));
    }
    lines
}

/// Whether something can act on the host.
fn acts(acts: &ActsHealth) -> String {
    let problem = acts.policy_problem.as_ref().or(acts.log_problem.as_ref());
    match (&acts.executor, problem, &acts.reason) {
        (Some(version), None, _) => {
            let lines = acts.log_lines.unwrap_or(0);
            format!(
                "executor {version}, {lines} lines in its log, {} refused",
                acts.refused
            )
        }
        (Some(version), Some(problem), _) => format!("executor {version}: {problem}"),
        (None, _, Some(reason)) => format!("off: {reason}"),
        (None, _, None) => "off".to_owned(),
    }
}
