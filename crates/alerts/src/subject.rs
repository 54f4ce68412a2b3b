//! What a rule judges: a series, or a built-in check.

use std::fmt;

use linux_api_wire::series::{SERIES, Series};
use linux_api_wire::snapshot::Family;
use linux_api_wire::units;

/// On which side of its thresholds a value is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// At the threshold and above it.
    Above,
    /// Below the threshold, not at it.
    Below,
}

impl Direction {
    /// Its word in rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
        }
    }

    /// Whether a value has reached a threshold.
    #[must_use]
    pub fn reaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Above => value >= threshold,
            Self::Below => value < threshold,
        }
    }

    /// Whether a value is back at the bound that clears, or beyond it.
    #[must_use]
    pub fn clears(self, value: f64, clear: f64) -> bool {
        match self {
            Self::Above => value <= clear,
            Self::Below => value >= clear,
        }
    }
}

/// What the host is checked for beyond thresholds of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// A host of the fleet has not written for a while. Judged by one daemon for all.
    HostDown,
    /// A file system fills up.
    DiskSpace,
    /// A file system runs out of inodes.
    DiskInodes,
    /// A file system will be full at its present pace.
    DiskFullSoon,
    /// Little memory is available.
    MemoryLow,
    /// The kernel killed processes for want of memory.
    OomKill,
    /// Tasks wait for a resource.
    Pressure,
    /// The load, where the kernel reports no pressure.
    Load,
    /// A unit of systemd failed, or restarts again and again.
    UnitFailed,
    /// A process that should run does not.
    ProcessMissing,
    /// An array is degraded, a file system turned read-only, a mount is missing.
    StorageFault,
    /// A disk is near the temperature that its maker allows.
    StorageTemperature,
    /// The clock is not synchronised, or off.
    ClockOff,
    /// A certificate ends soon.
    CertificateExpires,
    /// Something of linux-api does not work.
    LinuxApi,
    /// Automatic restarts did not help. See [`crate::brake`].
    GaveUp,
}

/// The second condition that a threshold of a check may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondCondition {
    /// Its key beside the threshold.
    pub key: &'static str,
    /// The unit of its bound.
    pub unit: &'static str,
}

/// What is fixed about a check.
#[derive(Debug)]
pub struct CheckInfo {
    /// Which check.
    pub check: Check,
    /// Its name in rules.
    pub name: &'static str,
    /// The labels of its instances.
    pub labels: &'static [&'static str],
    /// The unit of its value, as series name theirs.
    pub unit: &'static str,
    /// On which side of a threshold the value is bad.
    pub direction: Direction,
    /// The condition that a threshold may have beside its own.
    pub second: Option<SecondCondition>,
    /// Whether what is not among a complete set of readings is well: a unit that is not listed as failed
    /// has not failed, while a file system that is not listed is not known.
    pub absent_is_well: bool,
    /// Whether it waits until the host has been up for some minutes.
    pub boot_grace: bool,
    /// What the value is.
    pub meaning: &'static str,
}

const fn check(
    check: Check,
    name: &'static str,
    labels: &'static [&'static str],
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
) -> CheckInfo {
    CheckInfo {
        check,
        name,
        labels,
        unit,
        direction,
        second: None,
        absent_is_well: false,
        boot_grace: false,
        meaning,
    }
}

impl CheckInfo {
    const fn second(self, key: &'static str, unit: &'static str) -> Self {
        let second = Some(SecondCondition { key, unit });
        Self { second, ..self }
    }

    const fn absent_is_well(self) -> Self {
        let absent_is_well = true;
        Self {
            absent_is_well,
            ..self
        }
    }

    const fn boot_grace(self) -> Self {
        let boot_grace = true;
        Self { boot_grace, ..self }
    }
}

