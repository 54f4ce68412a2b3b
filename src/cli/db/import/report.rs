//! What an import did, or would do.

use serde::Serialize;

use super::super::context::DatabaseContext;
use crate::cli::Context;
use crate::cli::rows::{Cell, Column, Listing, Tone};
use linux_api_legacy::import::{Fate, KeyFate, MeasurementsReport, Plan, PlannedUser};

/// What an import did, or would do.
#[derive(Serialize)]
pub(super) struct Report {
    dry_run: bool,
    /// The database that is imported into, without a password.
    database: String,
    users: Vec<ReportedUser>,
    pub(super) measurements: Option<MeasurementsReport>,
}

#[derive(Serialize)]
struct ReportedUser {
    from: &'static str,
    name: String,
    role: &'static str,
    active: bool,
    /// `add`, `rename`, `merge`, `keep`, `gone` or `conflict`.
    fate: &'static str,
    /// Its name here.
    becomes: Option<String>,
    /// `add`, `add_revoked`, `keep` or `none`.
    key: &'static str,
    notes: Vec<String>,
}

impl From<&PlannedUser> for ReportedUser {
    fn from(user: &PlannedUser) -> Self {
        let mut notes = user.notes.clone();
        let (fate, becomes) = match &user.fate {
            Fate::Add => ("add", Some(user.name.clone())),
            Fate::Rename => ("rename", Some(user.name.clone())),
            Fate::Merge => ("merge", Some(user.name.clone())),
            Fate::Keep => ("keep", Some(user.name.clone())),
            Fate::Gone => {
                notes.push("was imported before and deleted here since".to_owned());
                ("gone", None)
            }
            Fate::Conflict(whose) => {
                notes.push(format!("{} is the name of {whose}", user.name));
                ("conflict", None)
            }
        };
        Self {
            from: user.source.origin.as_str(),
            name: user.source.name.clone(),
            role: user.source.role.as_str(),
            active: user.source.active,
            fate,
            becomes,
            key: match user.key_fate {
                KeyFate::Add => "add",
                KeyFate::AddRevoked => "add_revoked",
                KeyFate::Keep => "keep",
                KeyFate::None => "none",
            },
            notes,
        }
    }
}

impl ReportedUser {
    /// What becomes of it.
    fn fate(&self) -> Cell {
        match self.fate {
            "add" => "added".into(),
            "rename" => "renamed".into(),
            "merge" => "merged".into(),
            "keep" => "known".into(),
            "gone" => "left out".into(),
            _ => Cell::new("CONFLICT", Tone::Bad),
        }
    }

    /// What becomes of its key.
    fn key(&self) -> Cell {
        match self.key {
            "add" => "added".into(),
            "add_revoked" => "added, revoked".into(),
            "keep" => "known".into(),
            _ => "-".into(),
        }
    }
}

fn listing() -> Listing<ReportedUser> {
    Listing {
        columns: vec![
            Column::text("FROM", |user: &ReportedUser| user.from.into()),
            Column::text("NAME", |user| user.name.as_str().into()),
            Column::text("ROLE", |user| user.role.into()),
            Column::text("ACTIVE", |user| {
                if user.active { "yes" } else { "no" }.into()
            }),
            Column::text("USER", ReportedUser::fate),
            Column::text("BECOMES", |user| {
                user.becomes.as_deref().unwrap_or("-").into()
            }),
            Column::text("KEY", ReportedUser::key),
            // Whole, also where it is long: this is what has to be decided.
            Column::text("NOTE", |user| user.notes.join("; ").into()),
        ],
        name: |user| user.name.clone(),
        empty: String::new(),
    }
}

impl Report {
    pub(super) fn new(place: &DatabaseContext, plan: &Plan, dry_run: bool) -> Self {
        Self {
            dry_run,
            database: place.loaded.config.database.url.to_string(),
            users: plan.users.iter().map(ReportedUser::from).collect(),
            measurements: None,
        }
    }

    /// The names that are taken.
    pub(super) fn conflicts(&self) -> String {
        let users = self.users.iter().filter(|user| user.fate == "conflict");
        let names: Vec<String> = users
            .map(|user| format!("{} ({})", user.name, user.from))
            .collect();
        names.join(", ")
    }

    pub(super) fn in_words(&self, ctx: &Context) -> String {
        let mut text = listing().in_words(ctx, &self.users);
        if let Some(done) = &self.measurements {
            text.push('\n');
            text.push_str(&in_words(done));
        }
        if self.dry_run {
            text.push_str("\nThis was a dry run: nothing was written.\n");
        }
        text
    }
}

fn in_words(done: &MeasurementsReport) -> String {
    let mut lines = vec![format!(
        "measurements: {} rows of requests ({} requests) and {} of statuses, as {} minutes, {} hours \
         and {} days",
        done.route_rows, done.requests, done.status_rows, done.minutes, done.hours, done.days
    )];
    if done.unmatched_requests > 0 {
        lines.push(format!(
            "{} of these requests were to paths without a route: they share <unmatched>",
            done.unmatched_requests
        ));
    }
    if done.incomplete_rows > 0 {
        lines.push(format!(
            "{} rows lack a figure and were left out",
            done.incomplete_rows
        ));
    }
    if done.unexplained_requests > 0 {
        lines.push(format!(
            "in {} minutes the old totals count {} requests more than all routes together: these \
             can't be shown",
            done.unexplained_minutes, done.unexplained_requests
        ));
    }
    lines.join("\n") + "\n"
}
