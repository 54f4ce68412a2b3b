//! `linux-api alert release`: has automatic restarts be possible again.

use std::process::ExitCode;

use anyhow::bail;

use super::ago;
use crate::cli::Context;
use crate::cli::rows::{Column, Listing};
use linux_api_client::alerts::AlertQuery;
use linux_api_wire::api::alerts::{AlertActResult, AlertBrake};
use linux_api_wire::units::NOT_KNOWN;

/// Have automatic restarts be possible again on hosts where they are given up
///
/// After three restarts in an hour that did not help, rules with `restart` restart nothing any more. That ends an
/// hour after none of them fires, or by this. Needs the role operator or admin.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Hosts, by name or id
    #[arg(required = true, value_name = "HOST")]
    hosts: Vec<String>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let (client, _here) = ctx.one_client().await?;
        let query = AlertQuery {
            limit: Some(1),
            ..AlertQuery::default()
        };
        let brakes = client.alerts(&query).await?.brakes;
        // All of them before the first one is released.
        let mut meant: Vec<&AlertBrake> = Vec::new();
        for named in &self.hosts {
            let by_id = brakes.iter().filter(|one| one.host_id == *named);
            let by_name = brakes.iter().filter(|one| one.host == *named);
            let found: Vec<&AlertBrake> = match by_id.collect::<Vec<_>>() {
                found if found.is_empty() => by_name.collect(),
                found => found,
            };
            match found.as_slice() {
                [one] if meant.contains(one) => {}
                [one] => meant.push(*one),
                [] => bail!("nothing was restarted by rules on {named} within a day"),
                _ => bail!("several hosts are called {named}; name one by its id"),
            }
        }
        let mut done = Vec::new();
        for one in meant {
            done.push(client.release_brake(&one.host_id).await?);
        }
        listing().print(ctx, &done)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn listing() -> Listing<AlertBrake> {
    Listing {
        columns: vec![
            Column::long("HOST", |row: &AlertBrake| row.host.as_str().into()),
            Column::text("RESTARTS", |row| {
                let is_act = |result| result != Some(AlertActResult::Refused);
                let acts = row.acts.iter().filter(|act| is_act(act.result));
                acts.count().to_string().into()
            }),
            Column::text("LAST", |row| {
                ago(row.acts.last().map(|act| act.time.as_str()))
            }),
            Column::long("RESULT", |row| {
                let last = row.acts.last();
                last.map_or(NOT_KNOWN, |act| &act.text).into()
            }),
        ],
        name: |row| row.host_id.clone(),
        empty: String::new(),
    }
}
