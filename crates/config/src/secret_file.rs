//! Secrets kept in files of their own: `url_file` and its like, and systemd's credentials.

use std::io;
use std::path::{Path, PathBuf};

use super::database_url::DatabaseUrl;
use super::environment::Environment;
use super::error::Problem;
use super::load::Loader;
use super::origin::Origin;
use super::value::ConfigValue;

impl Loader {
    /// Replaces URLs by the content of the files that are named for them in the same or a higher
    /// layer.
    pub(super) fn read_secret_files(&mut self, environment: &Environment) {
        let file = self.config.database.url_file.take();
        let (url, file) = self.read_secret("database.url", file, environment);
        if let Some(url) = url {
            self.config.database.url = url;
        }
        self.config.database.url_file = file;
        let file = self.config.database.direct_url_file.take();
        let (url, file) = self.read_secret("database.direct_url", file, environment);
        if url.is_some() {
            self.config.database.direct_url = url;
        }
        self.config.database.direct_url_file = file;
        let file = self.config.database.admin_url_file.take();
        let (url, file) = self.read_secret("database.admin_url", file, environment);
        if url.is_some() {
            self.config.database.admin_url = url;
        }
        self.config.database.admin_url_file = file;
        let file = self.config.database.owner_url_file.take();
        let (url, file) = self.read_secret("database.owner_url", file, environment);
        if url.is_some() {
            self.config.database.owner_url = url;
        }
        self.config.database.owner_url_file = file;
    }

    /// The URL in the file that counts for `key`, and that file when the configuration names it.
    fn read_secret(
        &mut self,
        key: &str,
        file: Option<PathBuf>,
        environment: &Environment,
    ) -> (Option<DatabaseUrl>, Option<PathBuf>) {
        // `database_url`, `database_direct_url` and the like.
        let credential = environment
            .credentials_dir()
            .map(|folder| folder.join(key.replace('.', "_")))
            .filter(|path| !is_missing_or_blank(path));
        match self.choose(key, file) {
            Choice::File(path, origin) => {
                // Only root may read a file with a password in it, so systemd passes a copy on.
                let copy = credential.filter(|_| read(&path).is_err());
                let (source, origin) = match copy {
                    Some(copy) => (copy.clone(), Origin::SecretFile(copy)),
                    None => (path.clone(), origin),
                };
                (self.read_url(key, &source, &origin), Some(path))
            }
            Choice::Unset => {
                let url = credential.and_then(|path| {
                    let origin = Origin::SecretFile(path.clone());
                    self.read_url(key, &path, &origin)
                });
                (url, None)
            }
            Choice::Value => (None, None),
        }
    }

    /// Which of `key` and `key_file` counts: that of the higher layer.
    fn choose(&mut self, key: &str, file: Option<PathBuf>) -> Choice {
        let file_key = format!("{key}_file");
        let by_value = self.origins.of(key).clone();
        let Some(path) = file else {
            return if by_value == Origin::Default {
                Choice::Unset
            } else {
                Choice::Value
            };
        };
        let by_file = self.origins.of(&file_key).clone();
        if by_file.layer() == by_value.layer() {
            let message = format!("set either {key} or {file_key}, not both");
            self.problems
                .push(Problem::new(&by_file, &file_key, message));
            return Choice::Value;
        }
        if by_file.layer() > by_value.layer() {
            return Choice::File(path, by_file);
        }
        self.origins.set(&file_key, Origin::Default);
        Choice::Value
    }

    fn read_url(&mut self, key: &str, path: &Path, origin: &Origin) -> Option<DatabaseUrl> {
        let result = read(path).and_then(|text| DatabaseUrl::from_text(&text));
        self.origins.set(key, Origin::SecretFile(path.to_owned()));
        match result {
            Ok(url) => Some(url),
            Err(message) => {
                let message = match origin {
                    Origin::SecretFile(_) => message,
                    _ => format!("{}: {message}", path.display()),
                };
                self.problems
                    .push(Problem::new(origin, &format!("{key}_file"), message));
                None
            }
        }
    }
}

enum Choice {
    /// The option has a value of its own.
    Value,
    /// The value is in this file, which was named there.
    File(PathBuf, Origin),
    /// Neither is set.
    Unset,
}

/// The unit has a blank default for its credential, for those who need none.
fn is_missing_or_blank(path: &Path) -> bool {
    match linux_api_files::read_text(path) {
        Ok(text) => text.trim().is_empty(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// The content without the line break at its end.
fn read(path: &Path) -> Result<String, String> {
    let text = linux_api_files::read_text(path).map_err(|error: io::Error| error.to_string())?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
