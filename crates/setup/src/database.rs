//! PostgreSQL: role and database on this host's server, and whether a database can be used.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use super::answers::PackageManager;
use super::commands::Call;
use super::plan::{DAEMON_URL_FILE, LocalDatabase, URL_FILE, check_name};
use super::tree::{Changed, Owner, Tree};
use linux_api_store::roles::RoleKind;
use linux_api_store::{Options, Store, StoreError};
use linux_api_wire::audit::Actor;
use linux_api_wire::time::Clock;

const PSQL: &[&str] = &[
    "/usr/bin/psql",
    "/usr/local/bin/psql",
    "/usr/pgsql/bin/psql",
];
/// How long a fresh server may take to respond.
const SERVER_PATIENCE: Duration = Duration::from_secs(30);

/// Makes a role; it may have been done before. psql itself quotes the variables.
macro_rules! create_role {
    () => {
        r#"
-- The server's log is no place for the password.
set log_statement = 'none';
set log_min_duration_statement = -1;
set log_min_error_statement = 'panic';
select format('create role %I login', :'role')
    where not exists (select from pg_roles where rolname = :'role') \gexec
alter role :"role" login password :'password';
"#
    };
}

const CREATE_ROLE: &str = create_role!();
/// Makes role and database.
const CREATE: &str = concat!(
    create_role!(),
    r#"
select format('create database %I owner %I template template0 encoding ''UTF8''', :'name', :'role')
    where not exists (select from pg_database where datname = :'name') \gexec
"#
);
const ROLE_EXISTS: &str = "select 'taken' from pg_roles where rolname = :'role';";
const TIMESCALE_AVAILABLE: &str =
    "select 'available' from pg_available_extensions where name = 'timescaledb';";
const TIMESCALE_ENABLE: &str = "create extension if not exists timescaledb;";

/// What a step has to say when it succeeded.
#[derive(Debug, Default)]
pub struct StepOutcome {
    /// What was found or done, in a few words.
    pub outcome: String,
    /// Advice that is no failure.
    pub hints: Vec<String>,
}

/// Installs the server by the system's package manager and waits for it.
pub(super) async fn install(manager: PackageManager) -> anyhow::Result<()> {
    for command in manager.commands() {
        let [program, arguments @ ..] = command else {
            continue;
        };
        // A server that was set up before is left alone.
        if program.ends_with("postgresql-setup")
            && Path::new("/var/lib/pgsql/data/PG_VERSION").exists()
        {
            continue;
        }
        let call = Call {
            programs: &[program],
            arguments,
            // Its own default on TCP is not a password but ident, which queries a service for the user's
            // name.
            variables: &[("PGSETUP_INITDB_OPTIONS", "--auth-host=scram-sha-256")],
            patience: Some(Duration::from_mins(30)),
            ..Call::default()
        };
        call.run().await.with_context(|| {
            "PostgreSQL can't be installed; fix what the package manager reports, or install it \
             yourself and set kind = \"local\""
        })?;
    }
    Ok(())
}

