//! `linux-api alert rule`: what is wrong from where on.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::cli::exit::Worst;
use crate::cli::rows::{Cell, Column, Listing, Tone};
use crate::cli::{Context, completion, confirm, output, poll};
use linux_api_client::Client;
use linux_api_wire::api::alerts::{AlertRule, AlertRuleDefinition, AlertRuleSource};
use linux_api_wire::suggest::nearest;
use linux_api_wire::units::{NOT_KNOWN, minute};

/// The largest file of rules, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// List and show rules, and change those of users
///
/// Stock rules are part of the program, rules of files are on the host of the daemon; a rule of yours with the name of a
/// stock rule takes its place.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all rules, by name
    ///
    /// What is wrong with files of rules is noted beside the list.
    #[command(visible_alias = "ls")]
    List,
    Show(Show),
    Set(Set),
    Delete(Delete),
}

/// Show a rule as TOML, ready to be changed and given to `alert rule set`
#[derive(Debug, clap::Args)]
struct Show {
    /// Its name
    #[arg(add = completion::rules())]
    name: String,
}

/// Make or change rules from a file
///
/// TOML with a `[[rule]]` for each, as docs/alerts.md describes it. A rule of yours with the same name is replaced; all
/// daemons of the database have them within 30 seconds. Needs the role operator or admin.
#[derive(Debug, clap::Args)]
struct Set {
    /// The file; - is the standard input
    file: PathBuf,
}

/// Delete a rule that a user made
///
/// The stock rule whose place it took is in force again. Needs the role operator or admin.
#[derive(Debug, clap::Args)]
struct Delete {
    /// Its name
    #[arg(add = completion::rules())]
    name: String,
}

/// A file of rules.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    rule: Vec<AlertRuleDefinition>,
}

/// The rules of a file.
///
/// # Errors
/// When it can't be read or is no such file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<AlertRuleDefinition>> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        let input = std::io::stdin().lock();
        input
            .take(FILE_MAX + 1)
            .read_to_string(&mut text)
            .context("read the standard input")?;
        text
    } else {
        linux_api_files::read_text(path)
            .with_context(|| format!("can't read {}", path.display()))?
    };
    anyhow::ensure!(
        u64::try_from(text.len()).is_ok_and(|length| length <= FILE_MAX),
        "{} is longer than 1 MiB",
        path.display()
    );
    let file: RulesFile = toml::from_str(&text).with_context(|| {
        format!(
            "{}: expected TOML with a [[rule]] for each rule",
            path.display()
        )
    })?;
    Ok(file.rule)
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List => list(ctx).await,
            Command::Show(show) => show.run(ctx).await,
            Command::Set(set) => set.run(ctx).await,
            Command::Delete(delete) => delete.run(ctx).await,
        }
    }
}

async fn list(ctx: &Context) -> anyhow::Result<ExitCode> {
    let mut worst = Worst::NONE;
    let fetch = async |client: &Client| Ok(client.alert_rules().await?);
    let (are_many, held) = poll::collect(ctx, fetch, &mut worst).await?;
    let mut rows: Vec<(Option<&str>, &AlertRule)> = Vec::new();
    for (name, list) in &held {
        let host = are_many.then_some(name.as_str());
        rows.extend(list.items.iter().map(|rule| (host, rule)));
        for problem in &list.problems {
            output::note(&match host {
                Some(host) => format!("{host}: {problem}"),
                None => problem.clone(),
            });
        }
    }
    listing().print_all(ctx, &rows, are_many, !held.is_empty())?;
    Ok(worst.into())
}

