//! Joins defaults, file, environment and flags, and collects everything that is wrong.

use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::database_url::DatabaseUrl;
use super::environment::{Environment, PREFIX};
use super::error::{ConfigError, Problem};
use super::origin::{Origin, Origins};
use super::section::{Raw, Section};
use super::sections::{BACKUP_FOLDER, Config, DATABASE_FILE, SYSTEM_DATA};
use super::value::with_article;

use linux_api_wire::suggest::nearest;

/// Where a configuration is read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file to read in place of the usual ones; it must exist.
    pub config_path: Option<PathBuf>,
    /// The surroundings of the process.
    pub environment: Environment,
    /// Options given on the command line.
    pub flags: Vec<Flag>,
}

/// An option given on the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The option with its section, `server.listen`.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// The flag as it was given, `--listen`.
    pub name: &'static str,
}

/// A configuration that can be used, and where it comes from.
#[derive(Debug, Clone)]
pub struct LoadedConfig {
    /// The options.
    pub config: Config,
    /// The configuration file, when there is one.
    pub file: Option<PathBuf>,
    /// Where the daemon keeps its data.
    pub data_dir: PathBuf,
    /// Where the value of each option comes from.
    pub origins: Origins,
    /// Warnings about unused variables whose names resemble options.
    pub misspelt: Vec<String>,
}

impl LoadedConfig {
    /// The error for an option whose value its user can't use.
    #[must_use]
    pub fn refuse(&self, key: &str, message: &str) -> ConfigError {
        ConfigError::new(vec![Problem::implied(self.origins.of(key), key, message)])
    }
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Lists all problems of all sources.
    pub fn load(sources: &Sources) -> Result<LoadedConfig, ConfigError> {
        let mut loader = Loader::default();
        let data_dir = sources
            .environment
            .data_dir()
            .unwrap_or_else(|| SYSTEM_DATA.into());
        loader.config.database.url = DatabaseUrl::sqlite(&data_dir.join(DATABASE_FILE));
        loader.config.backup.directory = data_dir.join(BACKUP_FOLDER);

        let file = loader.read_file(sources);
        let file_is_read = loader.problems.is_empty();
        if let Some((path, text)) = &file {
            loader.apply_file(path, text);
        }
        loader.apply_environment(&sources.environment);
        loader.apply_flags(&sources.flags);
        loader.read_secret_files(&sources.environment);
        if file_is_read && !loader.syntax_error {
            loader.validate();
        }

        if loader.problems.is_empty() {
            let misspelt = loader.misspelt(&sources.environment);
            let Loader {
                config, origins, ..
            } = loader;
            Ok(LoadedConfig {
                config,
                file: file.map(|(path, _)| path),
                data_dir,
                origins,
                misspelt,
            })
        } else {
            Err(ConfigError::new(loader.problems))
        }
    }
}

/// The configuration while it is put together.
#[derive(Default)]
pub(super) struct Loader {
    pub(super) config: Config,
    pub(super) origins: Origins,
    pub(super) problems: Vec<Problem>,
    syntax_error: bool,
}

impl Loader {
    /// Finds and reads the file. One that exists and can't be read is a problem, never a reason to
    /// take the next: the daemon would run with another database.
    fn read_file(&mut self, sources: &Sources) -> Option<(PathBuf, String)> {
        let Environment {
            system_config,
            user_config,
            ..
        } = &sources.environment;
        let candidates: Vec<&PathBuf> = match &sources.config_path {
            Some(path) => vec![path],
            None => system_config.iter().chain(user_config).collect(),
        };
        // Nothing of a demo is kept, so it can't go to a wrong place.
        let is_demo = sources
            .flags
            .iter()
            .any(|flag| flag.key == "demo.enabled" && flag.value == "true");
        for path in candidates {
            let is_system = sources.config_path.is_none() && system_config.as_ref() == Some(path);
            match linux_api_files::read_text(path) {
                Ok(text) => return Some((path.clone(), text)),
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && sources.config_path.is_none() => {
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    if is_system && is_demo {
                        continue;
                    }
                    self.problems.push(Problem::denied(path, is_system));
                    return None;
                }
                Err(error) => {
                    let message = format!("cannot read the configuration: {error}");
                    self.problems
                        .push(Problem::at(path.display().to_string(), message));
                    return None;
                }
            }
        }
        None
    }

