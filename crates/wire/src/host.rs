//! What is known of the machine itself.

use serde::Serialize;

/// What kind of machine this is and what runs on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemInfo {
    /// Name of the kernel, `Linux`.
    pub system: String,
    /// Host name.
    pub node_name: String,
    /// Release of the kernel.
    pub release: String,
    /// Build of the kernel.
    pub version: String,
    /// Hardware, for instance `x86_64`.
    pub machine: String,
    /// Model of the first CPU, empty where the kernel does not report it.
    pub processor: String,
    /// Logical CPUs that are online.
    pub cpu_count: u32,
    /// Main memory in bytes.
    pub memory_total: u64,
    /// Size in bytes of the file system at `/`.
    pub disk_total: u64,
}

/// An account of the operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Login name.
    pub user_name: String,
    /// User id.
    pub uid: u32,
    /// Id of the primary group.
    pub gid: u32,
    /// Home directory.
    pub home_dir: String,
    /// Login shell.
    pub shell: String,
}

/// How long the machine has been up, in whole seconds and split into larger units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Uptime {
    /// Whole days.
    pub days: u64,
    /// Whole hours beyond the days, 0 to 23.
    pub hours: u64,
    /// Whole minutes beyond the hours, 0 to 59.
    pub minutes: u64,
    /// Seconds beyond the minutes, 0 to 59.
    pub seconds: u64,
    /// The whole time in seconds.
    pub full_seconds: u64,
}

impl Uptime {
    /// Splits a number of seconds.
    #[must_use]
    pub const fn from_seconds(full_seconds: u64) -> Self {
        Self {
            days: full_seconds / 86_400,
            hours: full_seconds / 3_600 % 24,
            minutes: full_seconds / 60 % 60,
            seconds: full_seconds % 60,
            full_seconds,
        }
    }
}

/// How busy the machine was during about one minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoadValue {
    /// The kernel's load average of one minute: processes that run or wait, not per CPU.
    pub load_one: f64,
    /// Part of the time of all CPUs that was used, 0 to 1.
    pub cpu_fraction: f64,
}

/// Means over many [`LoadValue`]s.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoadAverages {
    /// Mean of the one-minute load averages.
    pub load_one: f64,
    /// Mean part of the time of all CPUs that was used, 0 to 1.
    pub cpu_fraction: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_is_split_into_units() {
        let uptime = Uptime::from_seconds(86_400 + 2 * 3_600 + 3 * 60 + 4);
        assert_eq!(
            serde_json::to_string(&uptime).unwrap(),
            r#"{"days":1,"hours":2,"minutes":3,"seconds":4,"full_seconds":93784}"#
        );
        assert_eq!(Uptime::from_seconds(59).minutes, 0);
    }
}
