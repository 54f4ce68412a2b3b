//! What `stat` of the process file system counts.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::CollectError;
use crate::reread::Reread;

/// Counters of the whole kernel since the host started, see proc(5).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KernelCounters {
    /// Each processor that is online, in the order of their numbers.
    pub cpus: Vec<CpuCounters>,
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

/// Time of one processor since the host started, in seconds, in the order of
/// [`CpuCounters::MODES`]. Never less than at the reading before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CpuCounters {
    /// The kernel's number for it.
    pub number: u32,
    /// Time by what it did.
    pub seconds: [f64; 8],
    /// Time of `user` and `nice` that went to virtual machines.
    pub guest_seconds: [f64; 2],
}

impl CpuCounters {
    /// What a processor does.
    pub const MODES: [&'static str; 8] = [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
    ];
    /// Whose virtual machines.
    pub const GUEST_MODES: [&'static str; 2] = ["user", "nice"];
}

/// A processor whose idle time goes back further than this was offline and starts anew.
pub(crate) const RESTART_TICKS: u64 = 300;

type Ticks = [u64; 10];

/// Reads `stat`.
#[derive(Debug)]
pub(super) struct StatReader {
    file: Reread,
    previous: HashMap<u32, Ticks>,
}

impl StatReader {
    pub(super) fn new(procfs: &Path) -> Self {
        Self {
            file: Reread::new(procfs.join("stat")),
            previous: HashMap::new(),
        }
    }

    pub(super) fn read(&mut self) -> Result<KernelCounters, CollectError> {
        let parsed = parse(&self.file.text()?);
        let (mut counters, ticks) =
            parsed.ok_or_else(|| self.file.malformed("line of CPU times"))?;
        let mut seen = HashMap::with_capacity(ticks.len());
        for (number, ticks) in ticks {
            let ticks = never_back(self.previous.get(&number), ticks);
            counters.cpus.push(in_seconds(number, &ticks));
            seen.insert(number, ticks);
        }
        self.previous = seen;
        Ok(counters)
    }
}

/// The kernel's idle and iowait times may go back a little; a counter must not.
fn never_back(before: Option<&Ticks>, mut now: Ticks) -> Ticks {
    const IDLE: usize = 3;
    let Some(before) = before else { return now };
    if before[IDLE].saturating_sub(now[IDLE]) > RESTART_TICKS {
        return now;
    }
    for (now, before) in now.iter_mut().zip(before) {
        *now = (*now).max(*before);
    }
    now
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 ticks are a million years of a processor"
)]
fn in_seconds(number: u32, ticks: &Ticks) -> CpuCounters {
    let per_second = rustix::param::clock_ticks_per_second().max(1) as f64;
    let seconds = ticks.map(|ticks| ticks as f64 / per_second);
    let mut cpu = CpuCounters {
        number,
        ..CpuCounters::default()
    };
    cpu.seconds.copy_from_slice(&seconds[..8]);
    cpu.guest_seconds.copy_from_slice(&seconds[8..]);
    cpu
}

/// The counters of a line of CPU times. Kernels of old had four kinds of time; those that a kernel
/// does not tell are zero.
pub(crate) fn parse_ticks<const N: usize>(counters: &str) -> Option<[u64; N]> {
    let mut ticks = [0; N];
    let mut words = counters.split_whitespace();
    for (index, tick) in ticks.iter_mut().enumerate() {
        *tick = match words.next() {
            Some(word) => word.parse().ok()?,
            None if index >= 4 => 0,
            None => return None,
        };
    }
    Some(ticks)
}

fn parse(text: &str) -> Option<(KernelCounters, Vec<(u32, Ticks)>)> {
    let mut counters = KernelCounters::default();
    let mut cpus = Vec::new();
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
            _ => {
                let number = key
                    .strip_prefix("cpu")
                    .and_then(|number| number.parse().ok());
                // An odd line costs its processor, and the first of two lines counts.
                if let Some((number, ticks)) = number.zip(parse_ticks(rest))
                    && seen.insert(number)
                {
                    cpus.push((number, ticks));
                }
            }
        }
    }
    (!cpus.is_empty()).then_some((counters, cpus))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn counters_never_go_back_but_a_processor_may_start_anew() {
        let tree = Tree::new();
        let mut reader = StatReader::new(&tree.path("proc"));
        let mut idle_and_iowait = |idle: u64, iowait: u64| {
            let text = format!(
                "cpu 1 1 1 1\ncpu3 100 0 0 {idle} {iowait} 0 0 0 50 0\nintr 9 1\nbtime 7\n"
            );
            tree.write("proc/stat", text);
            let read = reader.read().unwrap();
            assert_eq!(
                (read.interrupts, read.boot_time, read.forks),
                (Some(9), Some(7), None)
            );
            let cpu = &read.cpus[0];
            assert_eq!(
                (cpu.number, cpu.seconds[0], cpu.guest_seconds),
                (3, 1.0, [0.5, 0.0])
            );
            (cpu.seconds[3], cpu.seconds[4])
        };
        assert_eq!(idle_and_iowait(5_000, 100), (50.0, 1.0));
        assert_eq!(idle_and_iowait(4_990, 90), (50.0, 1.0));
        assert_eq!(idle_and_iowait(5_100, 200), (51.0, 2.0));
        assert_eq!(idle_and_iowait(10, 0), (0.1, 0.0));
    }

    #[test]
    fn an_odd_line_costs_its_processor() {
        let text = "cpu 1 1 1 1\ncpu0 1 2 x 4\ncpu1 5 5 5 5\ncpu1 9 9 9 9\ncpu2 1\nbtime 7\n";
        let (counters, cpus) = parse(text).unwrap();
        assert_eq!(counters.boot_time, Some(7));
        assert_eq!(cpus, [(1, [5, 5, 5, 5, 0, 0, 0, 0, 0, 0])]);
    }

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        let mut reader = StatReader::new(&tree.path("proc"));
        for text in ["", "intr 1\n", "cpu0 1 2 3\n", "cpu0 1 2 x 4\n"] {
            tree.write("proc/stat", text);
            let error = reader.read().unwrap_err();
            assert!(error.to_string().contains("/stat"), "{error}");
        }
    }
}
