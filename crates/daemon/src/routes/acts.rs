//! What all acts on this host have in common.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::acts::Acts;
use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromBody, FromQuery, scope};
use crate::json::Json;
use crate::params::{BodyReader, QueryReader};
use linux_api_acts::names::{NameError, UnitName, Word};
use linux_api_acts::protocol::{UnitVerb, Verb};
use linux_api_wire::api::acts::ActState;
use linux_api_wire::api::problem::FieldProblem;

/// Names a request, so that the same one again is not done twice.
pub(super) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The longest of those that clients choose: the number of a process is added in lists.
const KEY_MAX: usize = 120;

/// An act that the caller wants to know about.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AboutAct {
    /// A unit, together with `verb`: the response is then about this act alone.
    #[param(value_type = Option<String>, max_length = 255, example = "nginx.service")]
    unit: Option<ActedUnit>,
    /// What is to be done with the unit.
    #[param(value_type = Option<String>, pattern = "^(start|stop|restart|reload|reset-failed|enable|disable)$",
        example = "restart")]
    verb: Option<ActedVerb>,
}

impl FromQuery for AboutAct {
    fn read(query: &mut QueryReader) -> Self {
        let (unit, verb) = (query.parsed("unit"), query.parsed("verb"));
        Self { unit, verb }
    }
}

#[derive(Debug)]
struct ActedUnit(UnitName);

impl FromStr for ActedUnit {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        UnitName::try_from(text.to_owned()).map(Self)
    }
}

#[derive(Debug)]
struct ActedVerb(UnitVerb);

/// The text is no verb.
#[derive(Debug, thiserror::Error)]
#[error("Input should be start, stop, restart, reload, reset-failed, enable or disable")]
struct NoVerb;

impl FromStr for ActedVerb {
    type Err = NoVerb;

    fn from_str(text: &str) -> Result<Self, NoVerb> {
        let mut all = UnitVerb::ALL.into_iter();
        let found = all.find(|verb| verb.as_str() == text && *verb != UnitVerb::Limits);
        found.map(Self).ok_or(NoVerb)
    }
}

/// Show whether this host can be acted on
///
/// By the caller. What would change it is a command for an administrator of the host. With `unit` and `verb` the
/// policy of the host decides on that act, which is not done.
#[utoipa::path(
    get,
    path = "/api/v1/system/acts",
    tag = "acts",
    params(AboutAct),
    responses((status = 200, description = "Whether acts are possible, and why not", body = ActState))
)]
pub(crate) async fn show_act_state(
    caller: Caller<scope::HostRead>,
    State(acts): State<Acts>,
    ApiQuery(about): ApiQuery<AboutAct>,
) -> Result<Json<ActState>, ApiError> {
    let verb = about.unit.zip(about.verb);
    let verb = verb.and_then(|(unit, verb)| Verb::of_unit(verb.0, unit.0));
    Ok(Json(match verb {
        Some(verb) => acts.state_of_act(&caller, verb).await?,
        None => acts.state(&caller).await,
    }))
}

/// A body that is read as a whole, by the names of its type.
#[derive(Debug)]
pub(crate) struct Whole<T>(Option<T>);

impl<T: DeserializeOwned> FromBody for Whole<T> {
    fn read(body: &mut BodyReader) -> Self {
        Self(body.whole())
    }
}

impl<T> Whole<T> {
    /// What was read.
    ///
    /// # Errors
    /// Never: what can't be read was refused before.
    pub(super) fn get(self) -> Result<T, ApiError> {
        self.0
            .ok_or_else(|| ApiError::internal(&"a body was not read"))
    }
}

/// The id of an act: what the client calls it, or a random one.
#[derive(Debug, Clone)]
pub(crate) struct ActId(String);

impl ActId {
    pub(super) fn one(&self) -> Word {
        Self::word(self.0.clone())
    }

    /// That of one of several.
    pub(super) fn of(&self, place: usize) -> Word {
        Self::word(format!("{}/{place}", self.0))
    }

    fn word(text: String) -> Word {
        Word::try_from(text).expect("it was checked, and has room for a number")
    }
}

impl<A: Sync> FromRequestParts<A> for ActId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &A) -> Result<Self, ApiError> {
        let mut given = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let wrong = |message: &str| {
            ApiError::invalid(vec![FieldProblem {
                location: vec!["header".to_owned(), IDEMPOTENCY_KEY.to_owned()],
                message: message.to_owned(),
            }])
        };
        let Some(value) = given.next() else {
            return Ok(Self(Uuid::new_v4().to_string()));
        };
        if given.next().is_some() {
            return Err(wrong("Given more than once"));
        }
        let text = value.to_str().unwrap_or_default().to_owned();
        if text.len() > KEY_MAX || Word::try_from(text.clone()).is_err() {
            let message =
                "Input should be 1 to 120 visible ASCII characters without quotes and backslashes";
            return Err(wrong(message));
        }
        Ok(Self(text))
    }
}
