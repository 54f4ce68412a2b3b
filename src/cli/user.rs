//! `linux-api user`: users and their keys, in the configured database or over HTTP.

mod key;
mod show;

use std::process::ExitCode;

use anyhow::bail;

use super::admin_target::{AdminTarget, NewAccount};
use super::{Context, completion, confirm, output, poll};
use linux_api_wire::api_key::{Scope, Scopes};
use linux_api_wire::audit::Action;
use linux_api_wire::user::{Role, parse_user_name};

/// Manage users and their keys
///
/// Works on the configured database, without the daemon and beside it, or with --remote over HTTP; each
/// change is in the audit log. A user is named by its login name or its id.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all users
    #[command(visible_alias = "ls")]
    List,
    /// Show one user and its keys
    Show {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
    },
    /// Create a user and print its first key, once
    Add {
        /// Login name: up to 32 letters, digits, `_`, `.` and `-`, the first a letter or `_`
        #[arg(value_parser = parse_user_name)]
        name: String,
        /// Make the user an admin
        #[arg(long)]
        admin: bool,
        /// Create it inactive: it can't use the API yet
        #[arg(long)]
        inactive: bool,
        /// Create no key; `user key create` creates one later
        #[arg(long, conflicts_with = "scopes")]
        no_key: bool,
        /// Limit its key to this scope; may be repeated. Default: everything that the user's role allows
        #[arg(long = "scope", value_name = "SCOPE", add = completion::scopes())]
        scopes: Vec<Scope>,
    },
    /// Delete a user and all its keys
    #[command(visible_aliases = ["rm", "remove"])]
    Delete {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
    },
    /// Activate a user
    Activate {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
    },
    /// Deactivate a user: its keys are refused
    Deactivate {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
    },
    /// Set a user's role
    Role {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
        /// The role
        #[arg(value_parser = ["viewer", "admin"])]
        role: String,
    },
    /// Protect a user from every change, or remove the protection
    Protect {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
        /// Remove the protection (needs direct database access)
        #[arg(long)]
        off: bool,
    },
    Key(key::Options),
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        if ctx.means_many() {
            // Only the list may be one of many daemons.
            return poll::list(ctx, &show::users(), async |client| {
                Ok(AdminTarget::Remote(client.clone()).users().await?)
            })
            .await;
        }
        let place = AdminTarget::open(ctx).await?;
        let done = self.command.run(&place, ctx).await;
        place.close().await;
        done.map(|()| ExitCode::SUCCESS)
    }
}

impl Command {
    async fn run(self, place: &AdminTarget, ctx: &Context) -> anyhow::Result<()> {
        match self {
            Self::List => show::users().print(ctx, &place.users().await?),
            Self::Show { user } => show::show(place, &user, ctx).await,
            Self::Add {
                name,
                admin,
                inactive,
                no_key,
                scopes,
            } => {
                let account = NewAccount {
                    name,
                    role: if admin { Role::Admin } else { Role::Viewer },
                    active: !inactive,
                    key: (!no_key).then_some(Scopes::only(scopes)),
                };
                add(place, &account, ctx).await
            }
            Self::Delete { user } => delete(place, &user, ctx).await,
            Self::Activate { user } => set_active(place, &user, true).await,
            Self::Deactivate { user } => set_active(place, &user, false).await,
            Self::Role { user, role } => set_role(place, &user, role.parse()?).await,
            Self::Protect { user, off } => protect(place, &user, !off).await,
            Self::Key(options) => options.run(place, ctx).await,
        }
    }
}

async fn add(place: &AdminTarget, account: &NewAccount, ctx: &Context) -> anyhow::Result<()> {
    let made = place.add_user(account).await?;
    let state = if account.active {
        ""
    } else {
        ", not yet active"
    };
    let said = format!("added {} ({}{state})", made.username, account.role);
    output::document(ctx, &made, || match &made.api_key {
        Some(key) => format!("{said}\n\nIts key, shown only once:\n\n{key}\n"),
        None => format!(
            "{said}, without a key; linux-api user key create {} makes one",
            made.username
        ),
    })
}

async fn delete(place: &AdminTarget, user: &str, ctx: &Context) -> anyhow::Result<()> {
    let user = place.user_for(Action::UserDelete, user).await?;
    let what = format!("Delete the user {} and all its keys?", user.username);
    if !confirm::ask(ctx, &what)? {
        bail!("nothing was deleted");
    }
    place.delete_user(&user).await?;
    output::text(&format!("deleted {}", user.username))
}

async fn set_active(place: &AdminTarget, user: &str, active: bool) -> anyhow::Result<()> {
    let (action, state) = if active {
        (Action::UserActivate, "active")
    } else {
        (Action::UserDeactivate, "inactive")
    };
    let user = place.user_for(action, user).await?;
    let changed = place.set_active(&user, active).await?;
    said(changed, &format!("{} is {state}", user.username))
}

async fn set_role(place: &AdminTarget, user: &str, role: Role) -> anyhow::Result<()> {
    let user = place.user_for(Action::UserRole, user).await?;
    let changed = place.set_role(&user, role).await?;
    let role = match role {
        Role::Admin => "an admin",
        Role::Viewer => "a viewer",
    };
    said(changed, &format!("{} is {role}", user.username))
}

async fn protect(place: &AdminTarget, user: &str, protected: bool) -> anyhow::Result<()> {
    let (action, state) = if protected {
        (Action::UserProtect, "protected")
    } else {
        (Action::UserUnprotect, "not protected")
    };
    let user = place.user_for(action, user).await?;
    let changed = place.protect(&user, protected).await?;
    said(changed, &format!("{} is {state}", user.username))
}

fn said(changed: bool, what: &str) -> anyhow::Result<()> {
    let when = if changed { "now" } else { "already" };
    output::text(&what.replacen(" is ", &format!(" is {when} "), 1))
}
