//! `linux-api audit`: who changed what.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use super::admin_target::{AdminTarget, AdminTargetOptions, AuditConditions, is_passing};
use super::table::table;
use super::{Context, output, when};
use linux_api_wire::api::audit::AuditEntry;
use linux_api_wire::time::Timestamp;

/// How often to look for new rows while following.
const LOOK: Duration = Duration::from_secs(1);
/// The most rows that are read at one look.
const LOOK_MAX: u32 = 100_000;
/// So many ids are remembered while following: of changes that end at the same time, the row with
/// the lower id may be seen later.
const REMEMBERED: usize = 1_000;

/// Show the audit log
///
/// That of the configured database, or with --remote that of a daemon.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    place: AdminTargetOptions,
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
    /// Only since this time: a duration until now such as 12h, a date, or a time such as
    /// 2026-11-23T06:00:00Z
    #[arg(long, value_name = "TIME", value_parser = when::past)]
    from: Option<Timestamp>,
    /// Only until this time
    #[arg(long, value_name = "TIME", value_parser = when::past)]
    to: Option<Timestamp>,
    /// The newest rows to show
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Keep printing new rows until interrupted
    #[arg(long, short = 'f')]
    follow: bool,
    /// Print JSON: a list, or one object per line while following
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let Command::List(list) = self.command;
        let place = AdminTarget::open(&self.place, ctx).await?;
        let done = list.run(&place).await;
        place.close().await;
        done.map(|()| ExitCode::SUCCESS)
    }
}

impl List {
    fn conditions(&self) -> AuditConditions {
        AuditConditions {
            actor: self.actor.clone(),
            action: self.action.clone(),
            target: self.target.clone(),
            result: self.result.clone(),
            from: self.from,
            to: self.to,
        }
    }

    async fn run(&self, place: &AdminTarget) -> anyhow::Result<()> {
        let conditions = self.conditions();
        let mut rows = place.audit(&conditions, self.limit, None).await?;
        rows.reverse();
        if !self.follow {
            return self.print_all(rows);
        }
        let mut seen = PrintedRows::new(&rows);
        self.print_each(rows)?;
        let mut is_away = false;
        loop {
            tokio::select! {
                ended = tokio::signal::ctrl_c() => return Ok(ended?),
                () = tokio::time::sleep(LOOK) => {}
            }
            match place.audit(&conditions, LOOK_MAX, seen.floor).await {
                Ok(mut fresh) => {
                    is_away = false;
                    fresh.reverse();
                    fresh.retain(|row| seen.is_new(row.id));
                    self.print_each(fresh)?;
                }
                Err(error) if is_passing(&error) => {
                    if !is_away {
                        output::note(&format!("{error:#}; retrying"));
                    }
                    is_away = true;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn print_all(&self, rows: Vec<AuditEntry>) -> anyhow::Result<()> {
        if self.json {
            return output::json(&rows);
        }
        let heads = [
            "TIME", "ACTOR", "VIA", "ACTION", "TARGET", "RESULT", "DETAIL",
        ];
        let rows: Vec<_> = rows.into_iter().map(columns).collect();
        output::text(&table(&heads, &rows))
    }

    /// One line per row, as they come.
    fn print_each(&self, rows: Vec<AuditEntry>) -> anyhow::Result<()> {
        rows.into_iter().try_for_each(|row| {
            if self.json {
                return output::json_line(&row);
            }
            // A line break within a field would forge a row.
            output::text(&columns(row).join("  ").replace(['\n', '\t'], " "))
        })
    }
}

/// Which rows were printed already.
struct PrintedRows {
    /// Rows up to this id are not requested any more.
    floor: Option<i64>,
    ids: BTreeSet<i64>,
}

impl PrintedRows {
    /// `rows` were printed before following began.
    fn new(rows: &[AuditEntry]) -> Self {
        Self {
            floor: rows.iter().map(|row| row.id).max(),
            ids: BTreeSet::new(),
        }
    }

    /// Whether this row was not seen before.
    fn is_new(&mut self, id: i64) -> bool {
        let is_new = self.floor.is_none_or(|floor| id > floor) && self.ids.insert(id);
        if self.ids.len() > REMEMBERED {
            self.floor = self.ids.pop_first();
        }
        is_new
    }
}

fn columns(row: AuditEntry) -> Vec<String> {
    vec![
        row.time, row.actor, row.via, row.action, row.target, row.result, row.detail,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_comes_late_is_new_and_no_row_is_new_twice() {
        let mut seen = PrintedRows::new(&[]);
        assert!(seen.is_new(2) && seen.is_new(1));
        assert!(!seen.is_new(2) && !seen.is_new(1));
        for id in 3..=1_100 {
            assert!(seen.is_new(id));
        }
        assert_eq!(seen.ids.len(), REMEMBERED);
        assert_eq!(seen.floor, Some(100));
        assert!(!seen.is_new(50) && !seen.is_new(500) && seen.is_new(1_101));
    }
}