impl Show {
    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let (client, _here) = ctx.one_client().await?;
        let list = client.alert_rules().await?;
        let found = list.items.iter().find(|rule| rule.name == self.name);
        let Some(rule) = found else {
            let names: Vec<&str> = list.items.iter().map(|rule| &*rule.name).collect();
            let near = nearest(&self.name, &names);
            let near = near.map(|name| format!(", did you mean {name}?"));
            let near = near.unwrap_or_default();
            anyhow::bail!(
                "there is no rule {:?}{near}; `linux-api alert rule list` lists all",
                self.name
            );
        };
        let text = toml::to_string(&RulesFile {
            rule: vec![rule.definition.clone()],
        })
        .context("write the rule as TOML")?;
        output::document(ctx, rule, || format!("{}{text}", head(rule)))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Comments of the file that say what the rule is.
fn head(rule: &AlertRule) -> String {
    let source = match (rule.source, &rule.path) {
        (AlertRuleSource::Stock, _) => "part of the program".to_owned(),
        (AlertRuleSource::File, path) => {
            format!("from {}", path.as_deref().unwrap_or("a file"))
        }
        (AlertRuleSource::User, _) => {
            let by = rule.updated_by.as_deref().unwrap_or("a user");
            let at = rule.updated_at.as_deref().map(minute);
            format!(
                "made by {by} at {} UTC",
                at.unwrap_or_else(|| NOT_KNOWN.to_owned())
            )
        }
    };
    let mut text = format!("# {source}; judges {}: {}\n", rule.subject, rule.meaning);
    for (severity, threshold) in [("warning", &rule.warning), ("critical", &rule.critical)] {
        if let Some(threshold) = threshold {
            text.extend([format!("# {severity}: {threshold}\n")]);
        }
    }
    text
}

impl Set {
    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let definitions = read(&self.file)?;
        let (client, _here) = ctx.one_client().await?;
        let mut done = Vec::new();
        for definition in &definitions {
            let put = client.put_alert_rule(definition).await;
            done.push(put.with_context(|| format!("rule {:?}", definition.name))?);
        }
        listing().print(ctx, &done)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Delete {
    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let (client, _here) = ctx.one_client().await?;
        let question = format!(
            "Delete the rule {} of {}? What it began ends with a notice.",
            self.name,
            client.address()
        );
        if !confirm::confirm(ctx, &question)? {
            anyhow::bail!("nothing was deleted");
        }
        let done = client.delete_alert_rule(&self.name).await?;
        output::document(ctx, &done, || format!("deleted {}", self.name))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn listing() -> Listing<AlertRule> {
    Listing {
        columns: vec![
            Column::text("NAME", |row: &AlertRule| row.name.as_str().into()),
            Column::text("FROM", |row| row.source.as_str().into()),
            Column::text("STATE", |row| match (row.in_force, row.enabled) {
                (false, _) => "replaced".into(),
                (true, true) => Cell::new("on", Tone::Good),
                (true, false) => Cell::new("off", Tone::Warn),
            }),
            Column::long("WARNING", |row| {
                row.warning.as_deref().unwrap_or(NOT_KNOWN).into()
            }),
            Column::long("CRITICAL", |row| {
                row.critical.as_deref().unwrap_or(NOT_KNOWN).into()
            }),
            Column::wide("JUDGES", |row| row.subject.as_str().into()),
            Column::wide("HOSTS", |row| {
                row.definition.hosts.as_deref().unwrap_or("all").into()
            }),
            Column::wide("FOR", |row| {
                row.definition.pending.as_deref().unwrap_or("5min").into()
            }),
            Column::wide("BY", |row| {
                row.updated_by.as_deref().unwrap_or(NOT_KNOWN).into()
            }),
        ],
        name: |row| row.name.clone(),
        empty: "there are no rules".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_is_shown_can_be_set_again() {
        let text = "[[rule]]\nname = \"data\"\ncheck = \"disk_space\"\nfor = \"1min\"\nwarning = 97\n\
                    critical = { at = \"99%\", clear = 95 }\n\n[rule.labels]\nmount_point = [\"/data\"]\n";
        let file: RulesFile = toml::from_str(text).unwrap();
        let shown = toml::to_string(&file).unwrap();
        let again: RulesFile = toml::from_str(&shown).unwrap();
        assert_eq!(again.rule, file.rule);
        let unknown = "[[rule]]\nname = \"data\"\nthreshold = 3\n";
        let error = toml::from_str::<RulesFile>(unknown).unwrap_err();
        assert!(error.to_string().contains("threshold"), "{error}");
    }
}
