//! `linux-api alert history`: what changed.

use std::process::ExitCode;

use super::{parse_severity, severity, value};
use crate::cli::exit::UsageError;
use crate::cli::hosts::HostError;
use crate::cli::rows::{Column, Listing};
use crate::cli::{Context, completion, poll, when};
use linux_api_client::Client;
use linux_api_client::alerts::AlertHistoryQuery;
use linux_api_wire::api::alerts::{AlertChange, AlertNotice, AlertSeverity};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::time;

/// Most changes of one page.
const PAGE: u32 = 1000;

/// List what changed, oldest first
///
/// When alerts began, got worse, were repeated and ended. `-o wide` adds what was seen then, such as lines of a log.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Only these changes, separated by commas: firing, escalated, lowered, resolved, repeated, flapping,
    /// settled, ended, `gave_up`
    #[arg(long, value_name = "CHANGES", value_delimiter = ',', value_parser = parse_change)]
    change: Vec<AlertChange>,
    /// Only of this severity: warning or critical
    #[arg(long, value_parser = parse_severity)]
    severity: Option<AlertSeverity>,
    /// Only of the host with this name or id
    #[arg(long, add = completion::hosts())]
    host: Option<String>,
    /// Only of this rule
    #[arg(long, value_name = "NAME", add = completion::rules())]
    rule: Option<String>,
    /// Only with this label, such as `mount_point=/srv` or unit=nginx*
    #[arg(long, value_name = "KEY=PATTERN")]
    instance: Option<String>,
    /// Only since this time: a duration until now such as 12h, a date, or a time such as
    /// 2026-11-23T06:00:00Z
    #[arg(short = 'S', long, value_name = "TIME", value_parser = when::past)]
    since: Option<Timestamp>,
    /// Only until this time
    #[arg(short = 'U', long, value_name = "TIME", value_parser = when::past)]
    until: Option<Timestamp>,
    /// The newest changes to show
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

fn parse_change(text: &str) -> Result<AlertChange, String> {
    let words = AlertChange::ALL.map(AlertChange::as_str).join(", ");
    text.parse()
        .map_err(|_| format!("expected some of {words}"))
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            let problem = "the range ends before it begins: look at --since and --until";
            return Err(UsageError(problem.to_owned()).into());
        }
        let changes: Vec<&str> = self.change.iter().map(|one| one.as_str()).collect();
        let query = AlertHistoryQuery {
            change: (!changes.is_empty()).then(|| changes.join(",")),
            severity: self.severity.map(|it| it.to_string()),
            host: self.host,
            rule: self.rule,
            instance: self.instance,
            from: self.since,
            to: self.until,
            limit: Some(self.limit.min(PAGE)),
            cursor: None,
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let fetch = async |client: &Client| fetch(client, query.clone(), limit).await;
        poll::list(ctx, &listing(), fetch).await
    }
}

/// The newest, oldest first.
async fn fetch(
    client: &Client,
    mut query: AlertHistoryQuery,
    limit: usize,
) -> Result<Vec<AlertNotice>, HostError> {
    let mut rows = Vec::new();
    loop {
        let page = client.alert_history(&query).await?;
        rows.extend(page.items);
        let is_last = page.next_cursor.is_none() || page.next_cursor == query.cursor;
        if is_last || rows.len() >= limit {
            rows.truncate(limit);
            rows.reverse();
            return Ok(rows);
        }
        query.cursor = page.next_cursor;
    }
}

fn listing() -> Listing<AlertNotice> {
    Listing {
        columns: vec![
            Column::text("TIME (UTC)", |row: &AlertNotice| time(&row.time).into()),
            Column::text("CHANGE", |row| row.change.as_str().into()),
            Column::text("SEVERITY", |row| severity(Some(row.severity()))),
            Column::long("RULE", |row| row.rule.as_str().into()),
            Column::long("HOST", |row| row.host.as_str().into()),
            Column::long("VALUE", |row| value(&row.labels, &row.text)),
            Column::wide("THRESHOLD", |row| row.threshold.as_str().into()),
            Column::wide("SEEN THEN", |row| row.context.join("; ").into()),
        ],
        name: |row| row.id.clone(),
        empty: "nothing changed".to_owned(),
    }
}
