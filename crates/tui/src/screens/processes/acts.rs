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
    RENICE "renice" "f7 f8", "nice", "change the nice value of the process";
}

/// The process of a row.
pub(crate) fn reference(process: &Process) -> ProcessRef {
    let uid = || process.uid.map(|uid| uid.to_string());
    let user = process.user.clone().or_else(uid);
    ProcessRef {
        identity: ProcessIdentity {
            pid: process.pid,
            start_ticks: process.start_ticks,
        },
        name: process.name.clone(),
        user: user.unwrap_or_else(|| "an unknown user".to_owned()),
    }
}

/// Why an action is out of the question; nothing when it is not.
pub(crate) fn forbidden(app: &App, action: KeyAction) -> Option<String> {
    if !matches!(action, SIGNAL | RENICE) {
        return None;
    }
    if app.settings.read_only {
        return Some("read-only".to_owned());
    }
    app.host().cannot_act(Scope::ProcessesAct)
}

/// Opens the menu of signals, or the line for a nice value.
pub(crate) fn act(app: &mut App, action: KeyAction, process: Option<ProcessRef>) {
    if !matches!(action, SIGNAL | RENICE) {
        return;
    }
    if let Some(reason) = forbidden(app, action) {
        app.complain(format!("{}: {reason}", action.name));
        return;
    }
    let Some(process) = process else {
        app.complain("choose a process first");
        return;
    };
    let host = app.current;
    if action == SIGNAL {
        app.popups.push(Popup::Signals {
            process,
            host,
            chosen: 0,
        });
        return;
    }
    let name: String = process.name.chars().take(15).collect();
    let label = format!(
        "nice value of {} {name} (-20 to 19): ",
        process.identity.pid
    );
    app.prompt_for(label, move |app, text| match text.parse() {
        Ok(nice @ -20..=19) => app.confirm_on(host, Change::Renice(process.clone(), nice)),
        _ => app.complain("a nice value is a number from -20 to 19"),
    });
}
