//! A private PostgreSQL with TimescaleDB for one test process.
//!
//! Include it beside `postgres.rs` and `left_out.rs`, which records each test that goes without it.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::OnceLock;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::support::left_out;
use crate::support::postgres::{
    Account, free_port, initialise, private_folder, programs, run, watch,
};

struct Server {
    port: u16,
    _watchdog: Child,
}

/// The URL of a new, empty database on a server that offers TimescaleDB; nothing where it is not
/// installed.
pub(crate) async fn fresh_database() -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let Some(server) = SERVER.get_or_init(start) else {
        left_out::for_want_of("TimescaleDB", "docs/postgresql.md");
        return None;
    };
    let port = server.port;
    let server = format!("postgres://postgres@127.0.0.1:{port}");
    let name = format!("linux_api_test_{}", Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&format!("{server}/postgres"))
        .await
        .expect("the server answers");
    // Others may be making one of the same template.
    let sql = format!("create database {name} template template0");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .expect("a new database");
    Some(format!("{server}/{name}"))
}

/// Whether the server's directory of libraries has the extension's.
fn is_installed(programs: &Path) -> bool {
    let output = Command::new(programs.join("pg_config"))
        .arg("--pkglibdir")
        .output();
    let folder = output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    folder.is_some_and(|folder| Path::new(folder.trim()).join("timescaledb.so").exists())
}

fn start() -> Option<Server> {
    let programs = programs().filter(|programs| is_installed(programs))?;
    let account = Account::unprivileged();
    let folder = private_folder(account.as_ref());
    let server = Server {
        port: free_port(),
        _watchdog: watch(&folder),
    };
    initialise(account.as_ref(), &folder, &programs);
    // Jobs are run by the tests, when they want them.
    let options = format!(
        "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c fsync=off \
         -c max_connections=100 -c shared_buffers=64MB -c shared_preload_libraries=timescaledb \
         -c timescaledb.telemetry_level=off -c timescaledb.max_background_workers=0",
        server.port,
        folder.display()
    );
    let (data, log) = (folder.join("data"), folder.join("log"));
    let path = |path: &Path| path.to_str().expect("a readable name").to_owned();
    let arguments = [
        "start",
        "-D",
        &path(&data),
        "-w",
        "-t",
        "60",
        "-l",
        &path(&log),
        "-o",
        &options,
    ];
    run(
        account.as_ref(),
        &folder,
        &programs.join("pg_ctl"),
        &arguments,
    )
    .unwrap_or_else(|output| panic!("PostgreSQL with TimescaleDB does not start:\n{output}"));
    Some(server)
}