/// Makes role and database on the server of this host, and keeps their URL.
pub(super) async fn create_local(
    tree: &Tree,
    local: &LocalDatabase,
) -> anyhow::Result<StepOutcome> {
    let server = Server::find(local)?;
    server.wait(SERVER_PATIENCE).await?;
    let path = Path::new(URL_FILE);
    let kept = tree.read(path, 4096)?.unwrap_or_default();
    let kept = String::from_utf8_lossy(&kept).trim().to_owned();
    let password = if let Some(password) = local.password_in(&kept) {
        SecretString::from(password)
    } else {
        server.refuse_foreign_role().await?;
        new_password()?
    };
    // Kept first: whatever happens from here on, the next run knows the password.
    let url = format!("{}\n", local.url(password.expose_secret()));
    let kept = tree.write(path, url.as_bytes(), 0o600, Owner::ROOT)?;
    server.ask("postgres", CREATE, Some(&password)).await?;
    let mut step_outcome = StepOutcome {
        outcome: match kept {
            Changed::Yes => "made".to_owned(),
            Changed::No => "there already".to_owned(),
        },
        hints: Vec::new(),
    };
    if server
        .ask(&local.name, TIMESCALE_AVAILABLE, None)
        .await?
        .contains("available")
    {
        match server.ask(&local.name, TIMESCALE_ENABLE, None).await {
            Ok(_) => step_outcome.outcome += ", with TimescaleDB",
            Err(error) => step_outcome.hints.push(format!(
                "TimescaleDB is installed but can't be enabled: add it to \
                 shared_preload_libraries in postgresql.conf, restart PostgreSQL and run setup \
                 again ({})",
                format!("{error:#}").lines().last().unwrap_or_default()
            )),
        }
    } else {
        step_outcome.hints.push(NO_TIMESCALE.to_owned());
    }
    Ok(step_outcome)
}

/// Makes the role of daemons on other hosts, keeps its URL, and gives it the rights that they need. `daemon`
/// is the database with that role; the tables are there.
pub(super) async fn create_daemon_role(
    tree: &Tree,
    daemon: &LocalDatabase,
) -> anyhow::Result<StepOutcome> {
    let server = Server::find(daemon)?;
    let path = Path::new(DAEMON_URL_FILE);
    let kept = tree.read(path, 4096)?.unwrap_or_default();
    let kept = String::from_utf8_lossy(&kept).trim().to_owned();
    let password = if let Some(password) = daemon.password_in(&kept) {
        SecretString::from(password)
    } else if server.refuse_foreign_role().await.is_err() {
        return Ok(StepOutcome {
            outcome: "there already".to_owned(),
            hints: vec![format!(
                "the role {role} was made elsewhere and is left as it is: linux-api db grant --role {role} \
                 gives it the rights of a daemon",
                role = daemon.role
            )],
        });
    } else {
        new_password()?
    };
    let url = format!("{}\n", daemon.url(password.expose_secret()));
    let kept = tree.write(path, url.as_bytes(), 0o600, Owner::ROOT)?;
    server.ask("postgres", CREATE_ROLE, Some(&password)).await?;
    let owner = tree.read(Path::new(URL_FILE), 4096)?.unwrap_or_default();
    let owner = String::from_utf8_lossy(&owner).trim().to_owned();
    let store = Store::open(Options::new(owner), Clock::system())
        .await
        .map_err(explain)?;
    let actor = Actor::local(0, "root".to_owned());
    let granted = store.grant(&actor, &daemon.role, RoleKind::Daemon).await;
    store.close().await;
    granted.map_err(explain)?;
    Ok(StepOutcome {
        outcome: match kept {
            Changed::Yes => "made".to_owned(),
            Changed::No => "there already".to_owned(),
        },
        hints: Vec::new(),
    })
}

/// Whether there is a server of this host that role and database can be made on.
pub(super) fn has_local_server() -> bool {
    account().is_ok()
}

/// Why role and database can't be made as things are; `kept` is the URL that is kept for the daemon.
/// Changes nothing.
pub(super) async fn refuses_local(
    local: &LocalDatabase,
    kept: Option<&SecretString>,
) -> Option<String> {
    // Other names can't stand in SQL as they are, and are refused anyway.
    if check_name(&local.role).is_err() || check_name(&local.name).is_err() {
        return None;
    }
    let look = async {
        let server = Server::find(local)?;
        server.wait(Duration::ZERO).await?;
        let is_known = kept.is_some_and(|url| local.password_in(url.expose_secret()).is_some());
        if is_known {
            return Ok(());
        }
        server.refuse_foreign_role().await
    };
    let refused: anyhow::Result<()> = look.await;
    refused.err().map(|error| format!("{error:#}"))
}

const NO_TIMESCALE: &str = "TimescaleDB is not installed on the server: everything works without \
     it; with it, long histories of many hosts take less space (see docs/postgresql.md)";

