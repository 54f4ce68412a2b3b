//! Checks a definition and makes a rule of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use linux_api_wire::duration_text;
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::series::SERIES;
use linux_api_wire::suggest::nearest;

use super::definition::{LevelDefinition, ProcessMatch, RuleDefinition};
use super::{Level, Remedy, Rule, RuleSource};
use crate::labels::{LabelMatch, Pattern};
use crate::name::Name;
use crate::subject::{CHECKS, Check, Direction, SHORT_NAMES, Subject};

const PENDING: Duration = Duration::from_mins(5);
const KEEP_FIRING: Duration = Duration::from_mins(5);
const REPEAT: Duration = Duration::from_hours(12);
/// What a duration of a rule may be at most.
const DAYS_MAX: Duration = Duration::from_hours(30 * 24);
/// More often than this a repeated notice is noise.
const REPEAT_MIN: Duration = Duration::from_mins(5);
/// The default hysteresis, as a part of the threshold.
const HYSTERESIS: f64 = 0.05;
const DESCRIPTION_MAX: usize = 500;
const PATTERNS_MAX: usize = 20;
const PATTERN_BYTES: usize = 256;
const CHANNELS_MAX: usize = 20;

/// What is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// The key, such as `warning.clear`.
    pub key: String,
    /// What is wrong with its value.
    pub message: String,
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Checks a definition and makes a rule of it.
///
/// # Errors
/// All that is wrong with it, by key.
pub fn compile(definition: RuleDefinition, source: RuleSource) -> Result<Rule, Vec<RuleProblem>> {
    let mut reader = Reader(Vec::new());
    let rule = reader.rule(definition, source);
    match rule {
        Some(rule) if reader.0.is_empty() => Ok(rule),
        _ => Err(reader.0),
    }
}

/// Collects problems. Each function returns what it could read, and notes why it could not.
struct Reader(Vec<RuleProblem>);

impl Reader {
    fn note(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(RuleProblem {
            key: key.into(),
            message: message.into(),
        });
    }

    fn keep<T, E: fmt::Display>(&mut self, key: &str, result: Result<T, E>) -> Option<T> {
        result
            .map_err(|error| self.note(key, error.to_string()))
            .ok()
    }

    fn rule(&mut self, definition: RuleDefinition, source: RuleSource) -> Option<Rule> {
        let name = self.keep("name", definition.name.parse::<Name>());
        let subject = self.subject(&definition);
        if definition
            .description
            .as_ref()
            .is_some_and(|it| it.chars().count() > DESCRIPTION_MAX)
        {
            self.note(
                "description",
                format!("expected {DESCRIPTION_MAX} characters at most"),
            );
        }
        let hosts = match &definition.hosts {
            Some(text) => self.keep("hosts", text.parse::<HostSelector>()),
            None => Some(HostSelector::default()),
        };
        let pending = self.duration("for", definition.pending.as_deref(), PENDING);
        let keep_firing = self.duration(
            "keep_firing",
            definition.keep_firing.as_deref(),
            KEEP_FIRING,
        );
        let repeat = self.repeat(definition.repeat.as_deref());
        let channels = self.channels(&definition.channels);
        let (subject, alias) = subject?;
        let labels = self.labels(&definition, &subject, alias);
        self.process(definition.process.as_ref(), &subject);
        let remedy = self.remedy(definition.restart.as_deref(), &subject);
        let (warning, critical) = self.levels(&definition, &subject, pending.unwrap_or(PENDING));
        Some(Rule {
            name: name?,
            source,
            enabled: definition.enabled.unwrap_or(true),
            subject,
            process: definition.process.clone(),
            labels,
            hosts: hosts?,
            warning,
            critical,
            keep_firing: keep_firing?,
            repeat,
            channels,
            remedy,
            quiet_hours: definition.quiet_hours,
            definition,
        })
    }

    /// The subject, and the label that a short name stands for.
    fn subject(&mut self, definition: &RuleDefinition) -> Option<(Subject, Option<Alias>)> {
        match (&definition.series, &definition.check) {
            (Some(name), None) => {
                let direction = match definition.when.as_deref() {
                    None | Some("above") => Direction::Above,
                    Some("below") => Direction::Below,
                    Some(other) => {
                        self.note("when", format!("expected above or below, not {other:?}"));
                        return None;
                    }
                };
                let subject = Subject::series(name, direction);
                if subject.is_none() {
                    let names: Vec<&str> = SERIES.iter().map(|series| series.name).collect();
                    self.unknown("series", name, &names);
                }
                Some((subject?, None))
            }
            (None, Some(name)) => {
                if definition.when.is_some() {
                    self.note("when", "a check has its side; only series take this key");
                }
                self.check(name)
            }
            (None, None) => {
                self.note("series", "expected either series or check");
                None
            }
            (Some(_), Some(_)) => {
                self.note("check", "expected either series or check, not both");
                None
            }
        }
    }

