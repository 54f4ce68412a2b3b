//! A reading of a host in words and tables.

use std::fmt::Write as _;

use crate::cli::Context;
use crate::cli::globals::Format;
use crate::cli::rows::{Cell, Column, Listing, Tone, clean, paint};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::{
    Core, Cpu, Disk, Family, Filesystem, Memory, Network, Pressure, ResourcePressure, Sensor,
    Session, Swap,
};
use linux_api_wire::units::{NOT_KNOWN, count, moment, percent, rate, share, size, span};

/// A value older than this is shown with its age.
const OLD_MS: u64 = 30_000;

/// The lines on top: what concerns the whole host.
pub(in crate::cli) fn summary(ctx: &Context, snapshot: &Snapshot) -> String {
    let color = ctx.has_color();
    let up = snapshot.uptime_seconds.map_or_else(
        || "uptime not known".to_owned(),
        |seconds| format!("up {}", span(seconds)),
    );
    let mut text = format!(
        "{}  {up}, at {} UTC\n\n",
        clean(&snapshot.host),
        moment(snapshot.time)
    );
    let mut line = |family: Family, name: &str, words: Option<String>| {
        // Writing to a text never fails.
        let _ = writeln!(text, "{name:<10} {}", said(snapshot, family, words));
    };
    let words = snapshot.cpu.as_ref().map(|cpu| of_cpu(cpu, color));
    line(Family::Cpu, "cpu", words);
    let words = snapshot.load.map(|load| {
        let (one, five, fifteen) = (load.one, load.five, load.fifteen);
        format!("{one:.2}  {five:.2}  {fifteen:.2}  (1, 5, 15 minutes)")
    });
    line(Family::Load, "load", words);
    let words = snapshot.memory.map(|memory| of_memory(&memory, color));
    line(Family::Memory, "memory", words);
    let words = snapshot.swap.map(|swap| of_swap(swap, color));
    line(Family::Swap, "swap", words);
    let words = snapshot.processes.map(|all| {
        let mut parts = vec![format!("{} running", all.running)];
        let rare = [
            (all.blocked, "blocked"),
            (all.stopped, "stopped"),
            (all.zombie, "zombie"),
        ];
        let rare = rare.into_iter().filter(|(number, _)| *number > 0);
        parts.extend(rare.map(|(number, word)| format!("{number} {word}")));
        format!("{}, {}", all.total, parts.join(", "))
    });
    line(Family::Processes, "processes", words);
    let words = snapshot.pressure.as_ref().map(of_pressure);
    line(Family::Pressure, "pressure", words);
    let sessions = snapshot.sessions.as_ref();
    let words = sessions.map(|sessions| match sessions.len() {
        0 => "none".to_owned(),
        number => {
            let mut users: Vec<&str> = sessions.iter().map(|it| it.user.as_str()).collect();
            users.sort_unstable();
            users.dedup();
            format!("{}: {}", count(number, "session"), clean(&users.join(", ")))
        }
    });
    line(Family::Sessions, "logins", words);
    text
}

/// The words, with their age when they are old; without words, why.
fn said(snapshot: &Snapshot, family: Family, words: Option<String>) -> String {
    let status = snapshot.status.get(&family);
    let error = status.and_then(|status| status.error.as_deref());
    let age = status.and_then(|status| status.age_ms);
    match (words, error, age) {
        (Some(words), None, age) if age.is_none_or(|age| age < OLD_MS) => words,
        (Some(words), error, age) => {
            let age = span(age.unwrap_or(0) / 1000);
            let error = error.map_or_else(String::new, |error| format!(": {}", clean(error)));
            format!("{words}  ({age} old{error})")
        }
        (None, Some(error), _) => format!("not known: {}", clean(error)),
        (None, None, _) => "not known: the daemon has not read it yet".to_owned(),
    }
}

fn of_cpu(cpu: &Cpu, color: bool) -> String {
    let usage = paint(
        &percent(cpu.usage_percent),
        Tone::of_percent(cpu.usage_percent),
        color,
    );
    let mut parts = vec![
        format!("user {}", percent(cpu.user_percent)),
        format!("system {}", percent(cpu.system_percent)),
        format!("iowait {}", percent(cpu.iowait_percent)),
    ];
    if cpu.steal_percent > 0.05 {
        parts.push(format!("steal {}", percent(cpu.steal_percent)));
    }
    let cores = count(cpu.per_core.len(), "CPU");
    format!("{usage} of {cores}: {}", parts.join(", "))
}

fn of_memory(memory: &Memory, color: bool) -> String {
    let part = share(memory.used_bytes, memory.total_bytes);
    format!(
        "{} of {} used, {} available, {} cached",
        part_of(memory.used_bytes, part, color),
        size(memory.total_bytes),
        size(memory.available_bytes),
        size(memory.cached_bytes)
    )
}

