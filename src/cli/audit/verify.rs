//! `linux-api audit verify`: whether the log of acts is as it was written.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;

use crate::cli::{Context, output};
use linux_api_acts::LOG;
use linux_api_acts::protocol::Head;
use linux_api_executor::log::{Verified, verify};

/// Check that the log of acts on this host is as it was written
///
/// Each line has the hash of the line before it. A changed, removed or inserted line is named, over all files
/// of the log. That the newest lines were removed shows only with --head: number and hash of a line that was
/// noted elsewhere, such as in the journal (`journalctl -u linux-api-executor -g head`).
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A line that is known from elsewhere
    #[arg(long, value_name = "NUMBER:HASH", value_parser = head)]
    head: Option<Head>,
    /// The log
    #[arg(long = "log", value_name = "FILE", default_value = LOG)]
    acts: PathBuf,
}

fn head(text: &str) -> Result<Head, String> {
    let wrong = || "a line is NUMBER:HASH, with 64 hexadecimal digits".to_owned();
    let (seq, hash) = text.split_once(':').ok_or_else(wrong)?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(Head {
        seq: seq.parse().map_err(|_| wrong())?,
        hash: Some(hash.to_ascii_lowercase())
            .filter(|_| is_hash)
            .ok_or_else(wrong)?,
    })
}

impl Options {
    pub(super) fn run(&self, ctx: &Context) -> anyhow::Result<ExitCode> {
        std::fs::metadata(&self.acts).map_err(|error| absent(&self.acts, &error))?;
        let verified = verify(&self.acts, self.head.as_ref())?;
        output::document(ctx, &verified, || words(&verified, &self.acts))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Why the log can't be looked at.
fn absent(path: &Path, error: &io::Error) -> anyhow::Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => anyhow!("{path} is not there: nothing was recorded"),
        io::ErrorKind::PermissionDenied => {
            anyhow!("only root can read {path}: run this with sudo")
        }
        _ => anyhow!("can't read {path}: {error}"),
    }
}

fn words(verified: &Verified, path: &Path) -> String {
    let Some(head) = &verified.head else {
        return format!("ok: {} is empty", path.display());
    };
    let first = format!(
        "ok: {} lines, {} to {}; head {}:{}",
        verified.lines, verified.first, head.seq, head.seq, head.hash
    );
    let torn = verified.torn.iter();
    let torn = torn.map(|place| format!("{place}: cut off by a crash"));
    let lines: Vec<String> = std::iter::once(first).chain(torn).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_may_not_be_read_is_no_log_that_is_absent() {
        let text =
            |kind: io::ErrorKind| absent(Path::new("/x/acts.jsonl"), &kind.into()).to_string();
        assert!(text(io::ErrorKind::NotFound).ends_with("nothing was recorded"));
        assert!(text(io::ErrorKind::PermissionDenied).ends_with("run this with sudo"));
    }
}