/// Letters and digits, so that it stands in a URL and in SQL as it is; 190 bits.
fn new_password() -> anyhow::Result<SecretString> {
    use rand::TryRng;
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut password = String::new();
    while password.len() < 32 {
        let mut bytes = [0_u8; 32];
        rand::rngs::SysRng
            .try_fill_bytes(&mut bytes)
            .context("generate random bytes")?;
        // Those beyond would make the first letters likelier.
        let even = bytes.iter().filter(|byte| **byte < 248);
        password.extend(even.map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
        password.truncate(32);
    }
    Ok(password.into())
}

/// User and group that a server of this host runs as.
fn account() -> anyhow::Result<(u32, u32)> {
    let accounts = std::fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
    let line = accounts
        .lines()
        .find_map(|line| line.strip_prefix("postgres:"))
        .context(
            "PostgreSQL is not installed here (there is no account postgres): set kind = \
             \"install\", or give the URL of a server elsewhere with kind = \"url\"",
        )?;
    let mut numbers = line.split(':').skip(1).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(uid)), Some(Ok(gid))) => Ok((uid, gid)),
        _ => bail!("/etc/passwd: the account postgres has no valid UID and GID"),
    }
}

/// The server of this host, as its own account over its socket.
struct Server<'a> {
    local: &'a LocalDatabase,
    account: (u32, u32),
}

impl<'a> Server<'a> {
    fn find(local: &'a LocalDatabase) -> anyhow::Result<Self> {
        let account = account()?;
        Ok(Self { local, account })
    }

