//! Dashboards for Grafana, of what `/metrics` exposes and of what is in PostgreSQL.
//!
//! A board is a list of panels in one of the files below; [`model`] arranges and writes them. `tests/it/grafana`
//! runs every query of what is written here.

mod model;
mod postgres;
mod prometheus;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::{Board, Source};

/// Where the boards are, from the root of the repository.
pub(crate) const DIRECTORY: &str = "packaging/grafana/boards";

/// Each board by its path in the repository.
pub(crate) fn files() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for board in prometheus::boards().iter().chain(&postgres::boards()) {
        let path = Path::new(DIRECTORY).join(format!("{}.json", board.file()));
        files.insert(path, board.json()?);
    }
    Ok(files)
}

impl Board {
    /// The name of its file without the ending, which is its id in Grafana too.
    fn file(&self) -> String {
        let source = match self.source {
            Source::Prometheus => "prometheus",
            Source::Postgres => "postgresql",
        };
        format!("{}-{source}", self.name)
    }
}
