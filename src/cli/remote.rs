//! `linux-api remote`: the daemons that this user watches.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use futures_util::StreamExt as _;
use futures_util::stream;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::exit::{self, Worst};
use super::globals::Format;
use super::hosts::{AT_ONCE, HostError, LOCAL};
use super::rows::{Cell, Column, Listing, Tone};
use super::{Context, completion, confirm, output};
use linux_api_client::error::ClientError;
use linux_api_client::keys::{KeyError, KeyPlace, Keys};
use linux_api_client::remotes::{Remote, Remotes, check_name};
use linux_api_client::{Address, Client, Target};
use linux_api_wire::api::users::CurrentUser;

/// Most bytes of a key on standard input.
const KEY_MAX: u64 = 4096;

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
    Add(Add),
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

#[derive(Debug, clap::Args)]
struct Add {
    /// Name for it
    name: String,
    #[arg(
        help = "Where it listens, such as https://web-03.example:8443 or unix:/run/linux-api/api.sock"
    )]
    url: String,
    /// Certificates in PEM to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Keep the key in a file that only this user can read, not in a keyring
    #[arg(long)]
    key_file: bool,
    /// Save it even if it can't be reached now, with an unchecked key
    #[arg(long)]
    offline: bool,
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
            Command::List => list(ctx),
            Command::Test { name } => test(ctx, name).await,
            Command::Remove { name } => remove(ctx, &name).await,
            Command::Default { name, none } => default(ctx, name, none),
        }
    }
}

impl Add {
    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        check_name(&self.name)?;
        let path = ctx.remotes_file()?;
        let mut remotes = Remotes::load(&path)?;
        let address: Address = self.url.parse().with_context(|| self.url.clone())?;
        let ca_file = match &self.ca_file {
            Some(file) => Some(
                std::path::absolute(file)
                    .with_context(|| format!("find the CA file {}", file.display()))?,
            ),
            None => None,
        };
        let target = Target {
            address: address.clone(),
            key: self.read_key(ctx, &address)?,
            ca_file: ca_file.clone(),
        };
        let response = match Client::new(&target) {
            Ok(client) => ask(&client).await,
            Err(error) => Err(error),
        };
        let response = match response {
            Ok(response) => Ok(response),
            // A refusal stays one: the daemon was reached, and the key or the address is wrong.
            Err(error) if self.offline && error.is_passing() => Err(error),
            Err(error) => return Err(explain(error, self.offline)),
        };
        let keys = ctx.keys();
        let place = match &target.key {
            None => None,
            Some(key) if self.key_file => {
                keys.put(KeyPlace::File, &self.name, key).await?;
                Some(KeyPlace::File)
            }
            Some(key) => Some(self.keep(ctx, &keys, key).await?),
        };
        let remote = Remote {
            url: address.to_string(),
            labels: ctx.options.labels.iter().cloned().collect(),
            ca_file,
            key: place,
        };
        let old = remotes.remotes.insert(self.name.clone(), remote);
        remotes.save(&path)?;
        let old_place = old.as_ref().and_then(|old| old.key);
        if let Some(old_place) = old_place.filter(|old_place| Some(*old_place) != place) {
            keys.forget(old_place, &self.name).await?;
        }
        let verb = if old.is_some() { "changed" } else { "added" };
        let name = &self.name;
        let mut said = match response {
            Ok((user, latency)) => format!(
                "{name} {verb}: {address} accepts {user} ({role}), {latency} ms\n",
                user = user.user.username,
                role = user.user_perm.role,
                latency = latency.as_millis(),
            ),
            Err(error) => format!(
                "{name} {verb}, unchecked: {address} can't be reached now ({reason}); linux-api \
                 remote test {name} checks it later\n",
                reason = error.in_short(),
            ),
        };
        if let Some(place) = place {
            let caution = place.caution().unwrap_or_default();
            let _ = writeln!(said, "The key is in {place}.\n{caution}");
        }
        output::text(&said)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Keeps the key in a keyring. Where the desktop has none, the user is prompted whether
    /// a file would be better; scripts say so with a flag.
    async fn keep(
        &self,
        ctx: &Context,
        keys: &Keys,
        key: &SecretString,
    ) -> anyhow::Result<KeyPlace> {
        let kept = keys.keep(&self.name, key).await;
        let asks = std::io::stdin().is_terminal() && ctx.key_from_environment().is_none();
        let problem = match &kept {
            Ok(KeyPlace::Kernel) => {
                "There is no desktop's keyring here, only the kernel's, which forgets at reboot and \
                 after three days without use."
                    .to_owned()
            }
            Err(error @ (KeyError::Neither { .. } | KeyError::Closed { .. })) => error.to_string(),
            _ => return Ok(kept?),
        };
        if !asks {
            return Ok(kept?);
        }
        output::text(&problem)?;
        if !confirm::prompt("Keep the key in a file that only you can read?")? {
            return Ok(kept?);
        }
        keys.put(KeyPlace::File, &self.name, key).await?;
        if let Ok(place) = kept {
            keys.forget(place, &self.name).await?;
        }
        Ok(KeyPlace::File)
    }

    /// The key from the environment, standard input or a prompt; a socket needs none.
    fn read_key(&self, ctx: &Context, address: &Address) -> anyhow::Result<Option<SecretString>> {
        if matches!(address, Address::Unix(_)) {
            return Ok(None);
        }
        if !address.is_private() {
            // Before anybody types a key that can't be used.
            bail!(
                "{address}: plain http would expose the key on the network; use https, or a \
                 tunnel to http://127.0.0.1"
            );
        }
        if let Some(key) = ctx.key_from_environment() {
            return Ok(Some(key));
        }
        let key = if std::io::stdin().is_terminal() {
            inquire::Password::new(&format!("API key for {}:", self.name))
                .without_confirmation()
                .with_display_mode(inquire::PasswordDisplayMode::Masked)
                .prompt()
                .context("prompt for the key")?
        } else {
            let mut line = String::new();
            std::io::stdin()
                .lock()
                .take(KEY_MAX)
                .read_line(&mut line)
                .context("read the key from standard input")?;
            line
        };
        let key = SecretString::from(key.trim());
        if key.expose_secret().is_empty() {
            bail!("no key; set LINUX_API_KEY or pass it on standard input");
        }
        Ok(Some(key))
    }
}

/// Who the daemon takes us for, and how long it took to say so.
async fn ask(client: &Client) -> Result<(CurrentUser, Duration), ClientError> {
    let start = Instant::now();
    let user = client.current_user().await?;
    Ok((user, start.elapsed()))
}

fn explain(error: ClientError, is_offline: bool) -> anyhow::Error {
    let advice = error.advice();
    let way = if error.is_passing() && !is_offline {
        ", or save it unchecked with --offline"
    } else {
        ""
    };
    anyhow::Error::new(error).context(format!("nothing was saved; {advice}{way}"))
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
