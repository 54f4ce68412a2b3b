//! What helps to understand a notice, read when it begins.

use linux_api_alerts::host_text::HostText;
use linux_api_alerts::notice::ContextKind;
use linux_api_host::Collector;
use linux_api_wire::api::units::UnitLogLine;
use linux_api_wire::process::{Process, ProcessScan, ProcessStatus, Unavailable};
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

/// The processes with the most traffic. That of other accounts needs more rights than the daemon has in most places:
/// a list of its own processes would mislead, so then those are listed that wait for a disk right now.
fn by_traffic(scan: &ProcessScan) -> Vec<String> {
    let is_denied = |one: &Process| one.io == Err(Unavailable::PermissionDenied);
    if scan.processes.iter().any(is_denied) {
        let waits = |one: &Process| (one.state == ProcessStatus::DiskSleep).then_some(1.0);
        return most(scan, waits, |_, _| "waits for a disk".to_owned());
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use linux_api_wire::process::{IoRates, Placement, ProcessDescription, ProcessIo};
    use linux_api_wire::time::Timestamp;

    use super::*;

    fn process(pid: u32, state: ProcessStatus, rate: Result<f64, Unavailable>) -> Process {
        let io = |rate| ProcessIo {
            read_bytes: 0,
            written_bytes: 0,
            rates: Some(IoRates {
                read_bytes_per_second: rate,
                written_bytes_per_second: 0.0,
            }),
        };
        let unit = (pid == 2).then(|| "db.service".to_owned());
        Process {
            pid,
            ppid: 1,
            start_ticks: 0,
            state,
            cpu_percent: Some(f64::from(pid) * 10.0),
            cpu_seconds: 0.0,
            memory_bytes: u64::from(pid) << 20,
            virtual_bytes: 0,
            threads: 1,
            priority: 20,
            nice: 0,
            tty: None,
            io: rate.map(io),
            description: Arc::new(ProcessDescription {
                name: format!("p{pid}"),
                command: String::new(),
                uid: Some(0),
                user: None,
                shared_bytes: None,
                start_time: Timestamp::from_millis(0),
                placement: Placement {
                    unit,
                    ..Placement::default()
                },
            }),
        }
    }

    fn scan(processes: Vec<Process>) -> ProcessScan {
        ProcessScan {
            time: Timestamp::from_millis(0),
            duration: Duration::ZERO,
            interval: None,
            boot_time: Timestamp::from_millis(0),
            memory_total_bytes: 1 << 30,
            processes,
        }
    }

    #[test]
    fn the_three_with_the_most_are_listed() {
        let of = |pid| process(pid, ProcessStatus::Sleeping, Ok(f64::from(pid) * 1024.0));
        let scan = scan((0..5).map(of).collect());
        assert_eq!(
            by_memory(&scan),
            [
                "p4 (4): 4.0 MiB of memory",
                "p3 (3): 3.0 MiB of memory",
                "p2 (2) of db.service: 2.0 MiB of memory",
            ]
        );
        assert_eq!(by_cpu(&scan)[0], "p4 (4): 40.0% of a processor");
        assert_eq!(by_traffic(&scan)[0], "p4 (4): 4.0 KiB/s read and written");
    }

    #[test]
    fn where_traffic_is_hidden_those_that_wait_are_listed() {
        let denied = Err(Unavailable::PermissionDenied);
        let scan = scan(vec![
            process(1, ProcessStatus::Sleeping, denied),
            process(2, ProcessStatus::DiskSleep, denied),
            process(3, ProcessStatus::Sleeping, Ok(1e9)),
        ]);
        assert_eq!(
            by_traffic(&scan),
            ["p2 (2) of db.service: waits for a disk"]
        );
    }
}
