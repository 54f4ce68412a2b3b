//! What is done with units, from the table and from the page of a unit: each is confirmed first, with the unit and
//! the host named.

use crate::app::App;
use crate::change::Change;
use crate::keymap::KeyAction;
use crate::keymap::action::actions;
use crate::screen::View;
use linux_api_client::acts::UnitVerb;
use linux_api_wire::api_key::Scope;

actions! {
    START_UNIT "start-unit" "S", "start", "start the unit";
    STOP_UNIT "stop-unit" "x", "stop", "stop the unit";
    RESTART_UNIT "restart-unit" "r", "restart", "restart the unit";
    RELOAD_UNIT "reload-unit" "R", "", "have the unit read its configuration again";
    RESET_UNIT "reset-unit" "c", "", "forget that the unit has failed";
    ENABLE_UNIT "enable-unit" "E", "", "start the unit with the system from now on";
    DISABLE_UNIT "disable-unit" "D", "", "start the unit with the system no longer";
    UNIT_LOG "unit-log" "l", "log", "show the log of the unit";
}

/// What an action does with a unit; nothing for what changes none.
pub(crate) fn verb(action: KeyAction) -> Option<UnitVerb> {
    Some(match action {
        START_UNIT => UnitVerb::Start,
        STOP_UNIT => UnitVerb::Stop,
        RESTART_UNIT => UnitVerb::Restart,
        RELOAD_UNIT => UnitVerb::Reload,
        RESET_UNIT => UnitVerb::ResetFailed,
        ENABLE_UNIT => UnitVerb::Enable,
        DISABLE_UNIT => UnitVerb::Disable,
        _ => return None,
    })
}

/// Why an action is out of the question; nothing when it is not.
pub(crate) fn forbidden(app: &App, action: KeyAction) -> Option<String> {
    if action == UNIT_LOG {
        return app.host().forbids(Scope::LogsRead);
    }
    verb(action)?;
    if app.settings.read_only {
        return Some("read-only".to_owned());
    }
    app.host().cannot_act(Scope::UnitsAct)
}

/// Most units that are named in a question.
const MOST: usize = 20;

/// Opens the question about these units, or the log of the first.
pub(crate) fn act(app: &mut App, action: KeyAction, mut units: Vec<String>) {
    let verb = verb(action);
    if verb.is_none() && action != UNIT_LOG {
        return;
    }
    if let Some(reason) = forbidden(app, action) {
        app.complain(format!("{}: {reason}", action.name));
        return;
    }
    let count = units.len();
    let Some(first) = units.first().cloned() else {
        app.complain("choose a unit first");
        return;
    };
    let Some(verb) = verb else {
        app.screens.logs.look_at(first);
        app.show(View::Logs);
        return;
    };
    if count == 1 {
        app.confirm(Change::Unit(first, verb));
    } else if count > MOST {
        app.complain(format!("{count} units are tagged: at most {MOST} at once"));
    } else {
        units.sort_unstable();
        let named = format!("{count} units ({})", units.join(", "));
        let words = Change::Unit(named, verb).in_words();
        let changes = units.into_iter().map(|unit| Change::Unit(unit, verb));
        app.confirm_all(app.current, &words, changes.collect());
    }
}
