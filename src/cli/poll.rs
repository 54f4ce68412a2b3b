//! Polls the chosen hosts at once and prints what comes back, each host's rows or its failure.

use std::process::ExitCode;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, Stream};
use serde::Serialize;

use super::exit::{self, UsageError, Worst};
use super::globals::{Format, TIMEOUT};
use super::hosts::{AT_ONCE, Host, HostError, Hosts, LOCAL};
use super::rows::{JsonRow, Listing, clean};
use super::{Context, output};
use linux_api_client::Client;
use linux_api_config::ConfigValue;

/// What one host sent, or why nothing came.
struct Polled<T> {
    /// Its place among the hosts.
    place: usize,
    name: String,
    result: Result<T, HostError>,
}

/// A single host's failure, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{}{error}{}", whose(.name, .error), advice(.error))]
pub(super) struct OnlyHostError {
    /// What the user calls it; empty where that is of no help.
    name: String,
    pub(super) error: HostError,
}

/// The name, where the error does not say it.
fn whose(name: &str, error: &HostError) -> String {
    if name.is_empty() || name == LOCAL || error.to_string().contains(name) {
        return String::new();
    }
    format!("{name}: ")
}

fn advice(error: &HostError) -> String {
    error
        .advice()
        .map_or_else(String::new, |advice| format!("; {advice}"))
}

