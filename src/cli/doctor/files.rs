//! Whether files that hold secrets are closed to others, and the database's files have one owner.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::cli::remotes::FIRST_KEY_FILE;
use linux_api_config::LoadedConfig;

const CHECK: &str = "files";

/// A file or directory, and which rights others may not have on it.
struct Private {
    path: PathBuf,
    forbidden: u32,
    /// A directory whose files are listed, too.
    each: bool,
}

impl Private {
    fn of(path: PathBuf, forbidden: u32) -> Self {
        Self {
            path,
            forbidden,
            each: false,
        }
    }
}

pub(super) fn check(loaded: &LoadedConfig) -> Vec<Finding> {
    let config = &loaded.config;
    let database = linux_api_daemon::run::database::options(&config.database).sqlite_path();
    let database = database.ok().flatten();
    let mut watched = vec![Private {
        each: true,
        ..Private::of(config.backup.directory.clone(), 0o077)
    }];
    if let Some(path) = &database {
        watched.extend(with_companions(path).map(|path| Private::of(path, 0o077)));
        // Only a directory of the program's own: others may have any use for theirs.
        if path.parent() == Some(&loaded.data_dir) {
            watched.push(Private::of(loaded.data_dir.clone(), 0o077));
        }
    }
    let data = &loaded.data_dir;
    watched.push(Private::of(data.join(FIRST_KEY_FILE), 0o077));
    let secrets = [
        &config.database.url_file,
        &config.database.direct_url_file,
        &config.database.admin_url_file,
        &config.database.owner_url_file,
    ];
    let secrets = secrets.into_iter().flatten().chain(&config.server.tls_key);
    // A group of their own is usual for these.
    watched.extend(secrets.map(|path| Private::of(path.clone(), 0o007)));

    let mut findings: Vec<Finding> = watched.iter().flat_map(open_to_others).collect();
    if let Some(path) = &database {
        findings.extend(strangers(path));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            CHECK,
            "secrets are readable by their owner only",
        ));
    }
    findings
}

/// The database and the files that SQLite keeps beside it.
fn with_companions(path: &Path) -> impl Iterator<Item = PathBuf> {
    ["", "-wal", "-shm", "-journal"].into_iter().map(|ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    })
}

fn look(path: &Path) -> Option<Result<Metadata, io::Error>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        looked => Some(looked),
    }
}

fn open_to_others(watched: &Private) -> Vec<Finding> {
    let path = &watched.path;
    let mut findings = Vec::new();
    match look(path) {
        None => return findings,
        Some(Err(error)) => findings.push(Finding::fail(
            CHECK,
            format!("can't look at {}: {error}", path.display()),
            "run this as the account of the daemon, or as root",
        )),
        Some(Ok(about)) if about.mode() & watched.forbidden != 0 => {
            let mode = about.mode() & 0o7777;
            let safe = mode & !watched.forbidden;
            findings.push(Finding::fail(
                CHECK,
                format!("others may access {} (mode {mode:o})", path.display()),
                format!("chmod {safe:o} {}", path.display()),
            ));
        }
        Some(Ok(_)) => {}
    }
    if watched.each {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        findings
            .extend(entries.flat_map(|entry| open_to_others(&Private::of(entry.path(), 0o077))));
    }
    findings
}

/// Files of the database that belong to another account than the database itself: its daemon can't
/// write them.
fn strangers(database: &Path) -> Vec<Finding> {
    let Some(Ok(owner)) = look(database) else {
        return Vec::new();
    };
    let companions = with_companions(database).skip(1);
    let of_others = companions.filter_map(|path| {
        let about = look(&path)?.ok()?;
        (about.uid() != owner.uid()).then(|| {
            Finding::fail(
                CHECK,
                format!(
                    "{} belongs to uid {}, the database to uid {}",
                    path.display(),
                    about.uid(),
                    owner.uid()
                ),
                format!("chown {}:{} {}", owner.uid(), owner.gid(), path.display()),
            )
        })
    });
    of_others.collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn a_file_that_others_may_read_fails_with_the_command_that_closes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let private = || Private::of(path.clone(), 0o007);
        assert_eq!(open_to_others(&private()), []);
        fs::write(&path, "key").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(open_to_others(&private()), []);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let found = open_to_others(&private());
        assert_eq!(found[0].result, Verdict::Fail);
        let advice = found[0].advice.as_deref().unwrap();
        assert_eq!(advice, format!("chmod 640 {}", path.display()));
    }

    #[test]
    fn what_lies_in_the_backup_folder_is_looked_at_too() {
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("one");
        fs::create_dir(&backup).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        let watched = Private {
            each: true,
            ..Private::of(folder.path().to_owned(), 0o077)
        };
        fs::set_permissions(&backup, Permissions::from_mode(0o700)).unwrap();
        assert_eq!(open_to_others(&watched), []);
        fs::set_permissions(&backup, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(open_to_others(&watched).len(), 1);
    }

    #[test]
    fn a_companion_of_another_owner_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("linux-api.db");
        let wal = folder.path().join("linux-api.db-wal");
        fs::write(&path, "").unwrap();
        fs::write(&wal, "").unwrap();
        assert_eq!(strangers(&path), []);
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(65_534), Some(65_534)).unwrap();
            let found = strangers(&path);
            let advice = found[0].advice.as_deref().unwrap();
            assert_eq!(advice, format!("chown 65534:65534 {}", wal.display()));
        }
    }
}
