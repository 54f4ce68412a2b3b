//! `linux-api user`: users and their keys, in the configured database.

mod key;
mod show;

use std::process::ExitCode;

use anyhow::bail;
use uuid::Uuid;

use super::database::Administration;
use super::{Context, confirm, output};
use crate::api::users::{ListedUser, RegisteredUser};
use crate::auth::hash::Hasher;
use crate::auth::key::PlainKey;
use crate::model::api_key::Scopes;
use crate::model::user::{Role, User, UserId, parse_user_name};
use crate::store::api_keys::NewKey;
use crate::store::users::{NewUser, UserPage};
use crate::store::{Refusal, StoreError};

/// How many users are read at once.
const PAGE: u32 = 1000;

/// Manage users and their keys
///
/// Works on the configured database, also while the daemon runs; each change is in the audit log.
/// A user is named by its login name or its id.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all users
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one user and its keys
    Show {
        /// Login name or id
        user: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a user and print its first key, once
    Add {
        /// Login name: 4 to 12 letters, digits and underscores
        name: String,
        /// Make it an admin
        #[arg(long)]
        admin: bool,
        /// Do not let it use the API yet
        #[arg(long)]
        inactive: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a user and all its keys
    Delete {
        /// Login name or id
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Let a user use the API
    Activate {
        /// Login name or id
        user: String,
    },
    /// Keep a user from using the API
    Deactivate {
        /// Login name or id
        user: String,
    },
    /// Set a user's role
    Role {
        /// Login name or id
        user: String,
        /// The most it may do
        #[arg(value_parser = ["viewer", "admin"])]
        role: String,
    },
    /// Protect a user from every change, or take the protection off
    Protect {
        /// Login name or id
        user: String,
        /// Take the protection off
        #[arg(long)]
        off: bool,
    },
    Key(key::Options),
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let admin = Administration::open(ctx).await?;
        let done = self.command.run(&admin).await;
        admin.store.close().await;
        done.map(|()| ExitCode::SUCCESS)
    }
}

impl Command {
    async fn run(self, admin: &Administration) -> anyhow::Result<()> {
        match self {
            Self::List { json } => list(admin, json).await,
            Self::Show { user, json } => show::show(admin, &user, json).await,
            Self::Add {
                name,
                admin: is_admin,
                inactive,
                json,
            } => {
                let role = if is_admin { Role::Admin } else { Role::Viewer };
                add(admin, &name, role, !inactive, json).await
            }
            Self::Delete { user, yes } => {
                let user = find(admin, &user).await?;
                let what = format!("Delete the user {} and all its keys?", user.name);
                if !confirm::ask(&what, yes)? {
                    bail!("nothing was deleted");
                }
                let deleted = admin.store.delete_user(&admin.actor, user.id).await;
                deleted.map_err(|error| explain(error, &user.name))?;
                output::text(&format!("deleted {}", user.name))
            }
            Self::Activate { user } => set_active(admin, &user, true).await,
            Self::Deactivate { user } => set_active(admin, &user, false).await,
            Self::Role { user, role } => set_role(admin, &user, role.parse()?).await,
            Self::Protect { user, off } => protect(admin, &user, !off).await,
            Self::Key(options) => options.run(admin).await,
        }
    }
}

async fn list(admin: &Administration, json: bool) -> anyhow::Result<()> {
    let mut users: Vec<User> = Vec::new();
    loop {
        let start = users.last().map_or(UserPage::Offset(0), |last| {
            UserPage::After(last.created_at, last.id)
        });
        let page = admin.store.list_users(start, PAGE).await?;
        if page.is_empty() {
            break;
        }
        users.extend(page);
    }
    if json {
        let listed: Vec<ListedUser> = users.iter().map(ListedUser::from).collect();
        return output::json(&listed);
    }
    show::print_users(&users)
}

async fn add(
    admin: &Administration,
    name: &str,
    role: Role,
    active: bool,
    json: bool,
) -> anyhow::Result<()> {
    let user = NewUser {
        name: parse_user_name(name)?,
        role,
        active,
        immutable: false,
    };
    let secret = PlainKey::generate()?;
    let key = NewKey {
        id: secret.id(),
        hash: Hasher::new(1).hash(&secret).await?,
        name: "first key".to_owned(),
        scopes: Scopes::ALL,
        expires_at: None,
    };
    let made = admin.store.create_user(&admin.actor, &user, &key).await;
    let made = made.map_err(|error| explain(error, &user.name))?;
    if json {
        return output::json(&RegisteredUser {
            username: made.name,
            user_id: made.id.to_string(),
            api_key: secret.expose().to_owned(),
        });
    }
    let state = if made.active { "" } else { ", not yet active" };
    output::text(&format!(
        "added {} ({}{state})\n\nIts key, shown this once:\n\n{}\n",
        made.name,
        made.role,
        secret.expose()
    ))
}

async fn set_active(admin: &Administration, user: &str, active: bool) -> anyhow::Result<()> {
    let user = find(admin, user).await?;
    let changed = admin.store.set_active(&admin.actor, user.id, active).await;
    let changed = changed.map_err(|error| explain(error, &user.name))?;
    let state = if active { "active" } else { "inactive" };
    said(changed, &format!("{} is {state}", user.name))
}

async fn set_role(admin: &Administration, user: &str, role: Role) -> anyhow::Result<()> {
    let user = find(admin, user).await?;
    let changed = admin.store.set_role(&admin.actor, user.id, role).await;
    let changed = changed.map_err(|error| explain(error, &user.name))?;
    said(changed, &format!("{} has the role {role}", user.name))
}

async fn protect(admin: &Administration, user: &str, on: bool) -> anyhow::Result<()> {
    let user = find(admin, user).await?;
    let changed = admin.store.set_immutable(&admin.actor, user.id, on).await;
    let changed = changed.map_err(|error| explain(error, &user.name))?;
    let state = if on { "protected" } else { "not protected" };
    said(changed, &format!("{} is {state}", user.name))
}

fn said(changed: bool, what: &str) -> anyhow::Result<()> {
    let when = if changed { "now" } else { "already" };
    output::text(&what.replacen(" is ", &format!(" is {when} "), 1).replacen(
        " has ",
        &format!(" has {when} "),
        1,
    ))
}

/// The user with this name or id.
async fn find(admin: &Administration, text: &str) -> anyhow::Result<User> {
    let found = match Uuid::parse_str(text) {
        Ok(id) => admin.store.find_user(UserId(id)).await?,
        Err(_) => admin.store.find_user_by_name(&text.to_lowercase()).await?,
    };
    match found {
        Some(user) => Ok(user),
        None => bail!("there is no user {text:?}; `linux-api user list` shows all"),
    }
}

/// Says what to do about a refusal.
fn explain(error: StoreError, name: &str) -> anyhow::Error {
    let StoreError::Refused(refusal) = &error else {
        return error.into();
    };
    let advice = match refusal {
        Refusal::NameTaken => format!("there is a user {name} already"),
        Refusal::UserNotFound => format!("the user {name} has just been deleted"),
        Refusal::Immutable => format!(
            "{name} is protected; take that off first with: linux-api user protect --off {name}"
        ),
        Refusal::LastAdmin => {
            format!("{name} is the last active admin; make another one first")
        }
        Refusal::TooManyKeys => format!("{name} has as many keys as a user may; revoke one first"),
        Refusal::KeyNotFound => format!("{name} has no such key"),
        Refusal::KeyEnded => "that key is revoked or expired".to_owned(),
        Refusal::OwnRole | Refusal::OwnAccount => refusal.to_string(),
    };
    anyhow::Error::msg(advice)
}
