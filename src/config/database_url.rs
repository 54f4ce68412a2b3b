//! Where the database is, which may hold a password and so is never shown whole.

use std::fmt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use toml::Value;

use super::value::ConfigValue;

const REDACTED: &str = "[redacted]";

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

    /// Whether showing the whole URL would give away a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.to_string() != self.expose()
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.engine {
            Engine::Sqlite => f.write_str(self.expose()),
            Engine::Postgres => f.write_str(&redact(self.expose())),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Replaces the passwords of a URL; where the URL is odd, rather too much than too little.
fn redact(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    // A password may hold any character when somebody forgot to encode it, so the last @ counts.
    let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let user = match user.split_once(':') {
        Some((name, _)) => format!("{}:{REDACTED}@", redact_query(name)),
        None if user.is_empty() => String::new(),
        None => format!("{}@", redact_query(user)),
    };
    format!("{scheme}://{user}{}", redact_query(rest))
}

fn redact_query(text: &str) -> String {
    let Some((path, query)) = text.split_once('?') else {
        return text.to_owned();
    };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            // A name with a % may be an encoded "password".
            Some((name, _)) if name.to_lowercase().contains("pass") || name.contains('%') => {
                format!("{name}={REDACTED}")
            }
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
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
            shown("postgresql://h/db?sslmode=require&password=pw&x=1"),
            "postgresql://h/db?sslmode=require&password=[redacted]&x=1"
        );
        assert!(!shown("postgres://h/db?pass%77ord=hunter2").contains("hunter2"));
        assert!(!shown("postgres://h/db?password=hun@ter2").contains("hun"));
        assert!(!shown("postgres://u:hunter@2@h/db").contains("hunter"));
        let url = DatabaseUrl::from_text("postgres://u:hunter2@h/db").unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
        assert!(url.expose().contains("hunter2") && url.has_password());
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
