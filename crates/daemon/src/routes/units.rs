//! Units of systemd.

use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use utoipa::IntoParams;
use wildmatch::WildMatch;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, PathUnit, scope};
use crate::journal::Journal;
use crate::json::Json;
use crate::params::QueryReader;
use linux_api_host::Collector;
use linux_api_host::units::{UNIT_TYPES, UnitsListed, unit_type};
use linux_api_wire::api::page::ParseCursorError;
use linux_api_wire::api::problem::Problem;
use linux_api_wire::api::units::{UnitDetail, UnitList, UnitSummary};
use linux_api_wire::api_key::Scope;

/// The most characters of a word or pattern that units are selected by.
const WORD: usize = 255;
/// What the text of a cursor begins with.
const CURSOR: &str = "u1:";

/// Which units to list.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUnits {
    /// States, comma-separated: of `active`, `sub` or `load`, such as `failed`, `running` or `not-found`.
    #[param(value_type = Option<String>, example = "failed,auto-restart")]
    state: Option<Vec<Word>>,
    /// Types, comma-separated: `service`, `timer`, `socket`, `path`, `mount`, `target`, `slice`, `scope`,
    /// `swap`, `automount`, `device`.
    #[param(rename = "type", value_type = Option<String>, example = "service,timer")]
    kind: Option<Vec<Kind>>,
    /// A part of the name or, with `*` or `?` in it, a pattern for all of it; in upper or lower case.
    #[param(value_type = Option<String>, max_length = 255, example = "nginx")]
    name: Option<String>,
    /// Whether they start with the system, comma-separated: `enabled`, `disabled`, `static`, `masked` and
    /// the other words of the response.
    #[param(value_type = Option<String>, example = "enabled")]
    enabled: Option<Vec<Word>>,
    /// The most units to return.
    #[param(minimum = 1, maximum = 2000, default = 1000, required = false)]
    limit: i64,
    /// Where the next page starts, from `next_cursor` of an earlier response.
    #[param(value_type = Option<String>)]
    cursor: Option<String>,
}

/// A word of systemd's.
#[derive(Debug)]
struct Word(String);

#[derive(Debug, thiserror::Error)]
#[error("Input should be words of lower-case letters and hyphens")]
struct NoWord;

impl std::str::FromStr for Word {
    type Err = NoWord;

    fn from_str(text: &str) -> Result<Self, NoWord> {
        let is_word = text.len() <= 40
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        is_word.then(|| Self(text.to_owned())).ok_or(NoWord)
    }
}

/// A type of units.
#[derive(Debug)]
struct Kind(String);

#[derive(Debug, thiserror::Error)]
#[error("Input should be types of units: {}", UNIT_TYPES.join(", "))]
struct NoKind;

impl std::str::FromStr for Kind {
    type Err = NoKind;

    fn from_str(text: &str) -> Result<Self, NoKind> {
        let is_type = UNIT_TYPES.contains(&text);
        is_type.then(|| Self(text.to_owned())).ok_or(NoKind)
    }
}

impl FromQuery for ListUnits {
    fn read(query: &mut QueryReader) -> Self {
        let cursor = query.read_with("cursor", |text| {
            read_cursor(text).ok_or_else(|| ParseCursorError.to_string())
        });
        Self {
            state: query.words("state"),
            kind: query.words("type"),
            name: query.text("name", WORD).filter(|name| !name.is_empty()),
            enabled: query.words("enabled"),
            limit: query.integer("limit", 1..=2000, 1000),
            cursor,
        }
    }
}

/// The name that a cursor holds.
fn read_cursor(text: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let name = text.strip_prefix(CURSOR)?;
    (1..=WORD).contains(&name.len()).then(|| name.to_owned())
}

impl ListUnits {
    fn page(&self, listed: &UnitsListed) -> UnitList {
        let name = self.name.as_deref().map(NamePattern::new);
        let is_one = |unit: &&UnitSummary| {
            let is_in = |words: &[Word], value: &Option<String>| {
                words.iter().any(|Word(word)| value.as_ref() == Some(word))
            };
            let has_state = |words: &Vec<Word>| {
                is_in(words, &unit.active) || is_in(words, &unit.sub) || is_in(words, &unit.load)
            };
            let is_type =
                |kinds: &Vec<Kind>| kinds.iter().any(|kind| kind.0 == unit_type(&unit.name));
            self.state.as_ref().is_none_or(has_state)
                && self.kind.as_ref().is_none_or(is_type)
                && name.as_ref().is_none_or(|name| name.matches(&unit.name))
                && self
                    .enabled
                    .as_ref()
                    .is_none_or(|words| is_in(words, &unit.enabled))
        };
        let selected: Vec<&UnitSummary> = listed.units.iter().filter(is_one).collect();
        let limit = usize::try_from(self.limit).unwrap_or(1);
        let is_after = |unit: &&&UnitSummary| {
            let cursor = self.cursor.as_deref();
            cursor.is_none_or(|cursor| *unit.name > *cursor)
        };
        let mut rest = selected.iter().filter(is_after);
        let items: Vec<UnitSummary> = rest
            .by_ref()
            .take(limit)
            .map(|unit| (**unit).clone())
            .collect();
        let last = items.last().filter(|_| rest.next().is_some());
        UnitList {
            time: listed.time.to_string(),
            total: selected.len(),
            failed: listed.failed,
            next_cursor: last.map(|unit| URL_SAFE_NO_PAD.encode(format!("{CURSOR}{}", unit.name))),
            items,
        }
    }
}

/// What a name is selected by.
enum NamePattern {
    Part(String),
    Whole(WildMatch),
}

