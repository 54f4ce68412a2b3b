//! What a rule would have done over stored history.

mod past;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use linux_api_alerts::host_text::HostText;
use linux_api_alerts::notice::{Host, Notice};
use linux_api_alerts::replay::{Episode, episodes, replay};
use linux_api_alerts::rules::{Rule, RuleDefinition, RuleSet, RuleSource};
use linux_api_alerts::severity::Severity;
use linux_api_store::Store;
use linux_api_store::hosts::HostName;
use linux_api_wire::api::alerts::{AlertEpisode, AlertPreview, PreviewAlertRule};
use linux_api_wire::api::problem::Problem;
use linux_api_wire::fleet::HostLabel;
use linux_api_wire::time::{Clock, Timestamp};
use serde_json::Value;

use super::rules::check;
use super::{convert, missing, wrong};
use crate::alerts::Alerts;
use crate::error::ApiError;
use crate::extract::{ApiJson, Caller, FromBody, scope};
use crate::json::Json;
use crate::params::BodyReader;
use past::{Past, STEP};

/// The most hosts of one preview.
const HOSTS_MAX: usize = 50;
/// The longest history, in days.
const DAYS_MAX: u32 = 31;
/// The history without a choice, in days.
const DAYS: u32 = 7;
/// The most episodes of one response.
const EPISODES_MAX: usize = 500;
/// The most values that are judged for one preview: a second of a processor.
const VALUES_MAX: u64 = 1_000_000;

/// What is to be previewed.
#[derive(Debug)]
pub(crate) struct Wanted {
    rule: Option<String>,
    definition: Option<RuleDefinition>,
    named: Vec<String>,
    labels: Vec<HostLabel>,
    days: u32,
}

impl FromBody for Wanted {
    fn read(body: &mut BodyReader) -> Self {
        let rule = body.nullable_text("rule");
        let definition = body.value("definition").filter(|value| !value.is_null());
        let definition = definition.and_then(|value: Value| {
            let read = serde_json::from_value(value);
            read.map_err(|error: serde_json::Error| body.problem("definition", error.to_string()))
                .ok()
        });
        let named: Vec<String> = body.list("host");
        if named.len() > HOSTS_MAX {
            body.problem("host", format!("Input should be at most {HOSTS_MAX} hosts"));
        }
        let mut labels = Vec::new();
        for part in body.hosts().iter().flat_map(|text| text.split(',')) {
            match part.trim().parse() {
                Ok(label) => labels.push(label),
                Err(error) => body.problem("hosts", format!("{error}")),
            }
        }
        let days = body.integer("days", 1..=i64::from(DAYS_MAX), i64::from(DAYS));
        Self {
            rule,
            definition,
            named,
            labels,
            days: u32::try_from(days).unwrap_or(DAYS),
        }
    }
}

