//! What can go wrong below HTTP.

use std::time::Duration;

use linux_api_wire::authority::Denial;

/// A rule that forbids a change; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another user has this name.
    #[error("the name is taken")]
    NameTaken,
    /// There is such a key already.
    #[error("the key is taken")]
    KeyTaken,
    /// There is no such user.
    #[error("no such user")]
    UserNotFound,
    /// There is no such key, or it is another user's.
    #[error("no such key")]
    KeyNotFound,
    /// The user is protected from changes by others.
    #[error("the user is immutable")]
    Immutable,
    /// No active admin would remain.
    #[error("no active admin would remain")]
    LastAdmin,
    /// Users can't change their own role.
    #[error("own role")]
    OwnRole,
    /// Users can't choose the hosts that they are limited to.
    #[error("own hosts")]
    OwnHosts,
    /// Users can't deactivate themselves.
    #[error("own account")]
    OwnAccount,
    /// The user has as many usable keys as allowed.
    #[error("too many keys")]
    TooManyKeys,
    /// The key is revoked or expired.
    #[error("the key is no longer in use")]
    KeyEnded,
    /// The key or the user behind the change has ended since it was accepted.
    #[error("the caller's key or user has ended meanwhile")]
    ActorEnded,
    /// The user behind the change may no longer make it.
    #[error("{0}")]
    ActorDenied(Denial),
    /// There is no such host.
    #[error("no such host")]
    HostNotFound,
    /// The daemon of the host lives, or did until a moment ago.
    #[error("the host is not down")]
    HostAlive,
    /// There is no such rule of alerts in the database.
    #[error("no such rule")]
    RuleNotFound,
    /// There are as many rules of alerts as allowed.
    #[error("too many rules")]
    TooManyRules,
    /// There is no such silence, or it is over.
    #[error("no such silence")]
    SilenceNotFound,
    /// There are as many silences as allowed.
    #[error("too many silences")]
    TooManySilences,
    /// No automatic act of the host counts.
    #[error("no automatic act of this host counts")]
    NothingGivenUp,
    /// The alert does not fire.
    #[error("the alert does not fire")]
    AlertNotFiring,
    /// A key would come to be that may do more than the one in use.
    #[error("the key in use is narrowed to fewer scopes than that")]
    ScopesExceeded,
    /// The actor is limited to some hosts, and this would count on others.
    #[error("the caller is limited to fewer hosts than that")]
    HostsExceeded,
}

/// Why an operation of the database failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database did not respond in time.
    #[error("the database did not respond within {0:?}")]
    DeadlineExceeded(Duration),
    /// The database can't be reached or has no free connection.
    #[error("the database can't be reached: {}", in_words(.0))]
    Unavailable(sqlx::Error),
    /// The database has no room left.
    #[error("the disk of the database is full: {}; free space on it", in_words(.0))]
    Full(sqlx::Error),
    /// A stored value is not what the program wrote.
    #[error("{table}.{column} holds a value that this program did not write")]
    Corrupt {
        /// In which table.
        table: &'static str,
        /// In which column.
        column: &'static str,
    },
    /// The database is not in use now: away, being prepared, or refused.
    #[error("{reason}")]
    NotReady {
        /// See [`super::Availability::code`].
        code: &'static str,
        /// In words.
        reason: std::sync::Arc<str>,
    },
    /// The account of this program on the database server may not change users, keys or settings.
    #[error(
        "the database account of this host may not change users, keys or settings ({0}): do it on a host \
         that has database.admin_url"
    )]
    AdminRequired(String),
    /// The server accepts no changes, such as a standby.
    #[error("the PostgreSQL server is read-only (a standby, or default_transaction_read_only)")]
    ReadOnly,
    /// The URL is wrong.
    #[error("{0}")]
    BadUrl(String),
    /// There is a file of the database's name without anything in it.
    #[error("the database {0} exists and is empty; remove it to start with a new database")]
    EmptyFile(String),
    /// The file or the server is not what this program can use.
    #[error("{0}")]
    Unusable(String),
    /// Another process uses the database, and must not meanwhile.
    #[error(
        "{0}: stop it first (systemctl stop linux-api.socket linux-api.service, or linux-api stop)"
    )]
    InUse(String),
    /// The schema is not what this program can use.
    #[error(transparent)]
    Schema(#[from] super::migrations::SchemaError),
    /// Anything else that the database answered.
    #[error("database error: {}", in_words(.0))]
    Query(sqlx::Error),
}

