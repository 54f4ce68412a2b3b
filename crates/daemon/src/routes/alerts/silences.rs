//! Silences.

use axum::extract::State;
use axum::http::StatusCode;
use linux_api_alerts::labels::Pattern;
use linux_api_alerts::silence::{Matchers, Silence, SilenceError};
use linux_api_alerts::window::Weekly;
use linux_api_store::{Refusal, Store, StoreError};
use linux_api_wire::api::alerts::{AddAlertSilence, AlertSilence, AlertSilenceList, WeeklyTimes};
use linux_api_wire::api::problem::Problem;
use linux_api_wire::api::users::Done;
use linux_api_wire::duration_text;
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::{Clock, Timestamp};
use linux_api_wire::time_text::parse_time;
use uuid::Uuid;

use super::view::CurrentAlert;
use super::{PathSilence, convert, current, missing, wrong};
use crate::alerts::Alerts;
use crate::error::ApiError;
use crate::extract::{ApiJson, Caller, FromBody, scope};
use crate::json::Json;
use crate::params::BodyReader;

/// The longest pattern, in characters.
const PATTERN_MAX: usize = 256;
/// The most labels.
const LABELS_MAX: usize = 20;

/// List silences
///
/// Those that are not over, those that end first at the front; weekly ones without an end come last.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/silences",
    tag = "alerts",
    responses((status = 200, description = "All of them", body = AlertSilenceList))
)]
pub(crate) async fn list_silences(
    _caller: Caller<scope::AlertsRead>,
    State(store): State<Store>,
    State(alerts): State<Alerts>,
    State(clock): State<Clock>,
) -> Result<Json<AlertSilenceList>, ApiError> {
    let now = clock.now();
    let mut silences = store.alert_silences(now).await?;
    silences.sort_by_key(|one| (one.until.is_none(), one.until, one.id));
    let (all, _) = current(&store, &alerts, now).await?;
    let items = silences.iter().map(|one| shown(one, &all, now));
    Ok(Json(AlertSilenceList {
        time: now.to_string(),
        items: items.collect(),
    }))
}

/// What is to be silenced, as it was sent.
#[derive(Debug)]
pub(crate) struct NewSilence(Option<AddAlertSilence>);

impl FromBody for NewSilence {
    fn read(body: &mut BodyReader) -> Self {
        Self(body.whole())
    }
}

