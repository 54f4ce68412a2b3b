//! `linux-api doctor`: checks everything it can, and says what to do about each failure.
//!
//! Each file below checks one thing and returns [`Finding`]s. Nothing is changed, but for a probe that
//! the keyring keeps for a moment, and a daemon may run or not.

mod backups;
mod certificate;
mod clock;
mod configuration;
mod database;
mod files;
mod hosts;
mod kernel;
mod keyring;
mod listener;
mod open_files;
mod series;
mod unit;

use std::process::ExitCode;

use serde::Serialize;

use super::table::table;
use super::{Context, FAILED, output};

/// Check everything and suggest a fix for each failure
///
/// Changes nothing, with or without a running daemon. Exits with 1 when a check failed; warnings are not
/// failures.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// It works, but needs attention.
    Warn,
    /// Something does not work, or is not safe.
    Fail,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What was found out about one thing.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    result: Verdict,
    /// How it is.
    detail: String,
    /// What to do about it; on every finding that is not ok.
    advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self {
            check,
            result: Verdict::Ok,
            detail: detail.into(),
            advice: None,
        }
    }

    fn warn(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            check,
            result: Verdict::Warn,
            detail: detail.into(),
            advice: Some(advice.into()),
        }
    }

    fn fail(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            check,
            result: Verdict::Fail,
            detail: detail.into(),
            advice: Some(advice.into()),
        }
    }
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let findings = examine(ctx).await?;
        if self.json {
            output::json(&findings)?;
        } else {
            output::text(&report(&findings))?;
        }
        let failed = findings.iter().any(|it| it.result == Verdict::Fail);
        Ok(if failed {
            ExitCode::from(FAILED)
        } else {
            ExitCode::SUCCESS
        })
    }
}

/// Looks at everything, one after the other.
async fn examine(ctx: &Context) -> anyhow::Result<Vec<Finding>> {
    let (mut findings, loaded) = configuration::check(ctx);
    if let Some(loaded) = &loaded {
        let config = &loaded.config;
        // As its owner, so that looking leaves no file that the daemon can't write.
        let opened = database::open(ctx, loaded).await?;
        findings.extend(files::check(loaded));
        if let Ok(Some(path)) =
            linux_api_daemon::run::database::options(&config.database).sqlite_path()
        {
            findings.extend(open_files::check(&path));
        }
        findings.extend(database::check(loaded, opened.as_ref()).await);
        let store = opened.as_ref().and_then(|opened| opened.as_ref().ok());
        findings.push(backups::check(&config.backup.directory, store).await);
        findings.push(clock::check(store).await);
        findings.push(listener::check(config).await);
        findings.push(certificate::check(&config.server));
        findings.extend(kernel::check(&config.host));
        findings.push(series::check(&config.host).await);
        findings.push(hosts::check(loaded, store).await);
        if let Some(store) = store {
            store.close().await;
        }
    }
    findings.push(keyring::check(ctx).await);
    findings.push(unit::check(std::path::Path::new("/")).await);
    Ok(findings)
}

/// A line for each finding, and below the table what to do.
fn report(findings: &[Finding]) -> String {
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|finding| {
            vec![
                finding.result.word().to_owned(),
                finding.check.to_owned(),
                finding.detail.clone(),
            ]
        })
        .collect();
    let mut text = table(&["RESULT", "CHECK", "DETAIL"], &rows);
    let to_do: Vec<String> = findings
        .iter()
        .filter_map(|finding| {
            let advice = finding.advice.as_deref()?;
            Some(format!("  {}: {advice}\n", finding.check))
        })
        .collect();
    if !to_do.is_empty() {
        text.push_str("\nWhat to do:\n\n");
        text.extend(to_do);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_with_what_to_do() {
        let text = report(&[
            Finding::ok("clock", "right"),
            Finding::warn("backups", "none", "make one"),
            Finding::fail("port", "taken", "free it"),
        ]);
        assert_eq!(
            text,
            "RESULT  CHECK    DETAIL\nok      clock    right\nwarn    backups  none\n\
             fail    port     taken\n\nWhat to do:\n\n  backups: make one\n  port: free it\n"
        );
    }
}
