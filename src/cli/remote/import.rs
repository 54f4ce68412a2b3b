//! `linux-api remote import`: makes remotes of the hosts of an ssh configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use wildmatch::WildMatch;

use crate::cli::{Context, output};
use linux_api_client::Address;
use linux_api_client::remotes::{Remote, Remotes, check_name};
use linux_api_client::ssh::config_hosts;

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The configuration file of ssh, such as ~/.ssh/config
    file: PathBuf,
    /// Only hosts whose names match one of these, such as 'web-*'; default: all
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
    /// Show what would be added, and save nothing
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub(super) fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let home = ctx.environment.text("HOME").map(PathBuf::from);
        let hosts = config_hosts::read(&self.file, home.as_deref())
            .with_context(|| self.file.display().to_string())?;
        let patterns: Vec<WildMatch> = self.patterns.iter().map(|it| WildMatch::new(it)).collect();
        let path = ctx.remotes_file()?;
        let mut remotes = Remotes::load(&path)?;
        let fits = |host: &str| patterns.is_empty() || patterns.iter().any(|it| it.matches(host));
        let mut added = Vec::new();
        let mut seen = 0;
        for host in hosts.into_iter().filter(|host| fits(host)) {
            seen += 1;
            let address = format!("ssh://{host}").parse::<Address>();
            let problem = match (&address, check_name(&host)) {
                (Err(error), _) => Some(error.to_string()),
                (_, Err(error)) => Some(error.to_string()),
                _ => None,
            };
            if let Some(problem) = problem {
                output::note(&format!("{host} is left out: {problem}"));
                continue;
            }
            if remotes.remotes.contains_key(&host) {
                output::note(&format!("{host} is there already"));
                continue;
            }
            let remote = Remote {
                url: format!("ssh://{host}"),
                labels: ctx.options.labels.iter().cloned().collect(),
                ca_file: None,
                push: ctx.options.push,
                key: None,
            };
            remotes.remotes.insert(host.clone(), remote);
            added.push(host);
        }
        if seen == 0 {
            bail!("{}: no host fits", self.file.display());
        }
        if !self.dry_run && !added.is_empty() {
            remotes.save(&path)?;
        }
        let verb = if self.dry_run { "would add" } else { "added" };
        output::text(&match added.len() {
            0 => "Nothing to add".to_owned(),
            count => format!("{verb} {count}: {}", added.join(" ")),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
