//! `linux-api user key`: the API keys of one user.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::report::{Report, reports};
use super::show::{KeyRow, keys};
use crate::cli::admin_target::AdminTarget;
use crate::cli::{Context, completion, confirm, poll, when};
use linux_api_client::Client;
use linux_api_config::ConfigValue;
use linux_api_wire::api::keys::IssuedKey;
use linux_api_wire::api_key::Scope;
use linux_api_wire::audit::Action;
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::Timestamp;

/// The longest that a rotated key may live on.
const OVERLAP_MAX: Duration = Duration::from_hours(7 * 24);

/// Manage the keys of a user
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List a user's keys, including revoked and expired ones
    #[command(visible_alias = "ls")]
    List {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
    },
    /// Create another key and print it, once
    Create {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
        /// Name for the key
        #[arg(long, default_value = "made on the command line", value_parser = parse_key_name)]
        name: String,
        /// Limit it to this scope; may be repeated. Default: everything that the user's role allows
        #[arg(long = "scope", value_name = "SCOPE", add = completion::scopes())]
        scopes: Vec<Scope>,
        /// Limit it to hosts with these labels, such as env=dev,role=web; all of them must be there
        #[arg(long, value_name = "LABELS")]
        hosts: Option<HostSelector>,
        /// When it stops working: a duration from now such as 30d, a date, or a time such as
        /// 2036-01-01T08:00:00Z
        #[arg(long, value_name = "TIME", value_parser = when::future)]
        expires: Option<Timestamp>,
    },
    /// Replace a key by a new one, which is printed once
    Rotate {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
        /// Id of the key: the 12 characters after `lapi_`
        key: String,
        /// How long the old key keeps working, at most 7 days
        #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = parse_overlap)]
        overlap: Duration,
    },
    /// Revoke a key: every daemon refuses it within two seconds
    #[command(visible_aliases = ["rm", "remove", "delete"])]
    Revoke {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
        /// Id of the key: the 12 characters after `lapi_`
        key: String,
    },
}

impl Options {
    pub(super) async fn run(self, place: &AdminTarget, ctx: &Context) -> anyhow::Result<()> {
        match self.command {
            Command::List { user } => keys().print(ctx, &list(place, &user).await?),
            Command::Create {
                user,
                name,
                scopes,
                hosts,
                expires,
            } => {
                let hosts = hosts.unwrap_or_default();
                let made = create(place, &user, &name, (scopes, hosts), expires);
                made.await?.print(ctx)
            }
            Command::Rotate { user, key, overlap } => {
                rotate(place, &user, &key, overlap).await?.print(ctx)
            }
            Command::Revoke { user, key } => revoke(place, &user, &key, ctx).await?.print(ctx),
        }
    }

    pub(super) async fn run_on_many(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = |client: &Client| AdminTarget::Remote(client.clone());
        match self.command {
            Command::List { user } => {
                let fetch = async |client: &Client| Ok(list(&place(client), &user).await?);
                poll::list(ctx, &keys(), fetch).await
            }
            Command::Create {
                user,
                name,
                scopes,
                hosts,
                expires,
            } => {
                let limits = (scopes, hosts.unwrap_or_default());
                let act = async |client: &Client| {
                    let (place, limits) = (place(client), limits.clone());
                    let made = create(&place, &user, &name, limits, expires);
                    Ok(vec![made.await?])
                };
                poll::list(ctx, &reports(true), act).await
            }
            // Refused before: each daemon has keys of its own.
            Command::Rotate { .. } | Command::Revoke { .. } => {
                bail!("a key is one of one daemon: use --remote once")
            }
        }
    }
}

fn parse_key_name(text: &str) -> Result<String, &'static str> {
    let name = text.trim();
    if !(1..=64).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err("a key's name has 1 to 64 characters, none of them control");
    }
    Ok(name.to_owned())
}

fn parse_overlap(text: &str) -> Result<Duration, String> {
    let overlap = Duration::from_text(text)?;
    if overlap > OVERLAP_MAX {
        return Err("must be at most 7 days".to_owned());
    }
    if overlap.subsec_nanos() > 0 {
        return Err("must be whole seconds".to_owned());
    }
    Ok(overlap)
}

async fn list(place: &AdminTarget, user: &str) -> anyhow::Result<Vec<KeyRow>> {
    let user = place.user(user).await?;
    Ok(KeyRow::all(place.keys(&user).await?, place.now()))
}

async fn create(
    place: &AdminTarget,
    user: &str,
    name: &str,
    (scopes, hosts): (Vec<Scope>, HostSelector),
    expires: Option<Timestamp>,
) -> anyhow::Result<Report> {
    let user = place.user_for(Action::KeyCreate, user).await?;
    let made = place
        .create_key(&user, name, scopes, hosts, expires)
        .await?;
    new_key(&made, format!("created a key for {}", user.username))
}

async fn rotate(
    place: &AdminTarget,
    user: &str,
    key: &str,
    overlap: Duration,
) -> anyhow::Result<Report> {
    let user = place.user_for(Action::KeyRotate, user).await?;
    let made = place.rotate_key(&user, key, overlap).await?;
    let said = if overlap.is_zero() {
        format!("the key {key} of {} has ended", user.username)
    } else {
        let overlap = overlap.to_toml();
        let overlap = overlap.as_ref().and_then(toml::Value::as_str);
        let overlap = overlap.unwrap_or_default();
        format!("the key {key} of {} ends in {overlap}", user.username)
    };
    new_key(&made, said)
}

async fn revoke(
    place: &AdminTarget,
    user: &str,
    key: &str,
    ctx: &Context,
) -> anyhow::Result<Report> {
    let user = place.user_for(Action::KeyRevoke, user).await?;
    let name = &user.username;
    if !confirm::confirm(ctx, &format!("Revoke the key {key} of {name}?"))? {
        bail!("nothing was revoked");
    }
    let changed = place.revoke_key(&user, key).await?;
    let line = if changed {
        format!("revoked {key} of {name}")
    } else {
        format!("{key} of {name} was revoked already")
    };
    let json = json!({"username": name, "key_id": key, "revoked": true, "changed": changed});
    Ok(Report::done(json, line))
}

fn new_key(made: &IssuedKey, line: String) -> anyhow::Result<Report> {
    Report::made(made, line, ("The new key", made.api_key.clone()))
}
