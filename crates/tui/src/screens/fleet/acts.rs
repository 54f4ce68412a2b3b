//! What is done from the fleet: opening a host, making a remote of one, one act on the units of several hosts.

use super::{ADD_REMOTE, FleetId};
use crate::app::App;
use crate::change::{Change, NewRemote};
use crate::keymap::KeyAction;
use crate::popups::Confirmed;
use crate::screen::View;
use crate::screens::units::acts as unit_acts;
use linux_api_client::acts::unit_name;
use linux_api_wire::units::compact::counted;

/// Most hosts that a question names.
const NAMED: usize = 6;

/// The name of a row.
pub(super) fn name_of(app: &App, id: &FleetId) -> Option<String> {
    match id {
        FleetId::Remote(place) => Some(app.hosts.get(*place)?.name.clone()),
        FleetId::Stored(id) => {
            let lists = app
                .hosts
                .iter()
                .filter_map(|host| host.responses.fleet.value());
            let mut hosts = lists.flatten();
            Some(hosts.find(|host| *host.id == **id)?.name.clone())
        }
    }
}

/// Opens the chosen host, or says why that can't be.
pub(super) fn open(app: &mut App) {
    match app.screens.fleet.table.selected.clone() {
        Some(FleetId::Remote(_)) => app.show(View::Overview),
        Some(id @ FleetId::Stored(_)) => {
            let name = name_of(app, &id).unwrap_or_default();
            let text = match remote_of(app, &name) {
                Ok(remote) => {
                    let key = app.settings.keymap.keys_of(ADD_REMOTE).into_iter().next();
                    let key = key.unwrap_or_else(|| format!(":{}", ADD_REMOTE.name));
                    format!("not a remote: {key} adds {}", remote.address)
                }
                Err(reason) => format!("not a remote, and none can be made of it: {reason}"),
            };
            app.say(text);
        }
        None => {}
    }
}

/// What a remote of this name would be. The name comes from a database, and anything may be in there.
fn remote_of(app: &App, name: &str) -> Result<NewRemote, String> {
    let remote = NewRemote::over_ssh(name)?;
    if app.hosts.iter().any(|host| host.name == remote.name) {
        return Err(format!("there is a remote {name} already"));
    }
    Ok(remote)
}

/// Opens the question whether to add the chosen host.
pub(super) fn add_remote(app: &mut App) {
    let Some(id) = app.screens.fleet.table.selected.clone() else {
        return;
    };
    let name = name_of(app, &id).unwrap_or_default();
    if let FleetId::Remote(_) = id {
        app.complain(format!("{name} is a remote already"));
        return;
    }
    match remote_of(app, &name) {
        Ok(remote) => {
            let lines = vec![
                format!("Add the remote {} at {}?", remote.name, remote.address),
                String::new(),
                "The name comes from the database of another daemon.".to_owned(),
                "ssh will log in there as your configuration says; no API key is sent.".to_owned(),
            ];
            app.question(&lines, Confirmed::AddRemote(remote));
        }
        Err(reason) => app.complain(format!("{name}: {reason}")),
    }
}

/// Why an action is out of the question; nothing when it is not.
pub(super) fn forbidden(app: &App, action: KeyAction) -> Option<String> {
    let is_change = unit_acts::verb(action).is_some();
    (is_change && app.settings.read_only).then(|| "read-only".to_owned())
}

/// Prompts for the unit that something is to be done with on the tagged hosts, or on the chosen one.
pub(super) fn act_on_units(app: &mut App, action: KeyAction) {
    let Some(verb) = unit_acts::verb(action) else {
        return;
    };
    if let Some(reason) = forbidden(app, action) {
        app.complain(format!("{}: {reason}", action.name));
        return;
    }
    let table = &app.screens.fleet.table;
    let mut ids = table.tags().to_vec();
    if ids.is_empty() {
        ids.extend(table.selected.clone());
    }
    let mut hosts = Vec::new();
    for id in &ids {
        match id {
            FleetId::Remote(place) => hosts.push(*place),
            FleetId::Stored(_) => {
                let name = name_of(app, id).unwrap_or_default();
                app.complain(format!(
                    "{name} is not a remote: nothing can be done there from here"
                ));
                return;
            }
        }
    }
    let places = in_words(app, &hosts);
    app.prompt_for(
        format!("unit to {verb} on {places}: "),
        move |app, text| match unit_name(text) {
            Ok(unit) => ask(app, hosts.clone(), Change::Unit(unit, verb)),
            Err(reason) => app.complain(reason),
        },
    );
}

/// Opens the question before one act on several hosts.
fn ask(app: &mut App, hosts: Vec<usize>, change: Change) {
    let [one] = hosts[..] else {
        let mut what = change.in_words();
        what[..1].make_ascii_uppercase();
        let line = format!("{what} on {}?", in_words(app, &hosts));
        app.question(&[line], Confirmed::OnAll(hosts, change));
        return;
    };
    app.confirm_on(one, change);
}

/// The hosts by name, or how many there are where that would be long.
fn in_words(app: &App, hosts: &[usize]) -> String {
    let names: Vec<&str> = hosts
        .iter()
        .map(|host| app.hosts[*host].name.as_str())
        .collect();
    match names.len() {
        0..=NAMED => names.join(", "),
        count => {
            let first = names[..NAMED - 1].join(", ");
            let others = counted(count + 1 - NAMED, "other host", "s");
            format!("{first} and {others}")
        }
    }
}
