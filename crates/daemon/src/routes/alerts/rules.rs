//! Rules: those of the program, of files and of users.

use axum::extract::State;
use axum::http::StatusCode;
use linux_api_alerts::name::Name;
use linux_api_alerts::rules::{
    RULES_MAX, Rule, RuleDefinition, RuleProblem, RuleSource, compile, stock,
};
use linux_api_alerts::severity::Severity;
use linux_api_alerts::subject::Subject;
use linux_api_store::alerts::rules::StoredRule;
use linux_api_store::{Refusal, Store, StoreError};
use linux_api_wire::api::alerts::{AlertRule, AlertRuleDefinition, AlertRuleList, AlertRuleSource};
use linux_api_wire::api::problem::{FieldProblem, Problem};
use linux_api_wire::api::users::Done;
use linux_api_wire::time::Clock;

use super::{PathRule, missing, wrong};
use crate::alerts::Alerts;
use crate::error::ApiError;
use crate::extract::{ApiJson, Caller, FromBody, scope};
use crate::json::Json;
use crate::params::BodyReader;

/// List rules
///
/// All that this daemon knows: its stock rules, those of files on its host, and those that users made, which all
/// daemons of the database have. Several can have one name; the one in force comes first.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/rules",
    tag = "alerts",
    responses((status = 200, description = "The rules", body = AlertRuleList))
)]
pub(crate) async fn list_rules(
    _caller: Caller<scope::AlertsRead>,
    State(store): State<Store>,
    State(alerts): State<Alerts>,
) -> Result<Json<AlertRuleList>, ApiError> {
    let in_force = alerts.rules();
    let stored = store.alert_rules().await?;
    let set = &in_force.set;
    let is_stock_in_force = |rule: &Rule| {
        set.get(&rule.name)
            .is_some_and(|one| one.source == RuleSource::Stock)
    };
    let mut items = Vec::new();
    for rule in stock::rules() {
        items.push(shown(rule, is_stock_in_force(rule))?);
    }
    let of_files = set.rules().iter();
    for rule in of_files.filter(|rule| matches!(rule.source, RuleSource::File(_))) {
        items.push(shown(rule, true)?);
    }
    for one in &stored {
        let is_in_file = set
            .rules()
            .iter()
            .any(|rule| is_of_file(rule) && rule.name.as_str() == one.definition.name);
        items.push(shown_stored(one, !is_in_file)?);
        // One that was made a moment ago is in force with the next evaluation.
        if !is_in_file {
            let of_stock = items
                .iter_mut()
                .filter(|it| it.source == AlertRuleSource::Stock && it.name == one.definition.name);
            of_stock.for_each(|it| it.in_force = false);
        }
    }
    items.sort_by(|a, b| (&a.name, !a.in_force).cmp(&(&b.name, !b.in_force)));
    let mut problems = in_force.problems.clone();
    problems.extend(unknown_channels(&alerts, &items));
    Ok(Json(AlertRuleList {
        in_force: items.iter().filter(|rule| rule.in_force).count(),
        items,
        problems,
        most: RULES_MAX,
    }))
}

fn is_of_file(rule: &Rule) -> bool {
    matches!(rule.source, RuleSource::File(_))
}

/// Channels that rules name and this daemon does not have, where it has any.
fn unknown_channels(alerts: &Alerts, rules: &[AlertRule]) -> Vec<String> {
    let settings = alerts.settings();
    if settings.channels.is_empty() {
        return Vec::new();
    }
    let is_known = |name: &String| {
        settings
            .channels
            .iter()
            .any(|one| one.name.as_str() == name)
    };
    let unknown = rules.iter().filter(|rule| rule.in_force).flat_map(|rule| {
        let channels = rule.definition.channels.iter();
        channels.filter(|name| !is_known(name)).map(|name| {
            let rule = &rule.name;
            format!("{rule}: channels: this daemon has no channel {name}")
        })
    });
    unknown.collect()
}

/// A definition as it was sent.
#[derive(Debug)]
pub(crate) struct NewRule(Option<RuleDefinition>);

impl FromBody for NewRule {
    fn read(body: &mut BodyReader) -> Self {
        Self(body.whole())
    }
}

