//! `linux-api alert preview`: what a rule would have done.

use std::path::PathBuf;
use std::process::ExitCode;

use super::rule;
use crate::cli::exit::UsageError;
use crate::cli::rows::clean;
use crate::cli::{Context, completion, poll};
use linux_api_client::Client;
use linux_api_wire::api::alerts::{AlertEpisode, AlertPreview, PreviewAlertRule};
use linux_api_wire::units::{minute, span};

/// Show when a rule would have fired over stored history
///
/// A rule that there is, or one of a file that need not be in force. Of what most checks read no history is stored: rules
/// about series, `disk_space`, `disk_inodes` and `memory_low` can be previewed.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The name of a rule, or of one in --file where it has several
    #[arg(required_unless_present = "file", add = completion::rules())]
    name: Option<String>,
    /// A file of rules; - is the standard input
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// How many days until now
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=31))]
    days: u32,
    /// Only of the host with this name or id; repeatable
    #[arg(long, value_name = "NAME", add = completion::hosts())]
    host: Vec<String>,
    /// Only of hosts with these labels, such as env=prod
    #[arg(long, value_name = "LABELS")]
    hosts: Option<String>,
    /// The newest times to show
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let limit = self.limit;
        let request = self.request()?;
        let fetch = async |client: &Client| Ok(client.preview_alert_rule(&request).await?);
        poll::show(ctx, fetch, |preview| in_words(preview, limit)).await
    }

    fn request(self) -> anyhow::Result<PreviewAlertRule> {
        let mut request = PreviewAlertRule {
            host: self.host,
            hosts: self.hosts,
            days: Some(self.days),
            ..PreviewAlertRule::default()
        };
        let Some(file) = &self.file else {
            request.rule = self.name;
            return Ok(request);
        };
        let mut rules = rule::read(file)?;
        rules.retain(|rule| self.name.as_ref().is_none_or(|name| rule.name == *name));
        if rules.len() > 1 {
            let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
            let problem = format!(
                "the file has several rules, name one of them: {}",
                names.join(", ")
            );
            return Err(UsageError(problem).into());
        }
        let none = || UsageError("the file has no such rule".to_owned());
        request.definition = Some(rules.pop().ok_or_else(none)?);
        Ok(request)
    }
}

fn in_words(preview: &AlertPreview, limit: usize) -> String {
    let hosts = match preview.hosts {
        1 => "1 host".to_owned(),
        many => format!("{many} hosts"),
    };
    let counts = format!(
        ": {} critical, {} warnings, {} notices",
        preview.critical, preview.warning, preview.notices
    );
    let counts = if preview.total > 0 {
        counts
    } else {
        String::new()
    };
    let mut text = format!("{}, on {hosts}{counts}\n", preview.summary);
    for one in preview.episodes.iter().take(limit) {
        text.push_str(&line(one));
    }
    let more = preview
        .total
        .saturating_sub(limit.min(preview.episodes.len()));
    if more > 0 {
        text.extend([format!("and {more} earlier ones; --limit shows more\n")]);
    }
    if !preview.hosts_without_data.is_empty() {
        let names = preview.hosts_without_data.join(", ");
        text.extend([format!("no history: {}\n", clean(&names))]);
    }
    for note in &preview.notes {
        text.extend([format!("note: {note}\n")]);
    }
    text
}

fn line(one: &AlertEpisode) -> String {
    let length = span(one.seconds);
    let length = if one.resolved_at.is_some() {
        format!("for {length}")
    } else {
        format!("since {length}")
    };
    let labels: Vec<&str> = one.labels.values().map(String::as_str).collect();
    let place = if labels.is_empty() {
        one.host.clone()
    } else {
        format!("{} {}", one.host, labels.join(" "))
    };
    let (time, place, what) = (minute(&one.fired_at), clean(&place), clean(&one.text));
    format!("  {time}  {}  {place}  {length}  {what}\n", one.severity)
}
