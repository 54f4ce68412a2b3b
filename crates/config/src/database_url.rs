//! Where the database is, which may hold a password and so is never shown whole.

use std::fmt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use toml::Value;

use super::value::ConfigValue;

const REDACTED: &str = "[redacted]";
/// The parameters that the driver for PostgreSQL knows.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];
/// Those whose values are shown.
const SHOWN: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];
/// Those of SQLite. None of them is a secret.
const SQLITE_PARAMETERS: &[&str] = &["cache", "immutable", "mode", "vfs"];

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file, inside this program.
    Sqlite,
    /// A PostgreSQL server, with or without TimescaleDB.
    Postgres,
}

impl Engine {
    /// The name as shown to people and programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// `sqlite:///path` or `postgres://…`; `Display` and `Debug` leave out passwords.
#[derive(Clone)]
pub struct DatabaseUrl {
    engine: Engine,
    url: SecretString,
}

impl DatabaseUrl {
    /// The SQLite database in that file.
    #[must_use]
    pub fn sqlite(path: &Path) -> Self {
        let mut url = "sqlite://".to_owned();
        for character in path.to_string_lossy().chars() {
            match character {
                '%' => url.push_str("%25"),
                '?' => url.push_str("%3F"),
                '#' => url.push_str("%23"),
                other => url.push(other),
            }
        }
        Self {
            engine: Engine::Sqlite,
            url: url.into(),
        }
    }

    /// Which database it is.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// The whole URL with its password, for the database driver only.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.url.expose_secret()
    }

    /// Whether there is a password in it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        if self.engine == Engine::Sqlite {
            return false;
        }
        let (user, rest) = parts(self.expose());
        let is_password = |pair: &str| name_of(pair) == "password";
        let in_query =
            |text: &str| query_of(text).is_some_and(|query| query.split('&').any(is_password));
        user.contains(':') || in_query(user) || in_query(rest)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self.engine {
            Engine::Sqlite => redact_query(self.expose(), SQLITE_PARAMETERS),
            Engine::Postgres => redact(self.expose()),
        })
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// The part before the last `@`, and the rest after it without the scheme. A password may hold any
/// character when it was not encoded, so the last one counts.
fn parts(url: &str) -> (&str, &str) {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    rest.rsplit_once('@').unwrap_or(("", rest))
}

/// Shows of a URL what stands where no secret can be: scheme, user name, host, port, database, and the
/// values of parameters that are listed. Where the URL is odd, rather too little than too much.
fn redact(url: &str) -> String {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let (user, rest) = parts(url);
    let user = match user.split_once(':') {
        Some((name, _)) => format!("{}:{REDACTED}@", redact_query(name, SHOWN)),
        None if user.is_empty() => String::new(),
        None => format!("{}@", redact_query(user, SHOWN)),
    };
    format!("{scheme}://{user}{}", redact_query(rest, SHOWN))
}

fn redact_query(text: &str, shown: &[&str]) -> String {
    let (text, fragment) = text
        .split_once('#')
        .map_or((text, ""), |(text, _)| (text, "#"));
    let fragment = if fragment.is_empty() { "" } else { REDACTED };
    let Some((path, query)) = text.split_once('?') else {
        return format!("{text}{fragment}");
    };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            // As it is written: an encoded name is not in the list.
            Some((name, _)) if shown.contains(&name) => pair.to_owned(),
            Some((name, _)) if PARAMETERS.contains(&name) => format!("{name}={REDACTED}"),
            _ => REDACTED.to_owned(),
        })
        .collect();
    format!("{path}?{}{fragment}", pairs.join("&"))
}

fn query_of(text: &str) -> Option<&str> {
    text.split_once('?').map(|(_, query)| query)
}

