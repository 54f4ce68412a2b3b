//! The audit log, for admins.

use axum::extract::State;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::json::Json;
use crate::params::QueryReader;
use linux_api_store::Store;
use linux_api_store::audit::AuditFilter;
use linux_api_wire::api::audit::AuditEntry;
use linux_api_wire::api::page::{Cursor, Page};

/// Which rows to list; all conditions must hold.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAudit {
    /// The most rows to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
    /// Where the next page starts, from `next_cursor` of an earlier response.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
    /// Name of the user who did it.
    #[param(max_length = 64)]
    actor: Option<String>,
    /// What was done, for instance `user.create`.
    #[param(max_length = 64)]
    action: Option<String>,
    /// On what: `user:NAME`, `key:ID`, `unit:NAME` or `process:PID@START`.
    #[param(max_length = 128)]
    target: Option<String>,
    /// `done`, `refused`, `begun` or `failed`.
    #[param(max_length = 16)]
    result: Option<String>,
    /// At or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<linux_api_wire::time::Timestamp>,
    /// At or before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<linux_api_wire::time::Timestamp>,
}

impl FromQuery for ListAudit {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            limit: query.integer("limit", 1..=1000, 100),
            cursor: query.cursor("cursor", |id| id.parse::<i64>().is_ok()),
            actor: query.text("actor", 64),
            action: query.text("action", 64),
            target: query.text("target", 128),
            result: query.text("result", 16),
            from: query.time("from"),
            to: query.time("to"),
        }
    }
}

/// List the audit log
///
/// Who changed what, newest first, refused attempts included.
#[utoipa::path(
    get,
    path = "/api/v1/admin/audit",
    tag = "admin",
    params(ListAudit),
    responses((status = 200, description = "A page of rows", body = Page<AuditEntry>))
)]
pub(crate) async fn list_audit(
    _caller: Caller<scope::AuditRead>,
    State(store): State<Store>,
    ApiQuery(query): ApiQuery<ListAudit>,
) -> Result<Json<Page<AuditEntry>>, ApiError> {
    let filter = AuditFilter {
        before: query.cursor.and_then(|cursor| cursor.id.parse().ok()),
        actor: query.actor,
        action: query.action,
        target: query.target,
        result: query.result,
        from: query.from,
        to: query.to,
    };
    let rows = store
        .list_audit(&filter, u32::try_from(query.limit).unwrap_or(1))
        .await?;
    let next_cursor = rows
        .last()
        .filter(|_| i64::try_from(rows.len()) == Ok(query.limit))
        .map(|last| {
            Cursor {
                time: last.time,
                id: last.id.to_string(),
            }
            .encode()
        });
    Ok(Json(Page {
        items: rows.into_iter().map(AuditEntry::from).collect(),
        next_cursor,
    }))
}
