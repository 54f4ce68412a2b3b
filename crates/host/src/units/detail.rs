//! What systemd knows of one unit.
//!
//! Each property is requested by its name. All of an interface at once would bring along a service's
//! environment and the arguments of its programs, which must not be seen here.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use rustix::time::{ClockId, clock_gettime};
use zbus::Connection;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use super::name::AnyUnit;
use super::systemd::{PROPERTIES, SYSTEMD, UNIT};
use super::{is_refusal, shortened};
use linux_api_wire::api::units::UnitDetail;
use linux_api_wire::time::Timestamp;

/// Properties of every unit.
const ANY: &[&str] = &[
    "Id",
    "Names",
    "Description",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "FragmentPath",
    "ActiveEnterTimestamp",
    "StateChangeTimestamp",
    "Triggers",
    "TriggeredBy",
];
/// Properties of what has a control group.
const GROUP: &[&str] = &[
    "MemoryCurrent",
    "CPUUsageNSec",
    "TasksCurrent",
    "MemoryMax",
    "MemoryHigh",
    "CPUQuotaPerSecUSec",
    "IOWeight",
    "TasksMax",
];
/// Properties of a service.
const SERVICE: &[&str] = &[
    "Result",
    "MainPID",
    "ExecMainCode",
    "ExecMainStatus",
    "NRestarts",
    "StatusText",
];
/// Properties of a timer.
const TIMER: &[&str] = &[
    "Result",
    "LastTriggerUSec",
    "NextElapseUSecRealtime",
    "NextElapseUSecMonotonic",
];
const RESULT: &[&str] = &["Result"];
const NONE: &[&str] = &[];

/// `ExecMainCode` of a process that ended by itself, and of those that a signal ended; see waitid(2).
const EXITED: i32 = 1;
const KILLED: [i32; 2] = [2, 3];