    fn apply_file(&mut self, path: &Path, text: &str) {
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                self.syntax_error = true;
                self.problems.push(syntax_problem(path, text, &error));
                return;
            }
        };
        let origin = Origin::File(path.to_owned());
        for (section, value) in &table {
            match value {
                Value::Table(keys) if self.config.section_mut(section).is_some() => {
                    for (key, value) in keys {
                        self.apply(section, key, Raw::Toml(value), &origin);
                    }
                }
                value => {
                    let message = self.not_a_section(section, value);
                    self.problems.push(Problem::new(&origin, section, message));
                }
            }
        }
        self.passwords_are_private();
    }

    fn not_a_section(&mut self, name: &str, value: &Value) -> String {
        if self.config.section_mut(name).is_some() {
            return format!("expected a section [{name}], not {}", with_article(value));
        }
        let sections = self.config.sections();
        if !value.is_table() {
            let paths = sections.iter().flat_map(|section| section.keys());
            let hint = paths
                .filter(|key| key.name == name)
                .map(|key| key.path())
                .next();
            return unknown("key", hint);
        }
        let names: Vec<&str> = sections.iter().map(|section| section.name()).collect();
        unknown("section", nearest(name, &names).map(str::to_owned))
    }

    fn apply_environment(&mut self, environment: &Environment) {
        for (variable, value) in environment.settings() {
            let origin = Origin::Environment(variable.to_owned());
            let Some(path) = self.path_of(variable) else {
                let message = unknown("variable", self.nearest_variable(variable));
                self.problems.push(Problem::new(&origin, variable, message));
                continue;
            };
            match (value.to_str(), path.split_once('.')) {
                (Some(text), Some((section, key))) => {
                    self.apply(section, key, Raw::Text(text), &origin);
                }
                _ => self
                    .problems
                    .push(Problem::new(&origin, &path, "is not UTF-8".to_owned())),
            }
        }
    }

    /// The option that a variable sets.
    fn path_of(&self, variable: &str) -> Option<String> {
        let keys = self.config.sections().into_iter().flat_map(Section::keys);
        keys.filter(|key| key.variable() == variable)
            .map(|key| key.path())
            .next()
    }

    /// Says of each variable that is nearly one of the configuration's which one is.
    fn misspelt(&self, environment: &Environment) -> Vec<String> {
        let bare = |name: &str| name.replace('_', "").to_uppercase();
        let sections = self.config.sections();
        let keys = sections.into_iter().flat_map(Section::keys);
        let known: Vec<String> = keys.map(|key| key.variable()).collect();
        environment
            .nearly_settings()
            .filter_map(|name| {
                let meant = known.iter().find(|known| bare(known) == bare(name))?;
                Some(format!(
                    "the variable {name} is not read: did you mean {meant}?"
                ))
            })
            .collect()
    }

    fn nearest_variable(&self, variable: &str) -> Option<String> {
        let sections = self.config.sections();
        let keys = sections.into_iter().flat_map(Section::keys);
        let known: Vec<String> = keys.map(|key| key.variable()).collect();
        let known: Vec<&str> = known
            .iter()
            .filter_map(|name| name.strip_prefix(PREFIX))
            .collect();
        let word = variable.strip_prefix(PREFIX)?.to_uppercase();
        nearest(&word, &known).map(|word| format!("{PREFIX}{word}"))
    }

    fn apply_flags(&mut self, flags: &[Flag]) {
        for flag in flags {
            let (section, key) = flag.key.split_once('.').unwrap_or((flag.key, ""));
            self.apply(
                section,
                key,
                Raw::Text(&flag.value),
                &Origin::Flag(flag.name.to_owned()),
            );
        }
    }

    fn apply(&mut self, section: &str, key: &str, raw: Raw<'_>, origin: &Origin) {
        let path = format!("{section}.{key}");
        let result = self
            .config
            .section_mut(section)
            .and_then(|section| section.set(key, raw));
        if result.is_some() {
            self.origins.set(&path, origin.clone());
        }
        let message = match result {
            Some(Ok(())) => return,
            Some(Err(message)) => message,
            None => unknown("key", self.nearest_key(section, key).map(str::to_owned)),
        };
        self.problems.push(Problem::new(origin, &path, message));
    }

    fn nearest_key(&self, section: &str, key: &str) -> Option<&'static str> {
        let sections = self.config.sections();
        let section = sections.iter().find(|known| known.name() == section)?;
        let names: Vec<&'static str> = section.keys().iter().map(|key| key.name).collect();
        nearest(key, &names)
    }
}

fn unknown(what: &str, hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("unknown {what}, did you mean {hint}?"),
        None => format!("unknown {what}"),
    }
}

fn syntax_problem(path: &Path, text: &str, error: &toml::de::Error) -> Problem {
    let before = error
        .span()
        .and_then(|span| text.get(..span.start))
        .unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    Problem::at(
        format!("{}: line {line}, column {column}", path.display()),
        message,
    )
}
