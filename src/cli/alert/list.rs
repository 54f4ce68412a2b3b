//! `linux-api alert list`: alerts as they are now.

use std::process::ExitCode;

use super::{ago, ids, parse_severity, severity, value};
use crate::cli::hosts::HostError;
use crate::cli::rows::{Cell, Column, Listing, Tone};
use crate::cli::{Context, completion, poll};
use linux_api_client::Client;
use linux_api_client::alerts::AlertQuery;
use linux_api_wire::api::alerts::{Alert, AlertSeverity, AlertStatus};
use linux_api_wire::units::NOT_KNOWN;

/// Most alerts of one page.
const PAGE: u32 = 1000;

/// List what fires, critical ones first
///
/// Of all hosts that share the database of the daemon. `-o wide` adds thresholds, `-o name` prints whole ids.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Only in these states, separated by commas: pending, firing, clearing, unknown, ok [default: what fires]
    #[arg(long, value_name = "STATES", value_delimiter = ',', value_parser = parse_status)]
    state: Vec<AlertStatus>,
    /// Only of this severity: warning or critical
    #[arg(long, value_parser = parse_severity)]
    severity: Option<AlertSeverity>,
    /// Only of the host with this name or id
    #[arg(long, add = completion::hosts())]
    host: Option<String>,
    /// Only of this rule, or of those that fit a pattern with * and ?
    #[arg(long, value_name = "NAME", add = completion::rules())]
    rule: Option<String>,
    /// Only with this label, such as `mount_point=/srv` or unit=nginx*
    #[arg(long, value_name = "KEY=PATTERN")]
    instance: Option<String>,
    /// Only what no one has acknowledged or silenced, of hosts that are not down
    #[arg(long)]
    unseen: bool,
}

fn parse_status(text: &str) -> Result<AlertStatus, String> {
    let words = AlertStatus::ALL.map(AlertStatus::as_str).join(", ");
    text.parse()
        .map_err(|_| format!("expected some of {words}"))
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let states: Vec<&str> = self.state.iter().map(|one| one.as_str()).collect();
        let is_all = self.severity.is_none()
            && self.host.is_none()
            && self.rule.is_none()
            && self.instance.is_none()
            && !self.unseen;
        let empty = match (states.is_empty(), is_all) {
            (true, true) => "nothing fires",
            _ => "no alert fits",
        };
        let query = AlertQuery {
            state: (!states.is_empty()).then(|| states.join(",")),
            severity: self.severity.map(|it| it.to_string()),
            host: self.host,
            rule: self.rule,
            instance: self.instance,
            unseen: self.unseen.then_some(true),
            limit: Some(PAGE),
            cursor: None,
        };
        let listing = Listing {
            empty: empty.to_owned(),
            ..listing()
        };
        let fetch = async |client: &Client| fetch(client, query.clone()).await;
        poll::list(ctx, &listing, fetch).await
    }
}

/// All pages.
pub(super) async fn fetch(client: &Client, mut query: AlertQuery) -> Result<Vec<Alert>, HostError> {
    let mut rows = Vec::new();
    loop {
        let page = client.alerts(&query).await?;
        rows.extend(page.items);
        if page.next_cursor.is_none() || page.next_cursor == query.cursor {
            return Ok(rows);
        }
        query.cursor = page.next_cursor;
    }
}

/// In one word what someone has to know first.
fn state(alert: &Alert) -> Cell {
    let fires = alert.severity.is_some();
    if alert.inhibited {
        "host down".into()
    } else if alert.silenced_by.is_some() {
        "silenced".into()
    } else if alert.acknowledged.is_some() && fires {
        "seen".into()
    } else if alert.flapping {
        Cell::new("flapping", Tone::Warn)
    } else {
        alert.status.as_str().into()
    }
}

pub(super) fn listing() -> Listing<Alert> {
    Listing {
        columns: vec![
            Column::text("ID", |row: &Alert| ids::short(&row.id).into()),
            Column::text("SEVERITY", |row| severity(row.severity)),
            Column::long("RULE", |row| row.rule.as_str().into()),
            Column::long("HOST", |row| row.host.as_str().into()),
            Column::text("SINCE", |row| ago(row.since.as_deref())),
            Column::text("STATE", state),
            Column::long("VALUE", |row| value(&row.labels, &row.text)),
            Column::wide("THRESHOLD", |row| {
                row.threshold.as_deref().unwrap_or(NOT_KNOWN).into()
            }),
            Column::wide("SEEN BY", |row| {
                let seen = row.acknowledged.as_ref();
                seen.map_or(NOT_KNOWN, |seen| &seen.by).into()
            }),
        ],
        name: |row| row.id.clone(),
        empty: String::new(),
    }
}