/// Interface and properties of a type of units beside those that all have.
fn of_type(kind: &str) -> Option<(&'static str, [&'static [&'static str]; 2])> {
    Some(match kind {
        "service" => ("org.freedesktop.systemd1.Service", [SERVICE, GROUP]),
        "timer" => ("org.freedesktop.systemd1.Timer", [TIMER, NONE]),
        "socket" => ("org.freedesktop.systemd1.Socket", [RESULT, GROUP]),
        "mount" => ("org.freedesktop.systemd1.Mount", [RESULT, GROUP]),
        "swap" => ("org.freedesktop.systemd1.Swap", [RESULT, GROUP]),
        "scope" => ("org.freedesktop.systemd1.Scope", [RESULT, GROUP]),
        "slice" => ("org.freedesktop.systemd1.Slice", [NONE, GROUP]),
        "path" => ("org.freedesktop.systemd1.Path", [RESULT, NONE]),
        "automount" => ("org.freedesktop.systemd1.Automount", [RESULT, NONE]),
        _ => return None,
    })
}

/// Reads a unit; `None` when it only is a name that others mention.
pub(super) async fn read(
    connection: &Connection,
    path: &OwnedObjectPath,
    name: &AnyUnit,
    now: Timestamp,
) -> zbus::Result<Option<UnitDetail>> {
    let mut wanted: Vec<(&str, &'static str)> = ANY.iter().map(|name| (UNIT, *name)).collect();
    if let Some((interface, names)) = of_type(name.kind()) {
        wanted.extend(names.into_iter().flatten().map(|name| (interface, *name)));
    }
    // Sent one after another without waiting: the time of one.
    let reads = wanted
        .into_iter()
        .map(|(interface, name)| property(connection, path, interface, name));
    let known = try_join_all(reads).await?.into_iter().flatten();
    Ok(shown(&Read(known.collect()), name, now))
}

/// Reads a unit that systemd can't load, and therefore tries to load again for each call: in one. What every unit
/// has are no secrets.
pub(super) async fn read_at_once(
    connection: &Connection,
    path: &OwnedObjectPath,
    name: &AnyUnit,
    now: Timestamp,
) -> zbus::Result<Option<UnitDetail>> {
    let called = connection.call_method(Some(SYSTEMD), path, Some(PROPERTIES), "GetAll", &(UNIT,));
    let reply = called.await?;
    let mut all: HashMap<String, OwnedValue> = reply.body().deserialize()?;
    let known = ANY
        .iter()
        .filter_map(|name| Some((*name, all.remove(*name)?)));
    Ok(shown(&Read(known.collect()), name, now))
}

fn shown(read: &Read, name: &AnyUnit, now: Timestamp) -> Option<UnitDetail> {
    if read.text("LoadState") == "not-found" && read.text("ActiveState") == "inactive" {
        return None;
    }
    Some(made(read, name, now, monotonic_usec()))
}

/// One property; `None` where this version of systemd does not know it.
pub(super) async fn property(
    connection: &Connection,
    path: &OwnedObjectPath,
    interface: &str,
    name: &'static str,
) -> zbus::Result<Option<(&'static str, OwnedValue)>> {
    let body = (interface, name);
    let called = connection.call_method(Some(SYSTEMD), path, Some(PROPERTIES), "Get", &body);
    match called.await {
        Ok(reply) => {
            let value: OwnedValue = reply.body().deserialize()?;
            Ok(Some((name, value)))
        }
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The properties that were read.
struct Read(HashMap<&'static str, OwnedValue>);

impl Read {
    fn get<'a, T: TryFrom<&'a Value<'a>>>(&'a self, name: &str) -> Option<T> {
        let value: &Value<'_> = self.0.get(name)?;
        T::try_from(value).ok()
    }

    fn text(&self, name: &str) -> String {
        shortened(self.get::<&str>(name).unwrap_or_default())
    }

    /// A text that may be empty, which means that there is none.
    fn some_text(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let Some(Value::Array(array)) = self.0.get(name).map(|value| &**value) else {
            return Vec::new();
        };
        let text = |value: &Value<'_>| match value {
            Value::Str(text) => Some(text.as_str().to_owned()),
            _ => None,
        };
        let mut texts: Vec<String> = array.iter().filter_map(text).collect();
        texts.sort_unstable();
        texts
    }

    /// A number; the largest stands for none.
    fn number(&self, name: &str) -> Option<u64> {
        self.get::<u64>(name).filter(|number| *number != u64::MAX)
    }

    fn time(&self, name: &str) -> Option<String> {
        self.number(name).and_then(time)
    }
}

/// Microseconds since 1970 as text; 0 stands for never.
fn time(usec: u64) -> Option<String> {
    let millis = i64::try_from(usec / 1_000).ok()?;
    (usec != 0).then(|| Timestamp::from_millis(millis).to_string())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a processor's time in seconds needs no more than 53 bits"
)]
fn made(read: &Read, name: &AnyUnit, now: Timestamp, monotonic: u64) -> UnitDetail {
    let code = read.get::<i32>("ExecMainCode");
    let status = read.get::<i32>("ExecMainStatus");
    UnitDetail {
        name: read
            .some_text("Id")
            .unwrap_or_else(|| name.as_str().to_owned()),
        aliases: read.texts("Names"),
        description: read.text("Description"),
        load: read.text("LoadState"),
        active: read.text("ActiveState"),
        sub: read.text("SubState"),
        enabled: read.some_text("UnitFileState"),
        fragment_path: read.some_text("FragmentPath"),
        active_since: read.time("ActiveEnterTimestamp"),
        state_since: read.time("StateChangeTimestamp"),
        result: read.some_text("Result"),
        main_pid: read.get::<u32>("MainPID").filter(|pid| *pid != 0),
        exit_code: status.filter(|_| code == Some(EXITED)),
        exit_signal: status.filter(|_| code.is_some_and(|code| KILLED.contains(&code))),
        restarts: read.get("NRestarts"),
        status_text: read.some_text("StatusText"),
        memory_bytes: read.number("MemoryCurrent"),
        cpu_seconds: read.number("CPUUsageNSec").map(|nsec| nsec as f64 / 1e9),
        tasks: read.number("TasksCurrent"),
        memory_max_bytes: read.number("MemoryMax"),
        memory_high_bytes: read.number("MemoryHigh"),
        cpu_quota_percent: read
            .number("CPUQuotaPerSecUSec")
            .map(|usec| usec as f64 / 1e4),
        io_weight: read.number("IOWeight"),
        tasks_max: read.number("TasksMax"),
        triggers: read.texts("Triggers"),
        triggered_by: read.texts("TriggeredBy"),
        last_trigger: read.time("LastTriggerUSec"),
        next_trigger: next_trigger(read, now, monotonic),
        log: None,
    }
}

/// The nearer of a timer's next times: by the calendar, and by the time since the boot.
fn next_trigger(read: &Read, now: Timestamp, monotonic: u64) -> Option<String> {
    let next = |name: &str| read.number(name).filter(|usec| *usec != 0);
    let now = u64::try_from(now.as_millis()).ok()?.saturating_mul(1_000);
    let by_calendar = next("NextElapseUSecRealtime");
    let since_boot = next("NextElapseUSecMonotonic")
        .map(|usec| now.saturating_add(usec.saturating_sub(monotonic)));
    [by_calendar, since_boot]
        .into_iter()
        .flatten()
        .min()
        .and_then(time)
}

/// Microseconds since the boot, as systemd counts them.
fn monotonic_usec() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    part(time.tv_sec)
        .saturating_mul(1_000_000)
        .saturating_add(part(time.tv_nsec) / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(value: impl Into<Value<'a>>) -> OwnedValue {
        value.into().try_to_owned().unwrap()
    }

    #[test]
    fn a_timers_next_time_is_the_nearer_one() {
        let now = Timestamp::from_millis(1_000_000);
        let next = |real: u64, since_boot: u64| {
            let read = Read(HashMap::from([
                ("NextElapseUSecRealtime", value(real)),
                ("NextElapseUSecMonotonic", value(since_boot)),
            ]));
            next_trigger(&read, now, 5_000_000)
        };
        let text = |millis| Some(Timestamp::from_millis(millis).to_string());
        assert_eq!(next(0, 0), None);
        assert_eq!(next(u64::MAX, u64::MAX), None);
        assert_eq!(next(2_000_000_000, u64::MAX), text(2_000_000));
        assert_eq!(next(2_000_000_000, 6_000_000), text(1_001_000));
        // Due and not yet done.
        assert_eq!(next(0, 1_000_000), text(1_000_000));
    }

    #[test]
    fn what_is_unset_is_absent() {
        let read = Read(HashMap::from([
            ("Id", value("a.service")),
            ("MainPID", value(0_u32)),
            ("MemoryMax", value(u64::MAX)),
            ("MemoryCurrent", value(7_u64)),
            ("CPUQuotaPerSecUSec", value(500_000_u64)),
            ("ExecMainCode", value(2_i32)),
            ("ExecMainStatus", value(9_i32)),
            ("StatusText", value("")),
            ("ActiveEnterTimestamp", value(0_u64)),
        ]));
        let name = "alias.service".parse().unwrap();
        let unit = made(&read, &name, Timestamp::from_millis(0), 0);
        assert_eq!(unit.name, "a.service");
        assert_eq!((unit.main_pid, unit.memory_max_bytes), (None, None));
        assert_eq!(
            (unit.memory_bytes, unit.cpu_quota_percent),
            (Some(7), Some(50.0))
        );
        assert_eq!((unit.exit_code, unit.exit_signal), (None, Some(9)));
        assert_eq!(
            (unit.status_text, unit.active_since, unit.restarts),
            (None, None, None)
        );
    }

    #[test]
    fn no_property_has_secrets() {
        let names = [ANY, GROUP, SERVICE, TIMER, RESULT].concat();
        let is_secret = |name: &&str| {
            ["Environment", "Exec"]
                .iter()
                .any(|word| name.starts_with(word))
                && !name.starts_with("ExecMain")
        };
        assert_eq!(names.iter().find(|name| is_secret(name)), None);
    }
}