/// Silence alerts
///
/// Notices that match all that is set are held back; what still fires when the silence ends is sent then. A
/// silence of less than everything: at least one of `rule`, `host`, `hosts`, `labels` and `severity`. A caller who is
/// limited to some hosts must name their labels in `hosts`.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/silences",
    tag = "alerts",
    request_body = AddAlertSilence,
    responses(
        (status = 201, description = "The silence", body = AlertSilence),
        (status = 409, description = "There are 1000 silences", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn add_silence(
    caller: Caller<scope::AlertsWrite>,
    State(store): State<Store>,
    State(alerts): State<Alerts>,
    State(clock): State<Clock>,
    ApiJson(NewSilence(body)): ApiJson<NewSilence>,
) -> Result<(StatusCode, Json<AlertSilence>), ApiError> {
    let now = clock.now();
    let body = body.unwrap_or_default();
    let silence = read(body, &caller.identity.user.name, now)?;
    let added = store.add_silence(&caller.actor().await?, &silence).await;
    added.map_err(|error| match error {
        StoreError::Refused(Refusal::TooManySilences) => {
            let detail = "There are 1000 silences already; end some of them.";
            ApiError::refused(StatusCode::CONFLICT, "too_many_silences", detail)
        }
        error => error.into(),
    })?;
    let (all, _) = current(&store, &alerts, now).await?;
    Ok((StatusCode::CREATED, Json(shown(&silence, &all, now))))
}

/// End a silence
///
/// Now; what it held back and still fires is sent.
#[utoipa::path(
    delete,
    path = "/api/v1/alerts/silences/{silence_id}",
    tag = "alerts",
    params(("silence_id" = Uuid, Path, description = "Id of the silence",
        example = "7f3f7a51-7e0c-4c3e-9b0a-3c7e8a8f2f10")),
    responses(
        (status = 200, description = "It is over", body = Done),
        (status = 404, description = "No silence has this id, or it is over", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end_silence(
    caller: Caller<scope::AlertsWrite>,
    State(store): State<Store>,
    PathSilence(id): PathSilence,
) -> Result<Json<Done>, ApiError> {
    let ended = store.end_silence(&caller.actor().await?, id).await;
    ended.map_err(|error| match error {
        StoreError::Refused(Refusal::SilenceNotFound) => missing(
            "silence_not_found",
            "No silence with this id is in force or to come; GET /api/v1/alerts/silences lists them.",
        ),
        error => error.into(),
    })?;
    Ok(Json(Done {
        detail: "Silence ended".to_owned(),
    }))
}

fn body(field: &str, message: impl Into<String>) -> ApiError {
    wrong("body", field, message.into())
}

fn pattern(field: &str, text: Option<String>) -> Result<Option<Pattern>, ApiError> {
    if text
        .as_ref()
        .is_some_and(|text| text.chars().count() > PATTERN_MAX)
    {
        let message = format!("String should have at most {PATTERN_MAX} characters");
        return Err(body(field, message));
    }
    Ok(text.map(Pattern::from))
}

fn time(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let message = "Input should be a time such as 2036-01-01T00:00:00Z";
    text.map(|text| parse_time(text).ok_or_else(|| body(field, message)))
        .transpose()
}

/// A silence that was checked.
fn read(wanted: AddAlertSilence, by: &str, now: Timestamp) -> Result<Silence, ApiError> {
    let from = time("from", wanted.from.as_deref())?.unwrap_or(now);
    let until = time("until", wanted.until.as_deref())?;
    let until = match (until, wanted.duration.as_deref()) {
        (Some(_), Some(_)) => return Err(body("for", "Input should be absent beside until")),
        (until, None) => until,
        (None, Some(text)) => {
            let length = duration_text::parse(text);
            let message = format!("Input should be {}", duration_text::FORM);
            let length = length.ok_or_else(|| body("for", message))?;
            Some(from.saturating_add(length))
        }
    };
    if until.is_some_and(|until| until <= now) {
        return Err(body("until", "Input should be in the future"));
    }
    if wanted.labels.len() > LABELS_MAX {
        let message = format!("Input should have at most {LABELS_MAX} labels");
        return Err(body("labels", message));
    }
    let labels = wanted.labels.into_iter().map(|(key, text)| {
        let found = pattern("labels", Some(text))?;
        Ok((key, found.unwrap_or_else(|| "*".into())))
    });
    let hosts = HostSelector::from_stored(wanted.hosts.as_deref());
    let silence = Silence {
        id: Uuid::new_v4(),
        matchers: Matchers {
            rule: pattern("rule", wanted.rule)?,
            host: pattern("host", wanted.host)?,
            hosts: hosts.map_err(|error| body("hosts", error.to_string()))?,
            labels: labels.collect::<Result<_, ApiError>>()?,
            severity: wanted.severity.map(convert::severity_of_wire),
        },
        from,
        until,
        weekly: wanted.weekly.as_ref().map(weekly).transpose()?,
        comment: wanted.comment.trim().to_owned(),
        created_by: by.to_owned(),
    };
    silence.check().map_err(|error| {
        let field = match error {
            SilenceError::Everything => "rule",
            SilenceError::Endless | SilenceError::Backwards | SilenceError::TooLong => "until",
            SilenceError::Windows(_) => "weekly",
            SilenceError::Comment => "comment",
        };
        body(field, error.to_string())
    })?;
    Ok(silence)
}

fn weekly(times: &WeeklyTimes) -> Result<Weekly, ApiError> {
    let windows = times.windows.iter().map(|text| text.parse());
    let windows: Result<_, _> = windows.collect();
    Ok(Weekly {
        windows: windows.map_err(|error| body("weekly", format!("{error}")))?,
        zone: times
            .zone
            .parse()
            .map_err(|error| body("weekly", format!("{error}")))?,
    })
}

fn shown(silence: &Silence, all: &[CurrentAlert], now: Timestamp) -> AlertSilence {
    let matchers = &silence.matchers;
    let text = |pattern: &Pattern| pattern.as_str().to_owned();
    let held = all
        .iter()
        .filter(|one| one.alert.severity.is_some() && silence.holds(&one.notice, now));
    AlertSilence {
        id: silence.id.to_string(),
        rule: matchers.rule.as_ref().map(text),
        host: matchers.host.as_ref().map(text),
        hosts: matchers.hosts.stored(),
        labels: matchers
            .labels
            .iter()
            .map(|(key, pattern)| (key.clone(), text(pattern)))
            .collect(),
        severity: matchers.severity.map(convert::severity),
        from: silence.from.to_string(),
        until: silence.until.map(|time| time.to_string()),
        weekly: silence.weekly.as_ref().map(|weekly| WeeklyTimes {
            windows: weekly.windows.iter().map(ToString::to_string).collect(),
            zone: weekly.zone.name().to_owned(),
        }),
        comment: silence.comment.clone(),
        created_by: silence.created_by.clone(),
        active: silence.is_active(now),
        holds: u64::try_from(held.count()).unwrap_or(u64::MAX),
    }
}