    fn check(&mut self, name: &str) -> Option<(Subject, Option<Alias>)> {
        if let Some((_, check, key, value)) =
            SHORT_NAMES.into_iter().find(|(short, ..)| *short == name)
        {
            return Some((Subject::Check(check), Some((key, value))));
        }
        let found = CHECKS.iter().find(|info| info.name == name);
        if found.is_none() {
            let names: Vec<&str> = CHECKS.iter().map(|info| info.name).collect();
            self.unknown("check", name, &names);
        }
        Some((Subject::Check(found?.check), None))
    }

    fn unknown(&mut self, key: &str, name: &str, known: &[&str]) {
        let shown: String = name.chars().take(100).collect();
        let hint = match nearest(&shown, known) {
            Some(near) => format!("; did you mean {near}?"),
            None if key == "check" => format!("; there are {}", known.join(", ")),
            None => "; GET /api/v1/system/series lists all".to_owned(),
        };
        self.note(key, format!("there is no {key} {shown:?}{hint}"));
    }

    fn duration(&mut self, key: &str, text: Option<&str>, default: Duration) -> Option<Duration> {
        let Some(text) = text else {
            return Some(default);
        };
        match duration_text::parse(text) {
            Some(duration) if duration <= DAYS_MAX => Some(duration),
            Some(_) => {
                self.note(key, "expected 30d at most");
                None
            }
            None => {
                self.note(
                    key,
                    format!("expected {}, not {text:?}", duration_text::FORM),
                );
                None
            }
        }
    }

    /// After how long notices are repeated; never when there is nothing, or a problem was noted.
    fn repeat(&mut self, text: Option<&str>) -> Option<Duration> {
        if text == Some("never") {
            return None;
        }
        let repeat = self.duration("repeat", text, REPEAT)?;
        if repeat < REPEAT_MIN {
            self.note("repeat", "expected 5min or more, or never");
        }
        Some(repeat)
    }

    fn channels(&mut self, names: &[String]) -> Vec<Name> {
        if names.len() > CHANNELS_MAX {
            self.note("channels", format!("expected {CHANNELS_MAX} at most"));
        }
        let read = |name: &String| self.keep("channels", name.parse::<Name>());
        names.iter().filter_map(read).collect()
    }

    fn labels(
        &mut self,
        definition: &RuleDefinition,
        subject: &Subject,
        alias: Option<Alias>,
    ) -> LabelMatch {
        let mut all = BTreeMap::new();
        for (key, texts) in &definition.labels {
            let path = format!("labels.{key}");
            let texts = texts.all();
            if !subject.labels().contains(&key.as_str()) {
                let known = subject.labels();
                let known = match known {
                    [] => "it has no labels".to_owned(),
                    _ => format!("it has {}", known.join(" and ")),
                };
                self.note(
                    &*path,
                    format!("{} has no label {key:?}: {known}", subject.name()),
                );
            } else if texts.is_empty() || texts.len() > PATTERNS_MAX {
                self.note(&*path, format!("expected 1 to {PATTERNS_MAX} patterns"));
            } else if texts
                .iter()
                .any(|text| text.is_empty() || text.len() > PATTERN_BYTES)
            {
                self.note(
                    &*path,
                    format!("expected patterns of 1 to {PATTERN_BYTES} bytes"),
                );
            }
            let patterns = texts.iter().map(|text| Pattern::from(&**text)).collect();
            all.insert(key.clone(), patterns);
        }
        if let Some((key, value)) = alias
            && all
                .insert(key.to_owned(), vec![Pattern::from(value)])
                .is_some()
        {
            self.note(format!("labels.{key}"), "the check has this label already");
        }
        LabelMatch(all)
    }

    fn process(&mut self, process: Option<&ProcessMatch>, subject: &Subject) {
        let is_missing = *subject == Subject::Check(Check::ProcessMissing);
        let Some(process) = process else {
            if is_missing {
                self.note("process", "expected unit, or executable and uid");
            }
            return;
        };
        if !is_missing {
            self.note("process", "only process_missing takes this key");
            return;
        }
        match process {
            ProcessMatch {
                unit: Some(unit),
                executable: None,
                uid: None,
            } => self.unit("process.unit", unit),
            ProcessMatch {
                unit: None,
                executable: Some(path),
                uid: Some(_),
            } => {
                if !path.starts_with('/') || path.len() > 4096 {
                    self.note("process.executable", "expected an absolute path");
                }
            }
            _ => self.note("process", "expected unit, or executable and uid"),
        }
    }

