//! `linux-api remote`: the daemons that this user watches.

mod add;
mod clean;
mod import;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Subcommand;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Serialize;

use super::exit::{self, Worst};
use super::globals::Format;
use super::hosts::{AT_ONCE, HostError, LOCAL};
use super::rows::{Cell, Column, Listing, Tone};
use super::{Context, completion, output};
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_client::remotes::{Remote, Remotes};
use linux_api_wire::api::users::CurrentUser;

/// Add, list, test and remove the daemons to monitor
///
/// The list is kept in remotes.toml in the user's configuration directory, the keys in a keyring.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a daemon, or change the address or key of one
    ///
    /// Prompts for the API key, or reads it from `LINUX_API_KEY` or from standard input. Nothing is saved
    /// unless the daemon accepts it; `--offline` saves a daemon that can't be reached now. `--label` sets a
    /// label by which commands choose it.
    Add(add::Add),
    /// Add the hosts of an ssh configuration
    ///
    /// Each `Host` that is no pattern becomes the remote `ssh://HOST` of that name. Nothing is connected to;
    /// remotes that exist stay as they are.
    Import(import::Import),
    /// List the daemons
    #[command(visible_alias = "ls")]
    List,
    /// Poll one daemon, or all, and show which respond
    Test {
        /// The remote; default: all, or without remotes the daemon of this machine
        #[arg(add = completion::remotes())]
        name: Option<String>,
    },
    /// Remove a daemon and its key
    #[command(visible_aliases = ["rm", "delete"])]
    Remove {
        /// Which one
        #[arg(add = completion::remotes())]
        name: String,
    },
    /// Remove the programs that were copied to hosts behind ssh
    ///
    /// Removes the directory linux-api in the cache of the account that is logged in to, and nothing else.
    Clean(clean::Clean),
    /// Show or choose the daemon that the dashboard opens first
    Default {
        /// Which one
        #[arg(conflicts_with = "none", add = completion::remotes())]
        name: Option<String>,
        /// Remove the default
        #[arg(long)]
        none: bool,
    },
}

/// A remote as `list --json` shows it.
#[derive(Debug, Serialize)]
struct RemoteRow {
    name: String,
    default: bool,
    #[serde(flatten)]
    remote: Remote,
}

/// A remote as `test --json` shows it.
#[derive(Debug, Serialize)]
struct TestRow {
    name: String,
    url: String,
    ok: bool,
    latency_ms: Option<u128>,
    user: Option<String>,
    role: Option<String>,
    error: Option<String>,
    advice: Option<String>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Add(add) => add.run(ctx).await,
            Command::Import(import) => import.run(ctx),
            Command::Clean(clean) => clean.run(ctx).await,
            Command::List => list(ctx),
            Command::Test { name } => test(ctx, name).await,
            Command::Remove { name } => remove(ctx, &name).await,
            Command::Default { name, none } => default(ctx, name, none),
        }
    }
}

/// Who the daemon takes us for, and how long it took to say so.
async fn ask(client: &Client) -> Result<(CurrentUser, Duration), ClientError> {
    let start = Instant::now();
    let user = client.current_user().await?;
    Ok((user, start.elapsed()))
}

fn list(ctx: &Context) -> anyhow::Result<ExitCode> {
    let remotes = ctx.remotes()?;
    let row = |(name, remote): (&String, &Remote)| RemoteRow {
        name: name.clone(),
        default: remotes.default.as_ref() == Some(name),
        remote: remote.clone(),
    };
    let rows: Vec<RemoteRow> = remotes.remotes.iter().map(row).collect();
    let listing = Listing {
        columns: vec![
            Column::text("NAME", |row: &RemoteRow| {
                let mark = if row.default { " *" } else { "" };
                format!("{}{mark}", row.name).into()
            }),
            Column::long("URL", |row| row.remote.url.as_str().into()),
            Column::long("LABELS", |row| row.labels().into()),
            Column::long("KEY", |row| row.key_place().into()),
        ],
        name: |row| row.name.clone(),
        empty: "No remotes yet; add one with: linux-api remote add NAME URL".to_owned(),
    };
    listing.print(ctx, &rows)?;
    Ok(ExitCode::SUCCESS)
}

impl RemoteRow {
    fn labels(&self) -> String {
        let labels = self.remote.labels.iter();
        let labels: Vec<String> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        labels.join(" ")
    }

    fn key_place(&self) -> String {
        let place = self.remote.key;
        place.map_or_else(|| "none".to_owned(), |it| it.to_string())
    }
}