/// The decoded name of a parameter.
fn name_of(pair: &str) -> String {
    let mut decoded = form_urlencoded::parse(pair.as_bytes());
    decoded
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

/// What is wrong with the parameters of a URL. Neither names nor values are repeated: in an odd URL
/// they may be parts of a password. The driver would log those that it does not know, with their
/// values.
fn check_parameters(text: &str, known: &[&str]) -> Result<(), String> {
    let Some(query) = query_of(text) else {
        return Ok(());
    };
    let query = query.split('#').next().unwrap_or_default();
    for (index, pair) in query.split('&').enumerate() {
        let name = name_of(pair);
        let is_option = name.starts_with("options[") && name.ends_with(']');
        if !pair.is_empty() && !known.contains(&name.as_str()) && !is_option {
            return Err(format!(
                "parameter {} after the ? is not known; known are {}",
                index + 1,
                known.join(", ")
            ));
        }
    }
    Ok(())
}

impl ConfigValue for DatabaseUrl {
    fn type_name() -> String {
        "a URL such as \"sqlite:///path/to/file\" or \"postgres://user@host/database\"".to_owned()
    }

    // The text is not repeated in the message: it may be or hold a password.
    fn from_text(text: &str) -> Result<Self, String> {
        let engine = match text.split_once("://") {
            Some(("sqlite", path)) if path.starts_with('/') && path.len() > 1 => Engine::Sqlite,
            Some(("postgres" | "postgresql", rest)) if is_server(rest) => Engine::Postgres,
            _ => return Err(format!("expected {}", Self::type_name())),
        };
        if text.contains(|character: char| character.is_control()) {
            return Err("must not hold line breaks or other control characters".to_owned());
        }
        check_parameters(
            text,
            match engine {
                Engine::Sqlite => SQLITE_PARAMETERS,
                Engine::Postgres => PARAMETERS,
            },
        )?;
        Ok(Self {
            engine,
            url: text.into(),
        })
    }

    fn to_toml(&self) -> Option<Value> {
        Some(self.to_string().into())
    }
}

/// Whether there is a host, or a socket directory given as `?host=`.
fn is_server(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let port = host
        .rsplit_once(':')
        .filter(|_| !host.ends_with(']'))
        .map(|(_, port)| port);
    let named = !host.is_empty() && !host.starts_with(':');
    let by_query = rest
        .split_once('?')
        .is_some_and(|(_, query)| query.split('&').any(|pair| pair.starts_with("host=")));
    (named || by_query) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        DatabaseUrl::from_text(text).unwrap().to_string()
    }

    #[test]
    fn passwords_are_redacted() {
        assert_eq!(
            shown("postgres://u:pw@h:5432/db"),
            "postgres://u:[redacted]@h:5432/db"
        );
        assert_eq!(
            shown("postgresql://h/db?sslmode=require&password=pw&port=1&options=-c%20a=pw"),
            "postgresql://h/db?sslmode=require&password=[redacted]&port=1&options=[redacted]"
        );
        assert!(!shown("postgres://h/db?pass%77ord=hunter2").contains("hunter2"));
        assert!(!shown("postgres://h/db?password=hun@ter2").contains("hun"));
        assert!(!shown("postgres://u:hunter@2@h/db").contains("hunter"));
        let url = DatabaseUrl::from_text("postgres://u:hunter2@h/db").unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
        assert!(url.expose().contains("hunter2") && url.has_password());
    }

    #[test]
    fn whatever_stands_where_a_secret_can_be_is_hidden() {
        for text in [
            "postgres://u:s3cret@h/db",
            "postgres://u:a@s3cret@h/db",
            "postgres://h/db?password=s3cret",
            "postgres://h/db?pwd=s3cret",
            "postgres://h/db?sslpassword=s3cret",
            "postgres://h/db?token=s3cret&sslmode=require",
            "postgres://h/db?s3cret",
            "postgres://h/db?sslmode=require&s3cret=",
            "postgres://h/db?%70assword=s3cret",
            "postgres://h/db?options[x]=s3cret",
            "postgres://h/db#s3cret",
            "postgres://h/db?port=1#s3cret",
            "postgres://u?pwd=s3cret@h/db",
            "sqlite:///a?pwd=s3cret",
            "sqlite:///a?key=s3cret&mode=ro",
        ] {
            // What is refused is shown nowhere, but must not be repeated either.
            match DatabaseUrl::from_text(text) {
                Ok(url) => {
                    assert!(!url.to_string().contains("s3cret"), "{text}: {url}");
                    assert!(!format!("{url:?}").contains("s3cret"), "{text}");
                }
                Err(message) => assert!(!message.contains("s3cret"), "{text}: {message}"),
            }
            let bare = |engine| DatabaseUrl {
                engine,
                url: text.into(),
            };
            for engine in [Engine::Postgres, Engine::Sqlite] {
                let is_of_other = text.starts_with("sqlite") != (engine == Engine::Sqlite);
                assert!(
                    is_of_other || !bare(engine).to_string().contains("s3cret"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn parameters_that_the_driver_would_log_are_refused() {
        for text in [
            "postgres://h/db?sslpassword=x",
            "postgres://h/db?sslmode=require&connect_timeout=3",
            "sqlite:///a?pwd=x",
        ] {
            let message = DatabaseUrl::from_text(text).unwrap_err();
            assert!(message.contains("is not known; known are"), "{message}");
        }
        for name in PARAMETERS {
            let text = format!("postgres://h/db?{name}=1");
            assert!(DatabaseUrl::from_text(&text).is_ok(), "{text}");
        }
        assert!(DatabaseUrl::from_text("postgres://h/db?options[a]=b").is_ok());
    }

    #[test]
    fn urls_without_a_password_are_shown_whole() {
        for text in [
            "postgres://u@h/db?sslmode=require",
            "sqlite:///var/lib/a@b:c.db",
        ] {
            assert_eq!(shown(text), text);
            assert!(!DatabaseUrl::from_text(text).unwrap().has_password());
        }
    }

    #[test]
    fn the_engine_is_told_from_the_scheme() {
        assert_eq!(
            DatabaseUrl::from_text("sqlite:///a").unwrap().engine(),
            Engine::Sqlite
        );
        let socket = "postgresql:///db?host=/run/postgresql";
        assert_eq!(
            DatabaseUrl::from_text(socket).unwrap().engine(),
            Engine::Postgres
        );
        assert_eq!(
            DatabaseUrl::sqlite(Path::new("/a?b")).expose(),
            "sqlite:///a%3Fb"
        );
    }

    #[test]
    fn a_bad_url_is_refused_without_repeating_it() {
        for text in [
            "hunter2",
            "mysql://u:hunter2@h/db",
            "sqlite://hunter2",
            "postgres://:hunter2",
            "postgres://u:hunter2@/db",
            "postgres://u:hunter2@h:x/db",
            "postgres://h/hunter2\n",
        ] {
            let message = DatabaseUrl::from_text(text).unwrap_err();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
