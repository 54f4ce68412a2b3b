//! `linux-api alert ack`: says that alerts were seen.

use std::process::ExitCode;

use super::{ids, list};
use crate::cli::Context;
use linux_api_client::alerts::AlertQuery;
use linux_api_wire::api::alerts::AlertStatus;

/// Acknowledge alerts that fire, so that they are not repeated
///
/// Until they end or get worse. Needs the role operator or admin.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Their ids, as `alert list` shows them
    #[arg(required = true, value_name = "ID", value_parser = ids::parse)]
    alerts: Vec<String>,
    /// What others should know
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    comment: String,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let (client, _here) = ctx.one_client().await?;
        let query = AlertQuery {
            state: Some(AlertStatus::ALL.map(AlertStatus::as_str).join(",")),
            limit: Some(1000),
            ..AlertQuery::default()
        };
        let all = list::fetch(&client, query).await?;
        // All of them before the first one is acknowledged.
        let mut meant = Vec::new();
        for begin in &self.alerts {
            let known = all.iter().map(|one| one.id.as_str());
            let id = ids::find(begin, known, "no alert", "list")?;
            if !meant.contains(&id) {
                meant.push(id);
            }
        }
        let mut done = Vec::new();
        for id in meant {
            done.push(client.acknowledge_alert(id, &self.comment).await?);
        }
        list::listing().print(ctx, &done)?;
        Ok(ExitCode::SUCCESS)
    }
}
