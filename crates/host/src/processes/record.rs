//! What a scan remembers of a process for the next one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Moment;
use super::stat::Stat;
use linux_api_wire::process::{IoRates, Process, ProcessDescription, ProcessIo, Unavailable};

/// How long a description is used without looking again, at most.
const DESCRIPTION_KEPT_FOR: Duration = Duration::from_secs(30);

/// Some are looked at again by this much sooner, so that they do not all come in one scan.
const SPREAD_SECONDS: u32 = 10;

/// A process as young as this may still be changing its account, its group and its name.
const YOUNG: Duration = Duration::from_secs(5);

/// What the scans so far have found of a process.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) start_ticks: u64,
    pub(super) usage: Usage,
    /// When it was last seen.
    pub(super) seen: Instant,
    pub(super) description: Arc<ProcessDescription>,
    described: Instant,
    /// As the kernel has it; the description's may be longer.
    short_name: Box<[u8]>,
    arguments: (u64, u64),
}

/// What a process has used since it started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) cpu_ticks: u64,
    pub(super) io: Result<Counters, Unavailable>,
}

/// Bytes read and written since a process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) read: u64,
    pub(super) written: u64,
}

impl Usage {
    /// That of a process at its start.
    pub(super) const NOTHING: Self = Self {
        cpu_ticks: 0,
        io: Ok(Counters {
            read: 0,
            written: 0,
        }),
    };
}

impl Record {
    pub(super) fn new(
        stat: &Stat<'_>,
        description: ProcessDescription,
        io: Result<Counters, Unavailable>,
        now: Instant,
    ) -> Self {
        Self {
            start_ticks: stat.start_ticks,
            usage: Usage {
                cpu_ticks: stat.cpu_ticks(),
                io,
            },
            seen: now,
            description: Arc::new(description),
            described: now,
            short_name: stat.name.into(),
            arguments: stat.arguments,
        }
    }

    /// Whether the description should be read again: another program runs in the process, or
    /// it has not been read for a while.
    pub(super) fn may_differ(&self, pid: u32, stat: &Stat<'_>, moment: Moment<'_>) -> bool {
        let sooner = Duration::from_secs((pid % SPREAD_SECONDS).into());
        self.short_name[..] != *stat.name
            || self.arguments != stat.arguments
            || moment.now.duration_since(self.described) + sooner >= DESCRIPTION_KEPT_FOR
            || moment.age(stat).is_some_and(|age| age < YOUNG)
    }

    pub(super) fn describe(
        &mut self,
        stat: &Stat<'_>,
        description: ProcessDescription,
        now: Instant,
    ) {
        // Most are what they were, and share it with the scans before.
        if *self.description != description {
            self.description = Arc::new(description);
        }
        self.described = now;
        self.short_name = stat.name.into();
        self.arguments = stat.arguments;
    }

    /// The process with its rates since `earlier`, which is what the scan before saw.
    pub(super) fn process(
        &self,
        pid: u32,
        stat: &Stat<'_>,
        earlier: Option<Usage>,
        moment: Moment<'_>,
    ) -> Process {
        let since = moment.interval.zip(earlier);
        Process {
            pid,
            ppid: stat.ppid,
            start_ticks: stat.start_ticks,
            state: stat.state,
            cpu_percent: since.and_then(|(interval, earlier)| {
                let ticks = self.usage.cpu_ticks.saturating_sub(earlier.cpu_ticks);
                rounded(moment.seconds(ticks) / interval.as_secs_f64() * 100.0)
            }),
            cpu_seconds: moment.seconds(self.usage.cpu_ticks),
            memory_bytes: stat.resident_pages.saturating_mul(moment.page_bytes),
            virtual_bytes: stat.virtual_bytes,
            threads: stat.threads,
            priority: stat.priority,
            nice: stat.nice,
            tty: stat.tty_name(),
            io: self.usage.io.map(|counters| ProcessIo {
                read_bytes: counters.read,
                written_bytes: counters.written,
                rates: since.and_then(|(interval, earlier)| {
                    counters.rates_since(earlier.io.ok()?, interval)
                }),
            }),
            description: Arc::clone(&self.description),
        }
    }
}

impl Counters {
    #[expect(
        clippy::cast_precision_loss,
        reason = "rates are rounded to one decimal anyway"
    )]
    fn rates_since(self, earlier: Self, interval: Duration) -> Option<IoRates> {
        let rate =
            |now: u64, then: u64| rounded(now.saturating_sub(then) as f64 / interval.as_secs_f64());
        Some(IoRates {
            read_bytes_per_second: rate(self.read, earlier.read)?,
            written_bytes_per_second: rate(self.written, earlier.written)?,
        })
    }
}

/// With one decimal; none for what is no number.
fn rounded(number: f64) -> Option<f64> {
    number.is_finite().then(|| (number * 10.0).round() / 10.0)
}