/// Make or change a rule
///
/// Replaces the rule of users with this name. It is in force within 30 seconds on all daemons of the database. One with
/// the name of a stock rule takes its place. A rule with `restart` also takes the scope `units:act`; a caller
/// who is limited to some hosts must name their labels in `hosts`.
#[utoipa::path(
    put,
    path = "/api/v1/alerts/rules/{rule}",
    tag = "alerts",
    params(("rule" = String, Path, description = "Its name, as in the body", max_length = 64,
        example = "queue_of_the_disk")),
    request_body = AlertRuleDefinition,
    responses(
        (status = 200, description = "The rule", body = AlertRule),
        (status = 409, description = "A file on the host of this daemon has a rule with this name, or there are 200",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put_rule(
    caller: Caller<scope::AlertsWrite>,
    State(store): State<Store>,
    State(alerts): State<Alerts>,
    State(clock): State<Clock>,
    PathRule(name): PathRule,
    ApiJson(NewRule(body)): ApiJson<NewRule>,
) -> Result<Json<AlertRule>, ApiError> {
    let definition = body.unwrap_or_default();
    if definition.name != name.as_str() {
        let message = format!("Input should be {name}, as in the path");
        return Err(wrong("body", "name", message));
    }
    let rule = check(definition)?;
    refuse_file(&alerts, &name)?;
    let actor = caller.actor().await?;
    let put = store.put_alert_rule(&actor, &name, &rule.definition).await;
    put.map_err(|error| match error {
        StoreError::Refused(Refusal::TooManyRules) => {
            let detail = "There are 200 rules of users already; delete some of them.";
            ApiError::refused(StatusCode::CONFLICT, "too_many_rules", detail)
        }
        error => error.into(),
    })?;
    alerts.note_rules_changed();
    let mut shown = shown(&rule, true)?;
    shown.updated_at = Some(clock.now().to_string());
    shown.updated_by = Some(actor.origin.name);
    Ok(Json(shown))
}

/// Delete a rule
///
/// One that a user made. The stock rule whose place it took is in force again.
#[utoipa::path(
    delete,
    path = "/api/v1/alerts/rules/{rule}",
    tag = "alerts",
    params(("rule" = String, Path, description = "Its name", max_length = 64, example = "queue_of_the_disk")),
    responses(
        (status = 200, description = "It is deleted", body = Done),
        (status = 404, description = "No user made a rule with this name", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete_rule(
    caller: Caller<scope::AlertsWrite>,
    State(store): State<Store>,
    State(alerts): State<Alerts>,
    PathRule(name): PathRule,
) -> Result<Json<Done>, ApiError> {
    let deleted = store.delete_alert_rule(&caller.actor().await?, &name).await;
    deleted.map_err(|error| match error {
        StoreError::Refused(Refusal::RuleNotFound) => missing(
            "rule_not_found",
            "No user made a rule with this name. A stock rule is switched off by one of its name with \
             \"enabled\": false; a rule of a file is changed there.",
        ),
        error => error.into(),
    })?;
    alerts.note_rules_changed();
    Ok(Json(Done {
        detail: "Rule deleted".to_owned(),
    }))
}

/// A rule of a file counts before one of a user, which would never be in force on this host.
fn refuse_file(alerts: &Alerts, name: &Name) -> Result<(), ApiError> {
    let rules = alerts.rules();
    let Some(RuleSource::File(path)) = rules.set.get(name).map(|rule| &rule.source) else {
        return Ok(());
    };
    let detail = format!(
        "{} on the host of this daemon has a rule with this name, which would count: change it there.",
        path.display()
    );
    Err(ApiError::new(StatusCode::CONFLICT, "rule_in_file", detail))
}

/// The rule of a definition, or all that is wrong with it, by key.
pub(super) fn check(definition: RuleDefinition) -> Result<Rule, ApiError> {
    compile(definition, RuleSource::Stored).map_err(|problems| {
        let field = |problem: RuleProblem| FieldProblem {
            location: vec!["body".to_owned(), problem.key],
            message: problem.message,
        };
        ApiError::invalid(problems.into_iter().map(field).collect())
    })
}

fn shown_stored(stored: &StoredRule, in_force: bool) -> Result<AlertRule, ApiError> {
    let mut shown = match compile(stored.definition.clone(), RuleSource::Stored) {
        Ok(rule) => shown(&rule, in_force)?,
        // Made by a program that knows more; the problems say what.
        Err(_) => AlertRule {
            name: stored.definition.name.clone(),
            source: AlertRuleSource::User,
            path: None,
            in_force: false,
            enabled: stored.definition.enabled.unwrap_or(true),
            subject: String::new(),
            meaning: String::new(),
            warning: None,
            critical: None,
            definition: on_wire(&stored.definition)?,
            updated_at: None,
            updated_by: None,
        },
    };
    shown.updated_at = Some(stored.updated_at.to_string());
    shown.updated_by = Some(stored.updated_by.clone());
    Ok(shown)
}

fn shown(rule: &Rule, in_force: bool) -> Result<AlertRule, ApiError> {
    let (source, path) = match &rule.source {
        RuleSource::Stock => (AlertRuleSource::Stock, None),
        RuleSource::Stored => (AlertRuleSource::User, None),
        RuleSource::File(path) => (AlertRuleSource::File, Some(path.display().to_string())),
    };
    let meaning = match rule.subject {
        Subject::Series { series, .. } => series.meaning,
        Subject::Check(check) => check.info().meaning,
    };
    Ok(AlertRule {
        name: rule.name.to_string(),
        source,
        path,
        in_force,
        enabled: rule.enabled,
        subject: rule.subject.name().to_owned(),
        meaning: meaning.to_owned(),
        warning: rule.threshold_text(Severity::Warning),
        critical: rule.threshold_text(Severity::Critical),
        definition: on_wire(&rule.definition)?,
        updated_at: None,
        updated_by: None,
    })
}

/// A definition as the wire has it: the same JSON.
fn on_wire(definition: &RuleDefinition) -> Result<AlertRuleDefinition, ApiError> {
    let json = serde_json::to_value(definition);
    json.and_then(serde_json::from_value)
        .map_err(|error| ApiError::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_the_same_on_the_wire() {
        let own = serde_json::json!({
            "name": "all_keys", "description": "each key once", "enabled": false, "check": "process_missing",
            "process": {"executable": "/usr/sbin/cron", "uid": 0}, "labels": {"process": ["a", "b*"]},
            "hosts": "env=prod", "warning": 1.0, "critical": {"at": 1.0, "for": "1min", "clear": 2.0},
            "hysteresis": "1", "for": "10min", "keep_firing": "1min", "repeat": "never", "channels": ["ops"],
            "restart": "cron.service", "quiet_hours": true, "when": "below", "series": "load.one"
        });
        let own: RuleDefinition = serde_json::from_value(own).unwrap();
        let stock = stock::rules().iter().map(|rule| rule.definition.clone());
        for definition in stock.chain([own]) {
            let wire = on_wire(&definition).unwrap();
            let there = serde_json::to_value(&wire).unwrap();
            let here = serde_json::to_value(&definition).unwrap();
            assert_eq!(there, here);
            let back: RuleDefinition = serde_json::from_value(there).unwrap();
            assert_eq!(back, definition);
        }
    }
}
