//! Processors: which are online, throttling, clock rates, flaws.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::attributes::{if_there, names, numbered, text, word};
use super::{Collect, Families};
use crate::sources::read_number;
use crate::{CollectError, HostRoots};

/// Below the root of the system file system.
const DIRECTORY: &str = "devices/system/cpu";

/// What the system file system says of processors, beside their times: never a reason to fail.
#[derive(Debug)]
pub(super) struct Topology(PathBuf);

impl Topology {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join(DIRECTORY))
    }
}

impl Collect for Topology {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let cpus = numbered(&self.0, "cpu").unwrap_or_default();
        for isolated in text(&self.0.join("isolated"))
            .iter()
            .flat_map(|text| ranges(text))
        {
            let labels = [("cpu", &*isolated.to_string())];
            let help = "Processors that the scheduler leaves alone; always 1.";
            families.gauge("node_cpu_isolated", help, &labels, 1_u64);
        }
        // By package, and by package and core: its threads count the same.
        let mut packages: BTreeMap<u64, u64> = BTreeMap::new();
        let mut cores: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for (_, name) in &cpus {
            let file = |file: &str| read_number::<u64>(&self.0.join(name).join(file));
            let Some(package) = file("topology/physical_package_id") else {
                continue;
            };
            let Some(core) = file("topology/core_id") else {
                continue;
            };
            let throttles = |name: &str| file(&format!("thermal_throttle/{name}_throttle_count"));
            if let Some(count) = throttles("core") {
                cores.entry((package, core)).or_insert(count);
            }
            if let Some(count) = throttles("package") {
                packages.entry(package).or_insert(count);
            }
        }
        for ((package, core), count) in cores {
            let labels = [
                ("core", &*core.to_string()),
                ("package", &package.to_string()),
            ];
            let help = "How often a core was slowed down because it was hot.";
            families.counter("node_cpu_core_throttles_total", help, &labels, count);
        }
        for (package, count) in packages {
            let labels = [("package", &*package.to_string())];
            let help = "How often a package was slowed down because it was hot.";
            families.counter("node_cpu_package_throttles_total", help, &labels, count);
        }
        // The first may have no such file, because it can't be switched off: then it is online.
        let online = |name: &str| read_number::<u64>(&self.0.join(name).join("online"));
        if cpus.iter().any(|(_, name)| online(name).is_some()) {
            for (number, name) in &cpus {
                let labels = [("cpu", &*number.to_string())];
                let is_online = online(name) != Some(0);
                let help = "Whether a processor is online.";
                families.gauge("node_cpu_online", help, &labels, is_online);
            }
        }
        Ok(())
    }
}

/// The numbers of a list such as `1,3-5`.
fn ranges(text: &str) -> Vec<u32> {
    let parts = text.split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range: std::ops::RangeInclusive<u32> = first.parse().ok()?..=last.parse().ok()?;
        // No kernel has more.
        (*range.end() < 1 << 16).then_some(range)
    });
    parts.flatten().collect()
}

/// Files with a clock rate in kHz: name of the family, file, what it is.
const RATES: [(&str, &str, &str); 6] = [
    (
        "node_cpu_frequency_hertz",
        "cpuinfo_cur_freq",
        "Rate that the hardware reports.",
    ),
    (
        "node_cpu_frequency_min_hertz",
        "cpuinfo_min_freq",
        "The lowest rate.",
    ),
    (
        "node_cpu_frequency_max_hertz",
        "cpuinfo_max_freq",
        "The highest rate.",
    ),
    (
        "node_cpu_scaling_frequency_hertz",
        "scaling_cur_freq",
        "Rate that the kernel set or measured.",
    ),
    (
        "node_cpu_scaling_frequency_min_hertz",
        "scaling_min_freq",
        "The lowest rate that the kernel may set.",
    ),
    (
        "node_cpu_scaling_frequency_max_hertz",
        "scaling_max_freq",
        "The highest rate that the kernel may set.",
    ),
];

/// Clock rates, see Documentation/admin-guide/pm/cpufreq.rst of the kernel.
#[derive(Debug)]
pub(super) struct Frequencies(PathBuf);

impl Frequencies {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join(DIRECTORY))
    }
}

impl Collect for Frequencies {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for (number, name) in numbered(&self.0, "cpu")? {
            let directory = self.0.join(name).join("cpufreq");
            let number = number.to_string();
            let labels = [("cpu", number.as_str())];
            for (family, file, help) in RATES {
                // That of the hardware is for root alone.
                if let Some(kilohertz) = read_number::<u64>(&directory.join(file)) {
                    families.gauge(family, help, &labels, kilohertz.saturating_mul(1_000));
                }
            }
            let current = word(&directory.join("scaling_governor")).unwrap_or_default();
            let available = text(&directory.join("scaling_available_governors"));
            let available = available
                .filter(|_| !current.is_empty())
                .unwrap_or_default();
            for governor in available.split_whitespace() {
                let labels = [("cpu", number.as_str()), ("governor", governor)];
                let help = "Which policy sets the clock rate: 1 for the one in use.";
                let is_current = governor == current;
                families.gauge("node_cpu_scaling_governor", help, &labels, is_current);
            }
        }
        Ok(())
    }
}

/// Known flaws of the processors, see Documentation/ABI/testing/sysfs-devices-system-cpu of the kernel.
#[derive(Debug)]
pub(super) struct Flaws(PathBuf);

impl Flaws {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join(DIRECTORY).join("vulnerabilities"))
    }
}

impl Collect for Flaws {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for name in names(&self.0)? {
            let read = crate::read_text(&self.0.join(&name));
            let Some(text) = if_there(read)? else {
                continue;
            };
            let text = text.trim();
            let lower = text.to_lowercase();
            let states = ["not affected", "vulnerable", "mitigation", "unknown"];
            let state = states.into_iter().find(|state| lower.starts_with(state));
            // What follows the first word; a text of another form as it is.
            let mitigation = match (state, text.split_once(char::is_whitespace)) {
                (None, _) => text,
                (Some("not affected"), _) | (_, None) => "",
                (Some(_), Some((_, rest))) => rest.trim_start(),
            };
            let state = state.unwrap_or("unknown");
            let labels = [
                ("codename", name.as_str()),
                ("mitigation", mitigation),
                ("state", state),
            ];
            let help = "What the kernel does about a flaw of the processors; always 1.";
            families.gauge("node_cpu_vulnerabilities_info", help, &labels, 1_u64);
        }
        Ok(())
    }
}
