//! The audit log, in the database or over HTTP.

use super::refused::{AdvisedError, ChangeError};
use super::{AdminTarget, patiently};
use linux_api_client::AuditQuery;
use linux_api_store::StoreError;
use linux_api_store::audit::AuditFilter;
use linux_api_wire::api::audit::AuditEntry;
use linux_api_wire::time::Timestamp;

/// The most rows that are read at once; the API returns no more.
const PAGE: u32 = 1000;

/// Which rows are wanted; all conditions must hold.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct AuditConditions {
    pub(in crate::cli) actor: Option<String>,
    pub(in crate::cli) action: Option<String>,
    pub(in crate::cli) target: Option<String>,
    pub(in crate::cli) result: Option<String>,
    pub(in crate::cli) from: Option<Timestamp>,
    pub(in crate::cli) to: Option<Timestamp>,
}

impl AuditConditions {
    fn filter(&self, before: Option<i64>) -> AuditFilter {
        let wanted = self.clone();
        AuditFilter {
            before,
            actor: wanted.actor,
            action: wanted.action,
            target: wanted.target,
            result: wanted.result,
            from: wanted.from,
            to: wanted.to,
        }
    }

    fn query(&self, limit: u32, cursor: Option<String>) -> AuditQuery {
        let wanted = self.clone();
        AuditQuery {
            limit: Some(limit),
            cursor,
            actor: wanted.actor,
            action: wanted.action,
            target: wanted.target,
            result: wanted.result,
            from: wanted.from,
            to: wanted.to,
        }
    }
}

impl AdminTarget {
    /// The newest rows, newest first: at most `limit`, and none that is not newer than `after`.
    pub(in crate::cli) async fn audit(
        &self,
        conditions: &AuditConditions,
        limit: u32,
        after: Option<i64>,
    ) -> anyhow::Result<Vec<AuditEntry>> {
        let rows = self.audit_rows(conditions, limit, after.unwrap_or(i64::MIN));
        rows.await.map_err(ChangeError::into_error)
    }

    async fn audit_rows(
        &self,
        conditions: &AuditConditions,
        limit: u32,
        after: i64,
    ) -> Result<Vec<AuditEntry>, ChangeError> {
        let mut rows: Vec<AuditEntry> = Vec::new();
        let mut cursor = None;
        loop {
            let missing = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
            let size = missing.min(PAGE);
            if size == 0 {
                return Ok(rows);
            }
            let page = match self {
                Self::Database(admin) => {
                    let filter = conditions.filter(rows.last().map(|row| row.id));
                    let page = admin.store.list_audit(&filter, size).await?;
                    page.into_iter().map(AuditEntry::from).collect()
                }
                Self::Remote(client) => {
                    let query = conditions.query(size, cursor);
                    let page = patiently(async || client.list_audit(&query).await).await?;
                    cursor = page.next_cursor;
                    page.items
                }
            };
            let whole = u32::try_from(page.len()) == Ok(size);
            let before = rows.len();
            rows.extend(page.into_iter().filter(|row| row.id > after));
            let is_remote_end = matches!(self, Self::Remote(_)) && cursor.is_none();
            if !whole || is_remote_end || rows.len() - before < size as usize {
                return Ok(rows);
            }
        }
    }
}

/// Whether a retry may help without a change here.
pub(in crate::cli) fn is_passing(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let of_store = cause.downcast_ref::<StoreError>();
        let of_client = cause.downcast_ref::<AdvisedError>();
        of_store.is_some_and(StoreError::is_outage)
            || of_client.is_some_and(|error| error.0.is_passing())
    })
}
