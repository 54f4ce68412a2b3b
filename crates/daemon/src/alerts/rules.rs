//! The rules in force: stock rules, those of files, and those of the database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use linux_api_alerts::rules::{Rule, RuleDefinition, RuleSet, RuleSource, compile, file};
use linux_api_store::{Store, StoreError};
use tokio::time::Instant;

/// The most files in the directory.
const FILES_MAX: usize = 200;
/// More than as many rules take as there may be.
const KEPT_BYTES_MAX: u64 = 64 << 20;
/// How often stored rules are read: so late one counts that was changed over another daemon.
const STORED_AGE_MAX: Duration = Duration::from_secs(30);

/// The rules in force, and what is wrong with others.
#[derive(Debug, Clone, Default)]
pub struct RulesInForce {
    /// The rules.
    pub set: RuleSet,
    /// What is wrong with the files and rows of others, which are left out.
    pub problems: Vec<String>,
}

/// Reads rules again when they have changed.
#[derive(Debug, Default)]
pub(super) struct RuleLoader {
    files: Option<Files>,
    /// Rules of users; absent when they were never read.
    stored: Option<Vec<RuleDefinition>>,
    stored_at: Option<(u64, Instant)>,
    /// The file that keeps them.
    kept: Option<PathBuf>,
}

#[derive(Debug, Default, PartialEq)]
struct Files {
    /// Each file with what shows that it was changed.
    seen: Vec<(PathBuf, Option<SystemTime>, u64)>,
    problem: Option<String>,
}

impl RuleLoader {
    /// A loader that knows the stored rules as an earlier start has kept them in a file.
    pub(super) fn new(kept: Option<PathBuf>) -> Self {
        let read = |path: &Path| linux_api_files::read(path, KEPT_BYTES_MAX).ok();
        let bytes = kept.as_deref().and_then(read);
        Self {
            stored: bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
            kept,
            ..Self::default()
        }
    }

    /// Whether the stored rules are known, though maybe not as they are now.
    pub(super) const fn has_stored(&self) -> bool {
        self.stored.is_some()
    }

    /// The rules in force, when they are others than the last time. While the database is away those that were
    /// read from it stay in force. `revision` grows when this daemon changed a stored rule.
    pub(super) async fn refresh(
        &mut self,
        folder: &Path,
        store: &Store,
        revision: u64,
    ) -> Option<RulesInForce> {
        let path = folder.to_owned();
        let files = tokio::task::spawn_blocking(move || list(&path)).await;
        let files = files.unwrap_or_default();
        let stored_changed = match self.refresh_stored(store, revision).await {
            Ok(changed) => changed,
            Err(error) => {
                tracing::debug!(%error, "can't read the rules of alerts");
                false
            }
        };
        if !stored_changed && self.files.as_ref() == Some(&files) {
            return None;
        }
        let paths = files.seen.iter().map(|(path, ..)| path.clone());
        let paths: Vec<PathBuf> = paths.collect();
        let read = tokio::task::spawn_blocking(move || read_all(&paths)).await;
        let (mut rules, mut problems) = read.unwrap_or_default();
        problems.extend(files.problem.clone());
        for definition in self.stored.iter().flatten() {
            match compile(definition.clone(), RuleSource::Stored) {
                Ok(rule) => rules.push(rule),
                Err(found) => {
                    let found = found.iter().map(ToString::to_string);
                    let found: Vec<String> = found.collect();
                    problems.push(format!("{}: {}", definition.name, found.join("; ")));
                }
            }
        }
        self.files = Some(files);
        let (set, left_out) = RuleSet::new(rules);
        problems.extend(left_out.iter().map(ToString::to_string));
        Some(RulesInForce { set, problems })
    }

    /// Reads the stored rules when they were changed here, or for a while nothing was read.
    async fn refresh_stored(&mut self, store: &Store, revision: u64) -> Result<bool, StoreError> {
        if !store.is_ready() {
            return Ok(false);
        }
        let is_new =
            |(known, at): &(u64, Instant)| *known == revision && at.elapsed() < STORED_AGE_MAX;
        if self.stored_at.as_ref().is_some_and(is_new) {
            return Ok(false);
        }
        let stored = store.alert_rules().await?.into_iter();
        let stored = Some(stored.map(|rule| rule.definition).collect());
        self.stored_at = Some((revision, Instant::now()));
        let changed = stored != self.stored;
        self.stored = stored;
        if changed {
            self.keep();
        }
        Ok(changed)
    }

    fn keep(&self) {
        let Some(path) = &self.kept else { return };
        let text = serde_json::to_string(&self.stored).map_err(std::io::Error::other);
        if let Err(error) = text.and_then(|text| linux_api_files::write_whole(path, &text)) {
            tracing::debug!(%error, "can't keep the rules of alerts beside the database");
        }
    }
}

/// The files of rules in a directory, by name; none where there is no directory.
fn list(folder: &Path) -> Files {
    let problem = |error: &std::io::Error| Files {
        seen: Vec::new(),
        problem: Some(format!("{}: {error}", folder.display())),
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Files::default(),
        Err(error) => return problem(&error),
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_file = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
    let mut paths: Vec<PathBuf> = paths.filter(is_file).collect();
    paths.sort();
    let left_out = paths.len().saturating_sub(FILES_MAX);
    paths.truncate(FILES_MAX);
    let seen = paths.into_iter().map(|path| {
        let metadata = std::fs::metadata(&path).ok();
        let time = metadata.as_ref().and_then(|it| it.modified().ok());
        let length = metadata.map_or(0, |it| it.len());
        (path, time, length)
    });
    Files {
        seen: seen.collect(),
        problem: (left_out > 0).then(|| {
            let folder = folder.display();
            format!("{folder}: expected {FILES_MAX} files at most, {left_out} are left out")
        }),
    }
}

fn read_all(paths: &[PathBuf]) -> (Vec<Rule>, Vec<String>) {
    let (mut rules, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match linux_api_files::read_text(path) {
            Ok(text) => {
                let (found, wrong) = file::parse(path, &text, &RuleSource::File(path.clone()));
                rules.extend(found);
                problems.extend(wrong.iter().map(ToString::to_string));
            }
            Err(error) => problems.push(format!("{}: {error}", path.display())),
        }
    }
    (rules, problems)
}

/// How many rules the files of a directory hold, and what is wrong with others, by file, line and key.
#[must_use]
pub fn check_rule_files(folder: &Path) -> (usize, Vec<String>) {
    let files = list(folder);
    let paths: Vec<PathBuf> = files.seen.into_iter().map(|(path, ..)| path).collect();
    let (rules, mut problems) = read_all(&paths);
    problems.extend(files.problem);
    let count = rules.len();
    let (_, left_out) = RuleSet::new(rules);
    problems.extend(left_out.iter().map(ToString::to_string));
    (count, problems)
}

/// The rules in the files of a directory that restart units.
#[must_use]
pub fn restarting_rules(folder: &Path) -> Vec<String> {
    let paths = list(folder).seen.into_iter().map(|(path, ..)| path);
    let (rules, _) = read_all(&paths.collect::<Vec<_>>());
    let restarting = rules.iter().filter(|rule| rule.remedy.is_some());
    restarting.map(|rule| rule.name.to_string()).collect()
}

/// The rules in force when nothing was read yet.
pub(super) fn stock() -> Arc<RulesInForce> {
    let (set, _) = RuleSet::new(Vec::new());
    Arc::new(RulesInForce {
        set,
        problems: Vec::new(),
    })
}
