//! Putting the content of a backup in the place of a database's, in one step: readers see
//! the old content or the new.
//!
//! On SQLite a new file is filled beside the old one and renamed onto it, so that it also works
//! when the old one is damaged. On PostgreSQL all happens in one transaction on the tables
//! themselves, so that rights which others were given on them stay.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::audit::Entry;
use super::dump::{Table, quoted};
use super::lock::SoleUse;
use super::migrations::{Direction, SchemaError, newest_revision, revisions};
use super::new_file::{create_private_directory, create_private_file};
use super::roles::RoleKind;
use super::session::{Session, in_session};
use super::{Engine, Options, StoreError};
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::time::Clock;

/// Follows the database's name in that of a file which is being filled.
const NEW: &str = ".restore-";

/// A database whose content is about to be replaced, or one that only exists to try it.
pub(crate) struct Replacement {
    session: Session,
    place: RestoreTarget,
    /// Of users and keys, before; the next one must be larger, or daemons would not see it.
    auth_revision: i64,
    /// Where the old schema went, when it was not taken apart.
    kept: Option<String>,
    /// Roles that have rights on the tables, to be given those again.
    roles: Vec<(String, RoleKind)>,
}

enum RestoreTarget {
    /// A new file and the one that it will replace.
    File {
        new: NewFile,
        database: PathBuf,
        _sole: SoleUse,
    },
    /// The tables themselves.
    Tables,
    /// Goes away at the end.
    Scratch { _file: Option<NewFile> },
}

/// A file that is removed unless it was given its final name.
struct NewFile {
    path: PathBuf,
    keep: bool,
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_file(beside(&self.path, "-journal"));
        }
    }
}

/// What the audit log says of the replacement.
pub(crate) struct Note<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) target: String,
    pub(crate) detail: String,
    pub(crate) clock: &'a Clock,
}

impl Note<'_> {
    fn entry(&self) -> Entry<'_> {
        Entry {
            origin: &self.actor.origin,
            action: Action::DbRestore,
            target: self.target.clone(),
            detail: self.detail.clone(),
        }
    }
}

impl Replacement {
    /// Locks the database and looks at what it holds. Nothing is changed before
    /// [`Self::commit`].
    pub(crate) async fn begin(
        options: &Options,
        sole: Option<SoleUse>,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        let path = options.sqlite_path()?;
        if let (Some(database), Some(sole)) = (path, sole) {
            create_private_directory(&database)?;
            remove_abandoned(&database);
            let suffix = format!("{NEW}{}", uuid::Uuid::new_v4().simple());
            let (session, new) = new_file(beside(&database, &suffix)).await?;
            let place = RestoreTarget::File {
                new,
                database,
                _sole: sole,
            };
            return Ok(Self {
                session,
                place,
                auth_revision: 0,
                kept: None,
                roles: Vec::new(),
            });
        }
        let mut session = Session::alone_on_postgres(options).await?;
        session.refuse_beside_daemons(clock.now()).await?;
        session.keep_writers_out().await?;
        let roles = session.granted_roles().await?;
        Ok(Self {
            session,
            place: RestoreTarget::Tables,
            auth_revision: 0,
            kept: None,
            roles,
        })
    }

    /// A database that no one else sees: in a file at `path` on SQLite, else in a schema that is
    /// never committed.
    pub(crate) async fn scratch(options: &Options, path: PathBuf) -> Result<Self, StoreError> {
        let (session, file) = match options.engine()? {
            Engine::Sqlite => {
                let (session, file) = new_file(path).await?;
                (session, Some(file))
            }
            Engine::Postgres => (Session::scratch_on_postgres(options).await?, None),
        };
        Ok(Self {
            session,
            place: RestoreTarget::Scratch { _file: file },
            auth_revision: 0,
            kept: None,
            roles: Vec::new(),
        })
    }

    /// The newest revision of users and keys that daemons may have seen.
    pub(crate) fn go_on_after(&mut self, auth_revision: i64) {
        self.auth_revision = self.auth_revision.max(auth_revision);
    }

    /// Whether tables that are not cleared keep what they hold.
    pub(crate) fn leaves_other_tables(&self) -> bool {
        matches!(self.place, RestoreTarget::Tables)
    }

    /// Brings the schema to `revision`, and returns its tables.
    pub(crate) async fn prepare(
        &mut self,
        revision: i64,
        clock: &Clock,
    ) -> Result<Vec<Table>, StoreError> {
        let current = self.session.revision().await?;
        let engine = self.session.engine();
        let known = newest_revision(engine);
        let steps = |direction: Direction, first: i64, last: i64| -> Vec<(Direction, i64)> {
            let all = revisions(engine).into_iter();
            let chosen = all.filter(|one| (first..=last).contains(one));
            chosen.map(|one| (direction, one)).collect()
        };
        let steps: Vec<(Direction, i64)> = if current > known {
            // It can't be taken back step by step.
            let name = format!("linux_api_before_{}", clock.now().as_millis());
            self.session.set_schema_aside(&name).await?;
            self.kept = Some(format!("schema {name}"));
            steps(Direction::Up, 1, revision)
        } else if current > revision {
            let mut down = steps(Direction::Down, revision + 1, current);
            down.reverse();
            down
        } else {
            steps(Direction::Up, current + 1, revision)
        };
        for (direction, revision) in steps {
            let done = self.session.step(direction, revision).await;
            done.map_err(|message| SchemaError::Failed { revision, message })?;
        }
        self.session.tables().await
    }

