//! `linux-api user key`: the API keys of one user.

use std::time::Duration;

use anyhow::{Context as _, bail};

use super::show::{keys_of, print_keys};
use super::{explain, find};
use crate::api::keys::{IssuedKey, ListedKey};
use crate::auth::hash::Hasher;
use crate::auth::key::PlainKey;
use crate::cli::database::Administration;
use crate::cli::{confirm, output};
use crate::config::ConfigValue;
use crate::model::api_key::{ApiKey, KeyId, Scope, Scopes};
use crate::model::time::Timestamp;
use crate::store::api_keys::NewKey;

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
    /// List a user's keys, ended ones included
    List {
        /// Login name or id
        user: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make one more key and print it, once
    Create {
        /// Login name or id
        user: String,
        /// What to call the key
        #[arg(long, default_value = "made on the command line")]
        name: String,
        /// What it may do at most; may be repeated. Without it all that the user's role may
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// When it stops working, such as 2036-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<Timestamp>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Replace a key by a new one, which is printed once
    Rotate {
        /// Login name or id
        user: String,
        /// Id of the key: the 12 characters after `lapi_`
        key: String,
        /// For how long the old key keeps working, at most 7 days
        #[arg(long, default_value = "1h", value_name = "DURATION")]
        overlap: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: it is refused within two seconds by every daemon
    Revoke {
        /// Login name or id
        user: String,
        /// Id of the key: the 12 characters after `lapi_`
        key: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Options {
    pub(super) async fn run(self, admin: &Administration) -> anyhow::Result<()> {
        match self.command {
            Command::List { user, json } => list(admin, &user, json).await,
            Command::Create {
                user,
                name,
                scopes,
                expires,
                json,
            } => {
                let name = name.trim().to_owned();
                if !(1..=64).contains(&name.chars().count()) || name.chars().any(char::is_control) {
                    bail!("--name: a key's name has 1 to 64 characters, none of them control");
                }
                if expires.is_some_and(|time| time <= admin.store.clock().now()) {
                    bail!("--expires: the time has passed already");
                }
                let scopes = if scopes.is_empty() {
                    Scopes::ALL
                } else {
                    Scopes::only(scopes)
                };
                create(admin, &user, &name, scopes, expires, json).await
            }
            Command::Rotate {
                user,
                key,
                overlap,
                json,
            } => rotate(admin, &user, &key, &overlap, json).await,
            Command::Revoke { user, key, yes } => revoke(admin, &user, &key, yes).await,
        }
    }
}

async fn list(admin: &Administration, user: &str, json: bool) -> anyhow::Result<()> {
    let user = find(admin, user).await?;
    let keys = keys_of(admin, &user).await?;
    if json {
        return output::json(&keys.iter().map(ListedKey::from).collect::<Vec<_>>());
    }
    print_keys(&keys, admin.store.clock().now())
}

async fn create(
    admin: &Administration,
    user: &str,
    name: &str,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
    json: bool,
) -> anyhow::Result<()> {
    let user = find(admin, user).await?;
    let (secret, mut key) = new_key(name).await?;
    key.scopes = scopes;
    key.expires_at = expires_at;
    let made = admin.store.create_key(&admin.actor, user.id, &key).await;
    let made = made.map_err(|error| explain(error, &user.name))?;
    print_new(
        &made,
        &secret,
        &format!("made a key for {}", user.name),
        json,
    )
}

async fn rotate(
    admin: &Administration,
    user: &str,
    key: &str,
    overlap: &str,
    json: bool,
) -> anyhow::Result<()> {
    let overlap = Duration::from_text(overlap)
        .map_err(anyhow::Error::msg)
        .context("--overlap")?;
    if overlap > OVERLAP_MAX {
        bail!("--overlap: must be at most 7 days");
    }
    let user = find(admin, user).await?;
    let (secret, next) = new_key("").await?;
    let old = KeyId(key.to_owned());
    let made = admin
        .store
        .rotate_key(&admin.actor, user.id, &old, &next, overlap)
        .await
        .map_err(|error| explain(error, &user.name))?;
    let said = format!("the key {key} of {} ends in {overlap:?}", user.name);
    print_new(&made, &secret, &said, json)
}

async fn revoke(admin: &Administration, user: &str, key: &str, yes: bool) -> anyhow::Result<()> {
    let user = find(admin, user).await?;
    if !confirm::ask(&format!("Revoke the key {key} of {}?", user.name), yes)? {
        bail!("nothing was revoked");
    }
    let id = KeyId(key.to_owned());
    let revoked = admin.store.revoke_key(&admin.actor, user.id, &id).await;
    let revoked = revoked.map_err(|error| explain(error, &user.name))?;
    output::text(&if revoked {
        format!("revoked {key} of {}", user.name)
    } else {
        format!("{key} of {} was revoked already", user.name)
    })
}

async fn new_key(name: &str) -> anyhow::Result<(PlainKey, NewKey)> {
    let secret = PlainKey::generate()?;
    let key = NewKey {
        id: secret.id(),
        hash: Hasher::new(1).hash(&secret).await?,
        name: name.to_owned(),
        scopes: Scopes::ALL,
        expires_at: None,
    };
    Ok((secret, key))
}

fn print_new(key: &ApiKey, secret: &PlainKey, said: &str, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&IssuedKey::new(key, secret.expose()));
    }
    output::text(&format!(
        "{said}\n\nThe new key, shown this once:\n\n{}\n",
        secret.expose()
    ))
}
