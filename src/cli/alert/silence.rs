//! `linux-api alert silence`: what is not sent for a while.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::{ids, parse_severity};
use crate::cli::exit::UsageError;
use crate::cli::rows::{Cell, Column, Listing, Tone};
use crate::cli::{Context, output, poll, when};
use linux_api_client::Client;
use linux_api_wire::api::alerts::{AddAlertSilence, AlertSeverity, AlertSilence, WeeklyTimes};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::{NOT_KNOWN, minute};

/// List, add and end silences
///
/// What a silence holds back and still fires when it ends is sent then.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List silences that are not over, those that end first at the front
    #[command(visible_alias = "ls")]
    List,
    Add(Box<Add>),
    End(End),
}

/// Silence alerts for a while, or at times of the week
///
/// Those that match all that is given; at least one of --rule, --host, --hosts, --instance and --severity. Needs the
/// role operator or admin.
#[derive(Debug, clap::Args)]
struct Add {
    /// Rules with this name; a pattern with * and ? is possible
    #[arg(long, value_name = "PATTERN")]
    rule: Option<String>,
    /// Hosts with this name; a pattern with * and ? is possible
    #[arg(long, value_name = "PATTERN")]
    host: Option<String>,
    /// Hosts with these labels, such as env=dev,role=web
    #[arg(long, value_name = "LABELS")]
    hosts: Option<String>,
    /// Instances with this label, such as `mount_point=/data/*`; repeatable
    #[arg(long, value_name = "KEY=PATTERN", value_parser = parse_instance)]
    instance: Vec<(String, String)>,
    /// Only warnings, or only critical ones
    #[arg(long, value_parser = parse_severity)]
    severity: Option<AlertSeverity>,
    /// Until when: a duration from now such as 2h, a date, or a time such as 2036-01-01T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = when::future)]
    until: Option<Timestamp>,
    /// From when on [default: now]
    #[arg(long, value_name = "TIME", value_parser = when::future)]
    from: Option<Timestamp>,
    /// Only at these times of the week, such as "Sun 03:00-05:00" or "Mon-Fri 22:00-06:00"; repeatable
    #[arg(long, value_name = "TIMES")]
    weekly: Vec<String>,
    /// The time zone of --weekly, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", requires = "weekly")]
    zone: String,
    /// Why
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    comment: String,
}

fn parse_instance(text: &str) -> Result<(String, String), String> {
    let label = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, pattern) = label.ok_or("expected a label such as mount_point=/data/*")?;
    Ok((key.to_owned(), pattern.to_owned()))
}

/// End silences now
///
/// Needs the role operator or admin.
#[derive(Debug, clap::Args)]
struct End {
    /// Their ids, as `alert silence list` shows them
    #[arg(required = true, value_name = "ID", value_parser = ids::parse)]
    silences: Vec<String>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List => {
                let fetch = async |client: &Client| Ok(client.alert_silences().await?.items);
                poll::list(ctx, &listing(), fetch).await
            }
            Command::Add(add) => add.run(ctx).await,
            Command::End(end) => end.run(ctx).await,
        }
    }
}

impl Add {
    fn request(self) -> Result<AddAlertSilence, UsageError> {
        let labels: BTreeMap<String, String> = self.instance.into_iter().collect();
        let is_empty = self.rule.is_none()
            && self.host.is_none()
            && self.hosts.is_none()
            && labels.is_empty()
            && self.severity.is_none();
        if is_empty {
            let problem = "this would silence everything: use --rule, --host, --hosts, --instance or --severity";
            return Err(UsageError(problem.to_owned()));
        }
        if self.until.is_none() && self.weekly.is_empty() {
            let problem = "only a weekly silence may have no end: use --until, such as --until 2h, or --weekly";
            return Err(UsageError(problem.to_owned()));
        }
        let zone = self.zone;
        Ok(AddAlertSilence {
            rule: self.rule,
            host: self.host,
            hosts: self.hosts,
            labels,
            severity: self.severity,
            from: self.from.map(|time| time.to_string()),
            until: self.until.map(|time| time.to_string()),
            duration: None,
            weekly: (!self.weekly.is_empty()).then_some(WeeklyTimes {
                windows: self.weekly,
                zone,
            }),
            comment: self.comment,
        })
    }

    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let request = self.request()?;
        let (client, _here) = ctx.one_client().await?;
        let silence = client.add_alert_silence(&request).await?;
        output::document(ctx, &silence, || in_words(&silence))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl End {
    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let (client, _here) = ctx.one_client().await?;
        let all = client.alert_silences().await?.items;
        let mut ended = Vec::new();
        for begin in &self.silences {
            let known = all.iter().map(|one| one.id.as_str());
            let id = ids::find(begin, known, "no silence", "silence list")?;
            if !ended.contains(&id) {
                ended.push(id);
            }
        }
        for id in &ended {
            client.end_alert_silence(id).await?;
        }
        output::document(ctx, &ended, || {
            let lines = ended.iter().map(|id| format!("ended {id}"));
            lines.collect::<Vec<_>>().join("\n")
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What it is about: `rule=disk_* host=db-01 mount_point=/srv`.
fn about(silence: &AlertSilence) -> String {
    let mut parts = Vec::new();
    let mut part = |key: &str, value: Option<&str>| {
        parts.extend(value.map(|value| format!("{key}={value}")));
    };
    part("rule", silence.rule.as_deref());
    part("host", silence.host.as_deref());
    part("hosts", silence.hosts.as_deref());
    part("severity", silence.severity.map(AlertSeverity::as_str));
    for (key, pattern) in &silence.labels {
        part(key, Some(pattern));
    }
    parts.join(" ")
}

/// When it is in force, for people.
fn until(silence: &AlertSilence) -> String {
    let end = silence.until.as_deref().map(minute);
    match (&silence.weekly, end) {
        (Some(weekly), None) => weekly.windows.join(", "),
        (Some(weekly), Some(end)) => format!("{} until {end}", weekly.windows.join(", ")),
        (None, end) => end.unwrap_or_else(|| NOT_KNOWN.to_owned()),
    }
}

fn in_words(silence: &AlertSilence) -> String {
    let holds = match silence.holds {
        0 => "nothing that fires now".to_owned(),
        1 => "1 alert that fires now".to_owned(),
        many => format!("{many} alerts that fire now"),
    };
    let id = ids::short(&silence.id);
    let (about, until) = (about(silence), until(silence));
    format!("silence {id}: {about}, until {until} UTC; it holds {holds}")
}

fn listing() -> Listing<AlertSilence> {
    Listing {
        columns: vec![
            Column::text("ID", |row: &AlertSilence| ids::short(&row.id).into()),
            Column::text("ACTIVE", |row| {
                if row.active {
                    Cell::new("yes", Tone::Good)
                } else {
                    "no".into()
                }
            }),
            Column::text("UNTIL (UTC)", |row| until(row).into()),
            Column::number("HOLDS", |row| row.holds.to_string().into()),
            Column::text("BY", |row| row.created_by.as_str().into()),
            Column::long("WHAT", |row| about(row).into()),
            Column::long("COMMENT", |row| row.comment.as_str().into()),
            Column::wide("FROM (UTC)", |row| minute(&row.from).into()),
            Column::wide("ZONE", |row| {
                let weekly = row.weekly.as_ref();
                weekly.map_or(NOT_KNOWN, |weekly| &weekly.zone).into()
            }),
        ],
        name: |row| row.id.clone(),
        empty: "nothing is silenced".to_owned(),
    }
}
