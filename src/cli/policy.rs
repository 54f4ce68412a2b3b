//! `linux-api policy`: what may be done on this host.

mod decide;
mod file;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;

use super::confirm::confirm;
use super::exit::UsageError;
use super::{Context, FAILED, completion, output};
use file::PolicyFile;
use linux_api_acts::POLICY;
use linux_api_acts::policy_text::{self, Preset};

/// Show, test and change what may be done on this host
///
/// The executor acts on this host for the daemon and does only what this file allows, no matter who requests it.
/// Only root can change it. It is read again for every request.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The policy
    #[arg(long, value_name = "FILE", default_value = POLICY, global = true)]
    policy: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the policy, and what is wrong with it
    Show,
    Test(decide::Options),
    /// Allow units, processes of accounts from a uid on, or automatic restarts
    ///
    /// A unit that `policy deny` has protected by the same name is protected no longer.
    Allow(Allow),
    /// Protect units, or allow no process or no automatic restarts
    ///
    /// A protected unit is never acted on, whatever patterns allow it.
    Deny(Deny),
    /// Replace the policy by one that is ready made
    ///
    /// watch allows nothing. services allows to restart and reload the named units, and to end processes of
    /// accounts from uid 1000 on. everything allows all but what is built in: systemd itself, logins, the ways
    /// to this host and its protection. The file before is kept as policy.toml.old.
    Preset(PresetOptions),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Allow {
    /// Units, such as nginx.service or 'app-*.service'
    #[arg(value_name = "UNIT", add = completion::units())]
    units: Vec<String>,
    /// Processes of accounts from this uid on
    #[arg(long, value_name = "MIN_UID")]
    processes: Option<u32>,
    /// Restarts by rules of alerts, of units that are allowed, three times in an hour at most
    #[arg(long)]
    automatic: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Deny {
    /// Units, such as nginx.service or 'app-*.service'
    #[arg(value_name = "UNIT", add = completion::units())]
    units: Vec<String>,
    /// All processes
    #[arg(long)]
    processes: bool,
    /// Restarts by rules of alerts
    #[arg(long)]
    automatic: bool,
}

#[derive(Debug, clap::Args)]
struct PresetOptions {
    /// Which one
    #[arg(value_parser = ["watch", "services", "everything"])]
    preset: String,
    /// The units of the preset services
    #[arg(value_name = "UNIT", add = completion::units())]
    units: Vec<String>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let file = PolicyFile::new(self.policy);
        match self.command {
            Command::Show => return show(ctx, &file),
            Command::Test(options) => return options.run(ctx, &file).await,
            Command::Allow(allow) => {
                let mut text = policy_text::allow(&file.text()?, &allow.units)?;
                if allow.automatic {
                    text = policy_text::set_automatic(&text, true)?;
                }
                if let Some(uid) = allow.processes {
                    text = policy_text::set_min_uid(&text, Some(uid))?;
                }
                file.write(&text)?;
            }
            Command::Deny(deny) => {
                let mut text = policy_text::deny(&file.text()?, &deny.units)?;
                if deny.automatic {
                    text = policy_text::set_automatic(&text, false)?;
                }
                if deny.processes {
                    text = policy_text::set_min_uid(&text, None)?;
                }
                file.write(&text)?;
            }
            Command::Preset(options) => {
                if !options.replace(ctx, &file)? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
        output::text(&format!(
            "{} written; it is in force",
            file.path().display()
        ))?;
        if file.is_of_this_host() && !std::path::Path::new(linux_api_acts::SOCKET).exists() {
            output::note(
                "nothing acts on this host yet: sudo systemctl enable --now linux-api-executor.socket",
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl PresetOptions {
    /// Whether the policy was replaced.
    fn replace(&self, ctx: &Context, file: &PolicyFile) -> anyhow::Result<bool> {
        let preset = match &*self.preset {
            "services" if self.units.is_empty() => {
                let problem = "name the units that the preset services is about";
                return Err(UsageError(problem.to_owned()).into());
            }
            "services" => Preset::Services,
            "everything" => Preset::Everything,
            _ => Preset::Watch,
        };
        if preset != Preset::Services && !self.units.is_empty() {
            let problem = format!("the preset {} takes no units", self.preset);
            return Err(UsageError(problem).into());
        }
        let text = preset.text(&self.units)?;
        let old = file.existing()?;
        // What is shipped, or the same again, is no one's work.
        let is_work = old.is_some_and(|old| old != text && old != policy_text::WATCH);
        let path = file.path().display();
        if is_work
            && !confirm(
                ctx,
                &format!("Replace {path} by the preset {}?", self.preset),
            )?
        {
            return Ok(false);
        }
        if is_work {
            file.keep_old()?;
        }
        file.write(&text)?;
        Ok(true)
    }
}

/// The policy and whether it can be used.
#[derive(Debug, Serialize)]
struct Shown {
    path: PathBuf,
    /// Why it closes everything.
    problem: Option<String>,
    /// Its content, where it can be read.
    policy: Option<toml::Table>,
}

fn show(ctx: &Context, file: &PolicyFile) -> anyhow::Result<ExitCode> {
    let problem = file.problem();
    let text = match file.existing() {
        Ok(text) => text.unwrap_or_default(),
        Err(error) if problem.is_none() => return Err(error),
        Err(_) => String::new(),
    };
    let shown = Shown {
        path: file.path().to_owned(),
        problem: problem.clone(),
        policy: toml::from_str(&text).ok(),
    };
    output::document(ctx, &shown, || text.clone())?;
    match problem {
        None => Ok(ExitCode::SUCCESS),
        Some(_) if text.is_empty() => bail!(problem.unwrap_or_default()),
        Some(problem) => {
            output::note(&problem);
            Ok(ExitCode::from(FAILED))
        }
    }
}
