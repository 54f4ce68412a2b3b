//! How a database compares with the migrations inside this program, and running one.

use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};

use super::embedded::migrator;
use super::{SchemaError, SchemaState};
use crate::Engine;
use crate::session::{Open, Session};
use linux_api_wire::audit::Action;

const TABLE: &str = "_sqlx_migrations";

/// Newest schema revision that this program knows.
pub(crate) fn newest_revision(engine: Engine) -> i64 {
    let versions = migrator(engine).iter().map(|one| one.version);
    versions.max().unwrap_or(0)
}

/// All revisions of an engine, in order.
pub(crate) fn revisions(engine: Engine) -> Vec<i64> {
    let ups = migrator(engine).iter().filter(|one| is(one, Direction::Up));
    ups.map(|one| one.version).collect()
}

/// Which pending revisions lead to the target.
pub(super) fn upward(state: &SchemaState, target: Option<i64>) -> Result<Vec<i64>, SchemaError> {
    let Some(target) = target else {
        return Ok(state.pending.clone());
    };
    let why = if !(1..=state.known).contains(&target) {
        format!("this program knows 1 to {}", state.known)
    } else if target < state.current {
        format!(
            "the database has {} already; go back with: linux-api db rollback --to {target}",
            state.current
        )
    } else {
        let pending = state.pending.iter().copied();
        return Ok(pending.filter(|revision| *revision <= target).collect());
    };
    Err(SchemaError::NoSuchRevision { asked: target, why })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

impl Direction {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    pub(super) const fn action(self) -> Action {
        match self {
            Self::Up => Action::DbMigrate,
            Self::Down => Action::DbRollback,
        }
    }
}

pub(super) fn is(migration: &Migration, direction: Direction) -> bool {
    match direction {
        Direction::Up => migration.migration_type.is_up_migration(),
        Direction::Down => matches!(migration.migration_type, MigrationType::ReversibleDown),
    }
}

fn find(migrator: &'static Migrator, revision: i64, way: Direction) -> Option<&'static Migration> {
    migrator
        .iter()
        .find(|migration| migration.version == revision && is(migration, way))
}

pub(super) fn compare(
    migrator: &'static Migrator,
    applied: &[(i64, Vec<u8>)],
    min_compatible: i64,
) -> Result<SchemaState, SchemaError> {
    let ups: Vec<&Migration> = migrator
        .iter()
        .filter(|one| is(one, Direction::Up))
        .collect();
    let known = ups.iter().map(|one| one.version).max().unwrap_or(0);
    let current = applied
        .iter()
        .map(|(version, _)| *version)
        .max()
        .unwrap_or(0);
    if current > known && min_compatible > known {
        return Err(SchemaError::TooNew {
            found: current,
            known,
            min_compatible,
        });
    }
    for (version, checksum) in applied {
        let Some(own) = ups.iter().find(|one| one.version == *version) else {
            continue;
        };
        if own.checksum.as_ref() != checksum.as_slice() {
            return Err(SchemaError::Altered(*version));
        }
    }
    let pending = if current > known {
        Vec::new()
    } else {
        let is_applied = |version| applied.iter().any(|(one, _)| *one == version);
        ups.iter()
            .map(|one| one.version)
            .filter(|version| !is_applied(*version))
            .collect()
    };
    Ok(SchemaState {
        current,
        known,
        pending,
    })
}

impl Session {
    /// Applies one migration or takes it back.
    pub(crate) async fn step(&mut self, way: Direction, revision: i64) -> Result<(), String> {
        let migration = find(migrator(self.engine()), revision, way)
            .ok_or_else(|| "this program has no such migration".to_owned())?;
        let done = match &mut self.open {
            Open::Sqlite(transaction) => step(&mut **transaction, way, migration).await,
            Open::Postgres(transaction) => step(&mut **transaction, way, migration).await,
        };
        done.map_err(|error| error.to_string())
    }
}

async fn step<C: Migrate>(
    connection: &mut C,
    way: Direction,
    migration: &Migration,
) -> Result<(), sqlx::migrate::MigrateError> {
    connection.ensure_migrations_table(TABLE).await?;
    match way {
        Direction::Up => connection.apply(TABLE, migration).await?,
        Direction::Down => connection.revert(TABLE, migration).await?,
    };
    Ok(())
}