fn of_swap(swap: Swap, color: bool) -> String {
    if swap.total_bytes == 0 {
        return "none".to_owned();
    }
    let part = share(swap.used_bytes, swap.total_bytes);
    format!(
        "{} of {} used",
        part_of(swap.used_bytes, part, color),
        size(swap.total_bytes)
    )
}

/// `1.1 GiB (4.6%)`.
fn part_of(bytes: u64, part: Option<f64>, color: bool) -> String {
    let part = part.unwrap_or(0.0);
    let percent = paint(&percent(part), Tone::of_percent(part), color);
    format!("{} ({percent})", size(bytes))
}

fn of_pressure(pressure: &Pressure) -> String {
    let one = |name: &str, resource: Option<ResourcePressure>| {
        let value = resource.map_or_else(
            || NOT_KNOWN.to_owned(),
            |resource| percent(resource.some.avg60),
        );
        format!("{name} {value}")
    };
    let parts = [
        one("cpu", pressure.cpu),
        one("memory", pressure.memory),
        one("io", pressure.io),
    ];
    format!(
        "{}  (time that tasks waited, last minute)",
        parts.join(", ")
    )
}

/// All of it.
pub(super) fn page(ctx: &Context, snapshot: &Snapshot) -> String {
    let is_wide = ctx.format() == Format::Wide;
    let mut text = summary(ctx, snapshot);
    let mut part = |family: Family, name: &str, table: Option<String>| {
        let status = snapshot.status.get(&family);
        let error = status.and_then(|status| status.error.as_deref());
        match (table, error) {
            (Some(table), _) if table.is_empty() => {}
            (Some(table), None) => {
                let _ = write!(text, "\n{table}");
            }
            (Some(table), Some(error)) => {
                let _ = write!(text, "\n{table}{name}: older figures, {}\n", clean(error));
            }
            (None, _) => {
                let _ = writeln!(text, "\n{name}: {}", said(snapshot, family, None));
            }
        }
    };
    let cores = snapshot.cpu.as_ref().filter(|_| is_wide);
    if let Some(cpu) = cores {
        part(
            Family::Cpu,
            "processors",
            Some(table(ctx, cores_of(), &cpu.per_core)),
        );
    }
    let rows = snapshot.filesystems.as_deref();
    let rows = rows.map(|rows| table(ctx, filesystems(), rows));
    part(Family::Filesystems, "file systems", rows);
    let rows = snapshot.disks.as_deref();
    part(
        Family::Disks,
        "disks",
        rows.map(|rows| table(ctx, disks(), rows)),
    );
    let rows = snapshot.networks.as_deref();
    let rows = rows.map(|rows| table(ctx, networks(), rows));
    part(Family::Networks, "networks", rows);
    let rows = snapshot.sensors.as_deref();
    part(
        Family::Sensors,
        "sensors",
        rows.map(|rows| table(ctx, sensors(), rows)),
    );
    let sessions = snapshot.sessions.as_ref().filter(|_| is_wide);
    if let Some(rows) = sessions {
        part(
            Family::Sessions,
            "logins",
            Some(table(ctx, sessions_of(), rows)),
        );
    }
    text
}

fn table<T>(ctx: &Context, columns: Vec<Column<T>>, rows: &[T]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let name = |_: &T| String::new();
    let listing = Listing {
        columns,
        name,
        empty: String::new(),
    };
    listing.in_words(ctx, rows)
}

fn cores_of() -> Vec<Column<Core>> {
    vec![
        Column::number("CPU", |core: &Core| core.core.to_string().into()),
        Column::number("USED", |core| {
            let used = core.usage_percent;
            Cell::new(percent(used), Tone::of_percent(used))
        }),
        Column::number("IOWAIT", |core| percent(core.iowait_percent).into()),
        Column::number("STEAL", |core| percent(core.steal_percent).into()),
        Column::number("MHZ", |core| {
            let clock = core.frequency_mhz.map(|mhz| format!("{mhz:.0}"));
            clock.unwrap_or_else(|| NOT_KNOWN.to_owned()).into()
        }),
    ]
}

