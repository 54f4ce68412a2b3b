//! Why an import stopped.

use std::path::PathBuf;

use linux_api_store::StoreError;

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The URL can't be read. It may hold a password, so it is not repeated.
    #[error("the URL of the PostgreSQL database can't be read: {0}")]
    Url(String),
    /// The old PostgreSQL does not respond as it should.
    #[error("the PostgreSQL database of the Python program can't be read: {0}")]
    Postgres(#[source] sqlx::Error),
    /// It is another database.
    #[error(
        "the PostgreSQL database has no table {0}: is it the one of the Python program, with its \
         migrations applied?"
    )]
    NoTable(&'static str),
    /// The old SQLite file does not respond as it should.
    #[error("{path}: can't be read: {cause}")]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: sqlx::Error,
    },
    /// It holds something else.
    #[error("{path}: {problem}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file can't be read.
    #[error("{path}: {cause}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// The database that is imported into failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gave no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] linux_api_auth::key::NoRandomness),
}