    /// Empties these tables, also of what the migrations put there.
    pub(crate) async fn clear(&mut self, tables: &[Table]) -> Result<(), StoreError> {
        self.session.clear(tables).await
    }

    /// Where rows are written to and read back from.
    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// After the last row.
    pub(crate) async fn finish_loading(&mut self) -> Result<(), StoreError> {
        self.session.finish_loading().await
    }

    /// Puts the new content in place. `has_copy` says whether the old one was saved elsewhere; if not,
    /// it is kept beside it. Returns where.
    pub(crate) async fn commit(
        mut self,
        note: Note<'_>,
        has_copy: bool,
    ) -> Result<Option<String>, StoreError> {
        self.stamp(&note).await?;
        let kept = match self.place {
            RestoreTarget::Scratch { .. } => return Ok(None),
            RestoreTarget::Tables => {
                self.session.grant_again(&self.roles).await?;
                self.session.commit().await?;
                self.kept
            }
            RestoreTarget::File {
                mut new, database, ..
            } => {
                self.session.commit().await?;
                let kept = swap(&new.path, &database, has_copy, note.clock)?;
                new.keep = true;
                kept
            }
        };
        note.entry().log("done");
        Ok(kept)
    }

    /// What distinguishes the database from the backup.
    async fn stamp(&mut self, note: &Note<'_>) -> Result<(), StoreError> {
        const READ: &str =
            "select cast(value as bigint) from settings where name = 'auth_revision'";
        const WRITE: &str = "update settings set value = $1 where name = 'auth_revision'";
        let session = &mut self.session;
        let own: Option<(i64,)> = in_session!(session, |tx| tx
            .fetch_optional(sqlx::query_as(READ))
            .await?);
        let next = own.map_or(0, |(own,)| own).max(self.auth_revision) + 1;
        in_session!(session, |tx| tx
            .execute(sqlx::query(WRITE).bind(next.to_string()))
            .await?);
        // Of daemons that worked when the backup was made.
        if session.has_table("leases").await? {
            session.run("delete from leases".to_owned()).await?;
        }
        session.audit(note.clock.now(), &note.entry()).await
    }

    /// Takes everything back.
    pub(crate) async fn discard(self) -> Result<(), StoreError> {
        self.session.rollback().await
    }
}

impl Session {
    /// From here on others may read the tables and not write them.
    async fn keep_writers_out(&mut self) -> Result<(), StoreError> {
        let tables = self.tables().await?;
        if tables.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = tables.iter().map(|table| quoted(&table.name)).collect();
        let locked = self.run(format!(
            "set local lock_timeout = '10s'; lock table {} in exclusive mode; \
             set local lock_timeout = 0",
            names.join(", ")
        ));
        match locked.await {
            // SQLSTATE lock_not_available.
            Err(StoreError::Query(error)) if has_code(&error, "55P03") => Err(StoreError::InUse(
                "another program is writing to the database".to_owned(),
            )),
            locked => locked,
        }
    }

    /// Gives the schema another name and makes an empty one.
    async fn set_schema_aside(&mut self, name: &str) -> Result<(), StoreError> {
        self.run(format!(
            "alter schema linux_api rename to {}; create schema linux_api; \
             set local search_path = linux_api",
            quoted(name)
        ))
        .await
    }
}

async fn new_file(path: PathBuf) -> Result<(Session, NewFile), StoreError> {
    create_private_file(&path)?;
    let new = NewFile { path, keep: false };
    let session = Session::in_new_file(&new.path).await?;
    Ok((session, new))
}

/// Makes the new file the database. Whatever moment the program ends at, the database is the old
/// one or the new one.
fn swap(
    new: &Path,
    database: &Path,
    has_copy: bool,
    clock: &Clock,
) -> Result<Option<String>, StoreError> {
    let cannot = |error: std::io::Error| {
        StoreError::Unusable(format!(
            "can't put the new database at {}: {error}",
            database.display()
        ))
    };
    File::open(new)
        .and_then(|file| file.sync_all())
        .map_err(cannot)?;
    let log = beside(database, "-wal");
    if has_copy && fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::InUse(format!(
            "{} holds changes that are not yet in the database",
            log.display()
        )));
    }
    let mut kept = None;
    if !has_copy && database.exists() {
        let aside = beside(database, &format!(".before-{}", clock.now().as_millis()));
        fs::hard_link(database, &aside).map_err(cannot)?;
        kept = Some(aside);
    }
    // A log that is left belongs to a file that could not be opened. The new database must not
    // be changed by it.
    for suffix in ["-wal", "-shm", "-journal"] {
        let log = beside(database, suffix);
        let done = match &kept {
            Some(aside) => fs::rename(&log, beside(aside, suffix)),
            None => fs::remove_file(&log),
        };
        match done {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(cannot(error));
            }
            _ => {}
        }
    }
    fs::rename(new, database).map_err(cannot)?;
    if let Some(folder) = database.parent() {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(cannot)?;
    }
    Ok(kept.map(|path| path.display().to_string()))
}

/// Removes what a restore left that was killed. The database is locked, so none is at work.
fn remove_abandoned(database: &Path) {
    let (Some(folder), Some(name)) = (database.parent(), database.file_name()) else {
        return;
    };
    let start = format!("{}{NEW}", name.to_string_lossy());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&start) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn has_code(error: &sqlx::Error, code: &str) -> bool {
    let answer = error.as_database_error();
    answer.is_some_and(|answer| answer.code().as_deref() == Some(code))
}
