//! `linux-api remote`: the daemons that this user watches.

mod add;
mod clean;
mod import;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Subcommand;
use serde::Serialize;

use super::table::table;
use super::{Context, FAILED, completion, output};
use linux_api_client::error::ClientError;
use linux_api_client::remotes::{Remote, Remotes};
use linux_api_client::{Client, Target};
use linux_api_wire::api::users::CurrentUser;

/// What the daemon of this machine is called while there are no remotes.
const LOCAL: &str = "local";

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
    /// unless the daemon accepts it; `--offline` saves a daemon that can't be reached now.
    Add(add::Add),
    /// Add the hosts of an ssh configuration
    ///
    /// Each `Host` that is no pattern becomes the remote `ssh://HOST` of that name. Nothing is connected to;
    /// remotes that exist stay as they are.
    Import(import::Import),
    /// List the daemons
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Poll one daemon, or all, and show which respond
    Test {
        /// The remote; default: all, or without remotes the daemon of this machine
        #[arg(add = completion::remotes())]
        name: Option<String>,
        /// Print the responses as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a daemon and its key
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

/// Reads `LABEL=VALUE`.
pub(super) fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected LABEL=VALUE, such as env=prod".to_owned()),
    }
}

/// A remote as `list --json` shows it.
#[derive(Debug, Serialize)]
struct RemoteRow<'a> {
    name: &'a str,
    default: bool,
    #[serde(flatten)]
    remote: &'a Remote,
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
            Command::List { json } => list(ctx, json),
            Command::Test { name, json } => test(ctx, name, json).await,
            Command::Remove { name } => remove(ctx, &name).await,
            Command::Default { name, none } => default(ctx, name, none),
        }
    }
}

/// Who the daemon takes us for, and how long it took to say so.
async fn ask(target: &Target) -> Result<(CurrentUser, Duration), ClientError> {
    let client = Client::new(target)?;
    let start = Instant::now();
    let user = client.current_user().await?;
    Ok((user, start.elapsed()))
}

fn list(ctx: &Context, json: bool) -> anyhow::Result<ExitCode> {
    let remotes = ctx.remotes()?;
    let is_default = |name: &str| remotes.default.as_deref() == Some(name);
    if json {
        let listed: Vec<RemoteRow<'_>> = remotes
            .remotes
            .iter()
            .map(|(name, remote)| RemoteRow {
                name,
                default: is_default(name),
                remote,
            })
            .collect();
        output::json(&listed)?;
    } else if remotes.remotes.is_empty() {
        output::text("No remotes yet; add one with: linux-api remote add NAME URL")?;
    } else {
        let row = |(name, remote): (&String, &Remote)| {
            let labels: Vec<String> = remote
                .labels
                .iter()
                .map(|(label, value)| format!("{label}={value}"))
                .collect();
            let key = remote
                .key
                .map_or_else(|| "none".to_owned(), |it| it.to_string());
            let mark = if is_default(name) { " *" } else { "" };
            vec![
                format!("{name}{mark}"),
                remote.url.clone(),
                labels.join(" "),
                key,
            ]
        };
        let rows: Vec<Vec<String>> = remotes.remotes.iter().map(row).collect();
        output::text(&table(&["NAME", "URL", "LABELS", "KEY"], &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn test(ctx: &Context, name: Option<String>, json: bool) -> anyhow::Result<ExitCode> {
    let remotes = ctx.remotes()?;
    let names: Vec<String> = match name {
        Some(name) => {
            remotes.get(&name)?;
            vec![name]
        }
        None if remotes.remotes.is_empty() => vec![LOCAL.to_owned()],
        None => remotes.remotes.keys().cloned().collect(),
    };
    let asked = names.into_iter().map(|name| test_one(ctx, &remotes, name));
    let tested: Vec<TestRow> = futures_util::future::join_all(asked).await;
    if json {
        output::json(&tested)?;
    } else {
        let row = |tested: &TestRow| {
            let answer = match (&tested.error, &tested.user, &tested.role) {
                (None, Some(user), Some(role)) => format!("ok, as {user} ({role})"),
                (error, ..) => error.clone().unwrap_or_default(),
            };
            let latency = tested.latency_ms.map(|ms| format!("{ms} ms"));
            vec![tested.name.clone(), latency.unwrap_or_default(), answer]
        };
        let rows: Vec<Vec<String>> = tested.iter().map(row).collect();
        output::text(&table(&["NAME", "LATENCY", "ANSWER"], &rows))?;
        for tested in tested.iter().filter(|tested| !tested.ok) {
            if let Some(advice) = &tested.advice {
                output::text(&format!("{}: {advice}", tested.name))?;
            }
        }
    }
    Ok(if tested.iter().all(|tested| tested.ok) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

async fn test_one(ctx: &Context, remotes: &Remotes, name: String) -> TestRow {
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
    let target = match target {
        Ok(target) => target,
        Err(error) => {
            tested.error = Some(format!("{error:#}"));
            return tested;
        }
    };
    match ask(&target).await {
        Ok((user, latency)) => {
            tested.url = target.address.to_string();
            tested.ok = true;
            tested.latency_ms = Some(latency.as_millis());
            tested.role = Some(user.user_perm.role.clone());
            tested.user = Some(user.user.username);
        }
        Err(error) => {
            tested.error = Some(error.in_short());
            tested.advice = Some(error.advice().to_owned());
        }
    }
    tested
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_a_name_and_a_value() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(parse_label("env=prod"), pair("env", "prod"));
        assert_eq!(parse_label(" a = b=c "), pair("a", "b=c"));
        assert!(parse_label("env").is_err() && parse_label("=x").is_err());
    }
}