/// Preview a rule
///
/// Runs a rule over stored history: when it would have fired, on up to 50 hosts and over up to 31 days. Rules about
/// series, `disk_space`, `disk_inodes` and `memory_low` can be previewed; what other checks read is not
/// stored. It is the function that judges, on the means of minutes in place of readings every 10 seconds.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/preview",
    tag = "alerts",
    request_body = PreviewAlertRule,
    responses(
        (status = 200, description = "When it would have fired", body = AlertPreview),
        (status = 404, description = "There is no such rule or host", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn preview_rule(
    _caller: Caller<scope::AlertsRead>,
    State(store): State<Store>,
    State(alerts): State<Alerts>,
    State(clock): State<Clock>,
    ApiJson(wanted): ApiJson<Wanted>,
) -> Result<Json<AlertPreview>, ApiError> {
    let (rules, rule) = chosen(&wanted, &alerts, &store).await?;
    let past = Past::of(&rule.subject).ok_or_else(|| {
        let message = format!(
            "Input should be a rule about a series, {}: no history is stored of what {} reads",
            past::CHECKS,
            rule.subject.name(),
        );
        let field = if wanted.rule.is_some() {
            "rule"
        } else {
            "definition"
        };
        wrong("body", field, message)
    })?;
    let hosts = hosts(&store, &wanted, &rule).await?;
    let to = clock.now();
    let from = to.saturating_sub(Duration::from_hours(24 * u64::from(wanted.days)));
    let mut notices = Vec::new();
    let mut without = Vec::new();
    let mut left = VALUES_MAX;
    for host in &hosts {
        let history = past.read(&store, &host.id, (from, to), &mut left).await?;
        if history.is_empty() {
            without.push(host.name.clone());
            continue;
        }
        let (rules, host, subject) = (rules.clone(), host.clone(), rule.subject);
        let run = tokio::task::spawn_blocking(move || replay(&rules, &host, &subject, history));
        let found = run.await.map_err(|error| ApiError::internal(&error))?;
        notices.extend(
            found
                .into_iter()
                .filter(|one| one.instance.rule == rule.name),
        );
    }
    let names: BTreeMap<&str, &str> = hosts.iter().map(|it| (&*it.id, &*it.name)).collect();
    let mut preview = summed_up(&notices, &names, wanted.days, (from, to));
    preview.hosts = hosts.len();
    preview.hosts_without_data = without;
    preview.notes = notes(&rule, past.note());
    Ok(Json(preview))
}

/// The rules in force with the one that is meant, which counts as if it were switched on.
async fn chosen(
    wanted: &Wanted,
    alerts: &Alerts,
    store: &Store,
) -> Result<(RuleSet, Rule), ApiError> {
    let in_force = alerts.rules();
    let mut rule = match (&wanted.rule, &wanted.definition) {
        (Some(name), None) => named(name, &in_force.set, store).await?,
        (None, Some(definition)) => check(definition.clone())?,
        _ => {
            let message = "Input should have either rule or definition";
            return Err(wrong("body", "rule", message.to_owned()));
        }
    };
    rule.enabled = true;
    let others = in_force.set.rules().iter();
    let own = others.filter(|one| one.source != RuleSource::Stock && one.name != rule.name);
    // At the front, so that it is in force however many there are; a stock rule is there anyway.
    let meant = (rule.source != RuleSource::Stock).then(|| rule.clone());
    let (set, _) = RuleSet::new(meant.into_iter().chain(own.cloned()).collect());
    Ok((set, rule))
}

/// The rule of this name. One of a user is read from the database: it may have been changed a moment ago, and is not
/// in force yet then.
async fn named(name: &str, in_force: &RuleSet, store: &Store) -> Result<Rule, ApiError> {
    let found = name.parse().ok().and_then(|name| in_force.get(&name));
    let is_file = |rule: &&Rule| matches!(rule.source, RuleSource::File(_));
    if let Some(rule) = found.filter(is_file) {
        return Ok(rule.clone());
    }
    let mut stored = store.alert_rules().await?.into_iter();
    if let Some(stored) = stored.find(|rule| rule.definition.name == name) {
        return check(stored.definition);
    }
    let stock = found.filter(|rule| rule.source == RuleSource::Stock);
    stock.cloned().ok_or_else(|| {
        let detail = "No rule has this name; GET /api/v1/alerts/rules lists them.";
        missing("rule_not_found", detail)
    })
}

/// The hosts that are meant and that the rule is about.
async fn hosts(store: &Store, wanted: &Wanted, rule: &Rule) -> Result<Vec<Host>, ApiError> {
    let named = (!wanted.named.is_empty()).then_some(&wanted.named[..]);
    let most = u32::try_from(HOSTS_MAX + 1).unwrap_or(u32::MAX);
    let labels: Vec<HostLabel> = wanted
        .labels
        .iter()
        .cloned()
        .chain(labels_of(rule))
        .collect();
    let found: Vec<HostName> = store.select_hosts(named, &labels, None, most).await?;
    if found.len() > HOSTS_MAX {
        let message = format!(
            "Input should select at most {HOSTS_MAX} hosts: narrow them down by name or label"
        );
        return Err(wrong("body", "hosts", message));
    }
    let is_there = |name: &String| found.iter().any(|one| one.id == *name || one.name == *name);
    // Of those that are named, the ones that the rule is not about are left out; others are not there.
    if labels.is_empty() && !wanted.named.iter().all(is_there) {
        return Err(ApiError::host_unknown());
    }
    let ids: Vec<&str> = found.iter().map(|host| host.id.as_str()).collect();
    let mut labels = store.label_hosts(&ids).await?;
    let hosts = found.into_iter().map(|host| Host {
        labels: labels
            .remove(&host.id)
            .map(|(_, labels)| labels)
            .unwrap_or_default(),
        id: host.id,
        name: host.name,
    });
    Ok(hosts.collect())
}

/// The labels that a host must have for the rule.
fn labels_of(rule: &Rule) -> Vec<HostLabel> {
    let text = rule.hosts.stored().unwrap_or_default();
    text.split(',')
        .filter_map(|part| part.parse().ok())
        .collect()
}

fn summed_up(
    notices: &[Notice],
    names: &BTreeMap<&str, &str>,
    days: u32,
    (from, to): (Timestamp, Timestamp),
) -> AlertPreview {
    let mut all: Vec<Episode> = episodes(notices);
    all.sort_by_key(|one| std::cmp::Reverse(one.fired_at));
    let critical = all.iter().filter(|one| one.severity == Severity::Critical);
    let critical = critical.count();
    let total = all.len();
    let times = match total {
        0 => "would not have fired".to_owned(),
        1 => "would have fired once".to_owned(),
        many => format!("would have fired {many} times"),
    };
    let span = if days == 1 {
        "1 day".to_owned()
    } else {
        format!("{days} days")
    };
    let shown = |one: Episode| {
        let end = one.resolved_at.unwrap_or(to);
        let host = &one.instance.host;
        AlertEpisode {
            host: names
                .get(&**host)
                .map_or_else(|| host.clone(), |name| (*name).to_owned()),
            host_id: host.clone(),
            labels: convert::labels(&one.instance.labels),
            severity: convert::severity(one.severity),
            since: one.since.to_string(),
            fired_at: one.fired_at.to_string(),
            resolved_at: one.resolved_at.map(|time| time.to_string()),
            seconds: end.since(one.fired_at).as_secs(),
            text: HostText::new(&one.text).to_string(),
        }
    };
    AlertPreview {
        summary: format!("{times} in {span}"),
        from: from.to_string(),
        to: to.to_string(),
        step: STEP.as_secs(),
        total,
        warning: total - critical,
        critical,
        notices: notices.len(),
        episodes: all.into_iter().take(EPISODES_MAX).map(shown).collect(),
        ..AlertPreview::default()
    }
}

fn notes(rule: &Rule, of_check: Option<&str>) -> Vec<String> {
    let mut notes = vec!["values are means of a minute: shorter peaks are not seen".to_owned()];
    if rule.subject.has_boot_grace() {
        notes.push("the five minutes after the start of a host count too".to_owned());
    }
    if rule.definition.enabled == Some(false) {
        notes.push("the rule is switched off; this is what it would do".to_owned());
    }
    notes.extend(of_check.map(str::to_owned));
    notes
}
