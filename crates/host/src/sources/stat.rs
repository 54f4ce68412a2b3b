//! `stat`: what the kernel counts of processors, interrupts and processes.

use std::collections::HashSet;

use super::Source;
use crate::HostRoots;

/// Counters of the whole kernel since the host started, see proc(5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelCounters {
    /// All processors together: the sum of them where the kernel writes none.
    pub total: CpuTicks,
    /// Each processor that is online with its number, in the order of the file.
    pub cpus: Vec<(u32, CpuTicks)>,
    /// Interrupts served.
    pub interrupts: Option<u64>,
    /// Switches from one thread to another.
    pub context_switches: Option<u64>,
    /// Processes and threads started.
    pub forks: Option<u64>,
    /// When the host started, in seconds since 1970.
    pub boot_time: Option<u64>,
    /// Threads that run or could.
    pub running: Option<u64>,
    /// Threads that wait for a disk.
    pub blocked: Option<u64>,
}

/// Processor time since the host started in ticks of the kernel's clock: [`CpuTicks::MODES`], then
/// [`CpuTicks::GUEST_MODES`], which `user` and `nice` hold already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTicks(pub [u64; 10]);

/// A counter that fell by more than this starts again: the processor was offline, or the machine paused.
pub(crate) const RESTART_TICKS: u64 = 300;

impl CpuTicks {
    /// What a processor does.
    pub const MODES: [&'static str; 8] = [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
    ];
    /// Whose virtual machines it runs.
    pub const GUEST_MODES: [&'static str; 2] = ["user", "nice"];
    /// Index of the time with nothing to do.
    pub(crate) const IDLE: usize = 3;

    /// The same in seconds.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 ticks are a million years of a processor"
    )]
    pub fn seconds(&self) -> [f64; 10] {
        let per_second = rustix::param::clock_ticks_per_second().max(1) as f64;
        self.0.map(|ticks| ticks as f64 / per_second)
    }

    /// Of each counter the larger one of two readings: the kernel's idle and iowait times may go back
    /// a little, which a counter must not. A processor that starts again does so.
    pub(crate) fn never_below(self, before: Option<Self>) -> Self {
        let Some(Self(before)) = before else {
            return self;
        };
        if before[Self::IDLE].saturating_sub(self.0[Self::IDLE]) > RESTART_TICKS {
            return self;
        }
        Self(std::array::from_fn(|mode| self.0[mode].max(before[mode])))
    }

    /// The counters of a line. Old kernels have four kinds of time; those that are missing are zero.
    fn parse(counters: &str) -> Option<Self> {
        let mut ticks = [0; 10];
        let mut words = counters.split_whitespace();
        for (index, tick) in ticks.iter_mut().enumerate() {
            *tick = match words.next() {
                Some(word) => word.parse().ok()?,
                None if index >= 4 => 0,
                None => return None,
            };
        }
        Some(Self(ticks))
    }

    fn plus(self, other: &Self) -> Self {
        Self(std::array::from_fn(|mode| {
            self.0[mode].saturating_add(other.0[mode])
        }))
    }
}

/// The file.
pub(crate) fn source(roots: &HostRoots) -> Source<KernelCounters> {
    Source::new(roots.procfs.join("stat"), "line of CPU times", parse)
}

/// A line of CPU times that is odd costs its processor, and the first of two lines counts.
fn parse(text: &str) -> Option<KernelCounters> {
    let mut counters = KernelCounters::default();
    let mut total = None;
    let mut seen = HashSet::new();
    for line in text.lines() {
        let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
        let first = || rest.split_whitespace().next()?.parse().ok();
        match key {
            "intr" => counters.interrupts = first(),
            "ctxt" => counters.context_switches = first(),
            "btime" => counters.boot_time = first(),
            "processes" => counters.forks = first(),
            "procs_running" => counters.running = first(),
            "procs_blocked" => counters.blocked = first(),
            "cpu" => total = total.or_else(|| CpuTicks::parse(rest)),
            _ => {
                let number = key.strip_prefix("cpu").and_then(|key| key.parse().ok());
                if let Some((number, ticks)) = number.zip(CpuTicks::parse(rest))
                    && seen.insert(number)
                {
                    counters.cpus.push((number, ticks));
                }
            }
        }
    }
    if total.is_none() && counters.cpus.is_empty() {
        return None;
    }
    counters.total = total.unwrap_or_else(|| {
        let cpus = counters.cpus.iter().map(|(_, ticks)| ticks);
        cpus.fold(CpuTicks::default(), CpuTicks::plus)
    });
    Some(counters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn counters_never_go_back_but_a_processor_may_start_again() {
        let mut before = None;
        let mut idle_and_iowait = |idle: u64, iowait: u64| {
            let text = format!("cpu3 100 0 0 {idle} {iowait} 0 0 0 50 0\nintr 9 1\nbtime 7\n");
            let read = parse(&text).unwrap();
            assert_eq!(
                (read.interrupts, read.boot_time, read.forks),
                (Some(9), Some(7), None)
            );
            let (number, ticks) = read.cpus[0];
            assert_eq!((number, read.total), (3, ticks));
            let ticks = ticks.never_below(before);
            before = Some(ticks);
            let [user, _, _, idle, iowait, _, _, _, guest, _] = ticks.seconds();
            assert_eq!((user, guest), (1.0, 0.5));
            (idle, iowait)
        };
        assert_eq!(idle_and_iowait(5_000, 100), (50.0, 1.0));
        assert_eq!(idle_and_iowait(4_990, 90), (50.0, 1.0));
        assert_eq!(idle_and_iowait(5_100, 200), (51.0, 2.0));
        assert_eq!(idle_and_iowait(10, 0), (0.1, 0.0));
    }

    #[test]
    fn an_odd_line_costs_its_processor() {
        let text = "cpu 1 1 1 1\ncpu0 1 2 x 4\ncpu1 5 5 5 5\ncpu1 9 9 9 9\ncpu2 1\nbtime 7\n";
        let counters = parse(text).unwrap();
        assert_eq!(counters.boot_time, Some(7));
        let ticks = CpuTicks([5, 5, 5, 5, 0, 0, 0, 0, 0, 0]);
        assert_eq!(counters.cpus, [(1, ticks)]);
    }

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        let mut source = source(&tree.roots());
        for text in ["", "intr 1\n", "cpu0 1 2 3\n", "cpu0 1 2 x 4\n"] {
            tree.write("proc/stat", text);
            let error = source.read().unwrap_err();
            assert!(error.to_string().contains("/stat"), "{error}");
        }
    }
}
