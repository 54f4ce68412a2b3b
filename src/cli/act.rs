//! Acts on hosts: a plan, a question, one batch of hosts after the other, and one table of what became of it.

mod deed;
mod outcome;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;

use super::exit::Worst;
use super::hosts::{AT_ONCE, Host, HostError, Hosts};
use super::rows::clean;
use super::{Context, completion, confirm, output};
use linux_api_client::Client;
use linux_api_client::acts::ACT_TIMEOUT;
use linux_api_config::ConfigValue;
use linux_api_wire::units::count;

pub(super) use deed::{Deed, ProcessArgument, parse_unit};
use outcome::{ActRow, Outcome};

/// How long a unit that others depend on may take to become active.
const GATE: Duration = Duration::from_secs(10);
/// How often it is looked at.
const GATE_LOOK: Duration = Duration::from_secs(1);

/// How fast to go over many hosts, and when to stop.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Over many hosts")]
pub(super) struct Pace {
    /// Act on so many hosts at once
    #[arg(long, value_name = "HOSTS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    batch: u16,
    /// Begin no other batch after it failed on more hosts than this
    #[arg(long, value_name = "HOSTS", default_value_t = 0)]
    max_failures: u32,
    /// Wait so many seconds between two batches
    #[arg(long, value_name = "SECONDS", value_parser = parse_pause)]
    pause: Option<Duration>,
    /// Begin no other batch unless this unit is active on each host of the last one; repeatable
    #[arg(long, value_name = "UNIT", value_parser = parse_unit, add = completion::units())]
    gate: Vec<String>,
    /// Show the plan and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Seconds, or a duration with its unit.
fn parse_pause(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    Duration::from_text(text)
}

/// A host, and what is to be done there.
struct Planned {
    name: String,
    client: Option<Client>,
    rows: Vec<ActRow>,
}

impl Planned {
    /// Whether something is to be done.
    fn is_open(&self) -> bool {
        self.rows.iter().any(ActRow::is_open)
    }

    fn has_failed(&self) -> bool {
        let mut ended = self.rows.iter().filter_map(|row| row.outcome);
        ended.any(|outcome| outcome != Outcome::Done)
    }
}

impl Deed {
    /// Plans it, requires a confirmation, does it, and prints what became of it.
    ///
    /// # Errors
    /// When no host can be chosen, it is not confirmed, or the output can't be written.
    pub(super) async fn run(self, ctx: &Context, pace: &Pace) -> anyhow::Result<ExitCode> {
        // The daemon of this process lives until all of it is done.
        let Hosts {
            are_many,
            all,
            here: _here,
        } = ctx.hosts().await?;
        let plans = stream::iter(all).map(|host| self.plan_host(host));
        let mut planned: Vec<Planned> = plans.buffered(AT_ONCE).collect().await;
        let open = planned.iter().filter(|host| host.is_open()).count();
        if pace.dry_run || open == 0 {
            for row in planned.iter_mut().flat_map(|host| &mut host.rows) {
                row.would_be_done();
            }
            return print(ctx, are_many, &planned);
        }
        if !ctx.options.yes {
            output::note(&plan_in_words(&planned));
        }
        if !confirm::confirm(ctx, &self.question(&planned))? {
            bail!("nothing was done");
        }
        self.carry_out(ctx, pace, &mut planned).await;
        print(ctx, are_many, &planned)
    }

    async fn plan_host(&self, host: Host) -> Planned {
        let Host { name, client, .. } = host;
        let planned = match &client {
            Ok(client) => self.plan(client).await,
            Err(_) => Ok(Vec::new()),
        };
        let failed = |error: &HostError| {
            let rows = self.targets().into_iter();
            rows.map(|target| ActRow::new(self.verb(), target).ended(Outcome::of(error), error))
                .collect()
        };
        match (client, planned) {
            (Err(error), _) | (Ok(_), Err(error)) => Planned {
                name,
                client: None,
                rows: failed(&error),
            },
            (Ok(client), Ok(rows)) => Planned {
                name,
                client: Some(client),
                rows,
            },
        }
    }

