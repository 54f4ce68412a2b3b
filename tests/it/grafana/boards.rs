//! The boards as they are in the repository.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The directory of what is for Grafana.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/grafana")
}

pub(crate) struct Board {
    /// The name of its file, without the ending.
    pub(crate) name: String,
    pub(crate) json: Value,
}

/// A query of a panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// Board, panel and letter, for messages.
    pub(crate) place: String,
    pub(crate) panel: String,
    pub(crate) kind: String,
    pub(crate) text: String,
    /// The columns that the panel gives titles, in a table.
    pub(crate) columns: Vec<String>,
}

/// All boards, by the names of their files.
pub(crate) fn all() -> Vec<Board> {
    let mut boards: Vec<Board> = fs::read_dir(directory().join("boards"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            Board {
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                json: serde_json::from_str(&text).unwrap(),
            }
        })
        .collect();
    boards.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(boards.len(), 8);
    boards
}

impl Board {
    /// Panels that show something; headings are none.
    pub(crate) fn panels(&self) -> Vec<&Value> {
        let panels = self.json["panels"].as_array().unwrap();
        panels.iter().filter(|it| it["type"] != "row").collect()
    }

    /// Of all panels; `member` holds the text of a query.
    pub(crate) fn queries(&self, member: &str) -> Vec<Query> {
        let mut queries = Vec::new();
        for panel in self.panels() {
            let title = panel["title"].as_str().unwrap();
            let organize = panel["transformations"].as_array().unwrap().last();
            let columns = organize
                .and_then(|it| it["options"]["renameByName"].as_object())
                .map(|titles| titles.keys().cloned().collect());
            for target in panel["targets"].as_array().unwrap() {
                let letter = target["refId"].as_str().unwrap();
                queries.push(Query {
                    place: format!("{}: {title}: {letter}", self.name),
                    panel: title.to_owned(),
                    kind: panel["type"].as_str().unwrap().to_owned(),
                    text: target[member].as_str().unwrap().to_owned(),
                    columns: columns.clone().unwrap_or_default(),
                });
            }
        }
        assert!(!queries.is_empty());
        queries
    }
}
