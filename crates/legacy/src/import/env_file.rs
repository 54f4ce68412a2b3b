//! The `.env` of the Python program.
//!
//! It was read by python-dotenv, whose rules differ from those of a shell and of other readers: a
//! `$` alone means nothing, only `${NAME}` and `${NAME:-DEFAULT}` are replaced. A secret that is read
//! by other rules would be another secret.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::ImportError;

/// What a `.env` sets. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct EnvFile(BTreeMap<String, String>);

impl fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl EnvFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read, or a line of it means nothing; the error names the line.
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        let text = linux_api_files::read_text(path).map_err(|cause| ImportError::File {
            path: path.to_owned(),
            cause,
        })?;
        Self::parse(&text).map_err(|line| ImportError::Content {
            path: PathBuf::from(path),
            problem: format!("line {line} is not NAME=VALUE"),
        })
    }

    /// Reads text; the error is the number of the first wrong line.
    fn parse(text: &str) -> Result<Self, usize> {
        let mut values = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            // A name alone sets nothing.
            let Some((name, rest)) = line.split_once('=') else {
                continue;
            };
            let name = name.trim().trim_matches('\'');
            let value = value_of(rest.trim_start()).ok_or(number + 1)?;
            let value = expand(&value, &values);
            values.insert(name.to_owned(), value);
        }
        Ok(Self(values))
    }

    /// A value that is not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?;
        (!value.is_empty()).then_some(value)
    }

    /// The secret that v1 keys were made with.
    #[must_use]
    pub fn api_key_secret(&self) -> Option<SecretString> {
        self.get("API_KEY_SECRET")
            .map(|secret| secret.to_owned().into())
    }

    /// The URL of the PostgreSQL database: `DATABASE_URL`, else what the `POSTGRES_…` say about the
    /// server on this host.
    #[must_use]
    pub fn postgres_url(&self) -> Option<SecretString> {
        if let Some(url) = self.get("DATABASE_URL").filter(|url| !url.contains('<')) {
            return Some(without_driver(url).into());
        }
        let encode = |text: &str| -> String {
            form_urlencoded::byte_serialize(text.as_bytes())
                .collect::<String>()
                .replace('+', "%20")
        };
        let user = encode(self.get("POSTGRES_USER")?);
        let name = encode(self.get("POSTGRES_DB")?);
        let password = self.get("POSTGRES_PASSWORD").map(encode);
        let password = password.map(|text| format!(":{text}")).unwrap_or_default();
        Some(format!("postgres://{user}{password}@127.0.0.1:5432/{name}").into())
    }
}

/// URLs of `SQLAlchemy` name a driver after the database: `postgresql+psycopg2://…`.
#[must_use]
pub fn without_driver(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let scheme = scheme.split('+').next().unwrap_or(scheme);
            format!("{scheme}://{rest}")
        }
        None => url.to_owned(),
    }
}

/// The value at the beginning of `text`; `None` when its quotes don't end.
fn value_of(text: &str) -> Option<String> {
    let mut characters = text.chars();
    let Some(quote @ ('\'' | '"')) = characters.next() else {
        // A comment begins behind a space.
        let comment = text
            .match_indices('#')
            .find(|(at, _)| text[..*at].ends_with(char::is_whitespace));
        let bare = comment.map_or(text, |(at, _)| &text[..at]);
        return Some(bare.trim_end().to_owned());
    };
    let mut value = String::new();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match (characters.next()?, quote) {
                (escaped @ ('\\' | '\''), _) | (escaped @ '"', '"') => value.push(escaped),
                ('n', '"') => value.push('\n'),
                ('r', '"') => value.push('\r'),
                ('t', '"') => value.push('\t'),
                (other, _) => {
                    value.push('\\');
                    value.push(other);
                }
            },
            end if end == quote => return Some(value),
            other => value.push(other),
        }
    }
    None
}

/// Replaces `${NAME}` and `${NAME:-DEFAULT}` by what stands further up.
fn expand(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, behind)) = after.split_once('}') else {
            break;
        };
        expanded.push_str(before);
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        expanded.push_str(values.get(name).map_or(default, String::as_str));
        rest = behind;
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn values_are_read_as_python_dotenv_reads_them() {
        // Each expectation is what python-dotenv 1.2 answered.
        let text = r#"
# a comment
A = "some_secret_key"
B=bare value # with a comment
C='single $HOME \n it\'s'
D="double \"quoted\" # no comment"
E= "after a space" # and a comment
F=p$word#1
G=${A}/${NOTHING:-d}/${NOTHING}
export H=x
I=
J
K="${A}!"
"#;
        let file = EnvFile::parse(text).unwrap();
        for (name, value) in [
            ("A", "some_secret_key"),
            ("B", "bare value"),
            ("C", "single $HOME \\n it's"),
            ("D", "double \"quoted\" # no comment"),
            ("E", "after a space"),
            ("F", "p$word#1"),
            ("G", "some_secret_key/d/"),
            ("H", "x"),
            ("K", "some_secret_key!"),
        ] {
            assert_eq!(file.get(name), Some(value), "{name}");
        }
        assert_eq!((file.get("I"), file.get("J")), (None, None));
        assert_eq!(EnvFile::parse("A=1\nB=\"open").unwrap_err(), 2);
        assert!(!format!("{file:?}").contains("some_secret_key"));
    }

    #[test]
    fn the_database_is_that_of_the_url_or_of_the_parts() {
        let url = |text| {
            let url = EnvFile::parse(text).unwrap().postgres_url();
            url.map(|url| url.expose_secret().to_owned())
        };
        assert_eq!(
            url("DATABASE_URL=postgresql+psycopg2://u:p@h:5433/d").as_deref(),
            Some("postgresql://u:p@h:5433/d")
        );
        let parts = "POSTGRES_USER=u\nPOSTGRES_PASSWORD='p@ /w'\nPOSTGRES_DB=linux-api";
        assert_eq!(
            url(parts).as_deref(),
            Some("postgres://u:p%40%20%2Fw@127.0.0.1:5432/linux-api")
        );
        let template = "DATABASE_URL=postgresql+psycopg2://<POSTGRES_USER>:<x>@localhost/d";
        assert_eq!(url(template), None);
    }
}
