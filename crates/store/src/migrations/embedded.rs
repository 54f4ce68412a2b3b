//! The migrations inside this program, one list per engine, as sqlx's own runner would read them from
//! `migrations/`: what is stored of each in `_sqlx_migrations` may never change.

use std::sync::LazyLock;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::Engine;

/// Every migration of one engine. Listed rather than found by `sqlx::migrate!`, whose crate builds
/// SQLite a second time for the macro alone.
macro_rules! embed {
    ($engine:literal: $($version:literal $name:literal),+ $(,)?) => {
        LazyLock::new(|| {
            Migrator::with_migrations(vec![$(
                reversible(
                    $version,
                    $name,
                    MigrationType::ReversibleUp,
                    text!($engine, $name, "up"),
                ),
                reversible(
                    $version,
                    $name,
                    MigrationType::ReversibleDown,
                    text!($engine, $name, "down"),
                ),
            )+])
        })
    };
}

macro_rules! text {
    ($engine:literal, $name:literal, $way:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../migrations/",
            $engine,
            "/",
            $name,
            ".",
            $way,
            ".sql"
        ))
    };
}

static SQLITE: LazyLock<Migrator> = embed! { "sqlite":
    1 "0001_core",
    2 "0002_metrics",
    3 "0003_import",
    4 "0004_rare_statuses",
    5 "0005_totals",
    6 "0006_packed_history",
    7 "0007_merged_statistics",
    8 "0008_hosts_of_users",
    9 "0009_host_facts",
    10 "0010_operators",
    11 "0011_alerts",
};

static POSTGRES: LazyLock<Migrator> = embed! { "postgres":
    1 "0001_core",
    2 "0002_metrics",
    3 "0003_import",
    4 "0004_rare_statuses",
    5 "0005_totals",
    6 "0006_packed_history",
    7 "0007_merged_statistics",
    8 "0008_hosts_of_users",
    9 "0009_host_facts",
    10 "0010_operators",
    11 "0011_alerts",
};

/// All migrations of an engine, up and down, in order.
pub(super) fn migrator(engine: Engine) -> &'static Migrator {
    match engine {
        Engine::Sqlite => &SQLITE,
        Engine::Postgres => &POSTGRES,
    }
}

/// One direction of a migration; sqlx computes the SHA-384 checksum of its text.
fn reversible(
    version: i64,
    name: &'static str,
    direction: MigrationType,
    sql: &'static str,
) -> Migration {
    let description = name.split_once('_').map_or(name, |(_, rest)| rest);
    let description = description.replace('_', " ");
    Migration::new(
        version,
        description.into(),
        direction,
        sql.into_sql_str(),
        false,
    )
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use sqlx::migrate::Migrator;

    use super::migrator;
    use crate::Engine;

    /// What version 0.1.0 left in `_sqlx_migrations`: version, description and checksum.
    const RECORDED: [(Engine, &str); 2] = [
        (
            Engine::Sqlite,
            include_str!("../../../../tests/fixtures/migrations/sqlite.txt"),
        ),
        (
            Engine::Postgres,
            include_str!("../../../../tests/fixtures/migrations/postgres.txt"),
        ),
    ];

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Databases that were made by an earlier program hold these rows; a difference locks them out.
    #[test]
    fn what_earlier_programs_stored_of_each_migration_still_fits() {
        for (engine, recorded) in RECORDED {
            let ups = migrator(engine)
                .iter()
                .filter(|one| one.migration_type.is_up_migration());
            let known: Vec<String> = ups
                .map(|one| format!("{}|{}|{}", one.version, one.description, hex(&one.checksum)))
                .collect();
            let recorded: Vec<&str> = recorded.lines().collect();
            assert!(recorded.len() >= 5, "{engine:?}: nothing was recorded");
            assert!(known.len() >= recorded.len(), "{engine:?}: {known:?}");
            for (known, recorded) in known.iter().zip(recorded) {
                assert_eq!(known, recorded, "{engine:?}");
            }
        }
    }

    /// Every file is listed, and read as sqlx's own runner reads it.
    #[tokio::test]
    async fn every_file_is_listed_as_sqlx_reads_it() {
        for (engine, name) in [(Engine::Sqlite, "sqlite"), (Engine::Postgres, "postgres")] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../migrations")
                .join(name);
            let files = Migrator::new(folder).await.unwrap();
            let listed = migrator(engine);
            assert_eq!(listed.table_name, files.table_name);
            assert_eq!(listed.iter().len(), files.iter().len(), "{engine:?}");
            for (listed, file) in listed.iter().zip(files.iter()) {
                assert_eq!(listed.version, file.version);
                assert_eq!(listed.migration_type, file.migration_type);
                assert_eq!(listed.description, file.description);
                assert_eq!(listed.sql.as_str(), file.sql.as_str());
                assert_eq!(listed.checksum, file.checksum);
                assert_eq!(listed.no_tx, file.no_tx);
            }
        }
    }
}