/// As people write it.
fn in_words(timeout: Duration) -> String {
    let text = timeout.to_toml();
    let text = text.as_ref().and_then(toml::Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Polls hosts, a bounded number at once, each with its own deadline; results come as hosts respond.
fn poll<T>(
    ctx: &Context,
    hosts: Vec<Host>,
    fetch: impl AsyncFn(&Client) -> Result<T, HostError>,
) -> impl Stream<Item = Polled<T>> {
    let timeout = ctx.options.timeout.unwrap_or(TIMEOUT);
    let fetch = std::rc::Rc::new(fetch);
    stream::iter(hosts.into_iter().enumerate())
        .map(move |(place, host)| {
            let fetch = std::rc::Rc::clone(&fetch);
            async move {
                let result = match host.client {
                    Err(error) => Err(error),
                    Ok(client) => match tokio::time::timeout(timeout, fetch(&client)).await {
                        Ok(result) => result,
                        Err(_) => Err(HostError::Late(in_words(timeout))),
                    },
                };
                Polled {
                    place,
                    name: host.name,
                    result,
                }
            }
        })
        .buffer_unordered(AT_ONCE)
}

/// All results, in the order of the hosts.
async fn poll_all<T>(
    ctx: &Context,
    hosts: Vec<Host>,
    fetch: impl AsyncFn(&Client) -> Result<T, HostError>,
) -> Vec<Polled<T>> {
    let mut all: Vec<Polled<T>> = poll(ctx, hosts, fetch).collect().await;
    all.sort_by_key(|polled| polled.place);
    all
}

/// Writes why a host failed, and notes its exit code.
fn complain(name: &str, error: &HostError, worst: &mut Worst) {
    output::note(&format!("{name}: {}", error.in_short()).replace('\n', " "));
    worst.note(exit::of_host(error));
}

/// Fetches rows from the chosen hosts and prints them.
///
/// # Errors
/// When no host can be chosen, the only one fails, or the output can't be written.
pub(super) async fn list<T: Serialize>(
    ctx: &Context,
    listing: &Listing<T>,
    fetch: impl AsyncFn(&Client) -> Result<Vec<T>, HostError>,
) -> anyhow::Result<ExitCode> {
    let hosts = ctx.hosts().await?;
    Ok(list_of(ctx, hosts, listing, fetch, None, |_, _| {})
        .await?
        .into())
}

/// As [`list`], with a row in place of the complaint about a host that failed, and a last word on each row of the
/// host with that name.
///
/// # Errors
/// When no host can be chosen, or the output can't be written.
pub(super) async fn list_failures<T: Serialize>(
    ctx: &Context,
    hosts: Hosts,
    listing: &Listing<T>,
    fetch: impl AsyncFn(&Client) -> Result<Vec<T>, HostError>,
    failure: fn(&HostError) -> T,
    complete: impl Fn(&str, &mut T),
) -> anyhow::Result<Worst> {
    list_of(ctx, hosts, listing, fetch, Some(failure), complete).await
}

async fn list_of<T: Serialize>(
    ctx: &Context,
    Hosts {
        are_many,
        all,
        here: _here,
    }: Hosts,
    listing: &Listing<T>,
    fetch: impl AsyncFn(&Client) -> Result<Vec<T>, HostError>,
    failure: Option<fn(&HostError) -> T>,
    complete: impl Fn(&str, &mut T),
) -> anyhow::Result<Worst> {
    let mut worst = Worst::NONE;
    let mut polled = std::pin::pin!(poll(ctx, all, fetch));
    let mut held: Vec<(usize, String, Vec<T>)> = Vec::new();
    let mut failed: Vec<(usize, String, HostError)> = Vec::new();
    let is_stream = ctx.format() == Format::Jsonl;
    while let Some(Polled {
        place,
        name,
        result,
    }) = polled.next().await
    {
        let mut rows = match (result, failure) {
            (Ok(rows), _) => rows,
            (Err(error), Some(failure)) => {
                worst.note(exit::of_host(&error));
                vec![failure(&error)]
            }
            (Err(error), None) if !are_many => return Err(OnlyHostError { name, error }.into()),
            (Err(error), None) if is_stream => {
                complain(&name, &error, &mut worst);
                continue;
            }
            (Err(error), None) => {
                failed.push((place, name, error));
                continue;
            }
        };
        for row in &mut rows {
            complete(&name, row);
        }
        if is_stream {
            // As each host responds: what was printed is not held any longer.
            let host = are_many.then_some(name.as_str());
            let rows: Vec<_> = rows.iter().map(|row| (host, row)).collect();
            listing.print_all(ctx, &rows, are_many, false)?;
        } else {
            held.push((place, name, rows));
        }
    }
    if is_stream {
        return Ok(worst);
    }
    failed.sort_by_key(|(place, ..)| *place);
    for (_, name, error) in &failed {
        complain(name, error, &mut worst);
    }
    held.sort_by_key(|(place, ..)| *place);
    let mut rows: Vec<(Option<&str>, &T)> = Vec::new();
    for (_, name, own) in &held {
        let host = are_many.then_some(name.as_str());
        rows.extend(own.iter().map(|row| (host, row)));
    }
    listing.print_all(ctx, &rows, are_many, failed.is_empty())?;
    Ok(worst)
}

/// The only host's failure, with what to do about it.
pub(super) fn only_host(error: HostError) -> anyhow::Error {
    let name = String::new();
    OnlyHostError { name, error }.into()
}

/// What all chosen hosts sent, in their order, each with its name; failures are complained about and noted in
/// `worst`. The flag says whether many may be meant.
///
/// # Errors
/// When no host can be chosen, or the only one fails.
pub(super) async fn collect<T>(
    ctx: &Context,
    fetch: impl AsyncFn(&Client) -> Result<T, HostError>,
    worst: &mut Worst,
) -> anyhow::Result<(bool, Vec<(String, T)>)> {
    // The daemon of this process lives until all of it is printed.
    let Hosts {
        are_many,
        all,
        here: _here,
    } = ctx.hosts().await?;
    let mut held = Vec::new();
    for one in poll_all(ctx, all, fetch).await {
        match one.result {
            Ok(value) => held.push((one.name, value)),
            Err(error) if are_many => complain(&one.name, &error, worst),
            Err(error) => {
                let name = one.name;
                return Err(OnlyHostError { name, error }.into());
            }
        }
    }
    Ok((are_many, held))
}

/// The result of the only host.
fn only<T>(polled: Vec<Polled<T>>) -> anyhow::Result<T> {
    match polled.into_iter().next() {
        Some(Polled { name, result, .. }) => {
            Ok(result.map_err(|error| OnlyHostError { name, error })?)
        }
        None => Err(UsageError("no host is chosen".to_owned()).into()),
    }
}

/// Fetches one document from each chosen host and prints it: `words` writes it for people.
///
/// # Errors
/// When no host can be chosen, the only one fails, or the output can't be written.
pub(super) async fn show<T: Serialize>(
    ctx: &Context,
    fetch: impl AsyncFn(&Client) -> Result<T, HostError>,
    words: impl Fn(&T) -> String,
) -> anyhow::Result<ExitCode> {
    // The daemon of this process lives until all of it is printed.
    let Hosts {
        are_many,
        all,
        here: _here,
    } = ctx.hosts().await?;
    if !are_many {
        let document = only(poll_all(ctx, all, fetch).await)?;
        output::styled_document(ctx, &document, || words(&document))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut worst = Worst::NONE;
    if ctx.format() == Format::Jsonl {
        let mut polled = std::pin::pin!(poll(ctx, all, fetch));
        while let Some(Polled { name, result, .. }) = polled.next().await {
            match result {
                Ok(document) => output::json_line(&JsonRow::new(Some(&name), &document))?,
                Err(error) => complain(&name, &error, &mut worst),
            }
        }
        return Ok(worst.into());
    }
    let mut documents = Vec::new();
    for one in poll_all(ctx, all, fetch).await {
        match one.result {
            Ok(document) => documents.push((one.name, document)),
            Err(error) => complain(&one.name, &error, &mut worst),
        }
    }
    if ctx.is_json() {
        let all = documents
            .iter()
            .map(|(name, document)| JsonRow::new(Some(name), document));
        output::json(&all.collect::<Vec<_>>())?;
    } else {
        let text: Vec<String> = documents
            .iter()
            .map(|(name, document)| format!("== {}\n\n{}", clean(name), words(document)))
            .collect();
        if !text.is_empty() {
            output::styled(&text.join("\n"))?;
        }
    }
    Ok(worst.into())
}
