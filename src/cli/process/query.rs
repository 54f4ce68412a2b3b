//! Which processes are listed, how they are fetched, and what is shown of them.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::columns;
use crate::cli::Context;
use crate::cli::globals::Format;
use crate::cli::hosts::HostError;
use crate::cli::rows::Listing;
use linux_api_client::{Client, ProcessPage};
use linux_api_wire::api::processes::{Column, Order, Process};

/// The most that the API returns at once.
const PAGE: usize = 1000;
/// How long to wait between two scans, when rates have to be measured first: a scan is shared for one second.
const BETWEEN_SCANS: Duration = Duration::from_millis(1100);
/// The time, in seconds, over which "now" is still a fair name for a mean.
const RECENT: f64 = 15.0;

/// What a person wants to see of each process.
const USUAL: &[Column] = &[
    Column::Pid,
    Column::User,
    Column::State,
    Column::CpuPercent,
    Column::MemoryBytes,
    Column::CpuSeconds,
    Column::Command,
];
/// With `-o wide`.
const WIDE: &[Column] = &[
    Column::Pid,
    Column::Ppid,
    Column::User,
    Column::State,
    Column::Nice,
    Column::Threads,
    Column::CpuPercent,
    Column::MemoryBytes,
    Column::MemoryPercent,
    Column::CpuSeconds,
    Column::StartTime,
    Column::StartTicks,
    Column::ReadBytesPerSecond,
    Column::WrittenBytesPerSecond,
    Column::Unit,
    Column::Container,
    Column::Command,
];

/// A process, as far as it was polled.
#[derive(Debug)]
pub(in crate::cli) struct ProcessRow {
    pub(super) process: Process,
    /// The columns that were polled.
    columns: Rc<[Column]>,
}

impl Serialize for ProcessRow {
    /// Without the fields that were not polled: their defaults would look like values.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = serde_json::to_value(&self.process).map_err(serde::ser::Error::custom)?;
        let Value::Object(mut all) = value else {
            return Err(serde::ser::Error::custom("a process is an object"));
        };
        let mut kept = BTreeSet::new();
        kept.extend(self.columns.iter().map(|column| column.as_str()));
        if let Some(Value::Object(reasons)) = all.get_mut("unavailable") {
            reasons.retain(|name, _| kept.contains(name.as_str()));
        }
        let ordered = self.columns.iter().map(|column| column.as_str());
        let rest = all
            .get("unavailable")
            .filter(|reasons| reasons.as_object().is_some_and(|it| !it.is_empty()))
            .map(|_| "unavailable");
        let pairs = ordered
            .chain(rest)
            .filter_map(|name| Some((name, all.get(name)?)));
        serializer.collect_map(pairs)
    }
}

/// Which processes to list and what of them.
#[derive(Debug)]
pub(in crate::cli) struct ProcessQuery {
    pub(super) filter: String,
    sort: Column,
    order: Order,
    limit: Option<u32>,
    columns: Rc<[Column]>,
    /// Whether rates of just now are what it is about.
    is_of_now: bool,
}

/// The processes that use the processors most.
pub(in crate::cli) fn busiest(ctx: &Context, limit: u32) -> ProcessQuery {
    let sort = (Column::CpuPercent, Order::Descending);
    ProcessQuery::new(ctx, String::new(), sort, Some(limit), Vec::new())
}

impl ProcessQuery {
    /// Without `fields`, those that the format calls for.
    pub(super) fn new(
        ctx: &Context,
        filter: String,
        (sort, order): (Column, Order),
        limit: Option<u32>,
        fields: Vec<Column>,
    ) -> Self {
        let mut columns: Vec<Column> = match ctx.format() {
            _ if !fields.is_empty() => fields,
            Format::Table => USUAL.to_vec(),
            Format::Wide => WIDE.to_vec(),
            Format::Json | Format::Jsonl => Column::ALL.to_vec(),
            Format::Name => vec![Column::Pid],
        };
        let mut seen = BTreeSet::new();
        columns.retain(|column| seen.insert(*column));
        Self {
            filter,
            sort,
            order,
            limit,
            columns: columns.into(),
            is_of_now: sort == Column::CpuPercent,
        }
    }

    /// How the rows are shown.
    pub(in crate::cli) fn listing(&self) -> Listing<ProcessRow> {
        Listing {
            columns: self
                .columns
                .iter()
                .map(|column| columns::of(*column))
                .collect(),
            name: |row| row.process.pid.to_string(),
            empty: "no process fits".to_owned(),
        }
    }

    /// Fetches page after page.
    pub(in crate::cli) async fn fetch(
        &self,
        client: &Client,
    ) -> Result<Vec<ProcessRow>, HostError> {
        // A kernel thread has no command: its name stands in.
        let mut polled: BTreeSet<Column> = self.columns.iter().copied().collect();
        polled.extend([Column::Pid, Column::Name]);
        let fields: Vec<&str> = polled.iter().map(|column| column.as_str()).collect();
        // An older daemon does not know the names of all of them.
        let fields = if fields.len() == Column::ALL.len() {
            String::new()
        } else {
            fields.join(",")
        };
        let limit = self.limit.map_or(usize::MAX, |limit| limit as usize);
        let mut page = ProcessPage {
            filter: &self.filter,
            sort: self.sort.as_str(),
            order: match self.order {
                Order::Ascending => "asc",
                Order::Descending => "desc",
            },
            fields: &fields,
            limit: limit.min(PAGE),
            cursor: None,
        };
        let mut list = client.processes(&page).await?;
        let is_recent = list.interval_seconds.is_some_and(|it| it <= RECENT);
        if self.is_of_now && !is_recent {
            // That was the first scan for long: what it says of now takes another one.
            tokio::time::sleep(BETWEEN_SCANS).await;
            list = client.processes(&page).await?;
        }
        let mut rows = Vec::new();
        loop {
            let own = list.items.into_iter().map(|process| ProcessRow {
                process,
                columns: Rc::clone(&self.columns),
            });
            rows.extend(own);
            rows.truncate(limit);
            let next = list.next_cursor.filter(|_| rows.len() < limit);
            if next.is_none() || next == page.cursor {
                return Ok(rows);
            }
            page.cursor = next;
            page.limit = (limit - rows.len()).min(PAGE);
            list = client.processes(&page).await?;
        }
    }
}
