//! What the processors do, together and each.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::rate::rounded;
use crate::carryover::Carryover;
use crate::sources::cpuinfo::{self, CpuInfo};
use crate::sources::stat::{self, CpuTicks, KernelCounters, RESTART_TICKS};
use crate::sources::{Source, read_number};
use crate::{CollectError, HostRoots};
use linux_api_wire::snapshot::{Core, Cpu, CpuSeconds};

/// How long clocks from `cpuinfo` are used: the file is long, and on many hosts the kernel has to
/// interrupt each processor for it. As often is checked whether there is something better.
const CLOCKS_KEPT_FOR: Duration = Duration::from_secs(10);

/// Makes shares of time from one reading of `stat` to the next, and reads the clocks.
#[derive(Debug)]
pub(super) struct CpuReader {
    stat: Source<KernelCounters>,
    /// The reading before, and what it was shown as; all processors under `None`.
    previous: Carryover<Option<u32>, (CpuTicks, Shares)>,
    clocks: Clocks,
}

impl CpuReader {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            stat: stat::source(roots),
            previous: Carryover::default(),
            clocks: Clocks::new(roots),
        }
    }

    /// What happened since the reading before, at the first reading since the host started.
    ///
    /// # Errors
    /// When the file can't be read or holds something else.
    pub(super) fn read(&mut self, now: Instant) -> Result<Cpu, CollectError> {
        let KernelCounters { total, cpus, .. } = self.stat.read()?;
        let all = self.shares(None, total);
        let per_core = cpus.into_iter().map(|(core, ticks)| {
            let shares = self.shares(Some(core), ticks);
            Core {
                core,
                usage_percent: shares.usage(),
                iowait_percent: shares.of(&["iowait"]),
                steal_percent: shares.of(&["steal"]),
                frequency_mhz: None,
            }
        });
        let mut per_core: Vec<Core> = per_core.collect();
        self.previous.finish();
        self.clocks.fill(&mut per_core, now);
        Ok(Cpu {
            usage_percent: all.usage(),
            user_percent: all.of(&["user", "nice"]),
            system_percent: all.of(&["system", "irq", "softirq"]),
            iowait_percent: all.of(&["iowait"]),
            steal_percent: all.of(&["steal"]),
            irq_percent: all.of(&["irq"]),
            softirq_percent: all.of(&["softirq"]),
            per_core,
            seconds: seconds(&total),
        })
    }

    /// What one processor did, or all of them.
    fn shares(&mut self, number: Option<u32>, ticks: CpuTicks) -> Shares {
        let shares = Shares::between(self.previous.take(&number), &ticks);
        self.previous.keep(number, (ticks, shares));
        shares
    }
}

/// How many ticks of some time a processor spent in each of [`CpuTicks::MODES`].
#[derive(Debug, Clone, Copy, Default)]
struct Shares([u64; 8]);

impl Shares {
    fn between(before: Option<(CpuTicks, Self)>, CpuTicks(now): &CpuTicks) -> Self {
        let mut grown = Self(std::array::from_fn(|mode| now[mode]));
        if let Some((CpuTicks(before), shares)) = before {
            let fell = |mode: usize| before[mode].saturating_sub(now[mode]);
            // After a pause of the machine counters may start lower, and without the time that was
            // idle all the rest would be work.
            if fell(CpuTicks::IDLE) > 0 || (0..8).any(|mode| fell(mode) > RESTART_TICKS) {
                return shares;
            }
            for (grown, before) in grown.0.iter_mut().zip(before) {
                // Counters can go back a little, proc(5) warns of iowait.
                *grown = grown.saturating_sub(before);
            }
            if grown.total() == 0 {
                // Read again within one tick: what was true then still is.
                return shares;
            }
        }
        grown
    }

    fn total(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, ticks| sum.saturating_add(*ticks))
    }

    /// Time spent in these modes, in percent.
    fn of(&self, modes: &[&str]) -> f64 {
        self.percent(|mode| modes.contains(&mode))
    }

    /// Time spent on work, in percent.
    fn usage(&self) -> f64 {
        self.percent(|mode| !["idle", "iowait"].contains(&mode))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 ticks are a million years of a processor"
    )]
    fn percent(&self, counts: impl Fn(&str) -> bool) -> f64 {
        let modes = CpuTicks::MODES.iter().zip(self.0);
        let part = modes.filter(|(mode, _)| counts(mode));
        let part: u64 = part.fold(0, |sum, (_, ticks)| sum.saturating_add(ticks));
        rounded(100.0 * part as f64 / self.total().max(1) as f64)
    }
}

