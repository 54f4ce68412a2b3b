//! What the processors do, together and each.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::CollectError;
use super::counters::stat::{RESTART_TICKS, parse_ticks};
use super::rate::rounded;
use super::reread::Reread;
use linux_api_wire::snapshot::{Core, Cpu, CpuSeconds};

/// How long clocks from `cpuinfo` are believed: the file is long, and on many hosts the kernel has
/// to ask each processor for it. As often is looked whether there is something better.
const CLOCKS_KEPT_FOR: Duration = Duration::from_secs(10);

/// Kinds of time: user nice system idle iowait irq softirq steal. The next two of the file, guest
/// and `guest_nice`, stand in user and nice already.
type Ticks = [u64; 8];

/// Reads `stat` of the process file system, see proc(5), and the clocks of the processors.
#[derive(Debug)]
pub(super) struct CpuReader {
    stat: Reread,
    /// Counters at the reading before, and what they were shown as; all processors under `None`.
    previous: HashMap<Option<u32>, (Ticks, Shares)>,
    clocks: Clocks,
}

impl CpuReader {
    pub(super) fn new(procfs: &Path, sysfs: &Path) -> Self {
        Self {
            stat: Reread::new(procfs.join("stat")),
            previous: HashMap::new(),
            clocks: Clocks::new(procfs, sysfs),
        }
    }

    /// What happened since the reading before, at the first reading since the host started.
    ///
    /// # Errors
    /// When the file can't be read or says something else.
    pub(super) fn read(&mut self, now: Instant) -> Result<Cpu, CollectError> {
        let parsed = parse(&self.stat.text()?);
        let (total, cores) = parsed.ok_or_else(|| self.stat.malformed("line of CPU times"))?;
        let mut seen = HashMap::with_capacity(cores.len() + 1);
        let mut shares = |number: Option<u32>, ticks: Ticks| {
            let shares = Shares::between(self.previous.get(&number), &ticks);
            seen.insert(number, (ticks, shares));
            shares
        };
        let all = shares(None, total);
        let per_core = cores.into_iter().map(|(core, ticks)| {
            let shares = shares(Some(core), ticks);
            Core {
                core,
                usage_percent: rounded(shares.usage),
                iowait_percent: rounded(shares.iowait),
                steal_percent: rounded(shares.steal),
                frequency_mhz: None,
                seconds: seconds(&ticks),
            }
        });
        let mut cpu = Cpu {
            usage_percent: rounded(all.usage),
            user_percent: rounded(all.user),
            system_percent: rounded(all.system),
            iowait_percent: rounded(all.iowait),
            steal_percent: rounded(all.steal),
            per_core: per_core.collect(),
            seconds: seconds(&total),
        };
        self.previous = seen;
        self.clocks.fill(&mut cpu.per_core, now);
        Ok(cpu)
    }
}

/// Parts of some time in percent.
#[derive(Debug, Clone, Copy, Default)]
struct Shares {
    usage: f64,
    user: f64,
    system: f64,
    iowait: f64,
    steal: f64,
}

impl Shares {
    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 ticks are a million years of a processor"
    )]
    fn between(before: Option<&(Ticks, Self)>, now: &Ticks) -> Self {
        const IDLE: usize = 3;
        let mut grown = *now;
        if let Some((before, shares)) = before {
            let fell = |kind: usize| before[kind].saturating_sub(now[kind]);
            // After a pause of the machine counters may start lower, and without the time that was
            // idle all the rest would be work.
            if fell(IDLE) > 0 || (0..now.len()).any(|kind| fell(kind) > RESTART_TICKS) {
                return *shares;
            }
            for (grown, before) in grown.iter_mut().zip(before) {
                // Counters can go back a little, proc(5) warns of iowait.
                *grown = grown.saturating_sub(*before);
            }
        }
        let total: u64 = grown.iter().fold(0, |sum, kind| sum.saturating_add(*kind));
        if total == 0 {
            // Asked again within one tick: what was true then still is.
            return before.map_or_else(Self::default, |(_, shares)| *shares);
        }
        let [user, nice, system, idle, iowait, irq, softirq, steal] = grown;
        let percent = |ticks: u64| 100.0 * ticks as f64 / total as f64;
        Self {
            usage: percent(total - idle - iowait),
            user: percent(user + nice),
            system: percent(system + irq + softirq),
            iowait: percent(iowait),
            steal: percent(steal),
        }
    }
}

