//! A database of a fleet: it belongs to one role of the server, admins have another, daemons a third.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use crate::support::postgres;

/// Owns the schema, and is no superuser.
const OWNER: &str = "linux_api_owner";
/// The role of daemons. The test's pooler knows it.
pub(crate) const DAEMON: &str = "linux_api_daemon";
/// The role that changes users.
pub(crate) const ADMIN: &str = "linux_api_admin";

/// URLs of one empty database, by role.
pub(crate) struct Accounts {
    /// For what only the test may do.
    pub(crate) superuser: String,
    pub(crate) owner: String,
    pub(crate) admin: String,
    pub(crate) daemon: String,
}

impl Accounts {
    /// A new database, and the roles, which all databases of the server share.
    pub(crate) async fn new() -> Self {
        Self::on(postgres::fresh_database()).await
    }

    /// The same of an empty database that the test made.
    pub(crate) async fn on(superuser: String) -> Self {
        let mut connection = PgConnection::connect(&superuser).await.unwrap();
        for role in [OWNER, DAEMON, ADMIN] {
            // Another test may make it at the same moment.
            let sql = format!(
                "do $$ begin create role {role} login; \
                 exception when duplicate_object or unique_violation then null; end $$"
            );
            execute(&mut connection, &sql).await.unwrap();
        }
        let name = superuser.rsplit('/').next().unwrap().to_owned();
        let sql = format!("alter database {name} owner to {OWNER}");
        execute(&mut connection, &sql).await.unwrap();
        Self {
            owner: with_role(&superuser, OWNER),
            admin: with_role(&superuser, ADMIN),
            daemon: with_role(&superuser, DAEMON),
            superuser,
        }
    }
}

/// `url` with another user.
pub(crate) fn with_role(url: &str, role: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    format!("{scheme}://{role}@{place}")
}

/// Runs statements.
pub(crate) async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    query.execute(connection).await.map(drop)
}
