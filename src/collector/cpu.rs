//! CPU time and load average.

use std::path::Path;

use super::{CollectError, read_text};

/// CPU time of all CPUs together since the host started, in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTimes {
    /// Ticks of any kind.
    pub total: u64,
    /// Ticks of work: all but idling and waiting for disks.
    pub busy: u64,
}

impl CpuTimes {
    /// Part of the time since `earlier` that was work, 0 to 1; 0 when no time has passed.
    ///
    /// Counters can go back a little (proc(5) warns of `iowait`): the result stays in its range.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 ticks are a million CPU years"
    )]
    pub fn busy_fraction_since(self, earlier: Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total);
        let busy = self.busy.saturating_sub(earlier.busy).min(total);
        if total == 0 {
            0.0
        } else {
            busy as f64 / total as f64
        }
    }
}

pub(super) fn read_cpu_times(procfs: &Path) -> Result<CpuTimes, CollectError> {
    let path = procfs.join("stat");
    let text = read_text(&path)?;
    parse_cpu_times(&text).ok_or(CollectError::Malformed {
        path,
        expected: "line of CPU times",
    })
}

/// Reads the line that sums up all CPUs.
fn parse_cpu_times(text: &str) -> Option<CpuTimes> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user nice system idle iowait irq softirq steal. The next two, guest and guest_nice, stand
    // in user and nice already.
    let ticks: Result<Vec<u64>, _> = line.split_whitespace().take(8).map(str::parse).collect();
    let ticks = ticks.ok()?;
    let idle = ticks
        .get(3)?
        .saturating_add(ticks.get(4).copied().unwrap_or(0));
    let total = ticks
        .iter()
        .fold(0_u64, |sum, tick| sum.saturating_add(*tick));
    Some(CpuTimes {
        total,
        busy: total.saturating_sub(idle),
    })
}

pub(super) fn read_load_one(procfs: &Path) -> Result<f64, CollectError> {
    let path = procfs.join("loadavg");
    let text = read_text(&path)?;
    let load = text
        .split_whitespace()
        .next()
        .and_then(|word| word.parse::<f64>().ok());
    load.filter(|load| load.is_finite() && *load >= 0.0)
        .ok_or(CollectError::Malformed {
            path,
            expected: "load average",
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::Collector;
    use crate::collector::testing::Tree;

    #[test]
    fn guests_are_counted_once_and_waiting_for_disks_is_idle() {
        let times = parse_cpu_times("cpu  100 20 30 700 50 4 5 6 90 10\ncpu0 1 2 3 4\n").unwrap();
        assert_eq!(
            times,
            CpuTimes {
                total: 915,
                busy: 165
            }
        );
    }

    #[test]
    fn old_kernels_with_four_columns_are_read() {
        let times = parse_cpu_times("cpu  1 2 3 4\n").unwrap();
        assert_eq!(times, CpuTimes { total: 10, busy: 6 });
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the quotients are exact")]
    fn a_fraction_stays_between_zero_and_one() {
        let at = |total, busy| CpuTimes { total, busy };
        assert_eq!(at(300, 150).busy_fraction_since(at(100, 100)), 0.25);
        assert_eq!(at(100, 100).busy_fraction_since(at(100, 100)), 0.0);
        assert_eq!(at(110, 120).busy_fraction_since(at(100, 100)), 1.0);
        assert_eq!(at(110, 90).busy_fraction_since(at(100, 100)), 0.0);
        assert_eq!(at(10, 1).busy_fraction_since(at(100, 100)), 0.0);
    }

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        for content in ["", "cpu0 1 2 3 4\n", "cpu  1 2 3\n", "cpu  1 x 3 4\n"] {
            tree.write("proc/stat", content);
            let error = tree.collector().cpu_times().unwrap_err();
            assert!(error.to_string().contains("/stat"), "{error}");
        }
        for content in ["", "x 1 1", "NaN 1 1", "-1 1 1", "inf"] {
            tree.write("proc/loadavg", content);
            let error = tree.collector().load_one().unwrap_err();
            assert!(error.to_string().contains("/loadavg"), "{error}");
        }
    }

    #[test]
    fn this_host_has_used_some_cpu() {
        let collector = Collector::default();
        let times = collector.cpu_times().unwrap();
        assert!(times.busy > 0 && times.busy <= times.total);
        assert!(collector.load_one().unwrap() >= 0.0);
    }
}
