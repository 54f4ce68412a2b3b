//! The figures, beside those that `docs/fleet.md` has of the time before and the bars that they have to
//! meet.

use std::process::ExitCode;
use std::time::Duration;

const GUIDE: &str = include_str!("../../../docs/fleet.md");
/// For this many hosts the bars are set.
const HOSTS: u32 = 1_000;

/// What a played daemon lacks, for people.
pub(super) const NOT_PLAYED: &[&str] = &[
    "listeners and requests: their statistics are counted as if there were some, and the questions are \
     sent to one real daemon",
    "reading the host: 43 made-up series, every 10 s in place of 2 s",
    "alerts: of the checks those that a snapshot is enough for; every twentieth host has a full file system",
    "backups, files of measurements that could not be written, connecting again after an outage",
    "the network: all processes share this machine, and its processors",
    "months of age: tables are as large as the days written before, all series of some hosts only",
];

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    ServerConnections,
    ServerConnectionsUsed,
    OwnConnections,
    ClientConnections,
    PoolerWait,
    TransactionsIdle,
    TransactionsUsed,
    ProcessorIdle,
    ProcessorUsed,
    PoolerProcessor,
    WalMinute,
    WalDay,
    WalDayUsed,
    Disk,
    History,
    RoutesLastHour,
    RoutesByHour,
    Hosts,
    ByHost,
    RevocationUsed,
    RevocationIdle,
    RetentionWrite,
    FailedWrites,
    Notices,
    FailedHostsNoticed,
    FailedHostsNotices,
}

impl Row {
    const ALL: [Self; 26] = [
        Self::ServerConnections,
        Self::ServerConnectionsUsed,
        Self::OwnConnections,
        Self::ClientConnections,
        Self::PoolerWait,
        Self::TransactionsIdle,
        Self::TransactionsUsed,
        Self::ProcessorIdle,
        Self::ProcessorUsed,
        Self::PoolerProcessor,
        Self::WalMinute,
        Self::WalDay,
        Self::WalDayUsed,
        Self::Disk,
        Self::History,
        Self::RoutesLastHour,
        Self::RoutesByHour,
        Self::Hosts,
        Self::ByHost,
        Self::RevocationUsed,
        Self::RevocationIdle,
        Self::RetentionWrite,
        Self::FailedWrites,
        Self::Notices,
        Self::FailedHostsNoticed,
        Self::FailedHostsNotices,
    ];

    /// As in the table of the guide.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ServerConnections => "Connections of the server, idle",
            Self::ServerConnectionsUsed => "Connections of the server, in use",
            Self::OwnConnections => "Connections a daemon, without a pooler",
            Self::ClientConnections => "Connections of daemons to PgBouncer",
            Self::PoolerWait => "Longest wait for a connection of the server",
            Self::TransactionsIdle => "Transactions a second, idle",
            Self::TransactionsUsed => "Transactions a second, in use",
            Self::ProcessorIdle => "Processor of PostgreSQL, idle",
            Self::ProcessorUsed => "Processor of PostgreSQL, in use",
            Self::PoolerProcessor => "Processor of PgBouncer, idle",
            Self::WalMinute => "Write-ahead log a minute, idle",
            Self::WalDay => "Write-ahead log a day, idle",
            Self::WalDayUsed => "Write-ahead log a day, in use",
            Self::Disk => "Series on disk, a host and day",
            Self::History => "History of 30 days in minutes, one series",
            Self::RoutesLastHour => "Requests by route, last hour, 100 rows",
            Self::RoutesByHour => "Requests by route, 10 days by hour, 1000 rows",
            Self::Hosts => "List of all hosts",
            Self::ByHost => "Requests by host, by hour, 1000 rows",
            Self::RevocationUsed => "A revoked key works on, daemon in use",
            Self::RevocationIdle => "A revoked key works on, idle daemon",
            Self::RetentionWrite => "Longest write beside retention",
            Self::FailedWrites => "Writes of daemons that failed",
            Self::Notices => "Notices of 50 full file systems",
            Self::FailedHostsNoticed => "From the end of 200 hosts to their notice",
            Self::FailedHostsNotices => "Notices of 200 hosts that end at once",
        }
    }

    /// The most that it may be, in the unit of [`Measured`].
    const fn bar(self) -> Option<f64> {
        Some(match self {
            Self::ServerConnections | Self::ServerConnectionsUsed => 40.0,
            // A call that waits longer than a moment opens a second connection for half a minute.
            Self::OwnConnections => 1.2,
            Self::TransactionsIdle => 150.0,
            Self::TransactionsUsed => 1_150.0,
            Self::WalDay => 5.0,
            Self::Disk => 0.7,
            Self::History | Self::RoutesLastHour => 60.0,
            Self::RoutesByHour => 300.0,
            Self::Hosts => 10.0,
            Self::RevocationUsed | Self::RevocationIdle => 2_000.0,
            Self::RetentionWrite => 50.0,
            Self::FailedWrites => 0.0,
            Self::FailedHostsNoticed => 210.0,
            Self::Notices | Self::FailedHostsNotices => 1.0,
            Self::ClientConnections
            | Self::PoolerWait
            | Self::ProcessorIdle
            | Self::ProcessorUsed
            | Self::PoolerProcessor
            | Self::WalMinute
            | Self::WalDayUsed
            | Self::ByHost => return None,
        })
    }

    /// The figure of the time before, as the guide has it.
    fn before(self) -> &'static str {
        let mut rows = GUIDE.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            (cells.next()? == self.name()).then(|| cells.next())?
        });
        rows.next().unwrap_or_default()
    }
}

/// One figure.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// Compared with the bar: a count, milliseconds, or what the text's unit says.
    value: f64,
    /// With its unit.
    text: String,
}

impl Measured {
    pub(super) const fn new(value: f64, text: String) -> Self {
        Self { value, text }
    }

    pub(super) fn count(count: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let value = count as f64;
        Self::new(value, count.to_string())
    }

    pub(super) fn milliseconds(time: Duration) -> Self {
        let value = 1e3 * time.as_secs_f64();
        Self::new(value, format!("{value:.0} ms"))
    }

    /// Of one processor.
    pub(super) fn share(share: f64) -> Self {
        let percent = 100.0 * share;
        Self::new(percent, format!("{percent:.0} % of one"))
    }
}

/// All figures of a run.
pub(super) struct Report(Vec<(Row, Measured)>);

impl Report {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn note(&mut self, row: Row, measured: Measured) {
        println!("{}: {}", row.name(), measured.text);
        self.0.push((row, measured));
    }

    /// Prints the table. The bars are for a thousand hosts, or fewer.
    pub(super) fn print(self, hosts: u32) -> ExitCode {
        println!("\nNot played:");
        for what in NOT_PLAYED {
            println!("- {what}");
        }
        println!("\n| At {hosts} hosts | Before | Now | Bar |\n| --- | --- | --- | --- |");
        let mut all_met = true;
        for row in Row::ALL {
            let Some((_, measured)) = self.0.iter().find(|(noted, _)| *noted == row) else {
                continue;
            };
            let bar = row.bar().filter(|_| hosts <= HOSTS);
            let is_met = bar.is_none_or(|bar| measured.value <= bar);
            all_met &= is_met;
            println!(
                "| {} | {} | {}{} | {} |",
                row.name(),
                row.before(),
                measured.text,
                if is_met { "" } else { " (missed)" },
                bar.map_or_else(String::new, |bar| format!("{bar}")),
            );
        }
        if all_met {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_the_guide() {
        for row in Row::ALL {
            assert_ne!(row.before(), "", "{}", row.name());
        }
    }
}
