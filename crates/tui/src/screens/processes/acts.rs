//! Signals and nice values, from the table and from the page of a process. What is acted on is the process that
//! was on the row when the key was pressed, by when it started.

use crate::app::App;
use crate::change::{Change, ProcessRef};
use crate::keymap::KeyAction;
use crate::keymap::action::actions;
use crate::popups::Popup;
use linux_api_wire::api::acts::ProcessIdentity;
use linux_api_wire::api::processes::Process;
use linux_api_wire::api_key::Scope;

actions! {
    SIGNAL "signal" "f9 delete d,d", "signal", "send a signal to the process, TERM first";
    NICE_LOWER "nice-lower" "f7", "nice", "lower the nice value: more CPU time for the process";
    NICE_HIGHER "nice-higher" "f8", "", "raise the nice value: less CPU time for the process";
}

/// Most processes that one act is about, as the API takes it.
const MOST: usize = 100;

/// The process of a row, with its nice value.
pub(crate) fn reference(process: &Process) -> (ProcessRef, i32) {
    let uid = || process.uid.map(|uid| uid.to_string());
    let user = process.user.clone().or_else(uid);
    let process_ref = ProcessRef {
        identity: ProcessIdentity {
            pid: process.pid,
            start_ticks: process.start_ticks,
        },
        name: process.name.clone(),
        user: user.unwrap_or_else(|| "an unknown user".to_owned()),
    };
    (process_ref, process.nice)
}

/// Why an action is out of the question; nothing when it is not.
pub(crate) fn forbidden(app: &App, action: KeyAction) -> Option<String> {
    if !is_act(action) {
        return None;
    }
    if app.settings.read_only {
        return Some("read-only".to_owned());
    }
    app.host().cannot_act(Scope::ProcessesAct)
}

fn is_act(action: KeyAction) -> bool {
    matches!(action, SIGNAL | NICE_LOWER | NICE_HIGHER)
}

/// Opens the menu of signals, or the line for a nice value, for these processes with their nice values.
pub(crate) fn act(app: &mut App, action: KeyAction, chosen: Vec<(ProcessRef, i32)>) {
    if !is_act(action) {
        return;
    }
    if let Some(reason) = forbidden(app, action) {
        app.complain(format!("{}: {reason}", action.name));
        return;
    }
    let Some((first, nice)) = chosen.first().cloned() else {
        app.complain("choose a process first");
        return;
    };
    if chosen.len() > MOST {
        app.complain(format!(
            "{} are tagged: at most {MOST} at once",
            chosen.len()
        ));
        return;
    }
    let host = app.current;
    let processes: Vec<ProcessRef> = chosen.into_iter().map(|(process, _)| process).collect();
    if action == SIGNAL {
        app.popups.push(Popup::Signals {
            processes,
            host,
            chosen: 0,
        });
        return;
    }
    let whose = if processes.len() == 1 {
        let name: String = first.name.chars().take(15).collect();
        format!("{} {name}, now {nice}", first.identity.pid)
    } else {
        format!("{} processes", processes.len())
    };
    let offered = if action == NICE_LOWER {
        nice - 1
    } else {
        nice + 1
    };
    let offered = offered.clamp(-20, 19).to_string();
    let label = format!("nice value of {whose} (-20 to 19): ");
    app.prompt_with(label, &offered, move |app, text| match text.parse() {
        Ok(nice @ -20..=19) => {
            let mut processes = processes.clone();
            let change = if processes.len() == 1 {
                Change::Renice(processes.remove(0), nice)
            } else {
                Change::ReniceAll(processes, nice)
            };
            app.confirm_on(host, change);
        }
        _ => app.complain("a nice value is a number from -20 to 19"),
    });
}
