//! The values of the columns, and how they are written.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Process as WireProcess;
use super::column::{Column, Fields};
use crate::process::{IoRates, Process, ProcessIo, Unavailable, memory_percent};

/// What a process has in a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Whole(u64),
    Signed(i32),
    Number(f64),
    Text(Cow<'a, str>),
    /// With the reason where it is not that there is none.
    Missing(Option<Unavailable>),
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Missing(None), |text| Self::Text(text.into()))
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(number) => serializer.serialize_u64(*number),
            Self::Signed(number) => serializer.serialize_i32(*number),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Missing(_) => serializer.serialize_none(),
        }
    }
}

impl Column {
    pub(super) fn value(self, process: &Process, memory_total_bytes: u64) -> Value<'_> {
        let about = &*process.description;
        let io = |pick: fn(ProcessIo) -> u64| match process.io {
            Ok(io) => Value::Whole(pick(io)),
            Err(reason) => Value::Missing(Some(reason)),
        };
        let rate = |pick: fn(IoRates) -> f64| match process.io.map(|io| io.rates) {
            Ok(Some(rates)) => Value::Number(pick(rates)),
            Ok(None) => Value::Missing(Some(Unavailable::FirstScan)),
            Err(reason) => Value::Missing(Some(reason)),
        };
        match self {
            Self::Pid => Value::Whole(process.pid.into()),
            Self::Ppid => Value::Whole(process.ppid.into()),
            Self::Name => Value::Text(about.name.as_str().into()),
            Self::Command => Value::Text(about.command.as_str().into()),
            Self::Uid => match about.uid {
                Some(uid) => Value::Whole(uid.into()),
                None => Value::Missing(Some(Unavailable::PermissionDenied)),
            },
            Self::User => about.user.as_deref().into(),
            Self::State => Value::Text(process.state.as_str().into()),
            Self::CpuPercent => match process.cpu_percent {
                Some(percent) => Value::Number(percent),
                None => Value::Missing(Some(Unavailable::FirstScan)),
            },
            Self::CpuSeconds => Value::Number(process.cpu_seconds),
            Self::MemoryBytes => Value::Whole(process.memory_bytes),
            Self::MemoryPercent => memory_percent(process.memory_bytes, memory_total_bytes)
                .map_or(Value::Missing(None), Value::Number),
            Self::VirtualBytes => Value::Whole(process.virtual_bytes),
            Self::SharedBytes => match about.shared_bytes {
                Some(bytes) => Value::Whole(bytes),
                None => Value::Missing(Some(Unavailable::NotSupported)),
            },
            Self::Threads => Value::Whole(process.threads),
            Self::Priority => Value::Signed(process.priority),
            Self::Nice => Value::Signed(process.nice),
            Self::Tty => process.tty.as_deref().into(),
            Self::StartTime => Value::Text(about.start_time.to_string().into()),
            Self::StartTicks => Value::Whole(process.start_ticks),
            Self::Cgroup => about.placement.cgroup.as_deref().into(),
            Self::Unit => about.placement.unit.as_deref().into(),
            Self::Container => about.placement.container.as_deref().into(),
            Self::ReadBytes => io(|io| io.read_bytes),
            Self::WrittenBytes => io(|io| io.written_bytes),
            Self::ReadBytesPerSecond => rate(|rates| rates.read_bytes_per_second),
            Self::WrittenBytesPerSecond => rate(|rates| rates.written_bytes_per_second),
        }
    }
}

/// A process with the requested fields. Written as [`WireProcess`] is, without copying
/// anything.
#[derive(Debug, Clone, Copy)]
pub struct SelectedProcess<'a> {
    /// The process.
    pub process: &'a Process,
    /// Which fields of it.
    pub fields: &'a Fields,
    /// Memory of the machine in bytes.
    pub memory_total_bytes: u64,
}

impl Serialize for SelectedProcess<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut has_reasons = false;
        for column in self.fields.columns() {
            let value = column.value(self.process, self.memory_total_bytes);
            has_reasons |= matches!(value, Value::Missing(Some(_)));
            map.serialize_entry(column.as_str(), &value)?;
        }
        if has_reasons {
            map.serialize_entry("unavailable", &Reasons(*self))?;
        }
        map.end()
    }
}

/// Why fields of a process are null.
struct Reasons<'a>(SelectedProcess<'a>);

impl Serialize for Reasons<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SelectedProcess {
            process,
            fields,
            memory_total_bytes,
        } = self.0;
        let reasons = fields.columns().iter().filter_map(|column| {
            match column.value(process, memory_total_bytes) {
                Value::Missing(Some(reason)) => Some((column.as_str(), reason.as_str())),
                _ => None,
            }
        });
        serializer.collect_map(reasons)
    }
}

impl WireProcess {
    /// The process with all its fields; memory in percent needs the machine's.
    #[must_use]
    pub fn new(process: &Process, memory_total_bytes: u64) -> Self {
        let about = &*process.description;
        let io = process.io.ok();
        let rates = io.and_then(|io| io.rates);
        let reasons = Column::ALL.iter().filter_map(|column| {
            match column.value(process, memory_total_bytes) {
                Value::Missing(Some(reason)) => {
                    Some((column.as_str().to_owned(), reason.as_str().to_owned()))
                }
                _ => None,
            }
        });
        Self {
            pid: process.pid,
            ppid: process.ppid,
            name: about.name.clone(),
            command: about.command.clone(),
            uid: about.uid,
            user: about.user.as_deref().map(str::to_owned),
            state: process.state.as_str().to_owned(),
            cpu_percent: process.cpu_percent,
            cpu_seconds: process.cpu_seconds,
            memory_bytes: process.memory_bytes,
            memory_percent: memory_percent(process.memory_bytes, memory_total_bytes),
            virtual_bytes: process.virtual_bytes,
            shared_bytes: about.shared_bytes,
            threads: process.threads,
            priority: Some(process.priority),
            nice: process.nice,
            tty: process.tty.clone(),
            start_time: about.start_time.to_string(),
            start_ticks: process.start_ticks,
            cgroup: about.placement.cgroup.clone(),
            unit: about.placement.unit.clone(),
            container: about.placement.container.clone(),
            read_bytes: io.map(|io| io.read_bytes),
            written_bytes: io.map(|io| io.written_bytes),
            read_bytes_per_second: rates.map(|rates| rates.read_bytes_per_second),
            written_bytes_per_second: rates.map(|rates| rates.written_bytes_per_second),
            unavailable: reasons.collect(),
        }
    }
}
