//! What the administrator wants, from prompts or from a file.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// How long a command may take to write answers to a pipe.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers to all questions of setup. Every one has a default: `--yes` accepts them all.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Networks of proxies with TLS in front of the daemon, such as `10.0.0.0/8`.
    pub trusted_proxies: Vec<String>,
    /// Certificate and key, when the daemon itself speaks TLS.
    pub tls: Option<Tls>,
    /// Where the data are kept.
    pub database: Database,
    /// What to do with a configuration that is there already and says something else.
    pub configuration: Existing,
    /// What may be done on this host through the daemon.
    pub acts: Acts,
}

/// What may be done on this host through the daemon.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Acts {
    /// How much.
    pub preset: Preset,
    /// The units of [`Preset::Services`]: names, or patterns with `*` and `?`.
    pub units: Vec<String>,
    /// Whether operators may read the journal of this host through the daemon.
    pub logs: bool,
}

/// A ready-made policy.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Nothing: the host is only looked at.
    #[default]
    Watch,
    /// Restarts and reloads of chosen units, and processes of people's accounts.
    Services,
    /// Every unit and process but those that no policy allows.
    Everything,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            trusted_proxies: Vec::new(),
            tls: None,
            database: Database::default(),
            configuration: Existing::Stop,
            acts: Acts::default(),
        }
    }
}

/// Files with a certificate and its key, in PEM. Both are copied, the key for the daemon alone.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificate chain (PEM): the certificate, then its intermediates.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// What to do with a configuration that differs from the one to be written.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Change nothing and say so.
    Stop,
    /// Go on with it; what it says about address and database counts.
    Keep,
    /// Save it beside and write the new one.
    Replace,
}

/// Which database.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A file on this host.
    Sqlite,
    /// A PostgreSQL database that exists; its URL is given.
    Url,
    /// Role and database are made on the PostgreSQL server of this host.
    Local,
    /// The same, after the server is installed from the system's packages.
    Install,
}

/// The system's package manager.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum PackageManager {
    /// Debian, Ubuntu and their kin.
    Apt,
    /// Fedora, Red Hat and their kin.
    Dnf,
}

/// Where the data are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "DatabaseAnswers")]
pub struct Database {
    /// Which kind of database, when the answers say it.
    pub kind: Option<Kind>,
    /// URL of a database that exists.
    pub url: Option<SecretString>,
    /// File that holds the URL, in place of `url`.
    pub url_file: Option<PathBuf>,
    /// Role to make on the local server: a to z, digits and `_`, at most 63.
    pub role: String,
    /// Database to make on the local server, of the same characters.
    pub name: String,
    /// Directory of the local server's Unix socket.
    pub socket: PathBuf,
    /// Port of the local server.
    pub port: u16,
    /// Package manager to install the server with; found out when absent.
    pub package_manager: Option<PackageManager>,
}

impl Database {
    /// The kind that was said, else the default.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Sqlite)
    }
}

/// The section as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DatabaseAnswers {
    kind: Option<Kind>,
    url: Option<SecretString>,
    url_file: Option<PathBuf>,
    role: Option<String>,
    name: Option<String>,
    socket: Option<PathBuf>,
    port: Option<u16>,
    package_manager: Option<PackageManager>,
}

impl TryFrom<DatabaseAnswers> for Database {
    type Error = String;

    /// What is said and would not count is refused: the data would go elsewhere than meant.
    fn try_from(said: DatabaseAnswers) -> Result<Self, String> {
        let of_url = [
            ("url", said.url.is_some()),
            ("url_file", said.url_file.is_some()),
        ];
        let of_server = [
            ("role", said.role.is_some()),
            ("name", said.name.is_some()),
            ("socket", said.socket.is_some()),
            ("port", said.port.is_some()),
            ("package_manager", said.package_manager.is_some()),
        ];
        let first = |keys: &[(&'static str, bool)]| {
            let given = keys.iter().find(|(_, is_given)| *is_given);
            given.map(|(key, _)| *key)
        };
        let kind = match (said.kind, first(&of_url), first(&of_server)) {
            (Some(kind), Some(key), _) if kind != Kind::Url => {
                return Err(format!(
                    "database.{key} is for kind = \"url\" and would not be used: leave out one of \
                     the two"
                ));
            }
            (None, _, Some(key)) => {
                return Err(format!(
                    "database.{key} would not be used without a kind: add kind = \"local\" or \
                     \"install\", or leave it out"
                ));
            }
            (None, Some(_), None) => Some(Kind::Url),
            (kind, _, _) => kind,
        };
        let usual = Self::default();
        Ok(Self {
            kind,
            url: said.url,
            url_file: said.url_file,
            role: said.role.unwrap_or(usual.role),
            name: said.name.unwrap_or(usual.name),
            socket: said.socket.unwrap_or(usual.socket),
            port: said.port.unwrap_or(usual.port),
            package_manager: said.package_manager,
        })
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            kind: None,
            url: None,
            url_file: None,
            role: "linux_api".to_owned(),
            name: "linux_api".to_owned(),
            socket: PathBuf::from("/var/run/postgresql"),
            port: 5432,
            package_manager: None,
        }
    }
}

