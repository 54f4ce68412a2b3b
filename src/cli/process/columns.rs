//! The columns of the process list, as tables show them.

use super::query::ProcessRow;
use crate::cli::rows::{Cell, Column};
use linux_api_wire::api::processes::{Column as Field, Process};
use linux_api_wire::units::{NOT_KNOWN, cpu_time, minute, percent, rate, size};

/// The column of a field.
pub(super) fn of(field: Field) -> Column<ProcessRow> {
    match field {
        Field::Pid => Column::number("PID", |row| row.process.pid.to_string().into()),
        Field::Ppid => Column::number("PPID", |row| row.process.ppid.to_string().into()),
        Field::Name => Column::long("NAME", |row| row.process.name.as_str().into()),
        Field::Command => Column::long("COMMAND", command),
        Field::Uid => Column::number("UID", |row| number(row.process.uid)),
        Field::User => Column::text("USER", |row| text(row.process.user.as_deref())),
        Field::State => Column::text("STATE", |row| row.process.state.as_str().into()),
        Field::CpuPercent => {
            Column::number("CPU", |row| known(row.process.cpu_percent.map(percent)))
        }
        Field::CpuSeconds => Column::number("TIME", |row| cpu_time(row.process.cpu_seconds).into()),
        Field::MemoryBytes => Column::number("MEMORY", |row| size(row.process.memory_bytes).into()),
        Field::MemoryPercent => {
            Column::number("MEM%", |row| known(row.process.memory_percent.map(percent)))
        }
        Field::VirtualBytes => {
            Column::number("VIRTUAL", |row| size(row.process.virtual_bytes).into())
        }
        Field::SharedBytes => {
            Column::number("SHARED", |row| known(row.process.shared_bytes.map(size)))
        }
        Field::Threads => Column::number("THREADS", |row| row.process.threads.to_string().into()),
        Field::Priority => Column::number("PRIORITY", |row| {
            known(row.process.priority.map(|it| it.to_string()))
        }),
        Field::Nice => Column::number("NICE", |row| row.process.nice.to_string().into()),
        Field::Tty => Column::text("TTY", |row| text(row.process.tty.as_deref())),
        Field::StartTime => Column::text("STARTED", |row| minute(&row.process.start_time).into()),
        Field::StartTicks => Column::text("PID@START", |row| identity(&row.process).into()),
        Field::Cgroup => Column::long("CGROUP", |row| text(row.process.cgroup.as_deref())),
        Field::Unit => Column::long("UNIT", |row| text(row.process.unit.as_deref())),
        Field::Container => Column::long("CONTAINER", |row| text(row.process.container.as_deref())),
        Field::ReadBytes => Column::number("READ", |row| known(row.process.read_bytes.map(size))),
        Field::WrittenBytes => {
            Column::number("WRITTEN", |row| known(row.process.written_bytes.map(size)))
        }
        Field::ReadBytesPerSecond => Column::number("READ/S", |row| {
            known(row.process.read_bytes_per_second.map(rate))
        }),
        Field::WrittenBytesPerSecond => Column::number("WRITE/S", |row| {
            known(row.process.written_bytes_per_second.map(rate))
        }),
    }
}

/// The command line; in brackets the name of what has none, as ps(1) shows it.
fn command(row: &ProcessRow) -> Cell {
    let process = &row.process;
    if process.command.is_empty() {
        return format!("[{}]", process.name).into();
    }
    process.command.as_str().into()
}

/// What `process signal` and `process renice` take: the process, and no other that gets its number.
pub(super) fn identity(process: &Process) -> String {
    format!("{}@{}", process.pid, process.start_ticks)
}

fn known(text: Option<String>) -> Cell {
    text.unwrap_or_else(|| NOT_KNOWN.to_owned()).into()
}

fn text(text: Option<&str>) -> Cell {
    text.unwrap_or(NOT_KNOWN).into()
}

fn number(number: Option<u32>) -> Cell {
    known(number.map(|number| number.to_string()))
}
