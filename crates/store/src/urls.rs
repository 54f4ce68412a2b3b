//! Where the URLs of a PostgreSQL database lead: to calls, to sessions, to its owner, to its admin.

use std::str::FromStr as _;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;

use super::{Options, StoreError};

impl Options {
    /// Connection options for `url`, or for `direct_url` where sessions are needed.
    pub(super) fn postgres(&self, direct: bool) -> Result<PgConnectOptions, StoreError> {
        let direct_url = self.direct_url.as_ref().filter(|_| direct);
        let session = !self.pooler || direct_url.is_some();
        let options = connect_options(direct_url.unwrap_or(&self.url))?;
        Ok(if session {
            // A migration and a backup may take longer than any call.
            let millis = if direct { 0 } else { self.deadline.as_millis() };
            with_session(options, millis)
        } else {
            options
        })
    }

    /// Connection options of the owner of the schema, for migrations and restores.
    pub(super) fn owner(&self) -> Result<PgConnectOptions, StoreError> {
        match &self.owner_url {
            Some(url) => Ok(with_session(connect_options(url)?, 0)),
            None => self.postgres(true),
        }
    }

    /// Connection options of the account that changes users, keys and settings, when it is another.
    pub(super) fn administration(&self) -> Result<Option<PgConnectOptions>, StoreError> {
        self.admin_url.as_ref().map(connect_options).transpose()
    }
}

fn connect_options(url: &SecretString) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url.expose_secret())
        .map_err(|error| StoreError::BadUrl(format!("bad PostgreSQL URL: {error}")))?;
    // PgBouncer refuses clients that set the digits, and numbers travel in binary here.
    Ok(options
        .application_name("linux-api")
        .extra_float_digits(None))
}

/// For a session of our own; behind a pooler there is none.
fn with_session(options: PgConnectOptions, timeout_millis: u128) -> PgConnectOptions {
    options.options([
        ("search_path", "linux_api".to_owned()),
        ("statement_timeout", timeout_millis.to_string()),
    ])
}
