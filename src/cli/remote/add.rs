//! `linux-api remote add`: saves a daemon that was reached, or changes one.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret, SecretString};

use super::ask;
use crate::cli::{Context, confirm, output};
use linux_api_client::error::ClientError;
use linux_api_client::keys::{KeyError, KeyPlace, Keys};
use linux_api_client::remotes::{Remote, Remotes, check_name};
use linux_api_client::{Address, Target};

/// Most bytes of a key on standard input.
const KEY_MAX: u64 = 4096;

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Name for it
    name: String,
    #[arg(
        help = "Where it listens, such as https://web-03.example:8443, ssh://web-03 or unix:/run/linux-api/api.sock"
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

impl Add {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
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
        let push = ctx.options.push;
        let target = match &address {
            Address::Ssh(host) => Target::ssh(host.clone(), push),
            _ => Target {
                key: self.read_key(ctx, &address)?,
                ca_file: ca_file.clone(),
                ..Target::new(address.clone())
            },
        };
        let response = match ctx.connect(&target) {
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
            push,
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

    /// The key from the environment, standard input or a prompt; none where the account is known.
    fn read_key(&self, ctx: &Context, address: &Address) -> anyhow::Result<Option<SecretString>> {
        if !address.needs_key() {
            return Ok(None);
        }
        if !address.is_private() {
            // Before someone types a key that can't be used.
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

fn explain(error: ClientError, is_offline: bool) -> anyhow::Error {
    let advice = error.advice();
    let way = if error.is_passing() && !is_offline {
        ", or save it unchecked with --offline"
    } else {
        ""
    };
    anyhow::Error::new(error).context(format!("nothing was saved; {advice}{way}"))
}
