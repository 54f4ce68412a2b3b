//! A list of processes.

use std::time::Duration;

use super::columns;
use crate::demo::DemoScript;
use crate::query::Query;
use crate::table::{Sort, TableColumn, arrange};
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
                      memory_percent,virtual_bytes,threads,nice,start_time,start_ticks,unit,container,\
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
    /// Which columns are shown that most tables have no room for.
    pub more: MoreColumns,
}

/// Columns that most tables have no room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MoreColumns {
    /// Control groups.
    pub cgroups: bool,
    /// Priorities.
    pub priorities: bool,
    /// Shared memory.
    pub shared: bool,
}

impl ProcessQuery {
    /// The columns that are needed; those that older daemons do not know only where they are wanted.
    fn fields(&self, with_new_ones: bool) -> String {
        let cgroups = if self.more.cgroups { ",cgroup" } else { "" };
        let new = |is_wanted, field| {
            if is_wanted && with_new_ones {
                field
            } else {
                ""
            }
        };
        let priorities = new(self.more.priorities, ",priority");
        let shared = new(self.more.shared, ",shared_bytes");
        format!("{FIELDS}{cgroups}{priorities}{shared}")
    }

    async fn fetch_fields(
        &self,
        client: &Client,
        fields: &str,
    ) -> Result<ProcessRows, ClientError> {
        let mut rows = ProcessRows::default();
        let mut cursor = None;
        for _ in 0..PAGES {
            let page = ProcessPage {
                filter: &self.filter,
                sort: self.sort,
                order: if self.descending { "desc" } else { "asc" },
                fields,
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
    const LEAST: Duration = Duration::ZERO;

    async fn fetch(&self, client: &Client) -> Result<ProcessRows, ClientError> {
        let result = self.fetch_fields(client, &self.fields(true)).await;
        match result {
            // An older daemon has no such columns, which are shown as unknown.
            Err(ClientError::Refused { status: 422, .. })
                if self.more.priorities || self.more.shared =>
            {
                self.fetch_fields(client, &self.fields(false)).await
            }
            result => result,
        }
    }

    /// What a daemon responds, by the same filter language.
    fn scripted(&self, script: &DemoScript) -> Result<ProcessRows, ClientError> {
        let all = script.processes();
        let filter = self.filter.parse::<Filter>().ok();
        let keeps = |process: &Process| {
            let filter = filter.as_ref();
            filter.is_none_or(|filter| filter.matches(&process.filter_row()))
        };
        let headings = TableColumn::headings(&columns::columns());
        let heading = headings.iter().find(|it| it.field == self.sort);
        let order = heading.map(|heading| {
            columns::order(Sort {
                title: heading.title,
                descending: self.descending,
            })
        });
        let places = arrange(&all, keeps, order);
        let total = places.len();
        let first = places.into_iter().take(self.limit);
        let items = first.map(|place| all[place].clone()).collect();
        Ok(ProcessRows { total, items })
    }

    /// A longer page meets the same error.
    fn is_like(&self, other: &Self) -> bool {
        self.filter == other.filter
            && self.sort == other.sort
            && self.descending == other.descending
    }
}
