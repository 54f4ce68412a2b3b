//! The file that keeps what could not be stored, in the state directory.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use linux_api_alerts::brake::Brake;

use super::keeper::{Keeper, SpoolContent};

/// More than as many states and notices take as there may be.
const BYTES_MAX: u64 = 256 << 20;
const NAME: &str = "alerts-spool.json";

/// The file, or none without a state directory: then what is not stored is lost with the process.
#[derive(Debug, Default)]
pub(super) struct Spool {
    path: Option<PathBuf>,
    is_there: bool,
}

impl Spool {
    /// The file in a directory, and what an earlier start left in it.
    pub(super) fn open(folder: Option<&Path>) -> (Self, Option<SpoolContent>) {
        let path = folder.map(|folder| folder.join(NAME));
        let content = path.as_deref().and_then(read);
        let is_there = content.is_some();
        (Self { path, is_there }, content)
    }

    /// Writes what would be lost if the daemon ended now and the database stayed away; `false` when that failed.
    pub(super) fn write(&mut self, keeper: &Keeper, brake: &Brake) -> bool {
        let Some(path) = &self.path else { return true };
        let text = serde_json::to_string(&keeper.to_spool(brake));
        let written = text
            .map_err(std::io::Error::other)
            .and_then(|text| linux_api_files::write_whole(path, &text));
        match written {
            Ok(()) => {
                self.is_there = true;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "can't keep alerts beside the database");
                false
            }
        }
    }

    pub(super) fn remove(&mut self) {
        if let Some(path) = self.path.as_deref().filter(|_| self.is_there)
            && std::fs::remove_file(path).is_ok()
        {
            self.is_there = false;
        }
    }
}

fn read(path: &Path) -> Option<SpoolContent> {
    let bytes = match linux_api_files::read(path, BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "can't read what waited for the database");
            return None;
        }
    };
    let content = serde_json::from_slice(&bytes);
    content
        .inspect_err(|error| {
            tracing::warn!(%error, path = %path.display(), "can't use what waited for the database");
        })
        .ok()
}
