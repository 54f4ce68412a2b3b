//! Prints log lines of hosts as they are written.

use std::process::ExitCode;

use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::{Journal, fetch, rows};
use crate::cli::exit::{self, Worst};
use crate::cli::globals::Format;
use crate::cli::hosts::{Host, HostError, Hosts};
use crate::cli::rows::{JsonRow, clean};
use crate::cli::{Context, output, poll};
use linux_api_client::Client;
use linux_api_client::logs::{LogQuery, LogUpdate};
use linux_api_wire::api::logs::LogEntry;

/// How many updates may wait to be printed; hosts then wait too.
const QUEUE: usize = 256;

/// The newest lines first, then those that come, until it is interrupted or no host is left.
pub(super) async fn run(ctx: &Context, query: &LogQuery, lines: u32) -> anyhow::Result<ExitCode> {
    // The daemon of this process lives until it ends.
    let Hosts {
        are_many,
        all,
        here: _here,
    } = ctx.hosts().await?;
    let mut worst = Worst::NONE;
    let first = join_all(all.into_iter().map(|host| begin(host, query, lines))).await;
    let mut open: Vec<(String, Client, Option<String>)> = Vec::new();
    let mut journals = Vec::new();
    for (name, begun) in first {
        match begun {
            Ok((client, journal)) => {
                let cursor = journal.entries.last().map(|entry| entry.cursor.clone());
                open.push((name.clone(), client, cursor));
                journals.push((name, journal.entries));
            }
            Err(error) if !are_many => return Err(poll::only_host(error)),
            Err(error) => complain(&name, &error, &mut worst),
        }
    }
    for (name, entry) in rows::merge(journals) {
        print(ctx, are_many.then_some(name.as_str()), &entry)?;
    }
    let (sender, mut updates) = mpsc::channel(QUEUE);
    for (place, (_, client, cursor)) in open.iter().enumerate() {
        let query = LogQuery {
            cursor: cursor.clone(),
            ..query.clone()
        };
        let mut stream = client.log_stream(query);
        let sender = sender.clone();
        tokio::spawn(
            async move { while sender.send((place, stream.next().await)).await.is_ok() {} },
        );
    }
    drop(sender);
    let mut is_away = vec![false; open.len()];
    let mut has_ended = vec![false; open.len()];
    while has_ended.contains(&false) {
        let (place, update) = tokio::select! {
            ended = tokio::signal::ctrl_c() => {
                ended?;
                break;
            }
            update = updates.recv() => match update {
                Some(update) => update,
                None => break,
            },
        };
        if has_ended[place] {
            continue;
        }
        let name = open[place].0.as_str();
        match update {
            LogUpdate::Connected => is_away[place] = false,
            LogUpdate::Entry(entry) => print(ctx, are_many.then_some(name), &entry)?,
            LogUpdate::Gap(reason) => output::note(&clean(&format!("{name}: {reason}"))),
            LogUpdate::Lost { error, .. } if error.is_passing() => {
                if !std::mem::replace(&mut is_away[place], true) {
                    output::note(&clean(&format!("{name}: {}; retrying", error.in_short())));
                }
            }
            LogUpdate::Lost { error, .. } => {
                has_ended[place] = true;
                complain(name, &HostError::from(error), &mut worst);
            }
        }
    }
    Ok(worst.into())
}

async fn begin(
    host: Host,
    query: &LogQuery,
    lines: u32,
) -> (String, Result<(Client, Journal), HostError>) {
    let Host { name, client, .. } = host;
    let begun = match client {
        Err(error) => Err(error),
        Ok(client) => {
            let journal = fetch(&client, query, lines).await;
            journal.map(|journal| (client, journal))
        }
    };
    (name, begun)
}

fn complain(name: &str, error: &HostError, worst: &mut Worst) {
    output::note(&clean(&format!("{name}: {}", error.in_short())));
    worst.note(exit::of_host(error));
}

fn print(ctx: &Context, host: Option<&str>, entry: &LogEntry) -> anyhow::Result<()> {
    match ctx.format() {
        Format::Json | Format::Jsonl => output::json_line(&JsonRow::new(host, entry)),
        Format::Name => output::text(&clean(&entry.cursor)),
        Format::Table | Format::Wide => output::text(&clean(&rows::line(host, entry))),
    }
}
