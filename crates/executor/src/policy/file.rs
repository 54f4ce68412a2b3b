//! The file of the policy.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{Entry, MAX_BYTES, Pattern, Policy, PolicyError, ProcessRules, Rate, UnitRules};
use linux_api_acts::names::check_pattern;
use linux_api_acts::protocol::UnitVerb;

/// The most patterns of a list.
const PATTERNS: usize = 1_000;
/// The largest rate: more would not be remembered for a day.
const ACTS_MAX: u32 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    actors: Option<Vec<Spanned<String>>>,
    rate: Option<Spanned<String>>,
    peer_uids: Option<Vec<u32>>,
    #[serde(default)]
    units: UnitsText,
    processes: Option<ProcessesText>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitsText {
    #[serde(default)]
    allow: Vec<Spanned<String>>,
    #[serde(default)]
    protect: Vec<Spanned<String>>,
    verbs: Option<Spanned<Vec<UnitVerb>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProcessesText {
    min_uid: Option<Spanned<u32>>,
    min_nice: Option<Spanned<i8>>,
}

pub(super) fn load(path: &Path) -> Result<Policy, PolicyError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => PolicyError::Missing(path.to_owned()),
        _ => PolicyError::Read {
            path: path.to_owned(),
            error,
        },
    };
    if let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        let found = std::fs::metadata(folder).map_err(unreadable)?;
        check_rights(folder, &found)?;
    }
    let file = linux_api_files::open_no_follow(path).map_err(unreadable)?;
    check_rights(path, &file.metadata().map_err(unreadable)?)?;
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(file, MAX_BYTES + 1), &mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
    }
    parse(path, &text)
}

/// A policy that others can write is theirs.
fn check_rights(path: &Path, found: &Metadata) -> Result<(), PolicyError> {
    let own = rustix::process::geteuid().as_raw();
    let problem = if found.uid() != 0 && found.uid() != own {
        "does not belong to root"
    } else if found.mode() & 0o022 != 0 {
        "may be written by others than its owner"
    } else {
        return Ok(());
    };
    Err(PolicyError::Writable {
        path: path.to_owned(),
        problem,
    })
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Policy, PolicyError> {
    let lines = Lines { path, text };
    let file: Text = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        lines.mistake(start, error.message().replace('\n', ", "))
    })?;
    let rate = match &file.rate {
        Some(rate) => parse_rate(rate.get_ref())
            .map_err(|problem| lines.mistake(rate.span().start, problem))?,
        None => Rate::default(),
    };
    let verbs = file.units.verbs.map(|verbs| Entry {
        line: lines.line(verbs.span().start),
        value: verbs.into_inner(),
    });
    let processes = file.processes.map(|rules| lines.processes(&rules));
    Ok(Policy {
        path: path.to_owned(),
        actors: file.actors.map(|list| lines.actors(list)).transpose()?,
        rate,
        peer_uids: file.peer_uids.unwrap_or_default(),
        units: UnitRules {
            allow: lines.patterns(file.units.allow)?,
            protect: lines.patterns(file.units.protect)?,
            verbs,
        },
        processes: processes.transpose()?.flatten(),
    })
}

struct Lines<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Lines<'_> {
    fn line(&self, start: usize) -> usize {
        let before = self.text.get(..start).unwrap_or_default();
        1 + before.matches('\n').count()
    }

    fn mistake(&self, start: usize, message: impl Into<String>) -> PolicyError {
        PolicyError::Mistake {
            path: self.path.to_owned(),
            line: self.line(start),
            message: message.into(),
        }
    }

    fn patterns(&self, list: Vec<Spanned<String>>) -> Result<Vec<Entry<Pattern>>, PolicyError> {
        if let Some(first) = list.get(PATTERNS) {
            let problem = format!("a list has {PATTERNS} patterns at most");
            return Err(self.mistake(first.span().start, problem));
        }
        let read = |pattern: Spanned<String>| {
            let start = pattern.span().start;
            check_pattern(pattern.get_ref()).map_err(|problem| self.mistake(start, problem))?;
            Ok(Entry {
                value: Pattern::new(pattern.get_ref()),
                line: self.line(start),
            })
        };
        list.into_iter().map(read).collect()
    }

    fn actors(&self, list: Vec<Spanned<String>>) -> Result<Vec<Entry<String>>, PolicyError> {
        let read = |actor: Spanned<String>| {
            let start = actor.span().start;
            let value = actor.into_inner();
            let name = value.strip_prefix("role:").unwrap_or(&value);
            if name.is_empty() || name.contains([' ', '*', ':']) {
                let problem = format!("{value:?} is neither a user nor role:ROLE");
                return Err(self.mistake(start, problem));
            }
            let line = self.line(start);
            Ok(Entry { value, line })
        };
        list.into_iter().map(read).collect()
    }

    /// Without a `min_uid` no process is allowed.
    fn processes(&self, rules: &ProcessesText) -> Result<Option<ProcessRules>, PolicyError> {
        let min_nice = rules.min_nice.as_ref().map_or(0, |nice| *nice.get_ref());
        if let Some(nice) = &rules.min_nice
            && !(-20..=19).contains(nice.get_ref())
        {
            let problem = "min_nice is between -20 and 19";
            return Err(self.mistake(nice.span().start, problem));
        }
        Ok(rules.min_uid.as_ref().map(|min_uid| ProcessRules {
            min_uid: Entry {
                value: *min_uid.get_ref(),
                line: self.line(min_uid.span().start),
            },
            min_nice,
        }))
    }
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    let wrong = || {
        format!("{text:?} is no rate such as 30/minute (1 to {ACTS_MAX} a second, minute or hour)")
    };
    let (acts, period) = text.split_once('/').ok_or_else(wrong)?;
    let acts = acts
        .parse()
        .ok()
        .filter(|acts| (1..=ACTS_MAX).contains(acts));
    let period = match period {
        "second" => Duration::from_secs(1),
        "minute" => Duration::from_mins(1),
        "hour" => Duration::from_hours(1),
        _ => return Err(wrong()),
    };
    Ok(Rate {
        acts: acts.ok_or_else(wrong)?,
        period,
    })
}