/// Why a file of answers can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// It can't be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It holds something else than answers.
    #[error("{path}: {message}")]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with the line.
        message: String,
    },
}

impl Answers {
    /// Reads answers from a TOML file or a pipe; what is not in it has its default. Blocks for up to
    /// ten seconds while a pipe is written.
    ///
    /// # Errors
    /// When the file can't be read, holds what is no answer, or holds a database's URL and is open to
    /// others; the message never repeats a secret.
    pub fn load(path: &Path) -> Result<Self, AnswersError> {
        let text = linux_api_files::read_text_or_pipe(path, PATIENCE).map_err(|source| {
            AnswersError::Read {
                path: path.to_owned(),
                source,
            }
        })?;
        let answers: Self = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map(|span| text[..span.start].matches('\n').count() + 1);
            // Its `Display` shows the line itself, which may hold a password.
            let message = error.message().replace('\n', ", ");
            let message =
                line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"));
            AnswersError::Wrong {
                path: path.to_owned(),
                message,
            }
        })?;
        let is_open = std::fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o077 != 0);
        if answers.database.url.is_some() && is_open {
            let path = path.to_owned();
            let message = format!(
                "holds the database's URL and others may read it: chmod 600 {}",
                path.display()
            );
            return Err(AnswersError::Wrong { path, message });
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Answers, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.toml");
        std::fs::write(&path, text).unwrap();
        Answers::load(&path).map_err(|error| {
            let shown = error.to_string();
            let name = format!("{}: ", path.display());
            shown
                .strip_prefix(&name)
                .expect("it names the file")
                .to_owned()
        })
    }

    #[test]
    fn nothing_said_means_every_default() {
        let answers = load("").unwrap();
        assert_eq!(answers.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(answers.database.kind(), Kind::Sqlite);
        assert_eq!(answers.configuration, Existing::Stop);
    }

    #[test]
    fn every_answer_can_be_given() {
        let text = "
            listen = '0.0.0.0:8443'
            trusted_proxies = ['10.0.0.0/8']
            configuration = 'replace'
            [tls]
            certificate = '/c.pem'
            key = '/k.pem'
            [acts]
            preset = 'services'
            units = ['nginx.service', 'app-*']
            [database]
            kind = 'install'
            role = 'fleet'
            name = 'fleet'
            socket = '/run/pg'
            port = 5433
            package_manager = 'dnf'
        ";
        let answers = load(text).unwrap();
        assert_eq!(answers.database.kind(), Kind::Install);
        assert_eq!(answers.database.package_manager, Some(PackageManager::Dnf));
        assert_eq!(answers.acts.preset, Preset::Services);
        assert_eq!(answers.acts.units.len(), 2);
        assert_eq!(answers.tls.unwrap().key, Path::new("/k.pem"));
    }

    #[test]
    fn what_is_said_of_a_database_counts_or_is_refused() {
        for text in [
            "database = { url_file = '/u' }",
            "database = { kind = 'url', url_file = '/u' }",
        ] {
            assert_eq!(load(text).unwrap().database.kind(), Kind::Url, "{text}");
        }
        for (text, key) in [
            ("role = 'fleet'", "role"),
            ("name = 'fleet'", "name"),
            ("port = 5433", "port"),
            ("socket = '/run/pg'", "socket"),
            ("package_manager = 'apt'", "package_manager"),
            ("kind = 'sqlite'\nurl = 'postgres://u:hunter2@h/d'", "url"),
            ("kind = 'local'\nurl_file = '/u'", "url_file"),
        ] {
            let message = load(&format!("[database]\n{text}")).unwrap_err();
            let named = format!("database.{key} ");
            assert!(message.contains(&named), "{text}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_url_in_a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.toml");
        std::fs::write(&path, "database = { url = 'postgres://u:hunter2@h/d' }").unwrap();
        for (mode, good) in [(0o600, true), (0o640, false), (0o604, false)] {
            let rights = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, rights).unwrap();
            let read = Answers::load(&path);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            let message = read.err().map(|error| error.to_string());
            let message = message.unwrap_or_default();
            assert!(good || message.contains("chmod 600"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn what_is_no_answer_is_named_with_its_line_and_without_secrets() {
        let cases = [
            ("colour = 1", "line 1: unknown field `colour`"),
            (
                "\n[database]\nkind = 'mysql'",
                "line 3: unknown variant `mysql`",
            ),
            ("listen = 'here'", "line 1: invalid socket address"),
            (
                "[database]\nurl = 'postgres://u:hunter2@h/d'\nport = 'x'",
                "line 3: ",
            ),
            ("[database]\nurl = 'postgres://u:hunter2@h/d\n", "line 2: "),
            ("[tls]\nkey = '/k'", "line 1: missing field `certificate`"),
        ];
        for (text, expected) in cases {
            let message = load(text).unwrap_err();
            assert!(message.starts_with(expected), "{text}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
