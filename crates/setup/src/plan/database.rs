//! Which database: that of the answers, or one that is there already.

use secrecy::{ExposeSecret, SecretString};

use super::{CONFIG, Content, LocalDatabase, Planner, Step, URL_FILE, Who};
use crate::answers::{Existing, Kind};
use linux_api_config::{ConfigValue, DatabaseUrl, Engine};

/// Whether `text` is the URL of a PostgreSQL database.
///
/// # Errors
/// Why not, without a secret.
pub fn check_url(text: &str) -> Result<(), String> {
    match DatabaseUrl::from_text(text)?.engine() {
        Engine::Postgres => Ok(()),
        Engine::Sqlite => Err("it names an SQLite file: set kind = \"sqlite\" for one".to_owned()),
    }
}

/// Whether a role or database can have this name.
///
/// # Errors
/// What is expected.
pub fn check_name(name: &str) -> Result<(), String> {
    let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let first = name.bytes().next();
    let starts = first.is_some_and(|byte| !byte.is_ascii_digit());
    if starts && name.len() <= 63 && name.bytes().all(usual) {
        return Ok(());
    }
    Err(format!(
        "expected a letter and then letters a to z, digits and _, 63 at most, not {name:?}"
    ))
}

impl Planner<'_> {
    /// Checks that the database of the answers can be used; returns its URL when it has one that is
    /// given.
    pub(super) fn check_given_database(&mut self) -> Option<SecretString> {
        if self.answers.database.kind() != Kind::Url {
            return None;
        }
        let url = self.checked_url()?;
        let kept = self.facts.database_url.as_ref();
        let differs = kept.is_some_and(|kept| kept.expose_secret() != url.expose_secret());
        if differs && !self.may_replace_url() {
            return None;
        }
        let check = Some(url.clone());
        self.steps.push(Step::CheckDatabase { url: check });
        Some(url)
    }

    /// What is kept is what is used, so answers that say something else contradict it.
    pub(super) fn check_kept_database(&mut self, kept: &DatabaseUrl) {
        let wish = &self.answers.database;
        let agrees = match wish.kind {
            None => true,
            Some(Kind::Sqlite) => kept.engine() == Engine::Sqlite,
            Some(Kind::Url) => match &self.facts.given_url {
                Some(Ok(url)) => url.expose_secret() == kept.expose(),
                Some(Err(_)) => false,
                None => kept.engine() == Engine::Postgres,
            },
            Some(Kind::Local | Kind::Install) => {
                let local = LocalDatabase::from(wish);
                local.password_in(kept.expose()).is_some()
            }
        };
        if !agrees {
            self.obstacle(format!(
                "configuration = \"keep\" uses {CONFIG}, whose database is {kept}, and the \
                 answers name another one: leave [database] out of them, or have the \
                 configuration replaced (configuration = \"replace\")"
            ));
        } else if kept.engine() == Engine::Postgres {
            let url = Some(kept.expose().into());
            self.steps.push(Step::CheckDatabase { url });
        }
    }

    /// Whether the URL that is kept may be written again; what is there may be all that knows the
    /// password of a database in use.
    fn may_replace_url(&mut self) -> bool {
        let may = self.answers.configuration == Existing::Replace;
        if !may {
            self.obstacle(format!(
                "{URL_FILE} names another database already: replace it (configuration = \
                 \"replace\"), or use it (kind = \"url\", with neither url nor url_file)"
            ));
        }
        may
    }

    /// `url` was checked.
    pub(super) fn add_database(&mut self, url: Option<SecretString>) {
        match self.answers.database.kind() {
            Kind::Sqlite => {}
            Kind::Url => {
                if let Some(url) = url {
                    self.file(URL_FILE, Content::Secret(url), 0o600, Who::Root);
                }
            }
            Kind::Local => self.add_local_database(),
            Kind::Install => {
                match self.facts.package_manager {
                    Some(manager) => self.steps.push(Step::Install(manager)),
                    None => self.obstacle(
                        "there is neither apt-get nor dnf to install PostgreSQL: install it \
                         yourself and set kind = \"local\", or give a URL",
                    ),
                }
                self.add_local_database();
            }
        }
    }

    /// The URL of the answers, else the one that is there.
    fn checked_url(&mut self) -> Option<SecretString> {
        let url = match (&self.facts.given_url, &self.facts.database_url) {
            (Some(Ok(url)), _) | (None, Some(url)) => url,
            (Some(Err(why)), _) => {
                self.obstacle(format!("the database's URL: {why}"));
                return None;
            }
            (None, None) => {
                self.obstacle(
                    "kind = \"url\" needs the URL: url_file = \"FILE\" in the section [database] \
                     of the answers",
                );
                return None;
            }
        };
        match check_url(url.expose_secret()) {
            Ok(()) => Some(url.clone()),
            Err(why) => {
                self.obstacle(format!("the database's URL: {why}"));
                None
            }
        }
    }

    /// A role for the daemons of other hosts, beside that of this host, which owns the database. It gets
    /// its rights when the tables are there.
    pub(super) fn add_daemon_role(&mut self) {
        let database = &self.answers.database;
        if !matches!(database.kind(), Kind::Local | Kind::Install) {
            return;
        }
        let daemon = LocalDatabase::from(database).for_daemons();
        if check_name(&daemon.role).is_ok() {
            self.steps.push(Step::DaemonRole(daemon));
        }
    }

    fn add_local_database(&mut self) {
        let database = &self.answers.database;
        for (what, name) in [("role", &database.role), ("name", &database.name)] {
            if let Err(why) = check_name(name) {
                self.obstacle(format!("database.{what}: {why}"));
            }
        }
        if !self.facts.is_live {
            self.obstacle(
                "no server runs below a directory: with --root the database can be kind = \"sqlite\" or \
                 \"url\"",
            );
        }
        if let Some(why) = &self.facts.local_refused {
            self.obstacle(why);
        }
        let local = LocalDatabase::from(database);
        let kept = self.facts.database_url.as_ref();
        let differs = kept.is_some_and(|kept| local.password_in(kept.expose_secret()).is_none());
        if differs && !self.may_replace_url() {
            return;
        }
        self.steps.push(Step::LocalDatabase(local));
        self.steps.push(Step::CheckDatabase { url: None });
    }
}
