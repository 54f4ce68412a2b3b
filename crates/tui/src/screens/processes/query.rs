//! A list of processes.

use std::time::Duration;

use crate::app::processes::Column;
use crate::demo::Script;
use crate::query::Query;
use crate::table::SortColumn;
use linux_api_client::error::ClientError;
use linux_api_client::{Client, ProcessPage};
use linux_api_wire::api::processes::Process;
use linux_api_wire::filter::Filter;

/// Most processes on one page: with the longest command lines they stay below what a response may have.
const PAGE: usize = 500;
/// Most pages of one list: ten thousand processes.
const PAGES: usize = 20;
/// The columns of the process list that are shown.
const FIELDS: &str = "pid,ppid,name,command,uid,user,state,cpu_percent,cpu_seconds,memory_bytes,\
                      memory_percent,threads,nice,start_time,unit,container,\
                      read_bytes_per_second,written_bytes_per_second";

/// Which processes, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessQuery {
    /// In the filter language; empty for all.
    pub filter: String,
    /// Column to sort by, as the API calls it.
    pub sort: &'static str,
    /// Whether the largest comes first.
    pub descending: bool,
    /// The most that are needed.
    pub limit: usize,
}

/// The processes of a query.
#[derive(Debug, Clone, Default)]
pub struct ProcessRows {
    /// How many the filter picks.
    pub total: usize,
    /// The first of them, in order.
    pub items: Vec<Process>,
}

impl Query for ProcessQuery {
    type Response = ProcessRows;

    fn pace(&self, every: Duration) -> Duration {
        every
    }

    async fn fetch(&self, client: &Client) -> Result<ProcessRows, ClientError> {
        let mut rows = ProcessRows::default();
        let mut cursor = None;
        for _ in 0..PAGES {
            let page = ProcessPage {
                filter: &self.filter,
                sort: self.sort,
                order: if self.descending { "desc" } else { "asc" },
                fields: FIELDS,
                limit: self.limit.saturating_sub(rows.items.len()).clamp(1, PAGE),
                cursor,
            };
            let page = client.processes(&page).await?;
            rows.total = page.total;
            rows.items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() || rows.items.len() >= self.limit {
                break;
            }
        }
        Ok(rows)
    }

    /// What a daemon responds, by the same filter language.
    fn scripted(&self, script: &Script) -> Result<ProcessRows, ClientError> {
        let mut items = script.processes();
        if let Ok(filter) = self.filter.parse::<Filter>() {
            items.retain(|process| filter.matches(&process.filter_row()));
        }
        let column = Column::ALL.iter().find(|it| it.field() == self.sort);
        if let Some(column) = column {
            items.sort_by(|a, b| column.compare(a, b, self.descending));
        }
        let total = items.len();
        items.truncate(self.limit);
        Ok(ProcessRows { total, items })
    }

    /// A longer page meets the same error.
    fn is_like(&self, other: &Self) -> bool {
        let key = |query: &Self| (query.filter.clone(), query.sort, query.descending);
        key(self) == key(other)
    }
}
