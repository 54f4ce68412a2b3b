//! What was changed last, by the audit log.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::super::draw_absence;
use crate::app::App;
use crate::table::{Spot, TableCell, TableColumn, TableState, TableView};
use crate::widgets::frame::{boxed, instead};
use linux_api_wire::api::audit::AuditEntry;
use linux_api_wire::api_key::Scope;

/// Fewest columns of the box for what a change was in detail.
const DETAILS: u16 = 100;

pub(super) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let host = app.host();
    let inner = boxed("last changes", theme, area, frame);
    if let Some(reason) = host.forbids(Scope::AuditRead) {
        instead(
            &format!("audit log: {reason}"),
            theme.dim,
            theme,
            inner,
            frame,
        );
        return;
    }
    let rows = &host.responses.audit_rows;
    if draw_absence(app, rows.value().is_some(), rows.error(), inner, frame) {
        return;
    }
    let rows = rows.value().map_or(&[][..], Vec::as_slice);
    let view = TableView {
        focused: false,
        selected: None,
        rows: rows.len(),
        stale: app.freshness().is_old(),
        ..TableView::of(&TableState::<String>::default())
    };
    view.draw(&columns(area.width), app, inner, frame, |row| &rows[row]);
    if rows.is_empty() {
        instead("nothing was changed yet", theme.dim, theme, inner, frame);
    }
}

fn columns<'a>(width: u16) -> Vec<TableColumn<&'a AuditEntry>> {
    let has_details = width >= DETAILS;
    let target = if has_details { 32 } else { 0 };
    let mut columns = vec![
        TableColumn::words("TIME", 16, |at, row: &&AuditEntry| {
            let time = row.time.get(..16).unwrap_or(&row.time);
            at.dim(time.replace('T', " "))
        }),
        TableColumn::words("WHO", 14, |at, row: &&AuditEntry| {
            at.text(row.actor.clone())
        }),
        TableColumn::words("ACTION", 18, |at, row: &&AuditEntry| {
            at.text(row.action.clone())
        }),
        TableColumn::words("RESULT", 8, |at, row: &&AuditEntry| result(at, row)),
        TableColumn::words("TARGET", target, |at, row: &&AuditEntry| {
            at.text(row.target.clone())
        }),
    ];
    if has_details {
        columns.push(TableColumn::words("DETAILS", 0, |at, row: &&AuditEntry| {
            at.dim(row.detail.clone())
        }));
    }
    columns
}

fn result(at: &Spot<'_>, row: &AuditEntry) -> TableCell {
    let style = match row.result.as_str() {
        "done" => at.theme.good,
        "refused" => at.theme.warn,
        "failed" => at.theme.bad,
        _ => at.theme.dim,
    };
    TableCell::new(row.result.clone(), style)
}
