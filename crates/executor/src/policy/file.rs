//! The file of the policy.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{MAX_BYTES, Policy, PolicyError, Rate};
use linux_api_acts::names::check_pattern;
use linux_api_acts::protocol::{RULE_ACTOR, UnitVerb};

/// The most patterns of a list.
const PATTERNS: usize = 1_000;
/// The largest rate: more would not be remembered for a day.
const ACTS_MAX: u32 = 1_000;

/// The members of the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    pub(super) actors: Option<Vec<Spanned<String>>>,
    rate: Option<Spanned<String>>,
    /// Whether rules of alerts may have units restarted.
    pub(super) automatic: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) peer_uids: Vec<u32>,
    #[serde(default)]
    pub(super) units: UnitRules,
    #[serde(default)]
    pub(super) processes: ProcessRules,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitRules {
    #[serde(default)]
    pub(super) allow: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) protect: Vec<Spanned<String>>,
    /// All verbs unless listed.
    pub(super) verbs: Option<Spanned<Vec<UnitVerb>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessRules {
    /// Without it no process is allowed.
    pub(super) min_uid: Option<Spanned<u32>>,
    /// Values below it are refused, as they take processor time from all others.
    pub(super) min_nice: Option<Spanned<i8>>,
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
    let mistake = |start, message| PolicyError::Mistake {
        path: path.to_owned(),
        line: line_at(text, start),
        message,
    };
    let rules: Rules = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        mistake(start, error.message().replace('\n', ", "))
    })?;
    for list in [&rules.units.allow, &rules.units.protect] {
        if let Some(first) = list.get(PATTERNS) {
            let problem = format!("a list has {PATTERNS} patterns at most");
            return Err(mistake(first.span().start, problem));
        }
        for pattern in list {
            let wrong = |problem| mistake(pattern.span().start, problem);
            check_pattern(pattern.get_ref()).map_err(wrong)?;
        }
    }
    for actor in rules.actors.iter().flatten() {
        let value = actor.get_ref();
        let mut prefixes = ["role:", RULE_ACTOR].into_iter();
        let name = prefixes.find_map(|prefix| value.strip_prefix(prefix));
        let name = name.unwrap_or(value);
        if name.is_empty() || name.contains([' ', '*', ':']) {
            let problem = format!("{value:?} is neither a user, role:ROLE nor alert:RULE");
            return Err(mistake(actor.span().start, problem));
        }
    }
    if let Some(nice) = &rules.processes.min_nice
        && !(-20..=19).contains(nice.get_ref())
    {
        let problem = "min_nice is between -20 and 19".to_owned();
        return Err(mistake(nice.span().start, problem));
    }
    let rate = match &rules.rate {
        Some(rate) => {
            let wrong = |problem| mistake(rate.span().start, problem);
            parse_rate(rate.get_ref()).map_err(wrong)?
        }
        None => Rate::default(),
    };
    Ok(Policy {
        path: path.to_owned(),
        text: text.to_owned(),
        rules,
        rate,
    })
}

/// The line of a byte of a text, from 1.
pub(super) fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|one| *one == b'\n').count()
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