fn seconds(ticks: &CpuTicks) -> CpuSeconds {
    let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = ticks.seconds();
    CpuSeconds {
        user,
        nice,
        system,
        idle,
        iowait,
        irq,
        softirq,
        steal,
    }
}

/// How fast the processors run.
#[derive(Debug)]
struct Clocks {
    directory: PathBuf,
    cpuinfo: Source<CpuInfo>,
    /// Whether the kernel changes the clocks of some processor itself.
    has_cpufreq: bool,
    from_cpuinfo: CpuInfo,
    /// When either was last looked for.
    looked_at: Option<Instant>,
}

impl Clocks {
    fn new(roots: &HostRoots) -> Self {
        Self {
            directory: roots.sysfs.join("devices/system/cpu"),
            cpuinfo: cpuinfo::source(roots),
            has_cpufreq: false,
            from_cpuinfo: CpuInfo::default(),
            looked_at: None,
        }
    }

    fn fill(&mut self, cores: &mut [Core], now: Instant) {
        let is_recent = self
            .looked_at
            .is_some_and(|then| now.saturating_duration_since(then) < CLOCKS_KEPT_FOR);
        if !is_recent {
            self.look(cores);
            self.looked_at = Some(now);
        }
        for core in cores {
            let mhz = if self.has_cpufreq {
                self.cpufreq(core.core)
            } else {
                self.from_cpuinfo.clocks.get(&core.core).copied()
            };
            core.frequency_mhz = mhz.map(rounded);
        }
    }

    /// Looks where the clocks are to be found: drivers are loaded late, and processors that are
    /// offline at the start come later.
    fn look(&mut self, cores: &[Core]) {
        let has_cpufreq = |core: &Core| {
            let directory = self.directory.join(format!("cpu{}/cpufreq", core.core));
            directory.is_dir()
        };
        self.has_cpufreq = cores.iter().any(has_cpufreq);
        if !self.has_cpufreq {
            self.from_cpuinfo = self.cpuinfo.read().unwrap_or_default();
        }
    }