/// All checks, in the order of [`Check`].
#[rustfmt::skip]
pub static CHECKS: &[CheckInfo] = &[
    check(Check::HostDown, "host_down", &[], "seconds", Direction::Above, "Time since the daemon of the host last wrote").absent_is_well(),
    check(Check::DiskSpace, "disk_space", &["mount_point"], "percent", Direction::Above, "What is taken of a file system that can be written, as df shows it").second("free", "bytes"),
    check(Check::DiskInodes, "disk_inodes", &["mount_point"], "percent", Direction::Above, "Inodes in use"),
    check(Check::DiskFullSoon, "disk_full_soon", &["mount_point"], "seconds", Direction::Below, "Time until a file system is full, at the pace of the last six hours"),
    check(Check::MemoryLow, "memory_low", &[], "percent", Direction::Below, "Memory that is available").second("pressure", "percent").boot_grace(),
    check(Check::OomKill, "oom_kill", &[], "count", Direction::Above, "Processes killed for want of memory: in 10 minutes for a warning, in an hour for critical"),
    check(Check::Pressure, "pressure", &["resource"], "percent", Direction::Above, "Time in which tasks waited: all tasks for io and memory (one minute), some task for cpu (five minutes)").boot_grace(),
    check(Check::Load, "load", &[], "count", Direction::Above, "Load of five minutes per processor, where the kernel reports no pressure").boot_grace(),
    check(Check::UnitFailed, "unit_failed", &["unit"], "count", Direction::Above, "1 when a unit has failed, or was restarted five times in ten minutes").absent_is_well(),
    check(Check::ProcessMissing, "process_missing", &["process"], "count", Direction::Below, "Processes that match").absent_is_well(),
    check(Check::StorageFault, "storage_fault", &["fault", "device"], "count", Direction::Above, "1 when an array is degraded, a file system turned read-only or one of fstab is not mounted").absent_is_well(),
    check(Check::StorageTemperature, "storage_temperature", &["sensor"], "celsius", Direction::Above, "Degrees above what the maker of a disk calls high"),
    check(Check::ClockOff, "clock_off", &[], "seconds", Direction::Above, "How far the clock is off").second("unsynchronised", "seconds"),
    check(Check::CertificateExpires, "certificate_expires", &["certificate"], "seconds", Direction::Below, "Time until a certificate ends").absent_is_well(),
    check(Check::LinuxApi, "linux_api", &["part"], "count", Direction::Above, "1 when a part of linux-api does not work: flusher, backup, audit_chain, channel, database").absent_is_well(),
    check(Check::GaveUp, "gave_up", &[], "count", Direction::Above, "1 when three automatic restarts in an hour did not help, so that nothing is restarted any more").absent_is_well(),
];

/// Names that stand for a check with a label: what people look for first.
pub const SHORT_NAMES: [(&str, Check, &str, &str); 2] = [
    ("backup_old", Check::LinuxApi, "part", "backup"),
    ("flusher_stuck", Check::LinuxApi, "part", "flusher"),
];

impl Check {
    /// What is fixed about it.
    ///
    /// # Panics
    /// Never: the table has a row for each.
    #[must_use]
    pub fn info(self) -> &'static CheckInfo {
        CHECKS
            .iter()
            .find(|info| info.check == self)
            .expect("the table has a row for each check, which a test shows")
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }
}

/// What a rule judges.
#[derive(Clone, Copy)]
pub enum Subject {
    /// A stored series.
    Series {
        /// Which one.
        series: &'static Series,
        /// On which side of a threshold it is bad.
        direction: Direction,
    },
    /// A built-in check.
    Check(Check),
}

