//! `linux-api remote clean`: removes the programs that were copied to hosts behind ssh.

use std::process::ExitCode;

use anyhow::bail;

use crate::cli::table::table;
use crate::cli::{Context, FAILED, completion, output};
use linux_api_client::Address;
use linux_api_client::ssh::{SshHost, push};

#[derive(Debug, clap::Args)]
pub(super) struct Clean {
    /// Names of remotes, or ssh:// URLs; default: all remotes behind ssh
    #[arg(add = completion::remotes())]
    remotes: Vec<String>,
}

impl Clean {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let known = ctx.remotes()?;
        let names: Vec<String> = if self.remotes.is_empty() {
            let behind_ssh = known.remotes.iter();
            let behind_ssh = behind_ssh.filter(|(_, remote)| remote.url.starts_with("ssh://"));
            behind_ssh.map(|(name, _)| name.clone()).collect()
        } else {
            self.remotes
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
        let cleaned = futures_util::future::join_all(cleaning).await;
        let is_clean = cleaned.iter().all(|(is_clean, _)| *is_clean);
        let rows: Vec<Vec<String>> = cleaned.into_iter().map(|(_, row)| row).collect();
        output::text(&table(&["NAME", "RESULT"], &rows))?;
        Ok(if is_clean {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FAILED)
        })
    }
}

async fn clean(name: &str, host: &SshHost) -> (bool, Vec<String>) {
    let (is_clean, result) = match push::clean(host).await {
        Ok(true) => (true, "removed".to_owned()),
        Ok(false) => (true, "nothing was there".to_owned()),
        Err(error) => (false, error.to_string()),
    };
    (is_clean, vec![name.to_owned(), result])
}
