//! What helps to understand a notice, read when it begins.

use linux_api_alerts::host_text::HostText;
use linux_api_alerts::notice::ContextKind;
use linux_api_host::Collector;
use linux_api_wire::api::units::UnitLogLine;
use linux_api_wire::process::{Process, ProcessScan};
use linux_api_wire::units;

use super::fills::Fills;
use crate::journal::Journal;

/// How many lines of a log, or processes.
const LINES: usize = 3;

/// The lines for a notice; none where nothing can be read.
pub(super) async fn of(
    kind: &ContextKind,
    collector: &Collector,
    journal: &Journal,
    fills: &Fills,
) -> Vec<HostText> {
    let lines = match kind {
        ContextKind::UnitLog(unit) => match unit.parse() {
            Ok(unit) => {
                let read = journal.last_lines(&unit, None, LINES).await;
                read.unwrap_or_default().iter().map(log_line).collect()
            }
            Err(_no_unit) => Vec::new(),
        },
        ContextKind::DiskGrowth(mount_point) => growth(fills, mount_point).into_iter().collect(),
        ContextKind::TopMemory => match collector.shared_processes().await {
            Ok(scan) => by_memory(&scan),
            Err(_) => Vec::new(),
        },
        ContextKind::TopIo => match collector.rated_processes().await {
            Ok(scan) => by_traffic(&scan),
            Err(_) => Vec::new(),
        },
        ContextKind::TopCpu => match collector.rated_processes().await {
            Ok(scan) => by_cpu(&scan),
            Err(_) => Vec::new(),
        },
    };
    lines.iter().map(|line| HostText::new(line)).collect()
}

fn log_line(line: &UnitLogLine) -> String {
    format!("{} {}", units::time(&line.time), line.message)
}

/// How much was taken. Which files that are would take a walk through all of them.
fn growth(fills: &Fills, mount_point: &str) -> Option<String> {
    let (taken, span) = fills.histories().get(mount_point)?.taken()?;
    let (taken, span) = (units::size(taken), units::span(span.as_secs()));
    Some(format!("{taken} more are in use than {span} ago"))
}

fn by_memory(scan: &ProcessScan) -> Vec<String> {
    most(
        scan,
        |one| Some(precise(one.memory_bytes)),
        |one, _| format!("{} of memory", units::size(one.memory_bytes)),
    )
}

fn by_cpu(scan: &ProcessScan) -> Vec<String> {
    most(
        scan,
        |one| one.cpu_percent,
        |_, percent| format!("{} of a processor", units::percent(percent)),
    )
}

/// The processes whose traffic may be seen; that of other accounts needs more rights.
fn by_traffic(scan: &ProcessScan) -> Vec<String> {
    let rate = |one: &Process| {
        let rates = one.io.as_ref().ok()?.rates?;
        Some(rates.read_bytes_per_second + rates.written_bytes_per_second)
    };
    most(scan, rate, |_, rate| {
        format!("{} read and written", units::rate(rate))
    })
}

/// The processes with the most of something, and how much that is.
fn most(
    scan: &ProcessScan,
    amount: impl Fn(&Process) -> Option<f64>,
    text: impl Fn(&Process, f64) -> String,
) -> Vec<String> {
    let known = scan.processes.iter();
    let known = known.filter_map(|one| amount(one).map(|amount| (amount, one)));
    let mut known: Vec<(f64, &Process)> = known.filter(|(amount, _)| *amount > 0.0).collect();
    known.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let line = |(amount, one): &(f64, &Process)| {
        let description = &*one.description;
        let unit = description.placement.unit.as_deref();
        let unit = unit.map(|unit| format!(" of {unit}")).unwrap_or_default();
        let (name, pid) = (&description.name, one.pid);
        format!("{name} ({pid}){unit}: {}", text(one, *amount))
    };
    known.iter().take(LINES).map(line).collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "for an order, 53 bits are enough"
)]
const fn precise(bytes: u64) -> f64 {
    bytes as f64
}
