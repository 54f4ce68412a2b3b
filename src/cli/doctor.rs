//! `linux-api doctor`: checks everything it can, and says what to do about each failure.
//!
//! Each file below checks one thing and returns [`Finding`]s. Nothing is changed, but for a probe that
//! the keyring keeps for a moment, and a daemon may run or not.

mod acts;
mod alerts;
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
mod rights;
mod series;
mod unit;
mod units;

use std::process::ExitCode;

use serde::Serialize;

use super::globals::Format;
use super::rows::{Cell, Column, Listing, Tone};
use super::{Context, FAILED, output};

/// Check everything and suggest a fix for each failure
///
/// Changes nothing, with or without a running daemon. Exits with 1 when a check failed; warnings are not
/// failures.
#[derive(Debug, clap::Args)]
pub(super) struct Options;

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
        listing().print(ctx, &findings)?;
        let to_do = to_do(&findings);
        if matches!(ctx.format(), Format::Table | Format::Wide) && !to_do.is_empty() {
            output::text(&to_do)?;
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
        findings.extend(acts::check(config).await);
        findings.push(series::check(&config.host).await);
        findings.push(units::check(&config.host).await);
        findings.push(hosts::check(loaded, store).await);
        findings.extend(rights::check(loaded, store).await);
        findings.extend(alerts::check(&config.alerts, &config.acts.socket, store).await);
        if let Some(store) = store {
            store.close().await;
        }
    }
    findings.push(keyring::check(ctx).await);
    findings.push(unit::check(std::path::Path::new("/")).await);
    Ok(findings)
}

/// A line for each finding.
fn listing() -> Listing<Finding> {
    Listing {
        columns: vec![
            Column::text("RESULT", |row: &Finding| {
                let tone = match row.result {
                    Verdict::Ok => Tone::Good,
                    Verdict::Warn => Tone::Warn,
                    Verdict::Fail => Tone::Bad,
                };
                Cell::new(row.result.word(), tone)
            }),
            Column::text("CHECK", |row| row.check.into()),
            // Whole, also where it is long: this is what it is run for.
            Column::text("DETAIL", |row| row.detail.as_str().into()),
        ],
        name: |row| row.check.to_owned(),
        empty: String::new(),
    }
}

/// What to do, below the table; nothing when all is well.
fn to_do(findings: &[Finding]) -> String {
    let to_do: String = findings
        .iter()
        .filter_map(|finding| {
            let advice = finding.advice.as_deref()?;
            Some(format!("  {}: {advice}\n", finding.check))
        })
        .collect();
    if to_do.is_empty() {
        return to_do;
    }
    format!("\nWhat to do:\n\n{to_do}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_with_what_to_do() {
        let text = to_do(&[
            Finding::ok("clock", "right"),
            Finding::warn("backups", "none", "make one"),
            Finding::fail("port", "taken", "free it"),
        ]);
        assert_eq!(
            text,
            "\nWhat to do:\n\n  backups: make one\n  port: free it\n"
        );
        assert_eq!(to_do(&[Finding::ok("clock", "right")]), "");
    }
}
