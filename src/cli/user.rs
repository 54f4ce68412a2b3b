//! `linux-api user`: users and their keys, in the configured database or over HTTP.

mod key;
mod report;
mod show;

use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;

use super::admin_target::{AdminTarget, NewAccount};
use super::{Context, completion, confirm, output, poll};
use linux_api_client::Client;
use linux_api_wire::api_key::{Scope, Scopes};
use linux_api_wire::audit::Action;
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::user::{Role, parse_user_name};
use report::Report;
use show::UserKeys;

/// Manage users and their keys
///
/// Works on the configured database, without the daemon and beside it, or with --remote over HTTP; each
/// change is in the audit log. A user is named by its login name or its id.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

/// The roles by their names.
const ROLES: [&str; 3] = ["viewer", "operator", "admin"];

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
        #[arg(long, conflicts_with = "role")]
        admin: bool,
        /// Give the user this role
        #[arg(long, default_value = "viewer", value_parser = ROLES)]
        role: String,
        /// Create it inactive: it can't use the API yet
        #[arg(long)]
        inactive: bool,
        /// Create no key; `user key create` creates one later
        #[arg(long, conflicts_with = "scopes")]
        no_key: bool,
        /// Limit its key to this scope; may be repeated. Default: everything that the user's role allows
        #[arg(long = "scope", value_name = "SCOPE", add = completion::scopes())]
        scopes: Vec<Scope>,
        /// Limit it to hosts with these labels, such as env=dev,role=web; all of them must be there
        #[arg(long, value_name = "LABELS")]
        hosts: Option<HostSelector>,
    },
    /// Limit a user and its keys to some hosts
    Set {
        /// Login name or id
        #[arg(add = completion::users())]
        user: String,
        /// Labels that a host must have, such as env=dev,role=web
        #[arg(long, value_name = "LABELS", required_unless_present = "any_host")]
        hosts: Option<HostSelector>,
        /// Remove the limit
        #[arg(long, conflicts_with = "hosts")]
        any_host: bool,
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
        #[arg(value_parser = ROLES)]
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
            return self.command.run_on_many(ctx).await;
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
            Self::Show { user } => {
                let both = UserKeys::of(place, &user).await?;
                output::styled_document(ctx, &both, || both.in_words(ctx))
            }
            Self::Key(options) => options.run(place, ctx).await,
            change => change.change(place, Some(ctx)).await?.print(ctx),
        }
    }

    async fn run_on_many(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = |client: &Client| AdminTarget::Remote(client.clone());
        match self {
            Self::List => {
                let fetch = async |client: &Client| Ok(place(client).users().await?);
                poll::list(ctx, &show::users(), fetch).await
            }
            Self::Show { user } => {
                let fetch = async |client: &Client| Ok(UserKeys::of(&place(client), &user).await?);
                poll::show(ctx, fetch, |both| both.in_words(ctx)).await
            }
            Self::Key(options) => options.run_on_many(ctx).await,
            change => {
                if let Self::Delete { user } = &change {
                    let what = format!("Delete the user {user} and all its keys on each host?");
                    if !confirm::confirm(ctx, &what)? {
                        bail!("nothing was deleted");
                    }
                }
                let makes_keys = matches!(change, Self::Add { no_key: false, .. });
                let act =
                    async |client: &Client| Ok(vec![change.change(&place(client), None).await?]);
                poll::list(ctx, &report::reports(makes_keys), act).await
            }
        }
    }

    /// Changes something in one place; `confirm` is for what has to be confirmed there.
    async fn change(
        &self,
        place: &AdminTarget,
        confirm: Option<&Context>,
    ) -> anyhow::Result<Report> {
        match self {
            Self::Add {
                name,
                admin,
                role,
                inactive,
                no_key,
                scopes,
                hosts,
            } => {
                let account = NewAccount {
                    name: name.clone(),
                    role: if *admin { Role::Admin } else { role.parse()? },
                    active: !inactive,
                    hosts: hosts.clone().unwrap_or_default(),
                    key: (!no_key).then_some(Scopes::only(scopes.iter().copied())),
                };
                add(place, &account).await
            }
            Self::Set { user, hosts, .. } => {
                set_hosts(place, user, &hosts.clone().unwrap_or_default()).await
            }
            Self::Delete { user } => delete(place, user, confirm).await,
            Self::Activate { user } => set_active(place, user, true).await,
            Self::Deactivate { user } => set_active(place, user, false).await,
            Self::Role { user, role } => set_role(place, user, role.parse()?).await,
            Self::Protect { user, off } => protect(place, user, !off).await,
            Self::List | Self::Show { .. } | Self::Key(_) => {
                bail!("it changes nothing by itself")
            }
        }
    }
}

async fn add(place: &AdminTarget, account: &NewAccount) -> anyhow::Result<Report> {
    let made = place.add_user(account).await?;
    let state = if account.active {
        ""
    } else {
        ", not yet active"
    };
    let line = format!("added {} ({}{state})", made.username, account.role);
    match &made.api_key {
        Some(key) => Report::made(&made, line, ("Its key", key.clone())),
        None => Ok(Report::done(
            serde_json::to_value(&made)?,
            format!(
                "{line}, without a key; linux-api user key create {} makes one",
                made.username
            ),
        )),
    }
}

async fn delete(
    place: &AdminTarget,
    user: &str,
    confirm: Option<&Context>,
) -> anyhow::Result<Report> {
    let user = place.user_for(Action::UserDelete, user).await?;
    let name = &user.username;
    if let Some(ctx) = confirm
        && !confirm::confirm(ctx, &format!("Delete the user {name} and all its keys?"))?
    {
        bail!("nothing was deleted");
    }
    place.delete_user(&user).await?;
    let json = json!({"username": name, "user_id": user.user_id, "deleted": true});
    Ok(Report::done(json, format!("deleted {name}")))
}

async fn set_active(place: &AdminTarget, user: &str, active: bool) -> anyhow::Result<Report> {
    let (action, state) = if active {
        (Action::UserActivate, "active")
    } else {
        (Action::UserDeactivate, "inactive")
    };
    let user = place.user_for(action, user).await?;
    let changed = place.set_active(&user, active).await?;
    Ok(Report::change(&user.username, state, changed))
}

async fn set_hosts(
    place: &AdminTarget,
    user: &str,
    hosts: &HostSelector,
) -> anyhow::Result<Report> {
    let user = place.user_for(Action::UserHosts, user).await?;
    let changed = place.set_hosts(&user, hosts).await?;
    let state = if hosts.is_any() {
        "allowed on every host".to_owned()
    } else {
        format!("limited to hosts with {hosts}")
    };
    Ok(Report::change(&user.username, &state, changed))
}

async fn set_role(place: &AdminTarget, user: &str, role: Role) -> anyhow::Result<Report> {
    let user = place.user_for(Action::UserRole, user).await?;
    let changed = place.set_role(&user, role).await?;
    let role = match role {
        Role::Admin => "an admin",
        Role::Operator => "an operator",
        Role::Viewer => "a viewer",
    };
    Ok(Report::change(&user.username, role, changed))
}

async fn protect(place: &AdminTarget, user: &str, protected: bool) -> anyhow::Result<Report> {
    let (action, state) = if protected {
        (Action::UserProtect, "protected")
    } else {
        (Action::UserUnprotect, "not protected")
    };
    let user = place.user_for(action, user).await?;
    let changed = place.protect(&user, protected).await?;
    Ok(Report::change(&user.username, state, changed))
}
