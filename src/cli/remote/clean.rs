//! `linux-api remote clean`: removes the programs that were copied to hosts behind ssh.

use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;

use crate::cli::rows::{Cell, Column, Listing, Tone};
use crate::cli::{Context, FAILED, completion};
use linux_api_client::Address;
use linux_api_client::ssh::{SshHost, push};

#[derive(Debug, clap::Args)]
pub(super) struct Clean {
    /// Names of remotes, or ssh:// URLs; default: all remotes behind ssh
    #[arg(value_name = "NAME|URL", add = completion::remotes())]
    hosts: Vec<String>,
}

impl Clean {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let known = ctx.remotes()?;
        let names: Vec<String> = if self.hosts.is_empty() {
            let behind_ssh = known.remotes.iter();
            let behind_ssh = behind_ssh.filter(|(_, remote)| remote.url.starts_with("ssh://"));
            behind_ssh.map(|(name, _)| name.clone()).collect()
        } else {
            self.hosts
        };
        if names.is_empty() {
            bail!("there is no remote behind ssh; name one, such as ssh://web-03");
        }
        let mut hosts = Vec::new();
        for name in names {
            let url = match known.remotes.get(&name) {
                Some(remote) => remote.url.clone(),
                None if name.contains(':') => name.clone(),
                None => known.get(&name).map(|remote| remote.url.clone())?,
            };
            match url.parse::<Address>() {
                Ok(Address::Ssh(host)) => hosts.push((name, host)),
                Ok(_) => bail!("{name} is not behind ssh: nothing is ever copied to it"),
                Err(error) => bail!("{url}: {error}"),
            }
        }
        let cleaning = hosts.iter().map(|(name, host)| clean(name, host));
        let rows = futures_util::future::join_all(cleaning).await;
        let listing = Listing {
            columns: vec![
                Column::text("NAME", |row: &CleanRow| row.name.as_str().into()),
                Column::long("RESULT", |row| {
                    Cell::new(&*row.result, if row.ok { Tone::Good } else { Tone::Bad })
                }),
            ],
            name: |row| row.name.clone(),
            empty: String::new(),
        };
        listing.print(ctx, &rows)?;
        Ok(if rows.iter().all(|row| row.ok) {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FAILED)
        })
    }
}

/// A host that was cleaned, or why not.
#[derive(Debug, Serialize)]
struct CleanRow {
    name: String,
    ok: bool,
    result: String,
}

async fn clean(name: &str, host: &SshHost) -> CleanRow {
    let (ok, result) = match push::clean(host).await {
        Ok(true) => (true, "removed".to_owned()),
        Ok(false) => (true, "nothing was there".to_owned()),
        Err(error) => (false, error.to_string()),
    };
    CleanRow {
        name: name.to_owned(),
        ok,
        result,
    }
}