/// The lines `cpu` and `cpuN` with their counters: all processors together, and each. A line that is
/// odd costs its processor, and the first of two lines counts; without a line for all, it is the
/// sum of the others.
fn parse(text: &str) -> Option<(Ticks, Vec<(u32, Ticks)>)> {
    let mut total = None;
    let mut cores = Vec::new();
    let mut seen = HashSet::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("cpu") else {
            // They stand at the top, and what follows may be long.
            break;
        };
        let Some((number, ticks)) = rest
            .split_once(' ')
            .and_then(|(number, counters)| Some((number, parse_ticks(counters)?)))
        else {
            continue;
        };
        if number.is_empty() {
            total = total.or(Some(ticks));
        } else if let Ok(number) = number.parse()
            && seen.insert(number)
        {
            cores.push((number, ticks));
        }
    }
    let sum = || {
        let add = |mut sum: Ticks, (_, ticks): &(u32, Ticks)| {
            for (sum, ticks) in sum.iter_mut().zip(ticks) {
                *sum = sum.saturating_add(*ticks);
            }
            sum
        };
        (!cores.is_empty()).then(|| cores.iter().fold(Ticks::default(), add))
    };
    Some((total.or_else(sum)?, cores))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 ticks are a million years of a processor"
)]
fn seconds(ticks: &Ticks) -> CpuSeconds {
    let per_second = rustix::param::clock_ticks_per_second().max(1) as f64;
    let [user, nice, system, idle, iowait, irq, softirq, steal] =
        ticks.map(|ticks| ticks as f64 / per_second);
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
    folder: PathBuf,
    cpuinfo: Reread,
    /// Whether the kernel changes the clocks of some processor itself.
    has_cpufreq: bool,
    from_cpuinfo: HashMap<u32, f64>,
    /// When it was last looked for either.
    looked_at: Option<Instant>,
}

impl Clocks {
    fn new(procfs: &Path, sysfs: &Path) -> Self {
        Self {
            cpuinfo: Reread::new(procfs.join("cpuinfo")),
            has_cpufreq: false,
            folder: sysfs.join("devices/system/cpu"),
            from_cpuinfo: HashMap::new(),
            looked_at: None,
        }
    }

    fn fill(&mut self, cores: &mut [Core], now: Instant) {
        let is_known = self
            .looked_at
            .is_some_and(|then| now.saturating_duration_since(then) < CLOCKS_KEPT_FOR);
        if !is_known {
            self.look(cores);
            self.looked_at = Some(now);
        }
        for core in cores {
            core.frequency_mhz = if self.has_cpufreq {
                self.cpufreq(core.core)
            } else {
                self.from_cpuinfo.get(&core.core).copied()
            };
        }
    }

    /// Looks where the clocks are to be found: drivers are loaded late, and processors that are
    /// offline at the start come later.
    fn look(&mut self, cores: &[Core]) {
        let has_cpufreq = |core: &Core| {
            let folder = self.folder.join(format!("cpu{}/cpufreq", core.core));
            folder.is_dir()
        };
        self.has_cpufreq = cores.iter().any(has_cpufreq);
        if !self.has_cpufreq {
            let text = self.cpuinfo.text().unwrap_or_default();
            self.from_cpuinfo = parse_cpuinfo(&text);
        }
    }

    /// The clock of one processor. Not kept open: there may be hundreds, and a process may have
    /// only so many files open.
    fn cpufreq(&self, core: u32) -> Option<f64> {
        let path = self
            .folder
            .join(format!("cpu{core}/cpufreq/scaling_cur_freq"));
        let mut buffer = [0; 24];
        let length = File::open(path).ok()?.read_at(&mut buffer, 0).ok()?;
        let text = std::str::from_utf8(&buffer[..length]).ok()?;
        let khz: u32 = text.trim().parse().ok()?;
        (khz > 0).then(|| rounded(f64::from(khz) / 1000.0))
    }
}

/// `processor` and `cpu MHz` of each processor; many machines tell no clock.
fn parse_cpuinfo(text: &str) -> HashMap<u32, f64> {
    let mut clocks = HashMap::new();
    let mut processor = None;
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        match key.trim_end() {
            "processor" => processor = value.trim().parse().ok(),
            "cpu MHz" => {
                let mhz: Option<f64> = value.trim().parse().ok();
                if let Some((processor, mhz)) = processor.zip(mhz)
                    && mhz > 0.0
                {
                    clocks.insert(processor, rounded(mhz));
                }
            }
            _ => {}
        }
    }
    clocks
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the figures are exact")]
mod tests {
    use super::*;
    use crate::testing::Tree;

    fn reader(tree: &Tree) -> CpuReader {
        CpuReader::new(&tree.path("proc"), &tree.path("sys"))
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
