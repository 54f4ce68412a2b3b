//! `linux-api user key`: the API keys of one user.

use std::time::Duration;

use anyhow::bail;

use super::show::{KeyRow, keys};
use crate::cli::admin_target::AdminTarget;
use crate::cli::{Context, completion, confirm, output, when};
use linux_api_config::ConfigValue;
use linux_api_wire::api::keys::IssuedKey;
use linux_api_wire::api_key::Scope;
use linux_api_wire::audit::Action;
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
            Command::List { user } => list(place, &user, ctx).await,
            Command::Create {
                user,
                name,
                scopes,
                expires,
            } => {
                let user = place.user_for(Action::KeyCreate, &user).await?;
                let made = place.create_key(&user, &name, scopes, expires).await?;
                let said = format!("created a key for {}", user.username);
                print_new(&made, &said, ctx)
            }
            Command::Rotate { user, key, overlap } => {
                rotate(place, &user, &key, overlap, ctx).await
            }
            Command::Revoke { user, key } => revoke(place, &user, &key, ctx).await,
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

async fn list(place: &AdminTarget, user: &str, ctx: &Context) -> anyhow::Result<()> {
    let user = place.user(user).await?;
    keys().print(ctx, &KeyRow::all(place.keys(&user).await?, place.now()))
}

async fn rotate(
    place: &AdminTarget,
    user: &str,
    key: &str,
    overlap: Duration,
    ctx: &Context,
) -> anyhow::Result<()> {
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
    print_new(&made, &said, ctx)
}

async fn revoke(place: &AdminTarget, user: &str, key: &str, ctx: &Context) -> anyhow::Result<()> {
    let user = place.user_for(Action::KeyRevoke, user).await?;
    let name = &user.username;
    if !confirm::ask(ctx, &format!("Revoke the key {key} of {name}?"))? {
        bail!("nothing was revoked");
    }
    let revoked = place.revoke_key(&user, key).await?;
    output::text(&if revoked {
        format!("revoked {key} of {name}")
    } else {
        format!("{key} of {name} was revoked already")
    })
}

fn print_new(key: &IssuedKey, said: &str, ctx: &Context) -> anyhow::Result<()> {
    output::document(ctx, key, || {
        format!(
            "{said}\n\nThe new key, shown only once:\n\n{}\n",
            key.api_key
        )
    })
}
