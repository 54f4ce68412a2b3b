//! What a command did, said for one daemon and for many.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::rows::{Column, Listing};
use crate::cli::{Context, output};

/// What a command did.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    json: Value,
    /// In a line.
    #[serde(skip)]
    line: String,
    /// A key that was made, shown only this once, and what it is called.
    #[serde(skip)]
    key: Option<(&'static str, String)>,
}

impl Report {
    /// Something that holds now, or held already.
    pub(super) fn change(user: &str, state: &str, changed: bool) -> Self {
        let when = if changed { "now" } else { "already" };
        Self {
            json: json!({"username": user, "state": state, "changed": changed}),
            line: format!("{user} is {when} {state}"),
            key: None,
        }
    }

    /// Something that was done.
    pub(super) fn done(json: Value, line: String) -> Self {
        Self {
            json,
            line,
            key: None,
        }
    }

    /// A key was made.
    pub(super) fn made(
        what: &impl Serialize,
        line: String,
        key: (&'static str, String),
    ) -> anyhow::Result<Self> {
        Ok(Self {
            json: serde_json::to_value(what)?,
            line,
            key: Some(key),
        })
    }

    /// Prints it, for the only daemon.
    pub(super) fn print(&self, ctx: &Context) -> anyhow::Result<()> {
        output::document(ctx, self, || match &self.key {
            Some((title, key)) => format!("{}\n\n{title}, shown only once:\n\n{key}\n", self.line),
            None => self.line.clone(),
        })
    }
}

/// How reports of many daemons are listed.
pub(super) fn reports(makes_keys: bool) -> Listing<Report> {
    let mut columns = vec![Column::text("RESULT", |report: &Report| {
        report.line.as_str().into()
    })];
    if makes_keys {
        columns.push(Column::text("KEY (SHOWN ONLY ONCE)", |report: &Report| {
            let key = report.key.as_ref();
            key.map(|(_, key)| key.clone()).unwrap_or_default().into()
        }));
    }
    Listing {
        columns,
        name: |_| String::new(),
        empty: String::new(),
    }
}