async fn test(ctx: &Context, name: Option<String>) -> anyhow::Result<ExitCode> {
    let remotes = ctx.remotes()?;
    let names: Vec<String> = match name {
        Some(name) => {
            remotes.get(&name)?;
            vec![name]
        }
        None if remotes.remotes.is_empty() => vec![LOCAL.to_owned()],
        None => remotes.remotes.keys().cloned().collect(),
    };
    let tests = stream::iter(names).map(|name| test_one(ctx, &remotes, name));
    let tested: Vec<(TestRow, u8)> = tests.buffered(AT_ONCE).collect().await;
    let mut worst = Worst::NONE;
    for (_, code) in &tested {
        worst.note(*code);
    }
    let rows: Vec<TestRow> = tested.into_iter().map(|(row, _)| row).collect();
    let listing = Listing {
        columns: vec![
            Column::text("NAME", |row: &TestRow| row.name.as_str().into()),
            Column::number("LATENCY", |row| {
                let latency = row.latency_ms.map(|ms| format!("{ms} ms"));
                latency.unwrap_or_default().into()
            }),
            Column::long("RESULT", TestRow::result),
        ],
        name: |row| row.name.clone(),
        empty: String::new(),
    };
    listing.print(ctx, &rows)?;
    let is_table = matches!(ctx.format(), Format::Table | Format::Wide);
    for row in rows.iter().filter(|row| is_table && !row.ok) {
        if let Some(advice) = &row.advice {
            output::text(&format!("{}: {advice}", row.name))?;
        }
    }
    Ok(worst.into())
}

impl TestRow {
    fn result(&self) -> Cell {
        match (&self.error, &self.user, &self.role) {
            (None, Some(user), Some(role)) => {
                Cell::new(format!("ok, as {user} ({role})"), Tone::Good)
            }
            (error, ..) => Cell::new(error.clone().unwrap_or_default(), Tone::Bad),
        }
    }
}

/// Whether a remote responds, and the exit code that this is worth.
async fn test_one(ctx: &Context, remotes: &Remotes, name: String) -> (TestRow, u8) {
    let url = remotes.remotes.get(&name).map(|remote| remote.url.clone());
    let mut tested = TestRow {
        url: url.unwrap_or_default(),
        name,
        ok: false,
        latency_ms: None,
        user: None,
        role: None,
        error: None,
        advice: None,
    };
    let target = if remotes.remotes.is_empty() {
        ctx.local_target().await
    } else {
        ctx.target(&tested.name).await
    };
    let polled = match target.map_err(HostError::from) {
        Ok(target) => match ctx.connect(&target) {
            Ok(client) => ask(&client).await.map_err(HostError::from),
            Err(error) => Err(error.into()),
        }
        .map(|polled| (target.address, polled)),
        Err(error) => Err(error),
    };
    match polled {
        Ok((address, (user, latency))) => {
            tested.url = address.to_string();
            tested.ok = true;
            tested.latency_ms = Some(latency.as_millis());
            tested.role = Some(user.user_perm.role.clone());
            tested.user = Some(user.user.username);
            (tested, 0)
        }
        Err(error) => {
            tested.error = Some(error.in_short());
            tested.advice = error.advice().map(str::to_owned);
            (tested, exit::of_host(&error))
        }
    }
}

async fn remove(ctx: &Context, name: &str) -> anyhow::Result<ExitCode> {
    let path = ctx.remotes_file()?;
    let mut remotes = Remotes::load(&path)?;
    let place = remotes.get(name)?.key;
    remotes.remotes.remove(name);
    if remotes.default.as_deref() == Some(name) {
        remotes.default = None;
    }
    remotes.save(&path)?;
    if let Some(place) = place {
        ctx.keys()
            .forget(place, name)
            .await
            .with_context(|| format!("{name} is removed, but its key is still in {place}"))?;
    }
    output::text(&format!("{name} removed"))?;
    Ok(ExitCode::SUCCESS)
}

fn default(ctx: &Context, name: Option<String>, none: bool) -> anyhow::Result<ExitCode> {
    let path = ctx.remotes_file()?;
    let mut remotes = Remotes::load(&path)?;
    if let Some(name) = &name {
        remotes.get(name)?;
    }
    if name.is_some() || none {
        remotes.default = name;
        remotes.save(&path)?;
    }
    let said = match &remotes.default {
        Some(name) => format!("The default is {name}"),
        None => "There is no default".to_owned(),
    };
    output::text(&said)?;
    Ok(ExitCode::SUCCESS)
}