    /// Names what is to be done, and where.
    fn question(&self, planned: &[Planned]) -> String {
        let open: Vec<&Planned> = planned.iter().filter(|host| host.is_open()).collect();
        let rows: Vec<&ActRow> = open
            .iter()
            .flat_map(|host| &host.rows)
            .filter(|row| row.is_open())
            .collect();
        let places = match open.as_slice() {
            [host] => clean(&host.name),
            many => count(many.len(), "host"),
        };
        let mut targets: Vec<String> = rows.iter().map(|row| row.in_words()).collect();
        targets.dedup();
        let what = match targets.as_slice() {
            few if few.len() <= 3 => clean(&few.join(", ")),
            many => format!("{} targets", many.len()),
        };
        let mut question = format!("{} {what} on {places}?", self.phrase());
        question[..1].make_ascii_uppercase();
        question
    }

    /// Acts on one batch of hosts after the other, until too many have failed.
    async fn carry_out(&self, ctx: &Context, pace: &Pace, planned: &mut [Planned]) {
        let timeout = ctx.options.timeout.unwrap_or(ACT_TIMEOUT);
        let mut open: Vec<&mut Planned> = planned.iter_mut().filter(|it| it.is_open()).collect();
        let size = usize::from(pace.batch);
        let batches = open.len().div_ceil(size);
        let mut failures = 0;
        let mut stopped: Option<String> = None;
        for (number, batch) in open.chunks_mut(size).enumerate() {
            if let Some(reason) = &stopped {
                for row in batch.iter_mut().flat_map(|host| &mut host.rows) {
                    row.not_begun(reason);
                }
                continue;
            }
            if let Some(pause) = pace.pause.filter(|_| number > 0) {
                tokio::time::sleep(pause).await;
            }
            if batches > 1 && ctx.options.quiet == 0 {
                let names: Vec<&str> = batch.iter().map(|host| host.name.as_str()).collect();
                let names = clean(&names.join(", "));
                output::note(&format!("batch {} of {batches}: {names}", number + 1));
            }
            let acts = batch.iter_mut().map(|host| self.act_on(host, timeout));
            join_all(acts).await;
            let failed = batch.iter().filter(|host| host.has_failed()).count();
            failures += u32::try_from(failed).unwrap_or(u32::MAX);
            if failures > pace.max_failures {
                stopped = Some(format!("it failed on {}", count(failures as usize, "host")));
                continue;
            }
            if number + 1 < batches {
                let gates = batch.iter().map(|host| closed_gate(host, &pace.gate));
                stopped = join_all(gates).await.into_iter().flatten().next();
            }
        }
    }

    async fn act_on(&self, host: &mut Planned, timeout: Duration) {
        if let Some(client) = &host.client {
            let client = client.clone().with_timeout(timeout);
            self.act(&client, &mut host.rows).await;
        }
    }
}

/// Why a host does not let the next batch begin; nothing when it does.
async fn closed_gate(host: &Planned, units: &[String]) -> Option<String> {
    let client = host.client.as_ref()?;
    for unit in units {
        let look = async {
            loop {
                let state = match client.unit(unit, 0).await {
                    Ok(detail) if detail.active == "active" => return None,
                    Ok(detail) => detail.active,
                    Err(error) => error.in_short(),
                };
                let reason = format!("the gate {unit} is not active on {}: {state}", host.name);
                if matches!(state.as_str(), "failed" | "inactive") {
                    return Some(reason);
                }
                tokio::time::sleep(GATE_LOOK).await;
            }
        };
        match tokio::time::timeout(GATE, look).await {
            Ok(None) => {}
            Ok(reason) => return reason,
            Err(_) => {
                let name = &host.name;
                return Some(format!("the gate {unit} did not become active on {name}"));
            }
        }
    }
    None
}

/// What would be done on each host, or why not.
fn plan_in_words(planned: &[Planned]) -> String {
    let mut lines = vec!["plan:".to_owned()];
    for host in planned {
        for row in &host.rows {
            let verdict = row.verdict();
            let line = format!(
                "  {}: {} {}: {verdict}",
                host.name,
                row.verb,
                row.in_words()
            );
            lines.push(clean(&line));
        }
    }
    lines.join("\n")
}

fn print(ctx: &Context, are_many: bool, planned: &[Planned]) -> anyhow::Result<ExitCode> {
    let mut worst = Worst::NONE;
    let mut rows = Vec::new();
    for host in planned {
        let name = are_many.then_some(host.name.as_str());
        for row in &host.rows {
            worst.note(row.exit_code());
            rows.push((name, row));
        }
    }
    outcome::listing().print_all(ctx, &rows, are_many, true)?;
    Ok(worst.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_seconds_or_a_duration() {
        assert_eq!(parse_pause("30"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_pause("2min"), Ok(Duration::from_mins(2)));
        assert!(parse_pause("soon").is_err() && parse_pause("-1").is_err());
    }
}