    fn unit(&mut self, key: &str, name: &str) {
        let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        let has_type = name.rsplit_once('.').is_some_and(|(stem, kind)| {
            !stem.is_empty() && ["service", "timer", "socket", "path"].contains(&kind)
        });
        if !has_type || name.len() > 255 || !name.bytes().all(is_usual) {
            let message = "expected NAME.service, NAME.timer, NAME.socket or NAME.path";
            self.note(key, message);
        }
    }

    fn remedy(&mut self, text: Option<&str>, subject: &Subject) -> Option<Remedy> {
        let text = text?;
        if matches!(subject, Subject::Check(Check::HostDown | Check::GaveUp)) {
            let problem = format!("{} restarts nothing", subject.name());
            self.note("restart", problem);
        }
        if text == "$unit" {
            if !subject.labels().contains(&"unit") {
                self.note("restart", "$unit is known to unit_failed only");
            }
            return Some(Remedy::RestartFailed);
        }
        self.unit("restart", text);
        Some(Remedy::Restart(text.to_owned()))
    }

    fn levels(
        &mut self,
        definition: &RuleDefinition,
        subject: &Subject,
        pending: Duration,
    ) -> (Option<Level>, Option<Level>) {
        let hysteresis = definition.hysteresis.as_ref().and_then(|amount| {
            let read = amount.number(subject.unit()).and_then(|number| {
                let is_distance = number >= 0.0;
                is_distance
                    .then_some(number)
                    .ok_or("expected 0 or more".to_owned())
            });
            self.keep("hysteresis", read)
        });
        let mut read = |key: &str, level: Option<&LevelDefinition>| {
            self.level(key, level?, subject, hysteresis, pending)
        };
        let warning = read("warning", definition.warning.as_ref());
        let critical = read("critical", definition.critical.as_ref());
        if definition.warning.is_none() && definition.critical.is_none() {
            self.note("warning", "expected warning, critical or both");
        }
        if let (Some(warning), Some(critical)) = (&warning, &critical) {
            let is_worse = match subject.direction() {
                Direction::Above => critical.at >= warning.at,
                Direction::Below => critical.at <= warning.at,
            };
            if !is_worse {
                let side = subject.direction().as_str();
                self.note(
                    "critical",
                    format!("expected a threshold {side} that of warning"),
                );
            }
        }
        (warning, critical)
    }

    fn level(
        &mut self,
        key: &str,
        level: &LevelDefinition,
        subject: &Subject,
        hysteresis: Option<f64>,
        pending: Duration,
    ) -> Option<Level> {
        let at = self.keep(key, level.at.number(subject.unit()))?;
        let inside = hysteresis.unwrap_or_else(|| at.abs() * HYSTERESIS);
        let clear = match (&level.clear, subject.direction()) {
            (Some(clear), _) => self.keep(&format!("{key}.clear"), clear.number(subject.unit()))?,
            (None, Direction::Above) => at - inside,
            (None, Direction::Below) => at + inside,
        };
        // A threshold itself may be the value that clears it.
        if !subject.direction().clears(clear, at) {
            let message = "expected a value on the good side of the threshold";
            self.note(format!("{key}.clear"), message);
        }
        let pending = match &level.pending {
            Some(text) => self.duration(&format!("{key}.for"), Some(text), pending)?,
            None => pending,
        };
        let second = self.second(key, level, subject);
        Some(Level {
            at,
            clear,
            second,
            pending,
        })
    }

    fn second(&mut self, key: &str, level: &LevelDefinition, subject: &Subject) -> Option<f64> {
        let condition = match subject {
            Subject::Check(check) => check.info().second,
            Subject::Series { .. } => None,
        };
        let mut bound = None;
        for (name, amount) in &level.second {
            let path = format!("{key}.{name}");
            if let Some(condition) = condition.filter(|condition| condition.key == name) {
                bound = self.keep(&path, amount.number(condition.unit));
            } else {
                let more = condition.map_or_else(String::new, |it| format!(" and {}", it.key));
                let message = format!("unknown key: a threshold has at, clear, for{more}");
                self.note(path, message);
            }
        }
        bound
    }
}

/// The label that a short name stands for: key and value.
type Alias = (&'static str, &'static str);

#[cfg(test)]
mod tests;
