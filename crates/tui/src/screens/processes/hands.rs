//! What keys do with the chosen process, or with all that are tagged.

use super::state::{ProcessId, ProcessesState};
use super::{FOLD, FOLD_ALL, ProcessesScreen, UNFOLD, acts};
use crate::app::App;
use crate::keymap::KeyAction;
use crate::screen::Screen;
use crate::table::AnyTable;
use linux_api_wire::api::processes::Process;

/// The chosen process.
pub(super) fn chosen(app: &App) -> Option<&Process> {
    let (list, rows) = app.process_list()?;
    let place = app.screens.processes.table.position()?;
    Some(&rows.items[list.rows.get(place)?.index])
}

/// Acts on the tagged processes, or on the chosen one where none is tagged.
pub(super) fn act_on_chosen(app: &mut App, action: KeyAction) {
    let tags = app.screens.processes.table.tags();
    if tags.is_empty() {
        let chosen = chosen(app).map(acts::reference);
        acts::act(app, action, chosen.into_iter().collect());
        return;
    }
    let items = app
        .process_list()
        .map_or(&[][..], |(_, rows)| rows.items.as_slice());
    let tagged: Vec<_> = items
        .iter()
        .filter(|process| tags.iter().any(|tag| *tag == *process))
        .map(acts::reference)
        .collect();
    if tagged.len() < tags.len() {
        let missing = tags.len() - tagged.len();
        app.complain(format!(
            "not in this list: {missing} of those tagged; end the filter, or tag again (U tags none)"
        ));
        return;
    }
    acts::act(app, action, tagged);
}

/// Follows the chosen process, or does not any more.
pub(super) fn follow(app: &mut App) {
    let followed = chosen(app).map(|process| (ProcessId::from(process), process.name.clone()));
    let state = &mut app.screens.processes;
    if state.table.is_followed {
        state.table.is_followed = false;
        state.followed = None;
        app.say("no process is followed any more");
        return;
    }
    state.table.is_followed = followed.is_some();
    state.followed = followed;
}

/// Folds and unfolds parts of the tree.
pub(super) fn fold(app: &mut App, action: KeyAction) {
    let list = app.process_list();
    let parents: Vec<ProcessId> =
        list.map_or_else(Vec::new, |(list, rows)| list.parents(&rows.items).collect());
    let state = &mut app.screens.processes;
    if action == FOLD_ALL {
        state.fold_all(parents.into_iter());
        return;
    }
    let Some(chosen) = state.table.selected.clone() else {
        return;
    };
    let is_folded = state.folded.contains(&chosen);
    if !is_folded && !parents.contains(&chosen) {
        app.say(format!("process {} has no children here", chosen.pid));
        return;
    }
    match action {
        FOLD => state.fold(chosen, true),
        UNFOLD if !is_folded => app.say("nothing is folded there"),
        UNFOLD => state.fold(chosen, false),
        _ => state.fold(chosen, !is_folded),
    }
}

/// Narrows what is shown to the processes of the chosen one's user, whatever is filtered by already.
pub(super) fn filter_by_user(app: &mut App) {
    let user = |process: &Process| {
        let uid = || process.uid.map(|uid| uid.to_string());
        process.user.clone().or_else(uid)
    };
    let Some(user) = chosen(app).and_then(user) else {
        return;
    };
    let quoted = user.replace('\\', "\\\\").replace('"', "\\\"");
    let added = format!("user = \"{quoted}\"");
    let narrowed = app.screens.processes.narrowed(&added);
    if let Some(problem) = ProcessesState::problem(&narrowed) {
        app.complain(problem);
        return;
    }
    app.screens.processes.inverted = false;
    ProcessesScreen.set_filter(app, &narrowed);
}