impl NamePattern {
    fn new(text: &str) -> Self {
        if text.contains(['*', '?']) {
            Self::Whole(WildMatch::new_case_insensitive(text))
        } else {
            Self::Part(text.to_lowercase())
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Part(part) => name.to_lowercase().contains(part.as_str()),
            Self::Whole(pattern) => pattern.matches(name),
        }
    }
}

/// List units
///
/// All units of systemd that are loaded, and services, timers, sockets and paths that have a file and are
/// not; by name. At most a second old, and read after any act on a unit by this daemon.
#[utoipa::path(
    get,
    path = "/api/v1/system/units",
    tag = "system",
    params(ListUnits),
    responses((status = 200, description = "A page of units", body = UnitList))
)]
pub(crate) async fn list_units(
    _caller: Caller<scope::HostRead>,
    State(collector): State<Collector>,
    ApiQuery(query): ApiQuery<ListUnits>,
) -> Result<Json<UnitList>, ApiError> {
    let listed = collector.units().list().await?;
    Ok(Json(query.page(&listed)))
}

/// How much of a unit's log to show.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowUnit {
    /// How many of the last lines of its log to show.
    #[param(minimum = 0, maximum = 100, default = 10, required = false)]
    lines: i64,
}

impl FromQuery for ShowUnit {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            lines: query.integer("lines", 0..=100, 10),
        }
    }
}

/// Show a unit
///
/// What systemd knows of it, by any of its names. Its environment and the arguments of its programs are
/// never shown, and lines of its log only to those who may read logs.
#[utoipa::path(
    get,
    path = "/api/v1/system/units/{name}",
    tag = "system",
    params(
        ("name" = String, Path, description = "Name of the unit, with its type", example = "nginx.service"),
        ShowUnit,
    ),
    responses(
        (status = 200, description = "The unit", body = UnitDetail),
        (status = 404, description = "There is no unit of that name", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_unit(
    caller: Caller<scope::HostRead>,
    State(collector): State<Collector>,
    State(journal): State<Journal>,
    PathUnit(name): PathUnit,
    ApiQuery(query): ApiQuery<ShowUnit>,
) -> Result<Json<UnitDetail>, ApiError> {
    let mut unit = collector.units().show(&name).await?.ok_or_else(|| {
        let detail = "There is no unit of this name.";
        ApiError::new(StatusCode::NOT_FOUND, "unit_not_found", detail)
    })?;
    if caller.identity.allow(Scope::LogsRead).is_ok() {
        // By its canonical name: lines of its log have no other.
        let name = unit.name.parse().unwrap_or(name);
        let lines = usize::try_from(query.lines).unwrap_or_default();
        unit.log = journal.last_lines(&name, None, lines).await.ok();
    }
    Ok(Json(unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::time::Timestamp;

    fn listed() -> UnitsListed {
        let unit = |name: &str, active: &str, sub: &str, enabled: Option<&str>| UnitSummary {
            name: name.to_owned(),
            description: String::new(),
            load: Some("loaded".to_owned()),
            active: Some(active.to_owned()),
            sub: Some(sub.to_owned()),
            enabled: enabled.map(str::to_owned),
            job: None,
        };
        UnitsListed::of(
            Timestamp::from_millis(0),
            vec![
                unit("-.mount", "active", "mounted", None),
                unit("a.timer", "active", "waiting", Some("enabled")),
                unit("nginx.service", "failed", "failed", Some("enabled")),
                unit(
                    "other.service",
                    "activating",
                    "auto-restart",
                    Some("static"),
                ),
            ],
        )
    }

    fn page(query: &str) -> UnitList {
        let mut reader = QueryReader::new(query);
        let query = ListUnits::read(&mut reader);
        reader.finish().unwrap();
        query.page(&listed())
    }

    fn names(query: &str) -> Vec<String> {
        page(query)
            .items
            .into_iter()
            .map(|unit| unit.name)
            .collect()
    }

    #[test]
    fn units_are_selected_by_what_the_query_names() {
        assert_eq!(names("").len(), 4);
        for (query, expected) in [
            ("state=failed", &["nginx.service"][..]),
            (
                "state=failed,auto-restart",
                &["nginx.service", "other.service"],
            ),
            ("type=service&state=failed", &["nginx.service"]),
            ("type=timer,mount", &["-.mount", "a.timer"]),
            ("name=NGI", &["nginx.service"]),
            ("name=*.serv%3Fce", &["nginx.service", "other.service"]),
            ("name=ngin?", &[]),
            (
                "name=",
                &["-.mount", "a.timer", "nginx.service", "other.service"],
            ),
            ("enabled=static", &["other.service"]),
        ] {
            assert_eq!(names(query), expected, "{query}");
        }
        let failed = page("type=timer");
        assert_eq!((failed.total, failed.failed), (1, 1));
    }

    #[test]
    fn pages_follow_each_other() {
        let first = page("limit=3");
        assert_eq!((first.items.len(), first.total), (3, 4));
        let cursor = first.next_cursor.unwrap();
        let second = page(&format!("limit=3&cursor={cursor}"));
        assert_eq!((second.items.len(), second.total), (1, 4));
        assert_eq!(
            (&*second.items[0].name, second.next_cursor),
            ("other.service", None)
        );
        assert_eq!(page("limit=4").next_cursor, None);
    }

    #[test]
    fn wrong_values_are_refused() {
        for query in [
            "state=Failed",
            "state=",
            "state=a%00",
            "type=conf",
            "type=service,",
            "enabled=--all",
            "limit=0",
            "limit=2001",
            "cursor=x",
            "cursor=dTE6",
            "name=a%00",
        ] {
            let mut reader = QueryReader::new(query);
            ListUnits::read(&mut reader);
            assert!(reader.finish().is_err(), "{query}");
        }
    }
}