    /// A server that was just installed may still be starting.
    async fn wait(&self, patience: Duration) -> anyhow::Result<()> {
        if !PSQL.iter().any(|path| Path::new(path).exists()) {
            bail!("psql is not installed: install the client of PostgreSQL and run setup again");
        }
        let give_up = tokio::time::Instant::now() + patience;
        loop {
            match self.ask("postgres", "select 1;", None).await {
                Ok(_) => return Ok(()),
                Err(error) if tokio::time::Instant::now() >= give_up => {
                    return Err(error).with_context(|| {
                        format!(
                            "the PostgreSQL server does not respond at {} port {}: start it \
                             (systemctl start postgresql), or answer another database.socket or \
                             database.port",
                            self.local.socket.display(),
                            self.local.port
                        )
                    });
                }
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }

    /// The password of an existing role is not known here.
    async fn refuse_foreign_role(&self) -> anyhow::Result<()> {
        let found = self.ask("postgres", ROLE_EXISTS, None).await?;
        if found.contains("taken") {
            bail!(
                "the server already has a role {role}, and its password is not known here: set \
                 another database.role, or give the URL of its database with kind = \"url\"",
                role = self.local.role
            );
        }
        Ok(())
    }

    async fn ask(
        &self,
        database: &str,
        sql: &str,
        password: Option<&SecretString>,
    ) -> anyhow::Result<String> {
        let local = self.local;
        let (socket, port) = (local.socket.to_string_lossy(), local.port.to_string());
        // On standard input: others can see arguments. Names and password are letters, digits, _.
        let password = password.map_or("", |password| password.expose_secret());
        let script = format!(
            "\\set role '{}'\n\\set name '{}'\n\\set password '{password}'\n{sql}",
            local.role, local.name
        );
        let call = Call {
            programs: PSQL,
            arguments: &[
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--set=ON_ERROR_STOP=1",
                "--host",
                &socket,
                "--port",
                &port,
                "--dbname",
                database,
                "--file=-",
            ],
            input: Some(&script),
            account: Some(self.account),
            ..Call::default()
        };
        call.run().await
    }
}

/// Sees that the database can be used by this program, and enables TimescaleDB where it may.
///
/// # Errors
/// Says what to do: when it can't be reached, refuses user or password, is too old, lets this role
/// make no schema, or holds the schema of a newer release.
pub async fn check(url: &SecretString) -> anyhow::Result<StepOutcome> {
    let mut options = Options::new(url.expose_secret());
    options.pool_size = 1;
    let store = Store::open(options, Clock::system())
        .await
        .map_err(explain)?;
    // A schema that is newer than this program is refused here already.
    store.schema_state().await.map_err(explain)?;
    let description = store.describe().await.map_err(explain)?;
    store.close().await;
    let mut step_outcome = StepOutcome {
        outcome: format!("PostgreSQL {}", description.version),
        hints: Vec::new(),
    };
    match description.timescaledb {
        Some(version) => {
            step_outcome.outcome = format!("{} with TimescaleDB {version}", step_outcome.outcome);
        }
        None => offer_timescale(url, &mut step_outcome).await?,
    }
    Ok(step_outcome)
}

/// Enables TimescaleDB where the server has it and the role may.
async fn offer_timescale(url: &SecretString, step_outcome: &mut StepOutcome) -> anyhow::Result<()> {
    const AVAILABLE: &str = "
        select exists (select from pg_available_extensions where name = 'timescaledb'),
            has_database_privilege(current_database(), 'create')
                or to_regnamespace('linux_api') is not null";
    let options = PgConnectOptions::from_str(url.expose_secret())
        .context("read the database's URL")?
        .disable_statement_logging();
    let mut connection = PgConnection::connect_with(&options)
        .await
        .map_err(|error| explain(error.into()))?;
    let (available, may_create): (bool, bool) = sqlx::query_as(AVAILABLE)
        .persistent(false)
        .fetch_one(&mut connection)
        .await
        .map_err(|error| explain(error.into()))?;
    if !may_create {
        bail!(
            "the database's role may not create the schema linux_api: as the database's owner, run \
             `grant create on database NAME to ROLE`"
        );
    }
    if !available {
        step_outcome.hints.push(NO_TIMESCALE.to_owned());
        return Ok(());
    }
    match sqlx::raw_sql(TIMESCALE_ENABLE)
        .execute(&mut connection)
        .await
    {
        Ok(_) => step_outcome.outcome += ", TimescaleDB enabled",
        Err(error) => step_outcome.hints.push(format!(
            "the server has TimescaleDB, but this role can't enable it ({error}): as a superuser, \
             run `create extension timescaledb` in the database"
        )),
    }
    Ok(())
}

/// Says what to do about what the database answered.
fn explain(error: StoreError) -> anyhow::Error {
    let code = match &error {
        StoreError::Query(cause) | StoreError::Unavailable(cause) => cause
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .map(std::borrow::Cow::into_owned),
        _ => None,
    };
    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    let advice = match (&error, code.as_deref()) {
        (_, Some("28P01" | "28000")) => {
            "the server rejects user or password: correct them in the URL. (A server that requires \
             `ident` instead of a password on 127.0.0.1 wants `scram-sha-256` in that line of its \
             pg_hba.conf.)"
        }
        (_, Some("3D000")) => {
            "there is no such database on the server: create it (createdb), or correct the URL"
        }
        (_, Some("53300")) => "the server has no connection left: raise its max_connections",
        (StoreError::Unusable(_), _) => {
            "use a newer server: packages of every version are at https://www.postgresql.org/download/"
        }
        (StoreError::Unavailable(_) | StoreError::DeadlineExceeded(_), _) => {
            "the server can't be reached: check that it runs, that the URL has the right host and \
             port, and that no firewall blocks it"
        }
        _ => "the database can't be used",
    };
    anyhow::Error::new(error).context(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_stand_for_themselves_in_urls_and_sql() {
        let (one, other) = (new_password().unwrap(), new_password().unwrap());
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(one.expose_secret().len(), 32);
        assert!(
            one.expose_secret()
                .bytes()
                .all(|it| it.is_ascii_alphanumeric())
        );
    }
}
