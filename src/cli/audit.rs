//! `linux-api audit`: who changed what.

mod verify;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use super::admin_target::{AdminTarget, AuditConditions, is_passing};
use super::exit::UsageError;
use super::globals::Format;
use super::rows::{Cell, Column, Listing, Tone};
use super::{Context, output, poll, when};
use linux_api_wire::api::audit::AuditEntry;
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::time;

/// How often to look for new rows while following.
const LOOK: Duration = Duration::from_secs(1);
/// The most rows that are read at one look.
const LOOK_MAX: u32 = 100_000;
/// So many ids are remembered while following: of changes that end at the same time, the row with
/// the lower id may be seen later.
const REMEMBERED: usize = 1_000;

/// Show the audit log, and check the log of acts
///
/// The audit log is that of the configured database, which works without the daemon, or with --remote that of a
/// daemon. The log of acts is the executor's own, a file on this host.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List changes and refused attempts, oldest first
    ///
    /// While following, `-o json` prints one object per line.
    #[command(visible_alias = "ls")]
    List(List),
    Verify(verify::Options),
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
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let list = match self.command {
            Command::List(list) => list,
            Command::Verify(options) => return options.run(ctx),
        };
        if ctx.means_many() {
            if list.follow {
                let problem = "--follow shows one daemon: use --remote once";
                return Err(UsageError(problem.to_owned()).into());
            }
            let conditions = list.conditions();
            return poll::list(ctx, &listing(), async |client| {
                let place = AdminTarget::Remote(client.clone());
                let mut rows = place.audit(&conditions, list.limit, None).await?;
                rows.reverse();
                Ok(rows)
            })
            .await;
        }
        let place = AdminTarget::open(ctx).await?;
        let done = list.run(&place, ctx).await;
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

    async fn run(&self, place: &AdminTarget, ctx: &Context) -> anyhow::Result<()> {
        let conditions = self.conditions();
        let mut rows = place.audit(&conditions, self.limit, None).await?;
        rows.reverse();
        if !self.follow {
            return listing().print(ctx, &rows);
        }
        let mut seen = PrintedRows::new(&rows);
        print_each(ctx, rows)?;
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
                    print_each(ctx, fresh)?;
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
}

/// How rows are listed.
fn listing() -> Listing<AuditEntry> {
    Listing {
        columns: vec![
            Column::text("TIME (UTC)", |row: &AuditEntry| time(&row.time).into()),
            Column::long("ACTOR", |row| row.actor.as_str().into()),
            Column::long("VIA", |row| row.via.as_str().into()),
            Column::text("ACTION", |row| row.action.as_str().into()),
            Column::long("TARGET", |row| row.target.as_str().into()),
            Column::text("RESULT", |row| {
                let is_done = row.result == "done";
                Cell::new(&*row.result, if is_done { Tone::Plain } else { Tone::Warn })
            }),
            Column::long("DETAIL", |row| row.detail.as_str().into()),
        ],
        name: |row| row.id.to_string(),
        empty: "no such row".to_owned(),
    }
}

/// One line per row, as they come.
fn print_each(ctx: &Context, rows: Vec<AuditEntry>) -> anyhow::Result<()> {
    rows.into_iter().try_for_each(|row| match ctx.format() {
        Format::Json | Format::Jsonl => output::json_line(&row),
        Format::Name => output::text(&row.id.to_string()),
        // A line break within a field would forge a row.
        Format::Table | Format::Wide => {
            output::text(&columns(row).join("  ").replace(['\n', '\t'], " "))
        }
    })
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
        time(&row.time),
        row.actor,
        row.via,
        row.action,
        row.target,
        row.result,
        row.detail,
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
