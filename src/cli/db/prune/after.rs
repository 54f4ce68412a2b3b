//! Deletes measurements of a time that has not come.

use std::process::ExitCode;

use anyhow::bail;

use crate::cli::db::context::DatabaseContext;
use crate::cli::{Context, confirm, output};
use linux_api_store::Store;
use linux_api_store::future::RowsAfter;
use linux_api_wire::audit::Action;
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::moment;

/// Shows what there is, and deletes it when that is confirmed.
pub(super) async fn delete(
    ctx: &Context,
    place: &DatabaseContext,
    after: Timestamp,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    let store = place.open().await?;
    let done = delete_from(ctx, place, &store, after, dry_run).await;
    store.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn delete_from(
    ctx: &Context,
    place: &DatabaseContext,
    store: &Store,
    after: Timestamp,
    dry_run: bool,
) -> anyhow::Result<()> {
    let found = store.count_after(after).await?;
    if found.is_empty() {
        return output::text(&format!("nothing begins after {} UTC", moment(after)));
    }
    let list = listed(&found);
    if dry_run {
        return output::text(&format!(
            "would delete what begins after {} UTC:\n{list}",
            moment(after)
        ));
    }
    output::note(&list);
    let rows: u64 = found.iter().map(|one| one.rows).sum();
    let question = format!(
        "Delete these {rows} measurements of all hosts that begin after {} UTC?",
        moment(after)
    );
    if !confirm::confirm(ctx, &question)? {
        bail!("nothing was deleted");
    }
    // Noted before it is gone: what can't be noted is not done.
    let target = format!("after:{after}");
    let outcome: Result<String, String> = Ok(format!("{rows} measurements"));
    place
        .audit(store, Action::DbPrune, &target, outcome)
        .await?;
    let mut deleted = 0;
    loop {
        let some = store.delete_after(after).await?;
        if some == 0 {
            break;
        }
        deleted += some;
    }
    output::text(&format!("deleted {deleted} measurements"))
}

/// A line per table.
fn listed(found: &[RowsAfter]) -> String {
    let lines: Vec<String> = found
        .iter()
        .map(|one| format!("{:>10}  {}", one.rows, one.table))
        .collect();
    lines.join("\n")
}
