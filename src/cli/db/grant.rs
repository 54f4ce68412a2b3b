//! `linux-api db grant`: gives a role of the PostgreSQL server the rights that daemons need.

use std::process::ExitCode;

use super::context::DatabaseContext;
use crate::cli::{Context, output};
use linux_api_store::roles::{RoleKind, script};
use linux_api_wire::audit::Action;

/// Give a PostgreSQL role the rights that a daemon needs, and no more
///
/// The role can then write measurements and add to the audit log, and read the rest, but can't change users,
/// keys or settings; with --admin it can. It takes the owner of the schema and
/// the newest schema. The rights are given again after each migration.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The role, which must exist
    #[arg(long, value_name = "NAME", value_parser = role_name)]
    role: String,
    /// Let it change users, keys and settings too
    #[arg(long)]
    admin: bool,
    /// Print the SQL for psql instead, without a connection to the database
    #[arg(long)]
    print: bool,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let kind = if self.admin {
            RoleKind::Admin
        } else {
            RoleKind::Daemon
        };
        if self.print {
            output::text(script(&self.role, kind).trim_end())?;
            return Ok(ExitCode::SUCCESS);
        }
        let place = DatabaseContext::of(ctx)?;
        let store = place.open().await?;
        let granted = store.grant(&place.actor, &self.role, kind).await;
        if let Err(error) = &granted {
            let target = format!("role:{}", self.role);
            let outcome: Result<String, _> = Err(error);
            place
                .audit(&store, Action::DbGrant, &target, outcome)
                .await?;
        }
        store.close().await;
        granted?;
        output::text(&format!(
            "{} has the rights of {} now",
            self.role,
            match kind {
                RoleKind::Daemon => "a daemon",
                RoleKind::Admin => "an admin",
            }
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What PostgreSQL takes for a name, less what it takes for something else.
fn role_name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.len() > 63 || text.chars().any(char::is_control) {
        return Err("a role has a name of 1 to 63 bytes");
    }
    if text.eq_ignore_ascii_case("public") {
        return Err("public stands for all roles: name one");
    }
    Ok(text.to_owned())
}
