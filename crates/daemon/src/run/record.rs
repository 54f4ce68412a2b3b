//! What a daemon leaves for commands beside it: its process, its address, and how its last reload went.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use linux_api_files::write_whole;

/// The file, in the directory of the daemon's data.
const FILE: &str = "daemon.json";
/// The largest file that is read.
const SIZE_MAX: u64 = 64 << 10;
/// How long a disk may take to keep the record; what waits for it gets an older one.
const WRITING_MAX: Duration = Duration::from_secs(5);

/// What is known of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its process.
    pub pid: i32,
    /// Where it listens, `http://127.0.0.1:8080`; absent when only on a Unix socket.
    pub url: Option<String>,
    /// How often it has read its configuration again.
    pub generation: u64,
    /// Why the last attempt was refused.
    pub refused: Option<String>,
    /// Options that changed and wait for a restart.
    pub waiting: Vec<String>,
}

impl Record {
    /// Of a daemon that has just started.
    pub(super) fn new(url: Option<String>) -> Self {
        Self {
            pid: rustix::process::getpid().as_raw_nonzero().get(),
            url,
            generation: 0,
            refused: None,
            waiting: Vec::new(),
        }
    }

    /// Keeps it for others; one that can't be kept is no reason to stop.
    pub(super) async fn keep(&self, folder: &Path) {
        let (path, record) = (path(folder), self.clone());
        let write = tokio::task::spawn_blocking(move || {
            let text = serde_json::to_string(&record).map_err(io::Error::other)?;
            write_whole(&path, &format!("{text}\n"))
        });
        match tokio::time::timeout(WRITING_MAX, write).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(
                %error,
                "could not write {FILE}, which linux-api reload and status read"
            ),
            Ok(Err(_)) | Err(_) => tracing::warn!("could not write {FILE} in time"),
        }
    }

    /// What the daemon of this directory left; `None` when there is nothing that can be read.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        let path = path(folder);
        let about = std::fs::metadata(&path).ok()?;
        if about.len() > SIZE_MAX {
            return None;
        }
        serde_json::from_str(&linux_api_files::read_text(&path).ok()?).ok()
    }

    /// Removes it as the daemon ends, unless another one has put its own there.
    pub(super) fn forget(&self, folder: &Path) {
        if Self::read(folder).is_some_and(|left| left.pid == self.pid) {
            // A leftover names a process that has ended, which is noticed.
            let _ = std::fs::remove_file(path(folder));
        }
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}
