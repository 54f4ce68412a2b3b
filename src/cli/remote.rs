//! `linux-api remote`: the daemons that this user watches.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::table::table;
use super::{Context, FAILED, completion, confirm, output};
use linux_api_client::error::ClientError;
use linux_api_client::keys::{KeyError, KeyPlace, Keys};
use linux_api_client::remotes::{Remote, Remotes, check_name};
use linux_api_client::{Address, Client, Target};
use linux_api_wire::api::users::CurrentUser;

/// Most bytes of a key on standard input.
const KEY_MAX: u64 = 4096;
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
    Add(Add),
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
    /// A label to select it by; may be given several times
    #[arg(short, long = "label", value_name = "LABEL=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
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
            Command::List { json } => list(ctx, json),
            Command::Test { name, json } => test(ctx, name, json).await,
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
        let response = match ask(&target).await {
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
            labels: self.labels.into_iter().collect(),
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
        if !confirm::confirm("Keep the key in a file that only you can read?", false)? {
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
            // Before a key is typed that can't be used.
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
async fn ask(target: &Target) -> Result<(CurrentUser, Duration), ClientError> {
    let client = Client::new(target)?;
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