fn filesystems() -> Vec<Column<Filesystem>> {
    vec![
        Column::long("MOUNTED ON", |one: &Filesystem| {
            one.mount_point.as_str().into()
        }),
        Column::text("TYPE", |one| one.kind.as_str().into()),
        Column::number("SIZE", |one| known_size(one.total_bytes)),
        Column::number("USED", |one| known_size(one.used_bytes)),
        Column::number("AVAIL", |one| known_size(one.available_bytes)),
        Column::number("USE%", |one| match (one.fullness(), one.strain()) {
            (Some(full), strain) => {
                let tone = strain.map_or(Tone::Plain, Tone::of_percent);
                Cell::new(percent(full), tone)
            }
            (None, _) => NOT_KNOWN.into(),
        }),
        Column::long("NOTE", |one| match (&one.error, one.stale) {
            (Some(error), true) => Cell::new(format!("does not respond: {error}"), Tone::Bad),
            (Some(error), false) => Cell::new(error.as_str(), Tone::Warn),
            (None, _) if one.read_only => "read-only".into(),
            (None, _) => "".into(),
        }),
        Column::wide_number("INODES%", |one| {
            let part = share(one.inodes_used.unwrap_or(0), one.inodes_total.unwrap_or(0));
            let part = part.map(|part| Cell::new(percent(part), Tone::of_percent(part)));
            part.unwrap_or_else(|| NOT_KNOWN.into())
        }),
        Column::wide("DEVICE", |one| one.device.as_str().into()),
    ]
}

fn known_size(bytes: Option<u64>) -> Cell {
    bytes.map_or_else(|| NOT_KNOWN.into(), |bytes| size(bytes).into())
}

fn disks() -> Vec<Column<Disk>> {
    vec![
        Column::text("DISK", |disk: &Disk| disk.device.as_str().into()),
        Column::number("READ", |disk| rate(disk.read_bytes_per_second).into()),
        Column::number("WRITTEN", |disk| rate(disk.written_bytes_per_second).into()),
        Column::number("READS/S", |disk| {
            format!("{:.0}", disk.reads_per_second).into()
        }),
        Column::number("WRITES/S", |disk| {
            format!("{:.0}", disk.writes_per_second).into()
        }),
        Column::number("BUSY", |disk| {
            let busy = disk.busy_percent;
            Cell::new(percent(busy), Tone::of_percent(busy))
        }),
        Column::number("AWAIT MS", |disk| match disk.await_ms {
            Some(await_ms) => format!("{await_ms:.1}").into(),
            None => "-".into(),
        }),
    ]
}

/// The columns of network interfaces, also those of `network list`.
pub(in crate::cli) fn networks() -> Vec<Column<Network>> {
    vec![
        Column::long("INTERFACE", |one: &Network| one.interface.as_str().into()),
        Column::number("RECEIVED", |one| rate(one.received_bytes_per_second).into()),
        Column::number("SENT", |one| rate(one.sent_bytes_per_second).into()),
        Column::number("IN TOTAL", |one| size(one.received_bytes).into()),
        Column::number("OUT TOTAL", |one| size(one.sent_bytes).into()),
        Column::number("ERRORS", |one| troubles(one.errors)),
        Column::number("DROPS", |one| troubles(one.drops)),
        Column::wide_number("PACKETS IN", |one| one.received_packets.to_string().into()),
        Column::wide_number("PACKETS OUT", |one| one.sent_packets.to_string().into()),
        Column::wide("DEVICE", |one| {
            if one.has_device { "yes" } else { "virtual" }.into()
        }),
    ]
}

fn troubles(number: u64) -> Cell {
    let tone = if number > 0 { Tone::Warn } else { Tone::Plain };
    Cell::new(number.to_string(), tone)
}

fn sensors() -> Vec<Column<Sensor>> {
    vec![
        Column::long("SENSOR", |sensor: &Sensor| sensor.name.as_str().into()),
        Column::number("TEMPERATURE", |sensor| {
            let Some(celsius) = sensor.celsius else {
                return NOT_KNOWN.into();
            };
            let reaches = |limit: Option<f64>| limit.is_some_and(|limit| celsius >= limit);
            let tone = if reaches(sensor.critical_celsius) {
                Tone::Bad
            } else if reaches(sensor.high_celsius) {
                Tone::Warn
            } else {
                Tone::Plain
            };
            Cell::new(format!("{celsius:.1} °C"), tone)
        }),
        Column::number("HIGH", |sensor| limit(sensor.high_celsius)),
        Column::number("CRITICAL", |sensor| limit(sensor.critical_celsius)),
        Column::long("NOTE", |sensor| {
            sensor.error.clone().unwrap_or_default().into()
        }),
    ]
}

fn limit(celsius: Option<f64>) -> Cell {
    celsius.map_or_else(|| NOT_KNOWN.into(), |it| format!("{it:.0} °C").into())
}

fn sessions_of() -> Vec<Column<Session>> {
    vec![
        Column::text("USER", |one: &Session| one.user.as_str().into()),
        Column::text("TERMINAL", |one| {
            one.terminal.as_deref().unwrap_or(NOT_KNOWN).into()
        }),
        Column::text("FROM", |one| {
            one.remote_host.as_deref().unwrap_or(NOT_KNOWN).into()
        }),
        Column::text("SINCE", |one| {
            one.started_at
                .map_or_else(|| NOT_KNOWN.to_owned(), moment)
                .into()
        }),
    ]
}
