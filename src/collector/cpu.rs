//! What the processors do, together and each.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::CollectError;
use super::rate::rounded;
use super::reread::Reread;
use crate::model::snapshot::{Core, Cpu, CpuSeconds};

/// How long clocks from `cpuinfo` are believed: the file is long, and on many hosts the kernel has
/// to ask each processor for it.
const CPUINFO_KEPT_FOR: Duration = Duration::from_secs(10);

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
        let lines = parse(&self.stat.text()?);
        let lines = lines.ok_or_else(|| self.stat.malformed("line of CPU times"))?;
        let mut cpu = Cpu::default();
        let mut seen = HashMap::with_capacity(lines.len());
        for (number, ticks) in lines {
            let before = self.previous.get(&number);
            let shares = Shares::between(before, &ticks);
            seen.insert(number, (ticks, shares));
            if let Some(core) = number {
                cpu.per_core.push(Core {
                    core,
                    usage_percent: rounded(shares.usage),
                    iowait_percent: rounded(shares.iowait),
                    steal_percent: rounded(shares.steal),
                    frequency_mhz: None,
                    seconds: seconds(&ticks),
                });
            } else {
                cpu.usage_percent = rounded(shares.usage);
                cpu.user_percent = rounded(shares.user);
                cpu.system_percent = rounded(shares.system);
                cpu.iowait_percent = rounded(shares.iowait);
                cpu.steal_percent = rounded(shares.steal);
                cpu.seconds = seconds(&ticks);
            }
        }
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
        let mut grown = *now;
        if let Some((before, _)) = before {
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

/// The lines `cpu` and `cpuN` with their counters, all processors together first.
fn parse(text: &str) -> Option<Vec<(Option<u32>, Ticks)>> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("cpu") else {
            // They stand at the top, and what follows may be long.
            break;
        };
        let (number, counters) = rest.split_once(' ')?;
        let number = if number.is_empty() {
            None
        } else {
            Some(number.parse().ok()?)
        };
        let mut ticks = Ticks::default();
        let mut words = counters.split_whitespace();
        for (index, tick) in ticks.iter_mut().enumerate() {
            *tick = match words.next() {
                Some(word) => word.parse().ok()?,
                // Kernels of old had four kinds.
                None if index >= 4 => 0,
                None => return None,
            };
        }
        lines.push((number, ticks));
    }
    (lines.first()?.0.is_none() && lines.len() > 1).then_some(lines)
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
    /// Found there when the kernel changes the clocks itself.
    has_cpufreq: bool,
    from_cpuinfo: HashMap<u32, f64>,
    read_at: Option<Instant>,
}

impl Clocks {
    fn new(procfs: &Path, sysfs: &Path) -> Self {
        let folder = sysfs.join("devices/system/cpu");
        Self {
            cpuinfo: Reread::new(procfs.join("cpuinfo")),
            has_cpufreq: folder.join("cpu0/cpufreq").is_dir()
                || folder.join("cpu1/cpufreq").is_dir(),
            folder,
            from_cpuinfo: HashMap::new(),
            read_at: None,
        }
    }

    fn fill(&mut self, cores: &mut [Core], now: Instant) {
        if self.has_cpufreq {
            for core in cores {
                core.frequency_mhz = self.cpufreq(core.core);
            }
            return;
        }
        let is_known = self
            .read_at
            .is_some_and(|then| now.saturating_duration_since(then) < CPUINFO_KEPT_FOR);
        if !is_known {
            let text = self.cpuinfo.text().unwrap_or_default();
            self.from_cpuinfo = parse_cpuinfo(&text);
            self.read_at = Some(now);
        }
        for core in cores {
            core.frequency_mhz = self.from_cpuinfo.get(&core.core).copied();
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
    use crate::collector::testing::Tree;

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
        tree.write("proc/stat", "cpu  2 2 3 2\ncpu0 2 1 1 0\n");
        let cpu = reader.read(now).unwrap();
        assert_eq!((cpu.per_core.len(), cpu.usage_percent), (1, 100.0));
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
        assert_eq!(clocks(&mut old, now + CPUINFO_KEPT_FOR)[1], Some(800.0));

        tree.write(
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
            "3400123\n",
        );
        assert_eq!(clocks(&mut reader(&tree), now), [Some(3400.12), None]);
    }

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        for content in [
            "",
            "cpu0 1 2 3 4\n",
            "cpu  1 2 3\ncpu0 1 2 3\n",
            "cpu  1 x 3 4\n",
            "cpu  1 2 3 4\n",
        ] {
            tree.write("proc/stat", content);
            let error = reader(&tree).read(Instant::now()).unwrap_err();
            assert!(error.to_string().contains("/stat"), "{error}");
        }
    }
}