    /// The clock of one processor in MHz.
    fn cpufreq(&self, core: u32) -> Option<f64> {
        let file = format!("cpu{core}/cpufreq/scaling_cur_freq");
        let khz: u32 = read_number(&self.directory.join(file))?;
        (khz > 0).then(|| f64::from(khz) / 1000.0)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the figures are exact")]
mod tests {
    use super::*;
    use crate::testing::Tree;

    fn reader(tree: &Tree) -> CpuReader {
        CpuReader::new(&tree.roots())
    }

    #[test]
    fn guests_are_counted_once_and_waiting_for_disks_is_idle() {
        let tree = Tree::new();
        let mut reader = reader(&tree);
        let now = Instant::now();
        tree.write(
            "proc/stat",
            "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n",
        );
        reader.read(now).unwrap();
        let ticks = "10 20 30 700 50 40 50 100 9 9";
        tree.write("proc/stat", format!("cpu  {ticks}\ncpu0 {ticks}\nintr 5\n"));
        let cpu = reader.read(now).unwrap();
        assert_eq!(
            (cpu.usage_percent, cpu.user_percent, cpu.system_percent),
            (25.0, 3.0, 12.0)
        );
        assert_eq!((cpu.iowait_percent, cpu.steal_percent), (5.0, 10.0));
        assert_eq!((cpu.irq_percent, cpu.softirq_percent), (4.0, 5.0));
        assert_eq!(cpu.per_core[0].usage_percent, 25.0);
        assert_eq!(cpu.seconds.softirq, cpu.seconds.iowait);
        assert!(cpu.seconds.softirq > 0.0);
        // No tick later it is still so.
        assert_eq!(reader.read(now).unwrap().usage_percent, 25.0);
    }

    #[test]
    fn processors_come_and_go_and_counters_may_go_back() {
        let tree = Tree::new();
        let mut reader = reader(&tree);
        let now = Instant::now();
        tree.write("proc/stat", "cpu  1 2 3 4\ncpu0 1 1 1 1\ncpu3 0 1 2 3\n");
        let cores = reader.read(now).unwrap().per_core;
        let numbers: Vec<u32> = cores.iter().map(|core| core.core).collect();
        assert_eq!(numbers, [0, 3]);
        // What was true before still is when idle time is taken back.
        tree.write("proc/stat", "cpu  2 2 3 2\ncpu0 2 1 1 0\n");
        let cpu = reader.read(now).unwrap();
        assert_eq!((cpu.per_core.len(), cpu.usage_percent), (1, 60.0));
        tree.write("proc/stat", "cpu  3 2 3 5\ncpu0 2 1 1 0\n");
        assert_eq!(reader.read(now).unwrap().usage_percent, 25.0);
    }

    #[test]
    fn clocks_come_from_the_kernel_or_else_from_cpuinfo() {
        let tree = Tree::new();
        let now = Instant::now();
        tree.write("proc/stat", "cpu  1 2 3 4\ncpu0 1 1 1 1\ncpu1 0 1 2 3\n");
        let clocks = |reader: &mut CpuReader, now| -> Vec<Option<f64>> {
            let cores = reader.read(now).unwrap().per_core;
            cores.iter().map(|core| core.frequency_mhz).collect()
        };
        assert_eq!(clocks(&mut reader(&tree), now), [None, None]);

        let cpuinfo =
            |mhz: &str| format!("processor\t: 0\nflags: a: b\nprocessor : 1\ncpu MHz\t: {mhz}\n");
        tree.write("proc/cpuinfo", cpuinfo("2596.146"));
        let mut old = reader(&tree);
        assert_eq!(clocks(&mut old, now), [None, Some(2596.15)]);
        tree.write("proc/cpuinfo", cpuinfo("800.000"));
        assert_eq!(clocks(&mut old, now)[1], Some(2596.15));
        assert_eq!(clocks(&mut old, now + CLOCKS_KEPT_FOR)[1], Some(800.0));

        tree.write(
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
            "3400123\n",
        );
        assert_eq!(clocks(&mut reader(&tree), now), [Some(3400.12), None]);
    }

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        for content in ["", "cpu  1 2 3\ncpu0 1 2 3\n", "cpu  1 x 3 4\n", "intr 1\n"] {
            tree.write("proc/stat", content);
            let error = reader(&tree).read(Instant::now()).unwrap_err();
            assert!(error.to_string().contains("/stat"), "{error}");
        }
    }

    #[test]
    fn the_first_reading_after_a_resume_shows_the_value_before() {
        let tree = Tree::new();
        let mut reader = reader(&tree);
        let now = Instant::now();
        let mut usage = |user: u64, idle: u64| {
            let ticks = format!("{user} 0 708694 {idle} 7998 0 8095 0 0 0");
            tree.write("proc/stat", format!("cpu  {ticks}\ncpu0 {ticks}\n"));
            let cpu = reader.read(now).unwrap();
            assert_eq!(cpu.usage_percent, cpu.per_core[0].usage_percent);
            cpu.usage_percent
        };
        usage(1_466_800, 6_221_920);
        assert_eq!(usage(1_466_810, 6_221_950), 25.0);
        assert_eq!(usage(1_466_823, 5_873_386), 25.0);
        assert_eq!(usage(1_466_824, 5_873_387), 50.0);
    }

    #[test]
    fn an_odd_line_costs_its_processor_and_no_other() {
        let tree = Tree::new();
        let text =
            "cpu  1 x 3 4\ncpu0 1 1 1 1\ncpu1 2\ncpuidle 1 2 3 4\ncpu2 1 1 1 1\ncpu2 9 9 9 9\n";
        tree.write("proc/stat", text);
        let cpu = reader(&tree).read(Instant::now()).unwrap();
        let cores: Vec<u32> = cpu.per_core.iter().map(|core| core.core).collect();
        assert_eq!((cores, cpu.usage_percent), (vec![0, 2], 75.0));
    }

    #[test]
    fn clocks_are_found_below_any_processor_and_when_they_come() {
        let tree = Tree::new();
        tree.write("proc/stat", "cpu  1 2 3 4\ncpu2 1 1 1 1\ncpu7 0 1 2 3\n");
        let mut reader = reader(&tree);
        let now = Instant::now();
        let mut clock = |now| reader.read(now).unwrap().per_core[1].frequency_mhz;
        assert_eq!(clock(now), None);
        let file = "sys/devices/system/cpu/cpu7/cpufreq/scaling_cur_freq";
        tree.write(file, "2400000\n");
        assert_eq!(clock(now + CLOCKS_KEPT_FOR), Some(2400.0));
    }
}
