//! The history of alerts: notices by time.

use linux_api_alerts::name::Name;
use linux_api_alerts::notice::{Notice, NoticeKind};
use linux_api_alerts::severity::Severity;
use linux_api_wire::time::Timestamp;

use super::read;
use crate::codec::Db;
use crate::{Store, StoreError, on_read};

/// Which notices to list. All conditions that are given must hold.
#[derive(Debug, Clone, Default)]
pub struct NoticeFilter {
    /// Of one of these hosts, by their ids; of any without them.
    pub hosts: Option<Vec<String>>,
    /// Of one rule.
    pub rule: Option<Name>,
    /// Of one of these kinds; of any when empty.
    pub kinds: Vec<NoticeKind>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// At or after this time.
    pub from: Option<Timestamp>,
    /// At or before this time.
    pub to: Option<Timestamp>,
    /// Before the notice of this time and id, for the next page.
    pub before: Option<(Timestamp, String)>,
}

impl Store {
    /// Notices by time, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or a row can't be read.
    pub async fn alert_history(
        &self,
        filter: &NoticeFilter,
        limit: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        if filter.hosts.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let rows: Vec<(String,)> = on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new("select notice from alert_notices where 1 = 1");
            if let Some(hosts) = &filter.hosts {
                query.push(" and host_id in (");
                let mut list = query.separated(", ");
                for host in hosts {
                    list.push_bind(host.as_str());
                }
                query.push(")");
            }
            if let Some(rule) = &filter.rule {
                query.push(" and rule = ").push_bind(rule.as_str());
            }
            if !filter.kinds.is_empty() {
                query.push(" and kind in (");
                let mut list = query.separated(", ");
                for kind in &filter.kinds {
                    list.push_bind(kind.as_str());
                }
                query.push(")");
            }
            if let Some(severity) = filter.severity {
                query.push(" and severity = ").push_bind(severity.as_str());
            }
            if let Some(from) = filter.from {
                query.push(" and time >= ").push_bind(Db(from));
            }
            if let Some(to) = filter.to {
                query.push(" and time <= ").push_bind(Db(to));
            }
            if let Some((time, id)) = &filter.before {
                query.push(" and (time, id) < (").push_bind(Db(*time));
                query.push(", ").push_bind(id.as_str()).push(")");
            }
            query
                .push(" order by time desc, id desc limit ")
                .push_bind(i64::from(limit));
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })?;
        let rows = rows.into_iter();
        rows.map(|(notice,)| read("alert_notices", "notice", &notice))
            .collect()
    }
}