impl Subject {
    /// The series of this name.
    #[must_use]
    pub fn series(name: &str, direction: Direction) -> Option<Self> {
        let series = SERIES.iter().find(|series| series.name == name)?;
        Some(Self::Series { series, direction })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Series { series, .. } => series.name,
            Self::Check(check) => check.name(),
        }
    }

    /// The unit of its values: `percent`, `bytes`, `bytes_per_second`, `celsius`, `seconds` or `count`.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Series { series, .. } => series.unit,
            Self::Check(check) => check.info().unit,
        }
    }

    /// On which side of a threshold its values are bad.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self {
            Self::Series { direction, .. } => *direction,
            Self::Check(check) => check.info().direction,
        }
    }

    /// The keys of the labels of its instances.
    #[must_use]
    pub fn labels(&self) -> &'static [&'static str] {
        match self {
            Self::Series { series, .. } => series.label.as_slice(),
            Self::Check(check) => check.info().labels,
        }
    }

    /// Whether what is not among a complete set of readings is well.
    #[must_use]
    pub fn absent_is_well(&self) -> bool {
        matches!(self, Self::Check(check) if check.info().absent_is_well)
    }

    /// Whether it waits until the host has been up for some minutes: starting takes processors and memory.
    #[must_use]
    pub fn has_boot_grace(&self) -> bool {
        match self {
            Self::Series { series, .. } => matches!(
                series.family,
                Family::Cpu | Family::Load | Family::Memory | Family::Swap | Family::Pressure
            ),
            Self::Check(check) => check.info().boot_grace,
        }
    }
}

/// Two rules are about the same when their subjects are equal.
impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && self.direction() == other.direction()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.direction().as_str())
    }
}

/// A threshold or another amount for people: `85%`, `50 GiB`, `21 d`, `500 ms`.
#[must_use]
pub fn amount(value: f64, unit: &str) -> String {
    match unit {
        "percent" if value.is_finite() && value.fract() == 0.0 => format!("{value}%"),
        "seconds" if value == 0.0 => "0 s".to_owned(),
        "seconds" if value.is_finite() && value.abs() < 1.0 => format!("{:.0} ms", value * 1e3),
        "seconds" if value.is_finite() && value.abs() < 60.0 && value.fract() != 0.0 => {
            format!("{value:.1} s")
        }
        "seconds" => without_zero(&units::value(value, unit)).to_owned(),
        "celsius" if value.is_finite() && value.fract() == 0.0 => format!("{value} °C"),
        _ => units::value(value, unit),
    }
}

/// A span without the smaller of its two units where there is none of it: `21 d` for `21 d 0 h`.
fn without_zero(span: &str) -> &str {
    let zeros = [" 0 h", " 0 min", " 0 s"];
    let mut shorter = zeros.iter().filter_map(|zero| span.strip_suffix(zero));
    shorter.next().unwrap_or(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_check_and_each_name_once() {
        for (place, info) in CHECKS.iter().enumerate() {
            assert_eq!(info.check as usize, place, "{}", info.name);
            assert_eq!(info.check.name(), info.name);
            assert!(CHECKS.iter().filter(|one| one.name == info.name).count() == 1);
            assert!(SERIES.iter().all(|series| series.name != info.name));
        }
        assert_eq!(CHECKS.len(), Check::GaveUp as usize + 1);
    }

    #[test]
    fn thresholds_are_reached_at_them_above_and_not_at_them_below() {
        assert!(Direction::Above.reaches(85.0, 85.0));
        assert!(!Direction::Below.reaches(10.0, 10.0));
        assert!(Direction::Above.clears(82.0, 82.0));
        assert!(Direction::Below.clears(15.0, 15.0));
        assert!(!Direction::Above.reaches(f64::NAN, 85.0));
    }

    #[test]
    fn amounts_are_read_at_a_glance() {
        assert_eq!(amount(85.0, "percent"), "85%");
        assert_eq!(amount(97.25, "percent"), "97.2%");
        assert_eq!(amount(f64::from(50 << 20), "bytes"), "50 MiB");
        assert_eq!(amount(0.5, "seconds"), "500 ms");
        assert_eq!(amount(2.5, "seconds"), "2.5 s");
        assert_eq!(amount(90.0, "seconds"), "1 min 30 s");
        assert_eq!(amount(60.0, "seconds"), "1 min");
        assert_eq!(amount(14_400.0, "seconds"), "4 h");
        assert_eq!(amount(1_814_400.0, "seconds"), "21 d");
        assert_eq!(amount(90_000.0, "seconds"), "1 d 1 h");
        assert_eq!(amount(5.0, "celsius"), "5 °C");
        assert_eq!(amount(3.0, "count"), "3");
    }
}
