//! The users of the legacy routes, in an SQLite file.

use std::path::{Path, PathBuf};

use chrono::{Local, NaiveDateTime, TimeZone, Utc};
use secrecy::{ExposeSecret, SecretString};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::ImportError;
use super::source::{Origin, SourceUser};
use linux_api_auth::imported::{Pbkdf2Hash, fingerprint};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;

/// How many rounds of PBKDF2 the Python program always computed.
const ROUNDS: u32 = 600_000;

/// What the file held.
#[derive(Debug)]
pub struct PythonSqlite {
    /// The users, the oldest first.
    pub users: Vec<SourceUser>,
    /// What all keys were hashed together with.
    pub pepper: SecretString,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    username: String,
    role: String,
    api_key_hash: String,
    salt: String,
    created_at: String,
    last_login: Option<String>,
    is_active: bool,
}

impl PythonSqlite {
    /// Reads the file, which stays as it is. The program that made it may be running.
    ///
    /// # Errors
    /// When it can't be read, or holds something else.
    pub async fn read(path: &Path) -> Result<Self, ImportError> {
        let failed = |cause| ImportError::Sqlite {
            path: path.to_owned(),
            cause,
        };
        // SQLite itself only says that it is unable to open a file.
        drop(
            linux_api_files::open(path).map_err(|cause| ImportError::File {
                path: path.to_owned(),
                cause,
            })?,
        );
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .connect()
            .await
            .map_err(failed)?;
        let (pepper, rows) = rows(&mut connection).await.map_err(failed)?;
        connection.close().await.map_err(failed)?;
        let wrong = |problem: String| ImportError::Content {
            path: PathBuf::from(path),
            problem,
        };
        let pepper = pepper.ok_or_else(|| wrong("holds no pepper".to_owned()))?;
        let pepper = SecretString::from(pepper);
        let users: Result<Vec<_>, String> = rows.into_iter().map(|row| row.read(&pepper)).collect();
        Ok(Self {
            users: users.map_err(wrong)?,
            pepper,
        })
    }
}

async fn rows(
    connection: &mut SqliteConnection,
) -> Result<(Option<String>, Vec<Row>), sqlx::Error> {
    const PEPPER: &str = "select value from settings where key = 'pepper'";
    const USERS: &str = "
        select username, role, api_key_hash, salt, created_at, last_login, is_active
        from users order by created_at, username";
    let mut snapshot = connection.begin().await?;
    let pepper = sqlx::query_scalar(PEPPER)
        .fetch_optional(&mut *snapshot)
        .await?;
    let rows = sqlx::query_as(USERS).fetch_all(&mut *snapshot).await?;
    Ok((pepper, rows))
}

impl Row {
    fn read(self, pepper: &SecretString) -> Result<SourceUser, String> {
        let name = self.username;
        let role = match self.role.as_str() {
            "admin" => Role::Admin,
            "user" => Role::Viewer,
            other => return Err(format!("user {name:?} has the unknown role {other:?}")),
        };
        let hash = Pbkdf2Hash::new(ROUNDS, pepper, &self.salt, &self.api_key_hash)
            .ok_or_else(|| format!("the key of user {name:?} has no usable hash"))?;
        let time = |text: &str| {
            local_time(text).ok_or_else(|| format!("user {name:?} has the odd time {text:?}"))
        };
        Ok(SourceUser {
            origin: Origin::Legacy,
            source: format!("legacy:{}:{name}", fingerprint(pepper)),
            id: None,
            role,
            active: self.is_active,
            immutable: false,
            created_at: time(&self.created_at)?,
            last_login: self.last_login.as_deref().map(time).transpose()?,
            key_hash: Some(hash.to_string()),
            name,
        })
    }
}

/// Its times are those of the host's clock on the wall, without a zone.
fn local_time(text: &str) -> Option<Timestamp> {
    let naive: NaiveDateTime = text.parse().ok()?;
    let local = Local.from_local_datetime(&naive);
    // An hour that the clocks skipped never was; take it as UTC rather than refuse the user.
    let time = local
        .earliest()
        .map_or_else(|| naive.and_utc(), |time| time.with_timezone(&Utc));
    Some(time.into())
}

impl PythonSqlite {
    /// The pepper's name and value among the settings.
    #[must_use]
    pub fn secret(&self) -> (String, SecretString) {
        let name = linux_api_auth::imported::pepper_setting(&self.pepper);
        (name, self.pepper.expose_secret().to_owned().into())
    }
}
