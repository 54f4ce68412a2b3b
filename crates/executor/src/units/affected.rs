//! What a verb about a unit does to others: policies protect these too.

use std::collections::BTreeSet;

use super::files::Install;
use super::systemd::{Properties, Systemd, UNIT};
use crate::policy::Affected;
use linux_api_acts::protocol::{Failure, FailureCode, UnitVerb};

/// So many units are followed to see what a verb would do to others.
const MOST: usize = 100;

/// What happens to one unit, and what then happens to those that a property of it names.
const SPREAD: [(UnitVerb, UnitVerb, &str); 15] = {
    use UnitVerb::{Restart, Start, Stop};
    [
        (Start, Stop, "Conflicts"),
        (Start, Stop, "ConflictedBy"),
        (Start, Start, "Requires"),
        (Start, Start, "BindsTo"),
        (Start, Start, "Wants"),
        (Restart, Restart, "RequiredBy"),
        (Restart, Restart, "RequisiteOf"),
        (Restart, Restart, "BoundBy"),
        (Restart, Restart, "ConsistsOf"),
        (Restart, Stop, "PropagatesStopTo"),
        (Stop, Stop, "RequiredBy"),
        (Stop, Stop, "RequisiteOf"),
        (Stop, Stop, "BoundBy"),
        (Stop, Stop, "ConsistsOf"),
        (Stop, Stop, "PropagatesStopTo"),
    ]
};

fn spread(unit: &Properties, verb: UnitVerb) -> impl Iterator<Item = (UnitVerb, String)> {
    let spread = SPREAD.into_iter().filter(move |(from, ..)| *from == verb);
    spread.flat_map(move |(_, to, property)| {
        let names = unit.texts(property).into_iter();
        names.map(move |name| (to, name))
    })
}

/// The units that systemd would stop or restart with this one: those that need it and, for a start, those
/// that conflict with it or with what is started for it.
pub(super) async fn by_job(
    systemd: &Systemd,
    unit: &Properties,
    verb: UnitVerb,
) -> Result<Vec<Affected>, Failure> {
    let mut open: Vec<_> = spread(unit, verb).collect();
    if verb == UnitVerb::Restart {
        open.extend(spread(unit, UnitVerb::Start));
    }
    let id = unit.text("Id");
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some((verb, name)) = open.pop() {
        if name == id || !seen.insert((verb.as_str(), name.clone())) {
            continue;
        }
        bounded(seen.len())?;
        // What is not loaded does not run, and what is to be started with another one is loaded.
        let Some(path) = systemd.unit(&name).await? else {
            continue;
        };
        let other = systemd.properties(&path, UNIT).await?;
        let runs = !matches!(&*other.text("ActiveState"), "inactive" | "failed");
        // What runs is not started, and what does not can't be stopped.
        if runs == (verb == UnitVerb::Start) {
            continue;
        }
        open.extend(spread(&other, verb));
        if verb != UnitVerb::Start {
            let names = other.texts("Names");
            found.push(Affected { verb, names });
        }
    }
    Ok(found)
}

/// The names that a unit gets by being enabled, and the units that are enabled or disabled with it.
pub(super) async fn by_files(
    systemd: &Systemd,
    unit: &Properties,
    verb: UnitVerb,
) -> Result<(Vec<String>, Vec<Affected>), Failure> {
    let mut seen = BTreeSet::from_iter(unit.texts("Names"));
    let Install { alias, also } = install(unit)?;
    let mut open = also;
    let mut found = Vec::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        bounded(seen.len())?;
        let mut names = vec![name.clone()];
        match systemd.load(&name).await {
            Ok(path) => {
                let other = systemd.properties(&path, UNIT).await?;
                names.extend(other.texts("Names"));
                let Install { alias, also } = install(&other)?;
                names.extend(alias);
                open.extend(also);
            }
            Err(failure) if failure.code == FailureCode::Unavailable => return Err(failure),
            // It is a template, or is not there.
            Err(_) => {}
        }
        found.push(Affected { verb, names });
    }
    Ok((alias, found))
}

fn install(unit: &Properties) -> Result<Install, Failure> {
    let mut paths = unit.texts("DropInPaths");
    paths.extend(Some(unit.text("FragmentPath")).filter(|path| !path.is_empty()));
    let failed = |why: String| {
        let message = format!("what else {} enables is not known: {why}", unit.text("Id"));
        Failure::new(FailureCode::System, message)
    };
    Install::read(&paths).map_err(failed)
}

fn bounded(units: usize) -> Result<(), Failure> {
    if units <= MOST {
        return Ok(());
    }
    let message = format!("it affects more than {MOST} units: that is not for here");
    Err(Failure::new(FailureCode::System, message))
}
