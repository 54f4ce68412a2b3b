//! Figures of the kernel as a whole, one small file each.

use std::path::PathBuf;

use super::attributes::{if_there, number, word};
use super::{Collect, Families, malformed, real};
use crate::sources::Reread;
use crate::{CollectError, HostRoots, read_text};

const NANOSECONDS: f64 = 1e9;
const MICROSECONDS: f64 = 1e6;

/// `vmstat`: paging, faults, and processes killed for want of memory.
#[derive(Debug)]
pub(super) struct Vmstat(Reread);

impl Vmstat {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(Reread::new(roots.procfs.join("vmstat")))
    }
}

impl Collect for Vmstat {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.0.text()?.into_owned();
        for line in text.lines() {
            let field = line.split_once(' ');
            let (name, value) = field.ok_or_else(|| self.0.malformed("fields of memory"))?;
            let is_fault = || name.starts_with("pg") && name.contains("fault");
            let is_shown = ["oom_kill", "pgpg", "pswp"]
                .iter()
                .any(|one| name.starts_with(one));
            if is_shown || is_fault() {
                let value = value.trim().parse::<u64>();
                let value = value.map_err(|_| self.0.malformed("fields of memory"))?;
                let help = format!("{name} of the kernel's table of virtual memory.");
                families.unknown(format!("node_vmstat_{name}"), help, &[], value);
            }
        }
        Ok(())
    }
}

/// `sys/fs/file-nr`: open files, a number that is always 0, and the limit.
#[derive(Debug)]
pub(super) struct OpenFiles(Reread);

impl OpenFiles {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(Reread::new(roots.procfs.join("sys/fs/file-nr")))
    }
}

impl Collect for OpenFiles {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.0.text()?.into_owned();
        let numbers = text.split_whitespace().map(str::parse::<u64>);
        let numbers: Result<Vec<u64>, _> = numbers.collect();
        let Ok([allocated, _, maximum]) = numbers.as_deref() else {
            return Err(self.0.malformed("counts of open files"));
        };
        let help = "Files that are open on the whole host.";
        families.gauge("node_filefd_allocated", help, &[], *allocated);
        let help = "The most files that may be open on the whole host.";
        families.gauge("node_filefd_maximum", help, &[], *maximum);
        Ok(())
    }
}

/// `sys/kernel/random`, see random(4).
#[derive(Debug)]
pub(super) struct Entropy(PathBuf);

impl Entropy {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.procfs.join("sys/kernel/random"))
    }
}

impl Collect for Entropy {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let available = number(&self.0.join("entropy_avail"))?;
        let help = "Bits of entropy that the kernel's generator has.";
        families.gauge("node_entropy_available_bits", help, &[], available);
        let size = number(&self.0.join("poolsize"))?;
        let help = "Bits of entropy that it can have.";
        families.gauge("node_entropy_pool_size_bits", help, &[], size);
        Ok(())
    }
}

/// Whether SELinux is loaded, and whether it enforces: `fs/selinux/enforce` and `/etc/selinux/config`.
#[derive(Debug)]
pub(super) struct Selinux {
    enforce: PathBuf,
    config: PathBuf,
}

impl Selinux {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            enforce: roots.sysfs.join("fs/selinux/enforce"),
            config: roots.rootfs.join("etc/selinux/config"),
        }
    }

    /// What the host starts with: 1 enforces, 0 only logs, -1 is off.
    fn configured(&self) -> i64 {
        let config = read_text(&self.config).unwrap_or_default();
        let mut values = config
            .lines()
            .filter_map(|line| line.trim().strip_prefix("SELINUX="));
        match values.next_back().map(str::trim) {
            Some("enforcing") => 1,
            Some("permissive") => 0,
            _ => -1,
        }
    }
}

impl Collect for Selinux {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let current = if_there(number(&self.enforce))?;
        let help = "Whether SELinux is loaded.";
        families.gauge("node_selinux_enabled", help, &[], current.is_some());
        if let Some(current) = current {
            let help = "The mode that SELinux starts with: 1 enforces, 0 only logs, -1 is off.";
            families.gauge("node_selinux_config_mode", help, &[], self.configured());
            let help = "The mode that SELinux is in: 1 enforces, 0 only logs.";
            families.gauge("node_selinux_current_mode", help, &[], current);
        }
        Ok(())
    }
}

/// `schedstat`, see Documentation/scheduler/sched-stats.rst of the kernel.
#[derive(Debug)]
pub(super) struct Schedstat(Reread);

impl Schedstat {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(Reread::new(roots.procfs.join("schedstat")))
    }
}

impl Collect for Schedstat {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.0.text()?.into_owned();
        let cpus = text.lines().filter_map(|line| line.strip_prefix("cpu"));
        for line in cpus {
            // Nine counters, of which the last three are in nanoseconds, nanoseconds and turns.
            let mut words = line.split_whitespace();
            let cpu = words.next().unwrap_or_default();
            let counters: Result<Vec<u64>, _> = words.map(str::parse).collect();
            let Ok([_, _, _, _, _, _, running, waiting, slices, ..]) = counters.as_deref() else {
                return Err(self.0.malformed("times of processors"));
            };
            let labels = [("cpu", cpu)];
            let (running, waiting) = (real(*running) / NANOSECONDS, real(*waiting) / NANOSECONDS);
            let help = "Seconds that processes ran on a processor.";
            families.counter(
                "node_schedstat_running_seconds_total",
                help,
                &labels,
                running,
            );
            let help = "Seconds that processes waited for a processor.";
            families.counter(
                "node_schedstat_waiting_seconds_total",
                help,
                &labels,
                waiting,
            );
            let help = "Turns that processes had on a processor.";
            families.counter("node_schedstat_timeslices_total", help, &labels, *slices);
        }
        Ok(())
    }
}

/// How many tasks the kernel found hanging: `sys/kernel/hung_task_detect_count`, since Linux 6.13.
#[derive(Debug)]
pub(super) struct HungTasks(PathBuf);

impl HungTasks {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.procfs.join("sys/kernel/hung_task_detect_count"))
    }
}

impl Collect for HungTasks {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let help = "Tasks that the kernel found hanging since it started.";
        families.counter("node_kernel_hung_tasks_total", help, &[], number(&self.0)?);
        Ok(())
    }
}

/// Time lost to interrupts: `pressure/irq`, of kernels that count it. Unlike the other files below `pressure` it
/// has no line `some`.
#[derive(Debug)]
pub(super) struct InterruptPressure(PathBuf);

impl InterruptPressure {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.procfs.join("pressure/irq"))
    }
}

impl Collect for InterruptPressure {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let Some(text) = word(&self.0) else {
            return Ok(());
        };
        let full = text.lines().find_map(|line| line.strip_prefix("full "));
        let total = full.and_then(|line| {
            let mut words = line.split_whitespace();
            words.find_map(|word| word.strip_prefix("total=")?.parse().ok())
        });
        let total: u64 = total.ok_or_else(|| malformed(&self.0, "pressure"))?;
        let help = "Seconds in which nothing could go on because of interrupts.";
        let seconds = real(total) / MICROSECONDS;
        families.counter(
            "node_pressure_irq_stalled_seconds_total",
            help,
            &[],
            seconds,
        );
        Ok(())
    }
}
