//! `linux-api logs`: the journals of hosts, merged by time.

mod follow;
mod rows;

use std::process::ExitCode;
use std::time::Duration;

use super::act::parse_unit;
use super::exit::{UsageError, Worst};
use super::hosts::HostError;
use super::{Context, completion, output, poll, when};
use linux_api_client::Client;
use linux_api_client::logs::{LogDirection, LogQuery};
use linux_api_wire::api::logs::LogEntry;
use linux_api_wire::time::Timestamp;

/// Most entries of one page.
const PAGE: u32 = 1000;
/// How long pages are continued that the host had no time for.
const GOES_ON: Duration = Duration::from_secs(3);
/// Names of priorities, from 0 on.
pub(super) const PRIORITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// Show the journals of hosts, merged by time
///
/// The newest lines that fit all conditions, oldest first; of several hosts in one list with a column for the host.
/// Needs the role operator or admin and the scope logs:read: journals may hold secrets.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Only lines of this unit; without a type it is a service
    #[arg(short, long, value_name = "UNIT", value_parser = parse_unit, add = completion::units())]
    unit: Option<String>,
    /// Only of this priority or a more urgent one: emerg, alert, crit, err, warning, notice, info, debug, or 0 to 7
    #[arg(short, long, value_name = "PRIORITY", value_parser = parse_priority)]
    priority: Option<u8>,
    /// Only since this time: a duration until now such as 1h, a date, or a time such as 2026-11-23T06:00:00Z
    #[arg(short = 'S', long, value_name = "TIME", value_parser = when::past)]
    since: Option<Timestamp>,
    /// Only until this time
    #[arg(short = 'U', long, value_name = "TIME", value_parser = when::past, conflicts_with = "follow")]
    until: Option<Timestamp>,
    /// Only lines that fit this regular expression
    #[arg(short, long, value_name = "PATTERN")]
    grep: Option<String>,
    /// Only of the present boot, or with --boot=-1 of the one before; an id is possible too
    #[arg(short, long, value_name = "BOOT", num_args = 0..=1, default_missing_value = "0", require_equals = true)]
    boot: Option<String>,
    /// The most lines of each host
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    lines: u32,
    /// Keep printing new lines until interrupted
    #[arg(short, long)]
    follow: bool,
}

fn parse_priority(text: &str) -> Result<u8, String> {
    let number = text.parse().ok().filter(|number| *number <= 7);
    let named = || {
        let place = PRIORITIES.iter().position(|name| *name == text)?;
        u8::try_from(place).ok()
    };
    number
        .or_else(named)
        .ok_or_else(|| format!("expected 0 to 7 or one of {}", PRIORITIES.join(", ")))
}

/// What a host has.
#[derive(Debug)]
struct Journal {
    /// Oldest first.
    entries: Vec<LogEntry>,
    /// Whether the host had no time to read all of it.
    is_partial: bool,
    /// Whether there are older ones that fit.
    has_older: bool,
}

impl Options {
    fn query(&self) -> LogQuery {
        LogQuery {
            unit: self.unit.clone(),
            priority: self.priority,
            since: self.since.map(|it| it.to_string()),
            until: self.until.map(|it| it.to_string()),
            boot: self.boot.clone(),
            grep: self.grep.clone(),
            ..LogQuery::default()
        }
    }

    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            let problem = "the range ends before it begins: look at --since and --until";
            return Err(UsageError(problem.to_owned()).into());
        }
        let query = self.query();
        if self.follow {
            return follow::run(ctx, &query, self.lines).await;
        }
        let mut worst = Worst::NONE;
        let fetch = async |client: &Client| fetch(client, &query, self.lines).await;
        let (are_many, held) = poll::collect(ctx, fetch, &mut worst).await?;
        for (name, journal) in &held {
            if journal.is_partial {
                output::note(&format!(
                    "{name}: the time ran out before all was read; narrow it with --since or --unit"
                ));
            }
            if self.since.is_some() && journal.has_older {
                let lines = self.lines;
                output::note(&format!(
                    "{name}: only the newest {lines} lines are shown; -n shows more"
                ));
            }
        }
        let merged = rows::merge(
            held.into_iter()
                .map(|(name, journal)| (name, journal.entries)),
        );
        let shown: Vec<(Option<&str>, &LogEntry)> = merged
            .iter()
            .map(|(name, entry)| (are_many.then_some(name.as_str()), entry))
            .collect();
        rows::listing().print_all(ctx, &shown, are_many, worst == Worst::NONE)?;
        Ok(worst.into())
    }
}

/// The newest entries, page after page.
async fn fetch(client: &Client, query: &LogQuery, lines: u32) -> Result<Journal, HostError> {
    let most = lines as usize;
    let mut query = query.clone();
    let mut journal = Journal {
        entries: Vec::new(),
        is_partial: false,
        has_older: false,
    };
    let begin = std::time::Instant::now();
    loop {
        let left = most - journal.entries.len();
        query.limit = Some(PAGE.min(u32::try_from(left).unwrap_or(PAGE)));
        let page = client.logs(&query).await?;
        // A page that was cut is continued, but not for as long as the host may take.
        journal.is_partial = page.partial && begin.elapsed() > GOES_ON;
        journal.has_older = page.older_cursor.is_some();
        journal.is_partial |= page.partial && page.older_cursor.is_none();
        let mut entries = page.items;
        // A host that sends more than was requested.
        let excess = entries.len().saturating_sub(left);
        entries.drain(..excess);
        entries.append(&mut journal.entries);
        journal.entries = entries;
        let next = page
            .older_cursor
            .filter(|_| journal.entries.len() < most && !journal.is_partial);
        if next.is_none() || next == query.cursor {
            return Ok(journal);
        }
        query.cursor = next;
        query.direction = Some(LogDirection::Older);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_a_name_or_a_digit() {
        assert_eq!(parse_priority("err"), Ok(3));
        assert_eq!(parse_priority("7"), Ok(7));
        for text in ["8", "-1", "error", ""] {
            assert!(parse_priority(text).is_err(), "{text}");
        }
    }
}