impl StoreError {
    /// Whether a later retry may succeed without intervention.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::DeadlineExceeded(_)
                | Self::Unavailable(_)
                | Self::NotReady { .. }
                | Self::ReadOnly
        )
    }

    /// Whether a restart of the same program with the same configuration can't help.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Schema(error) => error.is_final(),
            Self::BadUrl(_) | Self::EmptyFile(_) => true,
            _ => false,
        }
    }

    /// Whether the server refuses this program's account or database: it will go on doing so until
    /// the configuration or the server is changed.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        let Self::Unavailable(sqlx::Error::Database(answer)) = self else {
            return false;
        };
        answer.code().is_some_and(|code| is_denial(&code))
    }

    /// The same.
    pub(super) const fn unchanged(self) -> Self {
        self
    }

    /// The same, where a lack of rights means that a change takes another account.
    pub(super) fn or_admin_required(self) -> Self {
        match self {
            Self::Unavailable(sqlx::Error::Database(answer))
                if answer.code().is_some_and(|code| code == "42501") =>
            {
                Self::AdminRequired(answer.message().to_owned())
            }
            other => other,
        }
    }

    /// Whether the server has no connection left to give.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        matches!(self, Self::Unavailable(sqlx::Error::Database(answer))
            if answer.code().is_some_and(|code| code == "53300"))
    }

    /// Whether the disk under an SQLite database failed, so that what its handle believes to be
    /// written may not be.
    #[must_use]
    pub fn is_disk_failure(&self) -> bool {
        // Extended codes of SQLITE_IOERR: read, short read, write, fsync, directory fsync, truncate,
        // checksum of a page, damaged file system.
        const CODES: [&str; 8] = ["266", "522", "778", "1034", "1290", "1546", "8202", "8458"];
        let Self::Unavailable(sqlx::Error::Database(answer)) = self else {
            return false;
        };
        let is_sqlite = answer
            .try_downcast_ref::<sqlx::sqlite::SqliteError>()
            .is_some();
        is_sqlite && answer.code().is_some_and(|code| CODES.contains(&&*code))
    }

    /// Whether the database refused a row because a unique value is taken.
    pub(super) fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Query(error) if is_unique_violation(error))
    }

    /// Whether the database itself rolled the transaction back because of another one, and says that
    /// the same will succeed when it is tried again.
    pub(super) fn is_conflict(&self) -> bool {
        let Self::Query(sqlx::Error::Database(answer)) = self else {
            return false;
        };
        // PostgreSQL: 40P01 deadlock, 40001 serialization failure. SQLite's codes are numbers below.
        answer
            .code()
            .is_some_and(|code| code == "40P01" || code == "40001")
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(answer) => match failure_of(&**answer) {
                Failure::Full => Self::Full(error),
                Failure::Away => Self::Unavailable(error),
                Failure::Other => Self::Query(error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Query(error),
        }
    }
}

/// Without what only the driver's authors need to know, such as lines of PostgreSQL's own source.
fn in_words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(answer) => answer.message().to_owned(),
        sqlx::Error::PoolTimedOut => "no connection could be had in time".to_owned(),
        other => other.to_string(),
    }
}

enum Failure {
    Full,
    Away,
    Other,
}

/// Sorts an error code: SQLite's result codes <https://sqlite.org/rescode.html>, PostgreSQL's
/// SQLSTATE <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn failure_of(answer: &dyn sqlx::error::DatabaseError) -> Failure {
    let Some(code) = answer.code() else {
        return Failure::Other;
    };
    if answer
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some()
    {
        // The low byte is the primary code: 13 full, 5 busy, 6 locked, 10 I/O error, 14 can't open.
        return match code.parse::<i32>().map(|code| code & 0xff) {
            Ok(13) => Failure::Full,
            Ok(5 | 6 | 10 | 14) => Failure::Away,
            _ => Failure::Other,
        };
    }
    // 08 connection, 53 resources, 57P shutdown, 57014 cancelled by the statement timeout, 25006
    // read-only.
    if code == "53100" {
        Failure::Full
    } else if is_denial(&code)
        || ["08", "53", "57P", "57014", "25006"]
            .iter()
            .any(|class| code.starts_with(class))
    {
        Failure::Away
    } else {
        Failure::Other
    }
}

/// 28 wrong account or password, 3D000 no such database, 42501 missing rights.
fn is_denial(code: &str) -> bool {
    ["28", "3D000", "42501"]
        .iter()
        .any(|class| code.starts_with(class))
}

/// Whether the database refused a row because a unique value is taken.
pub(super) fn is_unique_violation(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Whether SQLite gave up because of another connection's lock.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    // The low byte is the primary code, and 5 is "busy".
    code.is_some_and(|code| code.parse::<i32>().is_ok_and(|code| code & 0xff == 5))
}
