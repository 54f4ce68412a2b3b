//! `linux-api audit`: who changed what.

use std::process::ExitCode;
use std::time::Duration;

use super::database::Administration;
use super::table::table;
use super::{Context, output};
use crate::api::audit::AuditEntry;
use crate::model::audit::AuditRow;
use crate::model::time::Timestamp;
use crate::store::audit::AuditFilter;

/// How often to look for new rows while following.
const LOOK: Duration = Duration::from_secs(1);

/// Show the audit log
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List changes and refused attempts, oldest first
    List(List),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only by the user or Linux account of this name
    #[arg(long)]
    actor: Option<String>,
    /// Only this action, such as user.create
    #[arg(long)]
    action: Option<String>,
    /// Only about this target, such as user:alice
    #[arg(long)]
    target: Option<String>,
    /// Only what was done, or what was refused
    #[arg(long, value_parser = ["done", "refused"])]
    result: Option<String>,
    /// Only since this time, such as 2026-11-23T06:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only until this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// The newest rows to show
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Go on with what is written from now on, until interrupted
    #[arg(long, short = 'f')]
    follow: bool,
    /// Print JSON: a list, or one object per line while following
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let Command::List(list) = self.command;
        let admin = Administration::open(ctx).await?;
        let done = list.run(&admin).await;
        admin.store.close().await;
        done.map(|()| ExitCode::SUCCESS)
    }
}

impl List {
    fn filter(&self) -> AuditFilter {
        AuditFilter {
            before: None,
            actor: self.actor.clone(),
            action: self.action.clone(),
            target: self.target.clone(),
            result: self.result.clone(),
            from: self.from,
            to: self.to,
        }
    }

    async fn run(&self, admin: &Administration) -> anyhow::Result<()> {
        let mut rows = admin.store.list_audit(&self.filter(), self.limit).await?;
        rows.reverse();
        if !self.follow {
            return self.print_all(rows);
        }
        let mut last = rows.last().map_or(0, |row| row.id);
        self.print_each(rows)?;
        loop {
            tokio::select! {
                ended = tokio::signal::ctrl_c() => return Ok(ended?),
                () = tokio::time::sleep(LOOK) => {}
            }
            let newest = admin.store.list_audit(&self.filter(), 1000).await?;
            let fresh: Vec<_> = newest
                .into_iter()
                .rev()
                .filter(|row| row.id > last)
                .collect();
            last = fresh.last().map_or(last, |row| row.id);
            self.print_each(fresh)?;
        }
    }

    fn print_all(&self, rows: Vec<AuditRow>) -> anyhow::Result<()> {
        if self.json {
            let entries: Vec<AuditEntry> = rows.into_iter().map(AuditEntry::from).collect();
            return output::json(&entries);
        }
        let heads = [
            "TIME", "ACTOR", "VIA", "ACTION", "TARGET", "RESULT", "DETAIL",
        ];
        let rows: Vec<_> = rows.into_iter().map(columns).collect();
        output::text(&table(&heads, &rows))
    }

    /// One line per row, as they come.
    fn print_each(&self, rows: Vec<AuditRow>) -> anyhow::Result<()> {
        rows.into_iter().try_for_each(|row| {
            output::text(&if self.json {
                serde_json::to_string(&AuditEntry::from(row))?
            } else {
                columns(row).join("  ")
            })
        })
    }
}

fn columns(row: AuditRow) -> Vec<String> {
    vec![
        row.time.to_string(),
        row.actor,
        row.via,
        row.action,
        row.target,
        row.result,
        row.detail,
    ]
}
